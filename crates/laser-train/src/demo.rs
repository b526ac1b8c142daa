//! The demo's vocabulary: one token per character, no downloads.

use serde_json::{Map, Value, json};

use crate::recipe::Model;
use crate::tasks::ALPHABET;

/// Ends a response.
pub(crate) const EOS: &str = "<|endoftext|>";
/// The unused token z_c of the demo.
pub(crate) const SELF_REWARD: &str = "<|self_reward|>";
/// Size of the vocabulary: the alphabet, the two tokens above, and reserved ones.
const VOCAB: usize = 64;

fn special_tokens() -> Vec<String> {
    let reserved = VOCAB - ALPHABET.chars().count() - 2;
    let mut tokens = vec![EOS.to_owned(), SELF_REWARD.to_owned()];
    tokens.extend((0..reserved).map(|i| format!("<|reserved_{i}|>")));
    tokens
}

/// `tokenizer.json`: a BPE without merges is a character vocabulary.
pub(crate) fn tokenizer_json() -> String {
    let characters = ALPHABET.chars().count();
    let mut vocab: Map<String, Value> = ALPHABET
        .chars()
        .enumerate()
        .map(|(i, c)| (c.to_string(), json!(i)))
        .collect();
    let mut added = Vec::new();
    for (i, token) in special_tokens().into_iter().enumerate() {
        added.push(json!({
            "id": characters + i, "content": token, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true
        }));
        vocab.insert(token, json!(characters + i));
    }
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocab, "merges": []
        }
    })
    .to_string()
}

/// `tokenizer_config.json`.
pub(crate) fn tokenizer_config() -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": EOS, "pad_token": EOS,
        "extra_special_tokens": [SELF_REWARD], "clean_up_tokenization_spaces": false,
        "model_max_length": 1_000_000
    })
}

/// `config.json` of a fresh Qwen3 of the recipe's shape.
pub(crate) fn model_config(m: &Model) -> Map<String, Value> {
    let eos = ALPHABET.chars().count();
    let Value::Object(config) = json!({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "dtype": "float32",
        "vocab_size": VOCAB, "hidden_size": m.hidden_size, "intermediate_size": m.intermediate_size,
        "num_hidden_layers": m.layers, "num_attention_heads": m.heads,
        "num_key_value_heads": m.kv_heads, "head_dim": m.hidden_size / m.heads.max(1),
        "hidden_act": "silu", "max_position_embeddings": m.context, "rms_norm_eps": 1e-6,
        "initializer_range": m.initializer_range, "tie_word_embeddings": false,
        "attention_bias": false, "attention_dropout": 0.0, "use_sliding_window": false,
        "sliding_window": null, "use_cache": true, "bos_token_id": null, "eos_token_id": eos,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}
    }) else {
        unreachable!("json! of an object is an object")
    };
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use laser_model::{ModelConfig, Text};

    #[test]
    fn every_character_is_one_token_and_comes_back() {
        let text = Text::from_parts(tokenizer_json().as_bytes(), None, None).unwrap();
        let ids = text.encode(ALPHABET).unwrap();
        assert_eq!(
            ids,
            (0..ALPHABET.chars().count() as u32).collect::<Vec<_>>()
        );
        assert_eq!(text.decode(&ids).unwrap(), ALPHABET);
        assert_eq!(text.encode("1#<|endoftext|>").unwrap(), [1, 16, 52]);
        assert_eq!(text.token_id(SELF_REWARD), Some(53));
        assert_eq!(text.token(63).as_deref(), Some("<|reserved_9|>"));
    }

    #[test]
    fn the_configuration_is_one_that_the_model_accepts() {
        let config = ModelConfig::from_json(&model_config(&Model::default())).unwrap();
        assert_eq!(
            (config.vocab_size, config.eos.as_slice()),
            (64, [52].as_slice())
        );
    }
}
