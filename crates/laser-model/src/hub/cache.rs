//! The cache's folders: `models--org--name/{blobs, refs, snapshots, .no_exist}`, as the Python
//! library lays them out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::HubError;

/// Files without which a checkpoint cannot be used, beside its weights.
pub(super) const REQUIRED: [&str; 2] = ["config.json", "tokenizer.json"];
/// Files that are read where they are there.
pub(super) const OPTIONAL: [&str; 4] = [
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];
/// The list of shards.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Weights in one file.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// Whether a revision is a whole commit hash.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit())
}

pub(super) fn error(path: &Path, source: std::io::Error) -> HubError {
    HubError::Cache {
        path: path.to_owned(),
        what: source.to_string(),
    }
}

/// One commit of one repository in the cache.
pub(super) struct Snapshot {
    /// `models--org--name`.
    repository: PathBuf,
    commit: String,
}

impl Snapshot {
    pub fn new(cache: &Path, name: &str, commit: &str) -> Self {
        Snapshot {
            repository: cache.join(format!("models--{}", name.replace('/', "--"))),
            commit: commit.into(),
        }
    }

    /// The snapshot that a revision stands for in the cache, if there is one.
    pub fn cached(cache: &Path, name: &str, revision: &str) -> Result<Option<Self>, HubError> {
        let mut snapshot = Self::new(cache, name, revision);
        let reference = snapshot.reference(revision);
        match std::fs::read_to_string(&reference) {
            Ok(commit) if is_commit(commit.trim()) => snapshot.commit = commit.trim().into(),
            Ok(_) => {
                return Err(HubError::Cache {
                    path: reference,
                    what: "it should hold the hash of a commit; delete it".into(),
                });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && is_commit(revision) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(error(&reference, e)),
        }
        Ok(snapshot.path().is_dir().then_some(snapshot))
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.repository.join("refs").join(revision)
    }

    pub fn path(&self) -> PathBuf {
        self.repository.join("snapshots").join(&self.commit)
    }

    pub fn commit(&self) -> &str {
        &self.commit
    }

    fn absent(&self, file: &str) -> PathBuf {
        let folder = self.repository.join(".no_exist");
        folder.join(&self.commit).join(file)
    }

    /// Notes that the repository has no such file, as the Python library does.
    pub fn mark_absent(&self, file: &str) -> Result<(), HubError> {
        write(&self.absent(file), "")
    }

    /// Makes a branch, tag or commit stand for this snapshot.
    pub fn name_revision(&self, revision: &str) -> Result<(), HubError> {
        write(&self.reference(revision), &self.commit)
    }

    /// Names of the files that the list of shards names.
    pub fn shards(&self) -> Result<BTreeSet<String>, HubError> {
        let path = self.path().join(INDEX);
        let wrong = |what: String| HubError::Cache {
            path: path.clone(),
            what,
        };
        let json = std::fs::read(&path).map_err(|e| error(&path, e))?;
        let json: serde_json::Value = serde_json::from_slice(&json)
            .map_err(|e| wrong(format!("not JSON: {e}; delete it and try again")))?;
        let map = json.get("weight_map").and_then(|m| m.as_object());
        let map = map.ok_or_else(|| wrong("the object 'weight_map' is missing".into()))?;
        let name = |value: &serde_json::Value| match value.as_str() {
            // Anything else could lead out of the snapshot.
            Some(s) if !s.is_empty() && !s.starts_with('.') && !s.contains(['/', '\\']) => {
                Ok(s.to_owned())
            }
            _ => Err(wrong(format!(
                "weight_map: {value} is not the name of a file"
            ))),
        };
        map.values().map(name).collect()
    }

    /// The first file that is missing. With `optional`, also an optional one of which it is not
    /// known that the repository lacks it.
    pub fn missing(&self, optional: bool) -> Result<Option<String>, HubError> {
        let lacks = |file: &&str| !self.path().join(file).exists();
        let unknown = |file: &&str| optional && lacks(file) && !self.absent(file).exists();
        let small = REQUIRED.into_iter().find(lacks);
        if let Some(file) = small.or_else(|| OPTIONAL.into_iter().find(unknown)) {
            return Ok(Some(file.into()));
        }
        if lacks(&INDEX) {
            return Ok(lacks(&WEIGHTS).then(|| WEIGHTS.into()));
        }
        Ok(self.shards()?.into_iter().find(|s| lacks(&s.as_str())))
    }
}

fn write(path: &Path, content: &str) -> Result<(), HubError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|e| error(folder, e))?;
    std::fs::write(path, content).map_err(|e| error(path, e))
}
