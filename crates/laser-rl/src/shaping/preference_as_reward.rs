//! PAR: a reward becomes the chance of beating the base model's response (preference as reward).

use serde::{Deserialize, Serialize};

use super::{Compared, MethodError};
use crate::ResponseView;

/// The reward of a response becomes
///
/// ```text
/// r = 1/M · Σ_{m ≤ M} σ(k · (R − R_ref,m))
/// ```
///
/// R is its reward so far or its self-rewarding score, R_ref,m the same of the m-th of M responses
/// that the frozen base model gave to the same problem, k = `scale` in 1 / (unit of R), σ the
/// logistic function: the Bradley–Terry probability that the response beats the base model's.
/// 0 < r < 1, ½ where the rewards are equal; r rises with R by at most k/4; a constant added to
/// every R changes nothing. M = 1 and k = 1 are the method's.
///
/// In a group whose R take two values (a verifier's 0 and 1) r is a strictly rising map of two
/// points, which an advantage divided by the spread of its group does not see.
///
/// Of a self-rewarding score: a response without one (truncated) loses to every response with one
/// and ties with another without. That is this project's choice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreferenceAsReward {
    /// M, at least 1.
    pub references: usize,
    /// k, above 0.
    pub scale: f64,
    /// R.
    pub of: Compared,
}

impl Default for PreferenceAsReward {
    fn default() -> Self {
        PreferenceAsReward {
            references: 1,
            scale: 1.0,
            of: Compared::Reward,
        }
    }
}

impl PreferenceAsReward {
    pub(super) fn apply(&self, group: &[ResponseView], rewards: &mut [f32]) {
        for (response, reward) in group.iter().zip(rewards) {
            let (own, others): (_, Vec<Option<f64>>) = match self.of {
                Compared::Reward => {
                    let others = response.reference_rewards.iter();
                    let others = others.map(|r| Some(f64::from(*r))).collect();
                    (Some(f64::from(*reward)), others)
                }
                Compared::SelfReward => {
                    let known = |s: &Option<f32>| s.map(f64::from).filter(|s| !s.is_nan());
                    let others = response.reference_scores.iter().map(known).collect();
                    (response.known_score(), others)
                }
            };
            assert!(
                others.len() >= self.references,
                "{} of {} reference responses",
                others.len(),
                self.references
            );
            let others = others.into_iter().take(self.references);
            let sum: f64 = others.map(|other| self.preferred(own, other)).sum();
            *reward = (sum / self.references as f64) as f32;
        }
    }

    /// The probability that a response beats another.
    fn preferred(&self, own: Option<f64>, other: Option<f64>) -> f64 {
        match (own, other) {
            (Some(own), Some(other)) => 1.0 / (1.0 + (-self.scale * (own - other)).exp()),
            (None, None) => 0.5,
            (own, _) => f64::from(u8::from(own.is_some())),
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        if self.references == 0 {
            return Err(MethodError {
                key: "preference_as_reward.references",
                value: 0.0,
                problem: "must be at least 1: the base model's responses are what is compared with",
            });
        }
        match self.scale > 0.0 && self.scale.is_finite() {
            true => Ok(()),
            false => Err(MethodError {
                key: "preference_as_reward.scale",
                value: self.scale,
                problem: "must be a number above 0",
            }),
        }
    }
}

#[cfg(test)]
mod tests;
