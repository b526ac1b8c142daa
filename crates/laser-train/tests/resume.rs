//! An interrupted run that goes on ends where the uninterrupted one does.

mod common;

use std::io::Write;
use std::path::Path;

use common::*;
use laser_train::{Phase, TrainError};

#[test]
fn an_interrupted_run_goes_on_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    train(recipe(&["save.every=0"]), &whole, None);
    for (phase, step) in [
        (Phase::WarmStart, 0),
        (Phase::WarmStart, 3),
        (Phase::WarmStart, 150),
        (Phase::TestBase, 0),
        (Phase::Train, 0),
        (Phase::Train, 1),
        (Phase::Train, 2),
        (Phase::Train, 5),
        (Phase::TestFinal, 0),
    ] {
        let case = format!("{phase:?} {step}");
        let out = dir.path().join(&case);
        let recipe = recipe(&["save.every=0"]);
        let error = interrupted(recipe.clone(), options(&out), phase, step);
        assert!(
            matches!(error, TrainError::Interrupted { .. }),
            "{case}: {error}"
        );
        assert!(!out.join("summary.json").exists(), "{case}");
        run(recipe, resuming(&out)).unwrap();
        assert_same_run(&whole, &out, 5, &case);
        assert!(!out.join("warm-start").exists());
    }
}

#[test]
fn a_run_may_be_interrupted_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&[]), &whole, None);
    interrupted(recipe(&[]), options(&out), Phase::WarmStart, 2);
    interrupted(recipe(&[]), resuming(&out), Phase::WarmStart, 6);
    for step in 1..=4 {
        interrupted(recipe(&[]), resuming(&out), Phase::Train, step);
    }
    run(recipe(&[]), resuming(&out)).unwrap();
    assert_same_run(&whole, &out, 5, "interrupted six times");
}

#[test]
fn the_interruption_names_the_step_the_folder_and_the_command_and_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let words = |e: TrainError| {
        let message = e.to_string();
        let folder = out.display().to_string();
        assert!(
            message.contains(&folder) && message.contains(RESUME_COMMAND),
            "{message}"
        );
        message
    };
    let e = interrupted(recipe(&[]), options(&out), Phase::WarmStart, 3);
    assert!(words(e).contains("the warm start after step 3"));
    assert!(out.join("warm-start/step-3/model.safetensors").exists());
    let e = interrupted(recipe(&["save.every=0"]), resuming(&out), Phase::Train, 4);
    assert!(words(e).contains("training after step 4"));
    assert!(out.join("checkpoints/step-4/trainer.json").exists());
}

/// What a crash leaves of a finished run: no end, and half a line.
fn crash(whole: &Path, out: &Path, lost: &[&str]) {
    copy(whole, out);
    for name in ["summary.json", "results.jsonl"].iter().chain(lost) {
        let path = out.join(name);
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    for file in ["metrics.jsonl", "evals.jsonl"] {
        let mut file = std::fs::File::options()
            .append(true)
            .open(out.join(file))
            .unwrap();
        file.write_all(b"{\"step\": 9, \"tok").unwrap();
    }
}

#[test]
fn lines_that_a_crash_left_beyond_the_checkpoint_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    train(recipe(&["save.every=2"]), &whole, None);
    for (i, lost) in [
        &["checkpoints/step-4", "checkpoints/step-5"][..],
        &["checkpoints/step-5"],
        &["checkpoints"],
        &["checkpoints", "base-test.json", "base"],
        &[],
    ]
    .iter()
    .enumerate()
    {
        let out = dir.path().join(i.to_string());
        crash(&whole, &out, lost);
        run(recipe(&["save.every=2"]), resuming(&out)).unwrap();
        assert_same_run(&whole, &out, 5, &format!("lost {lost:?}"));
    }
}

#[test]
fn a_finished_run_that_is_given_more_steps_ends_like_one_that_had_them() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&[]), &whole, None);
    train(recipe(&["steps=2"]), &out, None);
    // Even if the continuation is interrupted, the folder does not pass for a finished run.
    interrupted(recipe(&[]), resuming(&out), Phase::Train, 4);
    assert!(!out.join("summary.json").exists());
    let error = run(recipe(&[]), options(&out)).unwrap_err().to_string();
    assert!(error.contains("unfinished"), "{error}");
    run(recipe(&[]), resuming(&out)).unwrap();
    assert_same_run(&whole, &out, 5, "2 steps, then 5");
}

