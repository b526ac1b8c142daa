//! The run's folder: what is in it, and what a run may do to it.

mod common;

use std::path::Path;

use common::*;
use laser_kernels::Cpu;
use laser_model::{Decoder, Text, checkpoint};
use laser_train::{Phase, RunOptions, TrainError};
use serde_json::Value;

#[test]
fn a_checkpoint_is_a_hugging_face_folder_that_loads_again() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["save.keep=2"]), dir.path(), None);
    let checkpoints = dir.path().join("checkpoints");
    let mut names: Vec<_> = std::fs::read_dir(&checkpoints)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-4", "step-5"], "the two newest are kept");
    let last = checkpoints.join("step-5");
    for name in [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
        "optimizer-first.safetensors",
        "optimizer-second.safetensors",
        "trainer.json",
        "laser.json",
    ] {
        assert!(last.join(name).exists(), "{name}");
    }
    let config = checkpoint::load_config(&last).unwrap();
    let weights = checkpoint::Stored::weights(&last, &config).unwrap();
    Decoder::new(&Cpu::serial(), config, weights.tensors(), 32, false);
    let laser: Value = serde_json::from_str(&read(last.join("laser.json"))).unwrap();
    let text = Text::load(&last).unwrap();
    assert_eq!(laser["token"], "<|self_reward|>");
    assert_eq!(
        laser["token_id"].as_u64(),
        text.token_id("<|self_reward|>").map(u64::from)
    );
    let beta_v = laser["beta_v"].as_f64().unwrap();
    assert!((beta_v - 0.2).abs() < 1e-6 && laser["c_ref"].as_f64().unwrap() < 0.0);
}

#[test]
fn no_temporary_file_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    interrupted(recipe(&[]), options(dir.path()), Phase::WarmStart, 3);
    interrupted(recipe(&[]), resuming(dir.path()), Phase::Train, 2);
    run(recipe(&[]), resuming(dir.path())).unwrap();
    for path in tree(dir.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains("partial") && !name.contains("tmp"), "{name}");
    }
    assert!(!dir.path().join("warm-start").exists());
}

#[test]
fn a_finished_run_is_replaced_by_the_same_recipe_and_keeps_its_base() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&[]), dir.path(), None);
    let base = dir.path().join("base/model.safetensors");
    let made = std::fs::metadata(&base).unwrap().modified().unwrap();
    let before = weights(dir.path(), 5);
    std::fs::write(dir.path().join("samples/step-99.jsonl"), "old").unwrap();
    train(recipe(&[]), dir.path(), None);
    assert_eq!(std::fs::metadata(&base).unwrap().modified().unwrap(), made);
    assert!(weights(dir.path(), 5) == before);
    assert!(!dir.path().join("samples/step-99.jsonl").exists());
    let steps = metrics(dir.path())
        .iter()
        .map(|m| m["step"].as_u64().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(steps, [1, 2, 3, 4, 5], "without a warm start");
}

#[test]
fn a_folder_with_another_run_or_an_unfinished_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |settings: &[&str]| {
        let config = read(dir.path().join("config.toml"));
        let error = run(recipe(settings), options(dir.path()))
            .unwrap_err()
            .to_string();
        let folder = dir.path().display().to_string();
        for part in [folder.as_str(), "--resume", "--out"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(read(dir.path().join("config.toml")), config);
        error
    };
    interrupted(recipe(&[]), options(dir.path()), Phase::Train, 2);
    assert!(refused(&[]).contains("an unfinished run"));
    assert!(refused(&["seed=8"]).contains("another recipe"));
    run(recipe(&[]), resuming(dir.path())).unwrap();
    assert!(refused(&["seed=8"]).contains("another recipe"));
    std::fs::remove_dir_all(dir.path().join("checkpoints")).unwrap();
    assert!(refused(&["seed=8"]).contains("another recipe"));
}

#[test]
fn what_is_not_a_runs_is_never_replaced() {
    for name in ["samples", "checkpoints", "base", "summary.json"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("mine"), "dear").unwrap();
        let error = run(recipe(&[]), options(dir.path()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&path.display().to_string()) && error.contains("--out"),
            "{error}"
        );
        assert_eq!(read(path.join("mine")), "dear");
    }
}

#[test]
fn a_base_model_of_another_seed_or_a_missing_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    for (seed, base) in [
        ("seed=8", made.join("base")),
        ("seed=7", dir.path().join("none")),
    ] {
        let out = dir.path().join("out");
        let options = RunOptions {
            base: Some(base.clone()),
            ..options(&out)
        };
        let error = run(recipe(&[seed]), options).unwrap_err().to_string();
        assert!(
            error.contains(&base.display().to_string()) && error.contains("--base"),
            "{error}"
        );
    }
}

