//! Advantages of one group: the responses sampled for the same prompt.

use serde::{Deserialize, Serialize};

/// Added to the standard deviation in GRPO, as in the reference implementations (verl, TRL).
const GRPO_EPSILON: f64 = 1e-6;

/// Mean and unbiased standard deviation (divisor n − 1) of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupStats {
    /// Arithmetic mean; 0 for an empty group.
    pub mean: f32,
    /// Unbiased standard deviation; 0 for fewer than two values.
    pub std: f32,
}

/// Mean and unbiased standard deviation of `x`, accumulated in f64.
///
/// Equal values give a standard deviation of exactly 0.
pub fn group_stats(x: &[f32]) -> GroupStats {
    let (mean, std) = moments(x);
    GroupStats {
        mean: mean as f32,
        std: std as f32,
    }
}

/// [`group_stats`] before rounding to f32.
pub(crate) fn moments(x: &[f32]) -> (f64, f64) {
    if x.is_empty() {
        return (0.0, 0.0);
    }
    let n = x.len() as f64;
    let mean = x.iter().copied().map(f64::from).sum::<f64>() / n;
    if x.len() == 1 {
        return (mean, 0.0);
    }
    // Two passes: the one-pass formula loses a constant group's exact zero.
    let squares: f64 = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// How the rewards of a group become advantages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageKind {
    /// (r − mean) / (std + 1e-6), unbiased std (DeepSeekMath, arXiv 2402.03300, eq. 3).
    #[default]
    Grpo,
    /// r − mean, without the division that favours very easy and very hard prompts
    /// (Dr. GRPO, arXiv 2503.20783).
    DrGrpo,
    /// r − mean of the *other* rewards = n/(n−1)·(r − mean): an unbiased leave-one-out baseline
    /// (RLOO, arXiv 2402.14740).
    Rloo,
}

impl AdvantageKind {
    /// Advantages `[n]` of the rewards `[n]` of one group.
    ///
    /// A group of one and a group of equal rewards give exactly 0.0 throughout: such a group
    /// carries no signal and must not move the weights.
    pub fn advantages(self, rewards: &[f32]) -> Vec<f32> {
        let (mean, std) = moments(rewards);
        let n = rewards.len() as f64;
        let factor = match self {
            Self::Grpo => 1.0 / (std + GRPO_EPSILON),
            Self::DrGrpo => 1.0,
            Self::Rloo if rewards.len() < 2 => 0.0,
            Self::Rloo => n / (n - 1.0),
        };
        rewards
            .iter()
            .map(|&r| ((f64::from(r) - mean) * factor) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests;
