//! Training a model that is there on problems from files.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, Recipe};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A tiny model whose random weights end a response every few tokens, and files of problems.
fn workplace(model: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    copy(&fixtures.join(model), &path);
    let eos: Vec<u32> = (0..768)
        .filter(|id| id % 8 == 1 && *id < 760 || *id == 765)
        .collect();
    let generation = json!({"eos_token_id": eos});
    std::fs::write(path.join("generation_config.json"), generation.to_string()).unwrap();
    let rows = |from: usize, to: usize| -> String {
        let row = |i: usize| json!({"question": format!("What is {i} plus {i}?"), "answer": (2 * i).to_string()});
        (from..to).map(|i| row(i).to_string() + "\n").collect()
    };
    std::fs::write(dir.path().join("train.jsonl"), rows(0, 40)).unwrap();
    std::fs::write(dir.path().join("test.jsonl"), rows(38, 48)).unwrap();
    (dir, path)
}

/// A short run on those files.
fn files(dir: &Path, more: &[&str]) -> Recipe {
    parse(dir, more).unwrap()
}

fn parse(dir: &Path, more: &[&str]) -> Result<Recipe, laser_train::TrainError> {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut settings = vec![
        format!("model.path='{}'", path("model")),
        "model.context=0".into(),
        format!("data.train=['{}']", path("train.jsonl")),
        format!("data.test=['{}']", path("test.jsonl")),
        "data.columns={prompt='question', answer='answer'}".into(),
        "self_reward.token='<|vision_start|>'".into(),
        "self_reward.allow_partition_excess=true".into(),
        "self_reward.calibration_pairs=16".into(),
        // Every reward is 0 with random weights: the lengths differ.
        "reward=[{part='verifier'}, {part='length', weight=1.0}]".into(),
        "evaluation.problems=100".into(),
    ];
    settings.extend(more.iter().map(|s| s.to_string()));
    Recipe::parse("tiny.toml", include_str!("common/tiny.toml"), &settings)
}

fn error(recipe: Recipe, out: &Path) -> String {
    run(recipe, options(out)).unwrap_err().to_string()
}

#[test]
fn a_run_on_files_reports_what_it_read_and_goes_on_after_an_interruption() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let (whole, out) = (dir.join("whole"), dir.join("out"));
    train(files(dir, &[]), &whole, None);
    interrupted(files(dir, &[]), options(&out), Phase::Train, 2);
    run(files(dir, &[]), resuming(&out)).unwrap();
    assert_same_run(&whole, &out, 5, "files");

    let report: Value = serde_json::from_str(&read(whole.join("data.json"))).unwrap();
    assert_eq!(report["train"]["rows"], 40);
    assert_eq!(report["train"]["overlap_dropped"], 2);
    assert_eq!(report["train"]["problems"], 38);
    assert_eq!(report["test"]["problems"], 10);
    // All test problems there are, and the chat template around each.
    let rows = rows(whole.join("results.jsonl"));
    assert_eq!(rows.len(), 10 * files(dir, &[]).evaluation.samples);
    assert!(rows[0].prompt.starts_with("<|im_start|>") && rows[0].prompt.contains("38 plus 38?"));
    assert_eq!(rows[0].gold, "76");
}

#[test]
fn the_second_view_of_a_row_is_its_paraphrase_and_a_row_without_one_is_refused() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let views = ["rollout.views=2", "steps=1", "rollout.prompts=4"];
    let refused = error(files(dir, &views), &dir.join("refused"));
    let told = "train.jsonl:1: no column `paraphrase` for the paraphrase";
    assert!(refused.contains(told), "{refused}");
    let row = |i: usize| json!({"question": format!("What is {i} plus {i}?"), "answer": (2 * i).to_string(), "again": format!("Double {i}.")});
    let rows_of_train: String = (0..30).map(|i| row(i).to_string() + "\n").collect();
    std::fs::write(dir.join("train.jsonl"), rows_of_train).unwrap();
    let out = dir.join("out");
    let paraphrased = [
        &views[..],
        &[
            "data.columns.paraphrase=again",
            "policy.shaping=[{co_reward={share=0.5}}]",
        ],
    ];
    train(files(dir, &paraphrased.concat()), &out, None);
    let sampled = rows(out.join("samples/step-1.jsonl"));
    assert_eq!(sampled.len(), 4 * 2 * 4);
    for problem in sampled.chunks(8) {
        assert!(problem[0].prompt.contains(" plus ") && problem[4].prompt.contains("Double "));
        assert_eq!(problem[0].gold, problem[4].gold);
    }
}

