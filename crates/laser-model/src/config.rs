//! `config.json` of a Hugging Face checkpoint, in the old and the new spelling.
//!
//! Keys that are missing have the defaults of transformers 5.23's configuration classes.

mod keys;

use laser_kernels::AttentionShape;
use serde_json::{Map, Value};

use crate::checkpoint::WeightType;
use crate::json::Reader;
use crate::{ModelError, Rope};

/// The decoder families that are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen2 and Qwen2.5: biases on q, k, v.
    Qwen2,
    /// Qwen3 (dense): RMSNorm on every query and key head.
    Qwen3,
    /// Llama 2 and 3 and their derivatives.
    Llama,
    /// Mistral: as Llama, with a sliding window in some checkpoints.
    Mistral,
}

/// The shape of a decoder.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// Family.
    pub architecture: Architecture,
    /// Rows of the embedding and of the head.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads.
    pub attention: AttentionShape,
    /// Added to the mean square in every RMSNorm.
    pub rms_norm_eps: f32,
    /// Rotary embedding.
    pub rope: Rope,
    /// Longest sequence that is computed, in tokens: `max_position_embeddings`, or the sliding
    /// window where that is shorter, because no window is computed and a sequence that fits into
    /// it never meets it.
    pub max_positions: usize,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Standard deviation of fresh weights.
    pub initializer_range: f32,
    /// Type of the saved weights; `None` where the file states none or one that is not read.
    pub stored_dtype: Option<WeightType>,
    /// Ids that end a response, from `config.json`.
    pub eos: Vec<u32>,
    /// Id that begins a text.
    pub bos: Option<u32>,
    /// The file as it was read, written back unchanged on save.
    pub raw: Map<String, Value>,
}

impl ModelConfig {
    /// Biases on the q, k and v projections.
    pub fn qkv_bias(&self) -> bool {
        self.architecture == Architecture::Qwen2
    }

    /// RMSNorm on query and key heads.
    pub fn qk_norm(&self) -> bool {
        self.architecture == Architecture::Qwen3
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// Names the key that is missing, malformed, or asks for something that is not computed; an
    /// option is never silently ignored when it would change the result.
    pub fn from_json(raw: &Map<String, Value>) -> Result<Self, ModelError> {
        let reader = Reader::new(raw);
        let architecture = match reader.string("model_type")? {
            Some("qwen2") => Architecture::Qwen2,
            Some("qwen3") => Architecture::Qwen3,
            Some("llama") => Architecture::Llama,
            Some("mistral") => Architecture::Mistral,
            other => {
                let what = other.map_or("it is missing".into(), |t| format!("'{t}'"));
                let what = format!("{what}; qwen2, qwen3, llama and mistral are supported");
                return Err(reader.error("model_type", what));
            }
        };
        keys::refuse_variants(reader)?;
        let layers = reader.size("num_hidden_layers")?;
        let positions = reader.size("max_position_embeddings")?;
        let window = keys::sliding_window(reader, architecture, layers)?;
        Ok(ModelConfig {
            architecture,
            vocab_size: reader.size("vocab_size")?,
            hidden_size: reader.size("hidden_size")?,
            intermediate_size: reader.size("intermediate_size")?,
            layers,
            attention: keys::attention(reader, architecture)?,
            rms_norm_eps: reader.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            rope: Rope::from_json(raw)?,
            max_positions: window.map_or(positions, |w| w.min(positions)),
            tied: reader.boolean("tie_word_embeddings")?.unwrap_or(false),
            initializer_range: reader.number("initializer_range")?.unwrap_or(0.02) as f32,
            stored_dtype: keys::stored_dtype(reader)?,
            eos: token_ids(raw.get("eos_token_id"))?,
            bos: token_ids(raw.get("bos_token_id"))?.first().copied(),
            raw: raw.clone(),
        })
    }

    /// Parameters, the tied head counted once.
    pub fn parameters(&self) -> usize {
        crate::Layout::new(self)
            .tensors
            .iter()
            .map(|t| t.rows * t.cols)
            .sum()
    }
}

/// One id or a list of ids; null and absence are the empty list.
pub(crate) fn token_ids(value: Option<&Value>) -> Result<Vec<u32>, ModelError> {
    let one = |v: &Value| {
        v.as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| {
                ModelError::unsupported(
                    "eos_token_id / bos_token_id",
                    format!("{v} is not a token id"),
                )
            })
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) => ids.iter().map(one).collect(),
        Some(v) => Ok(vec![one(v)?]),
    }
}
