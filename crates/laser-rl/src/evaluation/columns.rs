//! Numbers per problem, whose means are reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EvalOptions, Evaluation, Problem};
use crate::bootstrap::Estimate;
use crate::voting::{Adaptive, Answer, AtK, Method, VoteRules, Votes, Weights, at_k, choose};
use laser_rng::Rng;

/// Where a mean goes, and its values `[problems]`.
pub(super) type Column = (Place, Vec<Option<f64>>);

/// An estimate in an [`Evaluation`].
#[derive(Clone, Copy)]
pub(super) enum Place {
    Accuracy,
    At(fn(&mut Evaluation) -> &mut BTreeMap<usize, Estimate>, usize),
    Adaptive(fn(&mut AdaptiveAt) -> &mut Estimate, usize),
    /// Of a power of the Borda vote, and k.
    Borda(f64, usize),
}

impl Place {
    pub fn put(self, e: &mut Evaluation, estimate: Estimate) {
        match self {
            Self::Accuracy => e.accuracy = estimate,
            Self::At(map, k) => drop(map(e).insert(k, estimate)),
            Self::Adaptive(part, k) => *part(e.adaptive_at.entry(k).or_default()) = estimate,
            Self::Borda(power, k) => {
                let by_power = &mut e.self_certainty_borda_by_power;
                let at = by_power.entry(power.to_string()).or_default();
                at.insert(k, estimate);
            }
        }
    }
}

/// The vote of at most k samples that stops as soon as it is settled ([`Adaptive`]): weighted
/// where there are scores, by majority otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveAt {
    /// Share of right answers.
    pub accuracy: Estimate,
    /// Samples that were used.
    pub samples: Estimate,
    /// Share of answers that the vote of all k gives too.
    pub agreement: Estimate,
}

/// By k, what every selection of each problem comes to.
type ByK = BTreeMap<usize, Vec<Option<AtK>>>;

/// What every selection at every k comes to on every problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Selections {
    /// By k, of each problem, with the score; `None` where it has fewer than k samples.
    pub by_score: ByK,
    /// The same with the self-certainty in the score's place; `None` where nothing has one.
    by_certainty: Option<ByK>,
    /// The same with each of the further powers of the Borda vote.
    by_power: Vec<(f64, ByK)>,
    adaptive: BTreeMap<usize, Vec<Option<[f64; 3]>>>,
    scored: bool,
}

