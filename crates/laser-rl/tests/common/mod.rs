//! What the tests against golden files share.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Cases of one file, under the key that every file shares.
#[derive(Deserialize)]
struct Cases<T> {
    cases: Vec<T>,
}

pub fn cases<T: DeserializeOwned>(json: &str) -> Vec<T> {
    let file: Cases<T> = serde_json::from_str(json).expect("a golden file parses");
    assert!(!file.cases.is_empty());
    file.cases
}

/// Results are f32, computed in f64 and rounded once: half an ulp, with a little room.
pub fn assert_close(name: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(
            error <= 1e-12 + 1e-6 * expected.abs(),
            "{name}[{i}]: {found} instead of {expected}"
        );
    }
}
