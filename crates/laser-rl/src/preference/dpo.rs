//! DPO: the margin of a pair, its loss, and the gradient by every token (Rafailov et al.,
//! arXiv 2305.18290, eq. 7).

use super::cream::regularised;
use crate::loss::same_length;

/// One response of a pair; rows are `[tokens]`, log-probabilities in nats.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// log π of the policy that learns.
    pub logp: &'a [f32],
    /// log π_ref.
    pub reference: &'a [f32],
    /// Constants that multiply the log-ratios of the tokens; empty is 1 throughout.
    pub weights: &'a [f64],
}

/// What a pair gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLoss {
    /// Scaled loss.
    pub loss: f64,
    /// m.
    pub margin: f64,
}

impl Side<'_> {
    /// Σ_t w_t (log π − log π_ref).
    fn log_ratio(&self) -> f64 {
        same_length("reference", self.reference.len(), self.logp.len());
        if !self.weights.is_empty() {
            same_length("weights", self.weights.len(), self.logp.len());
        }
        let rows = self.logp.iter().zip(self.reference).enumerate();
        rows.map(|(t, (new, old))| self.weight(t) * (f64::from(*new) - f64::from(*old)))
            .sum()
    }

    fn weight(&self, token: usize) -> f64 {
        self.weights.get(token).copied().unwrap_or(1.0)
    }
}

/// The margin of a pair, with w = chosen and l = rejected:
///
/// ```text
/// m = β [ Σ_t w_t (log π − log π_ref)(y_t^w) − Σ_t w_t (log π − log π_ref)(y_t^l) ]
/// ```
///
/// # Panics
/// If the rows of a side differ in length.
pub fn margin(beta: f64, chosen: Side, rejected: Side) -> f64 {
    beta * (chosen.log_ratio() - rejected.log_ratio())
}

/// scale · L(m), with L = −log σ(m) where the pair is wholly trusted (`consistency` = 1) and
/// [CREAM's](regularised) otherwise. `dlogp`, of the chosen and the rejected response, grows by
/// ± scale · L'(m) · β w_t.
///
/// # Panics
/// If the rows of a side differ in length.
pub fn pair_loss(
    beta: f64,
    consistency: f64,
    chosen: Side,
    rejected: Side,
    scale: f64,
    dlogp: [&mut [f32]; 2],
) -> PairLoss {
    let margin = margin(beta, chosen, rejected);
    let (loss, slope) = regularised(margin, consistency);
    for ((side, sign), dlogp) in [(chosen, 1.0), (rejected, -1.0)].into_iter().zip(dlogp) {
        same_length("dlogp", dlogp.len(), side.logp.len());
        for (t, grad) in dlogp.iter_mut().enumerate() {
            *grad += (sign * scale * slope * beta * side.weight(t)) as f32;
        }
    }
    PairLoss {
        loss: scale * loss,
        margin,
    }
}
