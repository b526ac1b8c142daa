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
