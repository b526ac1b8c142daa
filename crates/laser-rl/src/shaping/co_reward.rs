//! Co-Reward: pseudo-labels that two forms of a question give each other.

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// The groups 2i and 2i + 1 are two views of one problem: a question and a paraphrase with the
/// same answer. The reward of a response to one view is
///
/// ```text
/// r = (1 − share) · r + share · 1[its answer = the most frequent answer to the other view]
/// ```
///
/// The vote leaves responses without an answer out; of equally frequent answers the one that came
/// first wins; where no response has an answer, no response to the other view is rewarded. With
/// `share` = 1, the method, no gold answer enters. The two views stay groups of their own.
///
/// Source: the released code of Co-Reward, which compares answers as texts; here those with equal
/// [numbers](ResponseView::answer) are equal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoReward {
    /// Share of the pseudo-label in the reward, in \[0, 1\]; the rest is the reward so far.
    pub share: f64,
}

impl Default for CoReward {
    fn default() -> Self {
        CoReward { share: 1.0 }
    }
}

impl CoReward {
    pub(super) fn apply(&self, groups: &[&[ResponseView]], rewards: &mut [Vec<f32>]) {
        for (views, rewards) in groups.chunks(2).zip(rewards.chunks_mut(2)) {
            let vote = |group: &&[ResponseView]| majority(group.iter().map(|r| r.answer));
            let votes: Vec<Option<u32>> = views.iter().rev().map(vote).collect();
            for ((group, rewards), vote) in views.iter().zip(rewards).zip(votes) {
                for (response, reward) in group.iter().zip(rewards) {
                    let agrees = vote.is_some() && response.answer == vote;
                    let label = f64::from(u8::from(agrees));
                    *reward = ((1.0 - self.share) * f64::from(*reward) + self.share * label) as f32;
                }
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        match (0.0..=1.0).contains(&self.share) {
            true => Ok(()),
            false => Err(MethodError {
                key: "co_reward.share",
                value: self.share,
                problem: "must lie between 0 and 1",
            }),
        }
    }
}

/// The most frequent of the answers that are there; of equally frequent ones the first.
pub fn majority(answers: impl IntoIterator<Item = Option<u32>>) -> Option<u32> {
    let mut counts: Vec<(u32, usize)> = Vec::new();
    for answer in answers.into_iter().flatten() {
        match counts.iter_mut().find(|(a, _)| *a == answer) {
            Some((_, count)) => *count += 1,
            None => counts.push((answer, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.iter().find(|(_, c)| *c == most).map(|(a, _)| *a)
}
