//! What both endpoints have in common.

use serde_json::Value;

use super::fields::Fields;
use super::vote::{self, Vote};
use crate::ApiError;

/// Most stop strings of a request, as OpenAI has it.
const MAX_STOPS: usize = 4;
/// Most bytes of a stop string; that much text may be held back.
const MAX_STOP_BYTES: usize = 1024;

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most samples of a request: `n` times the prompts, or those of a vote.
    pub samples: usize,
    /// Most of `top_logprobs`.
    pub top_logprobs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            samples: 64,
            top_logprobs: 20,
        }
    }
}

/// How answers are sampled and what is told about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The model that is asked for.
    pub model: String,
    /// Choices for each prompt.
    pub n: usize,
    /// Logits are divided by it; 0 takes the likeliest token.
    pub temperature: f32,
    /// Keep the likeliest tokens whose mass reaches this; 1 keeps all.
    pub top_p: f32,
    /// Keep so many likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep tokens at least this times as likely as the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Most tokens of an answer, its end token included; `None` where the request leaves it open.
    pub max_tokens: Option<usize>,
    /// Strings that end an answer and are no part of it.
    pub stop: Vec<String>,
    /// What the randomness comes from; `None` asks for a fresh one.
    pub seed: Option<i64>,
    /// Whether log-probabilities are wanted, and of how many likeliest tokens beside the sampled one.
    pub logprobs: Option<usize>,
    /// Whether the answer is sent in chunks.
    pub stream: bool,
    /// Whether the last chunk tells the tokens.
    pub include_usage: bool,
    /// Whether choices have `token_ids`.
    pub return_token_ids: bool,
    /// Several samples for one choice.
    pub vote: Option<Vote>,
}

impl Settings {
    /// Takes them out of a body, all but `logprobs`, which the endpoints spell differently.
    pub(super) fn take(fields: &mut Fields, limits: &Limits) -> Result<Self, ApiError> {
        let model = fields.string("model")?;
        let model = model
            .ok_or_else(|| fields.wrong("model", "missing; the name of a model is expected"))?;
        let samples = i64::try_from(limits.samples).unwrap_or(i64::MAX);
        let n = fields.integer("n", 1..=samples)?;
        let range = "a number from 0 to 2";
        let temperature = fields.number("temperature", range, |x| (0.0..=2.0).contains(&x))?;
        let range = "a number above 0, at most 1";
        // A positive number that rounds to 0 would be out of the sampler's range.
        let top_p = fields.number("top_p", range, |x| x as f32 > 0.0 && x <= 1.0)?;
        let top_k = fields.integer("top_k", -1..=i64::from(u32::MAX))?;
        let range = "a number from 0 to 1";
        let min_p = fields.number("min_p", range, |x| (0.0..=1.0).contains(&x))?;
        let stream = fields.flag("stream")?;
        let settings = Settings {
            model,
            n: n.map_or(1, |n| n as usize),
            temperature: temperature.map_or(1.0, |x| x as f32),
            top_p: top_p.map_or(1.0, |x| x as f32),
            top_k: top_k.map_or(0, |k| k.max(0) as usize),
            min_p: min_p.map_or(0.0, |x| x as f32),
            max_tokens: max_tokens(fields)?,
            stop: stops(fields)?,
            seed: fields.integer("seed", i64::MIN..=i64::MAX)?,
            logprobs: None,
            stream,
            include_usage: match stream {
                true => include_usage(fields)?,
                false => false,
            },
            return_token_ids: fields.flag("return_token_ids")?,
            vote: vote::take(fields, limits)?,
        };
        if settings.vote.is_some() {
            if settings.n != 1 {
                return Err(fields.wrong("n", "a vote gives one choice; the samples are 'laser.n'"));
            }
            if !settings.stop.is_empty() {
                let message = "not together with 'laser.vote': only an answer that ends by itself has a self-reward and a vote";
                return Err(fields.wrong("stop", message));
            }
        }
        Ok(settings)
    }
}

/// `max_tokens`, or `max_completion_tokens`, its new name.
fn max_tokens(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let range = 1..=i64::from(u32::MAX);
    let old = fields.integer("max_tokens", range.clone())?;
    let new = fields.integer("max_completion_tokens", range)?;
    match (old, new) {
        (Some(a), Some(b)) if a != b => Err(fields.wrong(
            "max_tokens",
            format_args!("{a}, but 'max_completion_tokens' is {b}; send one of them"),
        )),
        (a, b) => Ok(a.or(b).map(|n| n as usize)),
    }
}

fn stops(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let expected = "a string or a list of up to 4 strings";
    let stops = match fields.take("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(items)) => {
            let mut stops = Vec::new();
            for item in items {
                match item {
                    Value::String(stop) => stops.push(stop),
                    other => return Err(fields.wrong_type("stop", &other, expected)),
                }
            }
            stops
        }
        Some(other) => return Err(fields.wrong_type("stop", &other, expected)),
    };
    if stops.len() > MAX_STOPS {
        return Err(fields.wrong(
            "stop",
            format_args!("{} strings; {expected} is expected", stops.len()),
        ));
    }
    if stops.iter().any(String::is_empty) {
        return Err(fields.wrong(
            "stop",
            "an empty string would stop every answer; leave it out",
        ));
    }
    if stops.iter().any(|s| s.len() > MAX_STOP_BYTES) {
        return Err(fields.wrong(
            "stop",
            format_args!("at most {MAX_STOP_BYTES} bytes each are allowed"),
        ));
    }
    Ok(stops)
}

fn include_usage(fields: &mut Fields) -> Result<bool, ApiError> {
    let Some(options) = fields.object("stream_options")? else {
        return Ok(false);
    };
    let mut options = Fields::new(options, "stream_options.");
    let include = options.flag("include_usage")?;
    options.finish(false)?;
    Ok(include)
}
