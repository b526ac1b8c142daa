//! SAR: a response is worth more the more the question explains it (Self-Aligned Reward, Amazon).

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// Added to the reward of every response, right or wrong:
///
/// ```text
/// α · max(−1, (ppl(y) − ppl(y|x)) / ppl(y)) = α · max(−1, 1 − exp(−mean_t v_t))
/// v_t = log π(y_t | x, y_<t) − log π(y_t | ∅, y_<t)
/// ```
///
/// π is the policy that sampled, ∅ the prompt with an empty question, ppl the perplexity over the
/// tokens of the response. At most α. A response that would be as likely without the question
/// gets 0; one that the question makes unlikelier, a penalty of at most α.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfAligned {
    /// α.
    pub alpha: f64,
}

impl Default for SelfAligned {
    fn default() -> Self {
        SelfAligned { alpha: 0.2 }
    }
}

impl SelfAligned {
    pub(super) fn apply(&self, group: &[ResponseView], rewards: &mut [f32]) {
        for (response, reward) in group.iter().zip(rewards) {
            let bonus = self.alpha * self_aligned_reward(response.logprobs, response.blank);
            *reward = (f64::from(*reward) + bonus) as f32;
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        match self.alpha.is_finite() {
            true => Ok(()),
            false => Err(MethodError {
                key: "self_aligned.alpha",
                value: self.alpha,
                problem: "must be a number",
            }),
        }
    }
}

/// max(−1, 1 − exp(−mean(`with` − `without`))), the log-probabilities of a response's tokens (nats)
/// with the question and without; 0 for a response without tokens.
///
/// # Panics
/// If the two lengths differ.
pub fn self_aligned_reward(with: &[f32], without: &[f32]) -> f64 {
    crate::loss::same_length("without", without.len(), with.len());
    let pairs = with.iter().zip(without);
    let sum: f64 = pairs.map(|(w, o)| f64::from(*w) - f64::from(*o)).sum();
    let mean = sum / with.len().max(1) as f64;
    (-(-mean).exp_m1()).max(-1.0)
}
