use super::*;
use serde_json::json;

/// The first steps of `laser train`, the demo, the metrics that are looked at:
/// `tests/smells/pick.py`.
const HEALTHY: &str = include_str!("../../tests/smells/healthy.jsonl");

fn healthy() -> Vec<Map<String, Value>> {
    HEALTHY
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn recipe(settings: &[&str]) -> Recipe {
    let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
    Recipe::parse("demo.toml", "", &settings).unwrap()
}

/// The healthy run with some metrics replaced: `change` is given the step, counted from 0, and the
/// key, and returns the new value, if any.
fn changed(change: impl Fn(usize, &str, f64) -> Option<f64>) -> Vec<Map<String, Value>> {
    let mut lines = healthy();
    for (i, line) in lines.iter_mut().enumerate() {
        for (key, value) in line.iter_mut() {
            if let Some(new) = change(i, key, value.as_f64().unwrap_or(f64::NAN)) {
                *value = json!(new);
            }
        }
    }
    lines
}

/// The smells of a run with the steps at which they were told.
fn told(recipe: &Recipe, lines: &[Map<String, Value>]) -> Vec<(usize, String)> {
    let mut smells = Smells::new(recipe);
    let mut told = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        told.extend(smells.observe(line).into_iter().map(|w| (i, w.smell)));
    }
    told
}

/// Asserts that the demo with this change smells of this alone, told once, and what its words say.
fn assert_smells(smell: &str, words: &[&str], change: impl Fn(usize, &str, f64) -> Option<f64>) {
    let mut smells = Smells::new(&recipe(&[]));
    let lines = changed(change);
    let warnings: Vec<Warning> = lines.iter().flat_map(|l| smells.observe(l)).collect();
    let names: Vec<&str> = warnings.iter().map(|w| w.smell.as_str()).collect();
    assert_eq!(names, [smell], "{warnings:#?}");
    for word in words {
        let text = &warnings[0].text;
        assert!(text.contains(word), "'{word}' is missing in: {text}");
    }
}

#[test]
fn an_actual_healthy_run_is_silent_whatever_the_recipe() {
    let lines = healthy();
    assert!(lines.len() >= 40);
    for settings in [
        &[][..],
        &["self_reward.alpha=0"],
        &["policy.advantage=no_baseline"],
    ] {
        assert_eq!(told(&recipe(settings), &lines), []);
    }
}

#[test]
fn a_run_without_a_right_answer_smells() {
    let words = [
        "reward/verifier is 0",
        "rollout.samples",
        "warm_start.steps",
    ];
    assert_smells("all_wrong", &words, |i, key, _| match key {
        "reward/verifier" => (i >= 20).then_some(0.0),
        "reward/uniform_groups" => (i >= 20).then_some(1.0),
        _ => None,
    });
}

#[test]
fn groups_without_a_difference_smell_unless_the_baseline_is_elsewhere() {
    let uniform =
        |i: usize, key: &str, _: f64| (key == "reward/uniform_groups" && i >= 12).then_some(1.0);
    assert_smells("uniform_groups", &["rollout.refills"], uniform);
    let recipe = recipe(&["policy.advantage=reinforce_plus_plus"]);
    assert_eq!(told(&recipe, &changed(uniform)), []);
}

#[test]
fn answers_that_cannot_be_read_smell() {
    let words = ["no answer in 30 %", "samples/"];
    assert_smells("unparseable", &words, |_, key, _| {
        (key == "reward/unparseable").then_some(0.3)
    });
}

#[test]
fn responses_that_are_cut_off_smell() {
    let words = ["32 % of the responses", "rollout.max_new_tokens"];
    assert_smells("truncated", &words, |i, key, _| {
        (key == "rollout/truncated" && i > 6).then_some(0.4)
    });
}

#[test]
fn a_collapse_of_the_entropy_smells() {
    let words = ["0.0010 nats", "policy.clip_high"];
    assert_smells("entropy_collapse", &words, |i, key, _| {
        (key == "policy/entropy" && i > 25).then_some(0.001)
    });
}

#[test]
fn a_ratio_that_explodes_smells_but_a_single_one_does_not() {
    let exploding = |from: usize, to: usize| {
        move |i: usize, key: &str, _: f64| {
            (key == "policy/ratio_max" && (from..to).contains(&i)).then_some(40.0)
        }
    };
    let words = ["above 40 in each of the last 3 steps", "optimizer.lr"];
    assert_smells("exploding_ratio", &words, exploding(20, usize::MAX));
    assert_eq!(told(&recipe(&[]), &changed(exploding(20, 22))), []);
}

