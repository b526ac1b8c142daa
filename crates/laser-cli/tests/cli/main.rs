//! The whole program, as a user runs it.

mod calibrate;
mod chat;
mod dash;
mod eval;
mod eval_beam;
mod eval_recipe;
mod eval_sweep;
mod eval_verify;
mod export;
mod generate;
#[cfg(unix)]
mod kill;
mod models;
mod score;
#[cfg(unix)]
mod serve;
mod sft;
#[cfg(unix)]
mod unix;
mod verify;
mod vote;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const TINY: &str = include_str!("../../../laser-train/tests/common/tiny.toml");

/// A folder with the recipe `tiny.toml`, in which the program is run.
fn workplace() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tiny.toml"), TINY).unwrap();
    dir
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_laser"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    command
}

fn laser(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that a command fails with a status and an error that holds all the parts; returns it.
#[track_caller]
fn fails(dir: &Path, args: &[&str], status: i32, parts: &[&str]) -> String {
    let output = laser(dir, args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{error}");
    for part in parts {
        assert!(error.contains(part), "'{part}' is missing in: {error}");
    }
    assert_eq!(stdout(&output), "", "an error goes to standard error alone");
    error
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    let text = read(path);
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn assert_has_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "'{key}' is missing in {value}");
    }
}

fn assert_estimate(value: &Value) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("not an estimate: {value}"));
    assert_eq!(object.keys().collect::<Vec<_>>(), ["high", "low", "value"]);
}

const ROW: [&str; 12] = [
    "prompt",
    "response",
    "gold",
    "extracted",
    "correct",
    "reward",
    "self_logprob",
    "self_reward",
    "self_certainty",
    "advantage",
    "length",
    "finish",
];

#[test]
fn training_prints_the_summary_and_writes_every_documented_file() {
    let dir = workplace();
    let output = laser(
        dir.path(),
        &["train", "tiny.toml", "--out", "out", "--seed", "3"],
    );
    let (data, log) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{log}");
    for part in [
        "accuracy",
        "weighted maj@4",
        "AUROC",
        "out/summary.json",
        "out/report.html",
    ] {
        assert!(data.contains(part), "'{part}' is missing in: {data}");
    }
    for part in [
        "warm start",
        "training",
        "test at step 5",
        "tokens/s",
        "log π_ref(z_c)",
    ] {
        assert!(log.contains(part), "'{part}' is missing in: {log}");
    }

    let out = dir.path().join("out");
    let config = read(out.join("config.toml"));
    assert!(config.contains("\nseed = 3\n") && config.contains("\nalpha = 1.0\n"));
    let summary: Value = serde_json::from_str(&read(out.join("summary.json"))).unwrap();
    assert_eq!(
        (&summary["steps"], &summary["seed"]),
        (&5.into(), &3.into())
    );
    assert_eq!(summary["recipe"], "tiny");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    for kind in ["rollout", "train"] {
        assert!(summary["tokens_per_second"][kind].as_f64().unwrap() > 0.0);
    }
    for model in ["base", "final"] {
        let m = &summary[model];
        assert_estimate(&m["accuracy"]);
        for at in ["pass_at", "maj_at", "weighted_at", "best_at"] {
            for k in ["1", "2", "4"] {
                assert_estimate(&m[at][k]);
            }
        }
        for key in ["f1", "tpr", "tnr", "auroc", "ece", "spearman_length"] {
            assert_estimate(&m["self_verification"][key]);
        }
    }

    let metrics = lines(out.join("metrics.jsonl"));
    assert_eq!(metrics.len(), 150 + 5);
    assert_has_keys(
        &metrics[154],
        &[
            "step",
            "seconds",
            "tokens",
            "reward/mean",
            "reward/verifier",
            "self_reward/f1",
            "self_reward/logp_correct",
            "policy/clip_fraction",
            "policy/entropy",
            "policy/kl",
            "optim/grad_norm",
            "rollout/length_mean",
            "rollout/truncated",
        ],
    );
    let results = lines(out.join("results.jsonl"));
    assert_eq!(results.len(), 5 * 4);
    let samples = lines(out.join("samples/step-1.jsonl"));
    assert_eq!(samples.len(), 8 * 4);
    for row in results.iter().chain(&samples) {
        assert_has_keys(row, &ROW);
        assert_eq!(row.as_object().unwrap().len(), ROW.len());
    }
    assert!(samples.iter().all(|r| r["advantage"].is_number()));
    assert!(out.join("checkpoints/step-5/model.safetensors").exists());

    let report = read(out.join("report.html"));
    assert!(report.contains("<svg"));
    for load in [
        "src=\"http",
        "href=\"http",
        "url(http",
        "@import",
        "<script src",
        "<link",
    ] {
        assert!(!report.contains(load), "the report loads something: {load}");
    }
    std::fs::remove_file(out.join("report.html")).unwrap();
    let again = laser(dir.path(), &["report", "out"]);
    assert_eq!(stdout(&again), "out/report.html\n");
    assert_eq!(read(out.join("report.html")), report);
}

