//! `laser export`.

use laser_rollout::SelfRewardPosition;
use laser_rollout::score::Sequence;
use laser_train::Learner;

use super::*;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// An adapter of `fixtures/lora` with its base model beside it; what it computes.
fn adapter(dir: &Path, name: &str) -> Value {
    copy(&fixture("lora").join(name), &dir.join("adapter"));
    let reference: Value = serde_json::from_str(&read(dir.join("adapter/reference.json"))).unwrap();
    let base = reference["base"].as_str().unwrap();
    copy(&fixture(base), &dir.join(base));
    reference
}

/// Largest difference between the log-probabilities of a model and those of a reference.
fn largest_difference(model: &Path, reference: &Value) -> f32 {
    let mut learner = Learner::load(model, 256, 1).unwrap();
    let mut largest = 0f32;
    for s in reference["sequences"].as_array().unwrap() {
        let numbers = |key: &str| s[key].as_array().unwrap().clone();
        let ids: Vec<u32> = numbers("ids")
            .iter()
            .map(|v| v.as_u64().unwrap() as u32)
            .collect();
        let expected: Vec<f32> = numbers("logprobs")
            .iter()
            .map(|v| v.as_f64().unwrap() as f32)
            .collect();
        let sequence = Sequence {
            prompt: &ids[..1],
            response: &ids[1..],
            self_reward_token: None,
        };
        let compare = |_, terms: laser_train::Terms| {
            for (a, b) in terms.logp.iter().zip(&expected) {
                largest = largest.max((a - b).abs());
            }
            0.0
        };
        learner
            .accumulate(&[sequence], SelfRewardPosition::default(), 256, compare)
            .unwrap();
    }
    largest
}

fn config(model: &Path) -> Value {
    serde_json::from_str(&read(model.join("config.json"))).unwrap()
}

#[test]
fn an_exported_adapter_is_one_model_with_the_log_probabilities_of_peft() {
    for name in ["qwen2", "llama3", "qwen3", "qwen2_row"] {
        let dir = tempfile::tempdir().unwrap();
        let reference = adapter(dir.path(), name);
        let output = laser(
            dir.path(),
            &["export", "--model", "adapter", "--out", "new/model"],
        );
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "new/model\n");
        assert!(stderr(&output).contains("merged an adapter of rank"));
        let model = dir.path().join("new/model");
        assert!(!model.join("adapter_config.json").exists());
        assert!(largest_difference(&model, &reference) < 1e-4, "{name}");
    }
}

#[test]
fn weights_go_into_shards_of_another_type_with_all_that_describes_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let reference = adapter(dir.path(), "qwen2");
    std::fs::write(dir.path().join("adapter/laser.json"), "{\"token\": \"z\"}").unwrap();
    for (dtype, bound) in [("bfloat16", 0.3), ("float16", 0.03), ("float32", 1e-4)] {
        let args = [
            "export",
            "--model",
            "adapter",
            "--out",
            dtype,
            "--dtype",
            dtype,
            "--max-shard-size",
            "100KB",
        ];
        let output = laser(dir.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        let model = dir.path().join(dtype);
        // In the spelling of the model's own file.
        let config = config(&model);
        assert_eq!(
            (&config["torch_dtype"], config.get("dtype")),
            (&dtype.into(), None)
        );
        for file in [
            "tokenizer.json",
            "tokenizer_config.json",
            "generation_config.json",
            "laser.json",
        ] {
            assert!(model.join(file).exists(), "{file}");
        }
        let index: Value =
            serde_json::from_str(&read(model.join("model.safetensors.index.json"))).unwrap();
        let files: std::collections::BTreeSet<&str> = index["weight_map"]
            .as_object()
            .unwrap()
            .values()
            .map(|f| f.as_str().unwrap())
            .collect();
        assert!(files.len() > 2, "{files:?}");
        // The embedding alone is larger: it has a file of its own.
        let embedding = 768 * 64 * if dtype == "float32" { 4 } else { 2 };
        for file in files {
            let bytes = model.join(file).metadata().unwrap().len();
            assert!(bytes < embedding.max(100_000) + 4_000, "{file}: {bytes}");
        }
        let difference = largest_difference(&model, &reference);
        assert!(difference < bound, "{dtype}: {difference}");
    }
}

