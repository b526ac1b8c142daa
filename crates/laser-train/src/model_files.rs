//! The model that training or answering starts from.

use std::path::{Path, PathBuf};

use laser_model::checkpoint::{Stored, eos_ids};
use laser_model::hub::{self, HubSettings};
use laser_model::peft::{self, BaseModel, StoredAdapter};
use laser_model::{GenerationDefaults, Layout, Lora, ModelConfig, Text};
use serde_json::json;

use crate::TrainError;
use crate::files::write_atomically;
use crate::recipe::Model;

/// Files of a model folder other than weights that are carried along.
const CARRIED: [&str; 7] = [
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
];
const CONFIG: &str = "config.json";
/// The weights as they are trained, in a checkpoint whose model is stored in another type.
pub(crate) const EXACT_WEIGHTS: &str = "weights-float32.safetensors";

/// The files that describe a model, without its weights.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    files: Vec<(String, Vec<u8>)>,
    /// Where they came from; messages name it.
    origin: PathBuf,
    /// How an adapter finds its base model: by a name on the hub, or the whole path.
    name: BaseModel,
}

impl ModelFiles {
    /// Those of a fresh model with the character vocabulary.
    pub(crate) fn fresh(model: &Model) -> Self {
        let config = crate::demo::model_config(model);
        let eos = config["eos_token_id"].clone();
        let text = |v: serde_json::Value| format!("{v:#}\n").into_bytes();
        ModelFiles {
            files: vec![
                (CONFIG.into(), text(config.into())),
                (
                    "generation_config.json".into(),
                    text(json!({"do_sample": true, "temperature": 1.0, "eos_token_id": eos})),
                ),
                (
                    "tokenizer.json".into(),
                    crate::demo::tokenizer_json().into_bytes(),
                ),
                (
                    "tokenizer_config.json".into(),
                    text(crate::demo::tokenizer_config()),
                ),
            ],
            origin: PathBuf::new(),
            name: BaseModel::default(),
        }
    }

    /// Those of a folder.
    pub(crate) fn load(dir: &Path) -> Result<Self, TrainError> {
        let mut files = Vec::new();
        for name in CARRIED {
            let path = dir.join(name);
            if path.exists() || name == CONFIG || name == "tokenizer.json" {
                files.push((
                    name.to_owned(),
                    std::fs::read(&path).map_err(|e| TrainError::io(&path, e))?,
                ));
            }
        }
        Ok(ModelFiles {
            files,
            origin: dir.into(),
            name: BaseModel {
                name: std::path::absolute(dir)
                    .unwrap_or_else(|_| dir.into())
                    .display()
                    .to_string(),
                revision: String::new(),
            },
        })
    }

    /// The name of the model; empty for a fresh one.
    pub(crate) fn name(&self) -> &BaseModel {
        &self.name
    }

    /// The folder that they came from.
    pub(crate) fn origin(&self) -> &Path {
        &self.origin
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        let file = self.files.iter().find(|f| f.0 == name);
        file.map(|f| f.1.as_slice())
    }

    pub(crate) fn config(&self) -> Result<ModelConfig, TrainError> {
        let path = self.origin.join(CONFIG);
        let bytes = self.get(CONFIG).unwrap_or_default();
        let raw = serde_json::from_slice(bytes)
            .map_err(|e| TrainError::file(&path, format!("not a JSON object: {e}")))?;
        ModelConfig::from_json(&raw).map_err(|e| TrainError::file(&path, e))
    }

    fn text(&self) -> Result<Text, TrainError> {
        let tokenizer = self.get("tokenizer.json").unwrap_or_default();
        Text::from_parts(
            tokenizer,
            self.get("tokenizer_config.json"),
            self.get("chat_template.jinja"),
        )
        .map_err(|e| TrainError::file(&self.origin, e))
    }

    /// What the makers sample with.
    pub(crate) fn generation_defaults(&self) -> Result<GenerationDefaults, TrainError> {
        let defaults = self
            .get("generation_config.json")
            .map(GenerationDefaults::from_json);
        defaults
            .transpose()
            .map(Option::unwrap_or_default)
            .map_err(|e| TrainError::file(&self.origin, e))
    }

    fn eos(&self, config: &ModelConfig) -> Result<Vec<u32>, TrainError> {
        eos_ids(self.get("generation_config.json"), config)
            .map_err(|e| TrainError::file(&self.origin, e))
    }

