//! A model as other programs load it: an adapter merged into its base, weights in one type.

use std::path::Path;

use laser_kernels::Cpu;
use laser_model::checkpoint::{self, WeightType, write_weights};
use laser_model::{Layout, TensorSpec};

use crate::TrainError;
use crate::files::{folder_atomically, write_atomically};
use crate::model::LASER;
use crate::model_files::{Adapt, Source, resolve, stored};

/// How weights are written.
#[derive(Clone, Copy, Debug)]
pub struct ExportOptions {
    /// Their type; `None` for the one that `config.json` states, and `float32` where it states
    /// none.
    pub dtype: Option<WeightType>,
    /// Bytes after which they are cut into a further file.
    pub max_shard_bytes: u64,
    /// Threads that merge an adapter; 0 for one per core.
    pub threads: usize,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The type of the weights.
    pub dtype: WeightType,
    /// Weights.
    pub parameters: usize,
    /// Files that they are in.
    pub shards: usize,
    /// Rank of the adapter that was merged, if the model is one.
    pub adapter_rank: Option<usize>,
}

/// Writes the model `model`, a folder in the Hugging Face layout, an adapter folder of PEFT with
/// its base, or a name on the hub, into the folder `out`, whole or not at all. Tokenizer, chat
/// template and generation settings are carried along, and `laser.json` where there is one.
/// Weights are read, merged and written one tensor at a time.
///
/// # Errors
/// A folder `out` that has something in it, what is missing or wrong in the model's files, and a
/// tensor with a number that is not finite or that the type cannot hold.
pub fn export(model: &str, out: &Path, options: &ExportOptions) -> Result<Exported, TrainError> {
    refuse_used(out)?;
    let dir = resolve(model, "")?;
    let source = Source::open(&dir)?;
    let (files, config) = (&source.files, &source.config);
    let layout = Layout::new(config);
    let stored = stored(files.origin(), config)?;
    let adapter = match &source.adapt {
        Adapt::Stored(adapter) => Some(adapter),
        Adapt::No | Adapt::Fresh(..) => None,
    };
    let cpu = Cpu::new(options.threads)?;
    let tensor = |i: usize| {
        let weights = stored.tensor(i);
        match adapter {
            Some(a) => a.lora.merge(&cpu, &layout, &a.values, i, weights),
            None => weights,
        }
    };
    let dtype = options.dtype.or(config.stored_dtype).unwrap_or_default();
    for (i, spec) in layout.tensors.iter().enumerate() {
        check(spec, &tensor(i), dtype).map_err(|problem| refused(&dir, problem))?;
    }
    folder_atomically(out, |folder| {
        files.write(folder, dtype.name())?;
        let laser = dir.join(LASER);
        if laser.exists() {
            let bytes = std::fs::read(&laser).map_err(|e| TrainError::io(&laser, e))?;
            write_atomically(&folder.join(LASER), &bytes)?;
        }
        let weights = checkpoint::Source::new(&layout.tensors, tensor);
        Ok(write_weights(
            folder,
            &weights,
            dtype,
            options.max_shard_bytes,
        )?)
    })?;
    Ok(Exported {
        dtype,
        parameters: config.parameters(),
        shards: shards(out)?,
        adapter_rank: adapter.map(|a| a.lora.rank),
    })
}

fn refused(path: &Path, problem: String) -> TrainError {
    TrainError::Export {
        path: path.to_owned(),
        problem,
    }
}

/// Only a folder that is not there, or empty, is written to.
fn refuse_used(out: &Path) -> Result<(), TrainError> {
    if out.file_name().is_none() {
        return Err(refused(out, "not the name of a new folder".into()));
    }
    let used = match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => out.exists(),
    };
    match used {
        true => Err(refused(
            out,
            "there is something already; remove it, or name another folder".into(),
        )),
        false => Ok(()),
    }
}

/// What of a tensor a type cannot hold.
fn check(spec: &TensorSpec, values: &[f32], dtype: WeightType) -> Result<(), String> {
    let Some(i) = values
        .iter()
        .position(|w| !dtype.holds(*w) || !w.is_finite())
    else {
        return Ok(());
    };
    let part = spec.parts.iter().find(|p| spec.part_range(p).contains(&i));
    let (name, value) = (part.map_or("", |p| &p.name), values[i]);
    Err(match value.is_finite() {
        true => format!(
            "tensor '{name}' has the number {value:e}, which {} cannot hold; export float32 or bfloat16",
            dtype.name()
        ),
        false => format!("tensor '{name}' has the number {value}: the model is broken"),
    })
}

/// Files of weights in a folder.
fn shards(dir: &Path) -> Result<usize, TrainError> {
    let mut shards = 0;
    for entry in std::fs::read_dir(dir).map_err(|e| TrainError::io(dir, e))? {
        let path = entry.map_err(|e| TrainError::io(dir, e))?.path();
        shards += usize::from(path.extension().is_some_and(|e| e == "safetensors"));
    }
    Ok(shards)
}
