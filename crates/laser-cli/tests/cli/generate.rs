//! `laser generate`.

use super::models::*;
use super::*;
use serde_json::json;

const GENERATE: [&str; 5] = ["generate", "--model", "model", "--input", "in.jsonl"];

#[test]
fn greedy_ids_are_those_of_pytorch() {
    for name in ["qwen2", "qwen3", "llama3"] {
        let (dir, r) = (with_model(name), reference(name));
        let input = json!({"ids": r["greedy"]["prompt"], "id": "a"});
        write(&dir, "in.jsonl", &jsonl(&[input]));
        let new = ["--max-new-tokens", "24"];
        let greedy = rows(
            &dir,
            &[&GENERATE[..], &new, &["--greedy", "--logprobs"]].concat(),
        );
        let row = &greedy[0];
        assert_eq!(row["ids"], r["greedy"]["output"]);
        assert_eq!(
            (&row["finish"], &row["length"], &row["id"]),
            (&"length".into(), &24.into(), &"a".into())
        );
        assert_eq!(row["logprobs"].as_array().unwrap().len(), 24);
        // The fixture's generation_config.json does not sample.
        let makers = rows(
            &dir,
            &[&GENERATE[..], &new, &["--defaults", "model"]].concat(),
        );
        assert_eq!(makers[0]["ids"], row["ids"]);
        assert!(makers[0].get("logprobs").is_none());
    }
}

#[test]
fn weights_read_as_bfloat16_give_nearly_the_same_numbers() {
    let (dir, r) = (with_model("qwen2"), reference("qwen2"));
    let input = json!({"ids": r["greedy"]["prompt"]});
    write(&dir, "in.jsonl", &jsonl(&[input]));
    let args = [
        &GENERATE[..],
        &["--max-new-tokens", "1", "--greedy", "--logprobs"],
    ]
    .concat();
    let [whole, half] = ["float32", "bfloat16"].map(|dtype| {
        let row = &rows(&dir, &[&args[..], &["--dtype", dtype]].concat())[0];
        assert_eq!(row["ids"][0], r["greedy"]["output"][0]);
        row["logprobs"][0].as_f64().unwrap()
    });
    assert!(
        whole != half && (whole - half).abs() < 0.05,
        "{whole}, {half}"
    );
    let wrong = [&args[..], &["--dtype", "half"]].concat();
    fails(
        dir.path(),
        &wrong,
        2,
        &["--dtype", "float32 and bfloat16 are the types"],
    );
}

#[test]
fn every_prompt_gets_its_samples_in_order_with_the_self_reward_of_those_that_end() {
    let (dir, r) = (with_self_reward("qwen2"), reference("qwen2"));
    widen_eos(&dir);
    write(
        &dir,
        "in.jsonl",
        &jsonl(&[
            json!({"messages": r["chat"]["messages"]}),
            json!({"prompt": "A craft store"}),
            json!({"ids": [32, 761]}),
        ]),
    );
    let args = [
        &GENERATE[..],
        &["--n", "5", "--max-new-tokens", "14", "--logprobs"],
    ]
    .concat();
    let got = rows(&dir, &args);
    let places: Vec<(u64, u64)> = got
        .iter()
        .map(|g| (g["index"].as_u64().unwrap(), g["sample"].as_u64().unwrap()))
        .collect();
    let expected: Vec<(u64, u64)> = (0..3).flat_map(|i| (0..5).map(move |s| (i, s))).collect();
    assert_eq!(places, expected);
    assert_eq!(got[0]["prompt"], r["chat"]["text"]);
    assert_eq!(got[5]["prompt"], "A craft store");
    let ended = got.iter().filter(|g| g["finish"] == "stop").count();
    assert!(ended > 1 && ended < 15, "{ended}");
    for g in &got {
        assert_eq!(g["self_reward"].is_number(), g["finish"] == "stop");
        let length = g["length"].as_u64().unwrap() as usize;
        assert_eq!(g["ids"].as_array().unwrap().len(), length);
        assert_eq!(g["logprobs"].as_array().unwrap().len(), length);
    }
    // Neither threads nor the lines around it change a response; the seed does.
    let threads = rows(&dir, &[&args[..], &["--threads", "2"]].concat());
    assert_eq!(threads, got);
    let seeded = rows(&dir, &[&args[..], &["--seed", "1"]].concat());
    assert_ne!(seeded, got);
    // What was sampled is scored alike.
    let ids = |g: &Value| {
        let prompt = [32, 761].map(Value::from);
        let all: Vec<Value> = prompt
            .iter()
            .chain(g["ids"].as_array().unwrap())
            .cloned()
            .collect();
        json!({"ids": all})
    };
    let last: Vec<Value> = got[10..].iter().map(ids).collect();
    write(&dir, "in.jsonl", &jsonl(&last));
    let scored = rows(&dir, &["score", "--model", "model", "--input", "in.jsonl"]);
    for (s, g) in scored.iter().zip(&got[10..]) {
        assert_eq!(
            s["logprobs"].as_array().unwrap()[1..],
            g["logprobs"].as_array().unwrap()[..]
        );
        assert_eq!(
            (&s["self_logprob"], &s["self_reward"]),
            (&g["self_logprob"], &g["self_reward"])
        );
    }
}

