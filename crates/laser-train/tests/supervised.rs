//! Training on written responses.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, Recipe};
use serde_json::{Value, json};

const SFT: [&str; 4] = [
    "method='supervised'",
    "supervised.batch_size=8",
    "self_reward.token=''",
    "save.every=0",
];

/// The tiny recipe on written solutions, with some keys changed.
fn sft(settings: &[&str]) -> Recipe {
    recipe(&[&SFT, settings].concat())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `fixtures/qwen2` on the rows in `supervised/`, all of them in each step.
fn files(settings: &[&str]) -> Recipe {
    from(&repository().join("fixtures/qwen2"), "train", settings)
}

/// A model on the rows of a file in `supervised/`.
fn from(model: &Path, train: &str, settings: &[&str]) -> Recipe {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/supervised");
    let train = match Path::new(train).is_absolute() {
        true => PathBuf::from(train),
        false => rows.join(format!("{train}.jsonl")),
    };
    let own = [
        format!("model.path='{}'", model.display()),
        format!("data.train=['{}']", train.display()),
        format!("data.test=['{}']", rows.join("test.jsonl").display()),
        "model.context=0".into(),
        "supervised.batch_size=6".into(),
        "evaluation.samples=2".into(),
        "evaluation.ks=[1, 2]".into(),
        "rollout.max_new_tokens=8".into(),
    ];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    sft(&[&own, settings].concat())
}

fn summary(run: &Path) -> Value {
    serde_json::from_str(&read(run.join("summary.json"))).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn assert_close(a: &Value, b: &Value, bound: f64) {
    let (a, b) = (number(a), number(b));
    assert!((a - b).abs() <= bound * b.abs(), "{a} and {b}");
}

#[test]
fn the_loss_falls_on_what_is_trained_on_and_on_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let outcome = train(
        sft(&["steps=100", "optimizer.lr=0.01", "evaluation.every=50"]),
        &out,
        None,
    );
    let lines = metrics(&out);
    assert!(number(&lines[99]["sft/loss"]) < 0.5 * number(&lines[0]["sft/loss"]));
    let [base, last] = [&outcome.base, &outcome.last].map(|e| e.loss.unwrap());
    assert!(last.value.unwrap() < 0.5 * base.value.unwrap(), "{last:?}");
    assert!(last.low.unwrap() <= last.value.unwrap() && last.value <= last.high);
    let tests = common::lines(out.join("evals.jsonl"));
    assert_eq!(tests.len(), 2);
    assert!(number(&tests[1]["loss"]["value"]) < number(&tests[0]["loss"]["value"]));
    // There is no warm start, no token to score with, and no epoch of problems without end.
    assert!(lines.iter().all(|l| l.get("phase").is_none()));
    for key in ["sft/self_logp", "data/epoch", "reward/mean"] {
        assert!(lines[0].get(key).is_none(), "{key}");
    }
    assert!(!out.join("base").exists() && !out.join("checkpoints/step-100/laser.json").exists());
    assert_eq!(
        summary(&out)["final"]["self_verification"]["f1"]["value"],
        json!(null)
    );
}

#[test]
fn a_shaped_loss_without_rewards_of_its_own_is_the_cross_entropy_and_another_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let shaped = |loss: &str| sft(&[&format!("supervised.loss={{shaped={{{loss}}}}}")]);
    train(sft(&[]), &out("plain"), None);
    train(shaped("beta=0"), &out("same"), None);
    assert!(weights(&out("plain"), 5) == weights(&out("same"), 5));
    let [plain, same] = ["plain", "same"].map(|name| metrics(&out(name)));
    for (plain, same) in plain.iter().zip(&same) {
        assert_eq!(plain["sft/loss"], same["sft/loss"]);
        assert_eq!(plain["sft/loss"], same["sft/cross_entropy"]);
    }
    // Of k likeliest ids, whatever k, the rewards of all but the target are the same.
    let near = "beta=0.5,near=-0.1,top_k=";
    for (k, rest) in [("0", "0"), ("3", "-0.1"), ("64", "0"), ("999", "7")] {
        let loss = format!("{near}{k},far={rest}");
        train(shaped(&loss), &out(k), None);
        assert!(weights(&out(k), 5) != weights(&out("plain"), 5), "{k}");
        let [zero, this] = ["0", k].map(|k| number(&metrics(&out(k))[4]["sft/cross_entropy"]));
        assert!((zero - this).abs() < 1e-3, "{k}: {zero} {this}");
    }
}

