//! The whole program, as a user runs it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const TINY: &str = include_str!("../../laser-train/tests/common/tiny.toml");

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

const ROW: [&str; 11] = [
    "prompt",
    "response",
    "gold",
    "extracted",
    "correct",
    "reward",
    "self_logprob",
    "self_reward",
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
        &[&place, "policy.clip_low = 1.5", "between"],
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
fn every_command_shows_examples() {
    let dir = workplace();
    for command in ["train", "report", "bench"] {
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
    for part in ["train", "report", "bench", "Exit status"] {
        assert!(help.contains(part), "{help}");
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStderr};
    use std::time::{Duration, Instant};

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_full_disk_ends_with_a_clear_error_and_nothing_half_written() {
        let dir = workplace();
        // Files may have so many blocks; writing more fails like on a full disk.
        let blocks = 8;
        for (steps, file) in [(150, "metrics.jsonl"), (3, "model.safetensors")] {
            let out = format!("out-{steps}");
            let steps = format!("warm_start.steps={steps}");
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
            let output = Command::new("sh")
                .current_dir(dir.path())
                .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_laser")])
                .args(["train", "tiny.toml", "--out", &out])
                .args(["--set", &steps])
                .output()
                .unwrap();
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(
                error.contains("error: ") && error.contains("too large"),
                "{error}"
            );
            assert!(error.contains(file), "{error}");
            assert_eq!(error.matches("too large").count(), 1, "{error}");
            let mut folders = vec![dir.path().join(&out)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    assert!(!path.display().to_string().contains("partial"), "{path:?}");
                    if path.is_dir() {
                        folders.push(path);
                    }
                }
            }
            // Every line is whole.
            lines(dir.path().join(out).join("metrics.jsonl"));
        }
    }

    fn start(dir: &Path, args: &[&str]) -> Child {
        let mut command = command(dir, args);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn interrupt(child: &Child) {
        let pid = child.id().to_string();
        let killed = Command::new("sh")
            .args(["-c", "kill -INT $1", "sh", &pid])
            .status();
        assert!(killed.unwrap().success());
    }

    fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_lines(path: &Path, count: usize) {
        wait_until("the run writes no metrics", || {
            std::fs::read_to_string(path).is_ok_and(|t| t.lines().count() >= count)
        });
    }

    #[test]
    fn an_interrupted_run_says_how_to_go_on_and_that_command_finishes_it() {
        let dir = workplace();
        let mut args = vec!["train", "tiny.toml", "--out", "my run", "--threads", "1"];
        args.extend([
            "--set",
            "save.samples_every=0",
            "--set",
            "evaluation.every=0",
        ]);
        let many = ["--set", "steps=1000000", "--set", "save.every=0"];
        let child = start(dir.path(), &[&args[..], &many].concat());
        wait_for_lines(&dir.path().join("my run/metrics.jsonl"), 150 + 3);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert_eq!(stdout(&output), "");
        assert!(
            error.contains("interrupted in training after step"),
            "{error}"
        );
        let resume = error.split("To go on: laser ").nth(1).unwrap().trim();
        assert!(
            resume.contains("--resume") && resume.contains("'my run'"),
            "{resume}"
        );

        let metrics = lines(dir.path().join("my run/metrics.jsonl"));
        let done = metrics.last().unwrap()["step"].as_u64().unwrap();
        let saved = dir.path().join(format!("my run/checkpoints/step-{done}"));
        assert!(saved.join("trainer.json").exists());
        // The printed command, with fewer steps to do.
        let goal = done + 2;
        let script = format!(
            "{} {resume} --set steps={goal}",
            env!("CARGO_BIN_EXE_laser")
        );
        let mut again = Command::new("sh");
        let output = again
            .current_dir(dir.path())
            .args(["-c", &script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let metrics = lines(dir.path().join("my run/metrics.jsonl"));
        let steps: Vec<u64> = metrics[150..]
            .iter()
            .map(|m| m["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, (1..=goal).collect::<Vec<_>>());
    }

    /// Reads lines until one holds the text.
    fn wait_for_text(stderr: ChildStderr, text: &str) -> BufReader<ChildStderr> {
        let mut reader = BufReader::new(stderr);
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let read = reader.read_line(&mut line).unwrap();
            assert!(read > 0, "the program ended without saying '{text}'");
        }
        reader
    }

    #[test]
    fn a_second_interrupt_stops_at_once() {
        let dir = workplace();
        // A micro-step of this size takes a second or more.
        let child_args = [
            "train",
            "tiny.toml",
            "--out=out",
            "--set=micro_batch_tokens=10000000",
            "--set=warm_start.batch_size=4096",
            "--set=model.hidden_size=64",
            "--set=model.intermediate_size=256",
        ];
        let mut child = start(dir.path(), &child_args);
        wait_for_lines(&dir.path().join("out/metrics.jsonl"), 1);
        interrupt(&child);
        let reader = wait_for_text(child.stderr.take().unwrap(), "interrupt again");
        interrupt(&child);
        let status = child.wait().unwrap();
        drop(reader);
        assert_eq!(status.code(), Some(130));
        assert!(
            !dir.path().join("out/warm-start").exists(),
            "nothing was saved"
        );
    }
}
