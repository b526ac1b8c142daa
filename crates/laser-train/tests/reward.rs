//! Rewards of the user's own, in whole runs.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::*;
use laser_rollout::Monitor;
use laser_train::{PartKind, Recipe, RewardPart, Run, RunOptions, Silent, TrainError};
use serde_json::Value;

fn part(part: PartKind) -> RewardPart {
    RewardPart::new(part)
}

fn command(name: &str, weight: f64, command: &[&str]) -> RewardPart {
    RewardPart {
        name: Some(name.into()),
        weight,
        command: Some(command.iter().map(|s| s.to_string()).collect()),
        ..part(PartKind::Command)
    }
}

/// The tiny recipe with these parts and settings.
fn with(reward: Vec<RewardPart>, settings: &[&str]) -> Recipe {
    let mut recipe = recipe(settings);
    recipe.reward = reward;
    // Reads it back, so that it is checked as any other.
    Recipe::parse("tiny.toml", &recipe.to_toml(), &[]).unwrap()
}

/// The reward of an example, with paths as seen from here.
fn example(name: &str) -> Vec<RewardPart> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("examples").join(name);
    let mut reward = Recipe::load(&path, &[]).unwrap().reward;
    for argument in reward
        .iter_mut()
        .flat_map(|p| p.command.iter_mut().flatten())
    {
        if argument.starts_with("examples/") {
            *argument = root.join(&argument).display().to_string();
        }
    }
    reward
}

/// Lines of training steps.
fn steps(run: &Path) -> Vec<Value> {
    let mut lines = metrics(run);
    lines.retain(|line| line["phase"] != "sft");
    lines
}

/// Folder of a run with a base model for all others of a test.
fn base(dir: &Path) -> std::path::PathBuf {
    let made = dir.join("made");
    train(recipe(&["steps=1"]), &made, None);
    made.join("base")
}

#[test]
fn the_verifier_alone_is_the_run_without_a_list_of_parts() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let (plain, named) = (dir.path().join("plain"), dir.path().join("named"));
    train(recipe(&[]), &plain, Some(&base));
    let verifier = RewardPart {
        name: Some("verifier".into()),
        ..part(PartKind::Verifier)
    };
    train(with(vec![verifier], &[]), &named, Some(&base));
    assert_same_run(&plain, &named, 5, "verifier");
    let samples = read(named.join("samples/step-1.jsonl"));
    assert!(!samples.contains("reward_parts"), "{samples}");
    for line in steps(&plain) {
        assert_eq!(line["reward/mean"], line["reward/verifier"]);
    }
}

#[test]
fn a_command_changes_training_and_its_workers_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, Some(&base));
    let runs = [1, 3].map(|workers| {
        let mut reward = example("reward_steps.toml");
        reward[2].workers = Some(workers);
        let out = dir.path().join(workers.to_string());
        train(with(reward, &["rollout.refills=2"]), &out, Some(&base));
        out
    });
    // The recipe's text differs, the run does not.
    assert_same_run(&runs[0], &runs[1], 5, "workers");
    assert!(weights(&plain, 5) != weights(&runs[0], 5));
    for (line, step) in steps(&runs[0]).iter().zip(1..) {
        let of = |key: &str| line[key].as_f64().unwrap();
        let samples = rows(runs[0].join(format!("samples/step-{step}.jsonl")));
        let n = samples.len() as f64;
        let mean = |name: &str| samples.iter().map(|r| r.reward_parts[name]).sum::<f64>() / n;
        assert_eq!(of("reward/steps"), mean("steps"));
        assert_eq!(of("reward/format"), mean("format"));
        assert_eq!(of("reward/verifier"), mean("verifier"));
        let total = samples.iter().map(|r| {
            let p = &r.reward_parts;
            assert_eq!(p["verifier"], f64::from(u8::from(r.correct)));
            assert_eq!(p["format"], f64::from(u8::from(r.extracted.is_some())));
            p["format"] * (p["verifier"] + 0.2 * p["steps"])
        });
        assert!((of("reward/mean") - total.sum::<f64>() / n).abs() < 1e-6);
    }
    assert!(
        steps(&runs[0])
            .iter()
            .any(|l| l["reward/steps"].as_f64() > Some(0.0))
    );
}

#[test]
fn dynamic_sampling_looks_at_the_whole_reward() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let sampled = |name: &str, script: &str| {
        let reward = vec![
            part(PartKind::Verifier),
            command("mine", 0.1, &["python3", "-c", script]),
        ];
        let out = dir.path().join(name);
        train(with(reward, &["rollout.refills=2"]), &out, Some(&base));
        let of = |l: &Value| l["rollout/sampled_groups"].as_u64().unwrap();
        steps(&out).iter().map(of).sum::<u64>()
    };
    let script = |reward: &str| {
        format!(
            "import json, sys\nfor line in sys.stdin:\n    i = json.loads(line)['id']\n    print(json.dumps({{'id': i, 'reward': {reward}}}), flush=True)"
        )
    };
    // With a number of its own for each response every group has a difference.
    assert_eq!(sampled("all", &script("i")), 8 * 5);
    assert!(sampled("none", &script("1")) > 8 * 5);
}

