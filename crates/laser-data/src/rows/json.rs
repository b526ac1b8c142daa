//! JSON lines, and JSON documents with an array of objects.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::{File, Row};
use crate::DataError;
use crate::column::kind;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One object on each line; blank lines are skipped.
pub(super) fn lines(
    file: &File<'_>,
    each: &mut dyn FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut reader = BufReader::new(file.open()?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader
            .read_until(b'\n', &mut line)
            .map_err(|e| file.io(e))?
            == 0
        {
            break;
        }
        let mut text = line.as_slice();
        if number == 1 {
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let value = serde_json::from_slice(text).map_err(|e| {
            // The parser counts lines within this one.
            let words = e.to_string();
            let words = words.split(" at line ").next().unwrap_or_default();
            let column = e.column();
            file.row_error(
                number,
                format!("not JSON: {words} at column {column}; expected one object on each line"),
            )
        })?;
        each(row(file, number, value)?)?;
    }
    Ok(())
}

/// An array of objects, or an object whose key `data` is one.
pub(super) fn document(
    file: &File<'_>,
    each: &mut dyn FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let bytes = std::fs::read(file.path).map_err(|e| file.io(e))?;
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let value = serde_json::from_slice(text)
        .map_err(|e| file.broken(format!("not JSON: {e}; JSON lines want the ending .jsonl")))?;
    const EXPECTED: &str = "expected an array of objects, or an object whose key `data` is one";
    let rows = match value {
        Value::Array(rows) => rows,
        Value::Object(mut object) => match object.remove("data") {
            Some(Value::Array(rows)) => rows,
            Some(other) => {
                let found = kind(&other);
                return Err(file.broken(format!("the key `data` is {found}; {EXPECTED}")));
            }
            None => {
                let keys: Vec<_> = object.keys().map(|key| format!("`{key}`")).collect();
                let keys = keys.join(", ");
                return Err(file.broken(format!(
                    "an object without the key `data` (it has: {keys}); {EXPECTED}"
                )));
            }
        },
        other => return Err(file.broken(format!("{}; {EXPECTED}", kind(&other)))),
    };
    for (at, value) in rows.into_iter().enumerate() {
        each(row(file, at + 1, value)?)?;
    }
    Ok(())
}

fn row(file: &File<'_>, line: usize, value: Value) -> Result<Row, DataError> {
    match value {
        Value::Object(values) => Ok(Row {
            place: file.place(line),
            values,
            all_columns: None,
        }),
        other => {
            let problem = format!("{}, expected an object with the columns", kind(&other));
            Err(file.row_error(line, problem))
        }
    }
}
