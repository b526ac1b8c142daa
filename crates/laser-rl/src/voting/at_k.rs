//! Expected accuracy of every selection at k, from n ≥ k answers.

use serde::{Deserialize, Serialize};

use super::ballot::{Ballot, Tally};
use super::borda::Borda;
use super::exact::majority_at_k;
use super::subsets::{self, MAX_ENUMERATED, SAMPLED_SUBSETS};
use super::{Answer, VoteRules, by_preference};
use laser_rng::Rng;

/// Expected accuracy of each selection from k of n answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtK {
    /// [`pass`](super::pass).
    pub pass: f64,
    /// [`majority`](super::majority).
    pub maj: f64,
    /// [`weighted_majority`](super::weighted_majority).
    pub weighted: f64,
    /// [`best_of`](super::best_of).
    pub best: f64,
    /// [`borda`](super::borda).
    pub borda: f64,
    /// Standard errors of those that are estimates.
    pub errors: SubsetErrors,
}

/// Standard errors of [`AtK`] from sampling subsets; 0 for exact values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names of AtK")]
pub struct SubsetErrors {
    pub maj: f64,
    pub weighted: f64,
    pub borda: f64,
}

/// Mean accuracy of every selection over all subsets of k of the n `answers`, each subset in the
/// original order. `None` if k = 0 or k > n.
///
/// `pass` and `best` are exact closed forms. The votes are exact up to [`MAX_ENUMERATED`] subsets.
/// Beyond that `maj` is counted exactly where that is quick (for any k up to n = 64), and
/// `weighted` and `borda` are `maj` plus the mean difference to it on [`SAMPLED_SUBSETS`] random
/// subsets, the same ones for both, drawn from `seed`: their `errors` say how far off they are.
pub fn at_k(answers: &[Answer], k: usize, rules: &VoteRules, seed: u64) -> Option<AtK> {
    let n = answers.len();
    let correct = answers.iter().filter(|a| a.correct).count();
    let pass = pass_at_k(n, correct, k)?;
    let best = best_at_k(answers, k)?;
    let ballot = Ballot::new(answers, rules.weights);
    let mut tally = Tally::new(&ballot);
    let mut ranks = Borda::new(answers, rules.borda_power);
    let mut sums = Sums::default();
    let mut visit = |subset: &[usize]| {
        let winners = tally.count(subset);
        let borda = ranks.winner(&ballot, &mut tally, subset);
        let hit = |i: usize| i64::from(answers[i].correct);
        sums.add(hit(winners.majority), hit(winners.weighted), hit(borda));
    };
    if subsets::at_most(n, k, MAX_ENUMERATED) {
        subsets::for_each(n, k, &mut visit);
        return Some(AtK {
            pass,
            maj: sums.maj.mean(sums.subsets),
            weighted: sums.weighted.mean(sums.subsets),
            best,
            borda: sums.borda.mean(sums.subsets),
            errors: SubsetErrors::default(),
        });
    }
    let mut rng = Rng::from_words(&[seed]);
    let mut subset = Vec::with_capacity(k);
    for _ in 0..SAMPLED_SUBSETS {
        subsets::draw(&mut rng, n, k, &mut subset);
        visit(&subset);
    }
    let maj = majority_at_k(answers, &ballot, k);
    // A vote differs from the majority on few subsets, so with the exact maj@k the difference is
    // the better estimate; equal weights then give maj@k itself. The truth lies between 0 and
    // pass@k, and so does no estimate worse for being moved there.
    let estimate = |vote: &Moments, minus_maj: &Moments| match maj {
        Some(maj) => (
            (maj + minus_maj.mean(sums.subsets)).clamp(0.0, pass),
            minus_maj.standard_error(sums.subsets),
        ),
        None => (vote.mean(sums.subsets), vote.standard_error(sums.subsets)),
    };
    let (weighted, weighted_error) = estimate(&sums.weighted, &sums.weighted_minus_maj);
    let (borda, borda_error) = estimate(&sums.borda, &sums.borda_minus_maj);
    Some(AtK {
        pass,
        maj: maj.unwrap_or_else(|| sums.maj.mean(sums.subsets)),
        weighted,
        best,
        borda,
        errors: SubsetErrors {
            maj: match maj {
                Some(_) => 0.0,
                None => sums.maj.standard_error(sums.subsets),
            },
            weighted: weighted_error,
            borda: borda_error,
        },
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
    let mut probability = k as f64 / n as f64;
    let mut mean = 0.0;
    let ranked = by_preference(answers);
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

/// First and second moments of what is 0, 1 or −1 on each subset.
#[derive(Default)]
struct Moments {
    sum: i64,
    squares: i64,
}

impl Moments {
    fn add(&mut self, x: i64) {
        self.sum += x;
        self.squares += x * x;
    }

    fn mean(&self, count: i64) -> f64 {
        self.sum as f64 / count as f64
    }

    /// Of the mean.
    fn standard_error(&self, count: i64) -> f64 {
        let mean = self.mean(count);
        let variance = self.squares as f64 / count as f64 - mean * mean;
        (variance.max(0.0) / (count - 1) as f64).sqrt()
    }
}

/// What is counted over the subsets.
#[derive(Default)]
struct Sums {
    subsets: i64,
    maj: Moments,
    weighted: Moments,
    borda: Moments,
    weighted_minus_maj: Moments,
    borda_minus_maj: Moments,
}

impl Sums {
    fn add(&mut self, maj: i64, weighted: i64, borda: i64) {
        self.subsets += 1;
        self.maj.add(maj);
        self.weighted.add(weighted);
        self.borda.add(borda);
        self.weighted_minus_maj.add(weighted - maj);
        self.borda_minus_maj.add(borda - maj);
    }
}
