//! What a column of a row holds, as a text, an answer or messages.

use laser_model::Message;
use serde_json::{Number, Value};

use crate::DataError;
use crate::rows::Row;

/// What a JSON value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What was found at a path.
pub(crate) enum Found<'a> {
    /// A value, which may be null.
    Value(&'a Value),
    /// No such key.
    Absent,
    /// The path goes through something that has no keys.
    Blocked {
        /// The part of the path up to that.
        at: String,
        /// What is there.
        value: &'a Value,
    },
}

/// Follows a path with dots; a column whose name has the dots in it comes first. Behind a null
/// everything is null.
pub(crate) fn find<'a>(row: &'a Row, path: &str) -> Found<'a> {
    if let Some(value) = row.values.get(path) {
        return Found::Value(value);
    }
    let mut object = &row.values;
    let mut rest = path;
    while let Some((key, further)) = rest.split_once('.') {
        match object.get(key) {
            Some(Value::Object(inner)) => object = inner,
            Some(null @ Value::Null) => return Found::Value(null),
            Some(value) => {
                let at = path[..path.len() - further.len() - 1].to_owned();
                return Found::Blocked { at, value };
            }
            None => return Found::Absent,
        }
        rest = further;
    }
    object.get(rest).map_or(Found::Absent, Found::Value)
}

/// A text, or a number written out; `None` for null.
pub(crate) fn text(row: &Row, column: &str, value: &Value) -> Result<Option<String>, DataError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => written_out(number).map(Some).ok_or_else(|| DataError::Row {
            place: row.place.clone(),
            problem: format!(
                "column `{column}` is {number}, a number too large to be read exactly; write it as a text"
            ),
        }),
        other => Err(wrong_type(row, column, other, "a text or a number")),
    }
}

/// The digits of a number, without an exponent; `None` where a float has lost some of them.
fn written_out(number: &Number) -> Option<String> {
    const EXACT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
    match number.as_f64() {
        Some(x) if number.is_f64() => (x.abs() < EXACT).then(|| x.to_string()),
        _ => Some(number.to_string()),
    }
}

/// The messages of a conversation.
pub(crate) fn messages(row: &Row, column: &str, list: &[Value]) -> Result<Vec<Message>, DataError> {
    let field = |at: usize, message: &Value, key: &str| {
        let column = format!("{column}[{at}].{key}");
        match message.get(key) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(wrong_type(row, &column, other, "a text")),
            None => Err(DataError::Row {
                place: row.place.clone(),
                problem: format!(
                    "no `{column}`: a message is an object with the texts `role` and `content`"
                ),
            }),
        }
    };
    list.iter()
        .enumerate()
        .map(|(at, message)| {
            if !message.is_object() {
                let column = format!("{column}[{at}]");
                let expected = "a message: an object with the texts `role` and `content`";
                return Err(wrong_type(row, &column, message, expected));
            }
            Ok(Message {
                role: field(at, message, "role")?,
                content: field(at, message, "content")?,
            })
        })
        .collect()
}

/// The error for a value of the wrong type.
pub(crate) fn wrong_type(
    row: &Row,
    column: &str,
    value: &Value,
    expected: &'static str,
) -> DataError {
    DataError::Type {
        place: row.place.clone(),
        column: column.into(),
        found: kind(value).into(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_exponent_and_without_lost_digits() {
        for (json, text) in [
            ("70", Some("70")),
            ("-3", Some("-3")),
            ("142.0", Some("142")),
            ("0.1", Some("0.1")),
            ("1e-7", Some("0.0000001")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("123456789012345678901234567890", None),
        ] {
            let number: Number = serde_json::from_str(json).unwrap();
            assert_eq!(written_out(&number).as_deref(), text, "{json}");
        }
    }
}
