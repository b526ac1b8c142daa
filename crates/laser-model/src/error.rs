//! What can go wrong with a checkpoint.

use std::path::{Path, PathBuf};

/// A checkpoint, configuration or text that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is there but its contents are wrong.
    #[error("{path}: {what}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        what: String,
    },
    /// A configuration asks for something this program does not compute.
    #[error("{key}: {what}")]
    Unsupported {
        /// The key of `config.json`.
        key: String,
        /// Its value and what is supported.
        what: String,
    },
    /// Text that could not be encoded, decoded or rendered.
    #[error("{0}")]
    Text(String),
}

impl ModelError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        ModelError::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn invalid(path: &Path, what: impl ToString) -> Self {
        ModelError::Invalid {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }

    pub(crate) fn unsupported(key: &str, what: impl ToString) -> Self {
        ModelError::Unsupported {
            key: key.to_owned(),
            what: what.to_string(),
        }
    }
}