#[test]
fn a_second_turn_goes_on_with_the_conversation() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let turns = |said: &str| {
        let said = format!("correction.instruction='{said}'");
        let settings = [
            said.as_str(),
            "steps=1",
            "rollout.prompts=4",
            "policy.shaping=[{self_correction={}}]",
        ];
        files(dir, &settings)
    };
    let refused = error(turns("{prompt} again"), &dir.join("refused"));
    assert!(refused.contains("correction.instruction"), "{refused}");
    let out = dir.join("out");
    train(turns("Try again."), &out, None);
    let sampled = rows(out.join("samples/step-1.jsonl"));
    assert_eq!(sampled.len(), 4 * 2 * 4);
    for problem in sampled.chunks(8) {
        for (first, second) in problem[..4].iter().zip(&problem[4..]) {
            let said =
                "<|im_end|>\n<|im_start|>user\nTry again.<|im_end|>\n<|im_start|>assistant\n";
            let asked = format!("{}{}{said}", first.prompt, first.response);
            assert_eq!(second.prompt, asked);
        }
    }
}

#[test]
fn files_that_changed_since_are_refused() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let out = dir.join("out");
    interrupted(files(dir, &[]), options(&out), Phase::Train, 2);
    let path = dir.join("train.jsonl");
    let text = read(&path).replacen("What is 1 plus 1?", "What is 1 plus 2?", 1);
    std::fs::write(&path, text).unwrap();
    let error = run(files(dir, &[]), resuming(&out))
        .unwrap_err()
        .to_string();
    assert!(error.contains("other problems now"), "{error}");
}

#[test]
fn an_adapter_on_files_needs_neither_a_chat_template_nor_shuffling() {
    let (dir, model) = workplace("llama3");
    let out = dir.path().join("out");
    let settings = [
        "self_reward.token=''",
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "data.chat=false",
        "data.shuffle=false",
        "data.template='{prompt} Answer:'",
        "lora.rank=2",
        "rollout.prompts=4",
    ];
    train(files(dir.path(), &settings), &out, None);
    let sampled = rows(out.join("samples/step-1.jsonl"));
    let mut prompts: Vec<&str> = sampled.iter().map(|r| r.prompt.as_str()).collect();
    prompts.dedup();
    let expected: Vec<String> = (0..4)
        .map(|i| format!("What is {i} plus {i}? Answer:"))
        .collect();
    assert_eq!(prompts, expected);
    let config = read(out.join("checkpoints/step-5/adapter_config.json"));
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["base_model_name_or_path"], json!(model));
}

#[test]
fn prompts_without_room_for_a_response_are_left_out_and_counted() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let long = json!({"question": "word ".repeat(200), "answer": "1"});
    let path = dir.join("train.jsonl");
    std::fs::write(&path, format!("{}{long}\n", read(&path))).unwrap();
    let out = dir.join("out");
    train(files(dir, &["model.context=128", "steps=1"]), &out, None);
    let report: Value = serde_json::from_str(&read(out.join("data.json"))).unwrap();
    assert_eq!(report["train"]["too_long"]["count"], 1);
    let first = report["train"]["too_long"]["first"][0].as_str().unwrap();
    assert!(first.ends_with("train.jsonl:41"), "{first}");
    // Without a context of one's own the model's is the bound.
    let longer = json!({"question": "word ".repeat(2000), "answer": "1"});
    std::fs::write(&path, format!("{}{longer}\n", read(&path))).unwrap();
    let out = dir.join("model's");
    train(files(dir, &["steps=1"]), &out, None);
    let report: Value = serde_json::from_str(&read(out.join("data.json"))).unwrap();
    assert_eq!(report["train"]["too_long"]["count"], 1);
    // And with a bound of one's own, in tokens of the whole prompt.
    let error = error(
        files(dir, &["data.max_prompt_tokens=3"]),
        &dir.join("short"),
    );
    assert!(error.contains("max_prompt_tokens"), "{error}");
}

