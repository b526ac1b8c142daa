//! Checkpoints of the Hugging Face hub, by the name `org/name`, through the cache that the Python
//! library shares.

mod cache;
mod error;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use cache::{INDEX, OPTIONAL, REQUIRED, Snapshot, WEIGHTS};
pub use error::HubError;
pub use settings::HubSettings;

/// The folder of a checkpoint: `name` itself if it is one, else the model `org/name` of the hub
/// from the cache, downloaded if need be.
///
/// Downloaded are only the files that are read: configuration, tokenizer, chat template,
/// safetensors. A branch that was downloaded once is not looked up again; a newer commit is got
/// by its hash.
///
/// # Errors
/// See [`HubError`]; each says what to do.
pub fn resolve(
    name: &str,
    revision: Option<&str>,
    settings: &HubSettings,
) -> Result<PathBuf, HubError> {
    let folder = Path::new(name);
    if folder.is_dir() {
        return match revision {
            None => Ok(folder.to_owned()),
            Some(revision) => Err(HubError::Revision {
                revision: revision.into(),
                what: "the model is a folder, which has none; leave it out",
            }),
        };
    }
    if !is_repository(name) {
        return Err(HubError::Name(name.into()));
    }
    let revision = revision.unwrap_or("main");
    if !is_revision(revision) {
        return Err(HubError::Revision {
            revision: revision.into(),
            what: "it cannot be the name of a branch, a tag or a commit",
        });
    }
    let cached = Snapshot::cached(&settings.cache, name, revision)?;
    let missing = match &cached {
        Some(snapshot) => snapshot.missing(false)?,
        None => Some(REQUIRED[0].into()),
    };
    let mut listed = revision;
    match (&cached, missing) {
        (Some(snapshot), None) if settings.offline || snapshot.missing(true)?.is_none() => {
            return Ok(snapshot.path());
        }
        // Only an optional file is unknown: that is no reason to go on to a newer commit.
        (Some(snapshot), None) => listed = snapshot.commit(),
        (_, Some(file)) if settings.offline => {
            return Err(HubError::Offline {
                cache: settings.cache.clone(),
                file,
                name: name.into(),
                revision: revision.into(),
            });
        }
        _ => {}
    }
    Download {
        name,
        revision,
        settings,
    }
    .run(listed)
}

/// Whether a name has the form `org/name`.
fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        part.chars().all(plain)
            && !part.is_empty()
            && !part.starts_with(['-', '.'])
            && !part.ends_with(['-', '.'])
            && !part.contains("..")
            && !part.contains("--")
    };
    name.len() <= 96
        && name
            .split_once('/')
            .is_some_and(|(org, name)| part(org) && part(name))
}

/// Whether a revision can be a branch, tag or commit, and is a safe path in the cache.
fn is_revision(revision: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.');
    revision.chars().all(plain) && revision.split('/').all(part)
}

/// What the hub says of a repository.
#[derive(Deserialize)]
struct Listing {
    /// The revision's commit.
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    /// In bytes.
    size: Option<u64>,
}

struct Download<'a> {
    name: &'a str,
    revision: &'a str,
    settings: &'a HubSettings,
}

