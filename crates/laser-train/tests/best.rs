//! The best model by a test on the way is kept, and training may end when none gets better.

mod common;

use common::*;
use laser_train::Phase;
use serde_json::Value;

const SETTINGS: [&str; 6] = [
    "steps=12",
    "save.every=0",
    "save.keep=1",
    "save.best=accuracy",
    "evaluation.every=1",
    "optimizer.lr=0.006",
];

fn json(path: std::path::PathBuf) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

#[test]
fn the_best_checkpoint_is_kept_beside_the_newest_and_named() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&SETTINGS), dir.path(), None);
    let best = json(dir.path().join("best.json"));
    let base = json(dir.path().join("base-test.json"));
    let mut tests = vec![(0, base["quick"]["accuracy"]["value"].as_f64().unwrap())];
    let on_the_way = lines(dir.path().join("evals.jsonl"));
    // The last line is the final test, on more problems.
    for line in &on_the_way[..on_the_way.len() - 1] {
        let value = line["accuracy"]["value"].as_f64().unwrap();
        tests.push((line["step"].as_u64().unwrap(), value));
    }
    let last = rows(dir.path().join("results.jsonl"));
    let right = last[..3 * 4].iter().filter(|r| r.correct).count();
    tests.push((12, right as f64 / 12.0));
    assert_eq!(tests.len(), 13);
    let value = tests.iter().fold(0.0, |best: f64, t| best.max(t.1));
    let (step, _) = tests.iter().find(|t| t.1 == value).unwrap();
    assert!(*step > 0, "a test with something to see: {tests:?}");
    assert_eq!(
        (&best["metric"], &best["step"]),
        (&"accuracy".into(), &(*step).into())
    );
    assert!((best["value"].as_f64().unwrap() - value).abs() < 1e-12);
    assert_eq!(json(dir.path().join("summary.json"))["best"], best);
    let mut kept: Vec<String> = std::fs::read_dir(dir.path().join("checkpoints"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    let mut expected = ["step-12".to_owned(), format!("step-{step}")];
    expected.sort();
    assert_eq!(kept, expected);
    assert_eq!(best["model"], format!("checkpoints/step-{step}"));
    weights(dir.path(), *step);
}

#[test]
fn training_ends_early_when_the_metric_stays_as_it_is_and_a_resumed_run_ends_at_the_same_step() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    let patient = [&SETTINGS[..], &["evaluation.patience=2"]].concat();
    let (outcome, said) = notes(recipe(&patient), options(&whole));
    let outcome = outcome.unwrap();
    let summary = json(whole.join("summary.json"));
    let end = summary["steps"].as_u64().unwrap();
    assert!((2..12).contains(&end), "{summary}");
    assert_eq!(summary["best"]["step"], end - 2);
    assert_eq!(summary["stopped_early"]["of_steps"], 12);
    assert!(
        said.contains(&format!(
            "stopping early after step {end} of 12: accuracy was best"
        )),
        "{said}"
    );
    assert!(outcome.checkpoint.ends_with(format!("step-{end}")));
    // The final test takes the place of the one on the way.
    let evals = lines(whole.join("evals.jsonl"));
    let last: Vec<&Value> = evals.iter().filter(|e| e["step"] == end).collect();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["accuracy"], summary["final"]["accuracy"]);
    assert_eq!(
        metrics(&whole)
            .iter()
            .filter(|m| m["phase"] != "sft")
            .count() as u64,
        end
    );

    for step in 1..=end {
        let _ = std::fs::remove_dir_all(&out);
        interrupted(recipe(&patient), options(&out), Phase::Train, step);
        run(recipe(&patient), resuming(&out)).unwrap();
        assert_same_run(&whole, &out, end, &format!("interrupted after {step}"));
        assert_eq!(read(whole.join("best.json")), read(out.join("best.json")));
    }
    // It is finished, until it is asked to go on.
    let before = contents(&out);
    let (outcome, said) = notes(recipe(&patient), resuming(&out));
    outcome.unwrap();
    assert!(said.contains("where it stopped early; 0 steps"), "{said}");
    assert!(contents(&out) == before);
    run(recipe(&SETTINGS), resuming(&out)).unwrap();
    train(recipe(&SETTINGS), &dir.path().join("all"), None);
    assert_same_run(
        &dir.path().join("all"),
        &out,
        12,
        "gone on after an early stop",
    );
}

#[test]
fn another_metric_on_resume_takes_the_best_of_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    interrupted(recipe(&SETTINGS), options(out), Phase::Train, 9);
    let other = [&SETTINGS[..], &["save.best=self_verification.ece"]].concat();
    run(recipe(&other), resuming(out)).unwrap();
    let best = json(out.join("best.json"));
    assert_eq!(best["metric"], "self_verification.ece");
    let model = best["model"].as_str().unwrap();
    assert!(out.join(model).join("model.safetensors").exists(), "{best}");
}
