//! Losses of a policy update as functions of log-probabilities, each with its exact gradient.
//!
//! Every function adds up one response and takes a `scale` that already holds the whole step's
//! denominator (see [`Aggregation`](crate::Aggregation)). Values and gradients are therefore plain
//! sums, and do not depend on how a step is cut into micro-batches. Gradients are *added* to
//! `dlogp`, so losses can be stacked on the same buffer.

mod kl;
mod policy;
mod supervised;

pub use kl::{AdaptiveKl, KlKind, kl_in_reward, kl_penalty};
pub use policy::{Advantages, PolicyLoss, PolicyLossStats, PpoClip, ppo_clip};
pub use supervised::{ShapedNll, SupervisedLoss};

/// Largest log-ratio (nats) that is exponentiated; beyond it, exp continues as its tangent.
///
/// A policy that is 20 nats away from the old one is broken, but it must give a large finite
/// number with a usable gradient rather than an infinity that ends in NaN weights.
pub(crate) const MAX_LOG_RATIO: f64 = 20.0;

/// exp(d) − 1 and d/dd exp(d), finite for every finite `d`.
fn ratio_minus_one(d: f64) -> (f64, f64) {
    if d <= MAX_LOG_RATIO {
        (d.exp_m1(), d.exp())
    } else {
        let slope = MAX_LOG_RATIO.exp();
        (slope * (1.0 + d - MAX_LOG_RATIO) - 1.0, slope)
    }
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

/// Panics with a message if a slice does not fit another.
pub(crate) fn same_length(what: &str, found: usize, expected: usize) {
    assert_eq!(found, expected, "length of {what} does not fit");
}

#[cfg(test)]
mod tests;
