//! `config.json` of a Hugging Face checkpoint, in the old and the new spelling.

use laser_kernels::AttentionShape;
use serde_json::{Map, Value};

use crate::ModelError;

/// The decoder families that are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen2 and Qwen2.5: biases on q, k, v.
    Qwen2,
    /// Qwen3 (dense): RMSNorm on every query and key head.
    Qwen3,
    /// Llama 2 and 3 and their derivatives.
    Llama,
}

/// How rotary angles depend on the position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the geometric frequencies.
    pub theta: f64,
    /// Rescaling for contexts longer than those of pre-training.
    pub scaling: RopeScaling,
}

/// Rescaling of rotary frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// None.
    Default,
    /// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between
    /// interpolated.
    Llama3 {
        /// Stretch of long wavelengths.
        factor: f64,
        /// Wavelengths above `original_max_positions / low_freq_factor` are stretched.
        low_freq_factor: f64,
        /// Wavelengths below `original_max_positions / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Context length of pre-training.
        original_max_positions: f64,
    },
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
    /// Longest sequence the model was made for, in tokens.
    pub max_positions: usize,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Standard deviation of fresh weights.
    pub initializer_range: f32,
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
        let reader = Reader(raw);
        let model_type = reader.string("model_type")?;
        let architecture = match model_type {
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            "llama" => Architecture::Llama,
            other => {
                return Err(ModelError::unsupported(
                    "model_type",
                    format!("'{other}' is not supported; qwen2, qwen3 and llama are"),
                ));
            }
        };
        reader.must_be("hidden_act", |v| v == "silu", "only 'silu' is supported")?;
        for key in ["attention_bias", "mlp_bias", "use_sliding_window"] {
            reader.must_be(
                key,
                |v| v == false || v.is_null(),
                "only false is supported",
            )?;
        }
        if architecture != Architecture::Qwen2 {
            // Qwen2 writes a window that `use_sliding_window` switches off; others mean it.
            reader.must_be("sliding_window", Value::is_null, "only null is supported")?;
        }
        for key in ["attention_dropout", "hidden_dropout"] {
            reader.must_be(key, |v| v.as_f64() == Some(0.0), "only 0 is supported")?;
        }
        reader.must_be(
            "quantization_config",
            Value::is_null,
            "quantised weights are not supported",
        )?;
        if let Some(layers) = raw.get("layer_types").and_then(Value::as_array)
            && let Some(other) = layers.iter().find(|l| *l != "full_attention")
        {
            return Err(ModelError::unsupported(
                "layer_types",
                format!("{other} is not supported; only \"full_attention\" is"),
            ));
        }
        let hidden_size = reader.size("hidden_size")?;
        let heads = reader.size("num_attention_heads")?;
        let kv_heads = reader
            .optional_size("num_key_value_heads")?
            .unwrap_or(heads);
        if heads % kv_heads != 0 {
            return Err(ModelError::unsupported(
                "num_key_value_heads",
                format!("{kv_heads} does not divide num_attention_heads = {heads}"),
            ));
        }
        let head_dim = match reader.optional_size("head_dim")? {
            Some(d) => d,
            None if hidden_size % heads == 0 => hidden_size / heads,
            None => {
                return Err(ModelError::unsupported(
                    "num_attention_heads",
                    format!(
                        "{heads} does not divide hidden_size = {hidden_size} and head_dim is not given"
                    ),
                ));
            }
        };
        if head_dim % 2 != 0 {
            return Err(ModelError::unsupported(
                "head_dim",
                format!("{head_dim} is odd"),
            ));
        }
        Ok(ModelConfig {
            architecture,
            vocab_size: reader.size("vocab_size")?,
            hidden_size,
            intermediate_size: reader.size("intermediate_size")?,
            layers: reader.size("num_hidden_layers")?,
            attention: AttentionShape {
                heads,
                kv_heads,
                head_dim,
            },
            rms_norm_eps: reader.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            rope: rope(raw)?,
            max_positions: reader.size("max_position_embeddings")?,
            tied: raw
                .get("tie_word_embeddings")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            initializer_range: reader.number("initializer_range")?.unwrap_or(0.02) as f32,
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

fn rope(raw: &Map<String, Value>) -> Result<Rope, ModelError> {
    // New spelling: everything in `rope_parameters`. Old: `rope_theta` beside `rope_scaling`.
    let (parameters, key) = match raw.get("rope_parameters") {
        Some(Value::Object(p)) => (Some(p), "rope_parameters"),
        _ => (
            raw.get("rope_scaling").and_then(Value::as_object),
            "rope_scaling",
        ),
    };
    let theta = parameters
        .and_then(|p| p.get("rope_theta"))
        .or_else(|| raw.get("rope_theta"))
        .and_then(Value::as_f64)
        .unwrap_or(10_000.0);
    let Some(parameters) = parameters else {
        return Ok(Rope {
            theta,
            scaling: RopeScaling::Default,
        });
    };
    let kind = parameters
        .get("rope_type")
        .or_else(|| parameters.get("type"))
        .and_then(Value::as_str)
        .unwrap_or("default");
    let number = |name: &str| {
        parameters.get(name).and_then(Value::as_f64).ok_or_else(|| {
            ModelError::unsupported(key, format!("rope type '{kind}' needs the number '{name}'"))
        })
    };
    let scaling = match kind {
        "default" => RopeScaling::Default,
        "llama3" => RopeScaling::Llama3 {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_max_positions: number("original_max_position_embeddings")?,
        },
        other => {
            return Err(ModelError::unsupported(
                key,
                format!("rope type '{other}' is not supported; 'default' and 'llama3' are"),
            ));
        }
    };
    Ok(Rope { theta, scaling })
}

impl Rope {
    /// Angle per position of each of the `head_dim / 2` pairs, in radians.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        (0..head_dim / 2)
            .map(|i| {
                let f = 1.0 / self.theta.powf(2.0 * i as f64 / head_dim as f64);
                let RopeScaling::Llama3 {
                    factor,
                    low_freq_factor,
                    high_freq_factor,
                    original_max_positions,
                } = self.scaling
                else {
                    return f as f32;
                };
                let wavelength = 2.0 * std::f64::consts::PI / f;
                if wavelength > original_max_positions / low_freq_factor {
                    (f / factor) as f32
                } else if wavelength < original_max_positions / high_freq_factor {
                    f as f32
                } else {
                    let smooth = (original_max_positions / wavelength - low_freq_factor)
                        / (high_freq_factor - low_freq_factor);
                    ((1.0 - smooth) * f / factor + smooth * f) as f32
                }
            })
            .collect()
    }

    /// `[positions, head_dim]`: cosines of a position's pairs, then their sines.
    pub fn table(&self, head_dim: usize, positions: usize) -> Vec<f32> {
        let frequencies = self.inverse_frequencies(head_dim);
        let mut table = Vec::with_capacity(positions * head_dim);
        for p in 0..positions {
            // The angle is rounded to f32 as PyTorch does, its cosine taken exactly.
            let angles = frequencies.iter().map(|f| (p as f32 * f) as f64);
            table.extend(angles.clone().map(|a| a.cos() as f32));
            table.extend(angles.map(|a| a.sin() as f32));
        }
        table
    }
}

/// Typed access to the keys of a JSON object.
struct Reader<'a>(&'a Map<String, Value>);

impl<'a> Reader<'a> {
    fn string(&self, key: &str) -> Result<&'a str, ModelError> {
        self.0
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| ModelError::unsupported(key, "a string is required"))
    }

    fn optional_size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(v) => match v.as_u64() {
                Some(n) if n > 0 => Ok(Some(n as usize)),
                _ => Err(ModelError::unsupported(
                    key,
                    format!("{v} is not a positive integer"),
                )),
            },
        }
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional_size(key)?
            .ok_or_else(|| ModelError::unsupported(key, "a positive integer is required"))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(v) => v
                .as_f64()
                .map(Some)
                .ok_or_else(|| ModelError::unsupported(key, format!("{v} is not a number"))),
        }
    }

    fn must_be(
        &self,
        key: &str,
        ok: impl Fn(&Value) -> bool,
        rule: &str,
    ) -> Result<(), ModelError> {
        match self.0.get(key) {
            Some(v) if !ok(v) => Err(ModelError::unsupported(key, format!("{v}: {rule}"))),
            _ => Ok(()),
        }
    }
}
