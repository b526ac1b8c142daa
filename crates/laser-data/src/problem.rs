//! A problem, and the messages that a model is shown of it.

use laser_model::Message;

use crate::settings::SLOT;
use crate::{Place, Settings};

/// What a model is asked.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// A text, said by the user.
    Text(String),
    /// A conversation.
    Messages(Vec<Message>),
}

impl Prompt {
    /// The texts said by anyone but the system, in order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, messages) = match self {
            Prompt::Text(text) => (Some(text.as_str()), &[][..]),
            Prompt::Messages(messages) => (None, &messages[..]),
        };
        let said = messages.iter().filter(|m| m.role != SYSTEM);
        text.into_iter().chain(said.map(|m| m.content.as_str()))
    }
}

/// One row of a file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What a model is asked, before template and system message.
    pub prompt: Prompt,
    /// The same in other words, where it was wanted.
    pub paraphrase: Option<Prompt>,
    /// The gold answer, as written in the file.
    pub answer: Option<String>,
    /// A written solution, to imitate.
    pub response: Option<String>,
    /// Where it comes from, for tables by source.
    pub source: String,
    /// How hard it is, as the file says it.
    pub level: Option<String>,
    /// Where it was read.
    pub place: Place,
}

const SYSTEM: &str = "system";
const USER: &str = "user";

impl Problem {
    /// The problem that asks the same in other words, where it was read with one.
    pub fn paraphrased(&self) -> Option<Problem> {
        let prompt = self.paraphrase.clone()?;
        Some(Problem {
            prompt,
            ..self.clone()
        })
    }

    /// The messages that a model is shown: the prompt in the settings' template, after their system
    /// message.
    ///
    /// The template wraps the last message of the user; a conversation without one stays as it is.
    pub fn messages(&self, settings: &Settings) -> Vec<Message> {
        let message = |role: &str, content: String| Message {
            role: role.into(),
            content,
        };
        let mut messages = match &self.prompt {
            Prompt::Text(text) => vec![message(USER, text.clone())],
            Prompt::Messages(messages) => messages.clone(),
        };
        if !settings.template.is_empty()
            && let Some(last) = messages.iter_mut().rfind(|m| m.role == USER)
        {
            last.content = settings.template.replace(SLOT, &last.content);
        }
        if !settings.system.is_empty() {
            messages.retain(|m| m.role != SYSTEM);
            messages.insert(0, message(SYSTEM, settings.system.clone()));
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(prompt: Prompt) -> Problem {
        Problem {
            prompt,
            paraphrase: None,
            answer: None,
            response: None,
            source: String::new(),
            level: None,
            place: Place {
                file: "a.jsonl".into(),
                line: 1,
            },
        }
    }

    fn shown(prompt: Prompt, settings: &Settings) -> Vec<(String, String)> {
        let messages = problem(prompt).messages(settings);
        messages.into_iter().map(|m| (m.role, m.content)).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    }

    fn conversation() -> Prompt {
        let said = [
            ("system", "Be brief."),
            ("user", "Hi."),
            ("assistant", "Hello."),
            ("user", "What is {1}?"),
        ];
        Prompt::Messages(
            said.iter()
                .map(|(role, content)| Message {
                    role: role.to_string(),
                    content: content.to_string(),
                })
                .collect(),
        )
    }

    #[test]
    fn without_settings_a_text_is_one_message_of_the_user() {
        let shown = shown(Prompt::Text("1 + 1?".into()), &Settings::default());
        assert_eq!(shown, pairs(&[("user", "1 + 1?")]));
    }

    #[test]
    fn the_template_wraps_the_last_message_of_the_user_and_the_system_message_is_replaced() {
        let settings = Settings {
            template: "{prompt} Think.".into(),
            system: "Be exact.".into(),
            ..Settings::default()
        };
        let expected = pairs(&[
            ("system", "Be exact."),
            ("user", "Hi."),
            ("assistant", "Hello."),
            ("user", "What is {1}? Think."),
        ]);
        assert_eq!(shown(conversation(), &settings), expected);
        let text = shown(Prompt::Text("{prompt}".into()), &settings);
        assert_eq!(
            text,
            pairs(&[("system", "Be exact."), ("user", "{prompt} Think.")])
        );
    }

    #[test]
    fn what_the_system_says_is_no_part_of_the_problem() {
        assert_eq!(
            conversation().texts().collect::<Vec<_>>(),
            ["Hi.", "Hello.", "What is {1}?"]
        );
    }
}
