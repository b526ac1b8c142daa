//! Tokens and the model's embedding; special tokens that nothing uses.

use std::path::PathBuf;

use laser_model::{ModelConfig, Text};
use serde_json::{Value, json};

/// Four words and six added tokens, of which `<tool>` is no special one.
fn tokenizer() -> Value {
    let added = [
        "<bos>",
        "<end>",
        "<turn>",
        "<|vision_start|>",
        "<tool>",
        "<|reserved_special_token_0|>",
    ];
    let token = |(i, content): (usize, &&str)| {
        json!({"id": 4 + i, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": *content != "<tool>"})
    };
    json!({
        "version": "1.0",
        "added_tokens": added.iter().enumerate().map(token).collect::<Vec<_>>(),
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3}, "merges": []}
    })
}

fn text(config: Value, template: &str) -> Text {
    let (tokenizer, config) = (tokenizer().to_string(), config.to_string());
    Text::from_parts(
        tokenizer.as_bytes(),
        Some(config.as_bytes()),
        Some(template.as_bytes()),
    )
    .unwrap()
}

#[test]
fn special_tokens_that_nothing_uses_come_out_in_the_order_of_their_ids() {
    let names = json!({"bos_token": "<bos>", "eos_token": {"content": "<end>"}});
    let template = "{{ bos_token }}<turn>{{ messages[0].content }}";
    let tokens = |text: &Text, used: &[u32]| {
        let ids = text.unused_special_tokens(used).unwrap();
        ids.iter()
            .map(|id| text.token(*id).unwrap())
            .collect::<Vec<_>>()
    };
    let whole = text(names.clone(), template);
    let (vision, reserved) = ("<|vision_start|>", "<|reserved_special_token_0|>");
    assert_eq!(tokens(&whole, &[]), [vision, reserved]);
    assert_eq!(tokens(&whole, &[7]), [reserved]);
    assert_eq!(tokens(&text(names, ""), &[]), ["<turn>", vision, reserved]);
    assert_eq!(
        tokens(&text(json!({}), template), &[5]),
        ["<bos>", vision, reserved]
    );
}

#[test]
fn a_token_without_a_row_in_the_embedding_is_named_and_padded_rows_are_fine() {
    let config = |vocab_size: usize| {
        let raw = json!({
            "model_type": "qwen3", "vocab_size": vocab_size, "hidden_size": 8, "head_dim": 4,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
            "intermediate_size": 8, "max_position_embeddings": 16
        });
        ModelConfig::from_json(raw.as_object().unwrap()).unwrap()
    };
    let text = text(json!({}), "");
    for padded in [10, 16, 151_936] {
        text.check_vocabulary(&config(padded)).unwrap();
    }
    let error = text.check_vocabulary(&config(8)).unwrap_err().to_string();
    assert_eq!(
        error,
        "tokenizer.json has the token '<tool>' with id 8, but the model has vocab_size = 8; \
         tokenizer and model do not belong together"
    );
}

#[test]
fn the_candidates_of_the_fixtures_hold_their_self_reward_token() {
    for model in ["qwen2", "qwen3", "llama3"] {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures")
            .join(model);
        let read = |name: &str| -> Value {
            serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
        };
        let z_c = read("reference.json")["self_reward_token"]
            .as_u64()
            .unwrap() as u32;
        let text = Text::load(&dir).unwrap();
        let config = ModelConfig::from_json(read("config.json").as_object().unwrap()).unwrap();
        text.check_vocabulary(&config).unwrap();
        let candidates = text.unused_special_tokens(&config.eos).unwrap();
        assert!(candidates.contains(&z_c), "{model}: {candidates:?}");
    }
}
