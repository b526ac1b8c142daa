//! Advantages, surrogates, aggregation and sampling of the policy update, in whole runs.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, RunOptions, TrainError};

/// A setting of each kind, on top of LaSeR.
const VARIANTS: [(&str, &[&str]); 8] = [
    ("rloo", &["policy.advantage=rloo"]),
    (
        "dr_grpo",
        &[
            "policy.advantage=dr_grpo",
            "policy.aggregation={constant={tokens=16}}",
        ],
    ),
    (
        "reinforce_plus_plus",
        &["policy.advantage=reinforce_plus_plus"],
    ),
    (
        "baseline",
        &[
            "policy.advantage=reinforce_plus_plus_baseline",
            "policy.loss=reinforce",
        ],
    ),
    (
        "gspo",
        &[
            "policy.loss=gspo",
            "policy.aggregation=sequence_mean_token_mean",
            "policy.mini_batches=3",
        ],
    ),
    (
        "cispo",
        &["policy.loss=cispo", "policy.clip_low=1", "policy.passes=2"],
    ),
    (
        "sums",
        &[
            "policy.loss=gspo_token",
            "policy.aggregation=sequence_mean_token_sum",
        ],
    ),
    (
        "dapo",
        &[
            "rollout.refills=2",
            "policy.clip_high=0.28",
            "policy.mini_batches=2",
            "policy.overlong_filter=true",
            "policy.overlong_tokens=4",
        ],
    ),
];

/// A folder with the base model that all recipes here share.
fn base(dir: &Path) -> PathBuf {
    let made = dir.join("made");
    train(recipe(&["steps=1"]), &made, None);
    made.join("base")
}

#[test]
fn threads_and_micro_batches_change_nothing_in_any_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, Some(&base));
    for (name, settings) in VARIANTS {
        let (one, two) = (dir.path().join(name), dir.path().join(format!("{name}-2")));
        train(recipe(settings), &one, Some(&base));
        let other = [settings, &["micro_batch_tokens=64"]].concat();
        let options = RunOptions {
            threads: 2,
            base: Some(base.clone()),
            ..options(&two)
        };
        run(recipe(&other), options).unwrap();
        assert_same_run(&one, &two, 5, name);
        assert!(
            weights(&one, 5) != weights(&plain, 5),
            "{name} is an option without effect"
        );
        for line in metrics(&one).iter().filter(|line| line["phase"] != "sft") {
            assert_eq!(line["policy/logprob_mismatch"], 0.0, "{name}");
            assert!(
                line["self_reward/mse"].as_f64().is_some_and(f64::is_finite),
                "{name}"
            );
        }
    }
}

#[test]
fn on_policy_the_surrogates_have_one_gradient() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let runs = ["ppo_clip", "cispo", "gspo_token", "reinforce"].map(|loss| {
        let out = dir.path().join(loss);
        train(recipe(&[&format!("policy.loss={loss}")]), &out, Some(&base));
        weights(&out, 5)
    });
    assert!(runs.iter().all(|run| *run == runs[0]));
}

#[test]
fn later_updates_of_a_step_meet_another_policy() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let largest = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        train(recipe(settings), &out, Some(&base));
        let ratios = metrics(&out)
            .into_iter()
            .filter_map(|m| m["policy/ratio_max"].as_f64());
        ratios.fold(0.0, f64::max)
    };
    assert_eq!(largest("one", &[]), 1.0);
    assert!(largest("passes", &["policy.passes=2"]) > 1.0);
    assert!(largest("batches", &["policy.mini_batches=2"]) > 1.0);
}

#[test]
fn dynamic_sampling_looks_for_groups_that_differ() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let (plain, refilled) = (dir.path().join("plain"), dir.path().join("refilled"));
    train(recipe(&[]), &plain, Some(&base));
    train(recipe(&["rollout.refills=4"]), &refilled, Some(&base));
    let uniform = |run: &Path| {
        let of = |m: serde_json::Value| m["reward/uniform_groups"].as_f64();
        metrics(run).into_iter().filter_map(of).collect::<Vec<_>>()
    };
    assert!(uniform(&plain).iter().any(|&share| share > 0.0));
    assert_eq!(uniform(&refilled), vec![0.0; 5]);
    for line in metrics(&refilled)
        .iter()
        .filter(|line| line["phase"] != "sft")
    {
        let (sampled, refills) = (&line["rollout/sampled_groups"], &line["rollout/refills"]);
        assert!(
            refills.as_u64().unwrap() <= 4 && sampled.as_u64().unwrap() >= 8,
            "{line}"
        );
        assert_eq!(refills == 0, sampled == 8, "{line}");
    }
}

#[test]
fn an_interrupted_run_with_refills_and_several_updates_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    let (_, settings) = VARIANTS[7];
    train(recipe(settings), &whole, None);
    let stopped = interrupted(recipe(settings), options(&parts), Phase::Train, 2);
    assert!(
        matches!(stopped, TrainError::Interrupted { .. }),
        "{stopped}"
    );
    run(recipe(settings), resuming(&parts)).unwrap();
    assert_same_run(&whole, &parts, 5, "resumed");
}