#[test]
fn the_type_is_that_of_the_models_own_file_unless_another_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture("qwen2"), &dir.path().join("model"));
    let path = dir.path().join("model/config.json");
    let stated = read(&path).replace("\"torch_dtype\": \"float32\"", "\"dtype\": \"bfloat16\"");
    std::fs::write(&path, stated).unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let output = laser(
        dir.path(),
        &["export", "--model", "model", "--out", "empty"],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("as bfloat16 in 1 file"),
        "{}",
        stderr(&output)
    );
    let bytes = |model: &str| {
        dir.path()
            .join(model)
            .join("model.safetensors")
            .metadata()
            .unwrap()
            .len()
    };
    assert!(bytes("empty") * 10 < bytes("model") * 6);
    assert_eq!(config(&dir.path().join("empty"))["dtype"], "bfloat16");
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    copy(&fixture("qwen2"), &here.join("model"));
    std::fs::create_dir(here.join("used")).unwrap();
    std::fs::write(here.join("used/mine"), "").unwrap();
    std::fs::write(here.join("file"), "").unwrap();
    let before = || std::fs::read_dir(here).unwrap().count();
    let count = before();
    let export = |args: &[&str], status, parts: &[&str]| {
        fails(here, &[&["export"], args].concat(), status, parts);
    };
    let model = ["--model", "model", "--out"];
    export(
        &[&model[..], &["used"]].concat(),
        2,
        &["used", "something already", "name another folder"],
    );
    export(
        &[&model[..], &["file"]].concat(),
        2,
        &["file", "something already"],
    );
    export(
        &[&model[..], &["model"]].concat(),
        2,
        &["model", "something already"],
    );
    export(
        &[&model[..], &[".."]].concat(),
        2,
        &["not the name of a new folder"],
    );
    export(
        &[&model[..], &["x", "--dtype", "int8"]].concat(),
        2,
        &["--dtype", "float32, float16, bfloat16"],
    );
    export(
        &[&model[..], &["x", "--max-shard-size", "5TB"]].concat(),
        2,
        &["--max-shard-size", "5GB"],
    );
    export(&["--model", "./nothing", "--out", "x"], 2, &["nothing"]);

    // A number above 65,504, and one that is none, in the first row of the embedding.
    let weights = std::fs::read(here.join("model/model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let entries: Value = serde_json::from_slice(&weights[8..8 + header]).unwrap();
    let start = entries["model.norm.weight"]["data_offsets"][0]
        .as_u64()
        .unwrap() as usize
        + 8
        + header;
    let with = |number: f32| {
        let mut changed = weights.clone();
        changed[start..start + 4].copy_from_slice(&number.to_le_bytes());
        std::fs::write(here.join("model/model.safetensors"), changed).unwrap();
    };
    with(1e6);
    let half = [&model[..], &["x", "--dtype", "float16"]].concat();
    export(
        &half,
        2,
        &[
            "tensor 'model.norm.weight'",
            "1e6",
            "float16 cannot hold",
            "bfloat16",
        ],
    );
    with(f32::NAN);
    export(
        &[&model[..], &["x"]].concat(),
        2,
        &["tensor 'model.norm.weight'", "NaN"],
    );
    std::fs::write(
        here.join("model/model.safetensors"),
        &weights[..weights.len() / 2],
    )
    .unwrap();
    export(
        &[&model[..], &["x"]].concat(),
        2,
        &["model.safetensors", "truncated"],
    );
    assert_eq!(before(), count);
}
