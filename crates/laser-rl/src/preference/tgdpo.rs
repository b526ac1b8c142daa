//! TGDPO: tokens that a guide model likes weigh more in a chosen response, and less in a rejected
//! one (*token-level guided DPO*).

use serde::{Deserialize, Serialize};

use crate::loss::same_length;

/// With the guide's reward of a token, a constant,
///
/// ```text
/// r̂_t = β ( log π_guide(y_t | x, y_<t) − log π_ref(y_t | x, y_<t) )
/// ```
///
/// the log-ratio of token t weighs 1 + α r̂_t in the chosen response and 1 − α r̂_t in the rejected
/// one. α = 0 is DPO. Sums over tokens, no division by the length. The derivation needs weights
/// above 0; as in the method's code they are not clamped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenWeight {
    /// α, not negative.
    pub alpha: f64,
}

impl Default for TokenWeight {
    fn default() -> Self {
        TokenWeight { alpha: 0.5 }
    }
}

impl TokenWeight {
    /// 1 + sign · α r̂_t, `[tokens]`; `sign` is 1 for a chosen and −1 for a rejected response.
    /// `guide` and `reference` are the two models' log-probabilities, `[tokens]`, nats.
    ///
    /// # Panics
    /// If the two lengths differ.
    pub fn weights(&self, beta: f64, sign: f64, guide: &[f32], reference: &[f32]) -> Vec<f64> {
        same_length("guide", guide.len(), reference.len());
        let reward = |(g, r): (&f32, &f32)| beta * (f64::from(*g) - f64::from(*r));
        let rewards = guide.iter().zip(reference).map(reward);
        rewards.map(|r| 1.0 + sign * self.alpha * r).collect()
    }
}
