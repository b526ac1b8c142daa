//! The pair of a group, and the policy's own reward of its responses.

use crate::ResponseView;

/// Two responses of a group, by their places in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The preferred one.
    pub chosen: usize,
    /// The other one.
    pub rejected: usize,
    /// C in \[0, 1\]: how far the preference is trusted; 1 is wholly.
    pub consistency: f64,
}

/// The places of the largest and the smallest score, the first ones of equal ones; `None` if all
/// are equal or there are none.
pub fn best_and_worst(scores: &[f64]) -> Option<(usize, usize)> {
    let first = |better: fn(f64, f64) -> bool| {
        (0..scores.len()).reduce(|best, i| match better(scores[i], scores[best]) {
            true => i,
            false => best,
        })
    };
    let (best, worst) = (first(|a, b| a > b)?, first(|a, b| a < b)?);
    (scores[best] > scores[worst]).then_some((best, worst))
}

/// The implicit reward of every response of a group, DPO's without its β (arXiv 2305.18290,
/// eq. 5), in nats:
///
/// ```text
/// r_i = Σ_t ( log π(y_t | x, y_<t) − log π_base(y_t | x, y_<t) )
/// ```
///
/// `policy` picks the row of π. A π that is the base model itself has no such reward: where all
/// are 0, the group gets the mean of log π over each response's tokens, as CREAM's code rates by a
/// model that has no reference.
///
/// # Panics
/// If the rows of a response differ in length.
pub fn implicit_rewards<'a>(
    group: &[ResponseView<'a>],
    policy: impl Fn(&ResponseView<'a>) -> &'a [f32],
) -> Vec<f64> {
    let ratio = |r: &ResponseView<'a>| -> f64 {
        let logp = policy(r);
        crate::loss::same_length("reference", r.reference.len(), logp.len());
        let pairs = logp.iter().zip(r.reference);
        pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).sum()
    };
    let rewards: Vec<f64> = group.iter().map(ratio).collect();
    if rewards.iter().any(|r| *r != 0.0) {
        return rewards;
    }
    let mean = |r: &ResponseView<'a>| {
        let logp = policy(r);
        let sum: f64 = logp.iter().copied().map(f64::from).sum();
        sum / logp.len().max(1) as f64
    };
    group.iter().map(mean).collect()
}
