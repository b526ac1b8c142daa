//! From a row to a problem.

mod key;
mod layout;

use serde_json::Value;

use crate::column::{self, messages, wrong_type};
use crate::rows::Row;
use crate::settings::Columns;
use crate::{DataError, Format, Problem, Prompt, Wanted, gsm8k};
use key::Key;
use layout::layout;

/// Maps the rows of one file.
pub(crate) struct Mapper {
    format: Format,
    prompt: Key,
    /// A whole conversation, in place of `prompt`.
    messages: Option<Key>,
    /// Where one is wanted.
    paraphrase: Option<Key>,
    answer: Key,
    response: Key,
    source: Key,
    level: Key,
    /// Replaces what the column `source` says.
    name: Option<String>,
    /// The source of rows that do not say it.
    default_source: String,
}

/// A mapped row.
pub(crate) struct Mapped {
    pub(crate) problem: Problem,
    /// Whether the file gives several final answers.
    pub(crate) several_answers: bool,
}

impl Mapper {
    /// `name` replaces the column `source` unless it is empty; `file` names the rows of a format
    /// that has no name of its own.
    pub(crate) fn new(
        format: Format,
        columns: &Columns,
        wanted: Wanted,
        name: &str,
        file: &str,
    ) -> Self {
        let own = layout(format);
        let ready = format != Format::Columns;
        let stem = || {
            std::path::Path::new(file)
                .file_stem()
                .map(|s| s.to_string_lossy())
        };
        Mapper {
            format,
            prompt: Key::new("prompt", &columns.prompt, own.prompt, true),
            messages: (!columns.messages.is_empty())
                .then(|| Key::new("messages", &columns.messages, &[], true)),
            paraphrase: wanted
                .paraphrase
                .then(|| Key::new("paraphrase", &columns.paraphrase, &["paraphrase"], true)),
            answer: Key::new(
                "answer",
                &columns.answer,
                own.answer,
                ready || wanted.answer,
            ),
            response: Key::new(
                "response",
                &columns.response,
                own.response,
                // These say it in another column.
                wanted.response && format != Format::Gsm8k && columns.messages.is_empty(),
            ),
            source: Key::new("source", &columns.source, own.source, false),
            level: Key::new("level", &columns.level, own.level, false),
            name: (!name.is_empty()).then(|| name.to_owned()),
            default_source: match ready {
                true => format.name().to_owned(),
                false => stem().unwrap_or_default().into_owned(),
            },
        }
    }

    /// Whether a column of the file is looked at.
    pub(crate) fn reads(&self, column: &str) -> bool {
        let keys = [
            &self.prompt,
            &self.answer,
            &self.response,
            &self.source,
            &self.level,
        ];
        let several = self.format == Format::Olympiadbench && column == SEVERAL;
        several
            || keys
                .into_iter()
                .chain(&self.messages)
                .chain(&self.paraphrase)
                .any(|key| key.reads(column))
    }

    pub(crate) fn map(&self, row: &Row) -> Result<Mapped, DataError> {
        let (prompt, said) = self.prompt(row)?;
        let paraphrase = self.paraphrase(row)?;
        let answer = self.answer(row)?;
        let response = match self.response.find(row)? {
            Some((column, value)) => self.first_text(row, column, value)?,
            None => said.or(answer.solution),
        };
        let source = match &self.name {
            Some(name) => Some(name.clone()),
            None => self.source.text(row)?,
        };
        Ok(Mapped {
            problem: Problem {
                prompt,
                paraphrase,
                answer: answer.text,
                response: response.and_then(unless_blank),
                source: source.unwrap_or_else(|| self.default_source.clone()),
                level: self.level.text(row)?,
                place: row.place.clone(),
            },
            several_answers: answer.several,
        })
    }

