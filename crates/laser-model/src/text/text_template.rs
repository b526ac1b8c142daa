//! Templates of texts other than conversations.

use minijinja::{Environment, UndefinedBehavior, Value};

use super::template::{environment, template_error};
use crate::ModelError;

/// A Jinja template over named texts, in the environment of chat templates: Python's methods of
/// texts are there.
pub struct TextTemplate {
    environment: Environment<'static>,
}

const NAME: &str = "text";

impl TextTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// The line and what is wrong there.
    pub fn new(source: &str) -> Result<Self, ModelError> {
        let mut environment = environment()?;
        // A name that is mistyped would write nothing.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|e| template_error("template", &e))?;
        Ok(TextTemplate { environment })
    }

    /// Renders it with the texts of its names.
    ///
    /// # Errors
    /// The line and what is wrong there, a name without a text among it.
    pub fn render(&self, texts: &[(&str, &str)]) -> Result<String, ModelError> {
        let texts = texts.iter().map(|(name, text)| (*name, Value::from(*text)));
        self.environment
            .get_template(NAME)
            .and_then(|t| t.render(Value::from_pairs(texts)))
            .map_err(|e| template_error("template", &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_the_place_of_their_names_and_a_name_without_one_is_refused() {
        let render = |source: &str| {
            let texts = [("question", "1+1="), ("solution", "<think>2</think>#2")];
            TextTemplate::new(source).and_then(|t| t.render(&texts))
        };
        let stripped = "{{ question }} {{ solution.split('</think>')[-1] }}";
        assert_eq!(render(stripped).unwrap(), "1+1= #2");
        for wrong in ["{{ answer }}", "{{ question"] {
            let error = render(wrong).unwrap_err().to_string();
            assert!(error.contains("template, line 1"), "{error}");
        }
    }
}
