//! Endogenous reward: what a frozen model thinks of a response (EndoRM, generalist reward models).

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// The reward becomes
///
/// ```text
/// r = keep · r + scale · Σ_t log π_ref(y_t | x, y_<t)        (or the mean over t)
/// ```
///
/// The method reads a frozen model's logits as a soft Q function, with the reward per token
/// `r_t = a log π_ref(y_t) + V_t − V_{t+1}` and V the scaled logsumexp; over a response the V
/// telescope to a constant of the prompt, which no advantage within a group sees, and what is left
/// is this sum with `scale` = a. There is no length in the definition, so with `mean` = false long
/// responses score lower; the mean is a variant.
///
/// Unverified: a = 1, the natural value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endogenous {
    /// Share of the reward so far that stays; the method itself has no verifier.
    pub keep: f64,
    /// a.
    pub scale: f64,
    /// The mean over the tokens instead of the sum.
    pub mean: bool,
}

impl Default for Endogenous {
    fn default() -> Self {
        Endogenous {
            keep: 0.0,
            scale: 1.0,
            mean: false,
        }
    }
}

impl Endogenous {
    pub(super) fn apply(&self, group: &[ResponseView], rewards: &mut [f32]) {
        for (response, reward) in group.iter().zip(rewards) {
            let sum: f64 = response.reference.iter().copied().map(f64::from).sum();
            let tokens = match self.mean {
                true => response.reference.len().max(1) as f64,
                false => 1.0,
            };
            *reward = (self.keep * f64::from(*reward) + self.scale * sum / tokens) as f32;
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        let problem = "must be a number";
        for (key, value) in [
            ("endogenous.keep", self.keep),
            ("endogenous.scale", self.scale),
        ] {
            if !value.is_finite() {
                return Err(MethodError {
                    key,
                    value,
                    problem,
                });
            }
        }
        Ok(())
    }
}
