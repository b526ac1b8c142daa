//! Selection: from k answers to the same problem to one, and its expected accuracy at k.
//!
//! A vote is about *keys*: two answers with the same key are the same answer. The caller makes
//! the keys (canonical text, or the class of mathematically equal answers). Every tie goes to the
//! answer that appears first, so that a result never depends on hashing or sorting.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::verification::order;
use laser_rng::Rng;

/// Up to this many subsets, maj@k and weighted@k are the exact mean over all of them.
pub const MAX_ENUMERATED: u64 = 20_000;
/// Beyond it, the mean over this many random subsets (standard error at most 0.008).
pub const SAMPLED_SUBSETS: usize = 4_000;

/// One of k answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer<'a> {
    /// What is voted on; `None` if no answer could be extracted: such a response has no vote.
    pub key: Option<&'a str>,
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
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
    fn of(self, score: Option<f32>) -> f64 {
        let score = score.filter(|s| !s.is_nan()).unwrap_or(0.0);
        f64::from(match self {
            Self::Clamped => score.clamp(0.0, 1.0),
            // Infinities of both signs in one sum would give NaN.
            Self::Raw => score.clamp(f32::MIN, f32::MAX),
        })
    }
}

/// Majority vote: index of the first answer with the most frequent key.
///
/// If no answer has a key, the first answer. `None` only for no answers.
pub fn majority(answers: &[Answer]) -> Option<usize> {
    let ballot = Ballot::new(answers, Weights::default());
    let mut tally = Tally::new(&ballot);
    (!answers.is_empty()).then(|| tally.count(0..answers.len()).majority)
}

/// Weighted majority vote: index of the first answer whose key has the largest sum of weights.
///
/// Falls back to [`majority`] if every weight is 0. `None` only for no answers.
pub fn weighted_majority(answers: &[Answer], weights: Weights) -> Option<usize> {
    let ballot = Ballot::new(answers, weights);
    let mut tally = Tally::new(&ballot);
    (!answers.is_empty()).then(|| tally.count(0..answers.len()).weighted)
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
    let score = |i: usize| answers[i].score.filter(|s: &f32| !s.is_nan());
    let by_score = match (score(a), score(b)) {
        (Some(x), Some(y)) => order(y, x),
        (x, y) => y.is_some().cmp(&x.is_some()),
    };
    by_score.then(a.cmp(&b))
}

/// Whether any answer is correct.
pub fn pass(answers: &[Answer]) -> bool {
    answers.iter().any(|a| a.correct)
}

/// Expected accuracy of each selection from k of n answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtK {
    /// [`pass`].
    pub pass: f64,
    /// [`majority`].
    pub maj: f64,
    /// [`weighted_majority`].
    pub weighted: f64,
    /// [`best_of`].
    pub best: f64,
}

/// Mean accuracy of every selection over all subsets of k of the n `answers`, each subset in the
/// original order. `None` if k = 0 or k > n.
///
/// `pass` and `best` are exact closed forms. `maj` and `weighted` are exact up to
/// [`MAX_ENUMERATED`] subsets, beyond that the mean over [`SAMPLED_SUBSETS`] subsets drawn
/// from `seed`, the same ones for both.
pub fn at_k(answers: &[Answer], k: usize, weights: Weights, seed: u64) -> Option<AtK> {
    let n = answers.len();
    let correct = answers.iter().filter(|a| a.correct).count();
    let (maj, weighted) = vote_at_k(answers, k, weights, seed)?;
    Some(AtK {
        pass: pass_at_k(n, correct, k)?,
        maj,
        weighted,
        best: best_at_k(answers, k)?,
    })
}

/// 1 − C(n − c, k) / C(n, k): the probability that k of n answers, c of them correct, contain a
/// correct one (unbiased pass@k, Codex, arXiv 2107.03374). `None` if k = 0, k > n or c > n.
pub fn pass_at_k(n: usize, correct: usize, k: usize) -> Option<f64> {
    if k == 0 || k > n || correct > n {
        return None;
    }
    // The product form of the binomials' quotient does not overflow.
    let miss: f64 = (n - correct + 1..=n)
        .map(|i| (1.0 - k as f64 / i as f64).max(0.0))
        .product();
    Some(1.0 - miss)
}

/// best@k in closed form: the answer preferred over all but j others is the best of a subset
/// with probability C(n − 1 − j, k − 1) / C(n, k).
fn best_at_k(answers: &[Answer], k: usize) -> Option<f64> {
    let n = answers.len();
    if k == 0 || k > n {
        return None;
    }
    let mut ranked: Vec<usize> = (0..n).collect();
    ranked.sort_by(|&a, &b| preference(answers, a, b));
    let mut probability = k as f64 / n as f64;
    let mut mean = 0.0;
    for (j, &i) in ranked.iter().enumerate().take(n - k + 1) {
        if answers[i].correct {
            mean += probability;
        }
        let others = (n - 1 - j) as f64;
        if others > 0.0 {
            probability *= (others - (k - 1) as f64) / others;
        }
    }
    Some(mean)
}

