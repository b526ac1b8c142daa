//! The folder of a run: what it may hold, and what a run may do to it.

use std::path::{Path, PathBuf};

use laser_rng::Rng;
use laser_rollout::SelfRewardPosition;
use serde_json::{Value, json};

use crate::TrainError;
use crate::evaluate::SampleRow;
use crate::files::{
    create_folder, read, read_lines, remove, retain_lines, to_json, write_atomically,
};
use crate::recipe::Recipe;
use crate::save::{Checkpoint, newest};

/// The recipe of the run.
const CONFIG: &str = "config.toml";
/// What makes a model folder a base model of a recipe.
const BASE: &str = "base.json";
/// What training writes into the folder, beside `config.toml` and `base`.
const WRITTEN: [&str; 7] = [
    "checkpoints",
    "samples",
    "warm-start",
    "metrics.jsonl",
    "evals.jsonl",
    "tensorboard",
    "base-test.json",
];
/// What the end of a run writes.
const WRITTEN_LAST: [&str; 3] = ["results.jsonl", "summary.json", "report.html"];

/// The folder of a run.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    /// A file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Refuses a folder that holds anything but the same run, finished, or with `resume` one in
    /// which there is nothing to resume. Returns the checkpoint to go on from. Writes nothing.
    pub(crate) fn check(
        &self,
        recipe: &Recipe,
        resume: bool,
    ) -> Result<Option<Checkpoint>, TrainError> {
        let checkpoint = newest(&self.path("checkpoints"))?;
        match (resume, &checkpoint) {
            (true, Some(checkpoint)) => refuse_to_continue(checkpoint, recipe)?,
            (true, None) => self.refuse_to_begin_by_resuming(recipe)?,
            (false, checkpoint) => self.refuse_to_overwrite(recipe, checkpoint.is_some())?,
        }
        Ok(checkpoint.filter(|_| resume))
    }

    /// Makes the folder ready for a run that is known to be able to start: what an earlier one
    /// wrote is removed, but for what `resume` goes on from.
    pub(crate) fn prepare(&self, recipe: &Recipe, resume: bool) -> Result<(), TrainError> {
        create_folder(&self.0)?;
        // First, so that a folder with any of the files below is always known as a run's.
        write_atomically(&self.path(CONFIG), recipe.to_toml().as_bytes())?;
        if !resume {
            WRITTEN.iter().try_for_each(|n| remove(&self.path(n)))?;
        }
        WRITTEN_LAST
            .iter()
            .try_for_each(|n| remove(&self.path(n)))?;
        create_folder(&self.path("samples"))
    }

    fn refuse_to_overwrite(&self, recipe: &Recipe, has_checkpoint: bool) -> Result<(), TrainError> {
        let config = self.path(CONFIG);
        if !config.exists() {
            let foreign = WRITTEN.iter().chain(&WRITTEN_LAST).map(|n| self.path(n));
            let base = self.path("base");
            let base = (base.exists() && !base.join(BASE).exists()).then_some(base);
            if let Some(path) = foreign.filter(|p| p.exists()).chain(base).next() {
                return Err(TrainError::file(
                    &path,
                    "not from a run of this program (there is no config.toml beside it), and the run would replace it; choose another folder with --out",
                ));
            }
            return Ok(());
        }
        let same = Recipe::load(&config, &[])? == *recipe;
        let finished = self.path("summary.json").exists();
        if !(has_checkpoint || finished) || (same && finished) {
            return Ok(());
        }
        let what = if same {
            "an unfinished run"
        } else {
            "the run of another recipe"
        };
        Err(TrainError::file(
            &self.0,
            format!(
                "the folder holds {what}; continue it with --resume, or choose another folder with --out"
            ),
        ))
    }

    /// Without a checkpoint a run goes on from its warm start or its base model, or, if it was
    /// killed before there was any of them, from its beginning.
    fn refuse_to_begin_by_resuming(&self, recipe: &Recipe) -> Result<(), TrainError> {
        let config = self.path(CONFIG);
        let nothing = || TrainError::NothingToResume(self.0.clone());
        if !config.exists() {
            return Err(nothing());
        }
        if Recipe::load(&config, &[])?.run_fingerprint() == recipe.run_fingerprint() {
            return Ok(());
        }
        if self.path("summary.json").exists() {
            return self.refuse_to_overwrite(recipe, false);
        }
        let base = recipe.base_fingerprint();
        let warm = newest(&self.path("warm-start"))?
            .map(|c| c.state())
            .transpose()?;
        match is_base(&self.path("base"), &base) || warm.is_some_and(|s| s.fingerprint == base) {
            true => Ok(()),
            false => Err(nothing()),
        }
    }

    /// Drops the lines of steps after those that are done, which will be written again; returns
    /// the seconds of the others. The test after step `done` is made again too.
    pub(crate) fn rewind(&self, warm_done: u64, done: u64) -> Result<f64, TrainError> {
        let step = |v: &Value| v["step"].as_u64().unwrap_or(u64::MAX);
        let metrics = self.path("metrics.jsonl");
        retain_lines(&metrics, |v| {
            step(v) <= if v["phase"] == "sft" { warm_done } else { done }
        })?;
        retain_lines(&self.path("evals.jsonl"), |v| step(v) < done)?;
        let seconds = |v: Value| -> Option<f64> {
            let parts = v["seconds"].as_object()?.values();
            Some(parts.filter_map(Value::as_f64).sum())
        };
        Ok(read_lines(&metrics)?.into_iter().filter_map(seconds).sum())
    }

    /// Tokens over seconds of all lines of `metrics.jsonl`.
    pub(crate) fn tokens_per_second(&self) -> Result<Value, TrainError> {
        let lines = read_lines(&self.path("metrics.jsonl"))?;
        let rate = |kind: &str| {
            let rl = lines.iter().filter(|l| l["phase"] != "sft");
            let sum = |key: &str| {
                rl.clone()
                    .filter_map(|l| l[key][kind].as_f64())
                    .sum::<f64>()
            };
            (sum("seconds") > 0.0).then(|| sum("tokens") / sum("seconds"))
        };
        Ok(json!({"rollout": rate("rollout"), "train": rate("train")}))
    }
}

