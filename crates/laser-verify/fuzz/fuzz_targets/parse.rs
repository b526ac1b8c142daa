//! Parsing: no panic, one to three readings or an error that points into the text.

#![no_main]

use laser_verify::Limits;
use laser_verify::parse::{ParseError, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    let readings = parse(text, &limits);
    match &readings {
        Ok(readings) => assert!((1..=3).contains(&readings.len()), "{readings:?}"),
        Err(ParseError::Unexpected { position, .. }) => assert!(*position <= text.len()),
        Err(_) => {}
    }
    assert_eq!(readings, parse(text, &limits));
});
