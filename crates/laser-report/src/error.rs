//! What can go wrong, said so that the reader knows which file to open and what to do.

use std::io;
use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file that every finished run has is not there.
    #[error(
        "{}: not found. A finished run writes it: name a run's folder, or let the run finish first",
        path.display()
    )]
    Missing { path: PathBuf },

    /// A file is there but cannot be read (permissions, not UTF-8, a directory, …).
    #[error("{}: cannot be read: {source}. Expected a UTF-8 text file you may read", path.display())]
    Read { path: PathBuf, source: io::Error },

    /// One line of a JSON-lines file is not what it should be. Lines count from 1.
    #[error(
        "{file}, line {line}: {source}. Expected one whole JSON object on the line; \
         a run that was cut off can leave half of one: delete that line, or resume the run"
    )]
    Line {
        file: String,
        line: usize,
        source: serde_json::Error,
    },

    /// `summary.json` is not what it should be; the source names line and column.
    #[error(
        "{file}: {source}. Expected the summary of a finished run: evaluate the run again to rewrite it"
    )]
    Summary {
        file: String,
        source: serde_json::Error,
    },

    /// The page cannot be put in place.
    #[error("{}: cannot be written: {source}. Check the folder's permissions and free space", path.display())]
    Write { path: PathBuf, source: io::Error },
}
