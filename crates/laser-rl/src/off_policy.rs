//! Correction for tokens that were not sampled by the policy that is trained: another numerical
//! implementation of it, or older weights.
//!
//! ρ_t = π_trainer(t) / π_sampler(t), both before the step's first update. The drift *within* a
//! step is the business of [`PolicyLoss`](crate::PolicyLoss), whose `weight` the numbers from here
//! are.

use serde::{Deserialize, Serialize};

use crate::loss::{MAX_LOG_RATIO, same_length};

/// What a ratio r is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioLevel {
    /// r_t = ρ_t: low variance, biased. TRL's and verl's "token" modes, OpenRLHF's TIS and IcePop.
    #[default]
    Token,
    /// r = Π_t ρ_t, the same for every token: unbiased, of a variance that grows with the length.
    /// TRL's and verl's "sequence" modes.
    Product,
    /// r = (Π_t ρ_t)^{1/T}: a mean that does not depend on the length. verl's rejection by
    /// `seq_mean_k1` and OpenRLHF's by `seq-mask-tis`.
    GeometricMean,
}

/// What happens to a ratio r that is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioBound {
    /// Weight min(r, `max`): truncated importance sampling (TIS).
    Truncate {
        /// C, at least 1 as a rule.
        max: f32,
    },
    /// Weight r within \[`low`, `high`\], 0 outside (IcePop; TRL's "mask" modes).
    Mask {
        /// Smallest ratio that is kept.
        low: f32,
        /// Largest ratio that is kept.
        high: f32,
    },
    /// Weight 1 within \[`low`, `high`\], 0 outside: rejection without weighting. Multiplied with
    /// weights of another kind it is verl's rejection beside importance sampling.
    Reject {
        /// Smallest ratio that is kept.
        low: f32,
        /// Largest ratio that is kept.
        high: f32,
    },
}

/// How ratios become weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportanceWeights {
    /// What the ratio is taken over.
    pub level: RatioLevel,
    /// What bounds it.
    pub bound: RatioBound,
}

impl Default for ImportanceWeights {
    /// Per token, truncated at 2: verl's setting.
    fn default() -> Self {
        Self {
            level: RatioLevel::Token,
            bound: RatioBound::Truncate { max: 2.0 },
        }
    }
}

impl ImportanceWeights {
    /// Weights `[tokens]` of one response; constants, without a gradient.
    ///
    /// `trainer` and `sampler` are log-probabilities `[tokens]` in nats. Ratios are compared with
    /// the bounds as logarithms, so that a product over a long response does not overflow.
    ///
    /// # Panics
    /// If the two lengths differ.
    pub fn weights(&self, trainer: &[f32], sampler: &[f32]) -> (Vec<f32>, ImportanceStats) {
        same_length("sampler", sampler.len(), trainer.len());
        let log_ratio = |t: usize| f64::from(trainer[t]) - f64::from(sampler[t]);
        let tokens = trainer.len();
        let sum: f64 = (0..tokens).map(log_ratio).sum();
        let mut stats = ImportanceStats::default();
        let weights = (0..tokens)
            .map(|t| {
                let (weight, bounded) = self.bound.weight(match self.level {
                    RatioLevel::Token => log_ratio(t),
                    RatioLevel::Product => sum,
                    RatioLevel::GeometricMean => sum / tokens as f64,
                });
                stats.merge(ImportanceStats::of(weight, bounded, log_ratio(t)));
                weight as f32
            })
            .collect();
        (weights, stats)
    }
}

impl RatioBound {
    /// The weight of a ratio, and whether the bound changed it.
    fn weight(self, log_ratio: f64) -> (f64, bool) {
        let ratio = || {
            let capped = log_ratio > MAX_LOG_RATIO;
            if capped {
                MAX_LOG_RATIO.exp()
            } else {
                log_ratio.exp()
            }
        };
        let inside = |low: f32, high: f32| {
            log_ratio >= f64::from(low).ln() && log_ratio <= f64::from(high).ln()
        };
        match self {
            Self::Truncate { max } if log_ratio > f64::from(max).ln() => (f64::from(max), true),
            Self::Truncate { .. } => (ratio(), false),
            Self::Mask { low, high } if inside(low, high) => (ratio(), false),
            Self::Reject { low, high } if inside(low, high) => (1.0, false),
            Self::Mask { .. } | Self::Reject { .. } => (0.0, true),
        }
    }
}

/// What [`ImportanceWeights::weights`] saw; sums over tokens, so that responses add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImportanceStats {
    /// Response tokens.
    pub tokens: usize,
    /// Tokens whose weight was truncated or set to 0.
    pub bounded: usize,
    /// Sum of the weights.
    pub weight_sum: f64,
    /// Sum of their squares.
    pub weight_square_sum: f64,
    /// Largest weight; 0 without tokens.
    pub weight_max: f64,
    /// Smallest weight; 0 without tokens.
    pub weight_min: f64,
    /// Sum of |log π_trainer − log π_sampler|, nats.
    pub mismatch_sum: f64,
    /// Largest |log π_trainer − log π_sampler| of a token, nats.
    pub mismatch_max: f64,
}

impl ImportanceStats {
    fn of(weight: f64, bounded: bool, log_ratio: f64) -> Self {
        Self {
            tokens: 1,
            bounded: usize::from(bounded),
            weight_sum: weight,
            weight_square_sum: weight * weight,
            weight_max: weight,
            weight_min: weight,
            mismatch_sum: log_ratio.abs(),
            mismatch_max: log_ratio.abs(),
        }
    }

    /// Takes the numbers of another response or micro-batch in.
    pub fn merge(&mut self, other: Self) {
        if self.tokens == 0 || other.tokens == 0 {
            if self.tokens == 0 {
                *self = other;
            }
            return;
        }
        self.tokens += other.tokens;
        self.bounded += other.bounded;
        self.weight_sum += other.weight_sum;
        self.weight_square_sum += other.weight_square_sum;
        self.weight_max = self.weight_max.max(other.weight_max);
        self.weight_min = self.weight_min.min(other.weight_min);
        self.mismatch_sum += other.mismatch_sum;
        self.mismatch_max = self.mismatch_max.max(other.mismatch_max);
    }

    /// Mean weight; 0 without tokens.
    pub fn mean(&self) -> f64 {
        self.weight_sum / self.tokens.max(1) as f64
    }

    /// Kish's effective sample size (Σ w)² / Σ w², in tokens: `tokens` if all weights are equal;
    /// 0 if all are 0.
    pub fn effective_sample_size(&self) -> f64 {
        if self.weight_square_sum == 0.0 {
            return 0.0;
        }
        self.weight_sum * self.weight_sum / self.weight_square_sum
    }

    /// Share of tokens whose weight was truncated or set to 0; 0 without tokens.
    pub fn bounded_fraction(&self) -> f64 {
        self.bounded as f64 / self.tokens.max(1) as f64
    }

    /// Mean |log π_trainer − log π_sampler| per token, nats; 0 without tokens.
    pub fn mismatch(&self) -> f64 {
        self.mismatch_sum / self.tokens.max(1) as f64
    }
}

#[cfg(test)]
mod tests;
