//! Losses of a policy update as functions of log-probabilities, each with its exact gradient.
//!
//! Every function adds up one response and takes a `scale` that already holds the whole step's
//! denominator (1 / number of response tokens of the step for token-mean aggregation). Values and
//! gradients are therefore plain sums, and do not depend on how a step is cut into micro-batches.
//! Gradients are *added* to `dlogp`, so losses can be stacked on the same buffer.

use serde::{Deserialize, Serialize};

/// Largest log-ratio (nats) that is exponentiated; beyond it, exp continues as its tangent.
///
/// A policy that is 20 nats away from the old one is broken, but it must give a large finite
/// number with a usable gradient rather than an infinity that ends in NaN weights.
const MAX_LOG_RATIO: f64 = 20.0;

/// exp(d) − 1 and d/dd exp(d), finite for every finite `d`.
fn ratio_minus_one(d: f64) -> (f64, f64) {
    if d <= MAX_LOG_RATIO {
        (d.exp_m1(), d.exp())
    } else {
        let slope = MAX_LOG_RATIO.exp();
        (slope * (1.0 + d - MAX_LOG_RATIO) - 1.0, slope)
    }
}

/// The clipped surrogate of PPO (arXiv 1707.06347, eq. 7) with separate bounds (DAPO's
/// "clip-higher", arXiv 2503.14476) and the dual clip (arXiv 1912.09729).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PpoClip {
    /// The ratio ρ is clipped from below at 1 − `clip_low`.
    pub clip_low: f32,
    /// The ratio ρ is clipped from above at 1 + `clip_high`.
    pub clip_high: f32,
    /// Bound c > 1 on ρ where the advantage is negative; `None` leaves that side unbounded.
    pub dual_clip: Option<f32>,
}

impl Default for PpoClip {
    /// 0.2 on both sides, dual clip at 3: the setting of the LaSeR scripts.
    fn default() -> Self {
        Self {
            clip_low: 0.2,
            clip_high: 0.2,
            dual_clip: Some(3.0),
        }
    }
}

/// What [`ppo_clip`] saw; sums over tokens, so that responses and micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyLossStats {
    /// Scaled loss.
    pub loss: f64,
    /// Tokens whose gradient a clip (either bound, or the dual clip) took away.
    pub clipped: usize,
    /// Response tokens.
    pub tokens: usize,
    /// Unscaled sum of the k3 estimates of KL(π_old ‖ π_θ), nats.
    pub approx_kl_sum: f64,
    /// Largest ratio ρ; 0 without tokens.
    pub ratio_max: f32,
}

impl PolicyLossStats {
    /// Takes the numbers of another response or micro-batch in.
    pub fn merge(&mut self, other: Self) {
        self.loss += other.loss;
        self.clipped += other.clipped;
        self.tokens += other.tokens;
        self.approx_kl_sum += other.approx_kl_sum;
        self.ratio_max = self.ratio_max.max(other.ratio_max);
    }

    /// Share of tokens that were clipped; 0 without tokens.
    pub fn clip_fraction(&self) -> f64 {
        self.clipped as f64 / self.tokens.max(1) as f64
    }

    /// Mean k3 estimate of KL(π_old ‖ π_θ) per token, nats; 0 without tokens.
    pub fn approx_kl(&self) -> f64 {
        self.approx_kl_sum / self.tokens.max(1) as f64
    }
}

