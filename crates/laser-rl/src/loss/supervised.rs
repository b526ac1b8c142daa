//! Losses of written responses: the cross entropy, and a next-token loss with shaped rewards.

use serde::{Deserialize, Serialize};

use super::{nll, same_length};
use crate::MethodError;

/// What learning from written responses minimises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisedLoss {
    /// −log π of every token.
    #[default]
    CrossEntropy,
    /// The cross entropy with other rewards for the target and for what is not the target.
    Shaped(ShapedNll),
}

impl SupervisedLoss {
    /// Whether it is the plain one.
    pub fn is_cross_entropy(&self) -> bool {
        *self == SupervisedLoss::CrossEntropy
    }

    /// How many of a position's likeliest ids it reads beside the target.
    pub fn likeliest(&self) -> usize {
        match self {
            SupervisedLoss::CrossEntropy => 0,
            SupervisedLoss::Shaped(loss) => loss.likeliest(),
        }
    }

    /// Adds the loss of one response and its gradient, times `scale`.
    ///
    /// `ids`, `logp` and `dlogp` are `[T, 1 + k]`, in nats: of each position the target first, then
    /// the k likeliest ids, where the target may be among them or stand in for all of them.
    /// Returns the loss.
    ///
    /// # Panics
    /// If the lengths do not fit, or more than one id a position comes with the cross entropy.
    pub fn apply(
        &self,
        ids: &[u32],
        logp: &[f32],
        positions: usize,
        scale: f64,
        dlogp: &mut [f32],
    ) -> f64 {
        same_length("ids", ids.len(), logp.len());
        match self {
            SupervisedLoss::CrossEntropy => {
                same_length("logp", logp.len(), positions);
                nll(logp, scale, dlogp)
            }
            SupervisedLoss::Shaped(loss) => loss.apply(ids, logp, positions, scale, dlogp),
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        match self {
            SupervisedLoss::CrossEntropy => Ok(()),
            SupervisedLoss::Shaped(loss) => loss.validate(),
        }
    }
}

/// The next token as an action with a reward (*Diversity or Precision*, arXiv 2512.22955).
///
/// The gradient of the cross entropy is that of E_{a∼π} r(a) with r(target) = 1/π(target) and 0
/// elsewhere. Here, sg being constant for the gradient,
///
/// ```text
/// r(x) = sg( (1/π_x)^((1−π_x)^β) )           the target x
/// r(a) = λ̃ for a in TopK(π, k) \ x, λ̂ for the rest
/// L    = − sg(π_x r(x)) log π_x − λ̃ Σ_{a ∈ TopK \ x} π_a − λ̂ Σ_{a ∉ TopK, a ≠ x} π_a
/// ```
///
/// whose gradient by the logits is −π_v (r_v − Σ_u π_u r_u). β < 0 rewards the target more than the
/// cross entropy does and sharpens π, β > 0 less; r → 1 as π_x → 1 in every case.
/// β = λ̃ = λ̂ = 0 is the cross entropy, to the bit. Because probabilities sum to one, the
/// last sum needs no more than those of the target and of the top k.
///
/// Unverified: another digest of the paper prints (1/π)·(1−π)^β, which has no limit at π → 1 for
/// β < 0; the exponent is taken to be meant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapedNll {
    /// β, above −1.
    pub beta: f64,
    /// λ̃: reward of the likeliest ids that are not the target.
    pub near: f64,
    /// λ̂: reward of all others.
    pub far: f64,
    /// k; 0 counts every id as one of the likeliest.
    pub top_k: usize,
}

impl Default for ShapedNll {
    fn default() -> Self {
        ShapedNll {
            beta: -0.25,
            near: 0.0,
            far: 0.0,
            top_k: 100,
        }
    }
}

impl ShapedNll {
    /// Where near and far are the same nobody needs to know which is which.
    fn likeliest(&self) -> usize {
        match self.near == self.far {
            true => 0,
            false => self.top_k,
        }
    }

    /// π r of a target with this log-probability, nats: π^(1 − (1−π)^β).
    pub fn weight(&self, logp: f64) -> f64 {
        let rest = -logp.exp_m1();
        match rest > 0.0 {
            true => (logp * (1.0 - rest.powf(self.beta))).exp(),
            // The limit, and what rounding makes of a target that is certain.
            false => 1.0,
        }
    }

    fn apply(
        &self,
        ids: &[u32],
        logp: &[f32],
        positions: usize,
        scale: f64,
        dlogp: &mut [f32],
    ) -> f64 {
        same_length("dlogp", dlogp.len(), logp.len());
        if positions == 0 {
            return 0.0;
        }
        let width = logp.len() / positions;
        same_length("logp", logp.len(), width * positions);
        let far = if self.top_k == 0 { self.near } else { self.far };
        let (mut target_sum, mut others) = (0.0, 0.0);
        let rows = logp.chunks_exact(width).zip(ids.chunks_exact(width));
        for ((logp, ids), dlogp) in rows.zip(dlogp.chunks_exact_mut(width)) {
            let lx = f64::from(logp[0]);
            let (weight, px) = (self.weight(lx), lx.exp());
            target_sum += weight * lx;
            dlogp[0] -= (scale * (weight - far * px)) as f32;
            let mut near = 0.0;
            for ((id, lp), d) in ids.iter().zip(logp).zip(&mut *dlogp).skip(1) {
                if *id != ids[0] {
                    let p = f64::from(*lp).exp();
                    near += p;
                    *d += (scale * (far - self.near) * p) as f32;
                }
            }
            others += self.near * near + far * (1.0 - px - near);
        }
        -scale * target_sum - scale * others
    }

    fn validate(&self) -> Result<(), MethodError> {
        let fail = |key, value, problem| {
            Err(MethodError {
                key,
                value,
                problem,
            })
        };
        if !(self.beta > -1.0 && self.beta.is_finite()) {
            let problem = "must be a number above -1, below which the reward of a certain target has no limit";
            return fail("shaped.beta", self.beta, problem);
        }
        for (key, value) in [("shaped.near", self.near), ("shaped.far", self.far)] {
            if !value.is_finite() {
                return fail(key, value, "must be a number");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