#[test]
fn a_shaped_loss_gives_the_same_bits_whatever_the_threads_and_micro_batches() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let loss = "supervised.loss={shaped={beta=-0.25,near=0.1,far=-0.1,top_k=5}}";
    let zc = "self_reward.token='<|self_reward|>'";
    let settings = [loss, zc, "supervised.self_reward_weight=0.01"];
    train(sft(&settings), &one, None);
    let other = [&settings[..], &["tokens_per_micro_batch=40"]].concat();
    let options = laser_train::RunOptions {
        threads: 2,
        ..options(&two)
    };
    run(sft(&other), options).unwrap();
    assert_same_run(&one, &two, 5, "shaped");
}

#[test]
fn a_warm_start_with_a_shaped_loss_makes_another_base_model_and_learns() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, shaped) = (dir.path().join("plain"), dir.path().join("shaped"));
    let loss = "warm_start.loss={shaped={beta=-0.25}}";
    train(recipe(&[]), &plain, None);
    train(recipe(&[loss]), &shaped, None);
    let warm: Vec<Value> = metrics(&shaped)
        .into_iter()
        .filter(|line| line["phase"] == "sft")
        .collect();
    let [first, last] = [0, warm.len() - 1].map(|i| number(&warm[i]["sft/cross_entropy"]));
    assert!(last < 0.7 * first, "{first} {last}");
    assert!(weights(&plain, 5) != weights(&shaped, 5));
    // A base model of the cross entropy is not one of this recipe.
    let options = laser_train::RunOptions {
        base: Some(plain.join("base")),
        ..options(&dir.path().join("other"))
    };
    let error = run(recipe(&[loss]), options).unwrap_err().to_string();
    assert!(error.contains("no base model of this recipe"), "{error}");
}

