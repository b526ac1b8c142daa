//! A threshold on the confidence that holds a wanted precision, with a finite-sample guarantee.

use serde::{Deserialize, Serialize};

use super::{Prediction, Sorted};

/// Coverages that are tried: 1/20, 2/20, …, 1. They are fixed before any data are seen.
pub const COVERAGES: usize = 20;

/// A threshold that passed its test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Answer where the confidence is *above* this; `None`: always.
    pub above: Option<f64>,
    /// Held-out problems that are answered by it.
    pub answered: usize,
    /// Wrong ones among them.
    pub wrong: usize,
    /// `answered` as a share of the held-out problems.
    pub coverage: f64,
    /// Clopper-Pearson upper bound on the risk of new problems, at the level that each test has:
    /// at most 1 − precision.
    pub risk_bound: f64,
}

/// The threshold of greatest coverage at which answers are right with a probability of at least
/// `precision`; `None` if no threshold is shown to reach it by these `held_out` problems.
///
/// Guarantee: if `held_out` and new problems come independently from one distribution, then with
/// probability at least 1 − `delta` over `held_out`, new problems above the threshold are answered
/// rightly with at least `precision`. It is Learn-then-Test (Angelopoulos et al., arXiv 2110.01052)
/// with Bonferroni's correction over [`COVERAGES`] coverages: for each, the threshold is the
/// confidence of the first problem that is left out; given that one, those above it are an
/// independent sample of what is above it, so their errors are binomial, and an exact test
/// (Clopper and Pearson, 1934) at `delta` / [`COVERAGES`] says whether the risk is small enough.
pub fn precision_threshold(
    held_out: &[Prediction],
    precision: f64,
    delta: f64,
) -> Option<Threshold> {
    let sorted = Sorted::new(held_out);
    let n = held_out.len();
    let level = delta / COVERAGES as f64;
    (1..=COVERAGES).rev().find_map(|step| {
        let asked = n * step / COVERAGES;
        let left_out = sorted.by_confidence.get(asked);
        let above = left_out.map(|&i| held_out[i].confidence);
        // Nothing is above what is no number.
        if above.is_some_and(f64::is_nan) {
            return None;
        }
        let is_above = |p: &&Prediction| above.is_none_or(|t| p.confidence > t);
        let answered = held_out.iter().filter(is_above).count();
        let wrong = held_out.iter().filter(is_above);
        let wrong = wrong.filter(|p| !p.correct).count();
        let passes = answered > 0 && binomial_tail(answered, wrong, 1.0 - precision) <= level;
        passes.then(|| Threshold {
            above,
            answered,
            wrong,
            coverage: answered as f64 / n as f64,
            risk_bound: risk_upper_bound(answered, wrong, level),
        })
    })
}

