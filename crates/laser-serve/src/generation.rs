//! The samples of a request while they are sampled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use laser_model::ModelError;
use laser_openai::ApiError;
use laser_rollout::{Event, Job, Refused, Response, RolloutError, Ticket};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Server;
use crate::choice::{Choice, Piece};

/// Seconds after which a client may try again when the queue is full.
const RETRY_AFTER: u32 = 1;

/// Samples in the making. Dropping it cancels them.
pub(crate) struct Generation {
    pub server: Server,
    /// When the request came.
    since: Instant,
    /// Prompt, when it happened, and what.
    receiver: UnboundedReceiver<(usize, Instant, Event)>,
    /// Told when a sample has ended.
    ended: Arc<Notify>,
    /// One for each prompt.
    tickets: Vec<Ticket>,
    /// Samples of a prompt.
    samples: usize,
    choices: Vec<Choice>,
    /// When the last token of each choice came.
    last: Vec<Option<Instant>>,
    began: bool,
    deadline: tokio::time::Instant,
    timeout: Duration,
}

/// What happened to a choice.
pub(crate) struct Update {
    /// Prompt times samples plus sample.
    pub choice: usize,
    pub piece: Piece,
    /// The whole response, where it ended by itself or at its limit.
    pub response: Option<Response>,
}

impl Generation {
    /// Submits a job for each prompt; all of them have equally many samples.
    ///
    /// # Errors
    /// 429 when the queue is full, 503 when the server is about to end, 400 for a job that could
    /// never be answered.
    pub fn start(
        server: &Server,
        jobs: Vec<Job>,
        stop: &[String],
        since: Instant,
    ) -> Result<Self, ApiError> {
        let (sender, receiver) = unbounded_channel();
        let samples = jobs.first().map_or(1, |job| job.request.samples);
        let choices = (0..jobs.len() * samples).map(|_| Choice::new(stop));
        let choices: Vec<Choice> = choices.collect();
        let mut tickets = Vec::with_capacity(jobs.len());
        let ended = Arc::new(Notify::new());
        for (prompt, job) in jobs.into_iter().enumerate() {
            let (sender, ended) = (sender.clone(), ended.clone());
            let tokens = job.request.prompt.len();
            let sink = Box::new(move |event| {
                let last = !matches!(event, Event::Token { .. });
                // Nobody listens once the request has ended.
                let _ = sender.send((prompt, Instant::now(), event));
                if last {
                    ended.notify_one();
                }
            });
            tickets.push(server.service().submit(job, sink).map_err(refused)?);
            server.metrics().prompt(tokens);
        }
        let timeout = server.options().timeout;
        Ok(Generation {
            server: server.clone(),
            receiver,
            ended,
            tickets,
            samples,
            last: vec![None; choices.len()],
            choices,
            began: false,
            deadline: tokio::time::Instant::from_std(since + timeout),
            timeout,
            since,
        })
    }

    /// Choices.
    pub fn len(&self) -> usize {
        self.choices.len()
    }

    /// Tokens of all choices so far.
    pub fn all_tokens(&self) -> usize {
        self.choices.iter().map(|c| c.tokens).sum()
    }

    /// What happens next; `None` when all choices have ended.
    ///
    /// # Errors
    /// 504 after the time for a request, 503 when the server ends, 500 when sampling fails.
    pub async fn next(&mut self) -> Result<Option<Update>, ApiError> {
        while self.choices.iter().any(|c| !c.ended) {
            let event = tokio::time::timeout_at(self.deadline, self.receiver.recv()).await;
            // A receiver that always has something never lets the time run out by itself.
            let in_time = tokio::time::Instant::now() < self.deadline;
            let (Ok(event), true) = (event, in_time) else {
                return Err(ApiError::timeout(format!(
                    "no whole answer within {} seconds; ask for fewer tokens or samples, or try again when the server is less busy",
                    self.timeout.as_secs_f64()
                )));
            };
            let Some((prompt, at, event)) = event else {
                return Err(ApiError::internal("sampling ended before the answer did"));
            };
            if let Some(update) = self.take(prompt, at, event)? {
                return Ok(Some(update));
            }
        }
        Ok(None)
    }

    /// What has happened already, if anything.
    ///
    /// # Errors
    /// Those of [`next`](Self::next), but never 504.
    pub fn try_next(&mut self) -> Result<Option<Update>, ApiError> {
        while let Ok((prompt, at, event)) = self.receiver.try_recv() {
            if let Some(update) = self.take(prompt, at, event)? {
                return Ok(Some(update));
            }
        }
        Ok(None)
    }

    /// Waits for a time, or until a sample has ended.
    pub async fn pause(&self, until: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = self.ended.notified() => {}
        }
    }

    /// Ends a choice that is not needed.
    pub fn cancel(&mut self, choice: usize) {
        self.choices[choice].ended = true;
        self.tickets[choice / self.samples].cancel_sample(choice % self.samples);
    }

    fn take(
        &mut self,
        prompt: usize,
        when: Instant,
        event: Event,
    ) -> Result<Option<Update>, ApiError> {
        let server = self.server.clone();
        let text = &server.model().text;
        let (sample, piece, response) = match event {
            Event::Failed(error) => return Err(failed(&error)),
            Event::Token {
                sample,
                id,
                logprob,
                top,
            } => {
                let at = prompt * self.samples + sample;
                if self.choices[at].ended {
                    return Ok(None);
                }
                self.measure(at, when);
                let piece = self.choices[at].push(text, id, logprob, top);
                (sample, piece.map_err(undecodable)?, None)
            }
            Event::Done { sample, response } => {
                let at = prompt * self.samples + sample;
                if self.choices[at].ended {
                    return Ok(None);
                }
                let score = server.model().self_reward_of(response.self_logprob);
                if let Some(score) = score {
                    server.metrics().self_reward(score);
                }
                let piece = self.choices[at].finish(text, &response, score);
                (sample, piece.map_err(undecodable)?, Some(response))
            }
        };
        if piece.end.is_some() && response.is_none() {
            self.tickets[prompt].cancel_sample(sample);
        }
        Ok(Some(Update {
            choice: prompt * self.samples + sample,
            piece,
            response,
        }))
    }

    fn measure(&mut self, choice: usize, now: Instant) {
        let since = match (self.began, self.last[choice]) {
            (false, _) => Some(now - self.since),
            (true, last) => last.map(|last| now - last),
        };
        self.server.metrics().token(!self.began, since);
        self.began = true;
        self.last[choice] = Some(now);
    }
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Full { .. } => ApiError::queue_full(refused.to_string(), RETRY_AFTER),
        Refused::Stopping => ApiError::stopping(),
        Refused::Invalid(error) => ApiError::field("prompt", error.to_string()),
    }
}

fn failed(error: &RolloutError) -> ApiError {
    match error {
        RolloutError::Stopped => ApiError::stopping(),
        error => ApiError::internal(format!("sampling failed: {error}")),
    }
}

fn undecodable(error: ModelError) -> ApiError {
    ApiError::internal(format!("the answer's tokens cannot be decoded: {error}"))
}
