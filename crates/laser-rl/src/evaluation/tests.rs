use approx::assert_relative_eq;

use super::*;

fn sample(key: &str, score: Option<f32>, length: u32) -> Sample {
    Sample {
        key: (!key.is_empty()).then(|| key.to_owned()),
        correct: key == "7",
        score,
        self_certainty: None,
        length,
    }
}

/// Three problems of four samples with every special case: no key, no score, ties.
fn small() -> Vec<Problem> {
    let problem = |samples: [Sample; 4]| Problem {
        samples: samples.to_vec(),
    };
    vec![
        problem([
            sample("5", Some(0.2), 30),
            sample("5", Some(0.1), 50),
            sample("7", Some(0.9), 10),
            sample("", None, 99),
        ]),
        problem([
            sample("7", Some(1.2), 12),
            sample("7", Some(0.4), 12),
            sample("3", Some(0.6), 40),
            sample("7", Some(0.9), 20),
        ]),
        problem([
            sample("1", Some(-0.3), 70),
            sample("2", Some(0.7), 60),
            sample("", None, 99),
            sample("", None, 99),
        ]),
    ]
}

/// Random problems; the score is informative, lengths grow as it falls.
fn large(problems: usize, n: usize) -> Vec<Problem> {
    let mut rng = Rng::from_words(&[42]);
    let mut one = |_| {
        let right = rng.below(3) == 0;
        let key = if right {
            "7".to_owned()
        } else {
            format!("w{}", rng.below(5))
        };
        let noise = rng.below(1000) as f32 / 1000.0;
        Sample {
            key: Some(key),
            correct: right,
            score: (rng.below(20) > 0).then_some(0.4 * f32::from(u8::from(right)) + 0.8 * noise),
            self_certainty: None,
            length: 10 + rng.below(500) as u32,
        }
    };
    (0..problems)
        .map(|_| Problem {
            samples: (0..n).map(&mut one).collect(),
        })
        .collect()
}

fn options(ks: &[usize], bootstrap: usize) -> EvalOptions {
    EvalOptions {
        ks: ks.to_vec(),
        bootstrap,
        seed: 3,
        ..EvalOptions::default()
    }
}

fn value(e: &Estimate) -> f64 {
    e.value.unwrap()
}

#[test]
fn values_are_those_computed_by_hand() {
    let e = evaluate(&small(), &options(&[4], 100));
    assert_relative_eq!(value(&e.accuracy), (0.25 + 0.75 + 0.0) / 3.0);
    assert_relative_eq!(value(&e.pass_at[&4]), 2.0 / 3.0);
    assert_relative_eq!(value(&e.maj_at[&4]), 1.0 / 3.0);
    assert_relative_eq!(value(&e.weighted_at[&4]), 2.0 / 3.0);
    assert_relative_eq!(value(&e.best_at[&4]), 2.0 / 3.0);
    assert_relative_eq!(value(&e.weighted_minus_maj[&4]), 1.0 / 3.0);
    // Finished: right 0.9, 1.2, 0.4, 0.9; wrong 0.2, 0.1, 0.6, −0.3, 0.7.
    let v = e.self_verification;
    assert_relative_eq!(value(&v.tpr), 0.75);
    assert_relative_eq!(value(&v.tnr), 0.6);
    assert_relative_eq!(value(&v.f1), 2.0 * 0.75 * 0.6 / 1.35, epsilon = 1e-12);
    // Only 0.4 loses, to 0.6 and 0.7: 18 of 20 pairs.
    assert_relative_eq!(value(&v.auroc), 0.9);
}

#[test]
fn truncated_samples_count_for_accuracy_but_not_for_self_verification() {
    let mut problems = small();
    let before = evaluate(&problems, &options(&[], 0));
    problems[0].samples.push(sample("", None, 5));
    let after = evaluate(&problems, &options(&[], 0));
    assert_eq!(before.self_verification, after.self_verification);
    assert_ne!(before.accuracy, after.accuracy);
}

#[test]
fn a_nan_score_is_no_score() {
    let mut with_nan = small();
    with_nan[2].samples[2].score = Some(f32::NAN);
    let opts = options(&[1, 2, 4], 50);
    assert_eq!(evaluate(&with_nan, &opts), evaluate(&small(), &opts));
}

#[test]
fn intervals_equal_those_of_a_bootstrap_that_copies_the_problems() {
    let problems = large(12, 5);
    let opts = options(&[2, 5], 60);
    let fast = evaluate(&problems, &opts);

    // The slow reference: the same draws, every resample written out and evaluated anew.
    let plain = options(&[2, 5], 0);
    let mut rng = Rng::from_words(&[opts.seed, problems.len() as u64]);
    let mut counts = vec![0; problems.len()];
    let mut replicates = Vec::new();
    for _ in 0..opts.bootstrap {
        resample(&mut rng, &mut counts);
        let copies: Vec<Problem> = problems
            .iter()
            .zip(&counts)
            .flat_map(|(p, &n)| std::iter::repeat_n(p.clone(), n as usize))
            .collect();
        let mut e = evaluate(&copies, &plain);
        let judged: Vec<Judged> = copies.iter().flat_map(Problem::judged).collect();
        let m = JudgeMetrics::of(&judged, opts.bins);
        e.self_verification = self_verification(&m, &[]);
        replicates.push(e);
    }

    let metrics: [fn(&Evaluation) -> &Estimate; 12] = [
        |e| &e.accuracy,
        |e| &e.pass_at[&2],
        |e| &e.maj_at[&2],
        |e| &e.weighted_at[&2],
        |e| &e.best_at[&5],
        |e| &e.weighted_minus_maj[&2],
        |e| &e.self_verification.f1,
        |e| &e.self_verification.tpr,
        |e| &e.self_verification.tnr,
        |e| &e.self_verification.auroc,
        |e| &e.self_verification.ece,
        |e| &e.self_verification.spearman_length,
    ];
    for metric in metrics {
        let fast = metric(&fast);
        let slow = Estimate::new(
            fast.value,
            replicates.iter().filter_map(|e| metric(e).value).collect(),
        );
        assert_relative_eq!(fast.low.unwrap(), slow.low.unwrap(), epsilon = 1e-9);
        assert_relative_eq!(fast.high.unwrap(), slow.high.unwrap(), epsilon = 1e-9);
        assert!(
            fast.low <= fast.value && fast.value <= fast.high,
            "{fast:?}"
        );
    }
}

