//! Model folders made from fixtures/, for the commands that ask a model.

use super::*;
use serde_json::json;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

/// What PyTorch computed of a fixture.
pub fn reference(name: &str) -> Value {
    serde_json::from_str(&read(fixture(name).join("reference.json"))).unwrap()
}

/// A folder in which the fixture lies as `model`.
pub fn with_model(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
    }
    dir
}

/// The same with the self-reward of its reference.
pub fn with_self_reward(name: &str) -> TempDir {
    let dir = with_model(name);
    let id = reference(name)["self_reward_token"].clone();
    let tokenizer: Value =
        serde_json::from_str(&read(dir.path().join("model/tokenizer.json"))).unwrap();
    let tokens = tokenizer["added_tokens"].as_array().unwrap();
    let token = tokens.iter().find(|t| t["id"] == id).unwrap();
    let laser = json!({"token": token["content"], "token_id": id, "beta_v": 0.1, "c_ref": -9.0});
    write(&dir, "model/laser.json", &laser.to_string());
    dir
}

/// Makes about every twelfth token a stop token, because random weights hardly end.
pub fn widen_eos(dir: &TempDir) {
    let eos: Vec<u32> = (0..60).map(|i| i * 12 + 3).chain([763]).collect();
    let config = json!({"eos_token_id": eos});
    write(dir, "model/generation_config.json", &config.to_string());
}

pub fn write(dir: &TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).unwrap();
}

pub fn jsonl(rows: &[Value]) -> String {
    rows.iter().map(|r| format!("{r}\n")).collect()
}

/// The lines that a command writes.
#[track_caller]
pub fn rows(dir: &TempDir, args: &[&str]) -> Vec<Value> {
    let output = laser(dir.path(), args);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// Runs with something on standard input.
pub fn piped(dir: &Path, args: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command(dir, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[track_caller]
pub fn assert_close(got: &Value, expected: &Value) {
    let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!((got - expected).abs() < 2e-4, "{got} instead of {expected}");
}

/// A model with a self-reward whose responses end soon, and two problems in `d.jsonl`.
pub fn two_problems() -> TempDir {
    let dir = with_self_reward("qwen2");
    widen_eos(&dir);
    let rows = [
        json!({"prompt": "1+1", "answer": "2"}),
        json!({"prompt": "2+2", "answer": "4"}),
    ];
    write(&dir, "d.jsonl", &jsonl(&rows));
    dir
}
