//! The evaluation of a model: accuracy, selection at k and self-verification, with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Estimate, resample, weighted_mean};
use crate::pooled::Pool;
use crate::verification::{JudgeMetrics, Judged};
use crate::voting::{Answer, AtK, VoteRules, at_k};
use laser_rng::Rng;

/// One sampled response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Canonical extracted answer, for voting; `None` if there was none.
    pub key: Option<String>,
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
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

    fn at_k(&self, k: usize, seed: u64) -> Option<AtK> {
        let answers: Vec<Answer> = self
            .samples
            .iter()
            .map(|s| Answer {
                key: s.key.as_deref(),
                correct: s.correct,
                score: s.score,
            })
            .collect();
        at_k(&answers, k, &VoteRules::default(), seed)
    }
}

/// What [`evaluate`] computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvalOptions {
    /// The k of pass@k, maj@k, weighted@k and best@k.
    pub ks: Vec<usize>,
    /// Bootstrap resamples; 0 leaves the intervals out.
    pub bootstrap: usize,
    /// Seed of the resamples and of the random subsets.
    pub seed: u64,
    /// Bins of the ECE.
    pub bins: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self {
            ks: vec![8],
            bootstrap: 1000,
            seed: 0,
            bins: 15,
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
    /// pass@k by k. This and the next four: mean over the problems with at least k samples.
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
    let judged: Vec<(usize, Judged)> = problems
        .iter()
        .enumerate()
        .flat_map(|(p, problem)| problem.judged().map(move |s| (p, s)))
        .collect();
    let pool = Pool::new(&judged, opts.bins);
    let columns = columns(problems, opts);

    let mut means = vec![Vec::with_capacity(opts.bootstrap); columns.len()];
    let mut judgements = Vec::with_capacity(opts.bootstrap);
    let mut rng = Rng::from_words(&[opts.seed, problems.len() as u64]);
    let mut counts = vec![0; problems.len()];
    for _ in 0..opts.bootstrap {
        resample(&mut rng, &mut counts);
        for (means, (_, values)) in means.iter_mut().zip(&columns) {
            means.extend(weighted_mean(values, &counts));
        }
        judgements.push(pool.metrics(&counts));
    }

    let once = vec![1; problems.len()];
    let mut evaluation = Evaluation {
        self_verification: self_verification(&pool.metrics(&once), &judgements),
        ..Evaluation::default()
    };
    for ((metric, values), replicates) in columns.into_iter().zip(means) {
        let estimate = Estimate::new(weighted_mean(&values, &once), replicates);
        evaluation.insert(metric, estimate);
    }
    evaluation
}

/// A metric with one value per problem, whose mean is reported.
#[derive(Clone, Copy)]
enum PerProblem {
    Accuracy,
    Pass(usize),
    Maj(usize),
    Weighted(usize),
    Best(usize),
    WeightedMinusMaj(usize),
}

impl Evaluation {
    fn insert(&mut self, metric: PerProblem, estimate: Estimate) {
        let (map, k) = match metric {
            PerProblem::Accuracy => {
                self.accuracy = estimate;
                return;
            }
            PerProblem::Pass(k) => (&mut self.pass_at, k),
            PerProblem::Maj(k) => (&mut self.maj_at, k),
            PerProblem::Weighted(k) => (&mut self.weighted_at, k),
            PerProblem::Best(k) => (&mut self.best_at, k),
            PerProblem::WeightedMinusMaj(k) => (&mut self.weighted_minus_maj, k),
        };
        map.insert(k, estimate);
    }
}

/// Every per-problem metric with its values `[problems]`.
fn columns(problems: &[Problem], opts: &EvalOptions) -> Vec<(PerProblem, Vec<Option<f64>>)> {
    let accuracy = problems.iter().map(Problem::accuracy).collect();
    let mut columns = vec![(PerProblem::Accuracy, accuracy)];
    for &k in &opts.ks {
        let results: Vec<Option<AtK>> = problems
            .iter()
            .enumerate()
            .map(|(p, problem)| problem.at_k(k, Rng::from_words(&[opts.seed, p as u64]).next_u64()))
            .collect();
        let mut column = |metric, value: fn(&AtK) -> f64| {
            let values = results.iter().map(|r| r.as_ref().map(value)).collect();
            columns.push((metric, values));
        };
        column(PerProblem::Pass(k), |r| r.pass);
        column(PerProblem::Maj(k), |r| r.maj);
        column(PerProblem::Weighted(k), |r| r.weighted);
        column(PerProblem::Best(k), |r| r.best);
        column(PerProblem::WeightedMinusMaj(k), |r| r.weighted - r.maj);
    }
    columns
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
