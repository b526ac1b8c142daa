//! How good the self-rewarding score is as a judge of the model's own answers.
//!
//! Each function here is the plain definition, one pass over one list; [`crate::evaluation`]
//! computes the same numbers faster for the bootstrap and is tested against these. `None` means
//! that the metric is undefined on the input, which each function explains. Scores are expected
//! to be numbers (an infinity is fine, it has a rank and a clamped value; NaN is not).

use serde::{Deserialize, Serialize};

/// A response is judged correct if its score is *strictly* above this (LaSeR, section 3).
pub const THRESHOLD: f32 = 0.5;

/// One finished response: what the score said, and what was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Self-rewarding score r_s, unclamped.
    pub score: f32,
    /// The verifier's label r_v.
    pub correct: bool,
    /// Response length in tokens.
    pub length: u32,
}

/// All metrics of the score as a judge; see the function of the same name for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the function of its name")]
pub struct JudgeMetrics {
    pub f1: Option<f64>,
    pub tpr: Option<f64>,
    pub tnr: Option<f64>,
    pub auroc: Option<f64>,
    pub ece: Option<f64>,
    pub spearman_length: Option<f64>,
}

impl JudgeMetrics {
    /// Computes all of them, ECE with `bins` bins.
    pub fn of(samples: &[Judged], bins: usize) -> Self {
        Self {
            f1: self_verification_f1(samples),
            tpr: tpr(samples),
            tnr: tnr(samples),
            auroc: auroc(samples),
            ece: ece(samples, bins),
            spearman_length: spearman_length(samples),
        }
    }
}

/// True positive rate: the share of correct responses that are judged correct.
/// `None` without a correct response.
pub fn tpr(samples: &[Judged]) -> Option<f64> {
    rate(samples.iter().filter(|s| s.correct), |s| {
        s.score > THRESHOLD
    })
}

/// True negative rate: the share of incorrect responses that are judged incorrect.
/// `None` without an incorrect response.
pub fn tnr(samples: &[Judged]) -> Option<f64> {
    rate(samples.iter().filter(|s| !s.correct), |s| {
        s.score <= THRESHOLD
    })
}

fn rate<'a>(of: impl Iterator<Item = &'a Judged>, hit: impl Fn(&Judged) -> bool) -> Option<f64> {
    let (hits, total) = of.fold((0u64, 0u64), |(h, n), s| (h + u64::from(hit(s)), n + 1));
    ratio(hits as f64, total as f64)
}

/// Self-verification F1: the harmonic mean of [`tpr`] and [`tnr`] (not the usual F1 of precision
/// and recall), 0 if both are 0. `None` unless both classes are present.
pub fn self_verification_f1(samples: &[Judged]) -> Option<f64> {
    harmonic_mean(tpr(samples), tnr(samples))
}

/// 2ab / (a + b), 0 if both are 0.
pub(crate) fn harmonic_mean(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (a, b) = (a?, b?);
    Some(if a + b == 0.0 {
        0.0
    } else {
        2.0 * a * b / (a + b)
    })
}

/// a / b, undefined for b = 0.
pub(crate) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// Area under the ROC curve: the probability that a correct response scores higher than an
/// incorrect one, ties counted half. O(n log n). `None` unless both classes are present.
pub fn auroc(samples: &[Judged]) -> Option<f64> {
    let mut sorted: Vec<&Judged> = samples.iter().collect();
    sorted.sort_by(|a, b| order(a.score, b.score));
    let (mut negatives_below, mut positives, mut wins) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.score == b.score) {
        let p = tied.iter().filter(|s| s.correct).count() as f64;
        let n = tied.len() as f64 - p;
        wins += p * (negatives_below + 0.5 * n);
        negatives_below += n;
        positives += p;
    }
    ratio(wins, positives * negatives_below)
}

/// One bin of a reliability diagram. The last bin includes its upper edge, the others do not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge, on the clamped score.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
    /// Responses in the bin.
    pub count: usize,
    /// Mean clamped score; `None` for an empty bin.
    pub mean_score: Option<f64>,
    /// Share of correct responses; `None` for an empty bin.
    pub accuracy: Option<f64>,
}

/// Responses by score, clamped to \[0, 1\] and read as the probability of being correct, in
/// `bins` bins of equal width (at least one).
pub fn reliability_bins(samples: &[Judged], bins: usize) -> Vec<ReliabilityBin> {
    let bins = bins.max(1);
    let mut sums = vec![(0usize, 0.0f64, 0usize); bins];
    for s in samples {
        let (count, score, correct) = &mut sums[bin_of(s.score, bins)];
        *count += 1;
        *score += probability(s.score);
        *correct += usize::from(s.correct);
    }
    sums.into_iter()
        .enumerate()
        .map(|(i, (count, score, correct))| ReliabilityBin {
            low: i as f64 / bins as f64,
            high: (i + 1) as f64 / bins as f64,
            count,
            mean_score: ratio(score, count as f64),
            accuracy: ratio(correct as f64, count as f64),
        })
        .collect()
}

/// The score as a probability.
pub(crate) fn probability(score: f32) -> f64 {
    f64::from(score.clamp(0.0, 1.0))
}

/// Index of the reliability bin of `score`.
pub(crate) fn bin_of(score: f32, bins: usize) -> usize {
    ((probability(score) * bins as f64) as usize).min(bins - 1)
}

/// Expected calibration error: Σ_bins (n_b / n) · |accuracy_b − mean score_b| over
/// [`reliability_bins`] (Guo et al., arXiv 1706.04599, eq. 3). `None` without samples.
pub fn ece(samples: &[Judged], bins: usize) -> Option<f64> {
    let gaps: f64 = reliability_bins(samples, bins)
        .iter()
        .filter_map(|b| Some(b.count as f64 * (b.accuracy? - b.mean_score?).abs()))
        .sum();
    ratio(gaps, samples.len() as f64)
}

/// Spearman's rank correlation between score and response length.
/// `None` if one of the two is the same for all samples, or with fewer than two samples.
pub fn spearman_length(samples: &[Judged]) -> Option<f64> {
    let scores: Vec<f64> = samples.iter().map(|s| f64::from(s.score)).collect();
    let lengths: Vec<f64> = samples.iter().map(|s| f64::from(s.length)).collect();
    spearman(&scores, &lengths)
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their average
/// rank. `None` if either side is constant, or with fewer than two values.
///
/// # Panics
/// If the two lengths differ.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "spearman needs pairs");
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in average_ranks(x).into_iter().zip(average_ranks(y)) {
        let (a, b) = (a - mean, b - mean);
        xy += a * b;
        xx += a * a;
        yy += b * b;
    }
    ratio(xy, (xx * yy).sqrt())
}

/// Ranks from 1; equal values share the mean of the ranks they cover.
fn average_ranks(x: &[f64]) -> Vec<f64> {
    let mut by_value: Vec<usize> = (0..x.len()).collect();
    by_value.sort_by(|&a, &b| order(x[a], x[b]));
    let mut ranks = vec![0.0; x.len()];
    let mut below = 0;
    for tied in by_value.chunk_by(|&a, &b| x[a] == x[b]) {
        let rank = below as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &i in tied {
            ranks[i] = rank;
        }
        below += tied.len();
    }
    ranks
}

/// Numeric order in which 0 and −0 are equal; NaN sorts last so that nothing panics.
pub(crate) fn order<T: PartialOrd>(a: T, b: T) -> std::cmp::Ordering {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let nan = |x: &T| x != x;
    a.partial_cmp(&b).unwrap_or_else(|| nan(&a).cmp(&nan(&b)))
}

#[cfg(test)]
pub(crate) mod tests;