    /// The prompt, and the response if the conversation ends with one.
    fn prompt(&self, row: &Row) -> Result<(Prompt, Option<String>), DataError> {
        if let Some(key) = &self.messages {
            return match key.find(row)? {
                Some((column, Value::Array(list))) => {
                    let mut said = messages(row, column, list)?;
                    let last = said.pop_if(|last| last.role == "assistant");
                    Ok((Prompt::Messages(said), last.map(|m| m.content)))
                }
                Some((column, other)) if !other.is_null() => {
                    Err(wrong_type(row, column, other, "a list of messages"))
                }
                _ => Ok((Prompt::Messages(Vec::new()), None)),
            };
        }
        let prompt = asked(row, self.prompt.find(row)?)?;
        Ok((prompt.unwrap_or(Prompt::Text(String::new())), None))
    }

    /// The paraphrase, where one is wanted.
    fn paraphrase(&self, row: &Row) -> Result<Option<Prompt>, DataError> {
        let Some(key) = &self.paraphrase else {
            return Ok(None);
        };
        let found = key.find(row)?;
        let column = found.map_or("", |(column, _)| column).to_owned();
        match asked(row, found)? {
            Some(prompt) if prompt.texts().any(|text| !text.trim().is_empty()) => Ok(Some(prompt)),
            _ => Err(DataError::Row {
                place: row.place.clone(),
                problem: format!(
                    "no paraphrase: column `{column}` is empty, and training on two views of a problem (rollout.views = 2) needs one in every row; fill it, or leave the row out"
                ),
            }),
        }
    }

    fn answer(&self, row: &Row) -> Result<Answer, DataError> {
        let Some((column, value)) = self.answer.find(row)? else {
            return Ok(Answer::default());
        };
        if let (Format::Olympiadbench, Value::Array(list)) = (self.format, value) {
            return several(row, column, list);
        }
        let text = column::text(row, column, value)?.and_then(unless_blank);
        let problem = |problem: String| DataError::Row {
            place: row.place.clone(),
            problem,
        };
        match (self.format, text) {
            (Format::Gsm8k, Some(text)) => match gsm8k::split(&text) {
                Some((solution, answer)) => Ok(Answer {
                    text: Some(answer),
                    solution: Some(solution),
                    several: false,
                }),
                None => Err(problem(format!(
                    "column `{column}` has no answer after `####`, which ends every solution of GSM8K; for another layout use data.format = \"columns\""
                ))),
            },
            (Format::Verl, None) => Err(problem(format!(
                "no ground truth: column `{column}` is empty; fill it, leave the row out, or use data.format = \"columns\""
            ))),
            (_, text) => Ok(Answer {
                text,
                ..Answer::default()
            }),
        }
    }

    /// A text; of OlympiadBench's list of solutions the first.
    fn first_text(
        &self,
        row: &Row,
        column: &str,
        value: &Value,
    ) -> Result<Option<String>, DataError> {
        match value {
            Value::Array(list) if self.format == Format::Olympiadbench => match list.first() {
                Some(first) => column::text(row, column, first),
                None => Ok(None),
            },
            value => column::text(row, column, value),
        }
    }
}

/// What a column asks; `None` for a null.
fn asked(row: &Row, found: Option<(&str, &Value)>) -> Result<Option<Prompt>, DataError> {
    Ok(match found {
        Some((column, Value::Array(list))) => Some(Prompt::Messages(messages(row, column, list)?)),
        Some((_, Value::String(text))) => Some(Prompt::Text(text.clone())),
        Some((column, other)) if !other.is_null() => {
            let expected = "a text or a list of messages";
            return Err(wrong_type(row, column, other, expected));
        }
        _ => None,
    })
}

/// What the answer's column gives.
#[derive(Default)]
struct Answer {
    text: Option<String>,
    /// The written solution that it stands in.
    solution: Option<String>,
    several: bool,
}

/// OlympiadBench's list of answers, joined.
fn several(row: &Row, column: &str, list: &[Value]) -> Result<Answer, DataError> {
    let texts: Vec<String> = list
        .iter()
        .filter_map(|value| column::text(row, column, value).transpose())
        .collect::<Result<_, _>>()?;
    Ok(Answer {
        several: texts.len() > 1 || row.values.get(SEVERAL) == Some(&Value::Bool(true)),
        text: unless_blank(texts.join(", ")),
        solution: None,
    })
}

/// OlympiadBench's mark of rows with several answers.
const SEVERAL: &str = "is_multiple_answer";

fn unless_blank(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}
