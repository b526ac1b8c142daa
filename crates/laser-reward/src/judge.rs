//! A language model behind an OpenAI-compatible endpoint that judges responses.

mod question;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::answer::{excerpt, object};
use crate::http::Client;
use crate::{Endpoint, Item, RewardError, Scorer};
pub use question::Question;
pub use verdict::VerdictRule;

/// What a judge is asked, and how its words become a number.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeSettings {
    /// Where it is. The address is that of the interface, such as `https://host/v1`; unless it
    /// ends in `/chat/completions`, that is added.
    pub endpoint: Endpoint,
    /// The model's name there.
    pub model: String,
    /// The message of the user: a Jinja template over the fields of an [`Item`].
    pub prompt: String,
    /// The message of the system, as it is; none if empty.
    pub system: String,
    /// Finds the verdict: the first group of the last match, or the match if it has no group.
    pub pattern: String,
    /// Words that a verdict may be, whatever their case, and the number of each. If empty, a
    /// verdict is a number.
    pub words: BTreeMap<String, f64>,
    /// Sampling temperature of the judge.
    pub temperature: f64,
    /// Most tokens of its answer; none sends no bound.
    pub max_tokens: Option<u64>,
}

impl JudgeSettings {
    /// Checks template and rule without an endpoint.
    ///
    /// # Errors
    /// [`RewardError::Setting`], with the key.
    pub fn check(&self) -> Result<(), RewardError> {
        self.endpoint.check()?;
        self.question()?;
        self.rule().map(drop)
    }

    fn question(&self) -> Result<Question, RewardError> {
        Question::new(&self.endpoint.name, &self.prompt)
    }

    fn rule(&self) -> Result<VerdictRule, RewardError> {
        VerdictRule::new(&self.endpoint.name, &self.pattern, &self.words)
    }
}

/// Scores responses by asking a language model about each.
pub struct Judge {
    settings: JudgeSettings,
    question: Question,
    rule: Arc<VerdictRule>,
    client: Client,
}

impl Judge {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// What [`JudgeSettings::check`] finds, and an environment variable without a key.
    pub fn new(mut settings: JudgeSettings) -> Result<Self, RewardError> {
        settings.check()?;
        let url = settings.endpoint.url.trim_end_matches('/').to_owned();
        settings.endpoint.url = match url.ends_with("/chat/completions") {
            true => url,
            false => url + "/chat/completions",
        };
        Ok(Judge {
            question: settings.question()?,
            rule: Arc::new(settings.rule()?),
            client: Client::new(settings.endpoint.clone())?,
            settings,
        })
    }

    fn body(&self, item: &Item) -> Result<String, RewardError> {
        let s = &self.settings;
        let mut messages = Vec::new();
        if !s.system.is_empty() {
            messages.push(json!({"role": "system", "content": s.system}));
        }
        let prompt = self.question.ask(item)?;
        messages.push(json!({"role": "user", "content": prompt}));
        let mut body = json!({
            "model": s.model, "messages": messages, "temperature": s.temperature, "stream": false,
        });
        if let Some(most) = s.max_tokens {
            body["max_tokens"] = json!(most);
        }
        Ok(body.to_string())
    }
}

impl Scorer for Judge {
    fn score(
        &mut self,
        batch: &[Item],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, RewardError> {
        let bodies = batch.iter().map(|item| self.body(item));
        let bodies = bodies.collect::<Result<_, _>>()?;
        let rule = self.rule.clone();
        let read = move |text: &str| rule.number(&content(text)?);
        self.client.post(bodies, Arc::new(read), cancelled)
    }
}

/// The words of the first choice of a chat completion.
fn content(text: &str) -> Result<String, String> {
    let answer = Value::Object(object(text)?);
    match answer.pointer("/choices/0/message/content") {
        Some(Value::String(words)) => Ok(words.clone()),
        _ => Err(format!(
            "`{}` has no choices[0].message.content; expected an OpenAI-compatible chat completion",
            excerpt(text)
        )),
    }
}

#[cfg(test)]
mod tests;
