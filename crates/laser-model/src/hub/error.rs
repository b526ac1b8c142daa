//! What can go wrong between a name and a folder, each with its remedy.

use std::path::PathBuf;

/// A checkpoint that could not be found or downloaded.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The name is neither a folder nor a repository's.
    #[error(
        "'{0}' is neither a folder that exists nor the name of a model on the hub (org/name, of \
         letters, digits, '-', '_' and '.')"
    )]
    Name(String),
    /// A revision that cannot be one, or one of a folder.
    #[error("revision '{revision}': {what}")]
    Revision {
        /// As it was given.
        revision: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The hub has no such repository.
    #[error(
        "there is no folder '{name}' here, and {endpoint} has no model of this name; check the \
         name, or set HF_TOKEN if it is private"
    )]
    NoRepository {
        /// The hub's address.
        endpoint: String,
        /// `org/name`.
        name: String,
    },
    /// The hub does not let this user read the repository.
    #[error(
        "there is no folder '{name}' here, and {endpoint} does not give the model of this name to \
         this user: it does not exist, is private, or its licence has to be accepted on its page \
         first; set HF_TOKEN to a token that may read it"
    )]
    NotAllowed {
        /// The hub's address.
        endpoint: String,
        /// `org/name`.
        name: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("'{name}' has no revision '{revision}'; give a branch, a tag or a whole commit hash")]
    NoRevision {
        /// `org/name`.
        name: String,
        /// As it was given.
        revision: String,
    },
    /// The hub could not be reached.
    #[error(
        "there is no folder '{name}' here, and {endpoint} cannot be reached ({what}); download '{name}' on a machine with a network and \
         give the folder instead of the name, or set HF_HUB_OFFLINE=1 to use what the cache has"
    )]
    NoNetwork {
        /// The hub's address.
        endpoint: String,
        /// `org/name`.
        name: String,
        /// What the connection said.
        what: String,
    },
    /// The cache lacks a file and the network may not be used.
    #[error(
        "HF_HUB_OFFLINE is set and the cache {cache} has no {file} of '{name}' at revision \
         '{revision}'; unset it, or download the model and give the folder instead of the name"
    )]
    Offline {
        /// The cache's folder.
        cache: PathBuf,
        /// The file that is missing.
        file: String,
        /// `org/name`.
        name: String,
        /// As it was given, or `main`.
        revision: String,
    },
    /// The repository lacks a file without which it cannot be used.
    #[error(
        "'{name}' has no {file} at revision '{revision}'; needed are config.json, tokenizer.json \
         and weights as model.safetensors or as shards with model.safetensors.index.json"
    )]
    Missing {
        /// `org/name`.
        name: String,
        /// As it was given, or `main`.
        revision: String,
        /// The file that is missing.
        file: String,
    },
    /// The hub answered with something else than expected.
    #[error("{url}: {what}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What came.
        what: String,
    },
    /// The cache could not be read or written, or a file in it is not what it should be.
    #[error("{path}: {what}")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}
