//! `laser eval --sweep` and `laser sweep`.

use super::models::*;
use super::*;

const EVAL: [&str; 9] = [
    "eval",
    "--model",
    "model",
    "--data",
    "d.jsonl",
    "--max-new-tokens",
    "8",
    "--bootstrap",
    "20",
];

fn eval(dir: &TempDir, more: &[&str]) -> (Value, String) {
    let output = laser(dir.path(), &[&EVAL[..], more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    (
        serde_json::from_str(&stdout(&output)).unwrap(),
        stderr(&output),
    )
}

#[test]
fn every_value_of_a_sweep_is_what_an_evaluation_at_it_would_find() {
    let dir = two_problems();
    let sweeps = [
        "--sweep",
        "k=1..4",
        "--sweep",
        "temperature=0.5,1",
        "--sweep",
        "beam=1,2",
        "--out",
        "a",
    ];
    let (m, log) = eval(&dir, &sweeps);
    assert_eq!(m["n"], 4, "the largest k");
    let points = m["sweep"].as_array().unwrap();
    let settings: Vec<(&str, f64)> = points
        .iter()
        .map(|p| (p["axis"].as_str().unwrap(), p["value"].as_f64().unwrap()))
        .collect();
    let expected = [
        ("k", 1.0),
        ("k", 2.0),
        ("k", 4.0),
        ("temperature", 0.5),
        ("temperature", 1.0),
        ("beam", 1.0),
        ("beam", 2.0),
    ];
    assert_eq!(settings, expected);
    for p in points {
        for key in ["accuracy", "majority", "weighted", "best", "pass", "f1"] {
            assert_estimate(&p[key]);
        }
    }
    for (i, k) in [(0, "1"), (1, "2"), (2, "4")] {
        assert_eq!(points[i]["majority"], m["metrics"]["maj_at"][k]);
        assert_eq!(points[i]["pass"], m["metrics"]["pass_at"][k]);
        assert_eq!(points[i]["accuracy"], m["metrics"]["accuracy"]);
    }
    assert_eq!(points[2]["tokens"], m["tokens"]);
    let near = points[0]["tokens"].as_f64().unwrap() - m["tokens"].as_f64().unwrap() / 4.0;
    assert!(near.abs() <= 0.5);
    let (cold, _) = eval(&dir, &["--n", "4", "--temperature", "0.5"]);
    assert_eq!(points[3]["accuracy"], cold["metrics"]["accuracy"]);
    assert_eq!(points[3]["tokens"], cold["tokens"]);
    assert_eq!(points[4]["tokens"], m["tokens"]);
    let (beam, _) = eval(&dir, &["--beam", "2"]);
    assert_eq!(points[6]["accuracy"], beam["beam"]["accuracy"]);
    assert_eq!(points[6]["tokens"], beam["tokens"]);

    assert!(
        log.contains("temperature 0.5") && log.contains("beam 2"),
        "{log}"
    );
    let csv = read(dir.path().join("a/sweep.csv"));
    assert_eq!(csv.lines().count(), 1 + points.len());
    let columns = |line: &str| line.split(',').count();
    assert!(
        csv.lines()
            .all(|l| columns(l) == columns(csv.lines().next().unwrap())),
        "{csv}"
    );
    let page = read(dir.path().join("a/sweep.html"));
    assert!(page.contains("Accuracy over responses k") && page.contains("<svg"));
    assert!(!page.contains("http"), "the page loads nothing");
}

#[test]
fn the_sweeps_of_several_models_become_one_table_and_one_page() {
    let dir = two_problems();
    eval(&dir, &["--sweep", "k=1,2", "--out", "one"]);
    std::fs::remove_file(dir.path().join("model/laser.json")).unwrap();
    eval(&dir, &["--sweep", "k=1,2", "--out", "two"]);
    let output = laser(
        dir.path(),
        &["sweep", "one", "other=two", "--out", "p.html"],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), 4);
    for (row, start) in rows.iter().zip([
        "| k 1 | one | 1 |",
        "| k 1 | other | 1 |",
        "| k 2 | one | 2 |",
        "| k 2 | other | 2 |",
    ]) {
        assert!(row.starts_with(start), "{table}");
    }
    // Without a self-reward there is nothing to weigh by.
    assert!(rows[1].contains("– | – |"), "{table}");
    let page = read(dir.path().join("p.html"));
    assert!(page.contains("majority vote, over responses k") && page.contains("other"));

    std::fs::write(dir.path().join("summary.json"), "{}").unwrap();
    for (args, parts) in [
        (&["sweep"][..], &["DIR"][..]),
        (
            &["sweep", "nowhere"],
            &["nowhere/summary.json", "laser eval --sweep"],
        ),
        (&["sweep", "."], &["no sweep", "laser eval --sweep"]),
        (
            &["sweep", "one", "two/../one"],
            &["two folders are called one", "NAME=DIR"],
        ),
    ] {
        fails(dir.path(), args, 2, parts);
    }
}

#[test]
fn bad_sweeps_are_named() {
    let dir = two_problems();
    for (more, parts) in [
        (&["--sweep", "n=1"][..], &["k, temperature, beam"][..]),
        (&["--sweep", "k=0"], &["k=0", "whole number"]),
        (
            &["--sweep", "k=1", "--sweep", "k=2"],
            &["--sweep k", "twice"],
        ),
        (
            &["--n", "2", "--sweep", "k=1,4"],
            &["k = 4", "--n 2", "raise --n"],
        ),
    ] {
        fails(dir.path(), &[&EVAL[..], more].concat(), 2, parts);
    }
}
