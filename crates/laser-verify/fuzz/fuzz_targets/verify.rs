//! Whole checks. The first line of the input is the gold answer, the rest the response.

#![no_main]

use laser_verify::extract::gold_candidates;
use laser_verify::parse::parse;
use laser_verify::{Verdict, Verifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (gold, response) = text.split_once('\n').unwrap_or((text, text));
    let verifier = Verifier::default();
    let outcome = verifier.verify(gold, response);
    assert_eq!(outcome, verifier.verify(gold, response));
    // In a box, so that the response goes through the parser whatever the gold answer is.
    let boxed = verifier.verify(gold, &format!("\\boxed{{{response}}}"));
    assert_eq!(
        boxed,
        verifier.verify(gold, &format!("\\boxed{{{response}}}"))
    );
    // A gold answer equals itself, where the whole text is mathematics and its braces match, so
    // that the box ends where it should.
    let whole = gold_candidates(gold, &verifier.limits)
        .is_ok_and(|found| found.first().is_some_and(|best| best.parts[..] == [gold]));
    if whole && balanced(gold) && parse(gold, &verifier.limits).is_ok() {
        let itself = verifier.verify(gold, &format!("\\boxed{{{gold}}}"));
        assert_ne!(itself.verdict, Verdict::Different, "{gold:?}");
    }
});

/// Whether braces match, without anything that hides one.
fn balanced(text: &str) -> bool {
    let mut depth = 0i32;
    let closed = text.chars().all(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth >= 0
    });
    let hides = ["\\{", "\\}", "\\\\", "\\$", "$", "box"];
    closed && depth == 0 && !text.ends_with('\\') && !hides.iter().any(|h| text.contains(h))
}
