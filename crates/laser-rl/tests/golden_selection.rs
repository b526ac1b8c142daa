//! Votes, abstention and bounds against brute force and SciPy; `golden/README.md` defines them.

use approx::assert_relative_eq;
use laser_rl::selective::{area, risk_upper_bound};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    cases: Vec<Votes>,
    areas: Vec<Areas>,
    bounds: Vec<Bound>,
    thresholds: Vec<Thresholds>,
}

#[derive(Deserialize)]
struct Votes {
    name: String,
    keys: Vec<Option<String>>,
    correct: Vec<bool>,
    scores: Vec<Option<f32>>,
    at: Vec<At>,
}

#[derive(Deserialize)]
struct At {
    k: usize,
    pass: f64,
    maj: f64,
    weighted: f64,
    weighted_raw: f64,
    best: f64,
    borda: f64,
}

#[derive(Deserialize)]
struct Areas {
    name: String,
    confidence: Vec<f64>,
    correct: Vec<bool>,
    aurc: f64,
    excess: f64,
}

#[derive(Deserialize)]
struct Bound {
    answered: usize,
    wrong: usize,
    level: f64,
    bound: f64,
}

#[derive(Deserialize)]
struct Thresholds {
    name: String,
    confidence: Vec<f64>,
    correct: Vec<bool>,
    precision: f64,
    delta: f64,
    found: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    above: Option<f64>,
    answered: usize,
    wrong: usize,
}

fn file() -> File {
    serde_json::from_str(include_str!("golden/selection.json")).expect("a golden file parses")
}

fn predictions(confidence: &[f64], correct: &[bool]) -> Vec<Prediction> {
    let pair = |(&confidence, &correct)| Prediction {
        confidence,
        correct,
    };
    confidence.iter().zip(correct).map(pair).collect()
}

#[test]
fn every_selection_at_k_equals_the_mean_over_all_combinations() {
    for c in file().cases {
        let answers: Vec<Answer> = (0..c.keys.len())
            .map(|i| Answer {
                key: c.keys[i].as_deref(),
                correct: c.correct[i],
                score: c.scores[i],
            })
            .collect();
        for at in c.at {
            let of = |weights| {
                let rules = VoteRules {
                    weights,
                    ..VoteRules::default()
                };
                at_k(&answers, at.k, &rules, 0).expect("1 <= k <= n")
            };
            let found = of(Weights::Clamped);
            let exact = [found.errors.maj, found.errors.weighted, found.errors.borda];
            // C(17, 8) is beyond enumeration: those are estimates with an error of their own.
            for (found, expected, error) in [
                (found.pass, at.pass, 0.0),
                (found.maj, at.maj, exact[0]),
                (found.weighted, at.weighted, exact[1]),
                (
                    of(Weights::Raw).weighted,
                    at.weighted_raw,
                    of(Weights::Raw).errors.weighted,
                ),
                (found.best, at.best, 0.0),
                (found.borda, at.borda, exact[2]),
            ] {
                let difference = (found - expected).abs();
                assert!(
                    difference <= 1e-9 + 4.0 * error,
                    "{} @ {}: {found} ± {error}, not {expected}",
                    c.name,
                    at.k
                );
            }
            assert_eq!(exact[0], 0.0, "maj@k is exact");
        }
    }
}

#[test]
fn areas_equal_the_mean_over_all_orders_of_ties() {
    for c in file().areas {
        let found = area(&predictions(&c.confidence, &c.correct)).expect(&c.name);
        assert_relative_eq!(found.aurc, c.aurc, epsilon = 1e-12);
        assert_relative_eq!(found.excess, c.excess, epsilon = 1e-12);
    }
}

#[test]
fn upper_bounds_equal_those_of_scipy() {
    for b in file().bounds {
        let found = risk_upper_bound(b.answered, b.wrong, b.level);
        assert_relative_eq!(found, b.bound, epsilon = 1e-9);
    }
}

#[test]
fn thresholds_are_the_ones_that_pass_an_exact_test() {
    for c in file().thresholds {
        let held_out = predictions(&c.confidence, &c.correct);
        let found = precision_threshold(&held_out, c.precision, c.delta);
        let found = found.map(|t| (t.above, t.answered, t.wrong));
        let expected = c.found.map(|t| (t.above, t.answered, t.wrong));
        assert_eq!(found, expected, "{}", c.name);
    }
}
