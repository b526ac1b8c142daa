//! Prompts of JSON lines.

use laser_model::Message;
use laser_train::LanguageModel;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::jsonl::{Fields, string, wrong_type};

/// The ways in which a line gives a prompt.
const PROMPTS: [&str; 3] = ["prompt", "messages", "ids"];

/// Values for the chat template.
#[derive(clap::Args)]
pub struct Template {
    /// Value for the chat template, such as enable_thinking=false; may be repeated. What is no JSON
    /// is a text
    #[arg(long = "template-arg", value_name = "KEY=VALUE", value_parser = argument)]
    arguments: Vec<(String, Value)>,
}

impl Template {
    /// The values by key.
    pub fn arguments(&self) -> Map<String, Value> {
        self.arguments.iter().cloned().collect()
    }
}

fn argument(text: &str) -> Result<(String, Value), String> {
    let expected = "KEY=VALUE is expected, such as enable_thinking=false";
    let (key, value) = text.split_once('=').ok_or(expected)?;
    if key.trim().is_empty() {
        return Err(expected.into());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.trim().into(), value))
}

/// Takes the prompt out of a line's members: its ids, and what the model reads as text.
///
/// # Errors
/// Members of the wrong type, a prompt that cannot be encoded.
pub fn prompt(
    model: &LanguageModel,
    fields: &mut Fields,
    arguments: &Map<String, Value>,
) -> Result<(Vec<u32>, String), String> {
    let given: Vec<&str> = PROMPTS
        .into_iter()
        .filter(|k| fields.contains_key(*k))
        .collect();
    let [key] = given[..] else {
        let what = match given.is_empty() {
            true => "no prompt".to_owned(),
            false => format!("'{}' at once", given.join("' and '")),
        };
        return Err(format!(
            "{what}; one of \"prompt\" (a plain text), \"messages\" (a conversation) and \"ids\" (tokens) is expected"
        ));
    };
    let Some(value) = fields.remove(key) else {
        return Err(format!("'{key}' is missing"));
    };
    let text = |e: laser_train::TrainError| format!("'{key}': {e}");
    match key {
        "prompt" => {
            let prompt = a_string(key, value)?;
            Ok((model.plain_prompt(&prompt).map_err(text)?, prompt))
        }
        "messages" => {
            let messages = messages(value)?;
            let ids = model.chat_prompt(&messages, arguments).map_err(text)?;
            let shown = model.text.render_with(&messages, true, arguments);
            Ok((ids, shown.map_err(|e| text(e.into()))?))
        }
        _ => {
            let ids = ids(value)?;
            model
                .check_ids(&ids, 0)
                .map_err(|e| format!("'ids': {e}"))?;
            let shown = model.text.decode(&ids).map_err(|e| text(e.into()))?;
            Ok((ids, shown))
        }
    }
}

/// A text.
///
/// # Errors
/// A value of another type.
pub fn a_string(key: &str, value: &RawValue) -> Result<String, String> {
    match value.get().starts_with('"') {
        true => string(value.get()),
        false => Err(wrong_type(key, value.get(), "a string")),
    }
}

/// A conversation.
///
/// # Errors
/// A value that is none.
fn messages(value: &RawValue) -> Result<Vec<Message>, String> {
    let expected = r#"a list of {"role": string, "content": string}"#;
    match value.get().starts_with('[') {
        true => serde_json::from_str(value.get())
            .map_err(|e| format!("'messages': {e}; {expected} is expected")),
        false => Err(wrong_type("messages", value.get(), expected)),
    }
}

/// Token ids.
///
/// # Errors
/// A value that is no list of them.
pub fn ids(value: &RawValue) -> Result<Vec<u32>, String> {
    let expected = "a list of token ids (whole numbers of at least 0)";
    match value.get().starts_with('[') {
        true => serde_json::from_str(value.get())
            .map_err(|e| format!("'ids': {e}; {expected} is expected")),
        false => Err(wrong_type("ids", value.get(), expected)),
    }
}
