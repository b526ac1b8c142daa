//! Reading safetensors files, memory-mapped, tensor by tensor.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::read_json;
use crate::{Layout, ModelConfig, ModelError, TensorSpec};

/// Files with tensors of known names and shapes. Nothing is copied until a tensor is asked for.
pub struct Stored {
    files: Vec<(PathBuf, Mmap)>,
    specs: Vec<TensorSpec>,
    /// Of every part of the specs.
    places: HashMap<String, Place>,
}

/// Where a tensor lies.
struct Place {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Its bytes in the file.
    bytes: std::ops::Range<usize>,
}

impl Stored {
    /// The weights of a model folder: `model.safetensors`, or the shards that
    /// `model.safetensors.index.json` lists.
    ///
    /// # Errors
    /// Names the file that is missing, truncated or corrupt, and the tensor that is missing, has
    /// another shape than the configuration says or a type that is not read, or that the decoder
    /// does not have, so that leaving it out would compute another model.
    pub fn weights(dir: &Path, config: &ModelConfig) -> Result<Self, ModelError> {
        let index = dir.join("model.safetensors.index.json");
        let files = match index.exists() {
            true => shards(&index)?,
            false => vec![dir.join("model.safetensors")],
        };
        let (stored, names) = Self::read(&files, Layout::new(config).tensors)?;
        stored.refuse_foreign(&names)?;
        Ok(stored)
    }

    /// The tensors of `specs` in one file.
    ///
    /// # Errors
    /// As [`Stored::weights`]; further tensors are left alone.
    pub fn file(path: &Path, specs: Vec<TensorSpec>) -> Result<Self, ModelError> {
        Self::read(&[path.to_owned()], specs).map(|(stored, _)| stored)
    }

    /// The tensors, and the names and files of all there are.
    fn read(
        paths: &[PathBuf],
        specs: Vec<TensorSpec>,
    ) -> Result<(Self, Vec<(String, usize)>), ModelError> {
        let mut stored = Stored {
            files: Vec::with_capacity(paths.len()),
            specs,
            places: HashMap::new(),
        };
        let mut names = Vec::new();
        for (file, path) in paths.iter().enumerate() {
            let map = map(path)?;
            let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|e| {
                let bytes = map.len();
                ModelError::invalid(
                    path,
                    format!(
                        "not a whole safetensors file ({bytes} bytes): {e}; it is truncated or corrupt, fetch it again"
                    ),
                )
            })?;
            // Eight bytes hold the header's length.
            let start = 8 + header;
            for (name, info) in metadata.tensors() {
                let (from, to) = info.data_offsets;
                let place = Place {
                    file,
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                    bytes: start + from..start + to,
                };
                names.push((name.clone(), file));
                if let Some(other) = stored.places.insert(name.clone(), place) {
                    let other = stored.files[other.file].0.display();
                    let problem = format!("tensor '{name}' is in {other} as well");
                    return Err(ModelError::invalid(path, problem));
                }
            }
            stored.files.push((path.clone(), map));
        }
        stored.check()?;
        names.sort_unstable();
        Ok((stored, names))
    }

    /// That all tensors are there, with their shapes and in a type that is read.
    fn check(&self) -> Result<(), ModelError> {
        for spec in &self.specs {
            for part in &spec.parts {
                let name = &part.name;
                let place = self.places.get(name).ok_or_else(|| {
                    let (path, problem) = match self.files.as_slice() {
                        [(path, _)] => (path.as_path(), format!("tensor '{name}' is missing")),
                        files => (
                            files
                                .first()
                                .and_then(|f| f.0.parent())
                                .unwrap_or(Path::new(".")),
                            format!("tensor '{name}' is in none of the {} shards", files.len()),
                        ),
                    };
                    ModelError::invalid(path, problem)
                })?;
                let path = &self.files[place.file].0;
                let expected = spec.part_shape(part);
                if place.shape != expected {
                    let problem = format!(
                        "tensor '{name}' has shape {:?}, but the configuration makes it {expected:?}",
                        place.shape
                    );
                    return Err(ModelError::invalid(path, problem));
                }
                if !matches!(place.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                    let problem = format!(
                        "tensor '{name}' has dtype {:?}; F32, F16 and BF16 are supported",
                        place.dtype
                    );
                    return Err(ModelError::invalid(path, problem));
                }
            }
        }
        Ok(())
    }

    /// Refuses tensors inside the decoder that it does not compute with.
    fn refuse_foreign(&self, names: &[(String, usize)]) -> Result<(), ModelError> {
        let known: std::collections::HashSet<&str> = self
            .specs
            .iter()
            .flat_map(|s| s.parts.iter().map(|p| p.name.as_str()))
            .collect();
        // Old checkpoints store the rotary frequencies, which follow from the configuration.
        let harmless = |name: &str| name.ends_with("rotary_emb.inv_freq");
        let foreign = names.iter().find(|(name, _)| {
            name.starts_with("model.") && !known.contains(name.as_str()) && !harmless(name)
        });
        match foreign {
            None => Ok(()),
            Some((name, file)) => Err(ModelError::invalid(
                &self.files[*file].0,
                format!(
                    "tensor '{name}' is not part of the decoder that config.json describes; without it another model would be computed"
                ),
            )),
        }
    }

    /// The tensors in the order of the specs, converted to `f32`, one by one.
    pub fn tensors(&self) -> impl Iterator<Item = Vec<f32>> + '_ {
        (0..self.specs.len()).map(|i| self.tensor(i))
    }

    /// The same; the files are closed after the last.
    pub fn into_tensors(self) -> impl Iterator<Item = Vec<f32>> {
        (0..self.specs.len()).map(move |i| self.tensor(i))
    }

    /// One of them.
    pub fn tensor(&self, i: usize) -> Vec<f32> {
        let spec = &self.specs[i];
        let mut data = Vec::with_capacity(spec.len());
        for part in &spec.parts {
            // `check` has seen every part.
            let place = &self.places[&part.name];
            let bytes = &self.files[place.file].1[place.bytes.clone()];
            append_f32(place.dtype, bytes, &mut data);
        }
        data
    }
}

