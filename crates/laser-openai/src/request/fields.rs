//! The members of a JSON object, taken out one by one with their types checked.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::refused::refuse;
use crate::ApiError;
use crate::error::shown;

/// Members that have not been taken yet. `null` is the same as absent, as clients send it for what
/// they leave open.
pub(super) struct Fields {
    members: Map<String, Value>,
    /// What stands before a member's name: `laser.` in the object of that name.
    prefix: String,
    /// Names of members that exist, taken or not.
    known: Vec<&'static str>,
}

impl Fields {
    /// The members of a body.
    ///
    /// # Errors
    /// No JSON, with line and column; no object.
    pub fn of_body(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::json(
                "the body is empty; a JSON object is expected",
            ));
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|e| ApiError::json(format!("the body is no JSON: {e}")))?;
        match value {
            Value::Object(members) => Ok(Self::new(members, "")),
            other => Err(ApiError::json(format!(
                "the body is {}; a JSON object is expected",
                kind(&other)
            ))),
        }
    }

    /// The members of an object of which `prefix` leads to each.
    pub fn new(members: Map<String, Value>, prefix: &str) -> Self {
        Fields {
            members,
            prefix: prefix.into(),
            known: Vec::new(),
        }
    }

    /// The whole name of a member.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Takes a member of any type.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.members.remove(key).filter(|v| !v.is_null())
    }

    /// An error about a member.
    pub fn wrong(&self, key: &str, message: impl std::fmt::Display) -> ApiError {
        let name = self.name(key);
        ApiError::field(&name, format!("'{name}': {message}"))
    }

    /// An error about a member of another type than `expected`.
    pub fn wrong_type(&self, key: &str, value: &Value, expected: &str) -> ApiError {
        self.wrong(
            key,
            format_args!("{expected} is expected, not {}", kind(value)),
        )
    }

    /// A text.
    pub fn string(&mut self, key: &'static str) -> Result<Option<String>, ApiError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(other) => Err(self.wrong_type(key, &other, "a string")),
        }
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&mut self, key: &'static str) -> Result<bool, ApiError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(b)) => Ok(b),
            Some(other) => Err(self.wrong_type(key, &other, "true or false")),
        }
    }

    /// A number for which `holds`, or else `expected` is said.
    pub fn number(
        &mut self,
        key: &'static str,
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(x) if holds(x) => Ok(Some(x)),
            Some(_) => Err(self.wrong(
                key,
                format_args!("{value} is outside the range; {expected} is expected"),
            )),
            None => Err(self.wrong_type(key, &value, expected)),
        }
    }

    /// A whole number in a range.
    pub fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let expected = match *range.end() {
            i64::MAX if *range.start() == i64::MIN => "a whole number of 64 bits".into(),
            i64::MAX => format!("a whole number of at least {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        match value.as_i64() {
            Some(i) if range.contains(&i) => Ok(Some(i)),
            Some(_) => Err(self.wrong(
                key,
                format_args!("{value} is outside the range; {expected} is expected"),
            )),
            None if value.is_number() => {
                Err(self.wrong(key, format_args!("{value}: {expected} is expected")))
            }
            None => Err(self.wrong_type(key, &value, &expected)),
        }
    }

    /// An object, with its members.
    pub fn object(&mut self, key: &'static str) -> Result<Option<Map<String, Value>>, ApiError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(other) => Err(self.wrong_type(key, &other, "an object")),
        }
    }

    /// Takes what may stand there without changing anything, and refuses the rest by name.
    ///
    /// # Errors
    /// A member that is left, and why it is not supported if it is known.
    pub fn finish(mut self, refused: bool) -> Result<(), ApiError> {
        if refused {
            refuse(&mut self)?;
        }
        match self.members.iter().find(|(_, v)| !v.is_null()) {
            None => Ok(()),
            Some((key, _)) => {
                let name = shown(&self.name(key));
                let known = self.known.join(", ");
                let message = format!("'{name}' is not known; known here: {known}");
                Err(ApiError::unknown_field(&name, message))
            }
        }
    }

    /// Members that nobody has taken, for those that are refused with a reason.
    pub fn untaken(&mut self) -> &mut Map<String, Value> {
        &mut self.members
    }
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
