//! Problems from files: JSON lines, JSON and Parquet.
//!
//! [`Data::load`] reads the files of a recipe's `[data]` table ([`Settings`]), maps their columns to
//! [`Problem`]s, filters them, compares train with test, and tells in a [`LoadReport`] what it did.
//! A [`Dataset`] is then an endless stream of problems in which every position is a pure function
//! of the seed, so that a run can go on from any of them.
//!
//! Models and training are unknown here: the length of a prompt in tokens comes from a closure.

mod column;
mod dataset;
mod error;
mod filter;
mod gsm8k;
mod load;
mod mapping;
mod normal;
mod overlap;
mod problem;
mod report;
mod rows;
mod settings;

pub use dataset::Dataset;
pub use error::{DataError, Place, Split};
pub use load::{Data, Wanted};
pub use problem::{Problem, Prompt};
pub use report::{
    FileReport, LISTED, LoadReport, Near, OverlapReport, Pair, Pairs, Places, SplitReport,
};
pub use settings::{Chat, Columns, Duplicates, Format, Overlap, Settings, Source};
