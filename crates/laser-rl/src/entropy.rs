//! Entropy of the policy: its gradient, and a coefficient that keeps it from collapsing.

use serde::{Deserialize, Serialize};

/// H = −Σ_v p_v log p_v of softmax(logits) in nats, and ∂H/∂logits_v = −p_v (log p_v + H).
///
/// The reference for the kernels, which do the same on whole batches: `logits` is one row
/// `[vocabulary]`, everything is computed in f64. A logit of −∞ has probability and gradient 0.
/// Without a finite logit the result is 0 throughout.
pub fn entropy_row(logits: &[f32]) -> (f64, Vec<f64>) {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if max == f64::NEG_INFINITY {
        return (0.0, vec![0.0; logits.len()]);
    }
    let exp = |&z: &f32| (f64::from(z) - max).exp();
    let log_sum = logits.iter().map(exp).sum::<f64>().ln();
    let log_p = |&z: &f32| f64::from(z) - max - log_sum;
    // p log p → 0 as p → 0, which 0 · −∞ is not.
    let p_times = |log_p: f64, factor: f64| {
        let p = log_p.exp();
        if p == 0.0 { 0.0 } else { p * factor }
    };
    let entropy = logits.iter().map(log_p).map(|l| -p_times(l, l)).sum();
    let gradient = logits.iter().map(log_p).map(|l| -p_times(l, l + entropy));
    (entropy, gradient.collect())
}

/// Raises the entropy coefficient by a fixed step while the entropy is below a target, lowers it
/// above (Skywork-OR1, arXiv 2505.22312; also in TRL).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntropyController {
    /// The coefficient so far; the loss has −coefficient · H.
    pub coefficient: f64,
    /// Entropy to hold, nats per token.
    pub target: f64,
    /// Δ, by which one update moves the coefficient.
    pub step: f64,
    /// Lower end of the coefficient, usually 0.
    pub min: f64,
    /// Upper end of the coefficient.
    pub max: f64,
}

impl EntropyController {
    /// Takes the mean entropy of a step (nats per token) in. Returns the coefficient to use next:
    /// above the target it is 0 while the stored one only falls, so that the bonus is back at once
    /// when the entropy drops. An entropy that is not a number changes nothing and gives 0.
    pub fn update(&mut self, entropy: f64) -> f64 {
        if entropy.is_nan() {
            return 0.0;
        }
        let low = entropy <= self.target;
        let moved = self.coefficient + if low { self.step } else { -self.step };
        self.coefficient = moved.min(self.max).max(self.min);
        if low { self.coefficient } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
