//! The evaluation of a model: accuracy, selection at k and self-verification, with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Estimate, resample, weighted_mean};
use crate::pooled::Pool;
use crate::verification::{JudgeMetrics, Judged};
use crate::voting::{Answer, VoteRules};
use laser_rng::Rng;

pub use abstention::{Abstention, predictions};
pub use columns::{AdaptiveAt, Selections};
pub use second_turn::SecondTurn;

mod abstention;
mod columns;
mod second_turn;

use columns::{Column, Place};

/// One sampled response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Canonical extracted answer, for voting; `None` if there was none.
    pub key: Option<String>,
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
    /// [Self-certainty](mod@crate::self_certainty), nats; `None` where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_certainty: Option<f32>,
    /// Response length in tokens.
    pub length: u32,
}

/// The samples of one problem, in the order in which they were drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Any number; problems may differ.
    pub samples: Vec<Sample>,
}

impl Problem {
    /// The samples that finished and have a score: what self-verification is measured on.
    pub fn judged(&self) -> impl Iterator<Item = Judged> {
        self.samples.iter().filter_map(|s| {
            Some(Judged {
                score: s.score.filter(|score| !score.is_nan())?,
                correct: s.correct,
                length: s.length,
            })
        })
    }

    fn accuracy(&self) -> Option<f64> {
        let correct = self.samples.iter().filter(|s| s.correct).count();
        (!self.samples.is_empty()).then(|| correct as f64 / self.samples.len() as f64)
    }

    /// The samples as answers with their self-rewarding scores.
    pub fn answers(&self) -> Vec<Answer<'_>> {
        self.scored(|s| s.score)
    }

    fn scored(&self, score: fn(&Sample) -> Option<f32>) -> Vec<Answer<'_>> {
        let answer = |s| {
            let Sample { key, correct, .. }: &Sample = s;
            Answer {
                key: key.as_deref(),
                correct: *correct,
                score: score(s),
            }
        };
        self.samples.iter().map(answer).collect()
    }

    fn has(&self, score: fn(&Sample) -> Option<f32>) -> bool {
        let mut scores = self.samples.iter().filter_map(score);
        scores.any(|s| !s.is_nan())
    }
}

/// What [`evaluate`] computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvalOptions {
    /// The k of pass@k, maj@k, weighted@k, best@k and so on.
    pub ks: Vec<usize>,
    /// Bootstrap resamples; 0 leaves the intervals out.
    pub bootstrap: usize,
    /// Seed of the resamples and of the random subsets.
    pub seed: u64,
    /// Bins of the ECE.
    pub bins: usize,
    /// Weights of the votes, power of Borda's.
    pub rules: VoteRules,
    /// Powers of further Borda votes over the self-certainty.
    pub borda_powers: Vec<f64>,
    /// δ of [`Adaptive`](crate::voting::Adaptive).
    pub adaptive_error: f64,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self {
            ks: vec![8],
            bootstrap: 1000,
            seed: 0,
            bins: 15,
            rules: VoteRules::default(),
            borda_powers: Vec::new(),
            adaptive_error: 0.05,
        }
    }
}

/// Metrics of one model on one set of problems; its JSON is the `M` of `summary.json`.
///
/// Each estimate has a 95 % percentile-bootstrap interval over problems.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean over problems of the share of correct samples (avg@n).
    pub accuracy: Estimate,
    /// pass@k by k. This and all others at k: mean over the problems with at least k samples.
    pub pass_at: BTreeMap<usize, Estimate>,
    /// Accuracy of the majority vote by k.
    pub maj_at: BTreeMap<usize, Estimate>,
    /// Accuracy of the vote weighted by clamped score, by k.
    pub weighted_at: BTreeMap<usize, Estimate>,
    /// Accuracy of the answer with the highest score, by k.
    pub best_at: BTreeMap<usize, Estimate>,
    /// weighted@k − maj@k, paired: its interval is that of the difference.
    pub weighted_minus_maj: BTreeMap<usize, Estimate>,
    /// Mean cross entropy per token of written responses, nats, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Estimate>,
    /// The score as a judge, on the finished samples of all problems together.
    pub self_verification: SelfVerification,
    /// Accuracy of the Borda vote over the ranks of the score, by k. Empty where nothing has a
    /// score.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub borda_at: BTreeMap<usize, Estimate>,
    /// Accuracy of the answer with the highest self-certainty, by k. This and the next: empty
    /// where it was not measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub self_certainty_at: BTreeMap<usize, Estimate>,
    /// Accuracy of the Borda vote over the ranks of the self-certainty, by k.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub self_certainty_borda_at: BTreeMap<usize, Estimate>,
    /// The same for each of [`EvalOptions::borda_powers`]: by power, then by k.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub self_certainty_borda_by_power: BTreeMap<String, BTreeMap<usize, Estimate>>,
    /// Mean number of tokens drawn for a response, those of continuations that were not kept
    /// included, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_tokens: Option<Estimate>,
    /// The vote of at most k that stops early, by k ≥ 2.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adaptive_at: BTreeMap<usize, AdaptiveAt>,
    /// Abstention by what is answered: `response` (each response, its confidence the score),
    /// `majority` and `weighted` (the vote of all samples of a problem). Those that need a score
    /// are absent without one, votes where no problem has two samples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub risk_coverage: BTreeMap<String, Abstention>,
    /// By k the largest standard error, of all means over problems above, that comes from sampling
    /// subsets instead of taking all; no entry where everything is exact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sampling_error: BTreeMap<usize, f64>,
    /// Second attempts, where each response was followed by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_turn: Option<SecondTurn>,
}

