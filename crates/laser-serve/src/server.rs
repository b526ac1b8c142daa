//! What all requests share.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use laser_openai::request::Limits;
use laser_openai::response::Head;
use laser_rollout::Service;
use laser_train::LanguageModel;

use crate::auth::Keys;
use crate::metrics::Metrics;

/// What a server is called, and what it allows.
#[derive(Clone, Debug)]
pub struct Options {
    /// The model's name in requests and answers.
    pub name: String,
    /// Goes into the randomness of every answer, beside the request's seed.
    pub seed: u64,
    /// Most samples of a request.
    pub max_samples: usize,
    /// Time from a request to the end of its answer.
    pub timeout: Duration,
    /// Time in which a body must have come.
    pub body_timeout: Duration,
    /// Most bytes of a body.
    pub max_body: usize,
    /// Who may ask.
    pub keys: Keys,
}

impl Options {
    /// The usual ones: 64 samples, 10 minutes, 30 seconds for a body of 4 MiB, everybody may ask.
    pub fn new(name: impl Into<String>) -> Self {
        Options {
            name: name.into(),
            seed: 0,
            max_samples: 64,
            timeout: Duration::from_secs(600),
            body_timeout: Duration::from_secs(30),
            max_body: 4 << 20,
            keys: Keys::default(),
        }
    }
}

/// A model that is served. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    model: Arc<LanguageModel>,
    service: Service,
    options: Options,
    metrics: Arc<Metrics>,
    started: u64,
}

impl Server {
    /// Serves `model` by a service of its decoder.
    pub fn new(model: Arc<LanguageModel>, service: Service, options: Options) -> Self {
        Server(Arc::new(Inner {
            model,
            service,
            options,
            metrics: Arc::new(Metrics::new()),
            started: now(),
        }))
    }

    /// Takes no more requests (they get 503) and waits at most `deadline` for those in flight; the
    /// rest is ended. Whether all were completed. Blocks the calling thread.
    pub fn drain(&self, deadline: Duration) -> bool {
        self.0.service.drain(deadline)
    }

    pub(crate) fn model(&self) -> &LanguageModel {
        &self.0.model
    }

    pub(crate) fn service(&self) -> &Service {
        &self.0.service
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// When it started, seconds since 1970.
    pub(crate) fn started(&self) -> u64 {
        self.0.started
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            samples: self.0.options.max_samples,
            ..Limits::default()
        }
    }

    /// Names a new answer.
    pub(crate) fn head(&self, prefix: &str, object: &'static str, seed: i64) -> Head {
        Head {
            id: format!("{prefix}-{:016x}", random()),
            object,
            created: now(),
            model: self.0.options.name.clone(),
            system_fingerprint: format!(
                "laser-{}-seed-{}",
                env!("CARGO_PKG_VERSION"),
                self.0.options.seed
            ),
            laser_seed: seed,
        }
    }
}

/// A seed for a request without one: small enough for JSON numbers of every language.
pub(crate) fn fresh_seed() -> i64 {
    (random() >> 11) as i64
}

fn random() -> u64 {
    // Without the system's randomness a clock still tells requests apart.
    getrandom::u64().unwrap_or_else(|_| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        laser_rng::mix(since.map_or(0, |t| t.as_nanos() as u64))
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |t| t.as_secs())
}
