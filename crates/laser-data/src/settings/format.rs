//! The keys `data.format` and `[data.columns]`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the rows of a file become problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By `[data.columns]` alone; a column that it does not name has the name of its key.
    #[default]
    Columns,
    /// GSM8K: the answer after the last `####` of the written solution.
    Gsm8k,
    /// MATH-500, and MATH in the same layout.
    Math500,
    /// AIME.
    Aime,
    /// AMC.
    Amc,
    /// OlympiadBench, with an answer or a list of them.
    Olympiadbench,
    /// DeepMath-103K.
    Deepmath,
    /// The layout that verl trains on: DAPO-Math-17k, Skywork-OR1 and many others.
    Verl,
}

impl Format {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Format::Columns => "columns",
            Format::Gsm8k => "gsm8k",
            Format::Math500 => "math500",
            Format::Aime => "aime",
            Format::Amc => "amc",
            Format::Olympiadbench => "olympiadbench",
            Format::Deepmath => "deepmath",
            Format::Verl => "verl",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which column holds what. `a.b` is the key `b` of the object in column `a`. Empty for the
/// format's own column.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The problem: a text, or the messages before the response.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// A whole conversation, in place of `prompt` and `response`: a last message of the assistant
    /// is the response, what comes before it the prompt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub messages: String,
    /// The problem in other words, with the same answer: a text, or messages as of `prompt`. Read
    /// where training wants a second view of each problem.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub paraphrase: String,
    /// The gold answer: a text or a number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// A written solution.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// Where the problem comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// How hard it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub level: String,
}

impl Columns {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        *self == Columns::default()
    }

    /// These columns, and `other`'s where they name none. The prompt of the one replaces the
    /// messages of the other.
    pub(crate) fn or(&self, other: &Columns) -> Columns {
        let either = |a: &String, b: &String| if a.is_empty() { b } else { a }.clone();
        let conversation = |own: &String, replaced_by: &String, other: &String| {
            if replaced_by.is_empty() {
                either(own, other)
            } else {
                own.clone()
            }
        };
        Columns {
            prompt: conversation(&self.prompt, &self.messages, &other.prompt),
            messages: conversation(&self.messages, &self.prompt, &other.messages),
            paraphrase: either(&self.paraphrase, &other.paraphrase),
            answer: either(&self.answer, &other.answer),
            response: either(&self.response, &other.response),
            source: either(&self.source, &other.source),
            level: either(&self.level, &other.level),
        }
    }
}
