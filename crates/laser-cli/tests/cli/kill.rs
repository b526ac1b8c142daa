//! A run that is killed at any moment and resumed ends where an uninterrupted one does.

use super::*;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

/// Kills in all, those that aim at a write included.
const KILLS: usize = 30;
/// Kills that must have left something half-written.
const DURING_A_WRITE: usize = 6;
/// Kills that must have found a checkpoint of the training.
const IN_TRAINING: usize = 10;
/// Kills in a row before a run may end.
const CHAIN: u64 = 5;

/// A run with everything that is saved on the way, several updates in a step, and a seed.
const SETTINGS: [&str; 12] = [
    "steps=8",
    "warm_start.steps=60",
    "policy.passes=2",
    "policy.mini_batches=2",
    "optimizer.schedule=cosine",
    "save.every=2",
    "save.keep=2",
    "save.warm_start_every=10",
    "save.best=accuracy",
    "evaluation.every=1",
    "evaluation.bootstrap=5",
    "rollout.prompts=16",
];

/// Numbers that look random and are the same in every run of the test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        self.0 >> 33
    }

    /// A share of a duration.
    fn part(&mut self, of: Duration) -> Duration {
        of.mul_f64(self.next() as f64 / (1_u64 << 31) as f64)
    }
}

fn start(dir: &Path, out: &str) -> Child {
    let mut args = vec![
        "train",
        "tiny.toml",
        "--resume",
        "--threads",
        "1",
        "--out",
        out,
    ];
    for setting in SETTINGS {
        args.extend(["--set", setting]);
    }
    let mut command = command(dir, &args);
    let log = std::fs::File::create(dir.join("log")).unwrap();
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Waits for the end; whether the run was killed. Any other failure is one of the test.
fn was_killed(dir: &Path, child: &mut Child) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let status = child.wait().unwrap();
    let killed = status.signal() == Some(9);
    assert!(
        killed || status.success(),
        "{status}: {}",
        read(dir.join("log"))
    );
    killed
}

/// Whether a crash now would leave something half-written: a temporary name somewhere.
fn is_writing(folder: &Path) -> bool {
    let places = ["", "checkpoints", "warm-start", "samples"];
    places.iter().any(|place| {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else {
            return false;
        };
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            [".partial", ".old", ".removed"]
                .iter()
                .any(|s| name.ends_with(s))
        })
    })
}

fn has_a_checkpoint(out: &Path) -> bool {
    std::fs::read_dir(out.join("checkpoints")).is_ok_and(|mut d| d.next().is_some())
}

/// What must be the same, file by file: all but the times.
fn result(out: &Path) -> BTreeMap<String, String> {
    let mut result = BTreeMap::new();
    for name in [
        "evals.jsonl",
        "results.jsonl",
        "best.json",
        "config.toml",
        "base-test.json",
    ] {
        result.insert(name.into(), read(out.join(name)));
    }
    let mut metrics = lines(out.join("metrics.jsonl"));
    for line in &mut metrics {
        // What depends on the clock or the memory of the process.
        for key in ["seconds", "time", "tokens_per_second", "memory/peak"] {
            line.as_object_mut().unwrap().remove(key);
        }
    }
    result.insert("metrics.jsonl".into(), format!("{metrics:?}"));
    let mut summary: Value = serde_json::from_str(&read(out.join("summary.json"))).unwrap();
    for time in ["seconds", "tokens_per_second"] {
        summary.as_object_mut().unwrap().remove(time).unwrap();
    }
    result.insert("summary.json".into(), summary.to_string());
    let best: Value = serde_json::from_str(&read(out.join("best.json"))).unwrap();
    for model in [
        "base",
        "checkpoints/step-8",
        best["model"].as_str().unwrap(),
    ] {
        let files = std::fs::read_dir(out.join(model)).unwrap();
        for path in files.map(|f| f.unwrap().path()) {
            let name = format!("{model}/{}", path.file_name().unwrap().to_str().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            result.insert(name, format!("{bytes:x?}"));
        }
    }
    for path in std::fs::read_dir(out.join("samples")).unwrap() {
        let path = path.unwrap().path();
        result.insert(
            path.file_name().unwrap().to_str().unwrap().into(),
            read(&path),
        );
    }
    result
}

#[track_caller]
fn assert_same(whole: &BTreeMap<String, String>, out: &Path, case: &str) {
    let result = result(out);
    let names = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&result), names(whole), "{case}");
    for (name, content) in whole {
        assert!(&result[name] == content, "{name} differs: {case}");
    }
    assert!(!is_writing(out), "something half-written is left: {case}");
    assert!(!out.join("warm-start").exists(), "{case}");
}