#[test]
fn bad_input_ends_with_status_2_and_names_place_and_key() {
    let dir = workplace();
    let text = TINY.replace("[policy]", "[policy]\nclip = 0.3");
    std::fs::write(dir.path().join("unknown.toml"), &text).unwrap();
    let line = 1 + text.lines().position(|l| l == "clip = 0.3").unwrap();
    let line = format!("line {line}");
    fails(
        dir.path(),
        &["train", "unknown.toml"],
        2,
        &["unknown.toml", &line, "clip"],
    );

    let text = TINY.replace("clip_low = 0.2", "clip_low = 1.5");
    std::fs::write(dir.path().join("range.toml"), &text).unwrap();
    let line = 1 + text.lines().position(|l| l == "clip_low = 1.5").unwrap();
    let place = format!("range.toml, line {line}");
    fails(
        dir.path(),
        &["train", "range.toml"],
        2,
        &[&place, "policy.clip_low = 1.5", "above 0 and at most 1"],
    );

    let set = ["train", "tiny.toml", "--set", "policy.clip_low=-1"];
    fails(dir.path(), &set, 2, &["--set", "policy.clip_low = -1"]);
    let set = ["train", "tiny.toml", "--set", "policy"];
    fails(dir.path(), &set, 2, &["--set", "key=value"]);
    let set = [
        "train",
        "tiny.toml",
        "--set",
        "self_reward.token=<|nowhere|>",
    ];
    fails(dir.path(), &set, 2, &["self_reward.token", "<|nowhere|>"]);

    fails(
        dir.path(),
        &["train", "none.toml"],
        2,
        &["none.toml", "built-in", "laser", "grpo"],
    );
    fails(
        dir.path(),
        &["train", "--no-such-flag"],
        2,
        &["--no-such-flag"],
    );
    fails(
        dir.path(),
        &["bench", "--shape", "nope"],
        2,
        &["nope", "tiny", "small"],
    );
    assert!(!dir.path().join("runs/tiny/base").exists());
}

#[test]
fn a_recipe_that_is_no_text_file_ends_with_status_2() {
    let dir = workplace();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::fs::write(dir.path().join("binary.toml"), b"name = \"\xff\"\n").unwrap();
    fails(
        dir.path(),
        &["train", "folder"],
        2,
        &["folder: a folder, not a recipe"],
    );
    fails(
        dir.path(),
        &["train", "binary.toml"],
        2,
        &["binary.toml", "UTF-8"],
    );
    #[cfg(unix)]
    {
        // A file whose reading fails even for root.
        let fails_to_read = "/proc/self/mem";
        if Path::new(fails_to_read).exists() {
            let words = [fails_to_read, "cannot be read"];
            fails(dir.path(), &["train", fails_to_read], 2, &words);
        }
    }
}

