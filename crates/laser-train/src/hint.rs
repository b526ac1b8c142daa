//! The teacher's prompt: a question with a solution of it.

use std::collections::HashMap;

use laser_model::{ModelError, Text, TextTemplate};

use crate::TrainError;
use crate::problems::Problems;
use crate::tasks::Problem;
use crate::unknown_letters::unknown_letters;

/// For chats, whose form the chat template gives.
const CHAT: &str = "{{ question }}\n\nHere is a correct answer to this, by somebody else:\n\n{{ solution }}\n\nAnswer in your own words.";
/// For plain texts from files: the question comes again, because its end asks for the response.
const PLAIN: &str = "{{ question }}{{ solution }}\n\n{{ question }}";
/// For the built-in tasks: the same with the letters that they have.
const TASKS: &str = "{{ question }}{{ solution }};{{ question }}";

/// Writes the prompts that a teacher reads.
pub(crate) struct Hints {
    template: TextTemplate,
    /// Of problems from files, which one a prompt is of.
    places: HashMap<String, usize>,
}

impl Hints {
    /// Reads the template of a recipe; an empty one is the program's own.
    ///
    /// # Errors
    /// A template that cannot be parsed or rendered, that shows no question or no solution, or that
    /// writes what the tokenizer does not know.
    pub(crate) fn new(
        template: &str,
        problems: &Problems,
        text: &Text,
    ) -> Result<Self, TrainError> {
        let source = match (template, problems) {
            ("", Problems::Tasks(_)) => TASKS,
            ("", problems) if problems.is_chat() => CHAT,
            ("", _) => PLAIN,
            (own, _) => own,
        };
        let fail = |problem: String| TrainError::Value {
            place: "recipe".into(),
            key: "distillation.template".into(),
            value: format!("{source:?}"),
            problem,
        };
        let parsed = TextTemplate::new(source).map_err(|e| fail(e.to_string()))?;
        let write = |question, solution| {
            let values = [("question", question), ("solution", solution)];
            parsed.render(&values).map_err(|e| fail(e.to_string()))
        };
        let written = write("12", "34")?;
        for (name, other) in [
            ("question", write("56", "34")?),
            ("solution", write("12", "56")?),
        ] {
            if written == other {
                let problem = format!("shows no {name}: write {{{{ {name} }}}} where it belongs");
                return Err(fail(problem));
            }
        }
        if let Some(c) = unknown_letters(text, &written)?.chars().next() {
            let problem = format!(
                "the tokenizer has nothing for {c:?}; write the template with the letters that the model reads"
            );
            return Err(fail(problem));
        }
        Ok(Hints {
            places: problems.places(text)?,
            template: parsed,
        })
    }

    /// The ids of the prompt for a problem with a solution of it.
    pub(crate) fn ids(
        &self,
        problems: &Problems,
        text: &Text,
        problem: &Problem,
        solution: &str,
    ) -> Result<Vec<u32>, ModelError> {
        let place = self.places.get(&problem.prompt).copied();
        problems.hint_ids(text, problem, place, |question| {
            let values = [("question", question), ("solution", solution)];
            self.template.render(&values)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tokenizer_json;
    use crate::recipe::Recipe;
    use std::path::Path;

    #[test]
    fn a_hint_of_a_task_is_question_solution_and_the_question_again() {
        let text = Text::from_parts(tokenizer_json().as_bytes(), None, None).unwrap();
        let problems = Problems::new(&Recipe::default(), &text, 128).unwrap();
        let problem = problems.train(&text, 1, 0).unwrap();
        let hints = Hints::new("", &problems, &text).unwrap();
        let ids = hints.ids(&problems, &text, &problem, "1+1=2;#2").unwrap();
        let q = &problem.prompt;
        assert_eq!(text.decode(&ids).unwrap(), format!("{q}1+1=2;#2;{q}"));
    }

    #[test]
    fn a_hint_of_a_file_stands_in_the_last_message_of_the_user() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/qwen2");
        let text = Text::load(&fixture).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, question: &str| {
            let row = format!("{{\"prompt\": \"{question}\", \"answer\": \"2\"}}\n");
            let path = dir.path().join(name);
            std::fs::write(&path, row).unwrap();
            path
        };
        let train = file("train.jsonl", "What is 1+1?");
        let test = file("test.jsonl", "What is half of 4?");
        for (chat, form) in [
            (true, ["user\nWhat is 1+1?", "so: it is 2", "assistant"]),
            (false, ["What is 1+1?", "so: it is 2", ""]),
        ] {
            let settings = [
                format!("model.path='{}'", fixture.display()),
                format!("data.train=['{}']", train.display()),
                format!("data.test=['{}']", test.display()),
                "data.system='Be brief.'".into(),
                format!("data.chat={chat}"),
                "rollout.max_new_tokens=8".into(),
            ];
            let recipe = Recipe::parse("test", "", &settings).unwrap();
            let problems = Problems::new(&recipe, &text, 4096).unwrap();
            let problem = problems.train(&text, 1, 0).unwrap();
            let template = "{{ question }} so: {{ solution }}";
            let hints = Hints::new(template, &problems, &text).unwrap();
            let ids = hints.ids(&problems, &text, &problem, "it is 2").unwrap();
            let written = text.decode(&ids).unwrap();
            assert!(written.contains("Be brief."), "{written}");
            for part in form {
                assert!(written.contains(part), "{written}");
            }
            // The program's own has both too.
            let hints = Hints::new("", &problems, &text).unwrap();
            let ids = hints.ids(&problems, &text, &problem, "it is 2").unwrap();
            let written = text.decode(&ids).unwrap();
            let place = |part: &str| written.find(part).unwrap_or_else(|| panic!("{written}"));
            assert!(place("What is 1+1?") < place("it is 2"));
            assert!(written.len() > place("it is 2") + 10);
        }
    }
}