fn map(path: &Path) -> Result<Mmap, ModelError> {
    let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
    // The map is private and read-only; a file that is truncated meanwhile would fault, as with
    // every memory-mapped loader.
    unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(path, e))
}

/// The files that an index lists.
fn shards(index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let json = read_json(index)?;
    let dir = index.parent().unwrap_or(Path::new("."));
    let map = json
        .get("weight_map")
        .and_then(Value::as_object)
        .filter(|map| !map.is_empty())
        .ok_or_else(|| ModelError::invalid(index, "the object 'weight_map' is missing"))?;
    let mut names = Vec::new();
    for (tensor, file) in map {
        // A shard lies beside the index.
        let name = file
            .as_str()
            .filter(|f| Path::new(f).file_name().is_some_and(|n| n == *f))
            .ok_or_else(|| {
                let problem = format!("weight_map: '{tensor}': {file} is not the name of a file");
                ModelError::invalid(index, problem)
            })?;
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    let missing: Vec<&str> = names
        .iter()
        .copied()
        .filter(|n| !dir.join(n).exists())
        .collect();
    if !missing.is_empty() {
        let problem = format!(
            "{} of {} shards are missing: {}; fetch them again",
            missing.len(),
            names.len(),
            missing.join(", ")
        );
        return Err(ModelError::invalid(index, problem));
    }
    Ok(names.iter().map(|n| dir.join(n)).collect())
}

/// Appends numbers of a type that [`Stored::check`] admits.
pub(super) fn append_f32(dtype: Dtype, bytes: &[u8], out: &mut Vec<f32>) {
    let pair = |b: &[u8]| [b[0], b[1]];
    match dtype {
        Dtype::F16 => out.extend(
            bytes
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes(pair(b)).to_f32()),
        ),
        Dtype::BF16 => out.extend(
            bytes
                .chunks_exact(2)
                .map(|b| bf16::from_le_bytes(pair(b)).to_f32()),
        ),
        _ => out.extend(
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        ),
    }
}
