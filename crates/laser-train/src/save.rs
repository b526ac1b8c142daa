//! Checkpoints: the Hugging Face layout, plus what continuing needs.

use std::path::{Path, PathBuf};

use laser_kernels::Cpu;
use laser_model::{ModelConfig, Text, checkpoint};
use laser_rl::SelfReward;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::TrainError;
use crate::files::{decimal, folder_atomically, read, write_atomically};
use crate::learner::Learner;
use crate::recipe::{Model, Recipe};
use crate::reference::Coefficients;
use crate::trainer::Trainer;

/// Files of a model folder other than weights that are carried along unchanged.
const CARRIED: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
];
const WEIGHTS: &str = "model.safetensors";
const MOMENTS: [&str; 2] = [
    "optimizer-first.safetensors",
    "optimizer-second.safetensors",
];
/// The weights of a reference policy.
const REFERENCE: &str = "reference.safetensors";
/// A critic's value head.
const VALUE_HEAD: &str = "value-head.safetensors";
const VALUE_HEAD_TENSORS: [&str; 3] = ["weight_and_bias", "first_moment", "second_moment"];
const STATE: &str = "trainer.json";
const RECIPE: &str = "recipe.toml";
const FAILURE: &str = "failure.txt";

/// The files that describe a model, without its weights.
#[derive(Clone, Debug)]
pub struct ModelFiles(Vec<(String, Vec<u8>)>);

impl ModelFiles {
    /// Those of a fresh model with the character vocabulary.
    pub(crate) fn fresh(model: &Model) -> Self {
        let config = crate::demo::model_config(model);
        let eos = config["eos_token_id"].clone();
        let text = |v: serde_json::Value| format!("{v:#}\n").into_bytes();
        ModelFiles(vec![
            ("config.json".into(), text(config.into())),
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
        ])
    }

    /// Those of a folder.
    pub(crate) fn load(dir: &Path) -> Result<Self, TrainError> {
        let mut files = Vec::new();
        for name in CARRIED {
            let path = dir.join(name);
            if path.exists() || name == "config.json" || name == "tokenizer.json" {
                files.push((
                    name.to_owned(),
                    std::fs::read(&path).map_err(|e| TrainError::io(&path, e))?,
                ));
            }
        }
        Ok(ModelFiles(files))
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|f| f.0 == name).map(|f| f.1.as_slice())
    }

    pub(crate) fn config(&self) -> Result<ModelConfig, TrainError> {
        let bytes = self.get("config.json").unwrap_or_default();
        let raw = serde_json::from_slice(bytes).map_err(|e| {
            TrainError::file(Path::new("config.json"), format!("not a JSON object: {e}"))
        })?;
        Ok(ModelConfig::from_json(&raw)?)
    }

    pub(crate) fn text(&self) -> Result<Text, TrainError> {
        let tokenizer = self.get("tokenizer.json").unwrap_or_default();
        Ok(Text::from_parts(
            tokenizer,
            self.get("tokenizer_config.json"),
            self.get("chat_template.jinja"),
        )?)
    }

    pub(crate) fn eos(&self, config: &ModelConfig) -> Result<Vec<u32>, TrainError> {
        Ok(checkpoint::eos_ids(
            self.get("generation_config.json"),
            config,
        )?)
    }
}

/// A part of a run that is saved on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The warm start.
    WarmStart,
    /// The reinforcement learning.
    Train,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Which part of the run.
    pub phase: Part,
    /// Steps of that phase that are done.
    pub step: u64,
    /// Optimizer updates behind the moments.
    pub updates: u64,
    /// Identifies what the run computes; a checkpoint of another recipe is refused.
    pub fingerprint: String,
    /// Coefficients that adapt; those of the warm start have none.
    pub coefficients: Option<Coefficients>,
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
}

/// Changes whenever a checkpoint means something else: other files, or steps that compute other
/// numbers from the same state.
pub(crate) const FORMAT: u32 = 2;

/// A checkpoint folder.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The folder.
    pub dir: PathBuf,
}

impl Checkpoint {
    /// Writes the model alone into a folder, as it is after a step: what other programs load.
    pub(crate) fn write_model(dir: &Path, t: &Trainer, step: u64) -> Result<(), TrainError> {
        write_model_files(dir, t, &finite_weights(t, Part::WarmStart, step)?)
    }

