use proptest::prelude::*;

use super::*;
use crate::voting::{majority, weighted_majority};
use laser_rng::Rng;

fn answers<'a>(rows: &[(&'a str, Option<f32>)]) -> Vec<Answer<'a>> {
    let make = |&(key, score): &(&'a str, _)| Answer {
        key: (!key.is_empty()).then_some(key),
        correct: false,
        score,
    };
    rows.iter().map(make).collect()
}

fn rule(most: usize, error: f64, votes: Votes) -> Adaptive {
    Adaptive { most, error, votes }
}

#[test]
fn a_lead_that_cannot_be_overturned_ends_the_sampling() {
    let a = answers(&[("7", None); 8]);
    let certain = rule(8, 0.0, Votes::Majority);
    assert_eq!(certain.decided(&a[..3]), None);
    // Four more for a new answer are a tie, which the first answer wins.
    let found = certain.decided(&a[..4]).unwrap();
    assert_eq!((found.winner, found.samples, found.confidence), (0, 4, 1.0));
    assert_eq!(certain.run(&a), Some(found));
    // The answer that came first takes a tie: 4 : 1 with three to come is open for it.
    let late = answers(&[
        ("5", None),
        ("7", None),
        ("7", None),
        ("7", None),
        ("7", None),
    ]);
    assert_eq!(certain.decided(&late), None);
    let early = answers(&[
        ("7", None),
        ("5", None),
        ("7", None),
        ("7", None),
        ("7", None),
    ]);
    assert_eq!(certain.decided(&early).unwrap().winner, 0);
}

#[test]
fn weights_count_at_most_one_and_without_any_nothing_is_settled() {
    let a = answers(&[("7", Some(5.0)), ("7", Some(1.0)), ("7", Some(0.4))]);
    let certain = rule(4, 0.0, Votes::Weighted);
    assert_eq!(certain.decided(&a[..1]), None);
    assert_eq!(certain.decided(&a[..2]).unwrap().samples, 2);
    let weightless = answers(&[("7", Some(-1.0)), ("7", None), ("7", None)]);
    assert_eq!(certain.decided(&weightless), None);
    let silent = answers(&[("", Some(1.0)); 4]);
    assert_eq!(certain.decided(&silent[..3]), None);
    assert_eq!(certain.decided(&silent).unwrap().winner, 0);
}

#[test]
fn the_vote_of_all_decides_at_the_latest_and_nothing_decides_nothing() {
    let rows = ["5", "7", "7", "5", "7"].map(|key| (key, None));
    let a = answers(&rows);
    let rule = rule(4, 0.0, Votes::Majority);
    let found = rule.run(&a).unwrap();
    assert_eq!((found.winner, found.samples, found.confidence), (0, 4, 0.5));
    assert_eq!(rule.run(&a[..2]), None);
    assert_eq!(rule.decided(&[]), None);
    assert_eq!(rule.run(&[]), None);
    let none = Adaptive { most: 0, ..rule };
    assert_eq!(none.decided(&a), None);
}

#[test]
fn an_allowed_error_saves_samples() {
    let a = answers(&[("7", None); 64]);
    let samples = |error| rule(64, error, Votes::Majority).run(&a).unwrap().samples;
    let used = [0.0, 0.01, 0.05, 0.2].map(samples);
    assert!(used.is_sorted_by(|a, b| a > b), "{used:?}");
    assert_eq!(used[0], 32);
    assert!(used[2] <= 8, "{used:?}");
}

/// Answers drawn from a distribution, with scores that know something.
fn problem(rng: &mut Rng, shares: &[f64], most: usize) -> Vec<(usize, f32)> {
    (0..most)
        .map(|_| {
            let mut u = rng.uniform();
            let mut key = 0;
            while key + 1 < shares.len() && u >= shares[key] {
                u -= shares[key];
                key += 1;
            }
            let bonus = if key == 0 { 0.3 } else { 0.0 };
            (key, (0.7 * rng.uniform() + bonus) as f32)
        })
        .collect()
}

#[test]
fn the_measured_error_is_at_most_the_stated_one_and_samples_are_saved() {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let error = 0.1;
    let mut rng = Rng::from_words(&[77]);
    for most in [8, 32] {
        for votes in [Votes::Majority, Votes::Weighted] {
            // From easy to as hard as can be.
            for (shares, least_saved) in [
                (&[0.9, 0.1][..], 0.3),
                (&[0.6, 0.2, 0.1, 0.05, 0.05], 0.1),
                (&[0.5, 0.5], 0.0),
                (&[0.2; 5], 0.0),
                (&[0.35, 0.33, 0.32], 0.0),
            ] {
                let (mut wrong, mut used) = (0, 0);
                let problems = 1500;
                for _ in 0..problems {
                    let drawn = problem(&mut rng, shares, most);
                    let a: Vec<Answer> = drawn
                        .iter()
                        .map(|&(key, score)| Answer {
                            key: Some(NAMES[key]),
                            correct: false,
                            score: Some(score),
                        })
                        .collect();
                    let found = rule(most, error, votes).run(&a).unwrap();
                    let full = match votes {
                        Votes::Majority => majority(&a),
                        Votes::Weighted => weighted_majority(&a, Weights::Clamped),
                    };
                    let full = full.unwrap();
                    used += found.samples;
                    wrong += usize::from(a[found.winner].key != a[full].key);
                }
                let rate = wrong as f64 / problems as f64;
                let saved = 1.0 - used as f64 / (problems * most) as f64;
                // A tie of the full vote counts as an error here, though it is none.
                assert!(rate <= error, "{rate} of {shares:?}, {most}, {votes:?}");
                assert!(
                    saved >= least_saved,
                    "{saved} of {shares:?}, {most}, {votes:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn without_an_allowed_error_the_vote_of_all_is_never_changed(
        rows in prop::collection::vec((0u8..4, prop::option::weighted(0.9, -1i8..6)), 1..12),
        weighted in any::<bool>(),
    ) {
        let rows: Vec<(&str, Option<f32>)> = rows
            .iter()
            .map(|&(key, s)| (["", "7", "5", "3"][key as usize], s.map(|s| f32::from(s) / 4.0)))
            .collect();
        let a = answers(&rows);
        let votes = if weighted { Votes::Weighted } else { Votes::Majority };
        let found = rule(a.len(), 0.0, votes).run(&a).unwrap();
        let full = match votes {
            Votes::Majority => majority(&a),
            Votes::Weighted => weighted_majority(&a, Weights::Clamped),
        };
        prop_assert_eq!(Some(found.winner), full);
    }

    #[test]
    fn looking_at_every_prefix_is_the_same_as_running(
        keys in prop::collection::vec(0usize..3, 1..16),
        error in 0.0f64..0.5,
    ) {
        let rows: Vec<(&str, Option<f32>)> =
            keys.iter().map(|&k| (["7", "5", ""][k], Some(0.75))).collect();
        let a = answers(&rows);
        for votes in [Votes::Majority, Votes::Weighted] {
            let rule = rule(16, error, votes);
            let first = (1..=a.len()).find_map(|j| rule.decided(&a[..j]));
            prop_assert_eq!(first, rule.run(&a));
        }
    }
}
