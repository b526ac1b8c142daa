//! Weights in files: shards, types, and files that are broken.

mod common;

use std::path::Path;

use common::*;
use laser_kernels::Cpu;
use laser_model::checkpoint::{Source, Stored, WeightType, load_config, write_weights};
use laser_model::{Layout, ModelConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of a fixture's weights, written by this program.
fn written(model: &str, dtype: WeightType, max_shard_bytes: u64) -> (TempDir, ModelConfig) {
    let config = load_config(&folder(model)).unwrap();
    let stored: Vec<Vec<f32>> = Stored::weights(&folder(model), &config)
        .unwrap()
        .tensors()
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let specs = Layout::new(&config).tensors;
    let source = Source::new(&specs, |i| stored[i].clone());
    write_weights(dir.path(), &source, dtype, max_shard_bytes).unwrap();
    (dir, config)
}

fn tensors(dir: &Path, config: &ModelConfig) -> Vec<Vec<f32>> {
    Stored::weights(dir, config).unwrap().tensors().collect()
}

fn refused(dir: &Path, config: &ModelConfig) -> String {
    match Stored::weights(dir, config) {
        Ok(_) => String::new(),
        Err(e) => e.to_string(),
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn weights_come_back_bit_for_bit_from_one_file_and_from_shards() {
    for model in MODELS {
        let (one, config) = written(model, WeightType::Float32, u64::MAX);
        let want = tensors(&folder(model), &config);
        assert_eq!(files(one.path()), ["model.safetensors"]);
        assert!(tensors(one.path(), &config) == want, "{model}");

        let (many, _) = written(model, WeightType::Float32, 200_000);
        let names = files(many.path());
        assert!(names.len() > 3, "{names:?}");
        let shards = names.len() - 1;
        assert_eq!(
            names[0],
            format!("model-00001-of-{shards:05}.safetensors"),
            "{names:?}"
        );
        assert_eq!(names[shards], "model.safetensors.index.json");
        assert!(tensors(many.path(), &config) == want, "{model}");
        let index: Value = serde_json::from_slice(
            &std::fs::read(many.path().join("model.safetensors.index.json")).unwrap(),
        )
        .unwrap();
        let floats: usize = want.iter().map(Vec::len).sum();
        assert_eq!(index["metadata"]["total_size"], json!(4 * floats));
    }
}

#[test]
fn half_precision_is_rounded_once_and_read_as_pytorch_reads_it() {
    let (dir, config) = written("qwen2", WeightType::Bfloat16, u64::MAX);
    let stored = Stored::weights(dir.path(), &config).unwrap();
    let cpu = Cpu::serial();
    let d = laser_model::Decoder::new(&cpu, config.clone(), stored.tensors(), 256, false);
    let text = std::fs::read_to_string(folder("qwen2").join("reference_bf16.json")).unwrap();
    let rounded: Value = serde_json::from_str(&text).unwrap();
    let sequences: Vec<Sequence> = serde_json::from_value(rounded["sequences"].clone()).unwrap();
    let ids: Vec<&[u32]> = sequences.iter().map(|s| s.ids.as_slice()).collect();
    for (got, s) in score(&cpu, &d, &ids).iter().zip(&sequences) {
        for (a, b) in got.iter().zip(&s.logprobs) {
            assert_close("bf16 logprob", *a as f64, *b as f64, 1e-4);
        }
    }
    // What was rounded once is not rounded again.
    for (dtype, bits) in [(WeightType::Bfloat16, 8), (WeightType::Float16, 11)] {
        let (dir, config) = written("qwen2", dtype, u64::MAX);
        let exact = tensors(&folder("qwen2"), &config);
        let rounded = tensors(dir.path(), &config);
        for (x, y) in exact.iter().flatten().zip(rounded.iter().flatten()) {
            let ulp = x.abs() / f32::powi(2.0, bits) + 1e-7;
            assert!((x - y).abs() <= ulp, "{dtype:?}: {x} became {y}");
        }
        let specs = Layout::new(&config).tensors;
        let again = tempfile::tempdir().unwrap();
        let source = Source::new(&specs, |i| rounded[i].clone());
        write_weights(again.path(), &source, dtype, u64::MAX).unwrap();
        assert!(tensors(again.path(), &config) == rounded);
    }
}

#[test]
fn a_number_that_a_type_cannot_hold_is_known() {
    assert!(WeightType::Float32.holds(f32::MAX));
    assert!(WeightType::Float16.holds(65_504.0) && !WeightType::Float16.holds(70_000.0));
    assert!(WeightType::Bfloat16.holds(3e38) && !WeightType::Bfloat16.holds(f32::MAX));
}

#[test]
fn a_truncated_or_corrupt_file_is_named() {
    let (dir, config) = written("qwen2", WeightType::Float32, u64::MAX);
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let cut = [0, 4, 8, 100, whole.len() / 2, whole.len() - 1];
    for bytes in cut.map(|n| whole[..n].to_vec()).into_iter().chain([
        b"<!DOCTYPE html><html>not found</html>".to_vec(),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec(),
        [&whole[..], b"more"].concat(),
    ]) {
        std::fs::write(&path, &bytes).unwrap();
        let message = refused(dir.path(), &config);
        assert!(
            message.contains("model.safetensors") && message.contains("fetch it again"),
            "{} bytes: {message}",
            bytes.len()
        );
    }
}

#[test]
fn a_missing_shard_and_a_broken_index_are_named() {
    let (dir, config) = written("qwen2", WeightType::Float32, 200_000);
    let shard = files(dir.path())[1].clone();
    std::fs::rename(dir.path().join(&shard), dir.path().join("elsewhere")).unwrap();
    let message = refused(dir.path(), &config);
    assert!(
        message.contains(&shard) && message.contains("missing"),
        "{message}"
    );
    let index = dir.path().join("model.safetensors.index.json");
    for (text, words) in [
        ("{", "not a JSON object"),
        ("{}", "weight_map"),
        (r#"{"weight_map": {}}"#, "weight_map"),
        (r#"{"weight_map": {"a": 1}}"#, "'a'"),
        (r#"{"weight_map": {"a": "../../etc/passwd"}}"#, "passwd"),
    ] {
        std::fs::write(&index, text).unwrap();
        let message = refused(dir.path(), &config);
        assert!(message.contains(words), "{text}: {message}");
    }
    std::fs::remove_file(index).unwrap();
    let message = refused(dir.path(), &config);
    assert!(message.contains("model.safetensors"), "{message}");
}

#[test]
fn tensors_that_do_not_fit_the_configuration_are_named() {
    let (dir, config) = written("qwen2", WeightType::Float32, u64::MAX);
    let other = |key: &str, value: Value| {
        let mut raw = config.raw.clone();
        // It has an entry for each block.
        raw.remove("layer_types");
        raw.insert(key.into(), value);
        refused(dir.path(), &ModelConfig::from_json(&raw).unwrap())
    };
    let message = other("intermediate_size", json!(64));
    assert!(
        message.contains("mlp.gate_proj.weight") && message.contains("[64, "),
        "{message}"
    );
    // More blocks than are stored, and fewer.
    let message = other("num_hidden_layers", json!(4));
    assert!(
        message.contains("model.layers.3.") && message.contains("missing"),
        "{message}"
    );
    let message = other("num_hidden_layers", json!(1));
    assert!(
        message.contains("model.layers.1.") && message.contains("not part of the decoder"),
        "{message}"
    );
    let message = other("tie_word_embeddings", json!(false));
    assert!(message.contains("lm_head.weight"), "{message}");
    // Biases that a Llama does not have would be left out in silence.
    let mut raw = load_config(&folder("llama3")).unwrap().raw;
    for key in [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
    ] {
        raw.insert(key.into(), config.raw[key].clone());
    }
    let a = config.attention;
    raw.insert("num_attention_heads".into(), json!(a.heads));
    raw.insert("num_key_value_heads".into(), json!(a.kv_heads));
    raw.insert("head_dim".into(), json!(a.head_dim));
    let message = refused(dir.path(), &ModelConfig::from_json(&raw).unwrap());
    assert!(message.contains("proj.bias"), "{message}");
}

#[test]
fn a_type_that_is_not_read_is_named() {
    let config = load_config(&folder("qwen2")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let specs = Layout::new(&config).tensors;
    let parts: Vec<_> = specs
        .iter()
        .flat_map(|s| s.parts.iter().map(|p| (p.name.clone(), s.part_shape(p))))
        .collect();
    let bytes: Vec<Vec<u8>> = parts
        .iter()
        .map(|(_, shape)| vec![0; shape.iter().product()])
        .collect();
    let views = parts.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let dtype = safetensors::Dtype::I8;
        let view = safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes);
        (name.clone(), view.unwrap())
    });
    let path = dir.path().join("model.safetensors");
    safetensors::serialize_to_file(views, None, &path).unwrap();
    let message = refused(dir.path(), &config);
    assert!(
        message.contains("I8") && message.contains("BF16"),
        "{message}"
    );
}