    /// Writes model, optimizer and state.
    ///
    /// # Errors
    /// Weights that are not finite are not written: going on from them is no use.
    pub(crate) fn write(dir: &Path, t: &Trainer, state: &State) -> Result<(), TrainError> {
        let weights = finite_weights(t, state.phase, state.step)?;
        Self::write_with(dir, t, state, &weights, None)
    }

    /// Writes the state before a step that failed, whatever its numbers are, and how it failed.
    pub(crate) fn dump(
        dir: &Path,
        t: &Trainer,
        state: &State,
        failure: &str,
    ) -> Result<(), TrainError> {
        let weights = t.learner.decoder.download(&t.learner.cpu);
        Self::write_with(dir, t, state, &weights, Some(failure))
    }

    fn write_with(
        dir: &Path,
        t: &Trainer,
        state: &State,
        weights: &[Vec<f32>],
        failure: Option<&str>,
    ) -> Result<(), TrainError> {
        folder_atomically(dir, |dir| {
            write_model_files(dir, t, weights)?;
            if let Some(failure) = failure {
                write_atomically(&dir.join(FAILURE), failure.as_bytes())?;
            }
            for (name, moments) in MOMENTS
                .iter()
                .zip([&t.learner.moments.first, &t.learner.moments.second])
            {
                let host = t.learner.decoder.download_like(&t.learner.cpu, moments);
                write_atomically(
                    &dir.join(name),
                    &checkpoint::weights_to_bytes(&t.learner.decoder.config, &host)?,
                )?;
            }
            if let Some(reference) = &t.reference {
                let host = reference.decoder.download(&t.learner.cpu);
                let bytes = checkpoint::weights_to_bytes(&t.learner.decoder.config, &host)?;
                write_atomically(&dir.join(REFERENCE), &bytes)?;
            }
            if let Some(head) = &t.value_head {
                let named = VALUE_HEAD_TENSORS
                    .into_iter()
                    .zip(head.save(&t.learner.cpu));
                let bytes = checkpoint::vectors_to_bytes(named)?;
                write_atomically(&dir.join(VALUE_HEAD), &bytes)?;
            }
            write_atomically(&dir.join(RECIPE), t.recipe.to_toml().as_bytes())?;
            write_atomically(&dir.join(STATE), format!("{:#}\n", json!(state)).as_bytes())
        })
    }

    /// The state of a checkpoint.
    ///
    /// # Errors
    /// A checkpoint of another format than this program's is refused.
    pub fn state(&self) -> Result<State, TrainError> {
        let path = self.dir.join(STATE);
        let fail = |e: serde_json::Error| TrainError::file(&path, e);
        let state: serde_json::Value = serde_json::from_str(&read(&path)?).map_err(fail)?;
        // First, because another format may have other keys.
        // Those of the first version do not name theirs.
        let format = state.get("format").cloned().unwrap_or_else(|| json!(1));
        match format.as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            _ => {
                let problem = format!(
                    "format = {format}: the checkpoint was written by another version of this program; this one reads and writes format {FORMAT}. Resume it with the version that wrote it, or choose another --out"
                );
                return Err(TrainError::file(&path, problem));
            }
        }
        serde_json::from_value(state).map_err(fail)
    }

    /// How the step after it failed, in a dump.
    pub(crate) fn failure(&self) -> Result<String, TrainError> {
        read(&self.dir.join(FAILURE))
    }

    /// The recipe that a checkpoint was made with; none in those of earlier versions.
    pub(crate) fn recipe(&self) -> Result<Option<Recipe>, TrainError> {
        let path = self.dir.join(RECIPE);
        path.exists().then(|| Recipe::load(&path, &[])).transpose()
    }

    /// Host weights in the layout's order.
    pub(crate) fn weights(&self, config: &ModelConfig) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(checkpoint::load_weights(&self.dir, config)?)
    }

    /// Puts the optimizer's moments back.
    pub(crate) fn load_moments(&self, t: &mut Trainer, updates: u64) -> Result<(), TrainError> {
        let host = MOMENTS.map(|name| {
            checkpoint::load_tensors(&[self.dir.join(name)], &t.learner.decoder.config)
        });
        let [first, second] = host;
        upload(&t.learner.cpu, &first?, &mut t.learner.moments.first);
        upload(&t.learner.cpu, &second?, &mut t.learner.moments.second);
        t.learner.moments.updates = updates;
        Ok(())
    }

    /// Puts back what trains beside the policy: the reference and the value head.
    pub(crate) fn load_companions(&self, t: &mut Trainer) -> Result<(), TrainError> {
        if t.recipe.needs_reference() {
            let file = self.dir.join(REFERENCE);
            t.set_reference(&checkpoint::load_tensors(
                &[file],
                &t.learner.decoder.config,
            )?);
        }
        if let Some(head) = &mut t.value_head {
            let file = self.dir.join(VALUE_HEAD);
            let saved = checkpoint::load_vectors(&file, VALUE_HEAD_TENSORS)?;
            if !head.restore(&t.learner.cpu, &saved) {
                return Err(TrainError::file(&file, "a value head of another model"));
            }
        }
        Ok(())
    }

    /// The self-reward constants that were saved with the model.
    pub fn self_reward(&self) -> Result<Option<SelfReward>, TrainError> {
        let path = self.dir.join("laser.json");
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_str(&read(&path)?)
            .map(Some)
            .map_err(|e| TrainError::file(&path, e))
    }
}