fn refuse_to_continue(checkpoint: &Checkpoint, recipe: &Recipe) -> Result<(), TrainError> {
    let state = checkpoint.state()?;
    let fail = |problem: &str| Err(TrainError::file(&checkpoint.dir, problem));
    if state.fingerprint != recipe.run_fingerprint() {
        let steps = match recipe.optimizer.schedule.falls() {
            true => "; with a learning rate that falls, steps is a part of it",
            false => "",
        };
        return fail(&format!(
            "the checkpoint belongs to a run with another recipe{steps}; resume with that one (config.toml), or choose another --out"
        ));
    }
    if state.step > recipe.steps {
        return fail(&format!(
            "the run is already beyond steps = {}; raise steps to {} or more",
            recipe.steps, state.step
        ));
    }
    Ok(())
}

impl Recipe {
    /// Identifies the base model that the recipe's warm start makes.
    pub(crate) fn base_fingerprint(&self) -> String {
        let s = &self.self_reward;
        let mut parts = json!([self.seed, self.model, self.warm_start, self.tasks, s.token]);
        // The warm start prepares z_c where it will be read.
        if let (SelfRewardPosition::AtEos, Value::Array(parts)) = (s.position, &mut parts) {
            parts.push(json!(s.position));
        }
        fingerprint(&parts.to_string())
    }

    /// Identifies what the run computes step by step; what it reports, and how it is cut into
    /// batches may change on resume. So may how far it goes, unless the learning rate depends on
    /// that.
    pub(crate) fn run_fingerprint(&self) -> String {
        let rollout = (
            self.rollout.prompts,
            self.rollout.samples,
            self.rollout.refills,
            self.rollout.max_new_tokens,
        );
        let mut parts = json!([
            self.base_fingerprint(),
            self.model.path,
            rollout,
            self.policy,
            self.kl,
            self.entropy,
            self.critic,
            self.self_reward,
            self.optimizer
        ]);
        if let (true, Value::Array(parts)) = (self.optimizer.schedule.falls(), &mut parts) {
            parts.push(json!(self.steps));
        }
        // The verifier alone is left out, as it was before there were other parts.
        if let (Some(reward), Value::Array(parts)) = (self.reward_identity(), &mut parts) {
            parts.push(json!({"reward": reward}));
        }
        fingerprint(&parts.to_string())
    }
}

fn fingerprint(text: &str) -> String {
    let words: Vec<u64> = text.bytes().map(u64::from).collect();
    format!("{:016x}", Rng::from_words(&words).next_u64())
}

/// Whether a folder holds the base model with that fingerprint.
pub(crate) fn is_base(dir: &Path, fingerprint: &str) -> bool {
    let file = dir.join(BASE);
    let json = read(&file)
        .ok()
        .and_then(|t| serde_json::from_str::<Value>(&t).ok());
    json.is_some_and(|v| v["fingerprint"] == fingerprint)
}

/// Marks a folder as the base model with that fingerprint.
pub(crate) fn mark_base(dir: &Path, fingerprint: &str) -> Result<(), TrainError> {
    let mark = json!({"fingerprint": fingerprint});
    write_atomically(&dir.join(BASE), format!("{mark:#}\n").as_bytes())
}

/// Writes responses as JSON lines.
pub(crate) fn write_rows(path: &Path, rows: &[SampleRow]) -> Result<(), TrainError> {
    let lines: String = rows.iter().map(|r| to_json(r) + "\n").collect();
    write_atomically(path, lines.as_bytes())
}
