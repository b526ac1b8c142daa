//! The rows of a file, one at a time.

mod json;
mod parquet;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{DataError, Place};

/// A row: what its columns hold.
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) values: Map<String, Value>,
    /// The file's columns, when `values` has only those that were asked for.
    pub(crate) all_columns: Option<Arc<[String]>>,
}

impl Row {
    /// The names of the row's columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        match &self.all_columns {
            Some(columns) => columns.to_vec(),
            None => self.values.keys().cloned().collect(),
        }
    }
}

/// Calls `each` with every row of a file until it fails. Of a file that stores columns apart only
/// those that `wanted` names are read.
pub(crate) fn each_row(
    file: &str,
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let source = File {
        name: file.into(),
        path: &folder.join(file),
        folder,
    };
    match Path::new(file).extension().and_then(|e| e.to_str()) {
        Some("jsonl" | "ndjson") => json::lines(&source, each),
        Some("json") => json::document(&source, each),
        Some("parquet") => parquet::rows(&source, wanted, each),
        _ => Err(DataError::Ending { file: file.into() }),
    }
}

/// A file with its name for messages.
struct File<'a> {
    /// As the recipe writes it.
    name: Arc<str>,
    path: &'a Path,
    folder: &'a Path,
}

impl File<'_> {
    fn place(&self, line: usize) -> Place {
        Place {
            file: self.name.clone(),
            line,
        }
    }

    fn open(&self) -> Result<std::fs::File, DataError> {
        std::fs::File::open(self.path).map_err(|e| self.io(e))
    }

    fn io(&self, source: std::io::Error) -> DataError {
        DataError::Io {
            path: self.path.into(),
            folder: self.folder.into(),
            source,
        }
    }

    fn broken(&self, problem: impl Into<String>) -> DataError {
        DataError::File {
            file: self.name.to_string(),
            problem: problem.into(),
        }
    }

    fn row_error(&self, line: usize, problem: impl Into<String>) -> DataError {
        DataError::Row {
            place: self.place(line),
            problem: problem.into(),
        }
    }
}

#[cfg(test)]
mod tests;
