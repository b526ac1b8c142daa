//! Reading a reward from JSON that someone else wrote.

use serde_json::{Map, Value};

/// Longest excerpt of foreign text in a message, in characters.
const EXCERPT: usize = 200;

/// The object in a text.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(format!("`{}` is not a JSON object", excerpt(text))),
        Err(e) => Err(format!(
            "`{}` is not JSON ({e}); NaN and Infinity are not either",
            excerpt(text)
        )),
    }
}

/// The field `reward`: a finite number.
pub(crate) fn reward(object: &Map<String, Value>) -> Result<f64, String> {
    match object.get("reward") {
        Some(Value::Number(n)) => n
            .as_f64()
            .filter(|x| usable(*x))
            .ok_or_else(|| format!("the reward {n} is not a finite number")),
        Some(other) => Err(format!(
            "the reward is `{}`, not a number",
            excerpt(&other.to_string())
        )),
        None => match object.get("error") {
            Some(error) => Err(format!("it reports: {}", excerpt(&error.to_string()))),
            None => Err("its answer has no field `reward`".into()),
        },
    }
}

/// Whether a number can be a reward: finite, also as an `f32`, which advantages are made of.
pub(crate) fn usable(x: f64) -> bool {
    (x as f32).is_finite()
}

/// The beginning of a text on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String = text
        .trim()
        .chars()
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.trim().chars().nth(EXCERPT).is_some() {
        short.push('…');
    }
    short
}
