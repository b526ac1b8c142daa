//! SPO: a response is worth how often it beats its siblings (Swamy et al., ICML 2024,
//! arXiv 2401.04056).

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// The reward of response i of a group of G becomes
///
/// ```text
/// r_i = 1/(G − 1) · Σ_{j≠i} P(i ≻ j),   P(i ≻ j) = σ((s_i − s_j) / τ)
/// ```
///
/// with s the self-rewarding score or the reward; τ = 0 is its limit: 1, 0, and ½ for a tie.
/// P(i ≻ j) + P(j ≻ i) = 1, so the mean of a group is ½. It takes the place of the reward.
///
/// The paper leaves open who prefers; a preference from the policy's own last-token score is this
/// project's choice. Ours too: a response without a score (truncated) loses to every response with
/// one and ties with another without; a group of one has r = ½.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WinRate {
    /// s.
    pub of: Compared,
    /// τ, in units of s; at least 0.
    pub temperature: f64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The self-rewarding score r_s, not clamped.
    #[default]
    SelfReward,
    /// The reward as it is so far.
    Reward,
}

impl Default for WinRate {
    fn default() -> Self {
        WinRate {
            of: Compared::SelfReward,
            temperature: 0.1,
        }
    }
}

impl WinRate {
    pub(super) fn apply(&self, group: &[ResponseView], rewards: &mut [f32]) {
        let values: Vec<Option<f64>> = match self.of {
            Compared::SelfReward => group.iter().map(ResponseView::known_score).collect(),
            Compared::Reward => rewards.iter().map(|&r| Some(f64::from(r))).collect(),
        };
        let siblings = group.len().saturating_sub(1).max(1) as f64;
        for (i, reward) in rewards.iter_mut().enumerate() {
            let others = (0..group.len()).filter(|&j| j != i);
            let wins: f64 = others.map(|j| self.wins(values[i], values[j])).sum();
            *reward = match group.len() {
                1 => 0.5,
                _ => (wins / siblings) as f32,
            };
        }
    }

    /// P(a ≻ b).
    fn wins(&self, a: Option<f64>, b: Option<f64>) -> f64 {
        match (a, b) {
            (Some(a), Some(b)) if a == b => 0.5,
            (Some(a), Some(b)) if self.temperature == 0.0 => f64::from(u8::from(a > b)),
            (Some(a), Some(b)) => 1.0 / (1.0 + (-(a - b) / self.temperature).exp()),
            (None, None) => 0.5,
            (a, _) => f64::from(u8::from(a.is_some())),
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        match self.temperature >= 0.0 && self.temperature.is_finite() {
            true => Ok(()),
            false => Err(MethodError {
                key: "win_rate.temperature",
                value: self.temperature,
                problem: "must be a number of at least 0",
            }),
        }
    }
}