/// (maj@k, weighted@k).
fn vote_at_k(answers: &[Answer], k: usize, weights: Weights, seed: u64) -> Option<(f64, f64)> {
    let n = answers.len();
    if k == 0 || k > n {
        return None;
    }
    let ballot = Ballot::new(answers, weights);
    let mut tally = Tally::new(&ballot);
    let (mut maj, mut weighted, mut total) = (0u64, 0u64, 0u64);
    let mut visit = |subset: &[usize]| {
        let winners = tally.count(subset.iter().copied());
        maj += u64::from(answers[winners.majority].correct);
        weighted += u64::from(answers[winners.weighted].correct);
        total += 1;
    };
    if subsets_at_most(n, k, MAX_ENUMERATED) {
        for_each_subset(n, k, &mut visit);
    } else {
        let mut rng = Rng::from_words(&[seed]);
        let mut subset = Vec::with_capacity(k);
        for _ in 0..SAMPLED_SUBSETS {
            draw_subset(&mut rng, n, k, &mut subset);
            visit(&subset);
        }
    }
    Some((maj as f64 / total as f64, weighted as f64 / total as f64))
}

/// Whether C(n, k) ≤ `limit`, without computing more of it than that.
fn subsets_at_most(n: usize, k: usize, limit: u64) -> bool {
    let mut subsets = 1u128;
    for i in 0..k.min(n - k) {
        // C(n, i + 1) = C(n, i)·(n − i)/(i + 1), a division without remainder.
        subsets = subsets * (n - i) as u128 / (i + 1) as u128;
        if subsets > u128::from(limit) {
            return false;
        }
    }
    true
}

/// Calls `visit` with every ascending list of `k` of `0..n`, in lexicographic order; 0 < k ≤ n.
fn for_each_subset(n: usize, k: usize, visit: &mut impl FnMut(&[usize])) {
    let mut subset: Vec<usize> = (0..k).collect();
    loop {
        visit(&subset);
        // The last position that is not yet at its end moves; those after it follow closely.
        let Some(i) = (0..k).rev().find(|&i| subset[i] < n - k + i) else {
            return;
        };
        subset[i] += 1;
        for j in i + 1..k {
            subset[j] = subset[j - 1] + 1;
        }
    }
}

/// A uniform subset in ascending order: selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S).
fn draw_subset(rng: &mut Rng, n: usize, k: usize, subset: &mut Vec<usize>) {
    subset.clear();
    for i in 0..n {
        if (rng.below((n - i) as u64) as usize) < k - subset.len() {
            subset.push(i);
        }
    }
}

/// Answers made ready for many counts: keys as small numbers, scores as weights.
struct Ballot {
    group: Vec<Option<usize>>,
    weight: Vec<f64>,
    groups: usize,
}

impl Ballot {
    fn new(answers: &[Answer], weights: Weights) -> Self {
        let mut ids = HashMap::new();
        let group = answers
            .iter()
            .map(|a| {
                let next = ids.len();
                a.key.map(|key| *ids.entry(key).or_insert(next))
            })
            .collect();
        Self {
            group,
            weight: answers.iter().map(|a| weights.of(a.score)).collect(),
            groups: ids.len(),
        }
    }
}

/// Scratch space of a count, reused from subset to subset.
struct Tally<'a> {
    ballot: &'a Ballot,
    votes: Vec<u32>,
    weight: Vec<f64>,
    /// Groups of this subset in order of appearance, each with its first answer.
    seen: Vec<(usize, usize)>,
}

/// Indices of the answers that win.
struct Winners {
    majority: usize,
    weighted: usize,
}

impl<'a> Tally<'a> {
    fn new(ballot: &'a Ballot) -> Self {
        Self {
            ballot,
            votes: vec![0; ballot.groups],
            weight: vec![0.0; ballot.groups],
            seen: Vec::with_capacity(ballot.groups),
        }
    }

    /// Counts the votes of a non-empty subset, given in order of appearance.
    fn count(&mut self, mut subset: impl Iterator<Item = usize> + Clone) -> Winners {
        for &(group, _) in &self.seen {
            self.votes[group] = 0;
            self.weight[group] = 0.0;
        }
        self.seen.clear();
        let mut any_weight = false;
        for i in subset.clone() {
            let Some(group) = self.ballot.group[i] else {
                continue;
            };
            if self.votes[group] == 0 {
                self.seen.push((group, i));
            }
            self.votes[group] += 1;
            self.weight[group] += self.ballot.weight[i];
            any_weight |= self.ballot.weight[i] != 0.0;
        }
        let Some(&(first_group, first)) = self.seen.first() else {
            let first = subset.next().unwrap_or(0);
            return Winners {
                majority: first,
                weighted: first,
            };
        };
        let (mut most, mut heaviest) = ((first_group, first), (first_group, first));
        for &(group, i) in &self.seen {
            if self.votes[group] > self.votes[most.0] {
                most = (group, i);
            }
            if self.weight[group] > self.weight[heaviest.0] {
                heaviest = (group, i);
            }
        }
        Winners {
            majority: most.1,
            weighted: if any_weight { heaviest.1 } else { most.1 },
        }
    }
}

#[cfg(test)]
mod tests;
