//! Counting votes, many times over subsets of the same answers.

use std::collections::HashMap;

use super::{Answer, Weights};

/// Answers made ready for many counts: keys as small numbers, scores as weights.
pub(super) struct Ballot {
    /// The number of each answer's key, in order of appearance.
    pub group: Vec<Option<usize>>,
    /// Of each answer.
    pub weight: Vec<f64>,
    /// How many keys there are.
    pub groups: usize,
}

impl Ballot {
    pub fn new(answers: &[Answer], weights: Weights) -> Self {
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
            weight: answers.iter().map(|a| weights.of(a)).collect(),
            groups: ids.len(),
        }
    }
}

/// Scratch space of a count, reused from subset to subset.
pub(super) struct Tally<'a> {
    ballot: &'a Ballot,
    votes: Vec<u32>,
    weight: Vec<f64>,
    /// Groups of this subset in order of appearance, each with its first answer.
    seen: Vec<(usize, usize)>,
}

/// Indices of the answers that win.
pub(super) struct Winners {
    pub majority: usize,
    pub weighted: usize,
}

impl<'a> Tally<'a> {
    pub fn new(ballot: &'a Ballot) -> Self {
        Self {
            ballot,
            votes: vec![0; ballot.groups],
            weight: vec![0.0; ballot.groups],
            seen: Vec::with_capacity(ballot.groups),
        }
    }

    /// Counts the votes of a subset, given in order of appearance; of an empty one, nothing.
    pub fn count(&mut self, subset: &[usize]) -> Winners {
        for &(group, _) in &self.seen {
            self.votes[group] = 0;
            self.weight[group] = 0.0;
        }
        self.seen.clear();
        let mut any_weight = false;
        for &i in subset {
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
        let first = subset.first().copied().unwrap_or(0);
        let majority = self.first_largest(&self.votes).unwrap_or(first);
        let weighted = match any_weight {
            true => self.first_largest(&self.weight).unwrap_or(first),
            false => majority,
        };
        Winners { majority, weighted }
    }

    /// The first answer of the group with the largest of `sums`, of the subset counted last; the
    /// group that appears first where several share it.
    fn first_largest<T: PartialOrd + Copy>(&self, sums: &[T]) -> Option<usize> {
        let mut groups = self.seen.iter();
        let mut best = groups.next()?;
        for other in groups {
            if sums[other.0] > sums[best.0] {
                best = other;
            }
        }
        Some(best.1)
    }

    /// The vote with weights of their own for this count, by position in `subset`, the subset
    /// counted last.
    pub fn reweighted(&mut self, subset: &[usize], weights: &[f64]) -> usize {
        for &(group, _) in &self.seen {
            self.weight[group] = 0.0;
        }
        for (&i, weight) in subset.iter().zip(weights) {
            if let Some(group) = self.ballot.group[i] {
                self.weight[group] += weight;
            }
        }
        let first = subset.first().copied().unwrap_or(0);
        self.first_largest(&self.weight).unwrap_or(first)
    }
}
