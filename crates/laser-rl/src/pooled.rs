//! The metrics of [`crate::verification`] on resampled problems, in linear time.
//!
//! Ranks are found once: samples with the same score share a number, and so do samples with the
//! same length. A resample only changes how often each sample counts, so its ranks and its ROC
//! curve follow from running sums over those numbers, without sorting again.

use crate::verification::{
    JudgeMetrics, Judged, THRESHOLD, bin_of, harmonic_mean, order, probability, ratio,
};

/// All finished samples of all problems, ready for [`Pool::metrics`].
pub(crate) struct Pool {
    samples: Vec<Row>,
    scores: Classes,
    lengths: Classes,
    bins: usize,
}

/// A sample with everything that does not depend on the resample.
struct Row {
    problem: usize,
    correct: bool,
    judged_correct: bool,
    probability: f64,
    bin: usize,
}

impl Pool {
    /// `samples` are pairs of problem index and sample.
    pub(crate) fn new(samples: &[(usize, Judged)], bins: usize) -> Self {
        let bins = bins.max(1);
        let row = |&(problem, s): &(usize, Judged)| Row {
            problem,
            correct: s.correct,
            judged_correct: s.score > THRESHOLD,
            probability: probability(s.score),
            bin: bin_of(s.score, bins),
        };
        Self {
            scores: Classes::new(samples.iter().map(|(_, s)| s.score).collect()),
            lengths: Classes::new(samples.iter().map(|(_, s)| s.length).collect()),
            samples: samples.iter().map(row).collect(),
            bins,
        }
    }

    /// The metrics when problem p occurs `counts[p]` times.
    pub(crate) fn metrics(&self, counts: &[u32]) -> JudgeMetrics {
        let mut hits = [0.0; 2];
        let mut totals = [0.0; 2];
        let mut by_score = vec![[0.0; 2]; self.scores.count];
        let mut by_length = vec![0.0; self.lengths.count];
        let mut gaps = vec![0.0; self.bins];
        for (i, row) in self.samples.iter().enumerate() {
            let times = f64::from(counts[row.problem]);
            let class = usize::from(row.correct);
            totals[class] += times;
            hits[class] += times * f64::from(u8::from(row.correct == row.judged_correct));
            by_score[self.scores.of[i]][class] += times;
            by_length[self.lengths.of[i]] += times;
            gaps[row.bin] += times * (class as f64 - row.probability);
        }

        let tnr = ratio(hits[0], totals[0]);
        let tpr = ratio(hits[1], totals[1]);
        let gap: f64 = gaps.into_iter().map(f64::abs).sum();
        JudgeMetrics {
            f1: harmonic_mean(tpr, tnr),
            tpr,
            tnr,
            auroc: auroc(&by_score),
            ece: ratio(gap, totals[0] + totals[1]),
            spearman_length: self.spearman(counts, &by_score, by_length),
        }
    }

    fn spearman(&self, counts: &[u32], by_score: &[[f64; 2]], lengths: Vec<f64>) -> Option<f64> {
        let scores = centred_ranks(by_score.iter().map(|[n, p]| n + p).collect());
        let lengths = centred_ranks(lengths);
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for (i, row) in self.samples.iter().enumerate() {
            let times = f64::from(counts[row.problem]);
            let x = scores[self.scores.of[i]];
            let y = lengths[self.lengths.of[i]];
            xy += times * x * y;
            xx += times * x * x;
            yy += times * y * y;
        }
        ratio(xy, (xx * yy).sqrt())
    }
}

/// Equivalence classes of equal values, numbered in ascending order of value.
struct Classes {
    of: Vec<usize>,
    count: usize,
}

impl Classes {
    fn new<T: PartialOrd + Copy>(values: Vec<T>) -> Self {
        let mut by_value: Vec<usize> = (0..values.len()).collect();
        by_value.sort_by(|&a, &b| order(values[a], values[b]));
        let mut of = vec![0; values.len()];
        let mut count = 0;
        for tied in by_value.chunk_by(|&a, &b| values[a] == values[b]) {
            for &i in tied {
                of[i] = count;
            }
            count += 1;
        }
        Self { of, count }
    }
}

/// Average rank of each class minus the mean rank, from how often each class occurs.
fn centred_ranks(mut occurrences: Vec<f64>) -> Vec<f64> {
    let middle = (occurrences.iter().sum::<f64>() + 1.0) / 2.0;
    let mut below = 0.0;
    for n in &mut occurrences {
        let rank = below + (*n + 1.0) / 2.0;
        below += *n;
        *n = rank - middle;
    }
    occurrences
}

/// From (incorrect, correct) per class of equal scores, ascending.
fn auroc(by_score: &[[f64; 2]]) -> Option<f64> {
    let (mut negatives_below, mut positives, mut wins) = (0.0, 0.0, 0.0);
    for [n, p] in by_score {
        wins += p * (negatives_below + 0.5 * n);
        negatives_below += n;
        positives += p;
    }
    ratio(wins, positives * negatives_below)
}

#[cfg(test)]
mod tests;