#[test]
fn bad_models_and_bad_data_are_named_before_anything_is_written() {
    let (dir, model) = workplace("qwen2");
    let dir = dir.path();
    let out = dir.join("out");
    let refused = |more: &[&str], words: &[&str]| {
        let error = match parse(dir, more) {
            Ok(recipe) => error(recipe, &out),
            Err(e) => e.to_string(),
        };
        for word in words {
            assert!(error.contains(word), "{more:?}: {error}");
        }
        assert!(!out.exists(), "{more:?}");
    };
    refused(&["model.path='nowhere'"], &["nowhere"]);
    refused(&["model.path=''"], &["model.path", "files"]);
    refused(&["data.test=[]"], &["data.test", "test_fraction"]);
    refused(
        &["data.columns={prompt='text', answer='answer'}"],
        &["train.jsonl", "text", "question"],
    );
    refused(&["self_reward.token='<|nope|>'"], &["self_reward.token"]);
    refused(&["memory_gib=0.001"], &["memory", "GiB"]);
    refused(&["data.template='no slot'"], &["data.template", "{prompt}"]);

    let train = dir.join("train.jsonl");
    let text = read(&train);
    std::fs::write(&train, text.replacen("\n", "\nnot json\n", 1)).unwrap();
    refused(&[], &["train.jsonl:2"]);
    std::fs::write(&train, "").unwrap();
    refused(&[], &["train"]);
    std::fs::write(&train, text).unwrap();

    // A tokenizer that knows more tokens than the model has rows.
    let config = model.join("config.json");
    let whole = read(&config);
    let small = whole.replace("\"vocab_size\": 768", "\"vocab_size\": 700");
    assert_ne!(small, whole);
    std::fs::write(&config, small).unwrap();
    refused(&[], &["700"]);
    std::fs::write(&config, whole).unwrap();

    let tokenizer = model.join("tokenizer_config.json");
    let whole = read(&tokenizer);
    let mut broken: Value = serde_json::from_str(&whole).unwrap();
    broken["chat_template"] = json!("{{ raise_exception('no system here') }}");
    std::fs::write(&tokenizer, broken.to_string()).unwrap();
    refused(&[], &["no system here"]);
    broken["chat_template"] = json!("{% for m in messages %}");
    std::fs::write(&tokenizer, broken.to_string()).unwrap();
    refused(&[], &["chat template"]);
    std::fs::write(&tokenizer, whole).unwrap();

    let weights = model.join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    refused(&[], &["model.safetensors", "fetch it again"]);
}

#[test]
fn an_adapter_goes_on_being_trained_and_is_not_adapted_again() {
    let (dir, _) = workplace("qwen2");
    let dir = dir.path();
    let first = dir.join("first");
    train(files(dir, &["lora.rank=2", "steps=1"]), &first, None);
    let adapter = first.join("checkpoints/step-1");
    let path = format!("model.path='{}'", adapter.display());
    let refused = error(files(dir, &[&path, "lora.rank=4"]), &dir.join("second"));
    assert!(
        refused.contains("lora.rank") && refused.contains("laser export"),
        "{refused}"
    );
    let third = dir.join("third");
    train(files(dir, &[&path, "steps=1"]), &third, None);
    let value = |dir: &Path| std::fs::read(dir.join("adapter_model.safetensors")).unwrap();
    let last = third.join("checkpoints/step-1");
    assert!(value(&last) != value(&adapter));
    let base = |dir: &Path| -> Value {
        let config: Value = serde_json::from_str(&read(dir.join("adapter_config.json"))).unwrap();
        config["base_model_name_or_path"].clone()
    };
    assert_eq!(base(&last), base(&adapter));
    std::fs::remove_dir_all(dir.join("model")).unwrap();
    let gone = error(files(dir, &[&path]), &dir.join("fourth"));
    assert!(gone.contains("the base model"), "{gone}");
}
