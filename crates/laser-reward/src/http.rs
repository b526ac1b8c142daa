//! An HTTP endpoint that scores responses, and the requests that it shares with a judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::answer::{self, excerpt};
use crate::{Item, Numbered, RewardError, Scorer, TICK};

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 4 << 20;
/// Wait before the first retry; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait before a retry.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Where requests go, and how patiently.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Name of the part, for messages.
    pub name: String,
    /// `http://…` or `https://…`.
    pub url: String,
    /// Environment variable with a key that is sent as `Authorization: Bearer …`.
    pub api_key_env: Option<String>,
    /// Requests at a time.
    pub workers: usize,
    /// Time for all requests of a batch, retries included.
    pub deadline: Duration,
    /// How often a request is repeated after a connection that failed or was cut, or a status of
    /// 429 or 5xx. Nothing else is repeated.
    pub retries: u32,
}

impl Endpoint {
    /// Checks what can be checked without the endpoint and its key.
    ///
    /// # Errors
    /// [`RewardError::Setting`] for an address that is none.
    pub fn check(&self) -> Result<(), RewardError> {
        let setting = |problem| RewardError::Setting {
            part: self.name.clone(),
            key: "url",
            problem,
        };
        check_url(&self.url).map_err(setting)
    }
}

/// Scores responses by an endpoint: for each a POST of its item with a number, as in the lines
/// of a [`Command`](crate::Command), answered by `{"reward": number}`.
pub struct Http(Client);

impl Http {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// An address that is none, or an environment variable without a key.
    pub fn new(endpoint: Endpoint) -> Result<Self, RewardError> {
        Client::new(endpoint).map(Http)
    }
}

impl Scorer for Http {
    fn score(
        &mut self,
        batch: &[Item],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, RewardError> {
        let numbered = (0..).zip(batch).map(|(id, item)| Numbered { id, item });
        let bodies = numbered.map(|n| n.line()).collect();
        let read = |text: &str| {
            answer::object(text)
                .and_then(|object| answer::reward(&object))
                .map_err(|e| format!("{e}; expected {{\"reward\": number}}"))
        };
        self.0.post(bodies, Arc::new(read), cancelled)
    }
}

/// Reads the reward in the text of an answer, or says what is wrong with it.
pub(crate) type Read = Arc<dyn Fn(&str) -> Result<f64, String> + Send + Sync>;

/// Posts JSON, several requests at a time.
pub(crate) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    agent: Agent,
    key: Option<String>,
}

/// The requests of a batch.
struct Batch {
    shared: Arc<Shared>,
    bodies: Vec<String>,
    read: Read,
    next: AtomicUsize,
    /// Set when nobody waits any more.
    stop: AtomicBool,
    until: Instant,
}