#[test]
fn a_gradient_that_explodes_smells_and_one_that_is_always_large_does_not() {
    let words = ["its norm was", "optimizer.grad_clip"];
    assert_smells("exploding_gradient", &words, |i, key, x| {
        (key == "optim/grad_norm" && i >= 30).then_some(100.0 * x)
    });
    let large = |_: usize, key: &str, x: f64| (key == "optim/grad_norm").then_some(100.0 * x);
    assert_eq!(told(&recipe(&[]), &changed(large)), []);
}

#[test]
fn log_probabilities_of_zc_that_rise_on_both_classes_smell() {
    let rising = |i: usize, key: &str, x: f64| {
        key.starts_with("self_reward/logp")
            .then_some(x + 0.15 * i as f64)
    };
    let words = [
        "drifts up after right and wrong responses alike",
        "class_weights",
    ];
    assert_smells("zc_drift", &words, rising);
    // Where nothing trains them they mean nothing.
    let plain = recipe(&["self_reward.alpha=0"]);
    assert_eq!(told(&plain, &changed(rising)), []);
    // A rise on right responses is what training is for.
    let right = |i: usize, key: &str, x: f64| {
        (key == "self_reward/logp_correct").then_some(x + 0.15 * i as f64)
    };
    assert_eq!(told(&recipe(&[]), &changed(right)), []);
}

#[test]
fn a_token_zc_that_has_become_likely_smells_even_in_plain_grpo() {
    let likely =
        changed(|i, key, _| (key == "self_reward/logp_incorrect" && i > 10).then_some(-2.0));
    let smell = (19, "zc_drift".to_owned());
    assert_eq!(told(&recipe(&["self_reward.alpha=0"]), &likely), [smell]);
}

#[test]
fn scores_that_inflate_on_both_classes_smell() {
    let words = [
        "the mean score of wrong responses rose from",
        "judged right",
    ];
    assert_smells("self_reward_inflation", &words, |i, key, x| {
        let inflated = key.starts_with("self_reward/score") && i > 10;
        inflated.then_some(x.max(0.5) + 0.3)
    });
}

#[test]
fn a_smell_is_told_again_only_after_it_has_been_gone_for_a_while() {
    let truncated = |steps: &'static [std::ops::Range<usize>]| {
        changed(move |i, key, _| {
            let bad = key == "rollout/truncated" && steps.iter().any(|s| s.contains(&i));
            bad.then_some(1.0)
        })
    };
    let steps = |steps| -> Vec<usize> {
        let told = told(&recipe(&[]), &truncated(steps));
        told.into_iter().map(|t| t.0).collect()
    };
    // The mean of five steps is bad from the second bad step on.
    assert_eq!(steps(&[10..14, 20..24]), [11]);
    assert_eq!(steps(&[5..9, 30..34]), [6, 31]);
}

#[test]
fn a_run_that_goes_on_after_its_lines_were_read_again_warns_as_if_it_had_not_stopped() {
    let lines = changed(|i, key, x| match key {
        "rollout/truncated" => (i % 20 < 6).then_some(0.9),
        "policy/entropy" => (i > 25).then_some(0.01 * x),
        _ => None,
    });
    let recipe = recipe(&[]);
    let whole = told(&recipe, &lines);
    assert!(whole.len() >= 3, "{whole:?}");
    for stop in 0..lines.len() {
        let mut smells = Smells::new(&recipe);
        for line in &lines[..stop] {
            // As read from a file.
            let text = json!(line).to_string();
            smells.observe(&serde_json::from_str(&text).unwrap());
        }
        let mut rest = Vec::new();
        for (i, line) in lines.iter().enumerate().skip(stop) {
            rest.extend(smells.observe(line).into_iter().map(|w| (i, w.smell)));
        }
        let expected: Vec<_> = whole.iter().filter(|t| t.0 >= stop).cloned().collect();
        assert_eq!(rest, expected, "stopped before {stop}");
    }
}

#[test]
fn metrics_that_are_missing_or_no_numbers_say_nothing() {
    let line = json!({"reward/verifier": null, "policy/entropy": "x", "optim/grad_norm": []});
    let lines = vec![line.as_object().unwrap().clone(); 30];
    assert_eq!(told(&recipe(&[]), &lines), []);
}
