//! `/v1/completions`.

use serde_json::Value;

use super::fields::{Fields, kind};
use super::settings::{Limits, Settings};
use crate::ApiError;

/// Tokens of an answer where the request says nothing, as OpenAI has it.
const MAX_TOKENS: usize = 16;
/// Most of `logprobs`, as OpenAI has it.
const MAX_LOGPROBS: usize = 5;

/// A body that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// How answers are sampled.
    pub settings: Settings,
    /// What is continued, each `settings.n` times; not empty.
    pub prompts: Vec<Prompt>,
}

/// A text that is continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// As text.
    Text(String),
    /// As token ids; not empty.
    Ids(Vec<u32>),
}

/// Reads a body.
///
/// # Errors
/// What is wrong, with line and column or the field.
pub fn completion(body: &[u8], limits: &Limits) -> Result<Completion, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let mut settings = Settings::take(&mut fields, limits)?;
    settings.max_tokens = settings.max_tokens.or(Some(MAX_TOKENS));
    let most = limits.top_logprobs.min(MAX_LOGPROBS) as i64;
    settings.logprobs = fields.integer("logprobs", 0..=most)?.map(|n| n as usize);
    let prompts = prompts(&mut fields)?;
    if settings.vote.is_some() && prompts.len() != 1 {
        return Err(fields.wrong(
            "prompt",
            "a vote answers one prompt; send a request for each",
        ));
    }
    let samples = prompts.len().saturating_mul(settings.n);
    if samples > limits.samples {
        return Err(fields.wrong(
            "n",
            format_args!(
                "{} prompts with {} choices each are {samples} samples; at most {} are allowed",
                prompts.len(),
                settings.n,
                limits.samples
            ),
        ));
    }
    fields.finish(true)?;
    Ok(Completion { settings, prompts })
}

/// A string, a list of strings, token ids, or a list of lists of them.
fn prompts(fields: &mut Fields) -> Result<Vec<Prompt>, ApiError> {
    let expected = "a string, a list of strings, a list of token ids, or a list of such lists";
    let items = match fields.take("prompt") {
        Some(Value::String(text)) => return Ok(vec![Prompt::Text(text)]),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(Value::Array(_)) => {
            return Err(fields.wrong(
                "prompt",
                format_args!("an empty list; {expected} is expected"),
            ));
        }
        Some(other) => return Err(fields.wrong_type("prompt", &other, expected)),
        None => return Err(fields.wrong("prompt", format_args!("missing; {expected} is expected"))),
    };
    if items[0].is_number() {
        let list = Value::Array(items);
        return Ok(vec![Prompt::Ids(ids(fields, "prompt", &list)?)]);
    }
    let texts = items[0].is_string();
    let prompt = |item: Value| match item {
        Value::String(text) if texts => Ok(Prompt::Text(text)),
        Value::Array(_) if !texts => Ok(Prompt::Ids(ids(fields, "prompt", &item)?)),
        other => Err(fields.wrong_type("prompt", &other, expected)),
    };
    items.into_iter().map(prompt).collect()
}

/// Token ids, at least one.
pub(super) fn ids(fields: &Fields, key: &str, value: &Value) -> Result<Vec<u32>, ApiError> {
    let expected = "a list of token ids (whole numbers of at least 0)";
    let Value::Array(items) = value else {
        return Err(fields.wrong_type(key, value, expected));
    };
    if items.is_empty() {
        let message = "no tokens; a model needs at least one to go on from";
        return Err(fields.wrong(key, message));
    }
    let id = |(at, item): (usize, &Value)| {
        let id = item.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| {
            let what = match item {
                Value::Number(n) => n.to_string(),
                other => kind(other).to_owned(),
            };
            fields.wrong(
                key,
                format_args!("{what} at position {at}; {expected} is expected"),
            )
        })
    };
    items.iter().enumerate().map(id).collect()
}
