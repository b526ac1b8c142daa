//! TW-GRPO: tokens count for more at positions where a group's distributions differ (Dang et al.,
//! arXiv 2505.24718; its released code).

use serde::{Deserialize, Serialize};

use crate::shaping::MethodError;
use crate::{ResponseView, loss};

/// Added to the range of the divergences, as the released code does.
const EPSILON: f64 = 1e-8;

/// Bound of the difference of log-probabilities.
const BOUND: f64 = 11.0;

/// The advantage of every token is multiplied by the weight of its position t in the response,
///
/// ```text
/// w_t = 1 + (α − 1) · D̂_t,     D̂_t = (D_t − min D) / (max D − min D + 1e-8),     1 ≤ w_t ≤ α
/// ```
///
/// with D_t of [`position_divergence`], minimum and maximum over the positions of the group. The
/// weight is the same for all responses: positions are compared by their number, not by what is
/// said there.
///
/// The paper weighs the clipped surrogate. min(ρ w Â, clip(ρ) w Â) = w min(ρ Â, clip(ρ) Â) for
/// w > 0, so this is the same; the KL, which stands inside the bracket there with coefficient 0,
/// is not weighed here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DivergenceWeight {
    /// α, at least 1.
    pub alpha: f64,
}

impl Default for DivergenceWeight {
    fn default() -> Self {
        DivergenceWeight { alpha: 1.7 }
    }
}

impl DivergenceWeight {
    pub(super) fn apply(&self, group: &[ResponseView], tokens: &mut [Vec<f32>]) {
        // The longest response has all positions.
        let all = group.iter().flat_map(|r| r.divergence);
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), d| {
            (low.min(f64::from(*d)), high.max(f64::from(*d)))
        });
        for (response, row) in group.iter().zip(tokens) {
            loss::same_length("divergence", response.divergence.len(), row.len());
            for (a, d) in row.iter_mut().zip(response.divergence) {
                let share = (f64::from(*d) - low) / (high - low + EPSILON);
                *a = (f64::from(*a) * (1.0 + (self.alpha - 1.0) * share)) as f32;
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        match self.alpha.is_finite() && self.alpha >= 1.0 {
            true => Ok(()),
            false => Err(MethodError {
                key: "divergence.alpha",
                value: self.alpha,
                problem: "must be a number of at least 1, the weight where the group differs most",
            }),
        }
    }
}

/// D_t: how much the distributions of a group of `size` responses differ at one position,
///
/// ```text
/// m = 1/n Σ_i L_i,   d_i = clamp(m − L_i, −11, 11),   D = 1/n Σ_i Σ_v ( exp(d_iv) − d_iv − 1 )
/// ```
///
/// with L_i the log π over the vocabulary V (nats) of response i at the position. `rows` holds
/// those of the responses that are long enough, `[≤ n, V]`; in place of each other one stands the
/// uniform −ln V. m is a mean of log-probabilities, not a distribution, and the sum over v has no
/// weights: as the released code has it.
///
/// # Panics
/// If `rows` is not whole rows, or more of them than `size`.
pub fn position_divergence(rows: &[f32], vocabulary: usize, size: usize) -> f64 {
    assert!(rows.len().is_multiple_of(vocabulary), "a row is cut");
    let ended = size.checked_sub(rows.len() / vocabulary);
    let ended = ended.expect("no more rows than responses") as f64;
    let (n, uniform) = (size as f64, -(vocabulary as f64).ln());
    let excess = |mean: f64, logp: f64| {
        let d = (mean - logp).clamp(-BOUND, BOUND);
        d.exp_m1() - d
    };
    let mut sum = 0.0;
    for v in 0..vocabulary {
        let column = || rows.iter().skip(v).step_by(vocabulary).copied();
        let mean = (column().map(f64::from).sum::<f64>() + ended * uniform) / n;
        sum += column().map(|l| excess(mean, l.into())).sum::<f64>();
        if ended > 0.0 {
            sum += ended * excess(mean, uniform);
        }
    }
    sum / n
}

#[cfg(test)]
mod tests;
