//! Test problems of which much stands in one train problem, by shared runs of words.

use std::collections::HashMap;

use super::Printed;
use crate::normal::hash;
use crate::report::{Near, OverlapReport};

/// Words in a run.
const GRAM: usize = 8;
/// The share of a test problem's runs from which on a train problem is near it.
const SHARE: f64 = 0.5;
/// A run in more test problems than this, and in more than [`COMMON_SHARE`] of them, is the common
/// wording of prompts ("put your final answer in a box") and says nothing.
const COMMON: usize = 10;
/// See [`COMMON`].
const COMMON_SHARE: f64 = 0.05;

/// Whether each problem of train is near one of test that it does not equal. The report gets each
/// test problem's nearest.
///
/// Near: of the distinct runs of eight words of the test problem, common wording aside, at least
/// half stand in the train problem. A text of fewer than eight words is one run: it is near a text
/// that holds it only if that is as short, hence equal.
pub(crate) fn near(train: &Printed, test: &Printed, report: &mut OverlapReport) -> Vec<bool> {
    let mut holders: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, print) in test.prints.iter().enumerate() {
        for gram in grams(&print.words) {
            holders.entry(gram).or_default().push(at);
        }
    }
    let most = COMMON.max((COMMON_SHARE * test.prints.len() as f64) as usize);
    holders.retain(|_, holders| holders.len() <= most);
    let mut sizes = vec![0usize; test.prints.len()];
    for &at in holders.values().flatten() {
        sizes[at] += 1;
    }

    let mut nearest: Vec<Option<(usize, usize)>> = vec![None; test.prints.len()];
    let mut shared: HashMap<usize, usize> = HashMap::new();
    let found: Vec<bool> = train
        .prints
        .iter()
        .enumerate()
        .map(|(from, print)| {
            shared.clear();
            for gram in grams(&print.words) {
                for &at in holders.get(&gram).into_iter().flatten() {
                    *shared.entry(at).or_default() += 1;
                }
            }
            let mut is_near = false;
            for (&at, &count) in &shared {
                let enough = count as f64 >= SHARE * sizes[at] as f64;
                if enough && test.prints[at].text != print.text {
                    is_near = true;
                    if nearest[at].is_none_or(|(best, _)| count > best) {
                        nearest[at] = Some((count, from));
                    }
                }
            }
            is_near
        })
        .collect();
    report.near_train = found.iter().filter(|&&near| near).count();
    report.near = nearest
        .iter()
        .enumerate()
        .filter_map(|(at, nearest)| {
            let (count, from) = (*nearest)?;
            Some(Near {
                test: test.problems[at].place.clone(),
                train: train.problems[from].place.clone(),
                share: count as f64 / sizes[at] as f64,
            })
        })
        .collect();
    found
}

/// The distinct runs of eight words, in no particular order; of a shorter text all of it, of an
/// empty one none.
fn grams(words: &[u64]) -> Vec<u64> {
    if words.is_empty() {
        return Vec::new();
    }
    let run = |run: &[u64]| hash(run.iter().copied(), run.len() as u64);
    let mut grams: Vec<u64> = words.windows(GRAM.min(words.len())).map(run).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}
