use super::super::{Sample, evaluate};
use super::*;

/// Key, score and self-certainty.
type Row = (&'static str, Option<f32>, Option<f32>);

/// Problems whose right answer is "7".
fn problems(rows: &[&[Row]]) -> Vec<Problem> {
    let sample = |&(key, score, self_certainty): &Row| Sample {
        key: Some(key.to_owned()),
        correct: key == "7",
        score,
        self_certainty,
        length: 1,
    };
    rows.iter()
        .map(|rows| Problem {
            samples: rows.iter().map(sample).collect(),
        })
        .collect()
}

fn options(ks: &[usize]) -> EvalOptions {
    EvalOptions {
        ks: ks.to_vec(),
        bootstrap: 50,
        ..EvalOptions::default()
    }
}

fn value(e: &Estimate) -> f64 {
    e.value.unwrap()
}

#[test]
fn what_needs_scores_or_certainties_is_absent_without_them() {
    let plain = problems(&[&[("7", None, None), ("5", None, None)]]);
    let e = evaluate(&plain, &options(&[1, 2]));
    assert!(e.borda_at.is_empty() && e.self_certainty_at.is_empty());
    assert!(e.sampling_error.is_empty());
    // Votes of one are nothing to stop, and majorities need no scores.
    assert_eq!(e.adaptive_at.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(e.risk_coverage.keys().collect::<Vec<_>>(), ["majority"]);
    let one = problems(&[&[("7", None, None)]]);
    assert!(evaluate(&one, &options(&[1])).risk_coverage.is_empty());
}

#[test]
fn the_self_certainty_selects_and_ranks_on_its_own() {
    let p = problems(&[
        &[("5", Some(0.9), Some(1.0)), ("7", Some(0.1), Some(2.0))],
        &[("7", Some(0.9), Some(3.0)), ("5", Some(0.1), Some(4.0))],
        &[("7", Some(0.2), Some(5.0)), ("5", Some(0.3), None)],
    ]);
    let e = evaluate(&p, &options(&[2]));
    assert!((value(&e.self_certainty_at[&2]) - 2.0 / 3.0).abs() < 1e-12);
    assert!((value(&e.self_certainty_borda_at[&2]) - 2.0 / 3.0).abs() < 1e-12);
    assert!((value(&e.borda_at[&2]) - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_borda_vote_of_power_0_is_the_majority_and_of_a_large_one_the_most_certain() {
    let p = problems(&[
        &[
            ("5", None, Some(3.0)),
            ("7", None, Some(2.0)),
            ("7", None, Some(1.0)),
        ],
        &[
            ("7", None, Some(1.0)),
            ("7", None, Some(2.0)),
            ("5", None, Some(0.5)),
        ],
    ]);
    let mut opts = options(&[1, 3]);
    opts.borda_powers = vec![0.0, 0.5, 9.0];
    let e = evaluate(&p, &opts);
    let by = &e.self_certainty_borda_by_power;
    assert_eq!(by.keys().collect::<Vec<_>>(), ["0", "0.5", "9"]);
    assert_eq!(by["0"], e.maj_at);
    assert_eq!(by["0.5"], e.self_certainty_borda_at);
    assert_eq!(by["9"][&3], e.self_certainty_at[&3]);
    assert_ne!(by["0"][&3].value, by["9"][&3].value);
    assert!(
        evaluate(&p, &options(&[3]))
            .self_certainty_borda_by_power
            .is_empty()
    );
}

#[test]
fn stopping_early_is_measured_on_every_run_of_k_samples() {
    // Two runs of four: unanimous, and a tie; the ninth sample is in none.
    let answers = ["7", "7", "7", "7", "5", "7", "7", "5", "7"];
    let rows = answers.map(|key| (key, None, None));
    let mut opts = options(&[4]);
    opts.adaptive_error = 0.0;
    let e = evaluate(&problems(&[&rows]), &opts);
    let at = e.adaptive_at[&4];
    assert_eq!(
        [at.accuracy, at.samples, at.agreement].map(|e| value(&e)),
        [0.5, 3.0, 1.0]
    );
}

#[test]
fn risks_are_those_of_responses_and_of_votes() {
    let p = problems(&[
        &[("7", Some(0.9), None), ("7", Some(0.8), None)],
        &[("5", Some(0.3), None), ("7", Some(0.2), None)],
    ]);
    let e = evaluate(&p, &options(&[2]));
    let names: Vec<&str> = e.risk_coverage.keys().map(String::as_str).collect();
    assert_eq!(names, ["majority", "response", "weighted"]);
    let votes = &e.risk_coverage["weighted"];
    assert_eq!(
        [&votes.risk, &votes.aurc, &votes.excess_aurc].map(value),
        [0.5, 0.25, 0.0]
    );
    assert_eq!(
        (value(&votes.risk_at[&50]), value(&votes.risk_at[&60])),
        (0.0, 0.5)
    );
    let responses = &e.risk_coverage["response"];
    assert_eq!(value(&responses.risk), 0.25);
    // Risks 0, 0, 1/3, 1/4; the oracle's 0, 0, 0, 1/4.
    assert!((value(&responses.excess_aurc) - 1.0 / 12.0).abs() < 1e-12);
    assert!(responses.aurc.low.is_some() && responses.risk_at[&10].high.is_some());
}

#[test]
fn the_error_of_sampled_subsets_is_stated_for_the_mean_over_problems() {
    let rows: Vec<Row> = (0..20)
        .map(|i| {
            (
                ["7", "5", "3"][i % 3],
                Some((i * 7 % 20) as f32 / 20.0),
                None,
            )
        })
        .collect();
    let p = problems(&[&rows, &rows, &rows, &rows]);
    let opts = options(&[2, 6]);
    let e = evaluate(&p, &opts);
    assert_eq!(e.sampling_error.keys().collect::<Vec<_>>(), [&6]);
    let one = evaluate(&p[..1], &opts).sampling_error[&6];
    let ratio = e.sampling_error[&6] / one;
    assert!((0.4..0.6).contains(&ratio), "half of {one}: {ratio}");
}
