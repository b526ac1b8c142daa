//! Adapters in the files of PEFT: `adapter_config.json` and `adapter_model.safetensors`.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::checkpoint::{Source, Stored, WeightType, read_json, write_tensors};
use crate::{Lora, ModelConfig, ModelError, Projection};

/// The adapter's settings.
pub const CONFIG: &str = "adapter_config.json";
/// Its values.
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// An adapter folder.
pub struct StoredAdapter {
    /// What it is.
    pub lora: Lora,
    /// Its values in the order of [`Lora::tensors`].
    pub values: Vec<Vec<f32>>,
}

/// The model that an adapter belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseModel {
    /// A folder, or a name on the hub (`base_model_name_or_path`).
    pub name: String,
    /// Branch, tag or commit on the hub; empty for the main one (`revision`).
    pub revision: String,
}

/// The model that an adapter folder belongs to; `None` when the folder holds no adapter.
///
/// # Errors
/// A file that cannot be read, or one that names no base model.
pub fn base_model(dir: &Path) -> Result<Option<BaseModel>, ModelError> {
    let path = dir.join(CONFIG);
    if !path.exists() {
        return Ok(None);
    }
    let config = read_json(&path)?;
    let text = |key: &str| {
        let text = config.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let base = BaseModel {
        name: text("base_model_name_or_path"),
        revision: text("revision"),
    };
    match base.name.is_empty() {
        false => Ok(Some(base)),
        true => Err(ModelError::invalid(
            &path,
            "base_model_name_or_path: the name of the base model is missing",
        )),
    }
}

/// Reads an adapter for a model.
///
/// # Errors
/// Names the file and the key that is missing, wrong, or asks for something that is not computed;
/// and the tensor that is missing or has another shape.
pub fn read(dir: &Path, model: &ModelConfig) -> Result<StoredAdapter, ModelError> {
    let path = dir.join(CONFIG);
    let lora = settings(&read_json(&path)?, model).map_err(|e| ModelError::invalid(&path, e))?;
    let stored = Stored::file(&dir.join(WEIGHTS), lora.tensors(model))?;
    let values = stored.tensors().collect();
    Ok(StoredAdapter { lora, values })
}

/// Writes an adapter; tensor `i` of [`Lora::tensors`] is `value(i)`. `base` names its model.
///
/// # Errors
/// Names the file.
pub fn write<'a>(
    dir: &Path,
    lora: &Lora,
    model: &ModelConfig,
    base: &BaseModel,
    value: impl Fn(usize) -> Vec<f32> + 'a,
) -> Result<(), ModelError> {
    let targets: Vec<&str> = lora.targets.iter().map(|t| t.name()).collect();
    let mut config = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base.name,
        "r": lora.rank, "lora_alpha": lora.alpha, "use_rslora": lora.rank_stabilised,
        "lora_dropout": 0.0, "bias": "none", "target_modules": targets, "inference_mode": true,
    });
    if !base.revision.is_empty() {
        config["revision"] = json!(base.revision);
    }
    if let Some(token) = lora.token {
        config["trainable_token_indices"] = json!({token_module(model): [token]});
    }
    let path = dir.join(CONFIG);
    std::fs::write(&path, format!("{config:#}\n")).map_err(|e| ModelError::io(&path, e))?;
    let specs = lora.tensors(model);
    let source = Source::new(&specs, value);
    write_tensors(&dir.join(WEIGHTS), &source, WeightType::Float32)
}

/// The module whose row PEFT trains for the head's row of a token.
fn token_module(model: &ModelConfig) -> &'static str {
    match model.tied {
        true => "embed_tokens",
        false => "lm_head",
    }
}

/// The name of that row in PEFT's file. It holds the row itself, whatever its name says.
pub(crate) fn token_tensor(model: &ModelConfig) -> String {
    let module = match model.tied {
        true => "model.embed_tokens",
        false => "lm_head",
    };
    format!("base_model.model.{module}.token_adapter.trainable_tokens_delta")
}