#[test]
fn an_output_file_is_whole_or_absent() {
    let dir = with_model("qwen2");
    write(&dir, "in.jsonl", "{\"prompt\": \"1\"}\n");
    let args = [
        &GENERATE[..],
        &["--max-new-tokens", "3", "--output", "out.jsonl"],
    ]
    .concat();
    let output = laser(dir.path(), &args);
    assert!(output.status.success() && stdout(&output).is_empty());
    assert!(stderr(&output).contains("1 prompts, 1 responses, 3 tokens"));
    assert_eq!(lines(dir.path().join("out.jsonl")).len(), 1);
    let before = read(dir.path().join("out.jsonl"));
    write(&dir, "in.jsonl", "{\"prompt\": \"1\"}\nx\n");
    fails(dir.path(), &args, 2, &["in.jsonl, line 2: not JSON"]);
    assert_eq!(read(dir.path().join("out.jsonl")), before);
    assert!(!dir.path().join("out.jsonl.partial").exists());
}

#[test]
fn bad_prompts_and_settings_are_named() {
    let dir = with_model("qwen3");
    std::fs::remove_file(dir.path().join("model/chat_template.jinja")).unwrap();
    for (line, parts) in [
        ("{}", &["no prompt", "\"messages\""][..]),
        (
            "{\"prompt\": \"1\", \"ids\": [1]}",
            &["'prompt' and 'ids' at once"],
        ),
        (
            "{\"messages\": [{\"role\": \"user\", \"content\": \"1\"}]}",
            &["'messages'", "no chat template"],
        ),
        ("{\"prompt\": \"\"}", &["no tokens"]),
        (
            "{\"prompt\": \"1\"}",
            &["up to 512 new ones exceed the context of 512"],
        ),
    ] {
        write(&dir, "in.jsonl", line);
        fails(
            dir.path(),
            &GENERATE,
            2,
            &[&["in.jsonl, line 1: "], parts].concat(),
        );
    }
    for (flag, value) in [
        ("--top-p", "1.5"),
        ("--temperature", "-1"),
        ("--n", "0"),
        ("--max-new-tokens", "0"),
    ] {
        fails(
            dir.path(),
            &[&GENERATE[..], &[flag, value]].concat(),
            2,
            &[flag],
        );
    }
    fails(
        dir.path(),
        &[&GENERATE[..], &["--template-arg", "x"]].concat(),
        2,
        &["KEY=VALUE"],
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = with_model("qwen2");
    let script = "for i in 1 2 3 4 5 6 7 8; do echo '{\"prompt\": \"1\"}'; done | \
        { \"$0\" generate --model model --n 300 --max-new-tokens 2 --threads 1; echo \"status $?\" >&2; } | head -n 1";
    let output = Command::new("sh")
        .current_dir(dir.path())
        .args(["-c", script, env!("CARGO_BIN_EXE_laser")])
        .output()
        .unwrap();
    let error = stderr(&output);
    assert!(
        error.contains("status 0") && !error.contains("error"),
        "{error}"
    );
    assert_eq!(stdout(&output).lines().count(), 1);
}
