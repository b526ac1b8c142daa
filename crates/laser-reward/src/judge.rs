//! A language model behind an OpenAI-compatible endpoint that judges responses.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use regex::Regex;
use serde_json::{Value, json};

use crate::answer::{excerpt, object, usable};
use crate::http::Client;
use crate::{Endpoint, Item, RewardError, Scorer};

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

const TEMPLATE: &str = "prompt";

impl JudgeSettings {
    /// Checks template and rule without an endpoint.
    ///
    /// # Errors
    /// [`RewardError::Setting`], with the key.
    pub fn check(&self) -> Result<(), RewardError> {
        self.endpoint.check()?;
        let template = self.template()?;
        // Both cases, so that a template that stumbles over one shows it before a run.
        for extracted in [Some("2".to_owned()), None] {
            let item = Item {
                prompt: "1+1=".into(),
                response: "2".into(),
                gold: "2".into(),
                correct: extracted.is_some(),
                extracted,
                finish: "stop",
                length: 2,
            };
            self.rendered(&template, &item)?;
        }
        self.rule().map(drop)
    }

    fn error(&self, key: &'static str, problem: impl ToString) -> RewardError {
        RewardError::Setting {
            part: self.endpoint.name.clone(),
            key,
            problem: problem.to_string(),
        }
    }

    fn template(&self) -> Result<Environment<'static>, RewardError> {
        let mut environment = Environment::new();
        // A name that is no field is a mistake, not an empty text.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .add_template_owned(TEMPLATE, self.prompt.clone())
            .map_err(|e| self.error("prompt", explained(&e)))?;
        Ok(environment)
    }

    fn rendered(
        &self,
        environment: &Environment<'static>,
        item: &Item,
    ) -> Result<String, RewardError> {
        environment
            .get_template(TEMPLATE)
            .and_then(|template| template.render(minijinja::value::Serde(item)))
            .map_err(|e| self.error("prompt", explained(&e)))
    }

    fn rule(&self) -> Result<Rule, RewardError> {
        let pattern = Regex::new(&self.pattern).map_err(|e| self.error("pattern", e))?;
        if pattern.captures_len() > 2 {
            let problem = "has more than one group; write (?:…) for those that are not the verdict";
            return Err(self.error("pattern", problem));
        }
        if let Some((word, x)) = self.words.iter().find(|(_, x)| !usable(**x)) {
            return Err(self.error("words", format!("{word} = {x} is not a finite number")));
        }
        let lower = |(word, x): (&String, &f64)| (word.trim().to_lowercase(), *x);
        Ok(Rule {
            pattern,
            words: self.words.iter().map(lower).collect(),
        })
    }
}

fn explained(error: &minijinja::Error) -> String {
    format!("{error}; the fields are prompt, response, gold, extracted, correct, finish, length")
}

/// From the words of a judge to a number.
struct Rule {
    pattern: Regex,
    /// In lower case.
    words: BTreeMap<String, f64>,
}

impl Rule {
    fn number(&self, words: &str) -> Result<f64, String> {
        let unreadable = |what: &str| {
            Err(format!(
                "{what} in the judge's answer `{}`; say in prompt how the answer must end, or change pattern or words",
                excerpt(words)
            ))
        };
        // Judges think first: the last match is the verdict.
        let Some(found) = self.pattern.captures_iter(words).last() else {
            return unreadable("pattern finds nothing");
        };
        let Some(verdict) = (if self.pattern.captures_len() > 1 {
            found.get(1)
        } else {
            found.get(0)
        }) else {
            return unreadable("the group of pattern is not a part of the match");
        };
        let verdict = verdict.as_str().trim();
        let number = match self.words.is_empty() {
            true => verdict.parse().ok().filter(|x| usable(*x)),
            false => self.words.get(&verdict.to_lowercase()).copied(),
        };
        match number {
            Some(number) => Ok(number),
            None if self.words.is_empty() => {
                unreadable(&format!("the verdict `{}` is no number", excerpt(verdict)))
            }
            None => unreadable(&format!(
                "the verdict `{}` is none of the words",
                excerpt(verdict)
            )),
        }
    }
}

/// Scores responses by asking a language model about each.
pub struct Judge {
    settings: JudgeSettings,
    template: Environment<'static>,
    rule: Arc<Rule>,
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
            template: settings.template()?,
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
        let prompt = s.rendered(&self.template, item)?;
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
