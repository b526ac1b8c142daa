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
            error.contains("steps = 5 there, 6 here")
                && error.contains("steps is a part of the recipe"),
            "{error}"
        );
        run(recipe(&[&schedule]), resuming(&out)).unwrap();
        assert_same_run(&whole, &out, 5, &schedule);
    }
}

#[test]
fn where_there_is_nothing_to_resume_the_run_starts_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let whole = dir.path().join("whole");
    train(recipe(&[]), &whole, None);
    let begins = || {
        let (outcome, notes) = notes(recipe(&[]), resuming(&out));
        outcome.unwrap();
        let folder = out.display();
        let words = format!("nothing to resume in {folder}: starting from the beginning");
        assert!(notes.contains(&words), "{notes}");
        assert_same_run(&whole, &out, 5, "resumed from nothing");
        std::fs::remove_dir_all(&out).unwrap();
    };
    begins();
    std::fs::create_dir(&out).unwrap();
    begins();
    // Killed before anything else was written.
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("config.toml"), recipe(&[]).to_toml()).unwrap();
    begins();
}

#[test]
fn a_folder_with_something_else_than_this_run_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("metrics.jsonl"), "mine").unwrap();
    let refused = |words: &str| {
        let error = run(recipe(&[]), resuming(&out)).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("--out"), "{error}");
        assert_eq!(read(out.join("metrics.jsonl")), "mine");
    };
    refused("not from a run of this program");
    // Another run that was killed before it had saved anything.
    std::fs::write(out.join("config.toml"), recipe(&["seed=8"]).to_toml()).unwrap();
    refused("seed = 8 there, 7 here");
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
fn a_finished_run_that_is_resumed_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let first = train(recipe(&[]), out, None);
    let before = contents(out);
    let (outcome, said) = notes(recipe(&["save.keep=7"]), resuming(out));
    let outcome = outcome.unwrap();
    assert!(
        said.contains("finished after step 5 of 5; 0 steps"),
        "{said}"
    );
    assert_eq!((outcome.base, outcome.last), (first.base, first.last));
    assert_eq!(outcome.checkpoint, first.checkpoint);
    assert!(contents(out) == before);
}

#[test]
fn a_finished_run_is_tested_again_where_another_test_is_wanted_or_its_end_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&[]), &whole, None);
    copy(&whole, &out);
    run(recipe(&["evaluation.problems=4"]), resuming(&out)).unwrap();
    assert_eq!(rows(out.join("results.jsonl")).len(), 4 * 4);
    std::fs::remove_file(out.join("summary.json")).unwrap();
    run(recipe(&[]), resuming(&out)).unwrap();
    assert_same_run(&whole, &out, 5, "tested again");
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
        recipe(&["tokens_per_micro_batch=64", "rollout.rows=2"]),
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
    for (setting, words) in [
        (
            "self_reward.alpha=0.5",
            "self_reward.alpha = 1.0 there, 0.5 here;",
        ),
        ("optimizer.lr=0.1", "optimizer.lr = 0.003 there, 0.1 here;"),
        ("seed=8", "seed = 7 there, 8 here;"),
        ("rollout.prompts=4", "rollout.prompts = 8 there, 4 here;"),
        ("model.layers=2", "model.layers = 1 there, 2 here;"),
        (
            "kl.coefficient=0.5",
            "kl.coefficient = 0.0 there, 0.5 here;",
        ),
        (
            "reward=[{part='verifier'},{part='format'}]",
            "reward = \"the verifier alone\" there, ",
        ),
        ("rollout.views=2", "rollout.views = 1 there, 2 here;"),
        ("likelihood={}", "likelihood.kind"),
        ("distillation={}", "distillation.top_k"),
        ("policy.shaping=[{endogenous={}}]", "policy.shaping"),
    ] {
        let error = run(recipe(&["steps=1", setting]), resuming(&out)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("another recipe") && error.contains("step-1") && error.contains(words),
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

#[test]
fn a_checkpoint_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    train(recipe(&["steps=1"]), out, None);
    let state = out.join("checkpoints/step-1/trainer.json");
    let written = read(&state);
    let refused = |text: String, words: &str| {
        std::fs::write(&state, text).unwrap();
        let error = run(recipe(&[]), resuming(out)).unwrap_err().to_string();
        for part in ["trainer.json", words, "another version", "format 3"] {
            assert!(error.contains(part), "{error}");
        }
    };
    let other = written.replace("\"format\": 3", "\"format\": 4");
    refused(other.replace("updates", "other"), "format = 4");
    // Those of the first version do not name it.
    refused(written.replace("\"format\": 3,", ""), "format = 1");
    std::fs::write(&state, written).unwrap();
    run(recipe(&[]), resuming(out)).unwrap();
}

#[test]
fn an_interrupt_between_two_updates_of_a_step_undoes_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    // Nearly all of the time goes into the updates.
    let settings = [
        "policy.passes=20",
        "policy.mini_batches=2",
        "steps=3",
        "save.every=0",
    ];
    train(recipe(&["steps=1"]), &dir.path().join("made"), None);
    let base = Some(dir.path().join("made/base"));
    let started = std::time::Instant::now();
    train(recipe(&settings), &whole, base.as_deref());
    let time = started.elapsed();
    let mut interrupts = 0;
    // Wherever the interrupt lands, the end is the same.
    for part in (1..10).cycle().take(45) {
        let monitor = std::sync::Arc::new(laser_rollout::Monitor::default());
        let cancel = monitor.clone();
        let options = laser_train::RunOptions {
            base: base.clone(),
            ..resuming(&out)
        };
        let mut silent = laser_train::Silent;
        let job = laser_train::Run::new(recipe(&settings), options, monitor, &mut silent);
        let result = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(time * part / 10);
                cancel
                    .cancel
                    .store(true, std::sync::atomic::Ordering::Relaxed);
            });
            job.execute()
        });
        match result {
            Err(TrainError::Interrupted { .. }) => interrupts += 1,
            other => {
                other.unwrap();
                break;
            }
        }
    }
    assert!(interrupts > 0);
    let options = laser_train::RunOptions {
        base,
        ..resuming(&out)
    };
    run(recipe(&settings), options).unwrap();
    assert_same_run(&whole, &out, 3, "interrupted inside steps");
}

#[test]
fn a_folder_in_which_another_process_works_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["steps=1"]), dir.path(), None);
    let lock = std::fs::File::open(dir.path().join("run.lock")).unwrap();
    lock.lock().unwrap();
    for options in [options(dir.path()), resuming(dir.path())] {
        let error = run(recipe(&["steps=1"]), options).unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
    }
    lock.unlock().unwrap();
    run(recipe(&[]), resuming(dir.path())).unwrap();
}
