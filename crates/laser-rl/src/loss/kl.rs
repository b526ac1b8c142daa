//! KL to a reference policy: as a loss, or as a part of the reward with an adaptive coefficient.

use serde::{Deserialize, Serialize};

use super::{ratio_minus_one, same_length};

/// Estimators of KL(π_θ ‖ π_ref) from tokens sampled by π_θ (Schulman, "Approximating KL
/// divergence", 2020). With d = log π_θ − log π_ref:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlKind {
    /// d: unbiased, noisy, may be negative. Its gradient, 1, has expectation 0 on policy: as a
    /// loss it does nothing, in the reward it is the usual choice.
    K1,
    /// d²/2: biased, its gradient is the unbiased one of the KL.
    K2,
    /// e^{−d} − 1 + d: unbiased, never negative. GRPO's choice ("low_var_kl").
    #[default]
    K3,
    /// |d|; gradient 0 where d = 0.
    Abs,
    /// The value of `K1` with the gradient d of `K2`, straight through ("k1+" in verl).
    K1Plus,
    /// The value of `K3` with the gradient d of `K2`, straight through ("k3+" in verl): both are
    /// unbiased.
    K3Plus,
}

impl KlKind {
    /// Estimate from d, and its derivative.
    fn at(self, d: f64) -> (f64, f64) {
        match self {
            Self::K1 => (d, 1.0),
            Self::K2 => (0.5 * d * d, d),
            Self::K3 => {
                let (excess, slope) = ratio_minus_one(-d);
                (excess + d, 1.0 - slope)
            }
            Self::Abs if d == 0.0 => (0.0, 0.0),
            Self::Abs => (d.abs(), d.signum()),
            Self::K1Plus => (d, d),
            Self::K3Plus => (Self::K3.at(d).0, d),
        }
    }
}

/// KL penalty of one response: scale · Σ_t k(logp_t − reference_t); `dlogp[t]` grows by its
/// derivative. All slices `[tokens]`, in nats.
///
/// # Panics
/// If the three lengths differ.
pub fn kl_penalty(
    kind: KlKind,
    logp: &[f32],
    reference: &[f32],
    scale: f64,
    dlogp: &mut [f32],
) -> f64 {
    same_length("reference", reference.len(), logp.len());
    same_length("dlogp", dlogp.len(), logp.len());
    let mut sum = 0.0;
    for ((&new, &reference), grad) in logp.iter().zip(reference).zip(dlogp) {
        let (value, slope) = kind.at(f64::from(new) - f64::from(reference));
        sum += value;
        *grad += (scale * slope) as f32;
    }
    scale * sum
}

/// KL as a part of the reward of each token: −β · k(logp_t − reference_t) (Ziegler et al.,
/// arXiv 1909.08593, eq. 2), with β the `coefficient`.
///
/// `logp` are those of the policy that sampled, so nothing here has a gradient. All slices
/// `[tokens]`, in nats. The outcome reward is added to the last token; [`gae`](crate::gae) turns
/// the sum into advantages, with values of 0 and λ = 1 into REINFORCE++'s rewards to go.
///
/// # Panics
/// If the two lengths differ.
pub fn kl_in_reward(kind: KlKind, logp: &[f32], reference: &[f32], coefficient: f64) -> Vec<f32> {
    same_length("reference", reference.len(), logp.len());
    let rows = logp.iter().zip(reference);
    rows.map(|(&new, &reference)| {
        let (value, _) = kind.at(f64::from(new) - f64::from(reference));
        (-coefficient * value) as f32
    })
    .collect()
}

/// Keeps the KL near a target by moving its coefficient (Ziegler et al., arXiv 1909.08593,
/// section 2.2): β ← β · (1 + clip(KL / target − 1, ±0.2) · n / horizon).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveKl {
    /// β, the coefficient in use.
    pub coefficient: f64,
    /// KL to hold, in the unit of what [`update`](Self::update) is given; above 0.
    pub target: f64,
    /// Responses over which β moves by at most a fifth; far more than a step has.
    pub horizon: f64,
}

impl AdaptiveKl {
    /// Takes the mean KL of a step of `responses` in; a KL that is not a number changes nothing.
    pub fn update(&mut self, kl: f64, responses: usize) {
        if kl.is_nan() {
            return;
        }
        let error = (kl / self.target - 1.0).clamp(-0.2, 0.2);
        // Not even a step of more than five horizons may turn β's sign.
        self.coefficient *= (1.0 + error * responses as f64 / self.horizon).max(0.0);
    }
}

#[cfg(test)]
mod tests;
