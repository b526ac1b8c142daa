//! What a model says of a token after its own responses: the constant of the self-reward, and
//! whether the score that rests on it means anything.

use laser_rl::{group_stats, partition_excess, smallest_beta_v};

/// log π_ref(z) after finished responses, summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenReference {
    /// Responses that it is measured on.
    pub pairs: usize,
    /// Mean of log π_ref(z), nats: the constant c_ref.
    pub mean: f32,
    /// Its standard deviation, nats, unbiased.
    pub std: f32,
    /// Smallest, nats.
    pub min: f32,
    /// Largest, nats.
    pub max: f32,
    /// Logarithm of the mean of π_ref(z).
    mean_logp: f32,
}

impl TokenReference {
    /// Sums up `logps`, in nats; `None` for fewer than two, which have no spread.
    pub fn measure(logps: &[f32]) -> Option<Self> {
        if logps.len() < 2 {
            return None;
        }
        let stats = group_stats(logps);
        // Z is linear in π_ref(z), so its mean is Z at the mean probability, which is above e^mean
        // of the logarithms.
        let mean_probability =
            logps.iter().map(|l| f64::from(*l).exp()).sum::<f64>() / logps.len() as f64;
        Some(TokenReference {
            pairs: logps.len(),
            mean: stats.mean,
            std: stats.std,
            min: logps.iter().copied().fold(f32::INFINITY, f32::min),
            max: logps.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            mean_logp: mean_probability.ln() as f32,
        })
    }

    /// Mean of Z − 1 of the verification objective, π_ref(z)·(e^(1/β_v) − 1).
    pub fn partition_excess(&self, beta_v: f32) -> f64 {
        partition_excess(self.mean_logp, beta_v)
    }

    /// What the spread of log π_ref(z) alone puts on a score with a constant c_ref: β_v · std.
    pub fn noise(&self, beta_v: f32) -> f64 {
        f64::from(self.std) * f64::from(beta_v)
    }

    /// The smallest β_v with which [`partition_excess`](Self::partition_excess) stays within a
    /// bound, rounded up to thousandths.
    pub fn smallest_beta_v(&self, bound: f64) -> f64 {
        (smallest_beta_v(self.mean_logp, bound) * 1000.0).ceil() / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_definition() {
        let r = TokenReference::measure(&[-10.0, -12.0, -11.0]).unwrap();
        assert_eq!((r.pairs, r.mean, r.std), (3, -11.0, 1.0));
        assert_eq!((r.min, r.max), (-12.0, -10.0));
        assert!((r.noise(0.1) - 0.1).abs() < 1e-7);
        // statistics.mean(map(math.exp, (-10, -12, -11))) * math.expm1(1 / 0.1) in Python.
        let excess = r.partition_excess(0.1);
        assert!((excess / 0.501_048_8 - 1.0).abs() < 1e-5, "{excess}");
        let beta_v = r.smallest_beta_v(1e-3) as f32;
        assert!(r.partition_excess(beta_v) <= 1e-3);
        assert!(r.partition_excess(beta_v - 0.001) > 1e-3);
    }

    #[test]
    fn one_response_has_no_spread() {
        assert!(TokenReference::measure(&[]).is_none());
        assert!(TokenReference::measure(&[-1.0]).is_none());
    }
}