/// Clipped policy loss of one response with one advantage A for all its tokens.
///
/// With ρ_t = exp(logp_t − old_t):
/// loss = scale · Σ_t max(−A ρ_t, −A clip(ρ_t, 1 − low, 1 + high)), and with dual clip c and
/// A < 0, the smaller of that and −A c. `dlogp[t]` grows by scale · ∂/∂logp_t.
///
/// `logp`, `old` and `dlogp` are `[tokens]`, in nats.
///
/// # Panics
/// If the three lengths differ.
pub fn ppo_clip(
    cfg: &PpoClip,
    logp: &[f32],
    old: &[f32],
    advantage: f32,
    scale: f64,
    dlogp: &mut [f32],
) -> PolicyLossStats {
    same_length("old", old.len(), logp.len());
    same_length("dlogp", dlogp.len(), logp.len());
    let a = f64::from(advantage);
    let low = 1.0 - f64::from(cfg.clip_low);
    let high = 1.0 + f64::from(cfg.clip_high);
    let bound = match cfg.dual_clip {
        Some(c) if a < 0.0 => -a * f64::from(c),
        _ => f64::INFINITY,
    };

    let mut stats = PolicyLossStats {
        tokens: logp.len(),
        ..PolicyLossStats::default()
    };
    let mut sum = 0.0;
    for ((&new, &old), grad) in logp.iter().zip(old).zip(dlogp) {
        let log_ratio = f64::from(new) - f64::from(old);
        let (excess, slope) = ratio_minus_one(log_ratio);
        let ratio = 1.0 + excess;

        let plain = -a * ratio;
        let clipped = -a * ratio.max(low).min(high);
        // On the bounds themselves the token still counts as unclipped, as in PyTorch's clamp.
        let active = plain >= clipped && plain <= bound;
        sum += plain.max(clipped).min(bound);
        if active {
            *grad += (scale * -a * slope) as f32;
        } else {
            stats.clipped += 1;
        }
        stats.approx_kl_sum += excess - log_ratio;
        stats.ratio_max = stats.ratio_max.max(ratio as f32);
    }
    stats.loss = scale * sum;
    stats
}

/// Estimators of KL(π_θ ‖ π_ref) from tokens sampled by π_θ (Schulman, "Approximating KL
/// divergence", 2020). With d = log π_θ − log π_ref:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlKind {
    /// d: unbiased, noisy, may be negative.
    K1,
    /// d²/2: biased, its gradient is the unbiased one of the KL.
    K2,
    /// e^{−d} − 1 + d: unbiased, never negative. GRPO's choice ("low_var_kl").
    #[default]
    K3,
    /// |d|; gradient 0 where d = 0.
    Abs,
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
        let d = f64::from(new) - f64::from(reference);
        let (value, slope) = match kind {
            KlKind::K1 => (d, 1.0),
            KlKind::K2 => (0.5 * d * d, d),
            KlKind::K3 => {
                let (excess, slope) = ratio_minus_one(-d);
                (excess + d, 1.0 - slope)
            }
            KlKind::Abs if d == 0.0 => (0.0, 0.0),
            KlKind::Abs => (d.abs(), d.signum()),
        };
        sum += value;
        *grad += (scale * slope) as f32;
    }
    scale * sum
}

/// Negative log-likelihood of one response for supervised fine-tuning: −scale · Σ_t logp_t.
///
/// `logp` and `dlogp` are `[tokens]`, in nats.
///
/// # Panics
/// If the two lengths differ.
pub fn nll(logp: &[f32], scale: f64, dlogp: &mut [f32]) -> f64 {
    same_length("dlogp", dlogp.len(), logp.len());
    for grad in dlogp {
        *grad -= scale as f32;
    }
    -scale * logp.iter().copied().map(f64::from).sum::<f64>()
}

/// A number that is infinite or NaN where a finite one is needed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}[{index}] is {value}, expected a finite number")]
pub struct NonFinite {
    /// Name of the values, as given to [`check_finite`].
    pub what: String,
    /// Position of the first offender.
    pub index: usize,
    /// The offender.
    pub value: f32,
}

/// Checks that every value is finite.
///
/// # Errors
/// [`NonFinite`] with the first value that is not.
pub fn check_finite(name: &str, values: &[f32]) -> Result<(), NonFinite> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(NonFinite {
            what: name.to_owned(),
            index,
            value: values[index],
        }),
    }
}

/// Panics with a message if a slice does not fit `logp`.
fn same_length(what: &str, found: usize, expected: usize) {
    assert_eq!(found, expected, "length of {what} differs from logp's");
}

#[cfg(test)]
mod tests;
