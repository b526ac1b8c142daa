//! The models that are measured, and the work they are given.

use laser_model::{ModelConfig, ModelError};
use serde_json::{Value, json};

/// Responses that are sampled.
#[derive(Clone, Copy)]
pub(super) struct Sampled {
    /// Prompts, all different.
    pub prompts: usize,
    /// Responses to each.
    pub samples: usize,
    /// Tokens of a prompt.
    pub prompt: usize,
    /// Tokens of a response; none ends before.
    pub new: usize,
}

impl Sampled {
    /// Tokens that are sampled.
    pub fn new_tokens(&self) -> usize {
        self.prompts * self.samples * self.new
    }
}

/// A decoder of Llama's kind with a tied head, and how much each measurement computes.
pub(super) struct Shape {
    hidden: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    ffn: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Sequences, tokens of each.
    pub train: (usize, usize),
    /// One response to each prompt.
    pub decode: Sampled,
    /// Groups.
    pub grpo: Sampled,
}

/// The responses of a group.
const GROUP: usize = 8;

impl Shape {
    /// All names.
    pub const NAMES: [&str; 3] = ["tiny", "small", "qwen2.5-0.5b"];

    /// The shapes of the design document, and one that people train. bench/peers.py has the same.
    pub fn named(name: &str) -> Option<Self> {
        let sampled = |prompts, samples, new| Sampled {
            prompts,
            samples,
            prompt: 16,
            new,
        };
        Some(match name {
            "tiny" => Shape {
                hidden: 128,
                layers: 4,
                heads: 4,
                kv_heads: 4,
                ffn: 512,
                vocab: 64,
                train: (64, 64),
                decode: sampled(64, 1, 128),
                grpo: sampled(16, GROUP, 64),
            },
            "small" => Shape {
                hidden: 512,
                layers: 8,
                heads: 8,
                kv_heads: 2,
                ffn: 1536,
                vocab: 8192,
                train: (8, 256),
                decode: sampled(16, 1, 128),
                grpo: sampled(4, GROUP, 128),
            },
            "qwen2.5-0.5b" => Shape {
                hidden: 896,
                layers: 24,
                heads: 14,
                kv_heads: 2,
                ffn: 4864,
                vocab: 151_936,
                train: (2, 256),
                decode: sampled(8, 1, 32),
                grpo: sampled(1, GROUP, 32),
            },
            _ => return None,
        })
    }

    /// Other amounts of work.
    pub fn change(&mut self, batch: Option<usize>, length: Option<usize>, prompt: Option<usize>) {
        if let Some(batch) = batch {
            self.train.0 = batch;
            self.decode.prompts = batch;
            (self.grpo.prompts, self.grpo.samples) = match batch.is_multiple_of(GROUP) {
                true => (batch / GROUP, GROUP),
                false => (1, batch),
            };
        }
        if let Some(length) = length {
            self.train.1 = length;
            self.decode.new = length;
            self.grpo.new = length;
        }
        if let Some(prompt) = prompt {
            self.decode.prompt = prompt;
            self.grpo.prompt = prompt;
        }
    }

    /// Tokens of the longest sequence, one more for z_c.
    pub fn context(&self) -> usize {
        let sampled = |s: &Sampled| s.prompt + s.new + 1;
        self.train
            .1
            .max(sampled(&self.decode))
            .max(sampled(&self.grpo))
    }

    /// The model.
    pub fn config(&self) -> Result<ModelConfig, ModelError> {
        let config = json!({
            "model_type": "llama", "vocab_size": self.vocab, "hidden_size": self.hidden,
            "intermediate_size": self.ffn, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": 1e-6, "max_position_embeddings": self.context(),
            "tie_word_embeddings": true, "rope_theta": 10000.0, "initializer_range": 0.02
        });
        match config {
            Value::Object(raw) => ModelConfig::from_json(&raw),
            _ => unreachable!("json! of an object is an object"),
        }
    }
}
