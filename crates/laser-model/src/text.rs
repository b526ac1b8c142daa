//! Text in and out: the tokenizer and the chat template of a checkpoint.

mod files;
mod python;
mod stream;
mod template;
mod text_template;
mod token_bytes;
mod vocabulary;

use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use crate::ModelError;
use files::Around;
pub use stream::TextStream;
use template::Template;
pub use text_template::TextTemplate;

/// A tokenizer with the chat template that belongs to it.
///
/// Two ways lead from a prompt to ids. A conversation is rendered with [`Text::render`] and then
/// encoded with [`Text::encode`], because the rendered text already holds the special tokens,
/// such as a BOS. Plain text is encoded with [`Text::encode_plain`], which adds those that the
/// tokenizer puts around plain text.
pub struct Text {
    tokenizer: Tokenizer,
    template: Option<Template>,
    /// `bos_token`, `eos_token` and the like, for the template.
    special: Vec<(String, String)>,
    /// What `add_bos_token` and `add_eos_token` put before and after plain text; `None` leaves
    /// that to the tokenizer's post-processor.
    around: Option<Around>,
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
    /// Reads `tokenizer.json`, and if present `tokenizer_config.json`, `special_tokens_map.json`
    /// (of older checkpoints) and `chat_template.jinja`.
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
        let map = optional("special_tokens_map.json")?;
        let template = optional("chat_template.jinja")?;
        let text = || {
            let mut config = files::object("tokenizer_config.json", config.as_deref())?;
            // The newer `added_tokens_decoder` made this file superfluous.
            if !config.contains_key("added_tokens_decoder") {
                config.extend(files::object("special_tokens_map.json", map.as_deref())?);
            }
            Self::new(&tokenizer, &config, template.as_deref())
        };
        text().map_err(|e| ModelError::invalid(dir, e))
    }

    /// The same from the contents of `tokenizer.json`, `tokenizer_config.json` and
    /// `chat_template.jinja`.
    pub fn from_parts(
        tokenizer: &[u8],
        config: Option<&[u8]>,
        template: Option<&[u8]>,
    ) -> Result<Self, ModelError> {
        Self::new(
            tokenizer,
            &files::object("tokenizer_config.json", config)?,
            template,
        )
    }

    fn new(
        tokenizer: &[u8],
        config: &Map<String, Value>,
        template: Option<&[u8]>,
    ) -> Result<Self, ModelError> {
        let file = |e| ModelError::Text(format!("tokenizer.json: {e}"));
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(file)?;
        // As in transformers, texts are neither cut nor filled up unless that is asked for.
        tokenizer.with_truncation(None).map_err(file)?;
        tokenizer.with_padding(None);
        let source = match template {
            Some(bytes) => Some(
                std::str::from_utf8(bytes)
                    .map_err(|e| ModelError::Text(format!("chat_template.jinja: {e}")))?,
            ),
            None => files::template(config)?,
        };
        let special = files::special(config);
        Ok(Text {
            around: files::around(config, &special, &tokenizer)?,
            template: source.map(Template::new).transpose()?,
            tokenizer,
            special,
        })
    }

    /// Whether a chat template is there.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Ids of a text; special tokens written in it are recognised, none are added. For text of
    /// [`Text::render`], and for pieces of text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode(text, false).map_err(text_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids of a plain prompt, with the special tokens that the tokenizer puts around a text, as
    /// transformers' `tokenizer(text)` does: Llama's BOS, for Qwen nothing. Not for text of
    /// [`Text::render`], which would get a second BOS.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        match &self.around {
            Some(a) => Ok([&a.before, &self.encode(text)?, &a.after]
                .map(|v| &v[..])
                .concat()),
            None => {
                let encoding = self.tokenizer.encode(text, true).map_err(text_error)?;
                Ok(encoding.get_ids().to_vec())
            }
        }
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
    /// As [`Text::render_with`].
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        self.render_with(messages, add_generation_prompt, &Map::new())
    }

    /// Renders a conversation with arguments of the template, such as `enable_thinking`. An
    /// argument goes before a special token of the same name.
    ///
    /// # Errors
    /// When there is no template or no message; when the template fails or itself raises an
    /// error, with its line.
    pub fn render_with(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
        arguments: &Map<String, Value>,
    ) -> Result<String, ModelError> {
        let template = self.template.as_ref().ok_or_else(|| {
            ModelError::Text(
                "the checkpoint has no chat template; give plain prompts instead".into(),
            )
        })?;
        if messages.is_empty() {
            return Err(ModelError::Text(
                "a conversation without messages cannot be rendered; give at least one".into(),
            ));
        }
        template.render(messages, add_generation_prompt, &self.special, arguments)
    }
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
