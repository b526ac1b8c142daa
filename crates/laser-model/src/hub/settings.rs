//! Where the hub and its cache are, from the variables that the Python library reads.

use std::path::PathBuf;

/// Where checkpoints come from and where they are kept.
#[derive(Clone)]
pub struct HubSettings {
    /// Folder of the cache (`HF_HUB_CACHE`, or `hub` in `HF_HOME`).
    pub cache: PathBuf,
    /// Address of the hub, without a slash at its end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// What is shown to the hub (`HF_TOKEN`, or the file that `hf auth login` writes).
    pub token: Option<String>,
    /// Take from the cache only (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// Draw a bar for every download on standard error.
    pub progress: bool,
}

impl std::fmt::Debug for HubSettings {
    /// Everything but the token itself.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("HubSettings")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("progress", &self.progress)
            .finish()
    }
}

impl HubSettings {
    /// The public hub with a cache in `home`, the folder that `HF_HOME` names; no token.
    pub fn in_home(home: impl Into<PathBuf>) -> Self {
        HubSettings {
            cache: home.into().join("hub"),
            endpoint: "https://huggingface.co".into(),
            token: None,
            offline: false,
            progress: false,
        }
    }

    /// The settings of this process's environment, with progress.
    pub fn from_env() -> Self {
        let settings = Self::from_variables(|name| std::env::var(name).ok());
        HubSettings {
            progress: true,
            ..settings
        }
    }

    /// The settings under some environment variables; empty ones count as not set.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).filter(|v| !v.trim().is_empty());
        let path = |name: &str| get(name).map(PathBuf::from);
        let home = path("HF_HOME").unwrap_or_else(|| {
            let user = || path("HOME").or_else(|| path("USERPROFILE"));
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(user()?.join(".cache")));
            caches.unwrap_or_default().join("huggingface")
        });
        let mut settings = Self::in_home(&home);
        if let Some(cache) = path("HF_HUB_CACHE") {
            settings.cache = cache;
        }
        if let Some(endpoint) = get("HF_ENDPOINT") {
            settings.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        let file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        settings.token = get("HF_TOKEN")
            // Without the file there is no token, which is fine for public models.
            .or_else(|| std::fs::read_to_string(file).ok())
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        settings.offline = get("HF_HUB_OFFLINE")
            .is_some_and(|v| ["1", "ON", "YES", "TRUE"].contains(&v.to_uppercase().as_str()));
        settings
    }
}
