//! Where one part of a problem stands in a row.

use serde_json::Value;

use crate::DataError;
use crate::column::{self, Found, find, kind};
use crate::rows::Row;

/// The column of one part, under any of its names.
pub(super) struct Key {
    /// The part: a key of `[data.columns]`.
    role: &'static str,
    names: Vec<String>,
    /// Whether a row without it is an error. A null is none.
    required: bool,
}

impl Key {
    /// The column that the user names, which must be there, or else the format's own.
    pub(super) fn new(role: &'static str, named: &str, own: &[&str], required: bool) -> Self {
        let names = if named.is_empty() { own } else { &[named] };
        Key {
            role,
            names: names.iter().map(|&name| name.to_owned()).collect(),
            required: required || !named.is_empty(),
        }
    }

    /// Whether a column of the file is looked at.
    pub(super) fn reads(&self, column: &str) -> bool {
        let first = |name: &str| name.split('.').next() == Some(column);
        self.names.iter().any(|name| name == column || first(name))
    }

    /// The name and value of the first column that is there, those with a value first.
    pub(super) fn find<'a>(&self, row: &'a Row) -> Result<Option<(&str, &'a Value)>, DataError> {
        let mut null = None;
        let mut blocked = None;
        for name in &self.names {
            match find(row, name) {
                Found::Value(value) if !value.is_null() => return Ok(Some((name, value))),
                Found::Value(value) => null = null.or(Some((name.as_str(), value))),
                Found::Blocked { at, value } => blocked = blocked.or(Some((name, at, value))),
                Found::Absent => {}
            }
        }
        match (null, blocked) {
            (Some(found), _) => Ok(Some(found)),
            _ if !self.required => Ok(None),
            (None, Some((name, at, value))) => Err(DataError::Row {
                place: row.place.clone(),
                problem: format!(
                    "column `{at}` is {found}, but `{name}` looks for a key in it; expected an object",
                    found = kind(value)
                ),
            }),
            (None, None) => Err(DataError::MissingColumn {
                place: row.place.clone(),
                role: self.role,
                wanted: self.names.clone(),
                there: self.near_columns(row),
            }),
        }
    }

    /// What it holds as a text.
    pub(super) fn text(&self, row: &Row) -> Result<Option<String>, DataError> {
        match self.find(row)? {
            Some((column, value)) => column::text(row, column, value),
            None => Ok(None),
        }
    }

    /// The row's columns, with the keys of an object instead of the object if a name goes there.
    fn near_columns(&self, row: &Row) -> Vec<String> {
        let mut near = Vec::new();
        for column in row.columns() {
            let goes_there = |name: &String| {
                name.split_once('.')
                    .is_some_and(|(first, _)| first == column)
            };
            match row.values.get(&column) {
                Some(Value::Object(object)) if self.names.iter().any(goes_there) => {
                    near.extend(object.keys().map(|key| format!("{column}.{key}")));
                }
                _ => near.push(column),
            }
        }
        near
    }
}