#[test]
fn the_shell_example_and_length_shaping_train() {
    let dir = tempfile::tempdir().unwrap();
    let mut reward = example("reward_brief.toml");
    reward.push(RewardPart {
        weight: 0.3,
        ..part(PartKind::Length)
    });
    let out = dir.path().join("run");
    train(with(reward, &[]), &out, None);
    for row in rows(out.join("samples/step-1.jsonl")) {
        let p = &row.reward_parts;
        assert_eq!(p["brief"], f64::from(u8::from(row.length <= 20)));
        assert!((-0.5..=0.5).contains(&p["length"]));
        assert!(row.correct || p["length"] <= 0.0);
    }
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_endpoint_of_the_example_trains() {
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/reward_http.py");
    let child = Command::new("python3")
        .arg(script)
        .arg("0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Server(child);
    let mut port = String::new();
    let stdout = server.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut port).unwrap();
    let mut reward = example("reward_http.toml");
    reward[0].url = Some(format!("http://127.0.0.1:{}/", port.trim()));
    let out = dir.path().join("run");
    train(with(reward, &[]), &out, None);
    let rewards = steps(&out);
    for line in &rewards {
        // The verifier is measured though it has no part in the reward.
        assert!(line["reward/close"].as_f64() >= line["reward/verifier"].as_f64());
    }
    assert!(
        rewards
            .iter()
            .any(|l| l["reward/close"] != l["reward/verifier"])
    );
}

#[test]
fn the_recipe_of_the_judge_is_valid() {
    let reward = example("reward_judge.toml");
    assert_eq!(reward[1].name(), "clear");
}

/// Answers honestly until a file is there.
fn failing_with(flag: &Path) -> RewardPart {
    let script = format!(
        "
import json, os, sys
for line in sys.stdin:
    if os.path.exists({flag:?}):
        sys.exit('the disk of the judge is full')
    item = json.loads(line)
    print(json.dumps({{'id': item['id'], 'reward': item['length'] / 16}}), flush=True)
"
    );
    command("mine", 0.1, &["python3", "-c", &script])
}

#[test]
fn a_command_that_fails_in_the_first_step_stops_the_run_and_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("flag");
    std::fs::write(&flag, "").unwrap();
    let out = dir.path().join("run");
    let recipe = with(vec![part(PartKind::Verifier), failing_with(&flag)], &[]);
    let error = run(recipe, options(&out)).unwrap_err();
    assert!(matches!(error, TrainError::Reward(_)) && !error.is_bad_input());
    let message = error.to_string();
    for words in [
        "`mine`, worker 1 of 1",
        "started again once",
        "the disk of the judge is full",
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert!(steps(&out).is_empty());
    let left = |path: &Path| path.to_string_lossy().contains(".partial");
    assert!(!tree(&out).iter().any(|p| left(p)));
    assert!(!out.join("checkpoints").exists() && !out.join("summary.json").exists());
}

/// Makes a file after a step.
struct MakeAt<'a>(u64, &'a Path);

impl laser_train::Observer for MakeAt<'_> {
    fn step(&mut self, phase: laser_train::Phase, metrics: &serde_json::Map<String, Value>) {
        if phase == laser_train::Phase::Train && metrics["step"] == self.0 {
            std::fs::write(self.1, "").unwrap();
        }
    }
}

#[test]
fn a_run_whose_command_failed_later_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("flag");
    let recipe = |settings: &[&str]| {
        let settings = [settings, &["save.every=0"]].concat();
        with(
            vec![part(PartKind::Verifier), failing_with(&flag)],
            &settings,
        )
    };
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    train(recipe(&[]), &whole, None);
    let monitor = Arc::new(Monitor::default());
    let error = Run::new(recipe(&[]), options(&parts), monitor, &mut MakeAt(3, &flag))
        .execute()
        .unwrap_err()
        .to_string();
    for words in ["training step 4", RESUME_COMMAND, "disk of the judge"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(steps(&parts).len(), 3);
    std::fs::remove_file(&flag).unwrap();
    // More patience is the same run; another weight is not.
    let mut patient = recipe(&[]);
    patient.reward[1].deadline_seconds = Some(120.0);
    patient.reward[1].workers = Some(2);
    let mut other = patient.clone();
    other.reward[1].weight = 0.2;
    let refused = run(other, resuming(&parts)).unwrap_err().to_string();
    assert!(refused.contains("another recipe"), "{refused}");
    run(patient, resuming(&parts)).unwrap();
    assert_same_run(&whole, &parts, 5, "resumed");
}

#[test]
fn an_interruption_ends_the_wait_for_a_worker() {
    let dir = tempfile::tempdir().unwrap();
    let asked = dir.path().join("asked");
    let script = format!("read line; touch '{}'; sleep 1000", asked.display());
    let reward = vec![
        part(PartKind::Verifier),
        command("stuck", 1.0, &["sh", "-c", &script]),
    ];
    let out = dir.path().join("run");
    let monitor = Arc::new(Monitor::default());
    let error = std::thread::scope(|scope| {
        let cancel = monitor.clone();
        scope.spawn(move || {
            while !asked.exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            cancel.cancel.store(true, Ordering::Relaxed);
        });
        Run::new(with(reward, &[]), options(&out), monitor, &mut Silent)
            .execute()
            .unwrap_err()
    });
    assert!(matches!(error, TrainError::Interrupted { .. }), "{error}");
}

#[test]
fn a_program_that_is_not_there_is_found_before_the_folder_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let reward = vec![command("mine", 1.0, &["no-such-program-here"])];
    let error = run(
        with(reward, &[]),
        RunOptions {
            base: None,
            ..options(&out)
        },
    )
    .unwrap_err();
    assert!(error.is_bad_input(), "{error}");
    assert!(
        error.to_string().contains("no-such-program-here"),
        "{error}"
    );
    assert!(!out.exists());
}
