//! What is answered, whole and in chunks.
//!
//! Beside OpenAI's fields every choice has `self_reward` and `self_logprob`, both `null` where the
//! answer did not end by itself or the model has no self-reward.

use serde::Serialize;

/// Names an answer; the same in all of its chunks.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    /// Unique among the answers of a server.
    pub id: String,
    /// Such as `chat.completion.chunk`.
    pub object: &'static str,
    /// Seconds since 1970, UTC.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    /// Equal fingerprints and seeds give equal answers.
    pub system_fingerprint: String,
    /// The seed that repeats this answer, given or drawn.
    pub laser_seed: i64,
}

/// An answer, or a chunk of it.
#[derive(Clone, Debug, Serialize)]
pub struct Answer<C> {
    /// Which one.
    #[serde(flatten)]
    pub head: Head,
    /// In the order of prompts and samples.
    pub choices: Vec<C>,
    /// Tokens; in chunks only in the last one, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Tokens that were read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Of all prompts, each once.
    pub prompt_tokens: u64,
    /// Of all samples, those that were not chosen included.
    pub completion_tokens: u64,
    /// The sum.
    pub total_tokens: u64,
}

impl Usage {
    /// With their sum.
    pub fn new(prompt: usize, completion: usize) -> Self {
        let (prompt_tokens, completion_tokens) = (prompt as u64, completion as u64);
        Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        }
    }
}

/// How a choice ended. In chunks it comes with the last one of the choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ending {
    /// `stop` for the model's own end and for stop strings, `length` at the limit; `None` before.
    pub finish_reason: Option<&'static str>,
    /// r_s, β_v · (log p(z_c) − c_ref).
    pub self_reward: Option<f32>,
    /// log p(z_c) after the end token, nats.
    pub self_logprob: Option<f32>,
}

/// A message of the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// `assistant`.
    pub role: &'static str,
    /// Its text; `None` where it abstains.
    pub content: Option<String>,
    /// Why it abstains.
    pub refusal: Option<String>,
}

/// A part of a message; absent fields go on as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delta {
    /// In the first chunk of a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Why it abstains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// A choice of `chat.completion`.
#[derive(Clone, Debug, Serialize)]
pub struct ChatChoice {
    /// Its place in `choices`.
    pub index: usize,
    /// What the model says.
    pub message: Message,
    /// Of its tokens, if asked for.
    pub logprobs: Option<ChatLogprobs>,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// What the extensions add.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A choice of `chat.completion.chunk`.
#[derive(Clone, Debug, Serialize)]
pub struct ChatChunkChoice {
    /// Which choice goes on.
    pub index: usize,
    /// How.
    pub delta: Delta,
    /// Of the tokens whose text is complete with this chunk.
    pub logprobs: Option<ChatLogprobs>,
    /// Whether it ends here.
    #[serde(flatten)]
    pub ending: ChunkEnding,
    /// What the extensions add.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A choice of `text_completion`, whole or in chunks.
#[derive(Clone, Debug, Serialize)]
pub struct TextChoice {
    /// Its place: prompt times n plus sample.
    pub index: usize,
    /// Its text, or more of it.
    pub text: String,
    /// Of its tokens, if asked for.
    pub logprobs: Option<TextLogprobs>,
    /// How it ended.
    #[serde(flatten)]
    pub ending: ChunkEnding,
    /// What the extensions add.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `finish_reason` always, the self-reward with the end only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChunkEnding(pub Option<Ending>);

impl Serialize for ChunkEnding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Open {
            finish_reason: (),
        }
        match &self.0 {
            Some(ending) => ending.serialize(serializer),
            None => Open { finish_reason: () }.serialize(serializer),
        }
    }
}

/// What the extensions add to a choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Extra {
    /// Ids of the tokens, the end token included; with `return_token_ids` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_ids: Option<Vec<u32>>,
    /// How the vote went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laser: Option<VoteReport>,
}

/// How a vote went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VoteReport {
    /// The final answer that won; `None` if no response had one.
    pub answer: Option<String>,
    /// What `abstain_below` is compared with, in [0, 1].
    pub confidence: f64,
    /// The groups of equal answers in order of appearance.
    pub votes: Vec<Votes>,
    /// Responses that were looked at.
    pub sampled: usize,
    /// Which of them was chosen, from 0.
    pub sample: usize,
    /// Whether the answer was held back.
    pub abstained: bool,
    /// Tokens of all responses that were looked at.
    pub tokens: u64,
}

/// A group of mathematically equal answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Votes {
    /// As the first response of the group writes it.
    pub answer: String,
    /// Responses.
    pub count: usize,
    /// Sum of their self-rewards, each clamped to [0, 1].
    pub weight: f64,
}

/// A token with its log-probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenLogprob {
    /// Its text; bytes that are no whole character are shown as U+FFFD.
    pub token: String,
    /// log p under the model itself, nats, whatever the temperature.
    pub logprob: f32,
    /// The bytes of its text.
    pub bytes: Vec<u8>,
}

/// A sampled token with the likeliest ones in its place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContentLogprob {
    /// The token.
    #[serde(flatten)]
    pub token: TokenLogprob,
    /// Likeliest first.
    pub top_logprobs: Vec<TokenLogprob>,
}

/// `logprobs` of a chat choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatLogprobs {
    /// Of every token, the end token included.
    pub content: Vec<ContentLogprob>,
    /// Always absent: refusals are not sampled.
    pub refusal: (),
}

/// `logprobs` of a text choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TextLogprobs {
    /// The tokens' texts, the end token included.
    pub tokens: Vec<String>,
    /// log p of each, nats.
    pub token_logprobs: Vec<f32>,
    /// Of each place the likeliest tokens, and the sampled one.
    pub top_logprobs: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
    /// Where in the choice's text each token begins, in characters.
    pub text_offset: Vec<usize>,
}

/// A model of `/v1/models`.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    /// Its name in requests.
    pub id: String,
    /// `model`.
    pub object: &'static str,
    /// When the server started, seconds since 1970, UTC.
    pub created: u64,
    /// `laser`.
    pub owned_by: &'static str,
    /// Longest prompt with its answer, tokens.
    pub max_model_len: usize,
    /// Whether its answers have a self-reward.
    pub self_reward: bool,
}
