//! docs/metrics.md describes what a run writes: every key, and no other.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::*;
use serde_json::Value;

type Keys = BTreeSet<String>;

fn keys(lines: &[Value]) -> Keys {
    let objects = lines.iter().filter_map(Value::as_object);
    objects.flat_map(|o| o.keys().cloned()).collect()
}

/// The keys in the first column of the tables of a section.
fn documented(section: &str) -> Keys {
    let page = include_str!("../../../docs/metrics.md");
    let heading = format!("\n## {section}\n");
    let (_, text) = page.split_once(&heading).unwrap();
    let text = text.split_once("\n## ").map_or(text, |(text, _)| text);
    let rows = text.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect()
}

/// Recipes that between them write every key.
const RUNS: &[&[&str]] = &[
    &[
        "policy.mini_batches=2",
        "rollout.views=2",
        "evaluation.cautious={}",
        "evaluation.borda=[0.3]",
    ],
    &[
        "rollout.refills=1",
        "policy.shaping=[{preference_as_reward={of='self_reward'}}]",
    ],
    &[
        "reward=[{part='verifier'},{part='format'},{part='self_judge',name='format-2',weight=0,prompt='{{ response }}?',max_tokens=2}]",
    ],
    &["correction.instruction='?'", "model.context=64"],
    &["likelihood={}"],
    &[
        "policy.advantage=no_baseline",
        "critic.coefficient=0.5",
        "self_reward.tau=0",
        "kl.coefficient=0.01",
        "entropy.coefficient=0.01",
        "policy.importance={}",
    ],
    &[
        "self_reward.loss=cross_entropy",
        "self_reward.incorrect_token=<|reserved_0|>",
    ],
    // Its gradients overflow.
    &[
        "self_reward.alpha=1e60",
        "self_reward.allow_partition_excess=true",
        "self_reward.reasoning_warmup=1",
        "steps=2",
    ],
    // Learns from written responses; its evaluations have a loss.
    &["method=supervised", "supervised.self_reward_weight=0.01"],
    // One step of warm start teaches nothing: this run shows bad signs.
    &[
        "warm_start.steps=1",
        "steps=6",
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "policy.credit=[{tempo={}}]",
        "rollout.continuations=1",
    ],
    &[
        "method=supervised",
        "supervised.loss={shaped={beta=0.5,far=-0.1,top_k=4}}",
    ],
    &[
        "distillation={route='failed',entropy_weight=1}",
        "kl.reference=ema",
    ],
    &[
        "preference={pair='implicit',consistency='average'}",
        "self_reward.tau=0",
    ],
];

#[test]
fn every_key_that_a_run_writes_is_documented_and_the_reverse() {
    let dir = tempfile::tempdir().unwrap();
    let (mut metrics, mut evals, mut samples) = (Keys::new(), Keys::new(), Keys::new());
    for (i, settings) in RUNS.iter().enumerate() {
        let out = dir.path().join(i.to_string());
        train(recipe(settings), &out, None);
        metrics.append(&mut keys(&lines(out.join("metrics.jsonl"))));
        evals.append(&mut keys(&lines(out.join("evals.jsonl"))));
        // What is written is not sampled.
        let sampled = out.join("samples/step-1.jsonl");
        if sampled.exists() {
            samples.append(&mut keys(&lines(sampled)));
        }
    }
    // Only a run on files has epochs: tests/supervised.rs.
    assert!(metrics.insert("data/epoch".into()));
    // Only a run with a guide rewards tokens: tests/preference.rs.
    assert!(metrics.insert("reward/tokens".into()));
    assert!(metrics.remove("reward/format") && metrics.insert("reward/<name>".into()));
    assert!(metrics.remove("reward/format-2"));
    let mut expected = documented("metrics.jsonl");
    if !cfg!(target_os = "linux") {
        expected.remove("memory/peak");
    }
    assert_eq!(metrics, expected);
    // Only where there are more subsets of k than are counted one by one.
    assert!(evals.insert("sampling_error".into()));
    assert_eq!(evals, documented("evals.jsonl"));
    // Training never draws more than it keeps.
    assert!(samples.insert("drawn".into()));
    assert_eq!(samples, documented("samples/step-N.jsonl"));
}

#[test]
fn the_smells_of_the_page_are_those_of_the_program() {
    let program: Keys = include_str!("../src/smells.rs")
        .lines()
        .filter_map(|l| l.trim().strip_prefix("(\"")?.split_once("\", self."))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(program.len() >= 9);
    assert_eq!(program, documented("Warnings"));
}

fn events(run: &Path) -> Vec<std::path::PathBuf> {
    tree(&run.join("tensorboard"))
}

/// Warnings of all lines with their steps.
fn warnings(run: &Path) -> Vec<(Value, Value)> {
    let lines = lines(run.join("metrics.jsonl"));
    let all = lines.iter().filter_map(|l| Some((l, l.get("warnings")?)));
    all.map(|(l, w)| (l["step"].clone(), w.clone())).collect()
}

#[test]
fn warnings_and_events_of_an_interrupted_run_are_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ["warm_start.steps=1", "steps=8", "save.every=3"];
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&settings), &whole, None);
    let expected = warnings(&whole);
    assert!(!expected.is_empty());
    for step in [2, 4, 5, 6, 7] {
        let phase = laser_train::Phase::Train;
        let options = if step == 2 {
            options(&out)
        } else {
            resuming(&out)
        };
        interrupted(recipe(&settings), options, phase, step);
        // What a crash leaves: steps after the checkpoint.
        if step == 6 {
            std::fs::remove_dir_all(out.join("checkpoints/step-6")).unwrap();
        }
    }
    run(recipe(&settings), resuming(&out)).unwrap();
    assert_eq!(warnings(&out), expected);
    // One file, with as much in it as that of the run that was not interrupted, times aside.
    let size = |run: &Path| -> u64 {
        let files = events(run);
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].metadata().unwrap().len()
    };
    assert_eq!(size(&out), size(&whole));
}

#[test]
fn a_run_without_tensorboard_leaves_no_events_of_an_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    interrupted(recipe(&[]), options(&out), laser_train::Phase::Train, 2);
    assert_eq!(events(&out).len(), 1);
    run(recipe(&["save.tensorboard=false"]), resuming(&out)).unwrap();
    assert!(!out.join("tensorboard").exists());
}
