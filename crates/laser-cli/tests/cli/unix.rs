//! Interrupts, full disks, readers that go away.

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
    // Not under the build's `target`, so that the printed command is one that can be run here.
    let program = dir.path().join("laser");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_laser"), &program).unwrap();
    let child = Command::new(&program)
        .current_dir(dir.path())
        .args([&args[..], &many].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
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
    let resume = error.split("To go on: ").nth(1).unwrap().trim();
    let start = format!("{} train tiny.toml --resume", program.display());
    assert!(
        resume.starts_with(&start) && resume.contains("'my run'"),
        "{resume}"
    );

    let metrics = lines(dir.path().join("my run/metrics.jsonl"));
    let done = metrics.last().unwrap()["step"].as_u64().unwrap();
    let saved = dir.path().join(format!("my run/checkpoints/step-{done}"));
    assert!(saved.join("trainer.json").exists());
    // The printed command, with fewer steps to do.
    let goal = done + 2;
    let script = format!("{resume} --set steps={goal}");
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

#[test]
fn a_reader_that_goes_away_ends_neither_a_run_nor_its_success() {
    let dir = workplace();
    let mut child = start(dir.path(), &["train", "tiny.toml", "--out", "out"]);
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().success());
    assert!(dir.path().join("out/report.html").exists());
    for args in [&["report", "out"][..], &["train", "--help"]] {
        let mut child = start(dir.path(), args);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(stderr(&output), "");
        assert!(output.status.success(), "{args:?}");
    }
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
        "--set=tokens_per_micro_batch=10000000",
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
