//! `laser vote`.

use super::*;
use serde_json::json;

/// A folder with `in.jsonl`.
fn folder(rows: &[Value]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text: String = rows.iter().map(|r| format!("{r}\n")).collect();
    std::fs::write(dir.path().join("in.jsonl"), text).unwrap();
    dir
}

/// Standard output of a vote on `in.jsonl`.
#[track_caller]
fn vote(dir: &TempDir, args: &[&str]) -> String {
    let args = [&["vote", "--input", "in.jsonl", "--bootstrap", "50"], args].concat();
    let output = laser(dir.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[track_caller]
fn report(rows: &[Value], args: &[&str]) -> Value {
    serde_json::from_str(&vote(&folder(rows), args)).unwrap()
}

#[track_caller]
fn refused(rows: &[Value], args: &[&str], parts: &[&str]) {
    let args = [&["vote", "--input", "in.jsonl"], args].concat();
    fails(folder(rows).path(), &args, 2, parts);
}

fn value(report: &Value, pointer: &str) -> f64 {
    let value = report.pointer(pointer).and_then(|e| e["value"].as_f64());
    value.unwrap_or_else(|| panic!("{pointer} in {report}"))
}

/// A right answer in two ways, outvoted by text but not by mathematics; and a confident minority.
fn two_problems() -> [Value; 2] {
    [
        json!({"gold": "1/2", "answers": ["2", "0.5", "2", "\\frac12", "so \\boxed{1/2}"],
               "scores": [0.1, 0.9, 0.2, 0.8, null]}),
        json!({"gold": 7, "answers": ["5", "5", 7, null], "scores": [0.1, 0.2, 0.9, null]}),
    ]
}

#[test]
fn votes_go_by_mathematical_equality_and_have_intervals() {
    let report = report(&two_problems(), &["--k", "1,4"]);
    assert_eq!(report["problems"], 2);
    let keys: Vec<&String> = report["k"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["1", "4"]);
    // Of the first problem's subsets of four, two of five leave "2" behind by number and one ties.
    assert_eq!(value(&report, "/k/1/pass"), (3.0 / 5.0 + 1.0 / 4.0) / 2.0);
    assert_eq!(value(&report, "/k/4/pass"), 1.0);
    assert_eq!(value(&report, "/k/4/maj"), (2.0 / 5.0) / 2.0);
    assert_eq!(value(&report, "/k/4/weighted"), 1.0);
    let weighted = &report["k"]["4"]["weighted"];
    assert!(weighted["low"].is_number() && weighted["high"].is_number());
    assert!(value(&report, "/self_verification/auroc") > 0.9);
    assert!(value(&report, "/risk_coverage/weighted/aurc") <= 1.0);
}

#[test]
fn without_k_powers_of_two_up_to_the_smallest_problem_are_taken() {
    let report = report(&two_problems(), &[]);
    let keys: Vec<&String> = report["k"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["1", "2", "4"]);
}

#[test]
fn raw_weights_are_the_scores_as_they_are() {
    let rows = [json!({"gold": "7", "answers": ["5", "7", "7"], "scores": [1.5, 0.6, 0.6]})];
    let at = |args: &[&str]| value(&report(&rows, args), "/k/3/weighted");
    assert_eq!(at(&["--k", "3"]), 1.0);
    assert_eq!(at(&["--k", "3", "--weights", "raw"]), 0.0);
    // With the best alone it is the first; as a majority the others.
    let borda = |p| {
        value(
            &report(&rows, &["--k", "3", "--borda-power", p]),
            "/k/3/borda",
        )
    };
    assert_eq!((borda("0"), borda("inf")), (1.0, 0.0));
}

#[test]
fn several_scores_are_compared_on_the_same_answers() {
    let rows: Vec<Value> = (0..6)
        .map(|i| {
            json!({"gold": "7", "answers": ["5", "7"], "own": [0.2, 0.1 * f64::from(i)],
                   "judge": [0.1, 0.9]})
        })
        .collect();
    let report = report(&rows, &["--score", "own", "--score", "judge"]);
    assert_eq!(value(&report, "/scores/own/k/2/best"), 3.0 / 6.0);
    assert_eq!(value(&report, "/scores/judge/k/2/best"), 1.0);
    assert_eq!(value(&report, "/scores/judge/minus_first/2/best"), 0.5);
    assert_eq!(value(&report, "/scores/judge/self_verification/f1"), 1.0);
    assert!(report["scores"]["own"].get("minus_first").is_none());
}

#[test]
fn the_results_of_an_evaluation_are_read_with_their_own_labels() {
    let row = |prompt: &str, extracted: Option<&str>, correct: bool, score: Option<f64>| {
        json!({"prompt": prompt, "response": "...", "gold": "1;2", "extracted": extracted,
               "correct": correct, "self_reward": score, "length": 12, "finish": "stop"})
    };
    // A checker of its own accepts what does not equal the gold answer.
    let rows = [
        row("a", Some("2;1"), true, Some(0.9)),
        row("a", None, false, None),
        row("b", Some("3"), false, Some(0.2)),
        row("b", Some("1;2"), false, Some(0.4)),
    ];
    let report = report(&rows, &[]);
    assert_eq!(report["problems"], 2);
    assert_eq!(value(&report, "/k/2/maj"), 0.5);
    assert_eq!(value(&report, "/self_verification/tpr"), 1.0);
}

#[test]
fn stopping_early_and_abstaining_are_measured_on_request() {
    let rows: Vec<Value> = (0..200)
        .map(|i| {
            let right = i % 5 != 0;
            let answer = if right { "7" } else { "5" };
            let score = if right { 0.9 } else { 0.1 };
            json!({"gold": "7", "answers": vec![answer; 8], "scores": vec![score; 8]})
        })
        .collect();
    let dir = folder(&rows);
    let args = [
        "--adaptive",
        "0.1",
        "--precision",
        "0.9",
        "--risk-coverage",
        "rc.csv",
    ];
    let report: Value = serde_json::from_str(&vote(&dir, &args)).unwrap();
    assert_eq!(value(&report, "/k/8/adaptive/accuracy"), 0.8);
    assert_eq!(value(&report, "/k/8/adaptive/agreement"), 1.0);
    assert!(value(&report, "/k/8/adaptive/samples") < 8.0);
    let precision = &report["precision"];
    assert_eq!(
        (
            &precision["calibration_problems"],
            &precision["test_problems"]
        ),
        (&json!(100), &json!(100))
    );
    assert!(precision["threshold"]["above"].as_f64().unwrap() < 0.9);
    assert_eq!(value(&report, "/precision/test/precision"), 1.0);
    let csv = std::fs::read_to_string(dir.path().join("rc.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "score,vote,threshold,coverage,risk");
    assert_eq!(lines[1], "\"scores\",majority,1,1,0.2");
    assert!(lines[2].starts_with("\"scores\",weighted,0.89") && lines[2].ends_with(",0.8,0"));

    let none = report_of_few();
    assert_eq!(none["precision"]["threshold"], Value::Null);
    assert_eq!(none["precision"]["test"], Value::Null);
}

fn report_of_few() -> Value {
    report(&two_problems(), &["--precision", "0.9"])
}

#[test]
fn an_answer_is_chosen_for_each_problem_without_gold_answers() {
    let mut rows = two_problems();
    for (i, row) in rows.iter_mut().enumerate() {
        let row = row.as_object_mut().unwrap();
        row.remove("gold");
        row.insert("id".into(), json!({"n": i}));
    }
    let dir = folder(&rows);
    let choose = |method| -> Vec<Value> {
        let text = vote(&dir, &["--choose", method]);
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    };
    let weighted = choose("weighted");
    assert_eq!(weighted[0]["answer"], "0.5");
    assert_eq!(weighted[0]["id"], json!({"n": 0}));
    assert_eq!(
        (&weighted[1]["answer"], &weighted[1]["index"]),
        (&json!("7"), &json!(2))
    );
    let confidence = weighted[1]["confidence"].as_f64().unwrap();
    assert!((confidence - 0.9 / 4.0).abs() < 1e-6);
    let majority = choose("majority");
    assert_eq!(
        (&majority[1]["answer"], &majority[1]["votes"]),
        (&json!("5"), &json!(2.0))
    );
    assert_eq!(choose("best")[1]["index"], 2);
    assert_eq!(choose("borda")[0]["answer"], "0.5");
}

#[test]
fn the_same_input_and_seed_give_the_same_bytes() {
    let dir = folder(&two_problems());
    assert_eq!(vote(&dir, &[]), vote(&dir, &[]));
}

#[test]
fn a_bad_line_is_named_with_its_file() {
    let good = two_problems();
    let line2 = "in.jsonl, line 2: ";
    for (row, parts) in [
        (json!({"gold": "1"}), &["'answers' is missing"][..]),
        (json!({"gold": "1", "answers": []}), &["'answers' is empty"]),
        (
            json!({"gold": "1", "answers": "1"}),
            &["'answers' is a string; a list"],
        ),
        (
            json!({"gold": "1", "answers": [["1"]]}),
            &["'answers[0]' is a list; a string or a number"],
        ),
        (
            json!({"gold": [1], "answers": ["1"]}),
            &["'gold' is a list; a string or a number"],
        ),
        (
            json!({"gold": " ", "answers": ["1"]}),
            &["'gold' cannot be read", "empty"],
        ),
        (
            json!({"gold": "1", "answers": ["1", "2"], "scores": [0.5]}),
            &["'scores' has 1 elements and 'answers' 2"],
        ),
        (
            json!({"gold": "1", "answers": ["1"], "scores": ["high"]}),
            &["'scores[0]' is a string; a number or null"],
        ),
        (
            json!({"gold": "1", "answers": ["1"], "scores": [1e300]}),
            &["'scores[0]'", "too large"],
        ),
        (
            json!({"answers": ["1"]}),
            &["'gold' is missing", "--choose METHOD"],
        ),
        (
            json!({"prompt": "a", "response": "1"}),
            &["a response per line and a problem per line"],
        ),
    ] {
        let parts = [&[line2], parts].concat();
        refused(&[good[0].clone(), row], &[], &parts);
    }
    refused(
        &[json!({"response": "1"})],
        &[],
        &["line 1: 'prompt' is missing"],
    );
    let labelled = json!({"prompt": "a", "extracted": "1", "correct": true});
    let plain = json!({"prompt": "a", "extracted": "1"});
    refused(
        &[labelled, plain],
        &[],
        &["line 2: 'correct' is in some responses"],
    );
    refused(&[], &[], &["in.jsonl: empty"]);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let rows = two_problems();
    refused(&rows, &["--k", "9"], &["--k 9", "more than 5 answers"]);
    refused(&rows, &["--k", "0"], &["0"]);
    refused(
        &rows,
        &["--score", "judge"],
        &["line 1: 'judge' is missing", "--score judge"],
    );
    refused(
        &rows,
        &["--score", "a", "--score", "a"],
        &["--score a: given twice"],
    );
    refused(&rows, &["--adaptive", "1"], &["--adaptive", "below 1"]);
    refused(
        &rows,
        &["--precision", "1"],
        &["--precision", "between 0 and 1"],
    );
    refused(&rows, &["--borda-power", "-1"], &["at least 0"]);
    refused(
        &rows,
        &["--choose", "best", "--k", "2"],
        &["--choose", "--k"],
    );
    let two = ["--choose", "best", "--score", "a", "--score", "b"];
    refused(&rows, &two, &["--choose goes by one score"]);
    fails(
        folder(&rows).path(),
        &["vote", "--input", "none.jsonl"],
        2,
        &["none.jsonl"],
    );
}
