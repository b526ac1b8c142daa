//! Steps whose numbers break down: skipped, counted, and repeated from a dump.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use laser_rollout::Monitor;
use laser_train::{Phase, Replay, TrainError, replay};

/// From step 3 on the gradient of the self-reward's loss overflows.
const OVERFLOW: [&str; 4] = [
    "self_reward.alpha=1e60",
    "self_reward.reasoning_warmup=2",
    "self_reward.mix_warmup=9",
    "self_reward.allow_partition_excess=true",
];

fn repeat(dump: &Path) -> Replay {
    replay(dump, 1, Arc::new(Monitor::default())).unwrap()
}

#[test]
fn a_skipped_step_changes_nothing_and_a_run_that_is_resumed_across_it_ends_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out, short) = (
        dir.path().join("whole"),
        dir.path().join("out"),
        dir.path().join("short"),
    );
    let critic = [
        "policy.advantage=no_baseline",
        "policy.mini_batches=2",
        "self_reward.tau=0",
        "critic.coefficient=0.5",
        "kl.coefficient=0.1",
        "kl.reference=ema",
    ];
    for updates in [
        &[][..],
        &["policy.passes=2", "policy.mini_batches=2"],
        &critic,
    ] {
        let overflow = [&OVERFLOW[..], updates].concat();
        let (outcome, said) = notes(recipe(&overflow), options(&whole));
        outcome.unwrap();
        assert!(
            said.contains("training step 5 was skipped, nothing was changed: ")
                && said.contains("3 in a row; the run stops after 3"),
            "{said}"
        );
        let training = metrics(&whole).split_off(150);
        let skipped: Vec<u64> = training
            .iter()
            .map(|m| m["optim/skipped"].as_u64().unwrap())
            .collect();
        assert_eq!(skipped, [0, 0, 1, 1, 1]);
        assert!(training[4]["optim/skipped_because"].is_string());
        train(
            recipe(&[&overflow[..], &["steps=2"]].concat()),
            &short,
            None,
        );
        assert!(weights(&whole, 5) == weights(&short, 2));
        for step in 1..=5 {
            let _ = std::fs::remove_dir_all(&out);
            interrupted(recipe(&overflow), options(&out), Phase::Train, step);
            run(recipe(&overflow), resuming(&out)).unwrap();
            assert_same_run(&whole, &out, 5, &format!("interrupted after step {step}"));
        }
        std::fs::remove_dir_all(&whole).unwrap();
        std::fs::remove_dir_all(&short).unwrap();
    }
}

#[test]
fn after_too_many_skipped_steps_the_run_stops_with_a_dump_that_repeats_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let overflow = [&OVERFLOW[..], &["optimizer.max_skipped=1"]].concat();
    let stops = |options| {
        let error = run(recipe(&overflow), options).unwrap_err();
        assert!(
            matches!(error, TrainError::Diverged { step: 4, .. }),
            "{error}"
        );
        error.to_string()
    };
    let error = stops(options(out));
    let dump = out.join("dumps/step-4");
    for part in [
        dump.to_str().unwrap(),
        "--replay",
        "1 steps before it",
        "lower optimizer.lr",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let before = contents(&dump);
    let found = repeat(&dump);
    assert_eq!((found.phase, found.step), ("training", 4));
    // The loss is of log π(z_c), and the head is the first on the way back from it.
    assert!(
        found
            .then
            .contains("on the way back it breaks in lm_head.weight"),
        "{}",
        found.then
    );
    assert_eq!(found.now.as_ref(), Some(&found.then));
    assert!(found.largest.1.abs() > 0.0 && !found.largest.0.is_empty());
    assert!(contents(&dump) == before);
    // The count goes on after a resume, and so does the run with a higher limit.
    assert_eq!(stops(resuming(out)), error);
    run(recipe(&OVERFLOW), resuming(out)).unwrap();
    assert_eq!(metrics(out).len(), 150 + 5);
}

#[test]
fn what_the_sampler_or_the_warm_start_finds_is_repeated_too() {
    let dir = tempfile::tempdir().unwrap();
    let stopped = |settings: &[&str], name: &str, phase: &str| {
        let out = dir.path().join(phase);
        let error = run(recipe(settings), options(&out)).unwrap_err();
        assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
        let step = match error {
            TrainError::Diverged { step, .. } => step,
            _ => 0,
        };
        let found = repeat(&out.join("dumps").join(name.replace('N', &step.to_string())));
        assert_eq!((found.phase, found.step), (phase, step));
        assert_eq!(found.now.as_ref(), Some(&found.then));
        found.then
    };
    let settings = [
        "optimizer.lr=1e38",
        "optimizer.weight_decay=1e30",
        "save.every=0",
        "optimizer.max_skipped=0",
        "evaluation.every=0",
    ];
    // The first update leaves infinite weights.
    let what = stopped(&settings, "step-N", "training");
    assert!(what.contains("request"), "{what}");
    let settings = ["warm_start.optimizer.lr=1e30"];
    stopped(&settings, "step-N-of-the-warm-start", "warm start");
}

#[test]
fn a_folder_that_is_no_dump_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["steps=1"]), dir.path(), None);
    for folder in ["none", "checkpoints/step-1"] {
        let folder = dir.path().join(folder);
        let error = replay(&folder, 1, Arc::new(Monitor::default())).unwrap_err();
        assert!(
            error.to_string().contains(folder.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn how_many_steps_may_be_skipped_is_no_part_of_what_is_computed() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["steps=1"]), dir.path(), None);
    let settings = [
        "optimizer.max_skipped=0",
        "warm_start.optimizer.max_skipped=0",
    ];
    run(recipe(&settings), resuming(dir.path())).unwrap();
    assert_eq!(metrics(dir.path()).len(), 150 + 5);
}
