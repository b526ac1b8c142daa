//! What loading did, for a person and for a file.

mod display;

use serde::Serialize;

pub(crate) use display::counted;

use crate::{Format, Place, Split};

/// How many places of each kind are kept as examples.
pub const LISTED: usize = 5;

/// What was read, left out and found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Each file, train first.
    pub files: Vec<FileReport>,
    /// What became of the train rows.
    pub train: SplitReport,
    /// What became of the test rows.
    pub test: SplitReport,
    /// What train and test share.
    pub overlap: OverlapReport,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileReport {
    /// As the recipe writes it.
    pub file: String,
    /// The side it is for.
    pub split: Split,
    /// How its rows were mapped.
    pub format: Format,
    /// Rows in it.
    pub rows: usize,
    /// Rows without a gold answer.
    pub without_answer: usize,
    /// Rows without a written solution.
    pub without_response: usize,
    /// Rows whose file marks several final answers (OlympiadBench); they are joined by commas.
    pub several_answers: usize,
}

/// One side, in the order in which problems are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SplitReport {
    /// Rows read.
    pub rows: usize,
    /// Left out: nothing is asked.
    pub empty_prompt: Places,
    /// Left out: no gold answer, where one is wanted.
    pub missing_answer: Places,
    /// Left out: no written solution, where one is wanted.
    pub missing_response: Places,
    /// Left out: the prompt has more than `max_prompt_tokens` tokens.
    pub too_long: Places,
    /// Problems that an earlier one equals. Left out of train with `duplicates = "drop"`; test is
    /// never thinned.
    pub duplicates: Pairs,
    /// Duplicates whose gold answers are written differently.
    pub conflicting_answers: Pairs,
    /// Problems held out of train by `test_fraction`.
    pub held_out: usize,
    /// Left out of train because of `overlap` or `near_overlap`.
    pub overlap_dropped: usize,
    /// Left out of train because of `max_rows`.
    pub beyond_max_rows: usize,
    /// Problems left.
    pub problems: usize,
}

/// What train and test share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OverlapReport {
    /// Problems of train that equal one of test, each with the first such.
    pub exact: Pairs,
    /// Problems of test that equal one of train.
    pub exact_test: usize,
    /// Problems of test of which at least half stands in one problem of train that does not equal
    /// it.
    pub near: Vec<Near>,
    /// Problems of train that are near one of test.
    pub near_train: usize,
}

/// A problem of test and the one of train that holds most of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Near {
    /// In test.
    pub test: Place,
    /// In train.
    pub train: Place,
    /// The share of the test problem's word 8-grams that the train problem has, from 0.5 to 1.
    pub share: f64,
}

/// A count with the first few places.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Places {
    /// How many.
    pub count: usize,
    /// The first [`LISTED`].
    pub first: Vec<Place>,
}

impl Places {
    pub(crate) fn add(&mut self, place: &Place) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(place.clone());
        }
    }
}

/// A count of pairs that are alike, with the first few.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pairs {
    /// How many.
    pub count: usize,
    /// The first [`LISTED`].
    pub first: Vec<Pair>,
}

/// Two problems that are alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The one that is reported.
    pub this: Place,
    /// What it equals.
    pub other: Place,
}

impl Pairs {
    pub(crate) fn add(&mut self, this: &Place, other: &Place) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(Pair {
                this: this.clone(),
                other: other.clone(),
            });
        }
    }
}
