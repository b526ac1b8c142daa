//! Problems that are there twice: within a side, and on both sides.

mod near;

use std::collections::HashMap;

use crate::Problem;
use crate::normal::{hash, normalise, word_hashes};
use crate::report::{OverlapReport, Pairs, SplitReport};
pub(crate) use near::near;

/// A problem's normalised words, as hashes.
pub(crate) struct Fingerprint {
    /// Of all words in order. Two texts share one by chance with probability 2⁻¹²⁸.
    pub(crate) text: u128,
    words: Vec<u64>,
}

impl Fingerprint {
    pub(crate) fn of(problem: &Problem) -> Self {
        let texts: Vec<&str> = problem.prompt.texts().collect();
        let words = word_hashes(&normalise(&texts.join("\n")));
        Fingerprint {
            text: wide(&words),
            words,
        }
    }

    /// A number in [0, 1) that depends on the normalised text alone.
    pub(crate) fn uniform(&self) -> f64 {
        // The upper 53 bits, all that a double holds.
        (self.text >> 75) as f64 / (1u64 << 53) as f64
    }
}

/// Problems with their fingerprints.
pub(crate) struct Printed {
    pub(crate) problems: Vec<Problem>,
    /// One of each problem.
    prints: Vec<Fingerprint>,
}

impl Printed {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        let prints = problems.iter().map(Fingerprint::of).collect();
        Printed { problems, prints }
    }

    /// Those that `stays` says yes to, and the others.
    pub(crate) fn split(self, stays: impl Fn(usize, &Fingerprint) -> bool) -> (Self, Self) {
        let (mut kept, mut others) = (Self::new(Vec::new()), Self::new(Vec::new()));
        let all = self.problems.into_iter().zip(self.prints);
        for (at, (problem, print)) in all.enumerate() {
            let side = if stays(at, &print) {
                &mut kept
            } else {
                &mut others
            };
            side.problems.push(problem);
            side.prints.push(print);
        }
        (kept, others)
    }

    fn iter(&self) -> impl Iterator<Item = (&Problem, &Fingerprint)> {
        self.problems.iter().zip(&self.prints)
    }
}

fn wide(words: &[u64]) -> u128 {
    let half = |seed| u128::from(hash(words.iter().copied(), seed));
    half(1) << 64 | half(2)
}

/// Whether each problem equals an earlier one.
///
/// Equal is the normalised prompt, and with `responses` the response too: several solutions of one
/// problem are no duplicates for imitation.
pub(crate) fn duplicates(
    printed: &Printed,
    responses: bool,
    report: &mut SplitReport,
) -> Vec<bool> {
    let problems = &printed.problems;
    let mut first = HashMap::with_capacity(problems.len());
    let mut again = Vec::with_capacity(problems.len());
    for (at, (problem, print)) in printed.iter().enumerate() {
        let response = match &problem.response {
            Some(response) if responses => wide(&word_hashes(&normalise(response))),
            _ => 0,
        };
        let same = *first.entry((print.text, response)).or_insert(at);
        again.push(same != at);
        if same != at {
            let other = &problems[same];
            report.duplicates.add(&problem.place, &other.place);
            let answers = [&problem.answer, &other.answer].map(|a| a.as_deref().map(str::trim));
            if answers[0] != answers[1] {
                report.conflicting_answers.add(&problem.place, &other.place);
            }
        }
    }
    again
}

/// Whether each problem of train equals one of test.
pub(crate) fn exact(train: &Printed, test: &Printed, report: &mut OverlapReport) -> Vec<bool> {
    let mut first: HashMap<u128, usize> = HashMap::with_capacity(test.prints.len());
    for (at, print) in test.prints.iter().enumerate() {
        first.entry(print.text).or_insert(at);
    }
    let mut hit = vec![false; test.prints.len()];
    let mut pairs = Pairs::default();
    let found = train
        .iter()
        .map(|(problem, print)| {
            let same = first.get(&print.text).copied();
            if let Some(same) = same {
                hit[same] = true;
                pairs.add(&problem.place, &test.problems[same].place);
            }
            same.is_some()
        })
        .collect();
    report.exact = pairs;
    // Copies within test are hit together with the first of them.
    report.exact_test = test.prints.iter().filter(|p| hit[first[&p.text]]).count();
    found
}

#[cfg(test)]
mod tests;