impl Selections {
    /// Selects. The same problems, options and seed give the same.
    pub fn new(problems: &[Problem], opts: &EvalOptions) -> Self {
        let with = |answers: &dyn Fn(&Problem) -> Vec<Answer<'_>>,
                    rules: &VoteRules|
         -> BTreeMap<usize, Vec<_>> {
            // Without problems, every k is still there.
            let mut all: BTreeMap<usize, Vec<_>> =
                opts.ks.iter().map(|k| (*k, Vec::new())).collect();
            for (p, problem) in problems.iter().enumerate() {
                let answers = answers(problem);
                let seed = Rng::from_words(&[opts.seed, p as u64]).next_u64();
                for (&k, results) in &mut all {
                    results.push(at_k(&answers, k, rules, seed));
                }
            }
            all
        };
        let scored = problems.iter().any(|p| p.has(|s| s.score));
        let certain = problems.iter().any(|p| p.has(|s| s.self_certainty));
        let adaptive = opts.ks.iter().filter(|k| **k >= 2).map(|&k| {
            let votes = match scored {
                true => Votes::Weighted,
                false => Votes::Majority,
            };
            let error = opts.adaptive_error;
            let rule = Adaptive {
                most: k,
                error,
                votes,
            };
            let used = problems.iter().map(|p| adaptive(&p.answers(), &rule, opts));
            (k, used.collect())
        });
        let of_power = |&power: &f64| {
            let rules = VoteRules {
                borda_power: power,
                ..opts.rules
            };
            (power, with(&|p| p.scored(|s| s.self_certainty), &rules))
        };
        let powers = opts.borda_powers.iter().filter(|_| certain);
        Selections {
            adaptive: adaptive.collect(),
            by_score: with(&Problem::answers, &opts.rules),
            by_certainty: certain.then(|| with(&|p| p.scored(|s| s.self_certainty), &opts.rules)),
            by_power: powers.map(of_power).collect(),
            scored,
        }
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        type Map = fn(&mut Evaluation) -> &mut BTreeMap<usize, Estimate>;
        type Value = fn(&AtK) -> f64;
        let by_score: [(Map, Value); 5] = [
            (|e| &mut e.pass_at, |r| r.pass),
            (|e| &mut e.maj_at, |r| r.maj),
            (|e| &mut e.weighted_at, |r| r.weighted),
            (|e| &mut e.best_at, |r| r.best),
            (|e| &mut e.weighted_minus_maj, |r| r.weighted - r.maj),
        ];
        let borda: [(Map, Value); 1] = [(|e| &mut e.borda_at, |r| r.borda)];
        let by_certainty: [(Map, Value); 2] = [
            (|e| &mut e.self_certainty_at, |r| r.best),
            (|e| &mut e.self_certainty_borda_at, |r| r.borda),
        ];
        let mut columns = Vec::new();
        let mut add = |k: usize, results: &[Option<AtK>], metrics: &[(Map, Value)]| {
            for &(map, value) in metrics {
                let values = results.iter().map(|r| r.as_ref().map(value)).collect();
                columns.push((Place::At(map, k), values));
            }
        };
        for (&k, results) in &self.by_score {
            add(k, results, &by_score);
            if self.scored {
                add(k, results, &borda);
            }
        }
        for (&k, results) in self.by_certainty.iter().flatten() {
            add(k, results, &by_certainty);
        }
        for (power, by_k) in &self.by_power {
            for (&k, results) in by_k {
                let values = results.iter().map(|r| r.as_ref().map(|r| r.borda));
                columns.push((Place::Borda(*power, k), values.collect()));
            }
        }
        let parts: [fn(&mut AdaptiveAt) -> &mut Estimate; 3] = [
            |a| &mut a.accuracy,
            |a| &mut a.samples,
            |a| &mut a.agreement,
        ];
        for (&k, results) in &self.adaptive {
            for (i, part) in parts.into_iter().enumerate() {
                let values = results.iter().map(|r| r.map(|r| r[i])).collect();
                columns.push((Place::Adaptive(part, k), values));
            }
        }
        columns
    }

    /// By k the largest standard error of a mean over problems that comes from sampling subsets.
    pub(super) fn sampling_error(&self) -> BTreeMap<usize, f64> {
        let mut errors = BTreeMap::new();
        let scores = self.by_score.iter();
        let certainties = self.by_certainty.iter().flatten();
        let powers = self.by_power.iter().flat_map(|(_, by_k)| by_k);
        for (&k, results) in scores.chain(certainties).chain(powers) {
            let measured = results.iter().flatten().count() as f64;
            let of = |error: fn(&AtK) -> f64| {
                let squares: f64 = results.iter().flatten().map(|r| error(r).powi(2)).sum();
                squares.sqrt() / measured
            };
            let kinds: [fn(&AtK) -> f64; 3] =
                [|r| r.errors.maj, |r| r.errors.weighted, |r| r.errors.borda];
            let largest = kinds.map(of).into_iter().fold(0.0, f64::max);
            if largest > 0.0 {
                let error = errors.entry(k).or_insert(largest);
                *error = largest.max(*error);
            }
        }
        errors
    }
}

/// Accuracy, samples and agreement with the vote of all k, on average over the disjoint runs of k
/// samples that the problem has; `None` if it has none.
fn adaptive(answers: &[Answer], rule: &Adaptive, opts: &EvalOptions) -> Option<[f64; 3]> {
    let method = match rule.votes {
        Votes::Majority => Method::Majority,
        Votes::Weighted => Method::Weighted,
    };
    let rules = VoteRules {
        weights: Weights::Clamped,
        ..opts.rules
    };
    let runs = answers.chunks_exact(rule.most);
    let mut sums = [0.0; 3];
    let count = runs.len();
    for run in runs {
        let decision = rule.run(run)?;
        let all = choose(run, method, &rules)?;
        let chosen = &run[decision.winner];
        sums[0] += f64::from(u8::from(chosen.correct));
        sums[1] += decision.samples as f64;
        sums[2] += f64::from(u8::from(chosen.key == run[all.index].key));
    }
    (count > 0).then(|| sums.map(|sum| sum / count as f64))
}

#[cfg(test)]
mod tests;