/// Clopper-Pearson upper bound on the probability of an error, after `wrong` errors among
/// `answered`: the largest risk under which so few errors have a probability of at least `level`.
/// 1 where all are wrong or none was answered.
pub fn risk_upper_bound(answered: usize, wrong: usize, level: f64) -> f64 {
    if wrong >= answered {
        return 1.0;
    }
    let (mut low, mut high) = (wrong as f64 / answered as f64, 1.0);
    // The tail falls as the risk grows.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match binomial_tail(answered, wrong, middle) > level {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// P(X ≤ x) of a binomial X of n trials with probability p, in logarithms: no term underflows.
fn binomial_tail(n: usize, x: usize, p: f64) -> f64 {
    if x >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let odds = p.ln() - (-p).ln_1p();
    let mut term = n as f64 * (-p).ln_1p();
    let mut terms = Vec::with_capacity(x + 1);
    terms.push(term);
    for k in 1..=x {
        term += ((n - k + 1) as f64 / k as f64).ln() + odds;
        terms.push(term);
    }
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|t| (t - largest).exp()).sum();
    (largest + sum.ln()).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(rows: &[(f64, bool)]) -> Vec<Prediction> {
        let make = |&(confidence, correct)| Prediction {
            confidence,
            correct,
        };
        rows.iter().map(make).collect()
    }

    #[test]
    fn the_bound_has_its_closed_form_without_errors() {
        for n in [1, 10, 300, 100_000] {
            let exact = 1.0 - 0.05f64.powf(1.0 / n as f64);
            assert!((risk_upper_bound(n, 0, 0.05) - exact).abs() < 1e-9);
        }
        assert_eq!(risk_upper_bound(3, 3, 0.05), 1.0);
        assert_eq!(risk_upper_bound(0, 0, 0.05), 1.0);
    }

    #[test]
    fn a_tail_is_the_sum_of_its_terms() {
        // C(4,0)·.7⁴ + C(4,1)·.3·.7³.
        assert!((binomial_tail(4, 1, 0.3) - 0.6517).abs() < 1e-12);
        assert_eq!(binomial_tail(4, 4, 0.3), 1.0);
        assert_eq!(binomial_tail(4, 1, 1.0), 0.0);
        assert_eq!(binomial_tail(4, 1, 0.0), 1.0);
    }

    #[test]
    fn a_confidence_that_separates_gets_the_coverage_of_the_right_answers() {
        // 200 right ones above, 200 wrong ones below.
        let rows: Vec<(f64, bool)> = (0..400)
            .map(|i| (1.0 - f64::from(i) / 400.0, i < 200))
            .collect();
        let found = precision_threshold(&predictions(&rows), 0.95, 0.05).unwrap();
        assert_eq!((found.answered, found.wrong, found.coverage), (200, 0, 0.5));
        assert_eq!(found.above, Some(0.5));
        assert!(found.risk_bound <= 0.05);
    }

    #[test]
    fn where_all_are_right_everything_is_answered() {
        let found = precision_threshold(&predictions(&[(0.5, true); 200]), 0.9, 0.05).unwrap();
        assert_eq!((found.above, found.coverage), (None, 1.0));
    }

    #[test]
    fn too_few_or_too_wrong_problems_show_no_precision() {
        assert_eq!(precision_threshold(&[], 0.9, 0.05), None);
        // ln(0.05 / 20) / ln 0.9 = 56.9: 56 right answers are not enough, 57 are.
        for (n, enough) in [(56, false), (57, true)] {
            let rows = vec![(0.5, true); n];
            let found = precision_threshold(&predictions(&rows), 0.9, 0.05);
            assert_eq!(found.is_some(), enough, "{n}");
        }
        let wrong = predictions(&[(0.9, false); 500]);
        assert_eq!(precision_threshold(&wrong, 0.5, 0.05), None);
        let unsure = predictions(&[(f64::NAN, true); 100]);
        let found = precision_threshold(&unsure, 0.9, 0.05).unwrap();
        assert_eq!(found.above, None, "all or nothing");
    }

    #[test]
    fn problems_of_equal_confidence_are_answered_together_or_not_at_all() {
        let mut rows = vec![(0.9, true); 100];
        rows.extend([(0.5, false); 100]);
        let found = precision_threshold(&predictions(&rows), 0.9, 0.05).unwrap();
        assert_eq!((found.above, found.answered), (Some(0.5), 100));
    }

    #[test]
    fn the_precision_is_missed_no_more_often_than_stated() {
        // The risk at confidence c is 0.5·(1 − c), so above t it is 0.25·(1 − t): 15 % at 0.4.
        let mut rng = laser_rng::Rng::from_words(&[3]);
        let (mut found, mut missed) = (0, 0);
        for _ in 0..2000 {
            let rows: Vec<(f64, bool)> = (0..400)
                .map(|_| {
                    let c = rng.uniform();
                    (c, rng.uniform() > 0.5 * (1.0 - c))
                })
                .collect();
            if let Some(t) = precision_threshold(&predictions(&rows), 0.85, 0.2) {
                found += 1;
                missed += u32::from(t.above.is_none_or(|t| 0.25 * (1.0 - t) > 0.15));
            }
        }
        assert!(found > 1000, "{found}");
        // 400 would be allowed; Bonferroni's correction is on the safe side.
        assert!(missed < 200, "{missed} of {found}");
    }
}