#[test]
fn a_run_killed_at_any_moment_and_resumed_ends_like_one_that_was_not() {
    let dir = workplace();
    let dir = dir.path();
    let started = Instant::now();
    assert!(!was_killed(dir, &mut start(dir, "whole")));
    let mut time = started.elapsed();
    let whole = result(&dir.join("whole"));

    let mut random = Random(7);
    let (mut kills, mut in_a_write, mut in_training, mut runs) = (0, 0, 0, 0);
    while kills < KILLS || in_a_write < DURING_A_WRITE || in_training < IN_TRAINING {
        assert!(runs < 200, "{kills} kills, {in_a_write} during a write");
        let out = dir.join(format!("run-{runs}"));
        let name = out.file_name().unwrap().to_str().unwrap();
        for start_of_run in 0..random.next() % CHAIN + 1 {
            let mut child = start(dir, name);
            let begun = Instant::now();
            let wait = random.part(time);
            let aims_at_a_write = random.next().is_multiple_of(2);
            while begun.elapsed() < wait && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Polled without a pause: a write takes less than a millisecond.
            while aims_at_a_write && !is_writing(&out) && child.try_wait().unwrap().is_none() {}
            child.kill().unwrap();
            if !was_killed(dir, &mut child) {
                if start_of_run == 0 {
                    // The machine is less busy than it was.
                    time = time.min(begun.elapsed());
                }
                break;
            }
            kills += 1;
            in_a_write += usize::from(is_writing(&out));
            in_training += usize::from(has_a_checkpoint(&out));
        }
        assert!(!was_killed(dir, &mut start(dir, name)));
        assert_same(&whole, &out, &format!("run {runs}, {kills} kills"));
        std::fs::remove_dir_all(&out).unwrap();
        runs += 1;
    }
    println!(
        "{kills} kills in {runs} runs, {in_a_write} of them during a write, {in_training} with a checkpoint there; a whole run takes {time:?}"
    );
}

#[test]
fn a_finished_run_that_is_resumed_says_so_and_changes_nothing() {
    let dir = workplace();
    let args = ["train", "tiny.toml", "--out", "out", "--resume"];
    let first = laser(dir.path(), &args);
    assert!(first.status.success(), "{}", stderr(&first));
    let words = "nothing to resume in out: starting from the beginning";
    assert!(stderr(&first).contains(words), "{}", stderr(&first));
    let before = result_files(&dir.path().join("out"));
    let again = laser(dir.path(), &args);
    assert!(again.status.success(), "{}", stderr(&again));
    let words = "the run in out is finished after step 5 of 5; 0 steps were made";
    assert!(stderr(&again).contains(words), "{}", stderr(&again));
    assert_eq!(stdout(&again), stdout(&first));
    assert_eq!(result_files(&dir.path().join("out")), before);
}

fn result_files(out: &Path) -> Vec<String> {
    [
        "metrics.jsonl",
        "evals.jsonl",
        "summary.json",
        "results.jsonl",
        "report.html",
    ]
    .map(|name| read(out.join(name)))
    .into()
}

#[test]
fn a_time_budget_ends_with_the_command_that_goes_on() {
    let dir = workplace();
    let args = [
        "train",
        "tiny.toml",
        "--out",
        "out",
        "--set",
        "warm_start.steps=20",
    ];
    let budget = ["--time-budget", "0.000001"];
    let mut stops = 0;
    let mut last = String::new();
    loop {
        let output = laser(dir.path(), &[&args[..], &budget, &["--resume"]].concat());
        if output.status.success() {
            break;
        }
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        for part in [
            "time budget of 0.000001 minutes",
            "To go on: ",
            "--time-budget 0.000001",
        ] {
            assert!(error.contains(part), "{error}");
        }
        last = error
            .split("used up in ")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .into();
        stops += 1;
        assert!(stops < 30, "no progress: {last}");
    }
    // Every start makes a step, so that a budget that is too small is slow and not endless.
    assert_eq!((stops, last.as_str()), (25, "training after step 5"));
    let whole = laser(
        dir.path(),
        &args.map(|a| if a == "out" { "whole" } else { a }),
    );
    assert!(whole.status.success());
    let weights = |out: &str| {
        let model = "checkpoints/step-5/model.safetensors";
        std::fs::read(dir.path().join(out).join(model)).unwrap()
    };
    assert!(weights("out") == weights("whole"));
    fails(
        dir.path(),
        &["train", "tiny.toml", "--time-budget", "-1"],
        2,
        &["save.time_budget_minutes = -1", "must not be negative"],
    );
}

#[test]
fn a_step_that_failed_is_repeated_from_its_dump() {
    let dir = workplace();
    let args = [
        "train",
        "tiny.toml",
        "--out",
        "out",
        "--set",
        "optimizer.lr=1e30",
    ];
    let limit = [
        "--set",
        "optimizer.max_skipped=0",
        "--set",
        "evaluation.every=0",
    ];
    let error = fails(
        dir.path(),
        &[&args[..], &limit].concat(),
        1,
        &["training step 2", "out/dumps/step-2", "--replay"],
    );
    let output = laser(dir.path(), &["train", "--replay", "out/dumps/step-2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found = stdout(&output);
    assert!(
        found.starts_with("training step 2: ") && found.contains("(as in the run)"),
        "{found}"
    );
    let what = found["training step 2: ".len()..]
        .split(" (as")
        .next()
        .unwrap();
    assert!(error.contains(what), "{error} {what}");
    fails(
        dir.path(),
        &["train", "--replay", "nowhere"],
        1,
        &["nowhere"],
    );
}
