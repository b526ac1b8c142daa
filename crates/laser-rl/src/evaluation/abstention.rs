//! Risk and coverage of a test's answers, with intervals over problems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EvalOptions, Problem};
use crate::bootstrap::Estimate;
use crate::selective::{Area, Prediction, Sorted};
use crate::voting::{Method, choose};

/// Coverages whose risk is reported, in percent.
const COVERAGES: [usize; 10] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/// How well the confidence says which answers to give; see [`crate::selective`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Abstention {
    /// Share of wrong answers when all are given.
    pub risk: Estimate,
    /// Area under the risk-coverage curve.
    pub aurc: Estimate,
    /// The same beyond that of an oracle.
    pub excess_aurc: Estimate,
    /// Risk by coverage in percent: that of the most confident 10 %, 20 %, …
    pub risk_at: BTreeMap<usize, Estimate>,
}

/// What is measured on all problems or on a resample.
#[derive(Clone)]
pub(super) struct Risks {
    area: Area,
    at: [Option<f64>; COVERAGES.len()],
}

impl Abstention {
    pub(super) fn new(value: &Risks, replicates: &[Risks]) -> Self {
        let estimate = |get: &dyn Fn(&Risks) -> Option<f64>| {
            Estimate::new(get(value), replicates.iter().filter_map(get).collect())
        };
        let at = |(i, coverage)| (coverage, estimate(&|r| r.at[i]));
        Abstention {
            risk: estimate(&|r| Some(r.area.risk)),
            aurc: estimate(&|r| Some(r.area.aurc)),
            excess_aurc: estimate(&|r| Some(r.area.excess)),
            risk_at: COVERAGES.into_iter().enumerate().map(at).collect(),
        }
    }
}

/// Predictions, and which problem each belongs to.
pub(super) struct Answered {
    pub name: &'static str,
    predictions: Vec<Prediction>,
    problem: Vec<usize>,
    by_confidence: Vec<usize>,
}

impl Answered {
    fn new(name: &'static str, answered: Vec<(usize, Prediction)>) -> Self {
        let (problem, predictions): (Vec<_>, Vec<_>) = answered.into_iter().unzip();
        let by_confidence = Sorted::new(&predictions).into_order();
        Answered {
            name,
            predictions,
            problem,
            by_confidence,
        }
    }

    /// When problem p occurs `counts[p]` times.
    pub fn measure(&self, counts: &[u32]) -> Option<Risks> {
        let counts: Vec<u32> = self.problem.iter().map(|&p| counts[p]).collect();
        let sorted = Sorted::ordered(&self.predictions, &self.by_confidence);
        let counted = sorted.counted(&counts);
        Some(Risks {
            area: counted.area()?,
            at: COVERAGES.map(|percent| counted.risk_at(percent as f64 / 100.0)),
        })
    }
}

/// What the vote of all samples answers to each problem that has any, and how sure it is.
pub fn predictions(
    problems: &[Problem],
    method: Method,
    opts: &EvalOptions,
) -> Vec<Option<Prediction>> {
    let predict = |problem: &Problem| {
        let choice = choose(&problem.answers(), method, &opts.rules)?;
        Some(Prediction {
            confidence: choice.confidence.unwrap_or(f64::NAN),
            correct: problem.samples[choice.index].correct,
        })
    };
    problems.iter().map(predict).collect()
}

/// Everything that abstention is measured on.
pub(super) fn all(problems: &[Problem], opts: &EvalOptions) -> Vec<Answered> {
    let mut all = Vec::new();
    let scored = problems.iter().any(|p| p.has(|s| s.score));
    if scored {
        let responses = problems.iter().enumerate().flat_map(|(p, problem)| {
            problem.samples.iter().map(move |s| {
                let confidence = s.score.map_or(f64::NAN, f64::from);
                let correct = s.correct;
                (
                    p,
                    Prediction {
                        confidence,
                        correct,
                    },
                )
            })
        });
        all.push(Answered::new("response", responses.collect()));
    }
    let votes = [
        ("majority", Method::Majority, true),
        ("weighted", Method::Weighted, scored),
    ];
    let several = problems.iter().any(|p| p.samples.len() > 1);
    for (name, method, _) in votes.into_iter().filter(|v| v.2 && several) {
        let predicted = predictions(problems, method, opts);
        let predicted = predicted.into_iter().enumerate();
        let predicted = predicted.filter_map(|(p, x)| Some((p, x?)));
        all.push(Answered::new(name, predicted.collect()));
    }
    all
}