#[test]
fn the_interval_of_a_mean_has_the_width_of_its_standard_error() {
    // 400 problems, half solved: standard error 0.025, so ±0.049.
    let problems: Vec<Problem> = (0..400)
        .map(|i| Problem {
            samples: vec![sample(if i % 2 == 0 { "7" } else { "5" }, None, 1)],
        })
        .collect();
    let e = evaluate(&problems, &options(&[], 2000)).accuracy;
    assert_relative_eq!(e.low.unwrap(), 0.451, epsilon = 0.006);
    assert_relative_eq!(e.high.unwrap(), 0.549, epsilon = 0.006);
}

#[test]
fn the_same_seed_gives_the_same_evaluation_and_another_one_other_intervals() {
    let problems = large(30, 4);
    let mut opts = options(&[2], 200);
    let first = evaluate(&problems, &opts);
    assert_eq!(first, evaluate(&problems, &opts));
    opts.seed += 1;
    let second = evaluate(&problems, &opts);
    assert_eq!(first.accuracy.value, second.accuracy.value);
    assert_ne!(first.accuracy.low, second.accuracy.low);
}

#[test]
fn equal_problems_draw_different_random_subsets() {
    // C(20, 6) is beyond enumeration; shared subsets would repeat one error in every problem.
    let one = large(1, 20);
    let two = [one.clone(), one.clone()].concat();
    let weighted =
        |problems: &[Problem]| value(&evaluate(problems, &options(&[6], 0)).weighted_at[&6]);
    assert_ne!(weighted(&one), weighted(&two));
}

#[test]
fn the_json_has_exactly_the_documented_form_and_round_trips() {
    let e = evaluate(&small(), &options(&[2, 10, 1], 20));
    let json = serde_json::to_value(&e).unwrap();
    let keys =
        |v: &serde_json::Value| -> Vec<String> { v.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        keys(&json),
        [
            "accuracy",
            "adaptive_at",
            "best_at",
            "borda_at",
            "maj_at",
            "pass_at",
            "risk_coverage",
            "self_verification",
            "weighted_at",
            "weighted_minus_maj"
        ]
    );
    assert_eq!(keys(&json["accuracy"]), ["high", "low", "value"]);
    assert_eq!(
        keys(&json["self_verification"]),
        ["auroc", "ece", "f1", "spearman_length", "tnr", "tpr"]
    );
    // As text, ascending by number and not by letter.
    let text = serde_json::to_string(&e.pass_at).unwrap();
    let at = |key: &str| text.find(key).unwrap();
    assert!(at("\"1\"") < at("\"2\"") && at("\"2\"") < at("\"10\""));
    let text = serde_json::to_string(&e).unwrap();
    assert_eq!(serde_json::from_str::<Evaluation>(&text).unwrap(), e);
}

#[test]
fn undefined_metrics_are_null() {
    let null = serde_json::json!({"value": null, "low": null, "high": null});
    // k above every n, and no incorrect finished sample.
    let problems = [Problem {
        samples: vec![sample("7", Some(0.9), 3)],
    }];
    let json = serde_json::to_value(evaluate(&problems, &options(&[2], 10))).unwrap();
    for pointer in [
        "/pass_at/2",
        "/weighted_minus_maj/2",
        "/self_verification/tnr",
    ] {
        assert_eq!(json.pointer(pointer), Some(&null), "{pointer}");
    }
    assert_eq!(
        json["accuracy"],
        serde_json::json!({"value": 1.0, "low": 1.0, "high": 1.0})
    );

    let empty = serde_json::to_value(evaluate(&[], &options(&[8], 10))).unwrap();
    assert_eq!(empty["accuracy"], null);
    assert_eq!(empty["self_verification"]["ece"], null);
}

#[test]
fn without_resamples_there_are_values_but_no_intervals() {
    let e = evaluate(&small(), &options(&[2], 0)).accuracy;
    assert!(e.value.is_some() && e.low.is_none() && e.high.is_none());
}

#[test]
fn problems_with_too_few_samples_are_left_out_of_that_k_only() {
    let mut problems = small();
    problems[1].samples.truncate(2);
    let e = evaluate(&problems, &options(&[2, 4], 10));
    assert_relative_eq!(value(&e.pass_at[&4]), 0.5);
    assert_relative_eq!(value(&e.pass_at[&2]), (0.5 + 1.0 + 0.0) / 3.0);
}

#[test]
fn missing_options_take_their_defaults() {
    let opts: EvalOptions = serde_json::from_str("{\"ks\": [4]}").unwrap();
    assert_eq!((opts.ks, opts.bootstrap, opts.bins), (vec![4], 1000, 15));
}

#[test]
#[ignore = "measures time: run alone, with --release --nocapture"]
fn three_hundred_problems_of_sixteen_take_less_than_two_seconds() {
    let problems = large(300, 16);
    let start = std::time::Instant::now();
    let e = evaluate(&problems, &options(&[1, 2, 4, 8, 16], 1000));
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.3} s, AUROC {:?}", e.self_verification.auroc);
    assert!(seconds < 2.0);
}
