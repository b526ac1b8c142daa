//! Borda voting over the ranks of a score (Kang et al., arXiv 2502.18581, section 4).
//!
//! Of N responses, that of rank r (1 = the highest score) gives (N − r + 1)^p votes to its answer.
//! p = 0 is the majority vote, p → ∞ the best of N among the responses with an answer.

use super::ballot::{Ballot, Tally};
use super::{Answer, Weights, by_preference};

/// The default power: that of the authors' code. They find about 0.3 best for 8 responses and
/// 0.7 to 1.2 for many.
pub const BORDA_POWER: f64 = 0.5;

/// The votes that each response gives to its answer, (N − r + 1)^p; 0 without a key.
///
/// Ranks are those of all N responses, score descending. Equal scores rank in order of appearance;
/// a response without a score ranks after all that have one.
pub fn borda_votes(answers: &[Answer], power: f64) -> Vec<f64> {
    let mut votes = vec![0.0; answers.len()];
    for (above, i) in by_preference(answers).into_iter().enumerate() {
        if answers[i].key.is_some() {
            votes[i] = ((answers.len() - above) as f64).powf(power);
        }
    }
    votes
}

/// Borda vote: index of the first answer whose key gets the most [`borda_votes`].
///
/// If no answer has a key, the first answer. `None` only for no answers.
pub fn borda(answers: &[Answer], power: f64) -> Option<usize> {
    let ballot = Ballot::new(answers, Weights::default());
    let all: Vec<usize> = (0..answers.len()).collect();
    if all.is_empty() {
        return None;
    }
    let mut tally = Tally::new(&ballot);
    tally.count(&all);
    Some(Borda::new(answers, power).winner(&ballot, &mut tally, &all))
}

/// Borda votes of many subsets of the same answers.
pub(super) struct Borda {
    /// Place of each answer among all of them, the most preferred first.
    place: Vec<usize>,
    power: f64,
    /// `shares[top][votes]` = (votes / top)^p, made when first needed.
    shares: Vec<Vec<f64>>,
    /// Scratch space: positions in the subset by rank, and the votes of each position.
    ranked: Vec<usize>,
    votes: Vec<f64>,
}

impl Borda {
    pub fn new(answers: &[Answer], power: f64) -> Self {
        let mut place = vec![0; answers.len()];
        for (rank, i) in by_preference(answers).into_iter().enumerate() {
            place[i] = rank;
        }
        Self {
            place,
            power,
            shares: vec![Vec::new(); answers.len() + 1],
            ranked: Vec::new(),
            votes: Vec::new(),
        }
    }

    /// The winner of a subset that `tally` has counted last.
    pub fn winner(&mut self, ballot: &Ballot, tally: &mut Tally, subset: &[usize]) -> usize {
        let k = subset.len();
        self.ranked.clear();
        self.ranked.extend(0..k);
        self.ranked
            .sort_unstable_by_key(|&at| self.place[subset[at]]);
        self.votes.clear();
        self.votes.resize(k, 0.0);
        // Votes are relative to those of the highest response that has any, so that no power is
        // too large to be computed.
        let mut top = None;
        for (above, &at) in self.ranked.iter().enumerate() {
            if ballot.group[subset[at]].is_none() {
                continue;
            }
            let top = *top.get_or_insert(k - above);
            let shares = &mut self.shares[top];
            if shares.is_empty() {
                let share = |votes| (votes as f64 / top as f64).powf(self.power);
                shares.extend((0..=top).map(share));
            }
            self.votes[at] = shares[k - above];
        }
        tally.reweighted(subset, &self.votes)
    }
}
