//! SCoRe: rewards for improving on one's own first attempt (Kumar et al., arXiv 2409.12917).

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// The groups 2i and 2i + 1 are the first and the second attempts at one problem, and response j of
/// the second follows response j of the first. The reward of a second attempt becomes
///
/// ```text
/// r2' = r2 + α (r2 − r1)
/// ```
///
/// and that of a first attempt stays: with rewards of 0 and 1, α for a mistake that is mended and −α
/// for a right answer that is spoiled, beside the reward itself.
///
/// α = 10 is what two independent implementations use; there is no official one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfCorrection {
    /// α.
    pub alpha: f64,
}

impl Default for SelfCorrection {
    fn default() -> Self {
        SelfCorrection { alpha: 10.0 }
    }
}

impl SelfCorrection {
    pub(super) fn apply(&self, groups: &[&[ResponseView]], rewards: &mut [Vec<f32>]) {
        assert!(
            groups.len().is_multiple_of(2),
            "an attempt without its pair"
        );
        for attempts in rewards.chunks_exact_mut(2) {
            let [first, second] = attempts else { continue };
            for (r1, r2) in first.iter().zip(second) {
                let (r1, new) = (f64::from(*r1), f64::from(*r2));
                *r2 = (new + self.alpha * (new - r1)) as f32;
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        match self.alpha.is_finite() {
            true => Ok(()),
            false => Err(MethodError {
                key: "self_correction.alpha",
                value: self.alpha,
                problem: "must be a number",
            }),
        }
    }
}

/// What the losses of a response count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossWeights {
    /// Factor of the policy loss; 0 leaves the response without a policy gradient.
    pub policy: f64,
    /// β of its KL in the loss; `None` for that of the step.
    pub kl: Option<f64>,
}

impl Default for LossWeights {
    fn default() -> Self {
        LossWeights {
            policy: 1.0,
            kl: None,
        }
    }
}

impl LossWeights {
    /// Those of a first attempt in the first stage, which holds its distribution where it was while
    /// second attempts learn: no policy gradient, and a KL of its own.
    pub fn held(kl: f64) -> Self {
        LossWeights {
            policy: 0.0,
            kl: Some(kl),
        }
    }
}