fn upload(cpu: &Cpu, host: &[Vec<f32>], device: &mut [laser_kernels::Buffer]) {
    use laser_kernels::Backend;
    for (h, d) in host.iter().zip(device) {
        cpu.upload(h, d);
    }
}

/// Host weights in the layout's order, if they are numbers.
fn finite_weights(t: &Trainer, phase: Part, step: u64) -> Result<Vec<Vec<f32>>, TrainError> {
    let weights = t.learner.decoder.download(&t.learner.cpu);
    if weights.iter().flatten().all(|w| w.is_finite()) {
        return Ok(weights);
    }
    let (phase, key) = match phase {
        Part::WarmStart => ("warm start", "warm_start.optimizer.lr"),
        Part::Train => ("training", "optimizer.lr"),
    };
    Err(TrainError::Diverged {
        phase,
        step,
        what: "its update left weights that are not finite".into(),
        remedy: format!("they were not saved; lower {key}"),
    })
}

/// Writes a model, weights on the host, into a folder.
pub(crate) fn write_weights(
    dir: &Path,
    learner: &Learner,
    weights: &[Vec<f32>],
) -> Result<(), TrainError> {
    for (name, bytes) in &learner.files.0 {
        write_atomically(&dir.join(name), bytes)?;
    }
    let weights = checkpoint::weights_to_bytes(&learner.decoder.config, weights)?;
    write_atomically(&dir.join(WEIGHTS), &weights)
}

fn write_model_files(dir: &Path, t: &Trainer, weights: &[Vec<f32>]) -> Result<(), TrainError> {
    write_weights(dir, &t.learner, weights)?;
    if let (Some(rule), Some(zc)) = (&t.self_reward, t.zc) {
        let laser = json!({
            "token": t.recipe.self_reward.token, "token_id": zc, "beta_v": decimal(rule.beta_v), "c_ref": decimal(rule.c_ref)
        });
        write_atomically(&dir.join("laser.json"), format!("{laser:#}\n").as_bytes())?;
    }
    Ok(())
}

/// The newest complete checkpoint among `dir/step-N`.
pub(crate) fn newest(dir: &Path) -> Result<Option<Checkpoint>, TrainError> {
    Ok(all(dir)?
        .into_iter()
        .next_back()
        .map(|(_, dir)| Checkpoint { dir }))
}

/// Removes all but the `keep` newest checkpoints and that of the step `best`.
pub(crate) fn prune(dir: &Path, keep: usize, best: Option<u64>) -> Result<(), TrainError> {
    let checkpoints = all(dir)?;
    let old = checkpoints.len().saturating_sub(keep);
    checkpoints
        .iter()
        .take(old)
        .filter(|(step, _)| Some(*step) != best)
        .try_for_each(|(_, dir)| crate::files::remove_folder(dir))
}

fn all(dir: &Path) -> Result<Vec<(u64, PathBuf)>, TrainError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| TrainError::io(dir, e))? {
        let path = entry.map_err(|e| TrainError::io(dir, e))?.path();
        let step = path
            .file_name()
            .and_then(|n| n.to_str()?.strip_prefix("step-")?.parse().ok());
        if let Some(step) = step.filter(|_| path.join(STATE).exists()) {
            found.push((step, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
