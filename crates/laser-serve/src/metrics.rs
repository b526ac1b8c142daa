//! Numbers about the service, for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use laser_rollout::Load;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What is counted and measured since the start.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    cancelled: Counter,
    in_flight: Gauge,
    prompt_tokens: Counter,
    completion_tokens: Counter,
    first_token: Histogram,
    between_tokens: Histogram,
    request_time: Histogram,
    self_reward: Histogram,
    abstained: Counter,
    running: Gauge,
    waiting: Gauge,
    waiting_requests: Gauge,
    rows: Gauge,
    sampled: Counter<u64, AtomicU64>,
}

/// Which route was answered how.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

/// Seconds from 0.5 ms, doubling.
fn seconds(buckets: i32) -> Histogram {
    Histogram::new((0..buckets).map(|i| 0.0005 * 2f64.powi(i)))
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("laser"),
            requests: Family::default(),
            cancelled: Counter::default(),
            in_flight: Gauge::default(),
            prompt_tokens: Counter::default(),
            completion_tokens: Counter::default(),
            first_token: seconds(18),
            between_tokens: seconds(14),
            request_time: seconds(22),
            self_reward: Histogram::new((0..=10).map(|i| f64::from(i) / 10.0)),
            abstained: Counter::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            waiting_requests: Gauge::default(),
            rows: Gauge::default(),
            sampled: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "requests",
            "Requests by route and HTTP status",
            self.requests.clone(),
        );
        r.register(
            "requests_cancelled",
            "Requests whose client went away before the end of the answer",
            self.cancelled.clone(),
        );
        r.register(
            "requests_in_flight",
            "Completions being answered",
            self.in_flight.clone(),
        );
        r.register(
            "prompt_tokens",
            "Tokens of accepted prompts",
            self.prompt_tokens.clone(),
        );
        r.register(
            "completion_tokens",
            "Tokens of answers, those of samples that were not chosen included",
            self.completion_tokens.clone(),
        );
        r.register(
            "time_to_first_token_seconds",
            "From the request to its first token",
            self.first_token.clone(),
        );
        r.register(
            "time_between_tokens_seconds",
            "Between two tokens of a choice",
            self.between_tokens.clone(),
        );
        r.register(
            "request_seconds",
            "From the request to the end of its answer",
            self.request_time.clone(),
        );
        r.register(
            "self_reward",
            "Self-reward of responses that ended by themselves",
            self.self_reward.clone(),
        );
        r.register(
            "abstentions",
            "Votes below abstain_below",
            self.abstained.clone(),
        );
        r.register(
            "samples_running",
            "Responses being sampled",
            self.running.clone(),
        );
        r.register(
            "samples_waiting",
            "Responses that wait for a row",
            self.waiting.clone(),
        );
        r.register(
            "requests_waiting",
            "Requests none of whose responses has a row yet",
            self.waiting_requests.clone(),
        );
        r.register(
            "rows",
            "Responses that can be sampled at once",
            self.rows.clone(),
        );
        r.register(
            "sampled_tokens",
            "Tokens sampled, those of cancelled responses included",
            self.sampled.clone(),
        );
    }

    /// The numbers as OpenMetrics text, with those of the sampler as they are now.
    ///
    /// # Errors
    /// Does not happen: a text can always be written to.
    pub fn text(&self, load: Load) -> Result<String, std::fmt::Error> {
        let gauge = |g: &Gauge, value: usize| g.set(i64::try_from(value).unwrap_or(i64::MAX));
        gauge(&self.running, load.running);
        gauge(&self.waiting, load.waiting);
        gauge(&self.waiting_requests, load.waiting_requests);
        gauge(&self.rows, load.rows);
        self.sampled
            .inner()
            .fetch_max(load.tokens, std::sync::atomic::Ordering::Relaxed);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A request was answered.
    pub fn answered(&self, route: &str, status: u16) {
        let labels = Answered {
            route: route.into(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Tokens of an accepted prompt.
    pub fn prompt(&self, tokens: usize) {
        self.prompt_tokens.inc_by(tokens as u64);
    }

    /// A token, with the time since the one before in its choice, or since the request for the
    /// first one of all.
    pub fn token(&self, first: bool, since: Option<Duration>) {
        self.completion_tokens.inc();
        if let Some(since) = since {
            let histogram = match first {
                true => &self.first_token,
                false => &self.between_tokens,
            };
            histogram.observe(since.as_secs_f64());
        }
    }

    /// A response that ended by itself.
    pub fn self_reward(&self, score: f32) {
        self.self_reward.observe(f64::from(score));
    }

    /// A vote that gave no answer.
    pub fn abstained(&self) {
        self.abstained.inc();
    }

    /// A completion begins.
    pub fn begin(self: &std::sync::Arc<Self>) -> InFlight {
        self.in_flight.inc();
        InFlight {
            metrics: self.clone(),
            since: Instant::now(),
            complete: false,
        }
    }
}

/// A completion that is being answered, until it is dropped.
pub(crate) struct InFlight {
    metrics: std::sync::Arc<Metrics>,
    /// When it came.
    pub since: Instant,
    complete: bool,
}

impl InFlight {
    /// The answer has come to its end, with or without an error.
    pub fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        match self.complete {
            true => self
                .metrics
                .request_time
                .observe(self.since.elapsed().as_secs_f64()),
            false => {
                self.metrics.cancelled.inc();
            }
        }
    }
}
