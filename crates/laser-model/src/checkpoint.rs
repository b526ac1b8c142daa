//! Checkpoint folders in the Hugging Face layout.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use crate::{Layout, ModelConfig, ModelError};

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
fn read_json(path: &Path) -> Result<Map<String, Value>, ModelError> {
    let text = std::fs::read_to_string(path).map_err(|e| ModelError::io(path, e))?;
    serde_json::from_str(&text)
        .map_err(|e| ModelError::invalid(path, format!("not a JSON object: {e}")))
}

/// Reads the weights of a folder, `model.safetensors` or the shards that
/// `model.safetensors.index.json` lists, converted to `f32`, in the layout's order.
pub fn load_weights(dir: &Path, config: &ModelConfig) -> Result<Vec<Vec<f32>>, ModelError> {
    let index = dir.join("model.safetensors.index.json");
    let files: Vec<PathBuf> = if index.exists() {
        let json = read_json(&index)?;
        let map = json
            .get("weight_map")
            .and_then(Value::as_object)
            .ok_or_else(|| ModelError::invalid(&index, "the object 'weight_map' is missing"))?;
        let mut names: Vec<_> = map.values().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.iter().map(|n| dir.join(n)).collect()
    } else {
        vec![dir.join("model.safetensors")]
    };
    load_tensors(&files, config)
}

/// Reads tensors under the names of the weights from some files, converted to `f32`, in the
/// layout's order.
pub fn load_tensors(files: &[PathBuf], config: &ModelConfig) -> Result<Vec<Vec<f32>>, ModelError> {
    let maps = files
        .iter()
        .map(|path| {
            let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
            // The map is private and read-only; a file that is truncated meanwhile would fault,
            // as with every memory-mapped loader.
            unsafe { memmap2::Mmap::map(&file) }.map_err(|e| ModelError::io(path, e))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut tensors = HashMap::new();
    for (path, map) in files.iter().zip(&maps) {
        let shard = SafeTensors::deserialize(map).map_err(|e| ModelError::invalid(path, e))?;
        for name in shard.names() {
            let view = shard
                .tensor(name)
                .map_err(|e| ModelError::invalid(path, e))?;
            tensors.insert(name.to_string(), (path, view));
        }
    }
    let layout = Layout::new(config);
    layout
        .tensors
        .iter()
        .map(|spec| {
            let mut data = Vec::with_capacity(spec.rows * spec.cols);
            for part in &spec.parts {
                let (path, view) = tensors.get(&part.name).ok_or_else(|| {
                    let dir = files
                        .first()
                        .and_then(|f| f.parent())
                        .unwrap_or(Path::new("."));
                    ModelError::invalid(dir, format!("tensor '{}' is missing", part.name))
                })?;
                let expected = spec.part_shape(part);
                if view.shape() != expected {
                    return Err(ModelError::invalid(
                        path,
                        format!(
                            "tensor '{}' has shape {:?}, expected {expected:?}",
                            part.name,
                            view.shape()
                        ),
                    ));
                }
                append_f32(view, &mut data).map_err(|dtype| {
                    ModelError::invalid(
                        path,
                        format!(
                            "tensor '{}' has dtype {dtype:?}; F32, F16 and BF16 are supported",
                            part.name
                        ),
                    )
                })?;
            }
            Ok(data)
        })
        .collect()
}

fn append_f32(view: &TensorView, out: &mut Vec<f32>) -> Result<(), Dtype> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => out.extend(
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        ),
        Dtype::F16 => out.extend(
            bytes
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()),
        ),
        Dtype::BF16 => out.extend(
            bytes
                .chunks_exact(2)
                .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()),
        ),
        other => return Err(other),
    }
    Ok(())
}

/// The bytes of a `model.safetensors` in `f32`, from host tensors in the layout's order.
pub fn weights_to_bytes(config: &ModelConfig, tensors: &[Vec<f32>]) -> Result<Vec<u8>, ModelError> {
    let layout = Layout::new(config);
    let mut named = Vec::new();
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|t| t.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    for (spec, data) in layout.tensors.iter().zip(&bytes) {
        for part in &spec.parts {
            let range = spec.part_range(part);
            let view = TensorView::new(
                Dtype::F32,
                spec.part_shape(part),
                &data[range.start * 4..range.end * 4],
            )
            .map_err(|e| ModelError::Text(format!("tensor '{}': {e}", part.name)))?;
            named.push((part.name.clone(), view));
        }
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(named, Some(metadata)).map_err(|e| ModelError::Text(e.to_string()))
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
        append_f32(&view, vector)
            .map_err(|dtype| ModelError::invalid(path, format!("'{name}' has dtype {dtype:?}")))?;
    }
    Ok(vectors)
}
