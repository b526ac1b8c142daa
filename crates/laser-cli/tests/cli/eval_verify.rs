//! `laser eval --self-verify`.

use super::models::*;
use super::*;
use serde_json::json;

const EVAL: [&str; 9] = [
    "eval",
    "--model",
    "model",
    "--data",
    "d.jsonl",
    "--max-new-tokens",
    "8",
    "--n",
    "4",
];

fn eval(dir: &TempDir, more: &[&str]) -> (Value, Vec<Value>, String) {
    let output = laser(dir.path(), &[&EVAL[..], more, &["--out", "o"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = lines(dir.path().join("o/results.jsonl"));
    std::fs::remove_dir_all(dir.path().join("o")).unwrap();
    (
        serde_json::from_str(&stdout(&output)).unwrap(),
        rows,
        stderr(&output),
    )
}

#[test]
fn the_first_token_says_how_much_more_likely_yes_is_than_no() {
    let dir = two_problems();
    let template = "{problem} / {response} ?";
    let (m, rows, log) = eval(
        &dir,
        &[
            "--self-verify",
            "yes-no",
            "--verify-template",
            template,
            "--chat",
            "no",
        ],
    );
    let p = &m["prompted"];
    assert_eq!(
        (&p["how"], &p["template"]),
        (&"yes-no".into(), &template.into())
    );
    assert_eq!(
        (&p["tokens_written"], &p["unparsable"]),
        (&0.into(), &0.into())
    );
    let finished: Vec<&Value> = rows.iter().filter(|r| r["finish"] == "stop").collect();
    assert!(!finished.is_empty());
    assert_eq!(p["judged"], finished.len());
    assert_eq!(m["self_reward_positions"], finished.len());
    assert!(p["tokens_read"].as_u64().unwrap() > 0);
    for part in ["asked in words", "last token", "tokens read"] {
        assert!(log.contains(part), "'{part}' is missing in: {log}");
    }
    for r in &rows {
        assert_eq!(r["prompted_score"].is_number(), r["finish"] == "stop");
        if let Some(score) = r["prompted_score"].as_f64() {
            assert!((0.0..=1.0).contains(&score));
            assert_eq!(r["prompted_verdict"], score > 0.5);
        }
    }
    // The share again from what the command score says of " Yes" and its kind.
    let row = finished[0];
    let asked = format!(
        "{} / {} ?",
        row["prompt"].as_str().unwrap(),
        row["response"].as_str().unwrap()
    );
    let firsts = |words: [&str; 4]| -> Vec<f64> {
        let first = |word: &str| {
            let line = json!({"prompt": asked, "response": word}).to_string();
            let output = piped(dir.path(), &["score", "--model", "model"], &line);
            let scored: Value = serde_json::from_str(&stdout(&output)).unwrap();
            scored["logprobs"][0].as_f64().unwrap()
        };
        let mut all: Vec<f64> = words.into_iter().map(first).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    };
    let yes = firsts(["Yes", " Yes", "yes", " yes"]);
    let no = firsts(["No", " No", "no", " no"]);
    // A token with which both begin tells nothing.
    let mass = |a: &[f64], b: &[f64]| -> f64 {
        let own = a.iter().filter(|l| !b.contains(l));
        own.map(|l| l.exp()).sum()
    };
    let (yes, no) = (mass(&yes, &no), mass(&no, &yes));
    let share = yes / (yes + no);
    let got = row["prompted_score"].as_f64().unwrap();
    assert!((got - share).abs() < 1e-3, "{got} instead of {share}");
}

#[test]
fn written_judgements_are_parsed_counted_and_vote() {
    let dir = two_problems();
    let (m, rows, _) = eval(&dir, &["--self-verify", "prompt", "--verify-tokens", "5"]);
    let p = &m["prompted"];
    assert!(p["template"].as_str().unwrap().contains("{problem}"));
    let judged = p["judged"].as_u64().unwrap();
    assert!(judged > 0);
    let written = p["tokens_written"].as_u64().unwrap();
    assert!(written >= judged && written <= 5 * judged);
    // A model of random weights says neither Yes nor No.
    assert_eq!(p["unparsable"], judged);
    assert_eq!(
        p["metrics"]["self_verification"]["auroc"]["value"],
        Value::Null
    );
    assert_estimate(&p["metrics"]["weighted_at"]["4"]);
    for r in rows.iter().filter(|r| r["finish"] == "stop") {
        assert_eq!(
            (&r["prompted_score"], &r["prompted_verdict"]),
            (&0.0.into(), &Value::Null)
        );
    }
    let bad: [(&[&str], &[&str]); 4] = [
        (&["--self-verify", "maybe"], &["prompt", "yes-no"]),
        (
            &["--self-verify", "yes-no", "--verify-template", "x"],
            &["{response}"],
        ),
        (
            &["--self-verify", "yes-no", "--verify-tokens", "5"],
            &["--verify-tokens"],
        ),
        (&["--verify-template", "{response}"], &["--self-verify"]),
    ];
    for (more, parts) in bad {
        fails(dir.path(), &[&EVAL[..], more].concat(), 2, parts);
    }
}

#[test]
fn a_question_that_the_tokenizer_cannot_write_is_refused() {
    let dir = workplace();
    let train = ["train", "tiny.toml", "--out", "run"];
    assert!(laser(dir.path(), &train).status.success());
    let args = [
        "eval",
        "--model",
        "run/checkpoints/step-5",
        "--recipe",
        "tiny.toml",
        "--self-verify",
        "prompt",
    ];
    fails(
        dir.path(),
        &args,
        2,
        &["cannot write the judging question", "own characters"],
    );
}
