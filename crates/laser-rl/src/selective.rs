//! Abstention: answering only where the confidence is high enough (selective prediction).
//!
//! *Coverage* is the share of problems that are answered, *risk* the share of wrong ones among
//! those (El-Yaniv and Wiener, JMLR 11, 2010). Problems of equal confidence are answered in random
//! order: every number here is the expectation over it, so that it does not depend on the order
//! in which the problems are given.

mod threshold;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::verification::order;

pub use threshold::{COVERAGES, Threshold, precision_threshold, risk_upper_bound};

/// What would be answered to a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Any number, the higher the surer. NaN is the least sure.
    pub confidence: f64,
    /// Whether the answer is right.
    pub correct: bool,
}

/// A point of the risk-coverage curve: what happens above a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Answered is what has at least this confidence.
    pub threshold: f64,
    /// Share that is answered.
    pub coverage: f64,
    /// Share of wrong ones among those.
    pub risk: f64,
}

/// The risk-coverage curve: a point for every different confidence, from the highest on.
pub fn risk_coverage(predictions: &[Prediction]) -> Vec<RiskCoverage> {
    let sorted = Sorted::new(predictions);
    let (mut answered, mut wrong) = (0, 0);
    let point = |class: &[usize]| {
        answered += class.len();
        wrong += class.iter().filter(|&&i| !predictions[i].correct).count();
        RiskCoverage {
            threshold: predictions[class[0]].confidence,
            coverage: answered as f64 / predictions.len() as f64,
            risk: wrong as f64 / answered as f64,
        }
    };
    sorted.classes().map(point).collect()
}

/// What [`area`] finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Risk when everything is answered.
    pub risk: f64,
    /// AURC: the mean of the risk over the coverages 1/n, 2/n, …, 1.
    pub aurc: f64,
    /// AURC minus that of an oracle, whose confidence is higher for right answers than for wrong
    /// ones (Geifman, Uziel and El-Yaniv, arXiv 1805.08206).
    pub excess: f64,
}

/// The area under the risk-coverage curve. `None` without predictions.
pub fn area(predictions: &[Prediction]) -> Option<Area> {
    Sorted::new(predictions)
        .counted(&vec![1; predictions.len()])
        .area()
}

/// Predictions by confidence, descending, for many resamples.
pub(crate) struct Sorted<'a> {
    predictions: &'a [Prediction],
    by_confidence: Cow<'a, [usize]>,
}

impl<'a> Sorted<'a> {
    pub fn new(predictions: &'a [Prediction]) -> Self {
        let mut by_confidence: Vec<usize> = (0..predictions.len()).collect();
        let confidence = |i: usize| Some(predictions[i].confidence).filter(|c| !c.is_nan());
        by_confidence.sort_by(|&a, &b| match (confidence(a), confidence(b)) {
            (Some(x), Some(y)) => order(y, x),
            (x, y) => y.is_some().cmp(&x.is_some()),
        });
        Self {
            predictions,
            by_confidence: by_confidence.into(),
        }
    }

    /// As [`Sorted::new`], with the order that [`Sorted::into_order`] gave before.
    pub fn ordered(predictions: &'a [Prediction], by_confidence: &'a [usize]) -> Self {
        Self {
            predictions,
            by_confidence: by_confidence.into(),
        }
    }

    /// The predictions' indices, from the highest confidence on.
    pub fn into_order(self) -> Vec<usize> {
        self.by_confidence.into_owned()
    }

    /// Predictions of equal confidence, from the highest on.
    fn classes(&self) -> impl Iterator<Item = &[usize]> {
        let confidence = |i: usize| self.predictions[i].confidence;
        let equal = move |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        self.by_confidence
            .chunk_by(move |&a, &b| equal(confidence(a), confidence(b)))
    }

    /// The classes when prediction i occurs `counts[i]` times.
    pub fn counted(&self, counts: &[u32]) -> Counted {
        let class = |class: &[usize]| {
            class.iter().fold((0.0, 0.0), |(all, wrong), &i| {
                let times = f64::from(counts[i]);
                let is_wrong = f64::from(u8::from(!self.predictions[i].correct));
                (all + times, wrong + times * is_wrong)
            })
        };
        Counted(self.classes().map(class).collect())
    }
}

/// (answered, wrong) in each class of equal confidence, from the highest on.
pub(crate) struct Counted(Vec<(f64, f64)>);

impl Counted {
    /// `None` of nothing.
    pub fn area(&self) -> Option<Area> {
        let (mut answered, mut wrong, mut sum) = (0.0, 0.0, 0.0);
        for &(all, errors) in &self.0 {
            // Within a class the expected number of errors grows evenly.
            for i in 1..=all as u64 {
                let share = i as f64 / all;
                sum += (wrong + errors * share) / (answered + i as f64);
            }
            answered += all;
            wrong += errors;
        }
        let right = answered - wrong;
        let oracle: f64 = (1..=wrong as u64)
            .map(|i| i as f64 / (right + i as f64))
            .sum();
        (answered > 0.0).then(|| Area {
            risk: wrong / answered,
            aurc: sum / answered,
            excess: (sum - oracle) / answered,
        })
    }

    /// Risk when the share `coverage` of most confident predictions is answered, rounded up and at
    /// least one; `None` of nothing.
    pub fn risk_at(&self, coverage: f64) -> Option<f64> {
        let total: f64 = self.0.iter().map(|(all, _)| all).sum();
        // A little less, so that 0.1 · 30 is not 4.
        let asked = (coverage * total - 1e-9).ceil().max(1.0);
        let (mut answered, mut wrong) = (0.0, 0.0);
        for &(all, errors) in &self.0 {
            let taken = all.min(asked - answered);
            if taken > 0.0 {
                wrong += errors * taken / all;
                answered += taken;
            } else if all > 0.0 {
                break;
            }
        }
        (answered > 0.0).then(|| wrong / answered)
    }
}

#[cfg(test)]
mod tests;