#[test]
fn the_first_step_is_that_of_pytorch_with_and_without_a_chat_template() {
    let golden: Value = serde_json::from_str(include_str!("supervised/golden.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The model's own settings name one end token; of two, the template's is taken.
    let model = dir.path().join("model");
    copy(&repository().join("fixtures/qwen2"), &model);
    let eos = [&golden["plain"]["end"], &golden["chat"]["end"]];
    let generation = json!({"eos_token_id": eos}).to_string();
    std::fs::write(model.join("generation_config.json"), generation).unwrap();
    for (case, chat) in [("chat", "data.chat=true"), ("plain", "data.chat=false")] {
        let out = dir.path().join(case);
        let settings = [chat, "steps=1", "data.shuffle=false"];
        train(from(&model, "train", &settings), &out, None);
        let line = &metrics(&out)[0];
        assert_close(&line["sft/loss"], &golden[case]["loss"], 1e-6);
        assert_close(&line["optim/grad_norm"], &golden[case]["grad_norm"], 1e-4);
        assert_eq!(line["data/epoch"], 1.0);
    }
}

#[test]
fn packing_micro_batches_and_threads_change_no_bit() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    train(sft(&[]), &whole, None);
    for (i, (tokens, threads)) in [(1, 1), (40, 2), (100_000, 3)].into_iter().enumerate() {
        let out = dir.path().join(i.to_string());
        let recipe = sft(&[&format!("tokens_per_micro_batch={tokens}")]);
        let options = laser_train::RunOptions {
            threads,
            ..options(&out)
        };
        run(recipe, options).unwrap();
        assert_same_run(
            &whole,
            &out,
            5,
            &format!("{tokens} tokens, {threads} threads"),
        );
    }
}

#[test]
fn an_interrupted_run_on_written_responses_goes_on_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    for (name, recipe) in [
        ("tasks", sft(&["save.best=loss"])),
        ("files", files(&["supervised.batch_size=4", "steps=5"])),
    ] {
        let whole = dir.path().join(name);
        train(recipe.clone(), &whole, None);
        for (phase, step) in [
            (Phase::TestBase, 0),
            (Phase::Train, 0),
            (Phase::Train, 2),
            (Phase::TestFinal, 0),
        ] {
            let case = format!("{name} {phase:?} {step}");
            let out = dir.path().join(&case);
            interrupted(recipe.clone(), options(&out), phase, step);
            run(recipe.clone(), resuming(&out)).unwrap();
            assert_same_run(&whole, &out, 5, &case);
            if name == "tasks" {
                assert_eq!(
                    read(whole.join("best.json")),
                    read(out.join("best.json")),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn the_checkpoint_with_the_lowest_loss_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    // Steps so large that the loss does not fall steadily.
    let settings = [
        "save.best=loss",
        "save.keep=1",
        "steps=8",
        "optimizer.lr=0.2",
        "evaluation.every=1",
        "evaluation.problems=3",
    ];
    train(sft(&settings), &out, None);
    let base: Value = serde_json::from_str(&read(out.join("base-test.json"))).unwrap();
    let mut losses = vec![(0, number(&base["quick"]["loss"]["value"]))];
    for test in lines(out.join("evals.jsonl")) {
        losses.push((
            test["step"].as_u64().unwrap(),
            number(&test["loss"]["value"]),
        ));
    }
    assert_eq!(losses.len(), 9);
    let lowest = losses
        .into_iter()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap();
    assert!(0 < lowest.0 && lowest.0 < 8, "{lowest:?}");
    let best: Value = serde_json::from_str(&read(out.join("best.json"))).unwrap();
    assert_eq!(
        (best["step"].as_u64(), best["value"].as_f64()),
        (Some(lowest.0), Some(lowest.1))
    );
    assert!(out.join(format!("checkpoints/step-{}", lowest.0)).exists());
}

#[test]
fn z_c_is_prepared_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let settings = [
        "self_reward.token='<|self_reward|>'",
        "supervised.self_reward_weight=0.05",
        "supervised.self_reward_logp=-9",
        "steps=120",
        "optimizer.lr=0.01",
        "evaluation.every=0",
    ];
    train(sft(&settings), &out, None);
    let lines = metrics(&out);
    let logp = |i: usize| number(&lines[i]["sft/self_logp"]);
    assert!(
        (logp(0) + 9.0).abs() > 3.0 && (logp(119) + 9.0).abs() < 0.5,
        "{} {}",
        logp(0),
        logp(119)
    );
    assert!(number(&lines[119]["sft/loss"]) < number(&lines[0]["sft/loss"]));
}

#[test]
fn an_adapter_learns_written_responses() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let outcome = train(
        files(&["lora.rank=4", "steps=12", "optimizer.lr=0.01"]),
        &out,
        None,
    );
    let [base, last] = [outcome.base, outcome.last].map(|e| e.loss.unwrap().value.unwrap());
    assert!(last < base - 0.5, "{base} {last}");
    let folder = out.join("checkpoints/step-12");
    assert!(folder.join("adapter_model.safetensors").exists());
    assert!(!folder.join("model.safetensors").exists());
}

#[test]
fn responses_without_answers_are_tested_by_their_loss_alone_and_empty_ones_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("rows.jsonl");
    let row = |i: usize, response: &str| {
        json!({"prompt": format!("Say {i}."), "response": response}).to_string()
    };
    let text: Vec<String> = (0..12)
        .map(|i| row(i, if i % 6 == 5 { " " } else { "So be it." }))
        .collect();
    std::fs::write(&rows, text.join("\n")).unwrap();
    let out = dir.path().join("run");
    let settings = [
        "data.test=[]",
        "data.test_fraction=0.4",
        "steps=2",
        "save.best=loss",
        "evaluation.every=1",
    ];
    let recipe = from(
        &repository().join("fixtures/qwen2"),
        &rows.display().to_string(),
        &settings,
    );
    let (outcome, notes) = notes(recipe, options(&out));
    let outcome = outcome.unwrap();
    assert!(outcome.last.loss.unwrap().value.is_some());
    assert_eq!(outcome.last.accuracy, Default::default());
    assert!(outcome.last.maj_at.values().all(|e| e.value.is_none()));
    assert_eq!(summary(&out)["final"]["accuracy"]["value"], json!(null));
    assert_eq!(read(out.join("results.jsonl")), "");
    assert!(notes.contains("left out, no response: 2"), "{notes}");
    assert!(
        notes.contains("responses to train on, 6 in a step: 2 steps are"),
        "{notes}"
    );
}

#[test]
fn test_problems_with_nothing_to_test_are_refused_before_the_folder_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("bare.jsonl");
    std::fs::write(&rows, json!({"prompt": "Say it."}).to_string()).unwrap();
    let out = dir.path().join("run");
    let recipe = files(&[&format!("data.test=['{}']", rows.display())]);
    let error = run(recipe, options(&out)).unwrap_err();
    assert!(error.is_bad_input() && !out.exists());
    let error = error.to_string();
    assert!(
        error.contains("data.test") && error.contains("data.columns"),
        "{error}"
    );
}

