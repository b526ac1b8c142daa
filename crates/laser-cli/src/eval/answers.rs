//! The answers of a model to all problems, and what they are worth.

use std::time::Instant;

use anyhow::Result;
use laser_rl::{Calibration, Estimate, EvalOptions, Evaluation};
use laser_rollout::Sampling;
use laser_train::{BeamRow, BeamSettings, LanguageModel, SampleRow, evaluate};

use super::asked::Asked;
use crate::answer::{bad_input, progress};

/// Responses for each thread that are sampled at once.
const RESPONSES: usize = 128;

/// Where responses come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// Tokens are drawn.
    Sampled(Sampling),
    /// The likeliest are searched for.
    Beam(BeamSettings),
}

/// A response, with its score where it was searched for.
pub struct Answer {
    /// The response.
    pub row: SampleRow,
    /// Σ log p / length^α, nats.
    pub beam_score: Option<f64>,
}

/// The answers to all problems.
pub struct Answers {
    /// Problem by problem.
    pub groups: Vec<Vec<Answer>>,
    /// What they took.
    pub seconds: f64,
}

/// What answers are worth.
pub struct Measured {
    /// The metrics with their intervals. Of a search they are over all responses that it found.
    pub metrics: Evaluation,
    /// Reliability bins and score histogram.
    pub calibration: Calibration,
    /// Share of problems whose likeliest response is right, of a search.
    pub first: Option<Estimate>,
}

impl Answers {
    /// Asks the model.
    ///
    /// # Errors
    /// An interruption, weights that are not numbers.
    pub fn of(model: &LanguageModel, asked: &Asked, how: &How) -> Result<Self> {
        let started = Instant::now();
        let set = &asked.set;
        let each = match how {
            How::Sampled(_) => asked.most(),
            How::Beam(beam) => beam.width,
        };
        let at_once = (RESPONSES * model.cpu.threads()).div_ceil(each.max(1));
        let bar = progress(set.len(), "problems");
        let mut groups = Vec::with_capacity(set.len());
        for first in (0..set.len()).step_by(at_once) {
            let range = first..set.len().min(first + at_once);
            match how {
                How::Sampled(sampling) => {
                    let generation = model.generation(*sampling, asked.max_new_tokens);
                    let rows = model.test(set, range, asked.samples, asked.seed, &generation);
                    groups.extend(rows.map_err(bad_input)?.into_iter().map(sampled));
                }
                How::Beam(beam) => {
                    let rows = model.beam_test(set, range, *beam);
                    groups.extend(rows.map_err(bad_input)?.into_iter().map(searched));
                }
            }
            bar.set_position(groups.len() as u64);
        }
        bar.finish_and_clear();
        Ok(Answers {
            groups,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// The responses alone.
    pub fn rows(&self) -> Vec<Vec<SampleRow>> {
        let rows = |group: &Vec<Answer>| group.iter().map(|a| a.row.clone()).collect();
        self.groups.iter().map(rows).collect()
    }

    /// Tokens of all responses.
    pub fn tokens(&self) -> usize {
        self.groups.iter().flatten().map(|a| a.row.length).sum()
    }

    /// What they are worth.
    pub fn measured(&self, options: &EvalOptions) -> Measured {
        let result = evaluate(self.rows(), options);
        let is_search = |a: &Answer| a.beam_score.is_some();
        let searched = self.groups.iter().flatten().next().is_some_and(is_search);
        Measured {
            metrics: result.metrics,
            calibration: result.calibration,
            first: searched.then(|| self.first(options)),
        }
    }

    /// Accuracy of the first response to each problem.
    fn first(&self, options: &EvalOptions) -> Estimate {
        let first = |group: &Vec<Answer>| group.iter().take(1).map(|a| a.row.clone()).collect();
        let options = EvalOptions {
            ks: Vec::new(),
            ..options.clone()
        };
        let groups = self.groups.iter().map(first).collect();
        evaluate(groups, &options).metrics.accuracy
    }
}

fn sampled(group: Vec<SampleRow>) -> Vec<Answer> {
    let answer = |row| Answer {
        row,
        beam_score: None,
    };
    group.into_iter().map(answer).collect()
}

fn searched(group: Vec<BeamRow>) -> Vec<Answer> {
    let answer = |found: BeamRow| Answer {
        row: found.row,
        beam_score: Some(found.score),
    };
    group.into_iter().map(answer).collect()
}
