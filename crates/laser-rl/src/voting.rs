//! Selection: from k answers to the same problem to one, and its expected accuracy at k.
//!
//! A vote is about *keys*: two answers with the same key are the same answer. The caller makes
//! the keys (canonical text, or the class of mathematically equal answers). Every tie goes to the
//! answer that appears first, so that a result never depends on hashing or sorting.
//!
//! [`choose`] is one selection with its confidence, [`at_k`] the expected accuracy of all of them
//! at k, [`Adaptive`] stops sampling once the vote is as good as settled.

mod adaptive;
mod at_k;
mod ballot;
mod borda;
mod choice;
mod exact;
mod subsets;

use serde::{Deserialize, Serialize};

use crate::verification::order;
use ballot::{Ballot, Tally};

pub use adaptive::{Adaptive, Decision, Votes};
pub use at_k::{AtK, SubsetErrors, at_k, pass_at_k};
pub use borda::{BORDA_POWER, borda, borda_votes};
pub use choice::{Choice, Method, choose, most_trusted};
pub use subsets::{MAX_ENUMERATED, SAMPLED_SUBSETS};

/// One of k answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer<'a> {
    /// What is voted on; `None` if no answer could be extracted: such a response has no vote.
    pub key: Option<&'a str>,
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score; `None` if truncated. NaN counts as `None`. Any other score of a
    /// response (its self-certainty, an external verifier's) can stand here.
    pub score: Option<f32>,
}

impl Answer<'_> {
    /// The score, if it is a number.
    fn number(&self) -> Option<f32> {
        self.score.filter(|s| !s.is_nan())
    }
}

/// How a score becomes the weight of a vote. No score weighs 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// clamp(score, 0, 1): LaSeR's weighted majority voting.
    #[default]
    Clamped,
    /// The score as it is; a negative one counts against its answer.
    Raw,
}

impl Weights {
    fn of(self, answer: &Answer) -> f64 {
        let score = answer.number().unwrap_or(0.0);
        f64::from(match self {
            Self::Clamped => score.clamp(0.0, 1.0),
            // Infinities of both signs in one sum would give NaN.
            Self::Raw => score.clamp(f32::MIN, f32::MAX),
        })
    }
}

/// What a vote depends on beside the answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoteRules {
    /// Weights of [`weighted_majority`].
    pub weights: Weights,
    /// The power p of [`borda`], at least 0.
    pub borda_power: f64,
}

impl Default for VoteRules {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            borda_power: BORDA_POWER,
        }
    }
}

/// Majority vote: index of the first answer with the most frequent key.
///
/// If no answer has a key, the first answer. `None` only for no answers.
pub fn majority(answers: &[Answer]) -> Option<usize> {
    let ballot = Ballot::new(answers, Weights::default());
    let all: Vec<usize> = (0..answers.len()).collect();
    (!all.is_empty()).then(|| Tally::new(&ballot).count(&all).majority)
}

/// Weighted majority vote: index of the first answer whose key has the largest sum of weights.
///
/// Falls back to [`majority`] if every weight is 0. `None` only for no answers.
pub fn weighted_majority(answers: &[Answer], weights: Weights) -> Option<usize> {
    let ballot = Ballot::new(answers, weights);
    let all: Vec<usize> = (0..answers.len()).collect();
    (!all.is_empty()).then(|| Tally::new(&ballot).count(&all).weighted)
}

/// Best of k: index of the first answer with the highest score, with or without a key.
///
/// If no answer has a score, the first answer. `None` only for no answers.
pub fn best_of(answers: &[Answer]) -> Option<usize> {
    (0..answers.len()).min_by(|&a, &b| preference(answers, a, b))
}

/// The order in which [`best_of`] prefers answers: score descending, no score last, then first
/// come, first served.
fn preference(answers: &[Answer], a: usize, b: usize) -> std::cmp::Ordering {
    let by_score = match (answers[a].number(), answers[b].number()) {
        (Some(x), Some(y)) => order(y, x),
        (x, y) => y.is_some().cmp(&x.is_some()),
    };
    by_score.then(a.cmp(&b))
}

/// All answers, the most preferred first.
fn by_preference(answers: &[Answer]) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..answers.len()).collect();
    ranked.sort_by(|&a, &b| preference(answers, a, b));
    ranked
}

/// Whether any answer is correct.
pub fn pass(answers: &[Answer]) -> bool {
    answers.iter().any(|a| a.correct)
}

#[cfg(test)]
mod tests;
