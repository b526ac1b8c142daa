//! What `tokenizer_config.json` says beside the tokenizer itself.

use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use crate::ModelError;

/// Ids around a plain text.
pub(super) struct Around {
    pub before: Vec<u32>,
    pub after: Vec<u32>,
}

/// Keys of the special tokens that a template sees.
const SPECIAL: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The names and texts of the special tokens.
pub(super) fn special(config: &Map<String, Value>) -> Vec<(String, String)> {
    let one = |key: &&str| {
        let value = config.get(*key)?;
        let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
        Some((key.to_string(), text.to_owned()))
    };
    SPECIAL.iter().filter_map(one).collect()
}

/// A JSON file of the tokenizer; an absent one is empty.
pub(super) fn object(name: &str, json: Option<&[u8]>) -> Result<Map<String, Value>, ModelError> {
    match json {
        Some(json) => serde_json::from_slice(json)
            .map_err(|e| ModelError::Text(format!("{name}: not a JSON object: {e}"))),
        None => Ok(Map::new()),
    }
}

/// The template in `tokenizer_config.json`: a text, or of a list of named ones the default.
pub(super) fn template(config: &Map<String, Value>) -> Result<Option<&str>, ModelError> {
    let error =
        |what: String| ModelError::Text(format!("tokenizer_config.json: chat_template: {what}"));
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(source)) => Ok(Some(source)),
        Some(Value::Array(list)) => {
            let mut names = Vec::new();
            for entry in list {
                let part = |key: &str| entry.get(key).and_then(Value::as_str);
                match (part("name"), part("template")) {
                    (Some("default"), Some(source)) => return Ok(Some(source)),
                    (Some(name), Some(_)) => names.push(format!("'{name}'")),
                    _ => return Err(error(format!("{entry} is not {{name, template}}"))),
                }
            }
            Err(error(format!(
                "no template is named 'default', there are: {}; write the one to use to \
                 chat_template.jinja",
                names.join(", ")
            )))
        }
        Some(_) => Err(error(
            "it is neither a text nor a list of {name, template}".into(),
        )),
    }
}

/// Ids before and after plain text, if `tokenizer_config.json` decides on them.
pub(super) fn around(
    config: &Map<String, Value>,
    special: &[(String, String)],
    tokenizer: &Tokenizer,
) -> Result<Option<Around>, ModelError> {
    let keys = ["add_bos_token", "add_eos_token"];
    if !keys.iter().any(|key| config.contains_key(*key)) {
        return Ok(None);
    }
    let ids = |switch: &str, name: &str| -> Result<Vec<u32>, ModelError> {
        let on = config.get(switch).is_some_and(|v| v == true);
        let Some((_, text)) = special.iter().find(|(key, _)| on && key == name) else {
            return Ok(Vec::new());
        };
        let id = tokenizer.token_to_id(text).ok_or_else(|| {
            ModelError::Text(format!(
                "tokenizer_config.json: {switch} is true, but the {name} '{text}' is not in \
                 tokenizer.json"
            ))
        })?;
        Ok(vec![id])
    };
    Ok(Some(Around {
        before: ids(keys[0], "bos_token")?,
        after: ids(keys[1], "eos_token")?,
    }))
}
