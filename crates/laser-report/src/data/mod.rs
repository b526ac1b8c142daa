//! A run's files, typed. Unknown keys are ignored; any known key may be missing or null.

mod lenient;
mod response;
mod step;
mod summary;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use response::Response;
pub use step::{Evaluation, Step, Warning};
pub use summary::{
    Bin, Calibration, Estimate, Histogram, Metrics, SelfVerification, Speed, Summary,
};

use crate::ReportError;

/// The texts of a run's files, `None` where there is no such file.
#[derive(Debug, Default, Clone)]
pub struct Files {
    /// `summary.json`, the one file that must be there.
    pub summary: String,
    /// `config.toml`, the resolved recipe.
    pub config: Option<String>,
    /// `metrics.jsonl`, an object per training step.
    pub metrics: Option<String>,
    /// `evals.jsonl`, an object per evaluation during training.
    pub evals: Option<String>,
    /// `results.jsonl`, an object per final test response.
    pub results: Option<String>,
}

/// Everything the report says, from one run's folder.
#[derive(Debug, Clone)]
pub struct RunData {
    pub summary: Summary,
    /// The resolved recipe as text, empty if there is none.
    pub config: String,
    /// Steps of the supervised warm start, in the file's order.
    pub warm_start: Vec<Step>,
    /// Reinforcement-learning steps, in the file's order.
    pub steps: Vec<Step>,
    pub evals: Vec<Evaluation>,
    pub responses: Vec<Response>,
}

impl RunData {
    /// Whether the run learned from written responses, after no warm start.
    pub fn is_supervised(&self) -> bool {
        self.steps.iter().any(|s| s.sft_loss.is_some())
    }

    /// Reads the files of the run in `dir`. Only `summary.json` must be there.
    pub fn load(dir: &Path) -> Result<RunData, ReportError> {
        let path = dir.join("summary.json");
        let files = Files {
            summary: read(&path)?.ok_or(ReportError::Missing { path })?,
            config: read(&dir.join("config.toml"))?,
            metrics: read(&dir.join("metrics.jsonl"))?,
            evals: read(&dir.join("evals.jsonl"))?,
            results: read(&dir.join("results.jsonl"))?,
        };
        RunData::parse(&files, dir)
    }

    /// Parses a run's files; `dir` is only named in errors.
    pub fn parse(files: &Files, dir: &Path) -> Result<RunData, ReportError> {
        let name = |file: &str| dir.join(file).display().to_string();
        let summary =
            serde_json::from_str(&files.summary).map_err(|source| ReportError::Summary {
                file: name("summary.json"),
                source,
            })?;
        let mut all: Vec<Step> = lines(&files.metrics, || name("metrics.jsonl"))?;
        step::number_steps(&mut all);
        let (warm_start, steps) = all.into_iter().partition(Step::is_warm_start);
        let mut responses: Vec<Response> = lines(&files.results, || name("results.jsonl"))?;
        for (index, response) in responses.iter_mut().enumerate() {
            response.index = index;
        }
        Ok(RunData {
            summary,
            config: files.config.clone().unwrap_or_default(),
            warm_start,
            steps,
            evals: lines(&files.evals, || name("evals.jsonl"))?,
            responses,
        })
    }
}

fn read(path: &PathBuf) -> Result<Option<String>, ReportError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReportError::Read {
            path: path.clone(),
            source,
        }),
    }
}

/// The objects of a JSON-lines text; blank lines are skipped but counted.
fn lines<T: DeserializeOwned>(
    text: &Option<String>,
    file: impl Fn() -> String,
) -> Result<Vec<T>, ReportError> {
    let text = text.as_deref().unwrap_or_default();
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| ReportError::Line {
                file: file(),
                line: index + 1,
                source,
            })
        })
        .collect()
}
