//! From a response to the words in which a judge is asked about it.

use minijinja::{Environment, UndefinedBehavior};

use crate::{Item, RewardError};

const TEMPLATE: &str = "prompt";

/// A Jinja template over the fields of an [`Item`].
pub struct Question {
    part: String,
    environment: Environment<'static>,
}

impl Question {
    /// The template of a part of the reward.
    ///
    /// # Errors
    /// [`RewardError::Setting`] with the key `prompt`: a template that cannot be read, or that
    /// stumbles over an item with an answer or over one without.
    pub fn new(part: &str, template: &str) -> Result<Self, RewardError> {
        let mut environment = Environment::new();
        // A name that is no field is a mistake, not an empty text.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .add_template_owned(TEMPLATE, template.to_owned())
            .map_err(|e| error(part, &e))?;
        let question = Question {
            part: part.into(),
            environment,
        };
        for extracted in [Some("2".to_owned()), None] {
            question.ask(&Item {
                prompt: "1+1=".into(),
                response: "2".into(),
                gold: "2".into(),
                correct: extracted.is_some(),
                extracted,
                finish: "stop",
                length: 2,
            })?;
        }
        Ok(question)
    }

    /// The question about an item.
    ///
    /// # Errors
    /// [`RewardError::Setting`], where the template stumbles over the item.
    pub fn ask(&self, item: &Item) -> Result<String, RewardError> {
        self.environment
            .get_template(TEMPLATE)
            .and_then(|template| template.render(minijinja::value::Serde(item)))
            .map_err(|e| error(&self.part, &e))
    }
}

fn error(part: &str, error: &minijinja::Error) -> RewardError {
    RewardError::Setting {
        part: part.into(),
        key: "prompt",
        problem: format!(
            "{error}; the fields are prompt, response, gold, extracted, correct, finish, length"
        ),
    }
}
