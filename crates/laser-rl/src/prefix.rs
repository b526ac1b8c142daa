//! Which tokens begin a response, and how their share grows while a policy stops getting better.

use serde::{Deserialize, Serialize};

/// Below which a product of a share and a length counts as the whole number above it: 0.15 is no
/// binary fraction, and neither is a sum of such shares.
const ROUNDING: f64 = 1e-9;

/// The share η of a response that is its prefix (PPPO, Sun et al., arXiv 2512.15274): the first
/// ⌊η·T⌋ of T tokens. η starts at `share` and grows by `step`, up to `max`, at every test of the
/// policy whose accuracy is not above that of the test before (Δ ≤ 0).
///
/// Plain data, so that it can be a part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrefixSchedule {
    /// η as it is now, above 0 and at most 1.
    pub share: f64,
    /// What η grows by; 0 keeps it.
    pub step: f64,
    /// Upper end of η; at most 1.
    pub max: f64,
    /// Whether a response with at least one token has a prefix of at least one. The method says
    /// nothing of responses for which ⌊η·T⌋ is 0.
    pub at_least_one: bool,
    /// Accuracy of the last test, and the step after which it was made.
    pub last: Option<(u64, f64)>,
}

impl Default for PrefixSchedule {
    fn default() -> Self {
        PrefixSchedule {
            share: 0.15,
            step: 0.05,
            max: 0.35,
            at_least_one: true,
            last: None,
        }
    }
}

impl PrefixSchedule {
    /// Tokens of the prefix of a response of `length` tokens; no more than it has.
    pub fn tokens(&self, length: usize) -> usize {
        let share = (self.share * length as f64 + ROUNDING).floor() as usize;
        let least = usize::from(self.at_least_one).min(length);
        share.clamp(least, length)
    }

    /// Takes the test after `step` steps in. A test that was taken in before, or an earlier one,
    /// changes nothing: a resumed run repeats the test at which it begins. The first has nothing
    /// to be compared with.
    pub fn update(&mut self, step: u64, accuracy: f64) {
        match self.last {
            Some((seen, _)) if step <= seen => return,
            Some((_, before)) if accuracy <= before => {
                self.share = (self.share + self.step).min(self.max.max(self.share));
            }
            _ => {}
        }
        self.last = Some((step, accuracy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_whole_number_below_its_share_of_the_tokens() {
        let of = |share, length| {
            let schedule = PrefixSchedule {
                share,
                ..PrefixSchedule::default()
            };
            schedule.tokens(length)
        };
        assert_eq!((of(0.15, 10), of(0.35, 10)), (1, 3));
        assert_eq!((of(0.15 + 0.05 + 0.05 + 0.05, 10), of(0.35, 20)), (3, 7));
        assert_eq!((of(1.0, 7), of(0.99, 100)), (7, 99));
        // At least one token, of those that there are.
        assert_eq!((of(0.15, 6), of(0.15, 1), of(0.15, 0)), (1, 1, 0));
        let bare = PrefixSchedule {
            at_least_one: false,
            ..PrefixSchedule::default()
        };
        assert_eq!((bare.tokens(6), bare.tokens(7)), (0, 1));
    }

    #[test]
    fn the_share_grows_at_tests_that_are_no_better_up_to_its_end() {
        let mut schedule = PrefixSchedule::default();
        let course: Vec<f64> = [0.5, 0.6, 0.6, 0.55, 0.58, 0.5, 0.4, 0.3]
            .iter()
            .zip(1..)
            .map(|(accuracy, step)| {
                schedule.update(10 * step, *accuracy);
                (100.0 * schedule.share).round()
            })
            .collect();
        assert_eq!(course, [15.0, 15.0, 20.0, 25.0, 25.0, 30.0, 35.0, 35.0]);
    }

    #[test]
    fn a_test_counts_once() {
        let mut schedule = PrefixSchedule::default();
        schedule.update(10, 0.5);
        schedule.update(20, 0.5);
        let once = schedule;
        schedule.update(20, 0.5);
        schedule.update(10, 0.1);
        assert_eq!(schedule, once);
        assert!((once.share - 0.2).abs() < 1e-12);
    }
}
