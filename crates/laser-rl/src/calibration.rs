//! Data for two diagrams of a report: reliability, and the score's histogram by class.

use serde::{Deserialize, Serialize};

use crate::verification::{Judged, ReliabilityBin, reliability_bins};

/// Range and resolution of the histogram: scores are meant to be near 0 or 1, but unbounded.
const HISTOGRAM_LOW: f64 = -0.5;
const HISTOGRAM_HIGH: f64 = 1.5;
const HISTOGRAM_BINS: usize = 20;

/// Reliability bins and histogram of the self-rewarding score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// On the score clamped to \[0, 1\].
    pub bins: Vec<ReliabilityBin>,
    /// On the score as it is.
    pub histogram: Histogram,
}

/// Counts of scores in 20 bins of equal width over `low..high`; what lies outside is counted in
/// the first or last bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Correct responses per bin.
    pub correct: Vec<usize>,
    /// Incorrect responses per bin.
    pub incorrect: Vec<usize>,
}

/// Reliability (`bins` bins, at least one) and histogram of `samples`, the finished responses.
pub fn calibration(samples: &[Judged], bins: usize) -> Calibration {
    let mut histogram = Histogram {
        low: HISTOGRAM_LOW,
        high: HISTOGRAM_HIGH,
        correct: vec![0; HISTOGRAM_BINS],
        incorrect: vec![0; HISTOGRAM_BINS],
    };
    let per_unit = HISTOGRAM_BINS as f64 / (HISTOGRAM_HIGH - HISTOGRAM_LOW);
    for s in samples {
        // A cast from float to integer saturates, which puts outliers into the end bins.
        let bin = ((f64::from(s.score) - HISTOGRAM_LOW) * per_unit) as usize;
        let counts = if s.correct {
            &mut histogram.correct
        } else {
            &mut histogram.incorrect
        };
        counts[bin.min(HISTOGRAM_BINS - 1)] += 1;
    }
    Calibration {
        bins: reliability_bins(samples, bins),
        histogram,
    }
}

#[cfg(test)]
mod tests;
