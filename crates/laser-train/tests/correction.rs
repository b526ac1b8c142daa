//! A second turn in which the model corrects itself, in whole runs.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, Recipe, RunOptions, TrainError};

/// Two turns of the tiny recipe.
const TURNS: [&str; 5] = [
    "model.context=64",
    "rollout.prompts=4",
    "correction.instruction='?{prompt}'",
    "kl.coefficient=0.01",
    "correction.stage_one_steps=2",
];
const SHAPED: &str = "policy.shaping=[{self_correction={}}]";

fn turns(more: &[&str]) -> Recipe {
    recipe(&[&TURNS, more].concat())
}

/// A folder with the base model that all recipes here share.
fn base(dir: &Path) -> PathBuf {
    let made = dir.join("made");
    train(turns(&["steps=1"]), &made, None);
    made.join("base")
}

#[test]
fn threads_and_micro_batches_and_an_interruption_at_the_change_of_stages_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let out = |name: &str| dir.path().join(name);
    let shaped = [SHAPED, "policy.mini_batches=2", "policy.passes=2"];
    train(turns(&shaped), &out("one"), Some(&base));
    let options = |name: &str, threads| RunOptions {
        threads,
        base: Some(base.clone()),
        ..options(&out(name))
    };
    let other = [&shaped[..], &["tokens_per_micro_batch=64"]].concat();
    run(turns(&other), options("two", 2)).unwrap();
    assert_same_run(&out("one"), &out("two"), 5, "threads");
    let parts = out("parts");
    let stopped = interrupted(turns(&shaped), options("parts", 1), Phase::Train, 2);
    assert!(matches!(stopped, TrainError::Interrupted { .. }));
    run(turns(&shaped), resuming(&parts)).unwrap();
    assert_same_run(&out("one"), &parts, 5, "parts");
    for line in rl_metrics(&out("one")) {
        assert_eq!(line["policy/logprob_mismatch"], 0.0, "{line}");
        let of = |key: &str| line[&format!("correction/{key}")].as_f64().unwrap();
        let delta = of("accuracy_second") - of("accuracy_first");
        assert!((of("accuracy_delta") - delta).abs() < 1e-12, "{line}");
        assert!((of("fixed") - of("broken") - delta).abs() < 1e-12, "{line}");
    }
    let tests = lines(out("one").join("evals.jsonl"));
    assert!(tests.len() > 1);
    for test in tests {
        let of = |key: &str| test["second_turn"][key]["value"].as_f64().unwrap();
        let first = test["accuracy"]["value"].as_f64().unwrap();
        assert!(
            (of("accuracy") - first - of("delta")).abs() < 1e-12,
            "{test}"
        );
        assert!(
            (of("fixed") - of("broken") - of("delta")).abs() < 1e-12,
            "{test}"
        );
    }
    let sampled = rows(out("one").join("samples/step-1.jsonl"));
    assert_eq!(sampled.len(), 4 * 2 * 4);
    for problem in sampled.chunks(8) {
        for (first, second) in problem[..4].iter().zip(&problem[4..]) {
            // What the second attempt read, the first one in it.
            let asked = format!("{0}{1}?{0}", first.prompt, first.response);
            assert_eq!((&second.prompt, &second.gold), (&asked, &first.gold));
        }
    }
}

#[test]
fn without_a_bonus_it_is_plain_two_turn_learning_and_in_the_first_stage_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let trained = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        train(turns(settings), &out, Some(&base));
        weights(&out, 5)
    };
    let second = "correction.stage_one_steps=0";
    let plain = trained("plain", &[second]);
    let none = "policy.shaping=[{self_correction={alpha=0}}]";
    assert!(trained("none", &[second, none]) == plain);
    assert!(trained("shaped", &[second, SHAPED]) != plain);
    let first = "correction.stage_one_steps=5";
    let held = trained("held", &[first]);
    assert!(held != plain);
    assert!(trained("unshaped", &[first, SHAPED]) == held);
    assert!(trained("free", &[first, "correction.first_turn_kl=0"]) != held);
}

#[test]
fn first_attempts_that_are_held_without_a_kl_have_no_gradient() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    // After this a right answer is rare: where a step has none, its second attempts have no
    // advantage, and what gradient there is comes from the first ones.
    let settings = [
        "correction.instruction=zzzzzz",
        "correction.first_turn_kl=0",
        "kl.coefficient=0",
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "steps=8",
    ];
    let norms = |name: &str, stage_one: &str| -> Vec<f64> {
        let out = dir.path().join(name);
        let settings = [&settings[..], &[stage_one]].concat();
        train(turns(&settings), &out, Some(&base));
        let lines = rl_metrics(&out).into_iter().filter(|line| {
            let first = line["correction/accuracy_first"].as_f64().unwrap();
            line["correction/accuracy_second"] == 0.0 && first > 0.0 && first < 1.0
        });
        let norm = |line: serde_json::Value| line["optim/grad_norm"].as_f64().unwrap();
        lines.map(norm).collect()
    };
    let held = norms("one", "correction.stage_one_steps=8");
    assert!(
        !held.is_empty() && held.iter().all(|n| *n == 0.0),
        "{held:?}"
    );
    let free = norms("two", "correction.stage_one_steps=0");
    assert!(free.iter().any(|n| *n > 0.0), "{free:?}");
}

#[test]
fn two_turns_whose_needs_are_not_met_are_refused_at_the_start() {
    let cases: [(&[&str], &str); 11] = [
        (&["correction.instruction=' '"], "its turn again"),
        (&["correction.instruction='Again!'"], "characters"),
        (&["correction.first_turn_kl=-1"], "first_turn_kl = -1"),
        (&["kl.coefficient=0"], "kl.coefficient = 0"),
        (&["kl.place=reward"], "kl.place"),
        (&["rollout.views=2"], "rollout.views = 2"),
        (&["rollout.refills=1"], "rollout.refills = 1"),
        (&["policy.shaping=[{self_aligned={}}]"], "empty question"),
        (&["policy.credit=[{tempo={}}]"], "has its own"),
        (
            &["policy.shaping=[{self_correction={alpha=nan}}]"],
            "self_correction.alpha = NaN",
        ),
        (&["model.context=32"], "in both turns, take up to"),
    ];
    let tiny = |settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        let parsed = Recipe::parse("tiny.toml", include_str!("common/tiny.toml"), &settings);
        parsed.unwrap_err().to_string()
    };
    for (settings, named) in cases {
        let error = tiny(&[&TURNS, settings].concat());
        assert!(error.contains(named), "{settings:?}: {error}");
    }
    let error = tiny(&[SHAPED]);
    assert!(error.contains("[correction]"), "{error}");
}

#[test]
fn a_base_model_with_room_for_two_turns_is_the_same_but_has_to_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("narrow");
    train(recipe(&["steps=1"]), &made, None);
    let narrow = made.join("base");
    let model = |base: &Path| std::fs::read(base.join("model.safetensors")).unwrap();
    assert!(model(&narrow) == model(&base(dir.path())));
    let options = RunOptions {
        base: Some(narrow),
        ..options(&dir.path().join("out"))
    };
    let error = run(turns(&[]), options).unwrap_err().to_string();
    assert!(error.contains("leave out --base"), "{error}");
}
