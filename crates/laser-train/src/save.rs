//! Checkpoints: the Hugging Face layout, plus what continuing needs.

use std::path::{Path, PathBuf};

use laser_kernels::{Backend, Buffer, Cpu};
use laser_model::checkpoint::{
    self, Source as TensorSource, Stored, WeightType, write_tensors, write_weights,
};
use laser_model::peft;
use laser_rl::SelfReward;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::TrainError;
use crate::files::{folder_atomically, read, write_atomically};
use crate::learner::Learner;
use crate::model::SelfRewardToken;
use crate::model_files::EXACT_WEIGHTS;
use crate::recipe::{Recipe, Save};
use crate::reference::Coefficients;
use crate::trainer::Trainer;

const MOMENTS: [&str; 2] = [
    "optimizer-first.safetensors",
    "optimizer-second.safetensors",
];
/// The weights of a reference policy.
const REFERENCE: &str = "reference.safetensors";
/// The weights of the policy at the start of the step before.
const PREVIOUS: &str = "previous.safetensors";
/// A critic's value head.
const VALUE_HEAD: &str = "value-head.safetensors";
const VALUE_HEAD_TENSORS: [&str; 3] = ["weight_and_bias", "first_moment", "second_moment"];
const STATE: &str = "trainer.json";
const RECIPE: &str = "recipe.toml";
const FAILURE: &str = "failure.txt";

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
    /// Identifies the problems that were read from files.
    pub data: Option<String>,
    /// Identifies the weights of the guide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<String>,
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
}

/// Changes whenever a checkpoint means something else: other files, or steps that compute other
/// numbers from the same state.
pub(crate) const FORMAT: u32 = 3;

/// A checkpoint folder.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The folder.
    pub dir: PathBuf,
}

impl Checkpoint {
    /// Writes the model alone into a folder, as it is after a step: what other programs load.
    pub(crate) fn write_base(dir: &Path, t: &Trainer, step: u64) -> Result<(), TrainError> {
        check_finite(t, Part::WarmStart, step, WeightType::Float32)?;
        write_model(dir, &t.learner, &Save::default())?;
        write_laser(dir, t)
    }

    /// Writes model, optimizer and state.
    ///
    /// # Errors
    /// Weights that are not finite are not written: going on from them is no use.
    pub(crate) fn write(dir: &Path, t: &Trainer, state: &State) -> Result<(), TrainError> {
        check_finite(t, state.phase, state.step, t.recipe.save.dtype)?;
        Self::write_with(dir, t, state, &t.recipe.save, None)
    }

    /// Writes the state before a step that failed, whatever its numbers are, and how it failed.
    pub(crate) fn dump(
        dir: &Path,
        t: &Trainer,
        state: &State,
        failure: &str,
    ) -> Result<(), TrainError> {
        Self::write_with(dir, t, state, &Save::default(), Some(failure))
    }