#[test]
fn a_run_that_cannot_start_costs_the_finished_one_in_its_folder_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let made = dir.path().join("made");
    train(recipe(&["seed=8", "steps=1"]), &made, None);
    // A model folder whose tokenizer has no such z_c, and one that is gone.
    let model = dir.path().join("model");
    copy(&made.join("base"), &model);
    let path = format!("model.path={}", model.display());
    let keeps = |settings: &[&str], base: Option<&Path>, words: &str| {
        let before = contents(&out);
        let options = RunOptions {
            base: base.map(Path::to_owned),
            ..options(&out)
        };
        let error = run(recipe(settings), options).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(contents(&out) == before, "{words}");
    };
    train(recipe(&["steps=1"]), &out, None);
    keeps(&["steps=1"], Some(&made.join("base")), "leave out --base");
    keeps(&["steps=1"], Some(&dir.path().join("none")), "none");

    std::fs::remove_dir_all(&out).unwrap();
    train(recipe(&["steps=1", &path]), &out, None);
    let tokenizer = read(model.join("tokenizer.json"));
    let other = tokenizer.replace("<|self_reward|>", "<|other|>");
    std::fs::write(model.join("tokenizer.json"), other).unwrap();
    keeps(&["steps=1", &path], None, "no such token");
    std::fs::write(model.join("tokenizer.json"), "{").unwrap();
    keeps(&["steps=1", &path], None, "tokenizer.json");
    std::fs::write(model.join("tokenizer.json"), tokenizer).unwrap();
    std::fs::remove_file(model.join("model.safetensors")).unwrap();
    keeps(&["steps=1", &path], None, "model");
}

#[test]
fn a_base_model_and_a_model_path_exclude_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let options = RunOptions {
        base: Some("some/base".into()),
        ..options(dir.path())
    };
    let error = run(recipe(&["model.path=some/model"]), options).unwrap_err();
    assert!(error.is_bad_input());
    let error = error.to_string();
    for part in [
        "--base some/base",
        "model.path = \"some/model\"",
        "exclude each other",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(tree(dir.path()).is_empty());
}

#[test]
fn more_test_problems_than_there_are_stop_the_run_before_its_warm_start() {
    let dir = tempfile::tempdir().unwrap();
    let error = run(
        recipe(&["evaluation.problems=1000"]),
        options(&dir.path().join("out")),
    )
    .unwrap_err();
    assert!(error.is_bad_input());
    assert!(error.to_string().contains("evaluation.problems"), "{error}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_base_model_serves_runs_that_differ_only_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    train(recipe(&["steps=1"]), &first, None);
    train(
        recipe(&["steps=2", "self_reward.alpha=0"]),
        &second,
        Some(&first.join("base")),
    );
    assert!(!second.join("base").exists());
    let base = |run: &Path| read(run.join("base-test.json"));
    assert_eq!(base(&first), base(&second));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for out in [file.clone(), file.join("below")] {
        let error = run(recipe(&[]), options(&out)).unwrap_err();
        assert!(matches!(error, TrainError::Io { .. }) && !error.is_bad_input());
        assert!(
            error.to_string().contains(&out.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn a_base_model_that_holds_a_nan_stops_the_run_at_its_first_test() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    let base = made.join("base");
    edit_weights(&base, |find, tensors| {
        tensors[find("model.norm.weight")][0] = f32::NAN
    });
    let out = dir.path().join("out");
    let path = format!("model.path={}", base.display());
    let error = run(recipe(&[&path]), options(&out)).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("step 0") && error.contains("model.path"),
        "{error}"
    );
    assert!(!out.join("checkpoints").exists() && !out.join("summary.json").exists());
}

#[test]
fn training_that_diverges_names_the_step_and_the_remedy_and_saves_nothing_of_that_step() {
    let dir = tempfile::tempdir().unwrap();
    // The first update leaves weights that overflow in the next forward pass.
    let settings = ["optimizer.lr=1e30", "save.every=1", "evaluation.every=0"];
    let error = run(recipe(&settings), options(dir.path())).unwrap_err();
    let TrainError::Diverged { step, .. } = &error else {
        panic!("{error}");
    };
    let checkpoint = dir.path().join(format!("checkpoints/step-{step}"));
    assert!(!checkpoint.exists());
    let error = error.to_string();
    assert!(
        error.contains(&format!("step {step}")) && error.contains("lower optimizer.lr"),
        "{error}"
    );

    // Here the last update itself leaves infinite weights, which no forward pass would ever see.
    let overflow = |prefix: &str| {
        [("lr", "1e38"), ("weight_decay", "1e30")].map(|(k, v)| format!("{prefix}.{k}={v}"))
    };
    let [lr, decay] = &overflow("optimizer");
    let out = dir.path().join("last");
    let error = run(recipe(&["steps=1", lr, decay]), options(&out)).unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { step: 1, .. }),
        "{error}"
    );
    let error = error.to_string();
    assert!(
        error.contains("weights that are not finite") && error.contains("lower optimizer.lr"),
        "{error}"
    );
    assert!(tree(&out.join("checkpoints")).is_empty());
    let [lr, decay] = &overflow("warm_start.optimizer");
    let out = dir.path().join("last-warm");
    let settings = [
        "warm_start.steps=1",
        "warm_start.optimizer.warmup_steps=0",
        lr,
        decay,
    ];
    let error = run(recipe(&settings), options(&out))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("warm start step 1: ") && error.contains("not finite"),
        "{error}"
    );
    assert!(!out.join("base").exists());

    let settings = ["warm_start.optimizer.lr=1e30"];
    let out = dir.path().join("warm");
    let error = run(recipe(&settings), options(&out))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("warm start step") && error.contains("lower warm_start.optimizer.lr"),
        "{error}"
    );
    assert!(!out.join("base").exists());
}

#[test]
fn a_missing_model_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no-model");
    let path = format!("model.path={}", missing.display());
    let error = run(recipe(&[&path]), options(&dir.path().join("out"))).unwrap_err();
    assert!(
        error.to_string().contains(&missing.display().to_string()),
        "{error}"
    );
}