    /// Writes them; `config.json` says in which type the weights beside it are.
    pub(crate) fn write(&self, dir: &Path, dtype: &str) -> Result<(), TrainError> {
        for (name, bytes) in &self.files {
            let changed = match name.as_str() {
                CONFIG => with_dtype(bytes, dtype),
                _ => None,
            };
            write_atomically(&dir.join(name), changed.as_deref().unwrap_or(bytes))?;
        }
        Ok(())
    }

    /// Writes those that concern the text alone, as they lie beside an adapter.
    pub(crate) fn write_text(&self, dir: &Path) -> Result<(), TrainError> {
        let mut text = self.files.iter().filter(|f| f.0 != CONFIG);
        text.try_for_each(|(name, bytes)| write_atomically(&dir.join(name), bytes))
    }
}

/// `config.json` with another type of weights, in the spelling that it has; `None` where it is the
/// same already.
fn with_dtype(config: &[u8], dtype: &str) -> Option<Vec<u8>> {
    let mut config: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(config).ok()?;
    let key = match config.contains_key("torch_dtype") {
        true => "torch_dtype",
        false => "dtype",
    };
    let old = config.insert(key.into(), dtype.into());
    (old.as_ref().and_then(|v| v.as_str()) != Some(dtype))
        .then(|| format!("{:#}\n", serde_json::Value::Object(config)).into_bytes())
}

/// Whether an adapter is trained instead of the weights.
pub(crate) enum Adapt {
    /// The weights are.
    No,
    /// A new one, drawn with this seed.
    Fresh(Lora, u64),
    /// One that was saved.
    Stored(StoredAdapter),
}

/// A model whose weights are yet to be read: everything that can be wrong with its files is known.
pub(crate) struct Source {
    pub files: ModelFiles,
    pub config: ModelConfig,
    pub text: Text,
    pub eos: Vec<u32>,
    /// In the layout's order.
    pub tensors: Box<dyn Iterator<Item = Vec<f32>>>,
    pub adapt: Adapt,
}

impl Source {
    /// A model with these weights.
    pub(crate) fn full(
        files: ModelFiles,
        tensors: impl IntoIterator<Item = Vec<f32>> + 'static,
    ) -> Result<Self, TrainError> {
        let config = files.config()?;
        let text = files.text()?;
        text.check_vocabulary(&config)
            .map_err(|e| TrainError::file(&files.origin, e))?;
        Ok(Source {
            text,
            eos: files.eos(&config)?,
            config,
            files,
            tensors: Box::new(tensors.into_iter()),
            adapt: Adapt::No,
        })
    }

    /// A folder as [`Source::open`] takes it, or a model on the hub; an empty revision is the main
    /// one.
    ///
    /// # Errors
    /// Those of the hub, and of [`Source::open`].
    pub(crate) fn named(name: &str, revision: &str) -> Result<Self, TrainError> {
        let dir = resolve(name, revision)?;
        let mut source = Self::open(&dir)?;
        if dir != Path::new(name) && matches!(source.adapt, Adapt::No) {
            source.files.name = BaseModel {
                name: name.into(),
                revision: revision.into(),
            };
        }
        Ok(source)
    }

    /// A model folder, or an adapter folder with its base model.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub(crate) fn open(dir: &Path) -> Result<Self, TrainError> {
        let Some(base) = peft::base_model(dir)? else {
            return Self::open_model(dir);
        };
        let beside = dir.parent().unwrap_or(Path::new("")).join(&base.name);
        let opened = match beside.is_dir() && !Path::new(&base.name).is_dir() {
            true => Self::open_model(&beside),
            false => Self::named(&base.name, &base.revision),
        };
        let mut source = opened.map_err(|e| {
            TrainError::file(&dir.join(peft::CONFIG), format!("the base model: {e}"))
        })?;
        source.adapt = Adapt::Stored(peft::read(dir, &source.config)?);
        Ok(source)
    }

    fn open_model(dir: &Path) -> Result<Self, TrainError> {
        let files = ModelFiles::load(dir)?;
        let stored = stored(dir, &files.config()?)?;
        Self::full(files, stored.into_tensors())
    }
}

/// The weights in a model folder, the exact ones where there are two copies.
pub(crate) fn stored(dir: &Path, config: &ModelConfig) -> Result<Stored, TrainError> {
    let exact = dir.join(EXACT_WEIGHTS);
    Ok(match exact.exists() {
        true => Stored::file(&exact, Layout::new(config).tensors)?,
        false => Stored::weights(dir, config)?,
    })
}

/// The folder of a model: one that exists, or the hub's name of a model.
pub(crate) fn resolve(name: &str, revision: &str) -> Result<PathBuf, TrainError> {
    let revision = (!revision.is_empty()).then_some(revision);
    Ok(hub::resolve(name, revision, &HubSettings::from_env())?)
}
