//! `summary.json`: the run's numbers before and after.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lenient::{number, or_default, text};

/// A number with its 95 % interval (bootstrap over problems).
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, from = "Option<EstimateFields>")]
pub struct Estimate {
    pub value: Option<f64>,
    /// Lower and upper end; `None` if either is unknown.
    pub interval: Option<(f64, f64)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EstimateFields {
    #[serde(deserialize_with = "number")]
    value: Option<f64>,
    #[serde(deserialize_with = "number")]
    low: Option<f64>,
    #[serde(deserialize_with = "number")]
    high: Option<f64>,
}

impl From<Option<EstimateFields>> for Estimate {
    fn from(fields: Option<EstimateFields>) -> Self {
        let fields = fields.unwrap_or_default();
        Estimate {
            value: fields.value,
            interval: fields
                .low
                .zip(fields.high)
                .filter(|(low, high)| low <= high),
        }
    }
}

/// An estimate for each number of votes K.
pub type ByVotes = BTreeMap<u32, Estimate>;

/// One model's results on the test problems. Shares are in [0, 1].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Mean correctness of a single response.
    pub accuracy: Estimate,
    /// At least one of K responses is right.
    #[serde(deserialize_with = "or_default")]
    pub pass_at: ByVotes,
    /// Mean cross entropy of written responses, nats per token.
    pub loss: Estimate,
    /// Majority vote.
    #[serde(deserialize_with = "or_default")]
    pub maj_at: ByVotes,
    /// Majority vote with the self-rewards as weights.
    #[serde(deserialize_with = "or_default")]
    pub weighted_at: ByVotes,
    /// The response with the highest self-reward.
    #[serde(deserialize_with = "or_default")]
    pub best_at: ByVotes,
    /// Paired difference of weighted and plain majority.
    #[serde(deserialize_with = "or_default")]
    pub weighted_minus_maj: ByVotes,
    #[serde(deserialize_with = "or_default")]
    pub self_verification: SelfVerification,
}

/// How well the self-reward, cut at 0.5, agrees with the verifier.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SelfVerification {
    /// Harmonic mean of `tpr` and `tnr` (LaSeR, arXiv 2510.14943), not precision and recall.
    pub f1: Estimate,
    pub tpr: Estimate,
    pub tnr: Estimate,
    pub auroc: Estimate,
    /// Expected calibration error.
    pub ece: Estimate,
    /// Rank correlation of self-reward and length, in [-1, 1].
    pub spearman_length: Estimate,
}

/// Self-rewards against the verifier, binned.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Calibration {
    #[serde(deserialize_with = "or_default")]
    pub bins: Vec<Bin>,
    pub histogram: Option<Histogram>,
}

/// One bin of the reliability diagram.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Bin {
    #[serde(deserialize_with = "number")]
    pub low: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub high: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub count: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub mean_score: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub accuracy: Option<f64>,
}

/// Counts of self-rewards in equal bins from `low` to `high`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Histogram {
    #[serde(deserialize_with = "number")]
    pub low: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub high: Option<f64>,
    #[serde(deserialize_with = "or_default")]
    pub correct: Vec<u32>,
    #[serde(deserialize_with = "or_default")]
    pub incorrect: Vec<u32>,
}

/// Tokens per second.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Speed {
    #[serde(deserialize_with = "number")]
    pub rollout: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub train: Option<f64>,
}

/// The whole of `summary.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    #[serde(deserialize_with = "or_default")]
    pub base: Metrics,
    #[serde(rename = "final", deserialize_with = "or_default")]
    pub trained: Metrics,
    pub steps: Option<u64>,
    #[serde(deserialize_with = "number")]
    pub seconds: Option<f64>,
    #[serde(deserialize_with = "or_default")]
    pub tokens_per_second: Speed,
    pub seed: Option<u64>,
    #[serde(deserialize_with = "text")]
    pub recipe: Option<String>,
    /// Of the trained model.
    pub calibration: Option<Calibration>,
    pub base_calibration: Option<Calibration>,
    /// Mean log p_ref(z_c), nats.
    #[serde(deserialize_with = "number")]
    pub c_ref: Option<f64>,
    /// r_s = beta_v · (log p(z_c) − c_ref).
    #[serde(deserialize_with = "number")]
    pub beta_v: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub parameters: Option<f64>,
}
