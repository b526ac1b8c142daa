//! What a run writes down as it goes: `metrics.jsonl`, `evals.jsonl`, TensorBoard's events.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::TrainError;
use crate::files::{append_line, read, read_lines, retain_lines};
use crate::folder::Folder;
use crate::recipe::Recipe;
use crate::smells::{Smells, Warning};
use crate::tensorboard::Events;

/// The logs of a run.
pub(crate) struct RunLog {
    metrics: PathBuf,
    evals: PathBuf,
    events: Option<Events>,
    smells: Smells,
}

impl RunLog {
    /// Goes on after the lines that are in the folder.
    pub(crate) fn open(folder: &Folder, recipe: &Recipe) -> Result<Self, TrainError> {
        let (metrics, evals) = (folder.path("metrics.jsonl"), folder.path("evals.jsonl"));
        let lines = read_lines(&metrics)?;
        let mut smells = Smells::new(recipe);
        for line in lines.iter().filter_map(Value::as_object) {
            if !is_warm_start(line) {
                // These warnings stand in the lines already.
                smells.observe(line);
            }
        }
        let mut tests = base_test(&folder.path("base-test.json"))?;
        tests.extend(read_lines(&evals)?);
        let events = Events::restart(
            &folder.path("tensorboard"),
            recipe.save.tensorboard,
            unix_seconds(),
            &lines,
            &tests,
        )?;
        Ok(RunLog {
            metrics,
            evals,
            events,
            smells,
        })
    }

    /// Completes and writes the line of a step; returns the warnings that came with it, which are
    /// a part of the line.
    pub(crate) fn step(
        &mut self,
        line: &mut Map<String, Value>,
    ) -> Result<Vec<Warning>, TrainError> {
        // A number of milliseconds prints as one.
        let time = (unix_seconds() * 1e3).round() / 1e3;
        line.insert("time".into(), json!(time));
        let rates = tokens_per_second(line);
        line.insert("tokens_per_second".into(), rates);
        if let Some(bytes) = peak_memory() {
            line.insert("memory/peak".into(), json!(bytes));
        }
        let mut warnings = Vec::new();
        if !is_warm_start(line) {
            warnings = self.smells.observe(line);
        }
        if !warnings.is_empty() {
            line.insert("warnings".into(), json!(warnings));
        }
        append_line(&self.metrics, &json!(line).to_string())?;
        if let Some(events) = &mut self.events {
            events.step(line)?;
        }
        Ok(warnings)
    }

    /// Takes the test of the base model in, which has a file of its own.
    pub(crate) fn base_test(&mut self, metrics: &Value) -> Result<(), TrainError> {
        match &mut self.events {
            Some(events) => events.test(&at_step_0(metrics)),
            None => Ok(()),
        }
    }

    /// Writes the line of a test, in place of an earlier one after the same step: where a run stops
    /// early, the test of all problems follows the one on the way.
    pub(crate) fn test(&mut self, line: &Value) -> Result<(), TrainError> {
        let step = &line["step"];
        if read_lines(&self.evals)?
            .last()
            .is_some_and(|l| l["step"] == *step)
        {
            retain_lines(&self.evals, |l| l["step"] != *step)?;
        }
        append_line(&self.evals, &line.to_string())?;
        match &mut self.events {
            Some(events) => events.test(line),
            None => Ok(()),
        }
    }
}

/// Whether a line of `metrics.jsonl` is the warm start's.
pub(crate) fn is_warm_start(line: &Map<String, Value>) -> bool {
    line.get("phase").is_some_and(|phase| phase == "sft")
}

/// Tokens over seconds of each part of the step that has both.
fn tokens_per_second(line: &Map<String, Value>) -> Value {
    let part = |key: &str, part: &str| line.get(key)?.get(part)?.as_f64();
    let tokens = line.get("tokens").and_then(Value::as_object);
    let rates = tokens.into_iter().flat_map(Map::keys).filter_map(|name| {
        let seconds = part("seconds", name).filter(|s| *s > 0.0)?;
        let rate = part("tokens", name)? / seconds;
        Some((name.clone(), json!(rate.round())))
    });
    Value::Object(rates.collect())
}

/// A clock before 1970 is wrong, and no reason to stop a run.
fn unix_seconds() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |d| d.as_secs_f64())
}

/// The line of the base model's test, if it is there.
fn base_test(file: &Path) -> Result<Vec<Value>, TrainError> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let test: Value = serde_json::from_str(&read(file)?).map_err(|e| TrainError::file(file, e))?;
    Ok(vec![at_step_0(&test["metrics"])])
}

fn at_step_0(metrics: &Value) -> Value {
    let mut line = metrics.clone();
    line["step"] = json!(0);
    line
}

/// Largest resident memory of the process so far, in bytes; Linux counts it.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_tokens_and_seconds() {
        let line = json!({
            "tokens": {"rollout": 100, "train": 300, "verify": 7, "score": 3},
            "seconds": {"rollout": 0.5, "train": 2.0, "score": 0.0, "other": 1.0},
        });
        let rates = tokens_per_second(line.as_object().unwrap());
        assert_eq!(rates, json!({"rollout": 200.0, "train": 150.0}));
        assert_eq!(tokens_per_second(&Map::new()), json!({}));
    }
}