#[test]
fn a_falling_learning_rate_ties_a_run_to_its_number_of_steps() {
    let dir = tempfile::tempdir().unwrap();
    for schedule in ["linear", "cosine"] {
        let (whole, out) = (
            dir.path().join("whole").join(schedule),
            dir.path().join(schedule),
        );
        let schedule = format!("optimizer.schedule={schedule}");
        train(recipe(&[&schedule]), &whole, None);
        interrupted(recipe(&[&schedule]), options(&out), Phase::Train, 3);
        let error = run(recipe(&[&schedule, "steps=6"]), resuming(&out)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("another recipe") && error.contains("steps is a part of it"),
            "{error}"
        );
        run(recipe(&[&schedule]), resuming(&out)).unwrap();
        assert_same_run(&whole, &out, 5, &schedule);
    }
}

#[test]
fn a_folder_without_anything_to_resume_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let refused = || {
        let error = run(recipe(&[]), resuming(&out)).unwrap_err();
        assert!(
            matches!(error, TrainError::NothingToResume(_)) && error.is_bad_input(),
            "{error}"
        );
        let folder = out.display();
        let words = format!("nothing to resume in {folder}; leave out --resume to start");
        assert_eq!(error.to_string(), words);
    };
    refused();
    assert!(!out.exists());
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("metrics.jsonl"), "mine").unwrap();
    refused();
    // Another run that was killed before it had saved anything.
    std::fs::write(out.join("config.toml"), recipe(&["seed=8"]).to_toml()).unwrap();
    refused();
    assert_eq!(read(out.join("metrics.jsonl")), "mine");
    // This run, killed so early, begins anew.
    std::fs::write(out.join("config.toml"), recipe(&[]).to_toml()).unwrap();
    run(recipe(&[]), resuming(&out)).unwrap();
    let whole = dir.path().join("whole");
    train(recipe(&[]), &whole, None);
    assert_same_run(&whole, &out, 5, "killed at once");
}

#[test]
fn the_finished_run_of_another_recipe_is_not_resumed_without_its_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    train(recipe(&["steps=1"]), &out, None);
    std::fs::remove_dir_all(out.join("checkpoints")).unwrap();
    let before = contents(&out);
    let other = recipe(&["steps=1", "self_reward.alpha=0.5"]);
    let error = run(other, resuming(&out)).unwrap_err().to_string();
    assert!(error.contains("the run of another recipe"), "{error}");
    assert!(contents(&out) == before);
}

#[test]
fn a_finished_run_whose_base_test_is_lost_is_not_resumed_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["steps=1"]), dir.path(), None);
    std::fs::remove_file(dir.path().join("base-test.json")).unwrap();
    let before = contents(dir.path());
    let error = run(recipe(&[]), resuming(dir.path())).unwrap_err();
    assert!(error.to_string().contains("base-test.json"), "{error}");
    assert!(contents(dir.path()) == before);
}

#[test]
fn a_run_that_is_beyond_the_wanted_steps_is_not_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    train(recipe(&["steps=3"]), out, None);
    let error = run(recipe(&["steps=2"]), resuming(out)).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("steps = 2") && error.contains("3 or more"),
        "{error}"
    );
    assert!(read(out.join("config.toml")).contains("steps = 3"));
}

#[test]
fn a_finished_run_that_is_resumed_is_tested_again_and_stays_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&[]), &whole, None);
    copy(&whole, &out);
    run(recipe(&[]), resuming(&out)).unwrap();
    assert_same_run(&whole, &out, 5, "resumed after its end");
}

#[test]
fn a_run_resumes_with_other_threads_and_batches() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&[]), &whole, None);
    interrupted(recipe(&[]), options(&out), Phase::Train, 3);
    let options = laser_train::RunOptions {
        threads: 2,
        ..resuming(&out)
    };
    run(
        recipe(&["micro_batch_tokens=64", "rollout.rows=2"]),
        options,
    )
    .unwrap();
    assert_same_run(&whole, &out, 5, "other threads and batches");
}

#[test]
fn a_checkpoint_of_another_recipe_is_refused_and_nothing_in_the_folder_changes() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    train(recipe(&["steps=1"]), &out, None);
    let before: Vec<_> = ["config.toml", "metrics.jsonl", "summary.json"]
        .map(|f| read(out.join(f)))
        .into();
    for setting in [
        "self_reward.alpha=0.5",
        "optimizer.lr=0.1",
        "seed=8",
        "rollout.prompts=4",
    ] {
        let error = run(recipe(&["steps=1", setting]), resuming(&out)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("another recipe") && error.contains("step-1"),
            "{error}"
        );
    }
    for (file, text) in ["config.toml", "metrics.jsonl", "summary.json"]
        .iter()
        .zip(before)
    {
        assert_eq!(read(out.join(file)), text, "{file}");
    }
}
