//! Checkpoint folders in the Hugging Face layout.

mod read;
mod write;

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use crate::{ModelConfig, ModelError};
pub use read::Stored;
use read::append_f32;
pub use write::{Source, WeightType, write_tensors, write_weights};

/// Reads `config.json` of a checkpoint folder.
pub fn load_config(dir: &Path) -> Result<ModelConfig, ModelError> {
    let path = dir.join("config.json");
    ModelConfig::from_json(&read_json(&path)?).map_err(|e| ModelError::invalid(&path, e))
}

/// Ids that end a response: those of `generation_config.json` if it is given and names any, else
/// those of `config.json`.
pub fn eos_ids(
    generation_config: Option<&[u8]>,
    config: &ModelConfig,
) -> Result<Vec<u32>, ModelError> {
    if let Some(json) = generation_config {
        let json: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|e| ModelError::Text(format!("generation_config.json: {e}")))?;
        let ids = crate::config::token_ids(json.get("eos_token_id"))?;
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(config.eos.clone())
}

/// Reads a JSON object.
pub(crate) fn read_json(path: &Path) -> Result<Map<String, Value>, ModelError> {
    let text = std::fs::read_to_string(path).map_err(|e| ModelError::io(path, e))?;
    serde_json::from_str(&text)
        .map_err(|e| ModelError::invalid(path, format!("not a JSON object: {e}")))
}

/// The bytes of a safetensors file of named `f32` vectors.
pub fn vectors_to_bytes<'a>(
    named: impl IntoIterator<Item = (&'a str, Vec<f32>)>,
) -> Result<Vec<u8>, ModelError> {
    let bytes: Vec<(&str, usize, Vec<u8>)> = named
        .into_iter()
        .map(|(name, v)| {
            let bytes = v.iter().flat_map(|x| x.to_le_bytes()).collect();
            (name, v.len(), bytes)
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, len, bytes)| Ok((*name, TensorView::new(Dtype::F32, vec![*len], bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
    views
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|e| ModelError::Text(e.to_string()))
}

/// Reads vectors that [`vectors_to_bytes`] wrote, in the order of `names`.
///
/// # Errors
/// Names the file, and the vector that is missing or no `f32`.
pub fn load_vectors<const N: usize>(
    path: &Path,
    names: [&str; N],
) -> Result<[Vec<f32>; N], ModelError> {
    let bytes = std::fs::read(path).map_err(|e| ModelError::io(path, e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| ModelError::invalid(path, e))?;
    let mut vectors = [const { Vec::new() }; N];
    for (name, vector) in names.into_iter().zip(&mut vectors) {
        let view = file
            .tensor(name)
            .map_err(|e| ModelError::invalid(path, format!("'{name}': {e}")))?;
        if view.dtype() != Dtype::F32 {
            let problem = format!("'{name}' has dtype {:?} instead of F32", view.dtype());
            return Err(ModelError::invalid(path, problem));
        }
        append_f32(view.dtype(), view.data(), vector);
    }
    Ok(vectors)
}
