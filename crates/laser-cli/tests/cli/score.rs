//! `laser score`.

use super::models::*;
use super::*;
use serde_json::json;

const SCORE: [&str; 5] = ["score", "--model", "model", "--input", "in.jsonl"];

#[test]
fn scores_are_those_of_pytorch_in_order_and_whatever_the_batches() {
    let (dir, r) = (with_self_reward("qwen2"), reference("qwen2"));
    let sequences = r["sequences"].as_array().unwrap();
    let input: Vec<Value> = sequences
        .iter()
        .enumerate()
        .map(|(i, s)| json!({"id": {"n": i}, "ids": s["ids"], "self_reward": "old"}))
        .collect();
    write(&dir, "in.jsonl", &jsonl(&input));
    let got = rows(&dir, &SCORE);
    assert_eq!(got.len(), sequences.len());
    for (i, (got, expected)) in got.iter().zip(sequences).enumerate() {
        let logprobs = got["logprobs"].as_array().unwrap();
        let expected_logprobs = expected["logprobs"].as_array().unwrap();
        assert_eq!(logprobs.len(), expected_logprobs.len());
        for (g, e) in logprobs.iter().zip(expected_logprobs) {
            assert_close(g, e);
        }
        assert_close(&got["self_logprob"], &expected["zc_logprob_last"]);
        let score = 0.1 * (got["self_logprob"].as_f64().unwrap() + 9.0);
        assert_close(&got["self_reward"], &json!(score));
        assert_eq!(got["id"], json!({"n": i}));
        assert_eq!(got.as_object().unwrap().len(), 4);
    }
    let whole = stdout(&laser(dir.path(), &SCORE));
    for batch in ["1", "200"] {
        let args = [&SCORE[..], &["--batch-tokens", batch, "--threads", "2"]].concat();
        assert_eq!(stdout(&laser(dir.path(), &args)), whole);
    }
}

#[test]
fn a_conversation_is_scored_over_its_response_with_the_token_that_ends_it() {
    let (dir, r) = (with_self_reward("qwen2"), reference("qwen2"));
    write(
        &dir,
        "model/generation_config.json",
        r#"{"eos_token_id": [763, 765]}"#,
    );
    let chat = &r["chat"];
    write(
        &dir,
        "in.jsonl",
        &jsonl(&[
            json!({"messages": chat["messages"], "response": "1"}),
            json!({"prompt": "1+1=", "response": "1"}),
            json!({"prompt": "1+1=", "response": ""}),
        ]),
    );
    let got = rows(&dir, &SCORE);
    let lengths: Vec<usize> = got
        .iter()
        .map(|g| g["logprobs"].as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [2, 2, 1]);
    assert!(got.iter().all(|g| g["self_reward"].is_number()));
    // The same from the ids: "1" is 16, <|im_end|> 765.
    let mut ids = chat["ids"].as_array().unwrap().clone();
    ids.extend([json!(16), json!(765)]);
    write(&dir, "in.jsonl", &jsonl(&[json!({"ids": ids})]));
    let by_ids = rows(&dir, &SCORE).remove(0);
    let all = by_ids["logprobs"].as_array().unwrap();
    assert_eq!(
        got[0]["logprobs"].as_array().unwrap()[..],
        all[all.len() - 2..]
    );
    assert_eq!(got[0]["self_logprob"], by_ids["self_logprob"]);
}

#[test]
fn without_laser_json_or_stop_token_there_is_no_self_reward() {
    let dir = with_model("llama3");
    let input = "{\"ids\": [5, 6, 763]}\n{\"ids\": [7]}\n";
    let output = piped(dir.path(), &["score", "--model", "model"], input);
    assert!(stderr(&output).contains("no laser.json"));
    let got: Vec<Value> = stdout(&output)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(got[0]["self_logprob"], Value::Null);
    assert_eq!(
        got[1],
        json!({"logprobs": [], "self_logprob": null, "self_reward": null})
    );
    let dir = with_self_reward("llama3");
    write(&dir, "in.jsonl", "{\"ids\": [5, 763, 6]}\n");
    assert_eq!(rows(&dir, &SCORE)[0]["self_reward"], Value::Null);
}

#[test]
fn a_bad_line_is_named_with_what_was_expected_before_anything_is_written() {
    let dir = with_model("qwen2");
    for (bad, parts) in [
        ("{\"ids\": []}", &["no tokens"][..]),
        ("{\"ids\": [1, 768]}", &["'ids'", "768", "768 tokens"]),
        ("{\"ids\": [-1]}", &["'ids'", "whole numbers"]),
        (
            "{\"ids\": \"1\"}",
            &["'ids' is a string", "list of token ids"],
        ),
        (
            "{\"ids\": [1], \"response\": \"x\"}",
            &["there are: ids, response"],
        ),
        (
            "{\"prompt\": \"x\"}",
            &["\"response\"", "there are: prompt"],
        ),
        (
            "{\"prompt\": 1, \"response\": \"x\"}",
            &["'prompt' is a number", "a string"],
        ),
        (
            "{\"prompt\": \"x\", \"response\": null}",
            &["'response' is null"],
        ),
        (
            "{\"messages\": [], \"response\": \"x\"}",
            &["'messages'", "without messages"],
        ),
        (
            "{\"messages\": [{\"role\": \"user\"}], \"response\": \"x\"}",
            &["'messages'", "content"],
        ),
        ("[1]", &["a list where {\"ids\""]),
        ("{\"ids\": [1", &["not JSON", "column"]),
        ("\u{0}", &["not JSON"]),
        ("", &["empty"]),
    ] {
        write(
            &dir,
            "in.jsonl",
            &format!("{{\"ids\": [1, 2]}}\n{bad}\n{{\"ids\": [1]}}\n"),
        );
        let parts = [&["in.jsonl, line 2: "], parts].concat();
        fails(dir.path(), &SCORE, 2, &parts);
    }
    let long = json!({"ids": vec![1; 513]});
    write(&dir, "in.jsonl", &jsonl(&[long]));
    fails(
        dir.path(),
        &SCORE,
        2,
        &["line 1", "513 tokens exceed the context of 512"],
    );
    write(
        &dir,
        "in.jsonl",
        "{\"prompt\": \"\", \"response\": \"x\"}\n",
    );
    fails(dir.path(), &SCORE, 2, &["line 1", "no tokens"]);
    // From a pipe the lines before it are written.
    let output = piped(
        dir.path(),
        &["score", "--model", "model"],
        "{\"ids\": [1, 2]}\n{}\n",
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output).lines().count(), 1);
    assert!(stderr(&output).contains("standard input, line 2"));
}

#[test]
fn a_model_that_is_not_there_or_broken_ends_with_status_2() {
    let dir = with_self_reward("qwen2");
    write(&dir, "in.jsonl", "{\"ids\": [1, 2]}\n");
    let args = |model| ["score", "--model", model, "--input", "in.jsonl"];
    fails(
        dir.path(),
        &args("no such"),
        2,
        &["'no such'", "neither a folder"],
    );
    fails(dir.path(), &args("."), 2, &["config.json"]);
    fails(dir.path(), &["score"], 2, &["--model"]);
    fails(
        dir.path(),
        &[&SCORE[..], &["--context", "600"]].concat(),
        2,
        &["context = 600", "512"],
    );
    fails(
        dir.path(),
        &["score", "--model", "model", "--input", "none"],
        2,
        &["none"],
    );
    write(&dir, "model/laser.json", "{}");
    fails(
        dir.path(),
        &SCORE,
        2,
        &["laser.json", "token", "is expected"],
    );
}