impl Download<'_> {
    /// Downloads what the commit has that `listed`, a revision, stands for.
    fn run(&self, listed: &str) -> Result<PathBuf, HubError> {
        let listing = self.listing(&self.repository(listed)?)?;
        if !cache::is_commit(&listing.sha) {
            return Err(HubError::Answer {
                url: self.settings.endpoint.clone(),
                what: format!("'{}' is not the hash of a commit", listing.sha),
            });
        }
        let snapshot = Snapshot::new(&self.settings.cache, self.name, &listing.sha);
        // All files are of one commit, also when the branch moves meanwhile.
        let repository = self.repository(&listing.sha)?;
        for file in REQUIRED {
            self.get(&repository, &listing, &snapshot, file)?;
        }
        for file in OPTIONAL {
            match listing.siblings.iter().any(|s| s.rfilename == file) {
                true => self.get(&repository, &listing, &snapshot, file)?,
                false => snapshot.mark_absent(file)?,
            }
        }
        if listing.siblings.iter().any(|s| s.rfilename == INDEX) {
            self.get(&repository, &listing, &snapshot, INDEX)?;
            for shard in snapshot.shards()? {
                self.get(&repository, &listing, &snapshot, &shard)?;
            }
        } else {
            self.get(&repository, &listing, &snapshot, WEIGHTS)?;
        }
        // Last, so that an interrupted download does not look like a whole one.
        snapshot.name_revision(self.revision)?;
        Ok(snapshot.path())
    }

    fn repository(&self, revision: &str) -> Result<ApiRepo, HubError> {
        let api = ApiBuilder::from_cache(Cache::new(self.settings.cache.clone()))
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(self.settings.progress)
            .with_retries(3)
            .build()
            .map_err(|e| self.failed(&self.settings.endpoint, e))?;
        let repo = Repo::with_revision(self.name.into(), RepoType::Model, revision.into());
        Ok(api.repo(repo))
    }

    fn listing(&self, repository: &ApiRepo) -> Result<Listing, HubError> {
        let (endpoint, name) = (self.settings.endpoint.clone(), self.name.to_owned());
        let url = format!("{endpoint}/api/models/{name}/revision/{}", self.revision);
        let request = repository
            .info_request()
            .query("blobs", "true")
            .config()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let mut response = request.call().map_err(|e| self.unreachable(&e))?;
        let code = response.headers().get("x-error-code");
        let code = code.and_then(|v| v.to_str().ok()).unwrap_or_default();
        match response.status().as_u16() {
            200 => {}
            404 if code == "RevisionNotFound" => {
                let revision = self.revision.into();
                return Err(HubError::NoRevision { name, revision });
            }
            404 => return Err(HubError::NoRepository { endpoint, name }),
            401 | 403 => return Err(HubError::NotAllowed { endpoint, name }),
            status => {
                let what = format!("the hub answered with status {status}; try again later");
                return Err(HubError::Answer { url, what });
            }
        }
        let body = response.body_mut().with_config().limit(64 << 20);
        body.read_json().map_err(|e| HubError::Answer {
            what: format!("not the listing of a repository: {e}"),
            url,
        })
    }

    /// Downloads a file unless the snapshot has it.
    fn get(
        &self,
        repository: &ApiRepo,
        listing: &Listing,
        snapshot: &Snapshot,
        file: &str,
    ) -> Result<(), HubError> {
        let Some(sibling) = listing.siblings.iter().find(|s| s.rfilename == file) else {
            return Err(HubError::Missing {
                name: self.name.into(),
                revision: self.revision.into(),
                file: file.into(),
            });
        };
        let path = snapshot.path().join(file);
        if !path.exists() {
            repository
                .download(file)
                .map_err(|e| self.failed(&repository.url(file), e))?;
        }
        let length = std::fs::metadata(&path)
            .map_err(|e| cache::error(&path, e))?
            .len();
        match sibling.size {
            Some(size) if size != length => Err(HubError::Cache {
                path,
                what: format!("{length} bytes, the hub says {size}; delete it and try again"),
            }),
            _ => Ok(()),
        }
    }

    fn failed(&self, url: &str, error: ApiError) -> HubError {
        let answer = |what: String| HubError::Answer {
            url: url.to_owned(),
            what,
        };
        match error {
            ApiError::RequestError(e) => match *e {
                ureq::Error::StatusCode(401 | 403) => HubError::NotAllowed {
                    endpoint: self.settings.endpoint.clone(),
                    name: self.name.into(),
                },
                ureq::Error::StatusCode(status) => {
                    answer(format!("the hub answered with status {status}"))
                }
                e => self.unreachable(&e),
            },
            ApiError::TooManyRetries(e) => self.failed(url, *e),
            e => answer(e.to_string()),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> HubError {
        HubError::NoNetwork {
            endpoint: self.settings.endpoint.clone(),
            name: self.name.into(),
            what: error.to_string(),
        }
    }
}