#[test]
fn epochs_become_steps_once_the_data_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (steps, epochs) = (dir.path().join("steps"), dir.path().join("epochs"));
    // 2.5 epochs of 6 rows, 4 in a step: 3.75 steps. The rate falls over all of them.
    let settings = ["supervised.batch_size=4", "optimizer.schedule=linear"];
    train(files(&[&settings[..], &["steps=4"]].concat()), &steps, None);
    let recipe = files(&[&settings[..], &["supervised.epochs=2.5"]].concat());
    interrupted(recipe.clone(), options(&epochs), Phase::Train, 2);
    run(recipe.clone(), resuming(&epochs)).unwrap();
    assert_same_run(&steps, &epochs, 4, "epochs");
    assert!(read(epochs.join("config.toml")).contains("\nsteps = 4\n"));
    // A finished run is left as it is.
    let (again, said) = notes(recipe.clone(), resuming(&epochs));
    assert!(again.is_ok() && said.contains("nothing to do"), "{said}");
    let mut silent = laser_train::Silent;
    let plan = laser_train::Run::new(recipe, options(&epochs), Default::default(), &mut silent);
    let plan = plan.plan().unwrap();
    let learned = plan.imitation.unwrap();
    assert_eq!(
        (
            plan.steps,
            plan.updates,
            plan.responses,
            plan.sampled_tokens
        ),
        (4, 1, 4, 0)
    );
    assert_eq!(learned.problems, Some(6));
    // 2 test problems, 2 samples: before, after, and after step 2.
    assert_eq!(plan.tests.0, 12);
}

#[test]
fn settings_that_a_supervised_run_cannot_have_are_refused_by_their_keys() {
    let refused = |settings: &[&str], parts: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        let error =
            Recipe::parse("x.toml", include_str!("common/tiny.toml"), &settings).unwrap_err();
        assert!(error.is_bad_input());
        let error = error.to_string();
        for part in parts {
            assert!(error.contains(part), "'{part}' is missing in: {error}");
        }
    };
    refused(
        &["supervised.epochs=3"],
        &["supervised.epochs", "set steps"],
    );
    let method = SFT[0];
    refused(
        &[method, "supervised.epochs=3"],
        &["supervised.epochs", "data.train"],
    );
    refused(
        &[method, "supervised.epochs=-1"],
        &["supervised.epochs", "negative"],
    );
    refused(
        &[method, "supervised.batch_size=0"],
        &["supervised.batch_size", "at least 1"],
    );
    refused(
        &[method, "supervised.self_reward_logp=1"],
        &["self_reward_logp", "log-probability"],
    );
    refused(
        &[method, "supervised.self_reward_weight=-1"],
        &["self_reward_weight", "negative"],
    );
    let weight = "supervised.self_reward_weight=1";
    refused(
        &[method, weight, "self_reward.token=''"],
        &["self_reward_weight", "name self_reward.token"],
    );
    let lora = ["lora.rank=2", "lora.train_token=true"];
    refused(
        &[method, lora[0], lora[1]],
        &["lora.train_token", "supervised.self_reward_weight"],
    );
    refused(
        &[method, "save.best=self_verification.f1"],
        &["save.best", "take loss, accuracy"],
    );
    refused(&["save.best=loss"], &["save.best", "there is accuracy"]);
}