/// [`JudgeMetrics`] with intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names of verification's functions")]
pub struct SelfVerification {
    pub f1: Estimate,
    pub tpr: Estimate,
    pub tnr: Estimate,
    pub auroc: Estimate,
    pub ece: Estimate,
    pub spearman_length: Estimate,
}

/// Evaluates `problems`. The same problems, options and seed give the same result.
///
/// A metric that is undefined (a missing class, k larger than every n, no problems) has an empty
/// [`Estimate`]; a resample on which it is undefined does not enter its interval.
pub fn evaluate(problems: &[Problem], opts: &EvalOptions) -> Evaluation {
    evaluate_selected(problems, &Selections::new(problems, opts), opts)
}

/// As [`evaluate`], with the selections that were made before from the same problems and options.
pub fn evaluate_selected(
    problems: &[Problem],
    selections: &Selections,
    opts: &EvalOptions,
) -> Evaluation {
    let judged: Vec<(usize, Judged)> = problems
        .iter()
        .enumerate()
        .flat_map(|(p, problem)| problem.judged().map(move |s| (p, s)))
        .collect();
    let pool = Pool::new(&judged, opts.bins);
    let accuracy = problems.iter().map(Problem::accuracy).collect();
    let mut columns: Vec<Column> = vec![(Place::Accuracy, accuracy)];
    columns.extend(selections.columns());
    let abstentions = abstention::all(problems, opts);

    let mut means = vec![Vec::with_capacity(opts.bootstrap); columns.len()];
    let mut judgements = Vec::with_capacity(opts.bootstrap);
    let mut risks = vec![Vec::with_capacity(opts.bootstrap); abstentions.len()];
    let mut rng = Rng::from_words(&[opts.seed, problems.len() as u64]);
    let mut counts = vec![0; problems.len()];
    for _ in 0..opts.bootstrap {
        resample(&mut rng, &mut counts);
        for (means, (_, values)) in means.iter_mut().zip(&columns) {
            means.extend(weighted_mean(values, &counts));
        }
        judgements.push(pool.metrics(&counts));
        for (risks, abstention) in risks.iter_mut().zip(&abstentions) {
            risks.extend(abstention.measure(&counts));
        }
    }

    let once = vec![1; problems.len()];
    let mut evaluation = Evaluation {
        self_verification: self_verification(&pool.metrics(&once), &judgements),
        sampling_error: selections.sampling_error(),
        ..Evaluation::default()
    };
    for ((place, values), means) in columns.into_iter().zip(means) {
        let estimate = Estimate::new(weighted_mean(&values, &once), means);
        place.put(&mut evaluation, estimate);
    }
    for (abstention, risks) in abstentions.iter().zip(risks) {
        if let Some(value) = abstention.measure(&once) {
            let estimates = Abstention::new(&value, &risks);
            let name = abstention.name.to_owned();
            evaluation.risk_coverage.insert(name, estimates);
        }
    }
    evaluation
}

fn self_verification(value: &JudgeMetrics, replicates: &[JudgeMetrics]) -> SelfVerification {
    let estimate = |metric: fn(&JudgeMetrics) -> Option<f64>| {
        Estimate::new(
            metric(value),
            replicates.iter().filter_map(metric).collect(),
        )
    };
    SelfVerification {
        f1: estimate(|m| m.f1),
        tpr: estimate(|m| m.tpr),
        tnr: estimate(|m| m.tnr),
        auroc: estimate(|m| m.auroc),
        ece: estimate(|m| m.ece),
        spearman_length: estimate(|m| m.spearman_length),
    }
}

#[cfg(test)]
mod tests;