fn settings(config: &Map<String, Value>, model: &ModelConfig) -> Result<Lora, ModelError> {
    let fail = |key: &str, what: String| Err(ModelError::unsupported(key, what));
    let get = |key: &str| config.get(key).filter(|v| !v.is_null());
    match get("peft_type").and_then(Value::as_str) {
        Some("LORA") => {}
        _ => {
            let found = config.get("peft_type").cloned().unwrap_or_default();
            return fail("peft_type", format!("{found}: only \"LORA\" is supported"));
        }
    }
    // What changes the result and is not computed.
    for key in [
        "alpha_pattern",
        "rank_pattern",
        "layers_to_transform",
        "layers_pattern",
        "layer_replication",
        "exclude_modules",
        "modules_to_save",
        "target_parameters",
        "use_dora",
        "use_qalora",
        "lora_bias",
        "fan_in_fan_out",
    ] {
        let unset = |v: &Value| match v {
            Value::Bool(on) => !on,
            Value::Array(items) => items.is_empty(),
            Value::Object(items) => items.is_empty(),
            _ => false,
        };
        if let Some(value) = get(key).filter(|v| !unset(v)) {
            return fail(key, format!("{value} is not supported"));
        }
    }
    if let Some(bias) = get("bias").filter(|b| *b != "none") {
        return fail("bias", format!("{bias}: only \"none\" is supported"));
    }
    let rank = match get("r").and_then(Value::as_u64) {
        Some(rank) if rank > 0 => rank as usize,
        _ => return fail("r", "a positive integer is required".into()),
    };
    let Some(alpha) = get("lora_alpha").and_then(Value::as_f64) else {
        return fail("lora_alpha", "a number is required".into());
    };
    let rank_stabilised = get("use_rslora").and_then(Value::as_bool).unwrap_or(false);
    Ok(Lora {
        rank,
        alpha,
        rank_stabilised,
        targets: targets(get("target_modules"), model.layers)?,
        token: token(get("trainable_token_indices"), model)?,
    })
}

/// `target_modules`: names, or whole paths of all blocks, or `"all-linear"`.
fn targets(value: Option<&Value>, layers: usize) -> Result<Vec<Projection>, ModelError> {
    let fail = |what: String| Err(ModelError::unsupported("target_modules", what));
    if value.and_then(Value::as_str) == Some("all-linear") {
        return Ok(Projection::ALL.to_vec());
    }
    let Some(names) = value.and_then(Value::as_array) else {
        return fail("a list of names such as \"q_proj\" is required".into());
    };
    let mut found = [0; Projection::ALL.len()];
    let mut whole_paths = false;
    for name in names {
        let text = name.as_str().unwrap_or_default();
        let last = text.rsplit('.').next().unwrap_or_default();
        let Some(i) = Projection::ALL.iter().position(|p| p.name() == last) else {
            let known = Projection::ALL.map(Projection::name).join(", ");
            return fail(format!("{name} is not supported; {known} are"));
        };
        whole_paths |= last.len() < text.len();
        found[i] += 1;
    }
    let targets = Projection::ALL.into_iter().zip(found);
    if let Some((some, n)) = targets
        .clone()
        .find(|(_, n)| whole_paths && *n != 0 && *n != layers)
    {
        let name = some.name();
        return fail(format!(
            "{name} of {n} of {layers} blocks; only all or none is supported"
        ));
    }
    let targets: Vec<Projection> = targets.filter(|t| t.1 > 0).map(|t| t.0).collect();
    match targets.is_empty() {
        true => fail("the list is empty".into()),
        false => Ok(targets),
    }
}

/// `trainable_token_indices`: one row of the head.
fn token(value: Option<&Value>, model: &ModelConfig) -> Result<Option<u32>, ModelError> {
    let Some(value) = value else { return Ok(None) };
    let fail = || {
        Err(ModelError::unsupported(
            "trainable_token_indices",
            format!(
                "{value} is not supported; {{\"{}\": [id]}} with one id below {} is",
                token_module(model),
                model.vocab_size
            ),
        ))
    };
    let (module, ids) = match value {
        Value::Array(_) => ("embed_tokens", value),
        Value::Object(modules) => match modules.iter().next() {
            Some((module, ids)) if modules.len() == 1 => (module.as_str(), ids),
            _ => return fail(),
        },
        _ => return fail(),
    };
    // The row of an untied embedding is no output.
    if module != token_module(model) {
        return fail();
    }
    match ids.as_array().map(Vec::as_slice) {
        Some([id]) => match id.as_u64() {
            Some(id) if id < model.vocab_size as u64 => Ok(Some(id as u32)),
            _ => fail(),
        },
        _ => fail(),
    }
}
