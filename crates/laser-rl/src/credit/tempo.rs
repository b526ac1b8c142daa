//! TEMPO: tree-estimated mean prefix values as a critic (Tran, Yao, Yu, arXiv 2509.18314).

use serde::{Deserialize, Serialize};

use super::prefix_values;
use crate::advantage::moments;
use crate::{AdvantageKind, ResponseView};

/// Added to the spread of the differences, as GRPO adds it to that of the rewards.
const EPSILON: f64 = 1e-6;

/// With V(s_t) the mean reward of the responses of the group that share the first t tokens,
///
/// ```text
/// Â[i, t] = Â_i + (V(s_{t+1}) − V(s_t)) / scale,   t = 0 .. T_i − 1
/// ```
///
/// for the token that leads from s_t to s_{t+1}. Only tokens at which siblings part ways differ
/// from Â_i, and Σ_t (V(s_{t+1}) − V(s_t)) = r_i − r̄.
///
/// The paper's Â is (r_i − r̄ + V(s_{t+1}) − V(s_t)) / std(r), which is `rewards` with the
/// advantage kind `grpo_population`. A group of equal rewards stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tempo {
    /// What the differences are divided by.
    pub scale: TempoScale,
}

/// Divisor of the differences of prefix values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TempoScale {
    /// That of the advantage kind: the spread of the rewards with `grpo`, 1 with `dr_grpo`.
    #[default]
    Rewards,
    /// The spread (divisor n − 1) of the group's own differences that are not 0: the paper's
    /// division by the spread of the rewards was questioned in its review.
    Differences,
}

impl Tempo {
    pub(super) fn apply(
        &self,
        kind: AdvantageKind,
        group: &[ResponseView],
        rewards: &[f32],
        tokens: &mut [Vec<f32>],
    ) {
        if moments(rewards).1 == 0.0 {
            return;
        }
        let ids: Vec<&[u32]> = group.iter().map(|r| r.ids).collect();
        let values = prefix_values(&ids, rewards);
        let factor = match self.scale {
            TempoScale::Rewards => kind.factor(rewards),
            TempoScale::Differences => {
                let pairs = values.iter().flat_map(|v| v.windows(2));
                let differences: Vec<f32> = pairs
                    .map(|v| (v[1] - v[0]) as f32)
                    .filter(|d| *d != 0.0)
                    .collect();
                1.0 / (moments(&differences).1 + EPSILON)
            }
        };
        for (row, values) in tokens.iter_mut().zip(&values) {
            for (a, v) in row.iter_mut().zip(values.windows(2)) {
                *a = (f64::from(*a) + (v[1] - v[0]) * factor) as f32;
            }
        }
    }
}
