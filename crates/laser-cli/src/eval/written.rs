//! What is written of an evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use laser_rl::{Calibration, Estimate, Evaluation};
use laser_rollout::Sampling;
use laser_train::{LanguageModel, SampleRow, SelfRewardToken, create_folder, write_atomically};
use serde::Serialize;

use super::answers::{Answers, How, Measured};
use super::asked::Asked;
use super::judged::{Judged, positions};
use super::{Args, Parts, sweep};
use crate::{BadInput, output};

const RESULTS: &str = "results.jsonl";
const SUMMARY: &str = "summary.json";

/// An evaluation.
pub struct Written<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// The model.
    pub model: &'a LanguageModel,
    /// The problems.
    pub asked: &'a Asked,
    /// Where the responses come from.
    pub how: &'a How,
    /// The responses.
    pub answers: &'a Answers,
    /// What they are worth.
    pub measured: &'a Measured,
    /// What the model says of them.
    pub judged: Option<&'a Judged>,
    /// By source.
    pub sources: &'a Parts,
    /// By level.
    pub levels: &'a Parts,
    /// At other settings.
    pub sweep: &'a [sweep::Point],
}

/// What is written to standard output and to summary.json.
#[derive(Serialize)]
pub struct Summary<'a> {
    model: &'a str,
    revision: Option<&'a str>,
    data: Vec<&'a str>,
    recipe: Option<&'a str>,
    problems: usize,
    n: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    n_by_file: &'a BTreeMap<String, usize>,
    seed: u64,
    sampling: Option<Sampling>,
    beam: Option<Beam>,
    max_new_tokens: usize,
    chat: bool,
    left_out: LeftOut,
    self_reward: Option<&'a SelfRewardToken>,
    self_reward_positions: Option<usize>,
    metrics: &'a Evaluation,
    calibration: &'a Calibration,
    prompted: Option<&'a Judged>,
    by_source: &'a Parts,
    by_level: &'a Parts,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sweep: &'a [sweep::Point],
    seconds: f64,
    tokens: usize,
    tokens_per_second: f64,
}

/// A search and what its likeliest responses are worth.
#[derive(Serialize)]
struct Beam {
    width: usize,
    length_penalty: f32,
    accuracy: Estimate,
}

/// Rows of the files that were not asked, by why.
#[derive(Serialize)]
struct LeftOut {
    empty_prompt: usize,
    no_answer: usize,
    too_long: usize,
}

/// A line of results.jsonl.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    row: &'a SampleRow,
    source: &'a str,
    level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beam_score: Option<f64>,
    #[serde(flatten)]
    prompted: Option<Prompted>,
}

/// What a model that was asked says of a response; null for those that did not end.
#[derive(Serialize)]
struct Prompted {
    prompted_score: Option<f32>,
    prompted_verdict: Option<bool>,
}

/// A folder with results is left alone: it may be that of a run.
///
/// # Errors
/// What stands in the folder's place.
pub fn check_free(out: &Path) -> Result<(), BadInput> {
    let taken = [SUMMARY, RESULTS, sweep::CSV, sweep::PAGE].map(|name| out.join(name));
    match taken.iter().find(|path| path.exists()) {
        Some(path) => Err(BadInput(format!(
            "--out {}: {} is there already; name another folder, or remove it",
            out.display(),
            path.display()
        ))),
        None if out.is_file() => Err(BadInput(format!(
            "--out {}: a file, not a folder; name another",
            out.display()
        ))),
        None => Ok(()),
    }
}

impl Written<'_> {
    /// Positions that the self-reward took beside the responses' own tokens.
    pub fn positions(&self) -> Option<usize> {
        positions(self.model, self.answers)
    }

    /// The summary.
    pub fn summary(&self) -> Summary<'_> {
        let (args, asked) = (self.args, self.asked);
        let left_out = &asked.set.report.test;
        let (sampling, beam) = match self.how {
            How::Sampled(sampling) => (Some(*sampling), None),
            How::Beam(b) => {
                let beam = Beam {
                    width: b.width,
                    length_penalty: b.length_penalty,
                    accuracy: self.measured.first.unwrap_or_default(),
                };
                (None, Some(beam))
            }
        };
        let (seconds, tokens) = (self.answers.seconds, self.answers.tokens());
        Summary {
            model: &args.model.model,
            revision: args.model.revision.as_deref(),
            data: args.data.paths(),
            recipe: args.recipe.as_deref(),
            problems: asked.set.len(),
            n: match self.how {
                How::Sampled(_) => asked.samples,
                How::Beam(b) => b.width,
            },
            n_by_file: &asked.samples_of,
            seed: asked.seed,
            sampling,
            beam,
            max_new_tokens: asked.max_new_tokens,
            chat: asked.set.chat,
            left_out: LeftOut {
                empty_prompt: left_out.empty_prompt.count,
                no_answer: left_out.missing_answer.count,
                too_long: left_out.too_long.count,
            },
            self_reward: self.model.self_reward.as_ref(),
            self_reward_positions: self.positions(),
            metrics: &self.measured.metrics,
            calibration: &self.measured.calibration,
            prompted: self.judged,
            by_source: self.sources,
            by_level: self.levels,
            sweep: self.sweep,
            seconds,
            tokens,
            tokens_per_second: tokens as f64 / seconds.max(1e-9),
        }
    }

    /// Writes the files of an evaluation; `text` is its summary.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn save(&self, out: &Path, text: &str) -> Result<()> {
        create_folder(out)?;
        write_atomically(&out.join(RESULTS), self.rows()?.as_bytes())?;
        if !self.sweep.is_empty() {
            sweep::save(out, &self.args.model.model, self.sweep)?;
        }
        let path = out.join(SUMMARY);
        write_atomically(&path, format!("{text}\n").as_bytes())?;
        output::log(format_args!("numbers {}", path.display()));
        Ok(())
    }

    fn rows(&self) -> Result<String> {
        let mut lines = String::new();
        let groups = self.asked.set.origins().zip(&self.answers.groups);
        for (problem, (origin, group)) in groups.enumerate() {
            for (sample, answer) in group.iter().enumerate() {
                let prompted = self.judged.map(|judged| {
                    let judgement = judged.groups[problem][sample];
                    Prompted {
                        prompted_score: judgement.map(|j| j.score),
                        prompted_verdict: judgement.and_then(|j| j.verdict),
                    }
                });
                let row = Row {
                    row: &answer.row,
                    source: &origin.source,
                    level: origin.level.as_deref(),
                    beam_score: answer.beam_score,
                    prompted,
                };
                lines += &serde_json::to_string(&row)?;
                lines.push('\n');
            }
        }
        Ok(lines)
    }
}
