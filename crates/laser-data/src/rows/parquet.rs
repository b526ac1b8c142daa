//! Parquet files.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};

use super::{File, Row};
use crate::DataError;

/// Row after row, with the columns that `wanted` names.
pub(super) fn rows(
    file: &File<'_>,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let handle = file.open()?;
    let reader = guarded(|| SerializedFileReader::new(handle))
        .map_err(|e| file.broken(format!("not a Parquet file that can be read: {e}")))?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let names: Arc<[String]> = schema
        .get_fields()
        .iter()
        .map(|f| f.name().to_owned())
        .collect();
    let mut iterator = guarded(|| {
        let rows = RowIter::from_file_into(Box::new(reader));
        rows.project(Some(projection(&schema, wanted)?))
    })
    .map_err(|e| file.broken(format!("its columns cannot be read: {e}")))?;
    for line in 1.. {
        let next = guarded(|| iterator.next().transpose());
        let fields = match next.map_err(|e| file.row_error(line, format!("cannot be read: {e}")))? {
            Some(row) => row.into_columns(),
            None => break,
        };
        each(Row {
            place: file.place(line),
            values: object(fields),
            all_columns: Some(names.clone()),
        })?;
    }
    Ok(())
}

/// The schema with the wanted columns alone, or as it is if it has none of them: rows without
/// columns could not be told from no rows.
fn projection(schema: &Type, wanted: &dyn Fn(&str) -> bool) -> Result<Type, ParquetError> {
    let fields = schema.get_fields();
    let chosen: Vec<_> = fields
        .iter()
        .filter(|f| wanted(f.name()))
        .cloned()
        .collect();
    if chosen.is_empty() {
        return Ok(schema.clone());
    }
    Type::group_type_builder(schema.name())
        .with_fields(chosen)
        .build()
}

/// What `read` gives, with a panic as an error: of broken files the library asserts some things
/// that it does not check.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(panic) => Err(format!("the file is broken: {}", words(&*panic))),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "the Parquet library gave up without a reason",
    }
}

fn object(fields: Vec<(String, Field)>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, field)| (name, value(field)))
        .collect()
}

/// A field as JSON. Days and times are the numbers that the file stores; bytes are a text where
/// they are UTF-8, because old files do not mark their texts.
fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(b) => Value::Bool(b),
        Field::Byte(n) => n.into(),
        Field::Short(n) => n.into(),
        Field::Int(n) | Field::Date(n) | Field::TimeMillis(n) => n.into(),
        Field::Long(n)
        | Field::TimeMicros(n)
        | Field::TimestampMillis(n)
        | Field::TimestampMicros(n) => n.into(),
        Field::UByte(n) => n.into(),
        Field::UShort(n) => n.into(),
        Field::UInt(n) => n.into(),
        Field::ULong(n) => n.into(),
        Field::Float16(x) => shortest(x.to_f32()),
        Field::Float(x) => shortest(x),
        Field::Double(x) => number(x),
        Field::Decimal(_) => Value::String(field.to_string()),
        Field::Str(text) => Value::String(text),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.into(),
            Err(_) => bytes.data().into(),
        },
        Field::Group(row) => Value::Object(object(row.into_columns())),
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().cloned().map(value).collect())
        }
        Field::MapInternal(map) => {
            let entry = |(key, field): &(Field, Field)| {
                let key = match value(key.clone()) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, value(field.clone()))
            };
            Value::Object(map.entries().iter().map(entry).collect())
        }
    }
}

/// The `f64` that is written like this `f32`: 0.1 and not 0.10000000149.
fn shortest(x: f32) -> Value {
    number(x.to_string().parse().unwrap_or(f64::from(x)))
}

/// What is not finite has no number in JSON, and stands for a missing value.
fn number(x: f64) -> Value {
    Number::from_f64(x).map_or(Value::Null, Value::Number)
}
