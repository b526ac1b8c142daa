//! How second attempts compare with first ones.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Estimate, pooled_mean};

/// Means over the pairs of a first and a second attempt, with intervals over problems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondTurn {
    /// Share of second attempts that are right.
    pub accuracy: Estimate,
    /// That less the share of first attempts that are right: `fixed` less `broken`.
    pub delta: Estimate,
    /// Share of pairs whose first attempt is wrong and whose second is right.
    pub fixed: Estimate,
    /// Share of pairs whose first attempt is right and whose second is wrong.
    pub broken: Estimate,
}

impl SecondTurn {
    /// Of the labels (first, second) of the pairs of each problem.
    pub fn of(problems: &[Vec<(bool, bool)>], resamples: usize, seed: u64) -> Self {
        let mean = |value: fn(bool, bool) -> i32| {
            let sums = problems.iter().map(|pairs| {
                let sum: i32 = pairs.iter().map(|(a, b)| value(*a, *b)).sum();
                (f64::from(sum), pairs.len())
            });
            pooled_mean(&sums.collect::<Vec<_>>(), resamples, seed)
        };
        SecondTurn {
            accuracy: mean(|_, b| i32::from(b)),
            delta: mean(|a, b| i32::from(b) - i32::from(a)),
            fixed: mean(|a, b| i32::from(!a && b)),
            broken: mean(|a, b| i32::from(a && !b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_what_was_fixed_less_what_was_broken() {
        let problems = [
            vec![(false, true), (true, false), (true, true)],
            vec![],
            vec![(false, true), (false, false)],
        ];
        let turn = SecondTurn::of(&problems, 200, 1);
        let values = [turn.accuracy, turn.delta, turn.fixed, turn.broken].map(|e| e.value.unwrap());
        for (found, expected) in values.iter().zip([0.6, 0.2, 0.4, 0.2]) {
            assert!((found - expected).abs() < 1e-12, "{values:?}");
        }
        assert_eq!(SecondTurn::of(&[vec![]], 10, 1), SecondTurn::default());
    }
}
