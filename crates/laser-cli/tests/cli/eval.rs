//! `laser eval`.

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
    "12",
    "--n",
    "4",
];

/// Three problems of two levels.
fn problems(gold: &str) -> String {
    jsonl(&[
        json!({"prompt": "1+1", "answer": gold, "level": 1}),
        json!({"prompt": "2+2", "answer": gold, "level": 2}),
        json!({"prompt": "3+3", "answer": gold, "level": 2}),
        json!({"prompt": "no answer", "answer": null, "level": 3}),
    ])
}

#[track_caller]
fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

#[test]
fn metrics_are_those_of_a_run_and_the_rows_behind_them_are_written() {
    let dir = with_self_reward("qwen2");
    widen_eos(&dir);
    write(&dir, "d.jsonl", &problems("123456789"));
    let first = summary(&laser(dir.path(), &[&EVAL[..], &["--out", "a"]].concat()));
    assert_eq!(first["metrics"]["accuracy"]["value"], 0.0);
    // An answer that the model gives, to something it was asked, becomes the right one.
    let given = lines(dir.path().join("a/results.jsonl"));
    let found = given
        .iter()
        .find(|r| r["extracted"].is_string())
        .expect("a response with an answer");
    write(
        &dir,
        "d.jsonl",
        &problems(found["extracted"].as_str().unwrap()),
    );

    let output = laser(dir.path(), &[&EVAL[..], &["--out", "b"]].concat());
    let m = summary(&output);
    let table = stderr(&output);
    for part in [
        "accuracy (avg@n)",
        "maj@4",
        "AUROC",
        "level",
        "left out, no answer",
    ] {
        assert!(table.contains(part), "'{part}' is missing in: {table}");
    }
    assert_has_keys(
        &m,
        &[
            "model",
            "data",
            "problems",
            "n",
            "seed",
            "sampling",
            "metrics",
            "calibration",
            "by_source",
            "by_level",
        ],
    );
    assert_eq!(
        (&m["n"], &m["problems"], &m["left_out"]["no_answer"]),
        (&4.into(), &3.into(), &1.into())
    );
    assert_eq!(m["data"], json!(["d.jsonl"]));
    assert_eq!(
        m["sampling"],
        json!({"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0})
    );
    assert_eq!(m["self_reward"]["c_ref"], -9.0);
    assert_estimate(&m["metrics"]["accuracy"]);
    for at in ["pass_at", "maj_at", "weighted_at", "best_at"] {
        for k in ["1", "2", "4"] {
            assert_estimate(&m["metrics"][at][k]);
        }
    }
    let written: Value = serde_json::from_str(&read(dir.path().join("b/summary.json"))).unwrap();
    assert_eq!(written, m);

    let rows = lines(dir.path().join("b/results.jsonl"));
    assert_eq!(rows.len(), 12);
    let correct = rows.iter().filter(|r| r["correct"] == true).count();
    assert!(correct > 0);
    let accuracy = m["metrics"]["accuracy"]["value"].as_f64().unwrap();
    assert!((accuracy - correct as f64 / 12.0).abs() < 1e-12);
    for row in &rows {
        assert_has_keys(row, &ROW);
        assert_eq!(row.as_object().unwrap().len(), ROW.len() + 2);
        assert_eq!(row["source"], "d");
        assert_eq!(row["self_reward"].is_number(), row["finish"] == "stop");
    }
    // The gold answer changes no response.
    for (a, b) in given.iter().zip(&rows) {
        assert_eq!(a["response"], b["response"]);
    }
    // One source is the whole; levels are parts.
    assert_eq!(m["by_source"], json!({}));
    let levels = m["by_level"].as_object().unwrap();
    let counts: Vec<_> = levels
        .iter()
        .map(|(l, p)| (l.as_str(), p["problems"].as_u64()))
        .collect();
    assert_eq!(counts, [("1", Some(1)), ("2", Some(2))]);
    let sum: f64 = levels
        .values()
        .map(|p| {
            p["problems"].as_f64().unwrap() * p["metrics"]["accuracy"]["value"].as_f64().unwrap()
        })
        .sum();
    assert!((sum / 3.0 - accuracy).abs() < 1e-12);
}

#[test]
fn formats_columns_templates_and_limits_say_what_is_asked() {
    let dir = with_model("qwen2");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../laser-data/tests/data");
    for name in ["gsm8k", "math500"] {
        let file = format!("{name}.jsonl");
        std::fs::copy(data.join(&file), dir.path().join(&file)).unwrap();
    }
    let small = [
        "--max-new-tokens",
        "2",
        "--n",
        "1",
        "--bootstrap",
        "0",
        "--greedy",
    ];
    let base = ["eval", "--model", "model", "--out"];
    let ask = |out: &str, more: &[&str]| {
        let output = laser(dir.path(), &[&base[..], &[out], &small, more].concat());
        (
            summary(&output),
            lines(dir.path().join(out).join("results.jsonl")),
            stderr(&output),
        )
    };
    let (m, rows, log) = ask(
        "a",
        &["--data", "gsm8k.jsonl", "--format", "gsm8k", "--limit", "2"],
    );
    assert_eq!(
        (m["problems"].as_u64(), rows[0]["gold"].as_str()),
        (Some(2), Some("72"))
    );
    assert!(
        log.contains("through the chat template") && log.contains("greedy"),
        "{log}"
    );
    assert_eq!(
        m["metrics"]["accuracy"]["low"],
        Value::Null,
        "no intervals were asked for"
    );
    // Without a self-reward there is nothing to say of it.
    assert!(
        !log.contains("AUROC") && m["self_reward"].is_null(),
        "{log}"
    );

    let math = [
        "--data",
        "math500.jsonl",
        "--column",
        "prompt=problem",
        "--column",
        "level=subject",
    ];
    let shown = [
        "--template",
        "Q: {prompt} A:",
        "--system",
        "Be exact.",
        "--chat",
        "no",
    ];
    let (m, rows, _) = ask("b", &[&math[..], &shown].concat());
    assert_eq!(m["chat"], false);
    assert_eq!(
        rows[0]["prompt"],
        "Be exact.\n\nQ: Evaluate $\\log_264$. A:"
    );
    assert_eq!(rows[0]["level"], "Algebra");
    let (m, _, log) = ask(
        "c",
        &[
            "--data",
            "math500.jsonl",
            "--format",
            "math500",
            "--data",
            "math500.jsonl",
        ],
    );
    assert_eq!(m["problems"], 4);
    assert!(log.contains("duplicates"), "{log}");
}

#[test]
fn bad_data_and_settings_are_named() {
    let dir = with_model("qwen2");
    write(&dir, "d.jsonl", &problems("1"));
    write(
        &dir,
        "q.jsonl",
        "{\"question\": \"1+1\", \"answer\": \"2\"}\n",
    );
    let with = |more: &[&'static str]| [&EVAL[..3], &["--max-new-tokens", "12"], more].concat();
    fails(
        dir.path(),
        &with(&["--data", "q.jsonl"]),
        2,
        &[
            "q.jsonl:1",
            "`prompt`",
            "`question`",
            "--column prompt=NAME",
        ],
    );
    fails(
        dir.path(),
        &with(&["--data", "none.jsonl"]),
        2,
        &["none.jsonl"],
    );
    fails(dir.path(), &with(&["--data", "model"]), 2, &[".parquet"]);
    fails(dir.path(), &with(&[]), 2, &["--data"]);
    fails(
        dir.path(),
        &[&EVAL[..], &["--format", "gsm"]].concat(),
        2,
        &["gsm8k", "columns"],
    );
    fails(
        dir.path(),
        &[&EVAL[..], &["--column", "prompts=x"]].concat(),
        2,
        &["ROLE=NAME", "messages"],
    );
    let twice = ["--column", "prompt=a", "--column", "prompt=b"];
    fails(
        dir.path(),
        &[&EVAL[..], &twice].concat(),
        2,
        &["--column prompt", "twice"],
    );
    fails(
        dir.path(),
        &[&EVAL[..], &["--template", "x"]].concat(),
        2,
        &["template", "{prompt}"],
    );
    fails(
        dir.path(),
        &[&EVAL[..], &["--ks", "8"]].concat(),
        2,
        &["--ks 8", "--n 4"],
    );
    fails(
        dir.path(),
        &EVAL[..5],
        2,
        &["max_new_tokens = 512", "no room"],
    );
    // A folder with results, of a run for example, is left alone.
    std::fs::create_dir(dir.path().join("run")).unwrap();
    write(&dir, "run/summary.json", "mine");
    fails(
        dir.path(),
        &[&EVAL[..], &["--out", "run"]].concat(),
        2,
        &["run/summary.json", "another folder"],
    );
    assert_eq!(read(dir.path().join("run/summary.json")), "mine");
    fails(
        dir.path(),
        &[&EVAL[..], &["--out", "d.jsonl"]].concat(),
        2,
        &["not a folder"],
    );
}
