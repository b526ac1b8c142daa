//! What the settings leave out of train after comparing problems with each other.

use laser_rng::Rng;

use crate::overlap::{self, Printed, exact, near};
use crate::report::{LoadReport, SplitReport};
use crate::settings::{Duplicates, Overlap};
use crate::{DataError, Problem, Settings};

/// Keeps the choice of `max_rows` apart from other uses of chance.
const CHOICE: u64 = 0x6d61_785f_726f_7773;

/// Duplicates in the report, and out of the problems if the settings say so.
pub(super) fn duplicates(
    problems: Vec<Problem>,
    responses: bool,
    settings: &Settings,
    report: &mut SplitReport,
) -> Printed {
    let printed = Printed::new(problems);
    let again = overlap::duplicates(&printed, responses, report);
    match settings.duplicates {
        Duplicates::Keep => printed,
        Duplicates::Drop => printed.split(|at, _| !again[at]).0,
    }
}

/// Train without what a share holds out, and that.
///
/// The hash of a problem's text decides, so that a problem stays on its side whatever else the
/// files hold, and copies are on one side.
pub(super) fn hold_out(train: Printed, share: f64) -> (Printed, Vec<Problem>) {
    let (train, held_out) = train.split(|_, print| print.uniform() >= share);
    (train, held_out.problems)
}

/// Train without the problems that are in test, as far as the settings say so.
pub(super) fn overlap(
    train: Printed,
    test: &Printed,
    settings: &Settings,
    report: &mut LoadReport,
) -> Result<Printed, DataError> {
    let same = exact(&train, test, &mut report.overlap);
    let near = near(&train, test, &mut report.overlap);
    let found = &report.overlap;
    let (on_exact, on_near) = (settings.overlap, settings.near_overlap);
    if let (Overlap::Refuse, Some(pair)) = (on_exact, found.exact.first.first()) {
        return Err(DataError::Overlap {
            key: "overlap",
            what: "in test too",
            count: found.exact.count,
            train: pair.this.clone(),
            test: pair.other.clone(),
        });
    }
    if let (Overlap::Refuse, Some(pair)) = (on_near, found.near.first()) {
        return Err(DataError::Overlap {
            key: "near_overlap",
            what: "with half of a test problem or more",
            count: found.near_train,
            train: pair.train.clone(),
            test: pair.test.clone(),
        });
    }
    let drops = |at: usize| {
        (on_exact == Overlap::Drop && same[at]) || (on_near == Overlap::Drop && near[at])
    };
    let (kept, dropped) = train.split(|at, _| !drops(at));
    report.train.overlap_dropped = dropped.problems.len();
    Ok(kept)
}

/// The problems that `max_rows` lets through, in their order.
///
/// With shuffling they are a random choice that no seed changes: runs that differ in their seed
/// train on the same problems.
pub(super) fn at_most(
    mut problems: Vec<Problem>,
    settings: &Settings,
    report: &mut SplitReport,
) -> Vec<Problem> {
    let (n, most) = (problems.len(), settings.max_rows);
    if most == 0 || n <= most {
        return problems;
    }
    report.beyond_max_rows = n - most;
    if !settings.shuffle {
        problems.truncate(most);
        return problems;
    }
    let mut order: Vec<usize> = (0..n).collect();
    Rng::from_words(&[CHOICE]).shuffle(&mut order);
    let mut chosen = vec![false; n];
    order[..most].iter().for_each(|&at| chosen[at] = true);
    let mut at = 0..n;
    problems.retain(|_| at.next().is_some_and(|at| chosen[at]));
    problems
}
