//! `/v1/chat/completions`.

use serde_json::{Map, Value};

use super::completion::ids;
use super::fields::{Fields, kind};
use super::settings::{Limits, Settings};
use crate::ApiError;

/// A body that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Chat {
    /// How answers are sampled.
    pub settings: Settings,
    /// What is answered.
    pub conversation: Conversation,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversation {
    /// Messages for the chat template.
    Messages {
        /// At least one.
        messages: Vec<Message>,
        /// Arguments of the template, such as `enable_thinking`.
        arguments: Map<String, Value>,
    },
    /// Token ids, after which the answer begins; not empty.
    Ids(Vec<u32>),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// As the template takes it: `system`, `user`, `assistant`.
    pub role: String,
    /// Its text; parts are joined with nothing between them.
    pub content: String,
}

/// Reads a body.
///
/// # Errors
/// What is wrong, with line and column or the field.
pub fn chat(body: &[u8], limits: &Limits) -> Result<Chat, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let mut settings = Settings::take(&mut fields, limits)?;
    let wanted = fields.flag("logprobs")?;
    let most = i64::try_from(limits.top_logprobs).unwrap_or(i64::MAX);
    let top = fields.integer("top_logprobs", 0..=most)?;
    settings.logprobs = match (wanted, top) {
        (false, None) => None,
        (false, Some(_)) => {
            return Err(fields.wrong("top_logprobs", "it needs 'logprobs': true"));
        }
        (true, top) => Some(top.unwrap_or(0) as usize),
    };
    let conversation = conversation(&mut fields)?;
    fields.finish(true)?;
    Ok(Chat {
        settings,
        conversation,
    })
}

fn conversation(fields: &mut Fields) -> Result<Conversation, ApiError> {
    let given = fields.take("messages");
    let prompt = fields.take("prompt_ids");
    let arguments = fields.object("chat_template_kwargs")?;
    match (given, prompt) {
        (Some(_), Some(_)) => Err(fields.wrong("prompt_ids", "not together with 'messages'")),
        (None, None) => Err(fields.wrong(
            "messages",
            r#"missing; a list of {"role": string, "content": string} is expected"#,
        )),
        (None, Some(_)) if arguments.is_some() => {
            let message = "not together with 'prompt_ids', which go through no template";
            Err(fields.wrong("chat_template_kwargs", message))
        }
        (None, Some(value)) => Ok(Conversation::Ids(ids(fields, "prompt_ids", &value)?)),
        (Some(Value::Array(items)), None) => {
            if items.is_empty() {
                return Err(fields.wrong(
                    "messages",
                    "an empty list; at least one message is expected",
                ));
            }
            let messages = items.into_iter().enumerate().map(|(i, m)| message(i, m));
            Ok(Conversation::Messages {
                messages: messages.collect::<Result<_, _>>()?,
                arguments: arguments.unwrap_or_default(),
            })
        }
        (Some(other), None) => Err(fields.wrong_type("messages", &other, "a list of messages")),
    }
}

fn message(index: usize, value: Value) -> Result<Message, ApiError> {
    let name = format!("messages[{index}]");
    let Value::Object(members) = value else {
        let message = format!("'{name}': an object is expected, not {}", kind(&value));
        return Err(ApiError::field(&name, message));
    };
    let mut fields = Fields::new(members, &format!("{name}."));
    let role = fields.string("role")?.filter(|r| !r.is_empty());
    let role = role.ok_or_else(|| {
        fields.wrong(
            "role",
            r#"missing; "system", "user" or "assistant" is expected"#,
        )
    })?;
    let content = match fields.take("content") {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for (at, part) in parts.into_iter().enumerate() {
                text += &text_part(&format!("{name}.content[{at}]"), part)?;
            }
            text
        }
        Some(other) => {
            return Err(fields.wrong_type("content", &other, "a string or a list of text parts"));
        }
        None => return Err(fields.wrong("content", "missing; a string is expected")),
    };
    // Clients send back what they got, where these are empty.
    for empty in ["annotations", "tool_calls"] {
        let untaken = fields.untaken();
        if untaken
            .get(empty)
            .is_some_and(|v| v.as_array().is_some_and(Vec::is_empty))
        {
            untaken.remove(empty);
        }
    }
    fields.finish(false)?;
    Ok(Message { role, content })
}

fn text_part(name: &str, part: Value) -> Result<String, ApiError> {
    let Value::Object(members) = part else {
        let message = format!("'{name}': an object is expected, not {}", kind(&part));
        return Err(ApiError::field(name, message));
    };
    let mut fields = Fields::new(members, &format!("{name}."));
    if fields.string("type")?.as_deref() != Some("text") {
        return Err(fields.wrong("type", "only parts of the type \"text\" are read"));
    }
    let text = fields.string("text")?;
    let text = text.ok_or_else(|| fields.wrong("text", "missing; a string is expected"))?;
    fields.finish(false)?;
    Ok(text)
}
