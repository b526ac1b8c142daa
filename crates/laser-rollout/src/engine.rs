//! What is asked of an engine and what it gives back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Sampling;

/// A prompt and how many responses are wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids; not empty.
    pub prompt: Vec<u32>,
    /// Responses wanted: the size of the group.
    pub samples: usize,
    /// Words that name this prompt's randomness, such as run seed, step and prompt index. Sample
    /// `i` draws from the generator of these words and `i`, so that a response depends on nothing
    /// else: not on batch order, threads, or the other prompts.
    pub seed: Vec<u64>,
}

/// Settings shared by the requests of a call.
#[derive(Clone, Debug)]
pub struct Generation {
    /// From logits to tokens.
    pub sampling: Sampling,
    /// Most tokens of a response, the stop token included.
    pub max_new_tokens: usize,
    /// Ids that end a response.
    pub stop: Vec<u32>,
    /// z_c: never sampled; its log-probability is read at a stop token.
    pub self_reward_token: Option<u32>,
    /// Where exactly.
    pub self_reward_position: SelfRewardPosition,
    /// Ids that end a continuation that cautious sampling tries; without it they mean nothing.
    pub punctuation: Vec<u32>,
}

/// The distribution in which log p(z_c) is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfRewardPosition {
    /// The one after the stop token, as in LaSeR: one more position.
    #[default]
    AfterEos,
    /// The one that emitted the stop token, which z_c competes with: no more position (LaSeR's
    /// zero-extra-token variant).
    AtEos,
}

/// Why a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A stop token.
    Stop,
    /// The token limit: truncated.
    Length,
}

impl Finish {
    /// `stop` or `length`, as in OpenAI's interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
        }
    }
}

/// A sampled response.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Token ids, the stop token included.
    pub ids: Vec<u32>,
    /// log p of each id under the un-tempered policy, nats.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish: Finish,
    /// log p(z_c) at the stop token, nats; `None` when truncated or not asked for.
    pub self_logprob: Option<f32>,
    /// How far the distributions that the tokens were drawn from are from the uniform one: the mean
    /// over the tokens of KL(uniform ‖ p), nats, under the un-tempered policy (Kang et al.,
    /// arXiv 2502.18581). `None` without tokens.
    pub self_certainty: Option<f32>,
    /// Tokens that were drawn for it: as many as it has, but with
    /// [`cautious`](crate::Sampling::cautious) sampling also those of continuations that were not
    /// kept.
    pub drawn: usize,
}

impl Response {
    /// Whether it ended by itself.
    pub fn finished(&self) -> bool {
        self.finish == Finish::Stop
    }
}

/// A window on a call in progress, and a way to stop it.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Tokens sampled so far, ever.
    pub tokens: AtomicU64,
    /// Set to make calls return [`RolloutError::Cancelled`] soon.
    pub cancel: AtomicBool,
}

impl Monitor {
    /// Whether someone asked to stop.
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// Answers prompts.
pub trait Engine {
    /// The responses to each request, in the order of requests and samples.
    ///
    /// # Errors
    /// When a request cannot be answered at all or the call was cancelled; no partial results.
    fn generate(
        &self,
        requests: &[Request],
        generation: &Generation,
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Response>>, RolloutError>;
}

/// A generation that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// [`Monitor::cancel`] was set.
    #[error("generation was interrupted")]
    Cancelled,
    /// A prompt without tokens.
    #[error(
        "request {request}: the prompt is empty; a model needs at least one token to go on from"
    )]
    EmptyPrompt {
        /// Index of the request.
        request: usize,
    },
    /// Prompt and response do not fit into the model's context.
    #[error(
        "request {request}: {prompt} prompt tokens and up to {new} new ones (and the self-reward position) exceed the context of {context} tokens; shorten the prompt or lower max_new_tokens"
    )]
    TooLong {
        /// Index of the request.
        request: usize,
        /// Tokens of its prompt.
        prompt: usize,
        /// `max_new_tokens`.
        new: usize,
        /// The model's context.
        context: usize,
    },
    /// An id outside the model's vocabulary.
    #[error("{what} {id} is outside the vocabulary of {vocab} tokens")]
    UnknownToken {
        /// What kind of id.
        what: &'static str,
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// Nothing may be sampled: z_c is a stop token, or the logits are not numbers.
    #[error("request {request}, token {position}: {what}")]
    Sampling {
        /// Index of the request.
        request: usize,
        /// Position in the response.
        position: usize,
        /// What is wrong.
        what: crate::SamplingError,
    },
    /// A request for no responses, where at least one is expected.
    #[error("request {request}: no samples are asked for; ask for at least one")]
    NoSamples {
        /// Index of the request.
        request: usize,
    },
    /// Rows longer than the model's context.
    #[error(
        "rows of {capacity} tokens exceed the model's context of {context}; ask for shorter ones"
    )]
    Capacity {
        /// Tokens of a row.
        capacity: usize,
        /// The model's context.
        context: usize,
    },
    /// The operating system refused a thread.
    #[error("could not start {threads} threads ({reason}); ask for fewer")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// A thread broke down while it worked on this request.
    #[error("the sampler broke down ({what}); this is a bug of laser, please report it")]
    Worker {
        /// Its last words.
        what: String,
    },
    /// The service ended before the response did.
    #[error("the service stopped before the response was complete; ask again when it runs")]
    Stopped,
    /// z_c is among the stop tokens.
    #[error("the self-reward token {0} is also a stop token; choose an unused token")]
    SelfRewardStops(u32),
    /// A setting of beam search outside its range.
    #[error("beam search: {key} = {value} is outside {range}")]
    Beam {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: f32,
        /// What is allowed.
        range: &'static str,
    },
}
