//! Writing safetensors files, tensor by tensor.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensorError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::layout::Part;
use crate::{ModelError, TensorSpec};

/// The type that weights are stored in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// As they are trained: nothing is lost.
    #[default]
    Float32,
    /// Half the bytes; 11 bits of precision, nothing above 65,504.
    Float16,
    /// Half the bytes; 8 bits of precision.
    Bfloat16,
}

impl WeightType {
    /// As `config.json` names it.
    pub fn name(self) -> &'static str {
        match self {
            WeightType::Float32 => "float32",
            WeightType::Float16 => "float16",
            WeightType::Bfloat16 => "bfloat16",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            WeightType::Float32 => 4,
            WeightType::Float16 | WeightType::Bfloat16 => 2,
        }
    }

    /// Whether a finite number stays one.
    pub fn holds(self, x: f32) -> bool {
        match self {
            WeightType::Float32 => true,
            WeightType::Float16 => f16::from_f32(x).is_finite(),
            WeightType::Bfloat16 => bf16::from_f32(x).is_finite(),
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            WeightType::Float32 => Dtype::F32,
            WeightType::Float16 => Dtype::F16,
            WeightType::Bfloat16 => Dtype::BF16,
        }
    }

    fn encode(self, numbers: &[f32]) -> Vec<u8> {
        match self {
            WeightType::Float32 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
            WeightType::Float16 => numbers
                .iter()
                .flat_map(|x| f16::from_f32(*x).to_le_bytes())
                .collect(),
            WeightType::Bfloat16 => numbers
                .iter()
                .flat_map(|x| bf16::from_f32(*x).to_le_bytes())
                .collect(),
        }
    }
}

/// Host copies of tensors, made one at a time.
pub struct Source<'a> {
    specs: &'a [TensorSpec],
    read: Box<dyn Fn(usize) -> Vec<f32> + 'a>,
    /// The last one that was read: parts of a tensor are often asked for in turn.
    last: RefCell<Option<(usize, Vec<f32>)>>,
}

impl<'a> Source<'a> {
    /// Tensor `i` of `specs` is `read(i)`.
    pub fn new(specs: &'a [TensorSpec], read: impl Fn(usize) -> Vec<f32> + 'a) -> Self {
        Source {
            specs,
            read: Box::new(read),
            last: RefCell::new(None),
        }
    }

    fn part(&self, tensor: usize, part: &Part, dtype: WeightType) -> Vec<u8> {
        let mut last = self.last.borrow_mut();
        let held = last.take().filter(|(i, _)| *i == tensor);
        let (_, data) = last.insert(held.unwrap_or_else(|| (tensor, (self.read)(tensor))));
        dtype.encode(&data[self.specs[tensor].part_range(part)])
    }
}

/// A named tensor that is read when it is written.
struct LazyView<'s, 'a> {
    source: &'s Source<'a>,
    tensor: usize,
    part: &'s Part,
    dtype: WeightType,
    shape: Vec<usize>,
}

impl View for LazyView<'_, '_> {
    fn dtype(&self) -> Dtype {
        self.dtype.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.source.part(self.tensor, self.part, self.dtype))
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bytes()
    }
}

/// Writes all tensors of a source into one file, and waits until it is on the disk.
///
/// # Errors
/// Names the file.
pub fn write_tensors(path: &Path, source: &Source, dtype: WeightType) -> Result<(), ModelError> {
    let all = views(source, dtype).collect();
    write_views(path, all)
}

/// Writes a model's weights into a folder: `model.safetensors`, or, where they take more than
/// `max_shard_bytes`, shards with `model.safetensors.index.json`.
///
/// # Errors
/// Names the file.
pub fn write_weights(
    dir: &Path,
    source: &Source,
    dtype: WeightType,
    max_shard_bytes: u64,
) -> Result<(), ModelError> {
    let (mut shards, mut shard) = (Vec::new(), Vec::new());
    let (mut total, mut filled) = (0, 0);
    for view in views(source, dtype) {
        let bytes = view.data_len() as u64;
        if filled > 0 && filled + bytes > max_shard_bytes {
            shards.push(std::mem::take(&mut shard));
            filled = 0;
        }
        filled += bytes;
        total += bytes;
        shard.push(view);
    }
    if shards.is_empty() {
        return write_views(&dir.join("model.safetensors"), shard);
    }
    shards.push(shard);
    let count = shards.len();
    let mut map = BTreeMap::new();
    for (i, shard) in shards.into_iter().enumerate() {
        let name = format!("model-{:05}-of-{count:05}.safetensors", i + 1);
        for view in &shard {
            map.insert(view.part.name.clone(), name.clone());
        }
        write_views(&dir.join(&name), shard)?;
    }
    let index = json!({"metadata": {"total_size": total}, "weight_map": map});
    let path = dir.join("model.safetensors.index.json");
    let write = || -> std::io::Result<()> {
        std::fs::write(&path, format!("{index:#}\n"))?;
        File::open(&path)?.sync_all()
    };
    write().map_err(|e| ModelError::io(&path, e))
}

fn views<'s, 'a>(
    source: &'s Source<'a>,
    dtype: WeightType,
) -> impl Iterator<Item = LazyView<'s, 'a>> {
    source
        .specs
        .iter()
        .enumerate()
        .flat_map(move |(tensor, spec)| {
            spec.parts.iter().map(move |part| LazyView {
                source,
                tensor,
                part,
                dtype,
                shape: spec.part_shape(part),
            })
        })
}

fn write_views(path: &Path, views: Vec<LazyView>) -> Result<(), ModelError> {
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let named = views.into_iter().map(|v| (v.part.name.as_str(), v));
    // The library's file is for its owner alone; this one is as readable as any other.
    let io = |e| ModelError::io(path, e);
    let permissions = File::create(path)
        .and_then(|f| f.metadata())
        .map_err(io)?
        .permissions();
    safetensors::serialize_to_file(named, Some(metadata), path).map_err(|e| match e {
        SafeTensorError::IoError(e) => io(e),
        other => ModelError::invalid(path, other),
    })?;
    std::fs::set_permissions(path, permissions)
        .and_then(|()| File::open(path)?.sync_all())
        .map_err(io)
}
