//! What can be wrong with data, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::report::counted;

/// Where a problem was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as the recipe writes it.
    pub file: Arc<str>,
    /// Line of a file of JSON lines, otherwise row; the first is 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line } = self;
        if file.ends_with(".jsonl") || file.ends_with(".ndjson") {
            write!(f, "{file}:{line}")
        } else {
            write!(f, "{file}, row {line}")
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One of the two sides of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// What is trained on.
    Train,
    /// What is tested on.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Test => "test",
        })
    }
}

/// Why data cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A setting that is out of range or does not go together with another.
    #[error("data.{key} = {value}: {problem}")]
    Setting {
        /// The key, without its table `data`.
        key: &'static str,
        /// The value as given.
        value: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A file could not be opened or read.
    #[error("{path}: {source}; paths are seen from {folder}", path = path.display(), folder = folder.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The folder that a relative path starts from.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file whose ending names no format.
    #[error("{file}: the ending tells the format, and must be .jsonl, .ndjson, .json or .parquet")]
    Ending {
        /// The file as the recipe writes it.
        file: String,
    },
    /// A file that as a whole is not what its ending says.
    #[error("{file}: {problem}")]
    File {
        /// The file as the recipe writes it.
        file: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A row that cannot be read.
    #[error("{place}: {problem}")]
    Row {
        /// File and line.
        place: Place,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A row without a column that is needed.
    #[error(
        "{place}: no column {wanted} for the {role}; there are: {columns}; name the right one in data.columns.{role}",
        wanted = quoted(wanted, " or "), columns = quoted(there, ", ")
    )]
    MissingColumn {
        /// File and line.
        place: Place,
        /// What the column is for: a key of `[data.columns]`.
        role: &'static str,
        /// The names looked for.
        wanted: Vec<String>,
        /// The columns that the row has.
        there: Vec<String>,
    },
    /// A column that holds something of the wrong type.
    #[error("{place}: column `{column}` is {found}, expected {expected}")]
    Type {
        /// File and line.
        place: Place,
        /// The column, with the dots of its path.
        column: String,
        /// What is there.
        found: String,
        /// What may be there.
        expected: &'static str,
    },
    /// Nothing is left to train or test on.
    #[error("no {split} problem is left of {rows}: {after}", rows = counted(*rows, "row"))]
    Empty {
        /// Which side.
        split: Split,
        /// Rows that were read.
        rows: usize,
        /// What took how many, and which filter took the last.
        after: String,
    },
    /// Train and test share problems, and the settings refuse that.
    #[error(
        "{count} of train {what}, such as {train} and {test}; data.{key} = \"drop\" leaves them out of training, \"keep\" keeps them",
        count = counted(*count, "problem")
    )]
    Overlap {
        /// `overlap` or `near_overlap`.
        key: &'static str,
        /// How they are alike.
        what: &'static str,
        /// Problems of train that are in test.
        count: usize,
        /// The first of them.
        train: Place,
        /// Its like in test.
        test: Place,
    },
    /// The caller could not count a prompt's tokens.
    #[error("{place}: the prompt's tokens could not be counted: {source}")]
    Count {
        /// File and line.
        place: Place,
        /// The caller's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn quoted(names: &[String], between: &str) -> String {
    match names {
        [] => "none".into(),
        _ => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(between),
    }
}