    fn write_with(
        dir: &Path,
        t: &Trainer,
        state: &State,
        how: &Save,
        failure: Option<&str>,
    ) -> Result<(), TrainError> {
        let (cpu, decoder) = (&t.learner.cpu, &t.learner.decoder);
        folder_atomically(dir, |dir| {
            write_model(dir, &t.learner, how)?;
            write_laser(dir, t)?;
            if decoder.lora().is_none() && how.dtype != WeightType::Float32 {
                let weights =
                    TensorSource::new(&decoder.layout.tensors, |i| decoder.merged_tensor(cpu, i));
                write_tensors(&dir.join(EXACT_WEIGHTS), &weights, WeightType::Float32)?;
            }
            if let Some(failure) = failure {
                write_atomically(&dir.join(FAILURE), failure.as_bytes())?;
            }
            let moments = &t.learner.moments;
            for (name, moments) in MOMENTS.iter().zip([&moments.first, &moments.second]) {
                let source = TensorSource::new(decoder.trained(), |i| host(cpu, &moments[i]));
                write_tensors(&dir.join(name), &source, WeightType::Float32)?;
            }
            for (name, frozen) in [(REFERENCE, &t.reference), (PREVIOUS, &t.previous)] {
                let Some(frozen) = frozen else {
                    continue;
                };
                let own = &frozen.decoder;
                let source = TensorSource::new(&own.layout.tensors, |i| own.merged_tensor(cpu, i));
                write_tensors(&dir.join(name), &source, WeightType::Float32)?;
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

    /// Puts the optimizer's moments back.
    pub(crate) fn load_moments(&self, t: &mut Trainer, updates: u64) -> Result<(), TrainError> {
        let specs = t.learner.decoder.trained();
        let [first, second] =
            MOMENTS.map(|name| Stored::file(&self.dir.join(name), specs.to_vec()));
        upload(&t.learner.cpu, &first?, &mut t.learner.moments.first);
        upload(&t.learner.cpu, &second?, &mut t.learner.moments.second);
        t.learner.moments.updates = updates;
        Ok(())
    }

    /// Puts back what is kept beside the policy: the reference, the weights of the step before and
    /// the value head.
    pub(crate) fn load_companions(&self, t: &mut Trainer) -> Result<(), TrainError> {
        // With a c_ref that is still open, it was settled without a reference if there is none.
        let file = self.dir.join(REFERENCE);
        if t.recipe.needs_reference() && (file.exists() || !t.recipe.self_reward.is_open()) {
            let specs = t.learner.decoder.layout.tensors.clone();
            let stored = Stored::file(&file, specs)?;
            t.set_reference(stored.into_tensors());
        }
        if t.recipe.needs_previous() {
            let specs = t.learner.decoder.layout.tensors.clone();
            let stored = Stored::file(&self.dir.join(PREVIOUS), specs)?;
            t.set_previous(stored.into_tensors());
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
        Ok(SelfRewardToken::read(&self.dir)?.map(|token| token.rule))
    }
}

fn upload(cpu: &Cpu, stored: &Stored, device: &mut [Buffer]) {
    for (h, d) in stored.tensors().zip(device) {
        cpu.upload(&h, d);
    }
}

fn host(cpu: &Cpu, buffer: &Buffer) -> Vec<f32> {
    let mut host = vec![0.0; buffer.len()];
    cpu.download(buffer, &mut host);
    host
}

/// Whether what would be saved are numbers, also in the type they are saved in; says what is not.
pub(crate) fn check_weights(learner: &Learner, dtype: WeightType) -> Result<(), String> {
    let mut fits = true;
    for value in learner.decoder.parameters() {
        if value.iter().any(|w| !w.is_finite()) {
            return Err("weights that are not finite".into());
        }
        fits &= value.iter().all(|w| dtype.holds(*w));
    }
    match fits || learner.decoder.lora().is_some() {
        true => Ok(()),
        false => Err(format!("weights that {} cannot hold", dtype.name())),
    }
}

fn check_finite(t: &Trainer, phase: Part, step: u64, dtype: WeightType) -> Result<(), TrainError> {
    let (phase, key) = match phase {
        Part::WarmStart => ("warm start", "warm_start.optimizer.lr"),
        Part::Train => ("training", "optimizer.lr"),
    };
    check_weights(&t.learner, dtype).map_err(|what| TrainError::Diverged {
        phase,
        step,
        what: format!("its update left {what}"),
        remedy: match dtype {
            WeightType::Float32 => format!("they were not saved; lower {key}"),
            _ => format!("they were not saved; lower {key}, or set save.dtype = \"float32\""),
        },
    })
}

/// Writes what other programs load into a folder: the model, or the adapter that is trained.
pub(crate) fn write_model(dir: &Path, learner: &Learner, how: &Save) -> Result<(), TrainError> {
    let (cpu, decoder) = (&learner.cpu, &learner.decoder);
    if let Some(lora) = decoder.lora() {
        learner.files.write_text(dir)?;
        let base = learner.files.name();
        let value = |i: usize| host(cpu, &decoder.parameters()[i]);
        return Ok(peft::write(dir, lora, &decoder.config, base, value)?);
    }
    learner.files.write(dir, how.dtype.name())?;
    let source = TensorSource::new(&decoder.layout.tensors, |i| decoder.merged_tensor(cpu, i));
    Ok(write_weights(dir, &source, how.dtype, how.max_shard_bytes)?)
}

/// Writes the constants of the self-reward beside a model.
fn write_laser(dir: &Path, t: &Trainer) -> Result<(), TrainError> {
    if let (Some(rule), Some(zc)) = (&t.self_reward, t.zc) {
        let s = &t.recipe.self_reward;
        SelfRewardToken {
            token: s.token.clone(),
            token_id: zc,
            rule: *rule,
            position: s.position,
        }
        .write(dir)?;
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
