//! From settings to data.

mod read;
mod thin;

use std::path::Path;

use crate::filter::filter;
use crate::overlap::{self, Printed};
use crate::report::{LoadReport, SplitReport};
use crate::{DataError, Dataset, Problem, Settings, Split};
use read::Loader;

/// What a problem must have to be of use. Reinforcement learning and tests want an answer,
/// imitation wants a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A gold answer.
    pub answer: bool,
    /// A written solution.
    pub response: bool,
    /// A paraphrase of the prompt; a row without one is refused.
    pub paraphrase: bool,
}

impl Wanted {
    /// A gold answer.
    pub const ANSWER: Wanted = Wanted {
        answer: true,
        response: false,
        paraphrase: false,
    };
    /// A written solution.
    pub const RESPONSE: Wanted = Wanted {
        answer: false,
        response: true,
        paraphrase: false,
    };
}

/// Both sides, and what was done to get them.
#[derive(Debug)]
pub struct Data {
    /// What is trained on; `None` when no file is named for it.
    pub train: Option<Dataset>,
    /// What is tested on, always in the order of the files; `None` when no file is named and
    /// nothing held out.
    pub test: Option<Dataset>,
    /// What was read, left out and found.
    pub report: LoadReport,
}

impl Data {
    /// Reads, maps, filters and compares the files of the settings.
    ///
    /// In this order: rows become problems; those without prompt, without what is wanted, or with
    /// more than `max_prompt_tokens` tokens by `count` are left out; duplicates of train;
    /// `test_fraction` is held out; overlap with test; `max_rows`. A relative path is seen from
    /// `folder`. `count` gives the tokens of a problem's prompt as the model will see it, and is
    /// called only when there is a bound. The result depends on files and settings alone.
    ///
    /// # Errors
    /// Settings that do not go together, files that cannot be read, rows that cannot be mapped,
    /// overlap that the settings refuse, a side of which nothing is left.
    pub fn load<E>(
        settings: &Settings,
        folder: &Path,
        train: Wanted,
        test: Wanted,
        count: impl Fn(&Problem) -> Result<usize, E>,
    ) -> Result<Data, DataError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        settings.check()?;
        let count = |problem: &Problem| count(problem).map_err(Into::into);
        let mut report = LoadReport::default();
        let loader = Loader {
            settings,
            folder,
            count: &count,
        };
        let trained = loader.read(Split::Train, train, &mut report)?;
        let trained = thin::duplicates(trained, train.response, settings, &mut report.train);
        let (trained, held_out) = thin::hold_out(trained, settings.test_fraction);
        let mut tested = loader.read(Split::Test, test, &mut report)?;
        if settings.test_fraction > 0.0 {
            report.train.held_out = held_out.len();
            report.test.rows = held_out.len();
            // It has what train wants, which need not be what a test does.
            tested = filter(held_out, test, 0, &count, &mut report.test)?;
        }
        let tested = Printed::new(tested);
        overlap::duplicates(&tested, test.response, &mut report.test);
        let trained = thin::overlap(trained, &tested, settings, &mut report)?;
        let train = thin::at_most(trained.problems, settings, &mut report.train);
        report.train.problems = train.len();
        report.test.problems = tested.problems.len();
        let has_test = !settings.test.is_empty() || settings.test_fraction > 0.0;
        for (split, there, side) in [
            (Split::Train, !settings.train.is_empty(), &report.train),
            (Split::Test, has_test, &report.test),
        ] {
            if there && side.problems == 0 {
                return Err(empty(split, side));
            }
        }
        Ok(Data {
            train: Dataset::new(train, settings.shuffle),
            test: Dataset::new(tested.problems, false),
            report,
        })
    }
}

/// The error of a side of which nothing is left, with the filters that took something, in order.
fn empty(split: Split, report: &SplitReport) -> DataError {
    let steps = [
        (report.empty_prompt.count, "empty prompt"),
        (report.missing_answer.count, "no answer"),
        (report.missing_response.count, "no response"),
        (report.too_long.count, "longer than max_prompt_tokens"),
        (report.held_out, "held out by test_fraction"),
        (report.overlap_dropped, "for overlap with test"),
    ];
    let taken: Vec<String> = steps
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
    DataError::Empty {
        split,
        rows: report.rows,
        after: match taken.is_empty() {
            true if split == Split::Test => "no row was read or held out".into(),
            true => "the files hold no rows".into(),
            false => format!("left out: {}", taken.join(", then ")),
        },
    }
}