/// Why a request gave no reward.
enum Failure {
    /// The time of the batch is over.
    Late,
    /// Anything else, with what to do.
    Other(String),
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, RewardError> {
        let fail = |key, problem| {
            Err(RewardError::Setting {
                part: endpoint.name.clone(),
                key,
                problem,
            })
        };
        endpoint.check()?;
        let key = match &endpoint.api_key_env {
            None => None,
            Some(variable) => match std::env::var(variable) {
                Ok(key) if !key.trim().is_empty() => Some(key.trim().to_owned()),
                _ => {
                    let problem = format!(
                        "the environment variable {variable} is not set; put the key there, or leave out api_key_env"
                    );
                    return fail("api_key_env", problem);
                }
            },
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections_per_host(endpoint.workers)
            .max_idle_connections(endpoint.workers);
        if is_local(&endpoint.url) {
            // A proxy of the environment would look for the endpoint on its own machine.
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        Ok(Client {
            shared: Arc::new(Shared {
                endpoint,
                agent,
                key,
            }),
        })
    }

    /// The rewards of as many answers, in the order of the bodies.
    pub(crate) fn post(
        &self,
        bodies: Vec<String>,
        read: Read,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, RewardError> {
        let (endpoint, count) = (&self.shared.endpoint, bodies.len());
        let started = Instant::now();
        let batch = Arc::new(Batch {
            shared: self.shared.clone(),
            bodies,
            read,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            until: started + endpoint.deadline,
        });
        // The threads are not joined: one that waits for an answer ends at the deadline, which a
        // user who pressed Ctrl-C need not wait for.
        let _end = StopOnDrop(&batch);
        let (answers, received) = channel();
        for _ in 0..endpoint.workers.clamp(1, count.max(1)) {
            let (batch, answers) = (batch.clone(), answers.clone());
            thread::Builder::new()
                .name("reward-http".into())
                .spawn(move || {
                    while let Some(i) = batch.take() {
                        if answers.send((i, batch.one(i))).is_err() {
                            break;
                        }
                    }
                })
                .map_err(|e| self.error(format!("no thread for a request: {e}")))?;
        }
        drop(answers);
        let mut rewards = vec![None; count];
        let mut missing = count;
        while missing > 0 {
            if cancelled() {
                return Err(RewardError::Cancelled);
            }
            match received.recv_timeout(TICK) {
                Ok((i, Ok(reward))) => {
                    missing -= usize::from(rewards[i].replace(reward).is_none());
                }
                Ok((_, Err(Failure::Other(problem)))) => return Err(self.error(problem)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < batch.until => {}
                Ok((_, Err(Failure::Late))) | Err(_) => {
                    return Err(self.error(format!(
                        "{missing} of {count} answers had not come after {} s; raise deadline_seconds or workers, or see why the endpoint is slow",
                        endpoint.deadline.as_secs_f64()
                    )));
                }
            }
        }
        Ok(rewards.into_iter().flatten().collect())
    }

    fn error(&self, problem: String) -> RewardError {
        let endpoint = &self.shared.endpoint;
        RewardError::Endpoint {
            part: endpoint.name.clone(),
            url: endpoint.url.clone(),
            problem,
        }
    }
}

struct StopOnDrop<'a>(&'a Batch);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// What came of one attempt.
enum Attempt {
    Done(f64),
    /// Worth another attempt, after so long if the endpoint said so.
    Again(String, Option<Duration>),
    Failed(Failure),
}

impl Batch {
    /// The next request that nobody works on.
    fn take(&self) -> Option<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let i = self.next.fetch_add(1, Ordering::Relaxed);
        (i < self.bodies.len()).then_some(i)
    }

    /// One request with its retries.
    fn one(&self, i: usize) -> Result<f64, Failure> {
        let retries = self.shared.endpoint.retries;
        let mut tried = 0;
        loop {
            match self.attempt(&self.bodies[i]) {
                Attempt::Done(reward) => return Ok(reward),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Again(problem, _) if tried == retries => {
                    return Err(Failure::Other(format!(
                        "{problem}, in each of {} attempts; see whether the endpoint runs at this address, or raise retries",
                        tried + 1
                    )));
                }
                Attempt::Again(_, asked) => {
                    let wait = FIRST_WAIT.saturating_mul(1 << tried.min(16));
                    self.pause(wait.max(asked.unwrap_or_default()).min(LONGEST_WAIT))?;
                    tried += 1;
                }
            }
        }
    }

    fn pause(&self, wait: Duration) -> Result<(), Failure> {
        let end = Instant::now() + wait;
        loop {
            let now = Instant::now();
            if self.stop.load(Ordering::Relaxed) || now >= self.until {
                return Err(Failure::Late);
            }
            match end.saturating_duration_since(now) {
                Duration::ZERO => return Ok(()),
                left => thread::sleep(left.min(TICK)),
            }
        }
    }

    fn attempt(&self, body: &str) -> Attempt {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Attempt::Failed(Failure::Late);
        }
        let mut request = self
            .shared
            .agent
            .post(&self.shared.endpoint.url)
            .header("Content-Type", "application/json")
            .config()
            .timeout_global(Some(left))
            .build();
        if let Some(key) = &self.shared.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return failed(&error),
        };
        let status = response.status();
        let asked = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .lossy_utf8(true)
            .read_to_string();
        let text = match text {
            Ok(text) => text,
            Err(error) => return failed(&error),
        };
        if status.is_success() {
            return match (self.read)(&text) {
                Ok(reward) => Attempt::Done(reward),
                Err(problem) => Attempt::Failed(Failure::Other(problem)),
            };
        }
        let what = format!("it answered with status {status}: `{}`", excerpt(&text));
        match status.as_u16() {
            429 | 500..=599 => Attempt::Again(what, asked),
            401 | 403 => Attempt::Failed(Failure::Other(format!(
                "{what}; see whether api_key_env names the variable with the right key"
            ))),
            _ => Attempt::Failed(Failure::Other(format!(
                "{what}; see whether url and the request are what it expects"
            ))),
        }
    }
}

/// What a request that had no answer means.
fn failed(error: &ureq::Error) -> Attempt {
    use std::io::ErrorKind;
    match error {
        ureq::Error::Timeout(_) => Attempt::Failed(Failure::Late),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            Attempt::Again(format!("no connection ({error})"), None)
        }
        // A connection that was kept open may have been cut by the other side meanwhile.
        ureq::Error::Io(e)
            if matches!(
                e.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::NotConnected
                    | ErrorKind::AddrNotAvailable
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
            ) =>
        {
            Attempt::Again(format!("no connection ({e})"), None)
        }
        ureq::Error::Io(e) if e.kind() == ErrorKind::TimedOut => Attempt::Failed(Failure::Late),
        ureq::Error::BodyExceedsLimit(limit) => Attempt::Failed(Failure::Other(format!(
            "its answer is longer than {limit} bytes"
        ))),
        other => Attempt::Failed(Failure::Other(format!("the request failed: {other}"))),
    }
}

/// Says what is wrong with an address.
fn check_url(url: &str) -> Result<(), String> {
    match url.parse::<ureq::http::Uri>() {
        Err(e) => Err(format!("not an address: {e}")),
        Ok(uri) => match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(()),
            _ => Err("must begin with http:// or https:// and name a host".into()),
        },
    }
}

/// Whether an address is on this machine.
fn is_local(url: &str) -> bool {
    let uri = url.parse::<ureq::http::Uri>().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
pub(crate) mod tests;
