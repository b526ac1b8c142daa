//! `laser calibrate`.

use super::models::*;
use super::*;
use serde_json::json;

const CALIBRATE: [&str; 9] = [
    "calibrate",
    "--model",
    "model",
    "--data",
    "d.jsonl",
    "--max-new-tokens",
    "12",
    "--pairs",
    "60",
];

fn folder() -> TempDir {
    let dir = with_model("qwen2");
    widen_eos(&dir);
    let questions = ["1+1", "2+2", "3+3"].map(|q| json!({"prompt": q}));
    write(&dir, "d.jsonl", &jsonl(&questions));
    dir
}

#[track_caller]
fn calibrate(dir: &TempDir, more: &[&str]) -> (Value, String) {
    let output = laser(dir.path(), &[&CALIBRATE[..], more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    (
        serde_json::from_str(&stdout(&output)).unwrap(),
        stderr(&output),
    )
}

#[test]
fn the_token_and_the_constant_are_written_and_then_found_by_the_other_commands() {
    let dir = folder();
    let (m, log) = calibrate(&dir, &["--beta-v", "10", "--write"]);
    let tokens: Vec<_> = m["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["token"].as_str().unwrap())
        .collect();
    // <|im_start|> and <|im_end|> are in the template, <|endoftext|> ends.
    assert_eq!(tokens, ["<|vision_start|>", "<|vision_end|>"]);
    let finished = m["finished"].as_u64().unwrap();
    assert!(finished > 10 && finished < 60, "{finished}");
    let chosen = &m["chosen"];
    for c in m["candidates"].as_array().unwrap() {
        let get = |key: &str| c[key].as_f64().unwrap();
        assert!(get("min") < get("mean") && get("mean") < get("max"));
        assert!((get("noise") - 10.0 * get("std")).abs() < 1e-5);
        assert!(chosen["noise"].as_f64().unwrap() <= get("noise"));
        assert_eq!(c["holds"], get("partition_excess") <= 1e-3);
    }
    for part in [
        "finished responses, fewer than 300",
        "least built-in noise",
        "[self_reward]",
        "c_ref = \"reference\"",
        "more than 0.05",
        "written: ",
    ] {
        assert!(log.contains(part), "'{part}' is missing in: {log}");
    }
    assert_eq!(
        m["recommended"],
        json!({"beta_v": 10.0, "c_ref": "reference"})
    );
    let laser_json: Value =
        serde_json::from_str(&read(dir.path().join("model/laser.json"))).unwrap();
    assert_eq!(
        laser_json,
        json!({
            "token": chosen["token"], "token_id": chosen["token_id"], "beta_v": 10.0, "c_ref": chosen["mean"]
        })
    );
    write(&dir, "in.jsonl", "{\"ids\": [1, 763]}\n");
    let scored = rows(&dir, &["score", "--model", "model", "--input", "in.jsonl"]);
    assert!(scored[0]["self_reward"].is_number());

    // It is there now, and changes nothing of what is measured.
    let again = [&CALIBRATE[..], &["--beta-v", "10", "--write"]].concat();
    fails(dir.path(), &again, 2, &["laser.json", "--force"]);
    let only = [
        "--beta-v",
        "10",
        "--write",
        "--force",
        "--token",
        "<|vision_end|>",
        "--only",
    ];
    let (forced, _) = calibrate(&dir, &only);
    assert_eq!(forced["candidates"], json!([m["candidates"][1]]));
    let text = read(dir.path().join("model/laser.json"));
    assert!(text.contains("<|vision_end|>"), "{text}");
}

#[test]
fn where_no_token_is_rare_enough_the_smallest_beta_v_is_named_and_nothing_written() {
    let dir = folder();
    let output = laser(dir.path(), &[&CALIBRATE[..], &["--write"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let (m, log): (Value, _) = (
        serde_json::from_str(&stdout(&output)).unwrap(),
        stderr(&output),
    );
    assert_eq!(m["holds"], false);
    let needed = m["chosen"]["smallest_beta_v"].as_f64().unwrap();
    assert!(
        needed > 0.5 && log.contains("nothing was written"),
        "{needed} {log}"
    );
    assert!(log.contains(&format!("--beta-v {needed}")), "{log}");
    assert!(!dir.path().join("model/laser.json").exists());
    let (m, _) = calibrate(&dir, &["--beta-v", &needed.to_string()]);
    assert_eq!(m["holds"], true);
}

#[test]
fn too_few_responses_and_bad_tokens_are_refused() {
    let dir = folder();
    fails(
        dir.path(),
        &[&CALIBRATE[..], &["--token", "<|none|>"]].concat(),
        2,
        &["<|none|>", "no such token"],
    );
    fails(
        dir.path(),
        &[&CALIBRATE[..], &["--only"]].concat(),
        2,
        &["--token"],
    );
    fails(
        dir.path(),
        &[&CALIBRATE[..], &["--force"]].concat(),
        2,
        &["--write"],
    );
    fails(
        dir.path(),
        &[&CALIBRATE[..], &["--beta-v", "0"]].concat(),
        2,
        &["--beta-v", "above 0"],
    );
    // The fixture's one stop token hardly ever comes.
    write(&dir, "model/generation_config.json", "{}");
    let short = [&CALIBRATE[..5], &["--max-new-tokens", "1", "--pairs", "5"]].concat();
    let parts = ["only 0 of 5 responses ended", "--max-new-tokens"];
    fails(dir.path(), &short, 2, &parts);
}

#[test]
fn a_folder_in_the_cache_of_the_hub_is_not_written_to() {
    let dir = folder();
    let snapshot = dir.path().join("models--a--b/snapshots/0123");
    std::fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
    std::fs::rename(dir.path().join("model"), &snapshot).unwrap();
    let args = [
        "calibrate",
        "--model",
        "models--a--b/snapshots/0123",
        "--data",
        "d.jsonl",
        "--write",
    ];
    fails(dir.path(), &args, 2, &["hub's cache", "copy the model"]);
}
