//! What a line says.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::jsonl::{Fields, string, wrong_type};

/// The lines of a file are of one kind, that of the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A problem with its answers.
    Problem,
    /// A response, as `laser eval` and `laser generate` write them.
    Response,
}

/// What a line is.
pub const EXPECTED: &str = r#"{"gold": ..., "answers": [...], "scores": [...]}"#;

impl Kind {
    pub fn of(fields: &Fields) -> Result<Self, String> {
        let response = ["extracted", "response"]
            .iter()
            .any(|k| fields.contains_key(*k));
        match (fields.contains_key("answers"), response) {
            (true, _) => Ok(Self::Problem),
            (false, true) => Ok(Self::Response),
            (false, false) => Err(format!(
                "'answers' is missing; {EXPECTED} is expected, or a line of results.jsonl with \
                 'prompt' and 'extracted' or 'response'"
            )),
        }
    }
}

/// A member that is there and not null.
fn some<'a>(fields: &Fields<'a>, key: &str) -> Option<&'a str> {
    fields.get(key).map(|v| v.get()).filter(|v| *v != "null")
}

/// A string, or a number as it is written: a float would lose digits.
fn text(key: &str, json: &str) -> Result<String, String> {
    match json.as_bytes()[0] {
        b'"' => string(json),
        b'-' | b'0'..=b'9' => Ok(json.into()),
        _ => Err(wrong_type(key, json, "a string or a number")),
    }
}

pub fn a_text(fields: &Fields, key: &str) -> Result<Option<String>, String> {
    some(fields, key).map(|json| text(key, json)).transpose()
}

pub fn a_bool(fields: &Fields, key: &str) -> Result<Option<bool>, String> {
    match some(fields, key) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(json) => Err(wrong_type(key, json, "true or false")),
    }
}

fn number(key: &str, json: &str) -> Result<f32, String> {
    match json.as_bytes()[0] {
        b'-' | b'0'..=b'9' => {
            let number = json.parse().map_err(|e| format!("'{key}' is {json}: {e}"));
            number.and_then(|x: f32| match x.is_finite() {
                true => Ok(x),
                false => Err(format!("'{key}' is {json}, too large a number")),
            })
        }
        _ => Err(wrong_type(key, json, "a number or null")),
    }
}

pub fn a_number(fields: &Fields, key: &str) -> Result<Option<f32>, String> {
    some(fields, key).map(|json| number(key, json)).transpose()
}

fn list<'a>(key: &str, json: &'a str) -> Result<Vec<&'a RawValue>, String> {
    match json.as_bytes()[0] {
        b'[' => serde_json::from_str(json).map_err(|e| format!("'{key}' is not JSON: {e}")),
        _ => Err(wrong_type(key, json, "a list")),
    }
}

/// A list whose elements may be null.
fn list_of<T>(
    key: &str,
    json: &str,
    read: impl Fn(&str, &str) -> Result<T, String>,
) -> Result<Vec<Option<T>>, String> {
    let element = |(i, value): (usize, &RawValue)| match value.get() {
        "null" => Ok(None),
        json => read(&format!("{key}[{i}]"), json).map(Some),
    };
    let list = list(key, json)?;
    list.into_iter().enumerate().map(element).collect()
}

/// The answers of a problem.
pub fn answers(fields: &Fields) -> Result<Vec<Option<String>>, String> {
    let Some(json) = fields.get("answers") else {
        return Err(format!("'answers' is missing; {EXPECTED} is expected"));
    };
    let answers = list_of("answers", json.get(), text)?;
    match answers.is_empty() {
        true => Err("'answers' is empty; at least one answer is expected".into()),
        false => Ok(answers),
    }
}

/// The scores of a problem, a number or null for each answer; null for all where there are none
/// and none were asked for.
pub fn scores(
    fields: &Fields,
    key: &str,
    answers: usize,
    asked: bool,
) -> Result<Vec<Option<f32>>, String> {
    let Some(json) = some(fields, key) else {
        return match asked {
            true => Err(missing_score(key, "a list of numbers")),
            false => Ok(vec![None; answers]),
        };
    };
    let scores = list_of(key, json, number)?;
    match scores.len() == answers {
        true => Ok(scores),
        false => Err(format!(
            "'{key}' has {} elements and 'answers' {answers}; one for each answer is expected",
            scores.len()
        )),
    }
}

/// A score that --score asked for and a line has not.
pub fn missing_score(key: &str, expected: &str) -> String {
    format!("'{key}' is missing; --score {key} expects {expected}")
}

/// What tells the problems of a file of responses apart.
pub fn problem_of(fields: &Fields) -> Result<(String, Option<String>), String> {
    let prompt = fields.get("prompt").map(|v| Cow::Borrowed(v.get()));
    let prompt = prompt.ok_or("'prompt' is missing; responses are grouped by it")?;
    Ok((prompt.into_owned(), a_text(fields, "gold")?))
}
