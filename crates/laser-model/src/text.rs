//! Text in and out: the tokenizer and the chat template of a checkpoint.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};
use tokenizers::Tokenizer;

use crate::ModelError;

/// A tokenizer with the chat template that belongs to it.
pub struct Text {
    tokenizer: Tokenizer,
    template: Option<Environment<'static>>,
    /// `bos_token`, `eos_token` and the like, for the template.
    special: Vec<(String, String)>,
}

/// One message of a conversation.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub content: String,
}

fn text_error(e: impl std::fmt::Display) -> ModelError {
    ModelError::Text(e.to_string())
}

impl Text {
    /// Reads `tokenizer.json`, and if present `tokenizer_config.json` and `chat_template.jinja`.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        let optional = |name: &str| -> Result<Option<Vec<u8>>, ModelError> {
            let path = dir.join(name);
            match path.exists() {
                true => std::fs::read(&path)
                    .map(Some)
                    .map_err(|e| ModelError::io(&path, e)),
                false => Ok(None),
            }
        };
        let path = dir.join("tokenizer.json");
        let tokenizer = std::fs::read(&path).map_err(|e| ModelError::io(&path, e))?;
        let config = optional("tokenizer_config.json")?;
        let template = optional("chat_template.jinja")?;
        Self::from_parts(&tokenizer, config.as_deref(), template.as_deref())
            .map_err(|e| ModelError::invalid(dir, e))
    }

    /// The same from the contents of those files.
    pub fn from_parts(
        tokenizer: &[u8],
        config: Option<&[u8]>,
        template: Option<&[u8]>,
    ) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_bytes(tokenizer)
            .map_err(|e| ModelError::Text(format!("tokenizer.json: {e}")))?;
        let config: serde_json::Map<String, serde_json::Value> = match config {
            Some(json) => serde_json::from_slice(json)
                .map_err(|e| ModelError::Text(format!("tokenizer_config.json: {e}")))?,
            None => Default::default(),
        };
        let source = match template {
            Some(bytes) => Some(String::from_utf8(bytes.to_vec()).map_err(text_error)?),
            None => config
                .get("chat_template")
                .and_then(|v| v.as_str())
                .map(str::to_owned),
        };
        let special = config
            .iter()
            .filter(|(k, _)| k.ends_with("_token"))
            .filter_map(|(k, v)| {
                let text = v.as_str().or_else(|| v.get("content")?.as_str())?;
                Some((k.clone(), text.to_owned()))
            })
            .collect();
        Ok(Text {
            tokenizer,
            template: source.map(environment).transpose()?,
            special,
        })
    }

    /// Whether a chat template is there.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Ids of a text; special tokens written in it are recognised, none are added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode(text, false).map_err(text_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(ids, true).map_err(text_error)
    }

    /// Whether there is something among the ids that [`Text::decode`] leaves out: a special token,
    /// or an id without a token.
    pub fn has_special(&self, ids: &[u32]) -> bool {
        let special = |id: &u32| match self.tokenizer.id_to_token(*id) {
            Some(token) => self
                .tokenizer
                .get_added_vocabulary()
                .is_special_token(&token),
            None => true,
        };
        ids.iter().any(special)
    }

    /// The id of a token written exactly so.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The token of an id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// Renders a conversation with the checkpoint's chat template.
    ///
    /// # Errors
    /// When there is no template, or the template itself raises one.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        let environment = self.template.as_ref().ok_or_else(|| {
            ModelError::Text(
                "the checkpoint has no chat template; give plain prompts instead".into(),
            )
        })?;
        let template = environment.get_template("chat").map_err(text_error)?;
        let special = Value::from_pairs(self.special.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let messages: Value = messages
            .iter()
            .map(|m| {
                Value::from_pairs([("role", m.role.as_str()), ("content", m.content.as_str())])
            })
            .collect();
        template
            .render(context! { messages, add_generation_prompt, ..special })
            .map_err(|e| ModelError::Text(format!("chat template: {e:#}")))
    }
}

/// The environment that transformers renders templates in: blocks are trimmed, Python's string
/// and list methods exist, and templates may raise.
fn environment(source: String) -> Result<Environment<'static>, ModelError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(text_error)?;
    environment.set_syntax(syntax);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment
        .add_template_owned("chat", source)
        .map_err(|e| ModelError::Text(format!("chat template: {e:#}")))?;
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decoding_leaves_out_is_special() {
        let json = r#"{"version": "1.0", "added_tokens": [
            {"id": 2, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
             "normalized": false, "special": true},
            {"id": 3, "content": "<think>", "single_word": false, "lstrip": false, "rstrip": false,
             "normalized": false, "special": false}],
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "<|end|>": 2, "<think>": 3}, "merges": []},
            "decoder": {"type": "Fuse"}}"#;
        let text = Text::from_parts(json.as_bytes(), None, None).unwrap();
        for (ids, special, decoded) in [
            (&[0, 3, 1][..], false, "a<think>b"),
            (&[], false, ""),
            (&[0, 2, 1], true, "ab"),
            (&[0, 9, 1], true, "ab"),
        ] {
            assert_eq!(text.has_special(ids), special, "{ids:?}");
            assert_eq!(text.decode(ids).unwrap(), decoded);
        }
    }
}