#[test]
fn a_measurement_is_a_table_for_people_and_json_for_programs() {
    let dir = workplace();
    let once = "bench --reps 1 --warmup 0 --threads 1 --batch 8 --length 8 --prompt 4";
    let args: Vec<&str> = once.split(' ').collect();
    let output = laser(dir.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let starts: Vec<&str> = table.lines().map(|l| &l[..6]).collect();
    assert_eq!(
        starts,
        ["shape ", "decode", "train ", "grpo s", "laser ", "limits"]
    );
    assert_eq!(table.matches("tokens/s").count(), 4, "{table}");
    for unit in ["% of the bandwidth", "% of the peak", "% over grpo step"] {
        assert_eq!(table.matches(unit).count(), 1, "{table}");
    }

    let names = ["train_step", "decode", "grpo_step", "laser_step"];
    for (dtype, only) in [("float32", None), ("bfloat16", Some("grpo_step"))] {
        let more = ["--json", "--dtype", dtype];
        let only: Vec<&str> = only.into_iter().flat_map(|only| ["--only", only]).collect();
        let output = laser(dir.path(), &[&args[..], &more, &only].concat());
        let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(
            (&json["shape"], &json["threads"], &json["dtype"]),
            (&"tiny".into(), &1.into(), &dtype.into())
        );
        for name in names {
            let m = &json[name];
            if only.last().is_some_and(|only| *only != name) {
                assert!(m.is_null(), "{json}");
                continue;
            }
            assert_eq!(m["tokens"], 64);
            assert_eq!(m["seconds"].as_array().unwrap().len(), 1);
            assert!(!cfg!(target_os = "linux") || m["peak_bytes"].as_u64() > Some(1 << 20));
        }
        assert_eq!(json["limits"].is_null(), !only.is_empty());
    }
    fails(
        dir.path(),
        &["bench", "--dtype", "float16"],
        2,
        &["--dtype", "float32 and bfloat16"],
    );
    fails(
        dir.path(),
        &["bench", "--reps", "0"],
        2,
        &["--reps", "at least 1"],
    );
}

#[test]
fn a_missing_base_folder_is_named() {
    let dir = workplace();
    let args = ["train", "tiny.toml", "--base", "elsewhere/base"];
    fails(dir.path(), &args, 1, &["elsewhere/base", "--base"]);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let dir = workplace();
    std::fs::write(dir.path().join("taken"), "mine").unwrap();
    fails(
        dir.path(),
        &["train", "tiny.toml", "--out", "taken"],
        1,
        &["taken"],
    );
    assert_eq!(read(dir.path().join("taken")), "mine");
}

#[test]
fn a_folder_with_another_run_is_refused() {
    let dir = workplace();
    assert!(
        laser(dir.path(), &["train", "tiny.toml", "--out", "out"])
            .status
            .success()
    );
    let args = ["train", "tiny.toml", "--out", "out", "--seed", "8"];
    fails(
        dir.path(),
        &args,
        1,
        &["out", "another recipe", "--resume", "--out"],
    );
}

#[test]
fn a_report_of_a_folder_without_a_run_names_the_missing_file() {
    let dir = workplace();
    fails(dir.path(), &["report", "."], 1, &["summary.json"]);
    fails(dir.path(), &["report"], 2, &["RUN"]);
}

#[test]
fn the_built_in_recipes_are_listed_for_people_and_programs() {
    let dir = workplace();
    let text = stdout(&laser(dir.path(), &["methods"]));
    let json = stdout(&laser(dir.path(), &["methods", "--json"]));
    let list: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert!(list.len() > 20);
    for method in &list {
        assert_has_keys(method, &["name", "kind", "source", "summary", "needs"]);
        let name = method["name"].as_str().unwrap();
        assert!(
            text.lines()
                .any(|l| l.split_whitespace().next() == Some(name)),
            "{name}"
        );
    }
}

#[test]
fn every_command_shows_examples() {
    let dir = workplace();
    let commands = [
        "train",
        "report",
        "verify",
        "bench",
        "score",
        "generate",
        "eval",
        "sweep",
        "calibrate",
    ];
    for command in commands {
        let output = laser(dir.path(), &[command, "--help"]);
        assert!(output.status.success());
        let help = stdout(&output);
        let example = format!("  laser {command}");
        assert!(
            help.contains("Example") && help.contains(&example),
            "{help}"
        );
    }
    let help = stdout(&laser(dir.path(), &["--help"]));
    for part in ["train", "report", "verify", "bench", "Exit status"] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_dry_run_prints_a_recipe_with_its_cost_and_writes_nothing() {
    let dir = workplace();
    let small = [
        "--set",
        "rollout.prompts=4",
        "--set",
        "tokens_per_micro_batch=512",
    ];
    let output = laser(
        dir.path(),
        &[&["train", "dapo", "--dry-run"], &small[..]].concat(),
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "name = \"dapo\"",
        "refills = 3",
        "prompts = 4",
        "# schedule",
        "in all",
        "0.90 M parameters",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!dir.path().join("runs").exists());
    // What is printed is a recipe.
    std::fs::write(dir.path().join("printed.toml"), &text).unwrap();
    let again = laser(dir.path(), &["train", "printed.toml", "--dry-run"]);
    let recipe = |text: &str| {
        text.split("# schedule")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(recipe(&stdout(&again)), recipe(&text));

    let refused = laser(dir.path(), &["train", "--dry-run", "--resume"]);
    assert_eq!(refused.status.code(), Some(2));
}
