//! Problems as an endless stream.

use std::sync::{Arc, Mutex, PoisonError};

use laser_rng::Rng;

use crate::Problem;

/// Keeps the orders of epochs apart from whatever else draws from the same seed.
const ORDER: u64 = 0x6570_6f63_685f_6f72;

/// At least one problem, visited in epochs.
#[derive(Debug)]
pub struct Dataset {
    problems: Vec<Problem>,
    shuffle: bool,
    /// Orders drawn lately, newest last: two, for work on both sides of an epoch's end.
    orders: Mutex<Vec<Arc<Order>>>,
}

/// The order of an epoch.
#[derive(Debug)]
struct Order {
    seed: u64,
    epoch: u64,
    indices: Vec<usize>,
}

impl Dataset {
    /// Problems in this order, or with `shuffle` in a new random order in each epoch; `None`
    /// without problems.
    pub fn new(problems: Vec<Problem>, shuffle: bool) -> Option<Self> {
        (!problems.is_empty()).then(|| Dataset {
            problems,
            shuffle,
            orders: Mutex::default(),
        })
    }

    /// The problems in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Problem `i` of an endless stream: its epoch is `i / n`, and each epoch has every one of the
    /// n problems once.
    ///
    /// A pure function of `i` and `seed`, whatever was asked for before, so that a run goes on
    /// from any position. Asking within the same or the last epoch again is cheap; another epoch
    /// costs a shuffle of n numbers.
    pub fn problem(&self, i: u64, seed: u64) -> &Problem {
        &self.problems[self.index(i, seed)]
    }

    /// The position in [`Dataset::problems`] of [`Dataset::problem`].
    pub fn index(&self, i: u64, seed: u64) -> usize {
        let n = self.problems.len() as u64;
        // Below n, which is a usize.
        let within = (i % n) as usize;
        match self.shuffle {
            true => self.order(seed, i / n).indices[within],
            false => within,
        }
    }

    fn order(&self, seed: u64, epoch: u64) -> Arc<Order> {
        // What a thread that panicked left behind is whole: orders are pushed complete.
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(order) = orders.iter().find(|o| o.seed == seed && o.epoch == epoch) {
            return order.clone();
        }
        let mut indices: Vec<usize> = (0..self.problems.len()).collect();
        Rng::from_words(&[ORDER, seed, epoch]).shuffle(&mut indices);
        let order = Arc::new(Order {
            seed,
            epoch,
            indices,
        });
        if orders.len() == 2 {
            orders.remove(0);
        }
        orders.push(order.clone());
        order
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Place, Prompt};

    fn dataset(n: usize, shuffle: bool) -> Dataset {
        let problem = |line: usize| Problem {
            prompt: Prompt::Text(line.to_string()),
            paraphrase: None,
            answer: None,
            response: None,
            source: String::new(),
            level: None,
            place: Place {
                file: "a.jsonl".into(),
                line,
            },
        };
        Dataset::new((0..n).map(problem).collect(), shuffle).unwrap()
    }

    proptest! {
        #[test]
        fn every_epoch_has_every_problem_once(n in 1usize..40, seed: u64, epoch in 0u64..1 << 40) {
            let data = dataset(n, true);
            let mut seen: Vec<usize> = (0..n as u64)
                .map(|at| data.problem(epoch * n as u64 + at, seed).place.line)
                .collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn the_stream_does_not_depend_on_what_was_asked_before(
            n in 1usize..20,
            seed in 0u64..3,
            asked in prop::collection::vec((0u64..200, 0u64..3), 1..60),
            i in 0u64..200,
        ) {
            let used = dataset(n, true);
            for (i, seed) in asked {
                used.index(i, seed);
            }
            prop_assert_eq!(used.index(i, seed), dataset(n, true).index(i, seed));
        }

        #[test]
        fn without_shuffling_the_stream_is_the_files_over_and_over(n in 1usize..20, i: u64, seed: u64) {
            prop_assert_eq!(dataset(n, false).index(i, seed) as u64, i % n as u64);
        }
    }

    #[test]
    fn seeds_and_epochs_have_orders_of_their_own() {
        let data = dataset(50, true);
        let order = |epoch: u64, seed| -> Vec<usize> {
            (0..50)
                .map(|at| data.index(epoch * 50 + at, seed))
                .collect()
        };
        assert_ne!(order(0, 1), order(0, 2));
        assert_ne!(order(0, 1), order(1, 1));
        assert_eq!(order(0, 1), order(0, 1));
    }

    #[test]
    fn the_order_of_a_seed_never_changes() {
        // A run that was stopped goes on with a later version of this program.
        let data = dataset(8, true);
        let order: Vec<usize> = (0..8).map(|i| data.index(i, 7)).collect();
        assert_eq!(order, GOLDEN);
    }

    /// The output of tests/golden/order.py.
    const GOLDEN: [usize; 8] = [2, 0, 4, 1, 5, 7, 3, 6];
}
