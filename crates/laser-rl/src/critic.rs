//! PPO with a critic: advantages from values, the loss of the values, and how good they are.
//!
//! Every slice holds the tokens of one response that the policy *sampled*. Where others stand in
//! between (the output of a tool), the caller leaves them out; the values then bridge the gap, as
//! in verl.

use serde::{Deserialize, Serialize};

use crate::advantage::moments;
use crate::loss::same_length;

/// Generalized advantage estimation (arXiv 1506.02438).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gae {
    /// γ, the discount per token, in \[0, 1\].
    pub gamma: f32,
    /// λ in \[0, 1\]: 0 trusts the critic alone, 1 the rewards alone.
    pub lambda: f32,
}

impl Default for Gae {
    /// γ = 1, λ = 0.95.
    fn default() -> Self {
        Self {
            gamma: 1.0,
            lambda: 0.95,
        }
    }
}

/// Advantages and returns of one response, both `[tokens]`:
/// A_t = Σ_l (γλ)^l δ_{t+l} with δ_t = r_t + γ V_{t+1} − V_t (arXiv 1506.02438, eq. 16), and
/// A_t + V_t, the target of [`value_loss`].
///
/// `rewards` and `values` are `[tokens]`; V_t is the value *before* token t is sampled.
/// `bootstrap` is the value after the last token: 0 for a response that ended by itself, the
/// critic's for one that was truncated (or 0 there too, as in verl and TRL, where being truncated
/// is worth nothing).
///
/// # Panics
/// If the two lengths differ.
pub fn gae(cfg: &Gae, rewards: &[f32], values: &[f32], bootstrap: f32) -> (Vec<f32>, Vec<f32>) {
    same_length("values", values.len(), rewards.len());
    let (gamma, lambda) = (f64::from(cfg.gamma), f64::from(cfg.lambda));
    let mut advantages = vec![0.0; rewards.len()];
    let mut returns = vec![0.0; rewards.len()];
    let mut next_value = f64::from(bootstrap);
    let mut advantage = 0.0;
    for t in (0..rewards.len()).rev() {
        let value = f64::from(values[t]);
        let delta = f64::from(rewards[t]) + gamma * next_value - value;
        advantage = delta + gamma * lambda * advantage;
        advantages[t] = advantage as f32;
        returns[t] = (advantage + value) as f32;
        next_value = value;
    }
    (advantages, returns)
}

/// What [`value_loss`] saw; sums over tokens, so that responses and micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueLossStats {
    /// Scaled loss.
    pub loss: f64,
    /// Tokens whose gradient the clip took away.
    pub clipped: usize,
    /// Response tokens.
    pub tokens: usize,
}

impl ValueLossStats {
    /// Takes the numbers of another response or micro-batch in.
    pub fn merge(&mut self, other: Self) {
        self.loss += other.loss;
        self.clipped += other.clipped;
        self.tokens += other.tokens;
    }

    /// Share of tokens that were clipped; 0 without tokens.
    pub fn clip_fraction(&self) -> f64 {
        self.clipped as f64 / self.tokens.max(1) as f64
    }
}

/// Value loss of one response:
/// scale · Σ_t ½ max((V_t − R_t)², (clip(V_t, old_t ± clip) − R_t)²), the form of OpenAI's PPO2
/// that verl and TRL keep; without `clip` ½ (V_t − R_t)². `dvalues[t]` grows by its derivative.
///
/// `values`, `old` (those that gave the advantages), `returns` and `dvalues` are `[tokens]`.
/// Where the two squares are equal the token counts as unclipped.
///
/// # Panics
/// If the four lengths differ.
pub fn value_loss(
    values: &[f32],
    old: &[f32],
    returns: &[f32],
    clip: Option<f32>,
    scale: f64,
    dvalues: &mut [f32],
) -> ValueLossStats {
    for (what, found) in [
        ("old", old.len()),
        ("returns", returns.len()),
        ("dvalues", dvalues.len()),
    ] {
        same_length(what, found, values.len());
    }
    let mut stats = ValueLossStats {
        tokens: values.len(),
        ..ValueLossStats::default()
    };
    let range = clip.map_or(f64::INFINITY, f64::from);
    let mut sum = 0.0;
    for (((&value, &old), &target), grad) in values.iter().zip(old).zip(returns).zip(dvalues) {
        let (value, old, target) = (f64::from(value), f64::from(old), f64::from(target));
        let error = value - target;
        let clipped = value.max(old - range).min(old + range) - target;
        if clipped * clipped > error * error {
            stats.clipped += 1;
            sum += 0.5 * clipped * clipped;
        } else {
            sum += 0.5 * error * error;
            *grad += (scale * error) as f32;
        }
    }
    stats.loss = scale * sum;
    stats
}

/// 1 − Var(returns − values) / Var(returns) over all tokens of a step: 1 for a perfect critic, 0
/// for a constant one, negative for one that is worse. `None` if the returns do not vary.
///
/// # Panics
/// If the two lengths differ.
pub fn explained_variance(values: &[f32], returns: &[f32]) -> Option<f64> {
    same_length("returns", returns.len(), values.len());
    let (_, spread) = moments(returns);
    if spread == 0.0 {
        return None;
    }
    // Σ (e − mean)² in f64 without rounding the errors to f32.
    let errors = || {
        let rows = returns.iter().zip(values);
        rows.map(|(&r, &v)| f64::from(r) - f64::from(v))
    };
    let n = values.len() as f64;
    let mean = errors().sum::<f64>() / n;
    let rest = errors().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(1.0 - rest / (spread * spread))
}

#[cfg(test)]
mod tests;
