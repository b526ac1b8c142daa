//! Percentile bootstrap over problems (Efron and Tibshirani, 1993, chapter 13).
//!
//! Samples of one problem are not independent, so problems are what is drawn with replacement. A
//! resample is a count per problem: every metric is then a weighted sum, and nothing is copied.

use serde::{Deserialize, Serialize};

use laser_rng::Rng;

/// A number with its 95 % bootstrap interval; all `None` (JSON null) where it is undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// On all problems.
    pub value: Option<f64>,
    /// 2.5th percentile over the resamples; `None` without resamples.
    pub low: Option<f64>,
    /// 97.5th percentile over the resamples; `None` without resamples.
    pub high: Option<f64>,
}

impl Estimate {
    /// From the value and its replicates; resamples where the metric was undefined are absent
    /// from `replicates`.
    pub(crate) fn new(value: Option<f64>, mut replicates: Vec<f64>) -> Self {
        if value.is_none() {
            return Self::default();
        }
        replicates.sort_by(f64::total_cmp);
        Self {
            value,
            low: percentile(&replicates, 0.025),
            high: percentile(&replicates, 0.975),
        }
    }
}

/// Quantile of an ascending list, linear between neighbours (NumPy's default).
fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = q * sorted.len().checked_sub(1)? as f64;
    let below = sorted[position as usize];
    let above = sorted[position.ceil() as usize];
    Some(below + (above - below) * position.fract())
}

/// Draws as many problems as there are, with replacement: `counts[p]` = times p was drawn.
pub(crate) fn resample(rng: &mut Rng, counts: &mut [u32]) {
    counts.fill(0);
    for _ in 0..counts.len() {
        counts[rng.below(counts.len() as u64) as usize] += 1;
    }
}

/// Mean of a number per problem, each taken `counts[p]` times; problems without one are left out.
pub(crate) fn weighted_mean(values: &[Option<f64>], counts: &[u32]) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0u64);
    for (value, &count) in values.iter().zip(counts) {
        if let Some(value) = value {
            sum += f64::from(count) * value;
            total += u64::from(count);
        }
    }
    (total > 0).then(|| sum / total as f64)
}

/// Mean of a number per problem with its interval; problems without one are left out. With the
/// differences of two numbers it is the paired comparison of these.
pub fn mean(values: &[Option<f64>], resamples: usize, seed: u64) -> Estimate {
    let mut rng = Rng::from_words(&[seed, values.len() as u64]);
    let mut counts = vec![1; values.len()];
    let value = weighted_mean(values, &counts);
    let draw = |_| {
        resample(&mut rng, &mut counts);
        weighted_mean(values, &counts)
    };
    Estimate::new(value, (0..resamples).filter_map(draw).collect())
}

/// `Σ sums / Σ counts` over problems `(sum, count)` with its interval: a mean per token where the
/// problems have different numbers of tokens. Undefined where nothing was counted.
pub fn pooled_mean(problems: &[(f64, usize)], resamples: usize, seed: u64) -> Estimate {
    let mean = |counts: &[u32]| {
        let (mut sum, mut total) = (0.0, 0);
        for ((s, n), times) in problems.iter().zip(counts) {
            sum += f64::from(*times) * s;
            total += u64::from(*times) * *n as u64;
        }
        (total > 0).then(|| sum / total as f64)
    };
    let mut rng = Rng::from_words(&[seed, problems.len() as u64]);
    let mut counts = vec![1; problems.len()];
    let value = mean(&counts);
    let draw = |_| {
        resample(&mut rng, &mut counts);
        mean(&counts)
    };
    Estimate::new(value, (0..resamples).filter_map(draw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_linearly_like_numpy() {
        let x: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!(percentile(&x, 0.025), Some(0.25));
        assert_eq!(percentile(&x, 0.975), Some(9.75));
        assert_eq!(percentile(&[3.0], 0.975), Some(3.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_resample_draws_as_many_problems_as_there_are() {
        let mut rng = Rng::from_words(&[1]);
        let mut counts = [0; 50];
        resample(&mut rng, &mut counts);
        assert_eq!(counts.iter().sum::<u32>(), 50);
        assert!(counts.contains(&0) && counts.iter().any(|&c| c > 1));
    }

    #[test]
    fn a_pooled_mean_weighs_every_token_alike() {
        let e = pooled_mean(&[(2.0, 1), (3.0, 9), (0.0, 0)], 200, 5);
        assert_eq!(e.value, Some(0.5));
        // A resample of one problem alone has the mean of that problem.
        assert!(e.low.unwrap() < 0.5 && e.high.unwrap() > 0.5, "{e:?}");
        assert_eq!(pooled_mean(&[(3.0, 6)], 10, 0).low, Some(0.5));
        assert_eq!(pooled_mean(&[(0.0, 0)], 10, 0), Estimate::default());
        assert_eq!(pooled_mean(&[], 10, 0), Estimate::default());
    }

    #[test]
    fn a_weighted_mean_leaves_out_problems_without_a_value() {
        let values = [Some(1.0), None, Some(0.0)];
        assert_eq!(weighted_mean(&values, &[3, 5, 1]), Some(0.75));
        assert_eq!(weighted_mean(&values, &[0, 5, 0]), None);
    }
}
