//! An answer in chunks, as server-sent events.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use laser_openai::ApiError;
use laser_openai::request::Vote;
use laser_openai::response::Usage;

use crate::form::{Form, sse};
use crate::generation::Generation;
use crate::metrics::InFlight;
use crate::vote::elect;

/// Bytes that are sent together where that many are ready.
const TOGETHER: usize = 16 << 10;

/// Least time between two sendings of a stream, but for its first token and its end: waking up for
/// single tokens of many fast streams takes time from sampling, and no reader sees the difference.
const PAUSE: Duration = Duration::from_millis(10);

/// An answer that is told as it is sampled. Dropping it, as the server does when the client goes
/// away, cancels its samples.
pub(crate) struct Stream {
    pub generation: Generation,
    pub form: Form,
    pub vote: Option<Vote>,
    pub prompt_tokens: usize,
    pub in_flight: InFlight,
    /// When tokens were last sent.
    pub sent: Option<Instant>,
}

/// Where a stream stands.
enum State {
    Opening,
    Going,
    Ended,
}

impl Stream {
    /// As the body of a response.
    pub fn response(self) -> Response<Body> {
        let chunks =
            futures_util::stream::unfold((self, State::Opening), |(mut this, state)| async {
                let (chunk, state) = this.step(state).await?;
                Some((
                    Ok::<_, std::convert::Infallible>(Bytes::from(chunk)),
                    (this, state),
                ))
            });
        let mut response = Response::new(Body::from_stream(chunks));
        let headers = response.headers_mut();
        let events = HeaderValue::from_static("text/event-stream; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, events);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // Asks proxies such as nginx to pass every event on at once.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    async fn step(&mut self, state: State) -> Option<(String, State)> {
        let step = match state {
            State::Ended => {
                self.in_flight.complete();
                return None;
            }
            State::Opening if self.vote.is_none() => {
                let choices = 0..self.generation.len();
                let open: String = choices.filter_map(|i| self.form.open(i)).collect();
                match open.is_empty() {
                    true => self.going().await,
                    false => return Some((open, State::Going)),
                }
            }
            State::Opening => self.elected().await,
            State::Going => self.going().await,
        };
        Some(step.unwrap_or_else(|error| (sse(&error.body()), State::Ended)))
    }

    /// What is new, as much as is there.
    async fn going(&mut self) -> Result<(String, State), ApiError> {
        if let Some(sent) = self.sent {
            self.generation.pause(sent + PAUSE).await;
        }
        let mut chunks = String::new();
        // Tokens that tell nothing by themselves, such as half a character, are waited over.
        while chunks.is_empty() {
            let Some(update) = self.generation.next().await? else {
                let usage = Usage::new(self.prompt_tokens, self.generation.all_tokens());
                return Ok((self.form.close(usage), State::Ended));
            };
            chunks += &self.form.chunk(update.choice, update.piece);
        }
        while chunks.len() < TOGETHER {
            let Some(update) = self.generation.try_next()? else {
                break;
            };
            chunks += &self.form.chunk(update.choice, update.piece);
        }
        self.sent = Some(Instant::now());
        Ok((chunks, State::Going))
    }

    /// The vote's answer, when it is decided.
    async fn elected(&mut self) -> Result<(String, State), ApiError> {
        let Some(vote) = self.vote else {
            return Err(ApiError::internal("a vote without its rule"));
        };
        let elected = elect(&mut self.generation, &vote).await?;
        let usage = Usage::new(self.prompt_tokens, elected.tokens);
        let chunks = self.form.chunks(0, elected.choice) + &self.form.close(usage);
        Ok((chunks, State::Ended))
    }
}
