//! Which groups and which responses a step learns from (DAPO, arXiv 2503.14476).

use serde::{Deserialize, Serialize};

use crate::advantage::moments;

/// Whether the rewards of a group differ: only then do advantages within the group differ from 0
/// (dynamic sampling; eq. 11 of the paper, 0 < number of correct ones < n).
///
/// Give it the verifier's rewards. A part that depends on the length makes nearly every group
/// differ. A group with a NaN is not informative.
pub fn is_informative(rewards: &[f32]) -> bool {
    moments(rewards).1 > 0.0
}

/// Tokens of each response that carry loss, `[n]`, when truncated responses are left out
/// (over-long filtering, section 3.4 of the paper): `lengths` with 0 for a response that did not
/// finish. These are the lengths for [`Aggregation::scales`](crate::Aggregation::scales), whose
/// scale is then 0 too. Advantages still see all rewards.
///
/// # Panics
/// If the two lengths differ.
pub fn without_truncated(lengths: &[usize], finished: &[bool]) -> Vec<usize> {
    crate::loss::same_length("finished", finished.len(), lengths.len());
    let rows = lengths.iter().zip(finished);
    rows.map(|(&n, &finished)| if finished { n } else { 0 })
        .collect()
}

/// How long dynamic sampling goes on looking for informative groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    /// Informative groups that a step should have.
    pub groups: usize,
    /// Informative groups without which a step is not worth making.
    pub at_least: usize,
    /// Rounds of sampling after the first one.
    pub max_refills: u32,
}

/// What to do after a round of sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefillStep {
    /// Sample more: this many informative groups are missing.
    More(usize),
    /// Train on this many informative groups, at most [`Refill::groups`].
    Train(usize),
    /// Give up: even [`Refill::at_least`] were not found in the rounds allowed.
    Fail,
}

impl Refill {
    /// Decides from the informative groups found so far and the refills made so far. Never asks
    /// for more than `max_refills` of them.
    pub fn next(&self, informative: usize, refills: u32) -> RefillStep {
        if informative >= self.groups {
            RefillStep::Train(self.groups)
        } else if refills < self.max_refills {
            RefillStep::More(self.groups - informative)
        } else if informative >= self.at_least {
            RefillStep::Train(informative)
        } else {
            RefillStep::Fail
        }
    }
}

#[cfg(test)]
mod tests;
