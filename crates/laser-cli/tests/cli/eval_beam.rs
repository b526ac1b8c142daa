//! `--beam` of `laser eval` and `laser generate`.

use super::models::*;
use super::*;
use serde_json::json;

#[test]
fn generate_writes_the_hypotheses_of_transformers_the_best_first() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../laser-rollout/tests/beam/golden.json");
    let golden: Value = serde_json::from_str(&read(golden)).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let ended = |c: &&Value| {
        let zc = |f: &Value| f["zc"].is_number();
        c["model"] == "qwen2" && c["found"].as_array().unwrap().iter().any(zc)
    };
    let case = cases.iter().find(ended).expect("a response that ends");
    let dir = with_self_reward("qwen2");
    let config = json!({"eos_token_id": golden["stop"]});
    write(&dir, "model/generation_config.json", &config.to_string());
    write(&dir, "in.jsonl", &jsonl(&[json!({"ids": case["prompt"]})]));
    let width = case["width"].to_string();
    let alpha = case["length_penalty"].to_string();
    let got = rows(
        &dir,
        &[
            "generate",
            "--model",
            "model",
            "--input",
            "in.jsonl",
            "--max-new-tokens",
            "12",
            "--beam",
            &width,
            "--length-penalty",
            &alpha,
        ],
    );
    let expected = case["found"].as_array().unwrap();
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert_eq!((&g["sample"], &g["ids"]), (&i.into(), &e["ids"]));
        assert_close(&g["beam_score"], &e["score"]);
        assert_eq!(g["self_logprob"].is_number(), e["zc"].is_number());
    }
}

#[test]
fn an_evaluation_by_beam_search_says_what_the_likeliest_response_is_worth() {
    let dir = with_self_reward("qwen2");
    widen_eos(&dir);
    let problems = |gold: &str| {
        jsonl(&[
            json!({"prompt": "1+1", "answer": gold}),
            json!({"prompt": "2+2", "answer": gold}),
        ])
    };
    write(&dir, "d.jsonl", &problems("123456789"));
    let eval = [
        "eval",
        "--model",
        "model",
        "--data",
        "d.jsonl",
        "--max-new-tokens",
        "12",
    ];
    let ask = |out: &str, more: &[&str]| {
        let output = laser(dir.path(), &[&eval[..], more, &["--out", out]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let m: Value = serde_json::from_str(&stdout(&output)).unwrap();
        (
            m,
            lines(dir.path().join(out).join("results.jsonl")),
            stderr(&output),
        )
    };
    let (m, found, log) = ask("a", &["--beam", "3", "--length-penalty", "0.5"]);
    assert_eq!(m["beam"]["width"], 3);
    assert_eq!(m["beam"]["length_penalty"], 0.5);
    assert_eq!(m["beam"]["accuracy"]["value"], 0.0);
    assert_eq!((&m["n"], &m["sampling"]), (&3.into(), &Value::Null));
    assert!(log.contains("beam search of width 3") && log.contains("likeliest response is right"));
    assert_eq!(found.len(), 6);
    for pair in found.chunks(3) {
        let scores: Vec<f64> = pair
            .iter()
            .map(|r| r["beam_score"].as_f64().unwrap())
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b));
    }
    // Width 1 is greedy.
    let (_, one, _) = ask("b", &["--beam", "1"]);
    let (_, greedy, _) = ask("c", &["--greedy", "--n", "1"]);
    for (a, b) in one.iter().zip(&greedy) {
        for key in ROW {
            assert_eq!(a[key], b[key], "{key}");
        }
    }
    for (more, parts) in [
        (&["--beam", "0"][..], &["--beam"][..]),
        (&["--beam", "2", "--n", "4"], &["--beam", "--n"]),
        (
            &["--beam", "2", "--temperature", "0.5"],
            &["--beam", "--temperature"],
        ),
        (
            &["--beam", "2", "--length-penalty", "-1"],
            &["--length-penalty -1", "0 or more"],
        ),
        (
            &["--length-penalty", "2"],
            &["--length-penalty", "--beam WIDTH"],
        ),
        (&["--beam", "2", "--sweep", "k=1"], &["--beam", "--sweep"]),
    ] {
        fails(dir.path(), &[&eval[..], more].concat(), 2, parts);
    }
}
