//! The keys of `config.json` that need more than reading: variants to refuse, windows, heads.

use laser_kernels::AttentionShape;
use serde_json::Value;

use super::Architecture;
use crate::ModelError;
use crate::checkpoint::WeightType;
use crate::json::Reader;

/// Refuses what some checkpoints of a known family ask for and this program does not compute.
pub(super) fn refuse_variants(reader: Reader) -> Result<(), ModelError> {
    let off: fn(&Value) -> bool = |v| v == false || v.as_f64() == Some(0.0);
    let absent: fn(&Value) -> bool = |_| false;
    let all = |keys: &[&str], ok: fn(&Value) -> bool, rule: &str| {
        let mut keys = keys.iter();
        keys.try_for_each(|key| reader.must_be(key, ok, rule))
    };
    let switches = [
        "attention_bias",
        "mlp_bias",
        "add_cross_attention",
        "is_encoder_decoder",
        "alibi",
        "qk_norm",
        "use_qk_norm",
        "use_mrope",
        "rope_interleaved",
    ];
    all(&switches, off, "only false is")?;
    let dropout = [
        "attention_dropout",
        "hidden_dropout",
        "resid_pdrop",
        "embd_pdrop",
    ];
    all(&dropout, off, "only 0 is")?;
    let experts = [
        "num_experts",
        "num_local_experts",
        "n_routed_experts",
        "num_experts_per_tok",
        "moe_intermediate_size",
    ];
    all(&experts, off, "only dense models are")?;
    let foreign = [
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "no_rope_layers",
        "per_layer_config",
    ];
    all(&foreign, absent, "only models without this key are")?;
    let multipliers = [
        "attention_multiplier",
        "embedding_multiplier",
        "residual_multiplier",
        "logits_scaling",
        "logit_scale",
        "pretraining_tp",
    ];
    all(&multipliers, |v| v.as_f64() == Some(1.0), "only 1 is")?;
    all(
        &["quantization_config", "compression_config"],
        absent,
        "quantised weights are not read; use the unquantised checkpoint",
    )?;
    reader.must_be("hidden_act", |v| v == "silu", "only \"silu\" is")?;
    let causal = |v: &Value| v.as_str().is_some_and(|name| name.ends_with("ForCausalLM"));
    reader.must_be(
        "architectures",
        |v| v.as_array().is_some_and(|names| names.iter().any(causal)),
        "only language models (…ForCausalLM) are",
    )
}

/// The number of positions, a token's own included, that some layer looks back at, if there is a
/// window at all.
pub(super) fn sliding_window(
    reader: Reader,
    architecture: Architecture,
    layers: usize,
) -> Result<Option<usize>, ModelError> {
    let size = reader.optional_size("sliding_window")?;
    let qwen = matches!(architecture, Architecture::Qwen2 | Architecture::Qwen3);
    // Null means none; where the key is missing, the families' default is in force.
    let size = match reader.given("sliding_window") {
        false if architecture != Architecture::Llama => Some(4096),
        _ => size,
    };
    // Qwen writes a window that `use_sliding_window` switches off, others mean it.
    let switched_on = reader.boolean("use_sliding_window")?.unwrap_or(!qwen);
    let size = size.filter(|_| switched_on);
    let Some(types) = reader.array("layer_types")? else {
        // Qwen's first layers have no window.
        let full = match qwen {
            true => reader.number("max_window_layers")?.unwrap_or(28.0),
            false => 0.0,
        };
        return Ok(size.filter(|_| full < layers as f64));
    };
    if types.len() != layers {
        let what = format!("{} entries for num_hidden_layers = {layers}", types.len());
        return Err(reader.error("layer_types", what));
    }
    let mut windowed = !qwen;
    for kind in types {
        match kind.as_str() {
            Some("full_attention") => {}
            Some("sliding_attention") if size.is_some() => windowed = true,
            Some("sliding_attention") => {
                let what = "\"sliding_attention\" without a sliding_window in force";
                return Err(reader.error("layer_types", what));
            }
            _ => {
                let what = format!(
                    "{kind} is not supported; \"full_attention\" and \"sliding_attention\" are"
                );
                return Err(reader.error("layer_types", what));
            }
        }
    }
    Ok(size.filter(|_| windowed))
}

pub(super) fn attention(
    reader: Reader,
    architecture: Architecture,
) -> Result<AttentionShape, ModelError> {
    let hidden_size = reader.size("hidden_size")?;
    let heads = reader.size("num_attention_heads")?;
    let default = |key: &str, value: usize| (!reader.given(key)).then_some(value);
    let kv_heads = reader
        .optional_size("num_key_value_heads")?
        .or_else(|| match architecture {
            Architecture::Qwen2 | Architecture::Qwen3 => default("num_key_value_heads", 32),
            Architecture::Mistral => default("num_key_value_heads", 8),
            Architecture::Llama => None,
        })
        .unwrap_or(heads);
    if heads % kv_heads != 0 {
        return Err(reader.error(
            "num_key_value_heads",
            format!("{kv_heads} does not divide num_attention_heads = {heads}"),
        ));
    }
    let head_dim = reader
        .optional_size("head_dim")?
        .or_else(|| match architecture {
            Architecture::Qwen3 => default("head_dim", 128),
            _ => None,
        });
    let head_dim = match head_dim {
        Some(d) => d,
        None if hidden_size % heads == 0 => hidden_size / heads,
        None => {
            return Err(reader.error(
                "num_attention_heads",
                format!(
                    "{heads} does not divide hidden_size = {hidden_size} and head_dim is not given"
                ),
            ));
        }
    };
    if head_dim % 2 != 0 {
        return Err(reader.error("head_dim", format!("{head_dim} is odd")));
    }
    Ok(AttentionShape {
        heads,
        kv_heads,
        head_dim,
    })
}

/// `dtype`, or `torch_dtype` in older files. Float types that no weights are read in give `None`:
/// the tensors themselves say what they are.
pub(super) fn stored_dtype(reader: Reader) -> Result<Option<WeightType>, ModelError> {
    let key = match reader.value("dtype") {
        Some(_) => "dtype",
        None => "torch_dtype",
    };
    let Some(name) = reader.string(key)? else {
        return Ok(None);
    };
    match name.strip_prefix("torch.").unwrap_or(name) {
        "float32" | "float" => Ok(Some(WeightType::Float32)),
        "float16" | "half" => Ok(Some(WeightType::Float16)),
        "bfloat16" => Ok(Some(WeightType::Bfloat16)),
        "auto" | "double" => Ok(None),
        other if other.starts_with("float") => Ok(None),
        other => Err(reader.error(
            key,
            format!("'{other}' is not a floating-point type; float32, float16 and bfloat16 are"),
        )),
    }
}
