//! The folder of a run: what it may hold, and what a run may do to it.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use laser_rng::Rng;
use laser_rollout::SelfRewardPosition;
use serde_json::{Map, Value, json};

use crate::TrainError;
use crate::evaluate::SampleRow;
use crate::files::{
    create_folder, read, read_lines, recover, remove, retain_lines, to_json, write_atomically,
};
use crate::recipe::Recipe;
use crate::save::{Checkpoint, State, newest};

/// The recipe of the run.
const CONFIG: &str = "config.toml";
/// What makes a model folder a base model of a recipe.
const BASE: &str = "base.json";
/// What training writes into the folder, beside `config.toml` and `base`.
const WRITTEN: [&str; 10] = [
    "checkpoints",
    "samples",
    "warm-start",
    "metrics.jsonl",
    "evals.jsonl",
    "tensorboard",
    "base-test.json",
    "best.json",
    "dumps",
    "data.json",
];
/// What the end of a run writes.
const WRITTEN_LAST: [&str; 3] = ["results.jsonl", "summary.json", "report.html"];

/// What is locked while a run works in its folder; it stays there, empty.
const LOCK: &str = "run.lock";

/// Further tries to lock a folder, 20 ms apart.
const LOOKS: u32 = 5;

/// What a folder holds of the run that is asked for.
pub(crate) enum Found {
    /// No checkpoint to go on from.
    Nothing,
    /// A part of it.
    Checkpoint(Checkpoint, Box<State>),
    /// All of it, up to this step.
    Finished(u64),
}

