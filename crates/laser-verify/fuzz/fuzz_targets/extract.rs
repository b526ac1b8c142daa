//! Extraction: no panic, candidates that lie in the text, the same ones twice.

#![no_main]

use laser_verify::Limits;
use laser_verify::extract::{Options, candidates, gold_candidates};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (options, limits) = (Options::default(), Limits::default());
    let found = candidates(text, &options, &limits);
    for candidate in found.iter().flatten() {
        // Slicing panics where a span ends inside a character.
        let _ = &text[candidate.span.clone()];
    }
    assert_eq!(found, candidates(text, &options, &limits));
    let _ = gold_candidates(text, &limits);
});
