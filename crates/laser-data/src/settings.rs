//! The table `[data]` of a recipe.

mod chat;
mod format;
mod source;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::DataError;
pub use chat::Chat;
pub use format::{Columns, Format};
pub use source::Source;

/// What stands for the problem's text in [`Settings::template`].
pub(crate) const SLOT: &str = "{prompt}";

/// Which files, how their rows become problems, and what is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Files to train on, in order.
    pub train: Vec<Source>,
    /// Files to test on, in order.
    pub test: Vec<Source>,
    /// How rows become problems, in every file that does not say it itself.
    pub format: Format,
    /// The text that a problem is put into; `{prompt}` stands for the problem. Of a conversation
    /// it wraps the last message of the user. Empty for none.
    pub template: String,
    /// A system message put before, in place of the row's own. Empty for none.
    pub system: String,
    /// Whether prompts go through the model's chat template; carried for the trainer.
    pub chat: Chat,
    /// Longer prompts are left out, in tokens; 0 for no bound.
    pub max_prompt_tokens: usize,
    /// Whether training visits the problems in a new random order in each epoch.
    pub shuffle: bool,
    /// What happens to train problems that are also in test.
    pub overlap: Overlap,
    /// What happens to train problems that hold half the text of one in test, or more.
    pub near_overlap: Overlap,
    /// What happens to train problems that are there twice.
    pub duplicates: Duplicates,
    /// Train on so many problems at most, counted after everything else; 0 for all. With `shuffle`
    /// they are a random choice, the same for every seed of a run; without, the first.
    pub max_rows: usize,
    /// This share of the train problems is held out as test, chosen by a hash of the problem's
    /// text; for data without test files.
    pub test_fraction: f64,
    /// The columns of every file that does not say it itself.
    pub columns: Columns,
    /// Values that the chat template is rendered with, such as `enable_thinking`; carried for the
    /// trainer.
    pub template_arguments: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            train: Vec::new(),
            test: Vec::new(),
            format: Format::Columns,
            template: String::new(),
            system: String::new(),
            chat: Chat::Auto,
            max_prompt_tokens: 0,
            shuffle: true,
            overlap: Overlap::Drop,
            near_overlap: Overlap::Keep,
            duplicates: Duplicates::Drop,
            max_rows: 0,
            test_fraction: 0.0,
            columns: Columns::default(),
            template_arguments: Map::new(),
        }
    }
}

/// What happens to train problems that are like one of test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// They are left out of train.
    Drop,
    /// They stay.
    Keep,
    /// Loading fails.
    Refuse,
}

/// What happens to the second and further copies of a train problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// They are left out; the first stays.
    Drop,
    /// They stay.
    Keep,
}

impl Settings {
    /// Whether no file is named.
    pub fn is_empty(&self) -> bool {
        self.train.is_empty() && self.test.is_empty()
    }

    /// Checks ranges and combinations; reads no file.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn check(&self) -> Result<(), DataError> {
        let fail = |key, value: String, problem| {
            Err(DataError::Setting {
                key,
                value,
                problem,
            })
        };
        if !self.template.is_empty() && !self.template.contains(SLOT) {
            let problem = "must contain {prompt}, which stands for the problem; without it every prompt would be the same";
            return fail("template", format!("{:?}", self.template), problem);
        }
        // Written so that NaN is refused too.
        if !(0.0..1.0).contains(&self.test_fraction) {
            let problem = "must be at least 0 and below 1";
            return fail("test_fraction", self.test_fraction.to_string(), problem);
        }
        if self.test_fraction > 0.0 && !self.test.is_empty() {
            let problem = "holds problems out for data without test files; leave it out, or leave data.test out";
            return fail("test_fraction", self.test_fraction.to_string(), problem);
        }
        if self.test_fraction > 0.0 && self.train.is_empty() {
            let problem = "holds problems out of data.train, which names no file";
            return fail("test_fraction", self.test_fraction.to_string(), problem);
        }
        for columns in std::iter::once(&self.columns).chain(self.sources().map(|s| &s.columns)) {
            if !columns.messages.is_empty() && !columns.prompt.is_empty() {
                let problem = "a conversation holds the prompt already; leave out columns.messages or columns.prompt";
                return fail(
                    "columns.messages",
                    format!("{:?}", columns.messages),
                    problem,
                );
            }
        }
        Ok(())
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        self.train.iter().chain(&self.test)
    }
}

#[cfg(test)]
mod tests;