/// The folder of a run.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    /// A file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether any run was ever started in it.
    pub(crate) fn is_run(&self) -> bool {
        self.path(CONFIG).exists()
    }

    /// Keeps other processes from working in the folder until the file is closed, as it is at the
    /// end of the process in any way. None where the file system has no locks.
    pub(crate) fn lock(&self) -> Result<Option<File>, TrainError> {
        let path = self.path(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| TrainError::io(&path, e))?;
        // The page of runs holds the lock for an instant to see whether it is free.
        let mut tried = file.try_lock();
        for _ in 0..LOOKS {
            if !matches!(tried, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            tried = file.try_lock();
        }
        match tried {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(TrainError::file(
                &self.0,
                "another process is working in this folder; wait for its end, or choose another folder with --out",
            )),
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }

    /// Mends what a crash left half-written.
    pub(crate) fn recover(&self) -> Result<(), TrainError> {
        let files = WRITTEN.iter().chain(&WRITTEN_LAST);
        let files: Vec<&str> = files.copied().chain([CONFIG, "base"]).collect();
        recover(&self.0, |name| files.contains(&name))?;
        for folder in ["checkpoints", "warm-start", "samples", "dumps"] {
            recover(&self.path(folder), |name| name.starts_with("step-"))?;
        }
        Ok(())
    }

    /// Refuses a folder that holds anything but the same run, finished, or with `resume` the same
    /// run at all. Writes nothing.
    pub(crate) fn check(&self, recipe: &Recipe, resume: bool) -> Result<Found, TrainError> {
        let checkpoint = newest(&self.path("checkpoints"))?;
        let Some(checkpoint) = checkpoint.filter(|_| resume) else {
            match resume {
                true => self.refuse_to_begin_by_resuming(recipe)?,
                false => self.refuse_to_overwrite(recipe)?,
            }
            return Ok(Found::Nothing);
        };
        let state = checkpoint.state()?;
        self.refuse_to_continue(&checkpoint, &state, recipe)?;
        match self.is_finished(recipe, state.step)? {
            true => Ok(Found::Finished(state.step)),
            false => Ok(Found::Checkpoint(checkpoint, state.into())),
        }
    }

    /// Makes the folder ready for a run that is known to be able to start: what an earlier one
    /// wrote is removed, but for what `resume` goes on from.
    pub(crate) fn prepare(&self, recipe: &Recipe, resume: bool) -> Result<(), TrainError> {
        create_folder(&self.0)?;
        // Before the recipe changes: the end of an earlier run must never pass for that of this.
        WRITTEN_LAST
            .iter()
            .try_for_each(|n| remove(&self.path(n)))?;
        // Before anything else, so that a folder with any of it is always known as a run's.
        write_atomically(&self.path(CONFIG), recipe.to_toml().as_bytes())?;
        if !resume {
            WRITTEN.iter().try_for_each(|n| remove(&self.path(n)))?;
        }
        create_folder(&self.path("samples"))
    }

    /// Whether the run of this recipe has come to its end, at a step.
    fn is_finished(&self, recipe: &Recipe, step: u64) -> Result<bool, TrainError> {
        let summary = self.path("summary.json");
        if !summary.exists() || !self.is_run() {
            return Ok(false);
        }
        let summary: Value =
            serde_json::from_str(&read(&summary)?).map_err(|e| TrainError::file(&summary, e))?;
        let made = Recipe::load(&self.path(CONFIG), &[])?;
        // Tests of another kind are made anew, and more steps are more steps.
        let same = (&made.name, made.steps, &made.evaluation, &made.save.best)
            == (
                &recipe.name,
                recipe.steps,
                &recipe.evaluation,
                &recipe.save.best,
            );
        let ended = step == recipe.steps || summary["stopped_early"].is_object();
        Ok(same && ended && summary["steps"] == step)
    }

    fn refuse_to_overwrite(&self, recipe: &Recipe) -> Result<(), TrainError> {
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
        let saved = newest(&self.path("checkpoints"))?.is_some()
            || newest(&self.path("warm-start"))?.is_some();
        if !(saved || finished) || (same && finished) {
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
        if !config.exists() {
            return self.refuse_to_overwrite(recipe);
        }
        let made = Recipe::load(&config, &[])?;
        if made.run_fingerprint() == recipe.run_fingerprint() {
            return Ok(());
        }
        if self.path("summary.json").exists() {
            return self.refuse_to_overwrite(recipe);
        }
        let base = recipe.base_fingerprint();
        let warm = newest(&self.path("warm-start"))?
            .map(|c| c.state())
            .transpose()?;
        match is_base(&self.path("base"), &base) || warm.is_some_and(|s| s.fingerprint == base) {
            true => Ok(()),
            false => Err(TrainError::file(
                &self.0,
                format!("the folder holds {}", another_recipe(&made, recipe)),
            )),
        }
    }

    fn refuse_to_continue(
        &self,
        checkpoint: &Checkpoint,
        state: &State,
        recipe: &Recipe,
    ) -> Result<(), TrainError> {
        let fail = |problem: String| Err(TrainError::file(&checkpoint.dir, problem));
        if state.fingerprint != recipe.run_fingerprint() {
            let made = match checkpoint.recipe()? {
                Some(made) => made,
                None => Recipe::load(&self.path(CONFIG), &[])?,
            };
            return fail(format!(
                "the checkpoint belongs to {}",
                another_recipe(&made, recipe)
            ));
        }
        if state.step > recipe.steps {
            return fail(format!(
                "the run is already beyond steps = {}; raise steps to {} or more",
                recipe.steps, state.step
            ));
        }
        Ok(())
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

    /// The steps that were skipped last, in a row.
    pub(crate) fn skipped_in_a_row(&self, warm_start: bool) -> Result<u64, TrainError> {
        let lines = read_lines(&self.path("metrics.jsonl"))?;
        let of_phase = lines.iter().filter(|l| (l["phase"] == "sft") == warm_start);
        let skipped = of_phase.rev().take_while(|l| l["optim/skipped"] == 1);
        Ok(skipped.count() as u64)
    }

    /// The tests on the way that are on record.
    pub(crate) fn tests(&self) -> Result<Vec<(u64, Value)>, TrainError> {
        let lines = read_lines(&self.path("evals.jsonl"))?.into_iter();
        Ok(lines
            .filter_map(|line| Some((line["step"].as_u64()?, line)))
            .collect())
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

/// Says what distinguishes the recipe of a run from the one that is asked for.
fn another_recipe(made: &Recipe, asked: &Recipe) -> String {
    let (there, here) = (made.numbers(), asked.numbers());
    let keys: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let value =
        |of: &Map<String, Value>, key: &str| of.get(key).map_or("absent".into(), Value::to_string);
    let different: Vec<String> = keys
        .into_iter()
        .filter(|key| there.get(*key) != here.get(*key))
        .map(|key| {
            format!(
                "{key} = {} there, {} here",
                value(&there, key),
                value(&here, key)
            )
        })
        .collect();
    let what = match different.is_empty() {
        true => "its recipe names the same values, but its fingerprint is another: the files are not of one run".into(),
        false => different.join("; "),
    };
    let steps = match asked.optimizer.schedule.falls() && made.steps != asked.steps {
        true => " (with a learning rate that falls, steps is a part of the recipe)",
        false => "",
    };
    format!(
        "a run with another recipe: {what}{steps}; resume with its own recipe (config.toml), or choose another folder with --out"
    )
}

impl Recipe {
    /// Identifies the base model that the recipe's warm start makes.
    pub(crate) fn base_fingerprint(&self) -> String {
        let s = &self.self_reward;
        let mut parts = json!([self.seed, self.model, self.warm_start, self.tasks, s.token]);
        without_limit(&mut parts[2]["optimizer"]);
        // The warm start prepares z_c where it will be read.
        if let (SelfRewardPosition::AtEos, Value::Array(parts)) = (s.position, &mut parts) {
            parts.push(json!(s.position));
        }
        fingerprint(&parts.to_string())
    }

    /// The keys that [`Recipe::run_fingerprint`] is made of, with their tables, and their values.
    fn numbers(&self) -> Map<String, Value> {
        // Over text, in which an f32 is its shortest decimal.
        let all = serde_json::from_str(&to_json(self)).unwrap_or_default();
        let mut flat = Map::new();
        flatten("", all, &mut flat);
        let steps = self.optimizer.schedule.falls();
        flat.retain(|key, _| match key.split('.').next().unwrap_or_default() {
            _ if key.ends_with("optimizer.max_skipped") => false,
            "method" | "supervised" | "data" | "seed" | "model" | "lora" | "warm_start"
            | "tasks" | "policy" | "correction" | "distillation" | "kl" | "entropy" | "critic"
            | "preference" | "likelihood" | "guide" | "self_reward" | "optimizer" => true,
            "rollout" => !matches!(key.as_str(), "rollout.rows") && !key.contains(".sampling"),
            "steps" => steps,
            _ => false,
        });
        let reward = match self.reward_identity() {
            Some(parts) => json!(parts),
            None => json!("the verifier alone"),
        };
        flat.insert("reward".into(), reward);
        flat
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
        let mut optimizer = json!(self.optimizer);
        without_limit(&mut optimizer);
        let mut parts = json!([
            self.base_fingerprint(),
            self.method,
            self.supervised,
            self.data,
            self.lora,
            rollout,
            self.policy,
            self.kl,
            self.entropy,
            self.critic,
            self.self_reward,
            optimizer
        ]);
        if let (2.., Value::Array(parts)) = (self.rollout.views, &mut parts) {
            parts.push(json!({"views": self.rollout.views}));
        }
        if let (Some(correction), Value::Array(parts)) = (&self.correction, &mut parts) {
            parts.push(json!({"correction": correction}));
        }
        if let (true, Value::Array(parts)) = (self.optimizer.schedule.falls(), &mut parts) {
            parts.push(json!(self.steps));
        }
        // Left out where there are none, as before there were any. Tests move the prefix.
        if let (true, Value::Array(parts)) = (self.uses_prefixes(), &mut parts) {
            let (r, e) = (&self.rollout, &self.evaluation);
            let tests = (e.every, e.problems.min(e.quick_problems), e.samples);
            let tests = (r.prefix.step > 0.0).then_some(tests);
            parts.push(json!({"prefix": [r.continuations, r.prefix, tests]}));
            if let (true, Some(cautious)) = (r.prefix.step > 0.0, &e.cautious) {
                parts.push(json!({"cautious": cautious}));
            }
        }
        if let (Some(distillation), Value::Array(parts)) = (&self.distillation, &mut parts) {
            parts.push(json!({"distillation": distillation}));
        }
        if let (Some(likelihood), Value::Array(parts)) = (&self.likelihood, &mut parts) {
            parts.push(json!({"likelihood": likelihood}));
        }
        // The verifier alone is left out, as it was before there were other parts.
        if let (Some(reward), Value::Array(parts)) = (self.reward_identity(), &mut parts) {
            parts.push(json!({"reward": reward}));
        }
        // Absent keys are left out, as they were before there were any.
        if let (Some(preference), Value::Array(parts)) = (self.preference, &mut parts) {
            parts.push(json!({"preference": preference}));
        }
        if let (true, Value::Array(parts)) = (self.needs_guide(), &mut parts) {
            parts.push(json!({"guide": self.guide}));
        }
        fingerprint(&parts.to_string())
    }
}

/// When a run gives up changes none of its numbers.
fn without_limit(optimizer: &mut Value) {
    if let Value::Object(keys) = optimizer {
        keys.remove("max_skipped");
    }
}

/// Puts every value that is no table under its whole name.
fn flatten(name: &str, value: Value, into: &mut Map<String, Value>) {
    let Value::Object(table) = value else {
        into.insert(name.into(), value);
        return;
    };
    for (key, value) in table {
        let dot = if name.is_empty() { "" } else { "." };
        flatten(&format!("{name}{dot}{key}"), value, into);
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
