//! `laser eval --recipe`.

use super::models::*;
use super::*;

#[test]
fn a_checkpoint_answers_the_test_problems_of_its_recipe_as_its_run_did() {
    let dir = workplace();
    let train = ["train", "tiny.toml", "--out", "run", "--seed", "3"];
    assert!(laser(dir.path(), &train).status.success());
    let run: Value = serde_json::from_str(&read(dir.path().join("run/summary.json"))).unwrap();
    let model = ["eval", "--model", "run/checkpoints/step-5"];
    // The run's own recipe has its seed; another file of the same needs it.
    for (recipe, out) in [
        (&["--recipe", "run/config.toml"][..], "a"),
        (&["--recipe", "tiny.toml", "--seed", "3"], "b"),
    ] {
        let args = [&model[..], recipe, &["--out", out]].concat();
        let output = laser(dir.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        let m: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(m["metrics"], run["final"]);
        assert_eq!(m["calibration"], run["calibration"]);
        assert_eq!(
            (&m["problems"], &m["n"], &m["seed"], &m["max_new_tokens"]),
            (&5.into(), &4.into(), &3.into(), &16.into())
        );
        let expected = lines(dir.path().join("run/results.jsonl"));
        let rows = lines(dir.path().join(out).join("results.jsonl"));
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(&expected) {
            for key in ROW {
                assert_eq!(row[key], expected[key], "{key}");
            }
            assert_eq!(
                (&row["source"], &row["level"]),
                (&"arithmetic".into(), &"1".into())
            );
        }
    }
    // What is given wins over the recipe.
    let args = [
        "--recipe",
        "tiny.toml",
        "--problems",
        "3",
        "--n",
        "2",
        "--bootstrap",
        "0",
    ];
    let output = laser(dir.path(), &[&model[..], &args].concat());
    let m: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&m["problems"], &m["n"], &m["seed"]),
        (&3.into(), &2.into(), &7.into())
    );
    let ks: Vec<_> = m["metrics"]["maj_at"].as_object().unwrap().keys().collect();
    assert_eq!(ks, ["1", "2"]);
    assert_eq!(m["metrics"]["accuracy"]["low"], Value::Null);
}

#[test]
fn what_does_not_go_with_a_recipe_is_named() {
    let dir = with_model("qwen2");
    std::fs::write(dir.path().join("tiny.toml"), TINY).unwrap();
    let eval = ["eval", "--model", "model"];
    let with = |more: &[&'static str]| [&eval[..], more].concat();
    for (args, parts) in [
        (
            &["--recipe", "tiny.toml", "--data", "d.jsonl"][..],
            &["--recipe", "--data"][..],
        ),
        (
            &["--recipe", "tiny.toml", "--template", "{prompt}"],
            &["--template"],
        ),
        (
            &["--problems", "3", "--data", "d.jsonl"],
            &["--problems", "--data"],
        ),
        (
            &["--recipe", "none.toml"],
            &["none.toml", "built-in recipes"],
        ),
        (
            &["--recipe", "tiny.toml", "--problems", "100000"],
            &["distinct test problems"],
        ),
        (
            &["--recipe", "tiny.toml", "--ks", "8"],
            &["--ks 8", "raise --n"],
        ),
        (&[], &["--data FILE is missing"]),
    ] {
        fails(dir.path(), &with(args), 2, parts);
    }
}

#[test]
fn a_file_may_have_responses_format_and_name_of_its_own() {
    let dir = with_model("qwen2");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../laser-data/tests/data");
    for name in ["gsm8k", "math500"] {
        let file = format!("{name}.jsonl");
        std::fs::copy(data.join(&file), dir.path().join(&file)).unwrap();
    }
    let args = [
        "eval",
        "--model",
        "model",
        "--max-new-tokens",
        "2",
        "--bootstrap",
        "0",
        "--out",
        "o",
        "--data",
        "gsm8k.jsonl,format=gsm8k,n=3",
        "--data",
        "math500.jsonl,format=math500,name=math,n=1",
    ];
    let output = laser(dir.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let m: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let rows = lines(dir.path().join("o/results.jsonl"));
    let count = |source: &str| rows.iter().filter(|r| r["source"] == source).count();
    let problems = |source: &str| m["by_source"][source]["problems"].as_u64().unwrap() as usize;
    assert_eq!(count("gsm8k"), 3 * problems("gsm8k"));
    assert_eq!(count("math"), problems("math"));
    assert_eq!(
        m["n_by_file"],
        serde_json::json!({"gsm8k.jsonl": 3, "math500.jsonl": 1})
    );
    assert!(m["by_source"]["gsm8k"]["metrics"]["maj_at"]["2"].is_object());
    fails(
        dir.path(),
        &[
            "eval",
            "--model",
            "model",
            "--data",
            "gsm8k.jsonl,n=2",
            "--data",
            "gsm8k.jsonl",
        ],
        2,
        &["gsm8k.jsonl", "twice with different n"],
    );
    fails(
        dir.path(),
        &["calibrate", "--model", "model", "--data", "gsm8k.jsonl,n=2"],
        2,
        &["--pairs"],
    );
}
