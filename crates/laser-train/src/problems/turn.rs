//! What stands between a first attempt and the second.

use laser_data::Settings;
use laser_model::{Message, ModelError, Text};

use super::Problems;
use crate::TrainError;
use crate::label::Asked;
use crate::recipe::{QUESTION, Recipe};
use crate::tasks::Problem;

impl Problems {
    /// What is put between a first attempt at a problem and the second.
    pub(crate) fn instruction(
        &self,
        text: &Text,
        problem: &Problem,
        instruction: &str,
    ) -> Result<Asked, ModelError> {
        let said = match self {
            Problems::Tasks(_) => instruction.replace(QUESTION, &problem.prompt),
            Problems::Files(files) => {
                let question = &problem.prompt;
                said(text, question, instruction, &files.settings, files.chat)?
            }
        };
        Ok(Asked {
            ids: text.encode(&said)?,
            text: said,
        })
    }

    /// Refuses a context without room for two turns; problems of files that are too long were left
    /// out.
    pub(crate) fn check_room(&self, recipe: &Recipe, context: usize) -> Result<(), TrainError> {
        let (Problems::Tasks(mixture), Some(_)) = (self, &recipe.correction) else {
            return Ok(());
        };
        let needed = recipe.longest_task(mixture.max_chars().prompt);
        match needed <= context {
            true => Ok(()),
            false => Err(TrainError::Value {
                place: "recipe".into(),
                key: "model.context".into(),
                value: context.to_string(),
                problem: format!(
                    "is what the model can read, and two turns take up to {needed} tokens; lower rollout.max_new_tokens, shorten correction.instruction, or take a base model of that context"
                ),
            }),
        }
    }
}

/// What follows a first attempt, up to where the second begins: in a conversation the end of the
/// assistant's turn, the user's instruction and the beginning of the next turn, as the chat template
/// writes them; else the instruction alone.
pub(super) fn said(
    text: &Text,
    question: &str,
    instruction: &str,
    settings: &Settings,
    chat: bool,
) -> Result<String, ModelError> {
    if !chat {
        return Ok(instruction.replace(QUESTION, question));
    }
    // What no template holds.
    const ATTEMPT: &str = "\u{27e6}attempt\u{27e7}";
    let messages = [("user", "1"), ("assistant", ATTEMPT), ("user", instruction)];
    let messages = messages.map(|(role, content)| Message {
        role: role.into(),
        content: content.into(),
    });
    let shown = text.render_with(&messages, true, &settings.template_arguments)?;
    match shown.rsplit_once(ATTEMPT) {
        Some((_, said)) => Ok(said.to_owned()),
        None => Err(ModelError::Text(
            "the chat template does not show what the assistant said, so a second turn cannot follow a first; leave [correction] out, or set data.chat = false".into(),
        )),
    }
}
