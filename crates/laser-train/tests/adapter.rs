//! Training with less memory: adapters, recomputed activations, checkpoints in half precision.

mod common;

use std::path::Path;

use common::*;
use laser_train::{Learner, Phase};
use serde_json::Value;

const LORA: [&str; 5] = [
    "lora.rank=3",
    "lora.alpha=6",
    "lora.targets=['q_proj', 'down_proj']",
    "lora.train_token=true",
    "save.every=0",
];

fn adapter(run: &Path, step: u64) -> Vec<u8> {
    let file = format!("checkpoints/step-{step}/adapter_model.safetensors");
    std::fs::read(run.join(file)).unwrap()
}

#[test]
fn an_adapter_is_trained_and_goes_on_after_an_interruption_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, out) = (dir.path().join("whole"), dir.path().join("out"));
    train(recipe(&LORA), &whole, None);
    let base = contents(&whole.join("base"));
    interrupted(recipe(&LORA), options(&out), Phase::Train, 2);
    let first = adapter(&out, 2);
    run(recipe(&LORA), resuming(&out)).unwrap();
    assert!(adapter(&whole, 5) == adapter(&out, 5));
    assert!(first != adapter(&out, 5), "the adapter learns");
    assert_eq!(metrics(&whole), metrics(&out));
    assert_eq!(
        read(whole.join("results.jsonl")),
        read(out.join("results.jsonl"))
    );
    assert_mixed_groups(&whole);
    // The base is frozen: neither its folder nor a copy of it is written.
    assert!(contents(&whole.join("base")) == base);
    let last = whole.join("checkpoints/step-5");
    assert!(!last.join("model.safetensors").exists());
    let config: Value = serde_json::from_str(&read(last.join("adapter_config.json"))).unwrap();
    let named = config["base_model_name_or_path"].as_str().unwrap();
    assert_eq!(
        Path::new(named),
        std::path::absolute(whole.join("base")).unwrap()
    );
    assert_eq!(config["trainable_token_indices"]["lm_head"][0], ZC);

    // As a library: the adapter folder brings its base model.
    let learner = Learner::load(&last, 32, 1).unwrap();
    assert_eq!(learner.decoder.lora().unwrap().rank, 3);
    let saved = dir.path().join("saved");
    learner.save(&saved).unwrap();
    let bytes = std::fs::read(saved.join("adapter_model.safetensors")).unwrap();
    assert!(bytes == adapter(&whole, 5));
}

#[test]
fn recomputed_activations_change_no_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, again) = (dir.path().join("kept"), dir.path().join("again"));
    train(recipe(&[]), &kept, None);
    train(recipe(&["gradient_checkpointing=true"]), &again, None);
    assert_same_run(&kept, &again, 5, "gradient_checkpointing");
}

#[test]
fn a_checkpoint_in_half_precision_goes_on_from_the_exact_weights() {
    let dir = tempfile::tempdir().unwrap();
    let (exact, half) = (dir.path().join("exact"), dir.path().join("half"));
    train(recipe(&[]), &exact, None);
    let settings = ["save.dtype='bfloat16'", "save.max_shard_bytes=4000"];
    interrupted(recipe(&settings), options(&half), Phase::Train, 2);
    run(recipe(&settings), resuming(&half)).unwrap();
    assert_eq!(metrics(&exact), metrics(&half));
    let last = half.join("checkpoints/step-5");
    let config: Value = serde_json::from_str(&read(last.join("config.json"))).unwrap();
    assert_eq!(config["dtype"], "bfloat16");
    assert!(last.join("model.safetensors.index.json").exists());
    let bytes = |name: &str| std::fs::read(last.join(name)).unwrap().len();
    let shards: usize = tree(&last)
        .iter()
        .filter_map(|p| p.file_name()?.to_str().map(str::to_owned))
        .filter(|n| n.starts_with("model-"))
        .map(|n| bytes(&n))
        .sum();
    assert!(shards < bytes("weights-float32.safetensors") * 3 / 4);
}

#[test]
fn weights_that_a_type_cannot_hold_are_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    train(recipe(&["steps=1"]), &first, None);
    let base = first.join("base");
    edit_weights(&base, |find, tensors| {
        // z_c is never read.
        tensors[find("model.embed_tokens.weight")][16 * ZC] = 1e6;
    });
    let out = dir.path().join("out");
    let settings = [
        format!("model.path='{}'", base.display()),
        "save.dtype='float16'".into(),
        "self_reward.allow_partition_excess=true".into(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let error = run(recipe(&settings), options(&out))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("float16 cannot hold") && error.contains("save.dtype"),
        "{error}"
    );
}
