//! RTO's dense reward: the implicit reward of a guide model, token by token (Zhong et al.,
//! *DPO meets PPO*, arXiv 2404.18922).

use serde::{Deserialize, Serialize};

use crate::loss::same_length;
use crate::{MethodError, ResponseView};

/// Added to the reward of token t:
///
/// ```text
/// clamp( β₁ ( log π_guide(y_t | x, y_<t) − log π_ref(y_t | x, y_<t) ), −c, c )
/// ```
///
/// π_guide is a model that DPO trained, π_ref the frozen base model. Without the clamp the sum
/// over a response is β₁ times its log-ratio: the implicit reward of DPO, spread over its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuideReward {
    /// β₁, not negative.
    pub beta: f64,
    /// c; 0 does not clamp.
    pub clip: f64,
}

impl Default for GuideReward {
    /// Those of the method's code.
    fn default() -> Self {
        GuideReward {
            beta: 0.05,
            clip: 0.05,
        }
    }
}

impl GuideReward {
    pub(super) fn apply(&self, response: &ResponseView, rewards: &mut [f32]) {
        same_length("guide", response.guide.len(), rewards.len());
        same_length("reference", response.reference.len(), rewards.len());
        let bound = match self.clip > 0.0 {
            true => self.clip,
            false => f64::INFINITY,
        };
        let rows = response.guide.iter().zip(response.reference);
        for ((guide, reference), reward) in rows.zip(rewards) {
            let dense = self.beta * (f64::from(*guide) - f64::from(*reference));
            *reward = (f64::from(*reward) + dense.clamp(-bound, bound)) as f32;
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        for (key, value) in [("guide.beta", self.beta), ("guide.clip", self.clip)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(MethodError {
                    key,
                    value,
                    problem: "must not be negative",
                });
            }
        }
        Ok(())
    }
}
