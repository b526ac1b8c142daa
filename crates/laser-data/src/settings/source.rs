//! An entry of `data.train` or `data.test`: a path, or a table for a file with columns of its own.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Columns, Format};

/// A file. A recipe may write the path alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Its path; a relative one is seen from the folder that [`crate::Data::load`] is given.
    pub path: String,
    /// How its rows become problems; `None` for [`super::Settings::format`].
    pub format: Option<Format>,
    /// Its columns. With a format of its own they stand alone; without, a key left empty is that of
    /// [`super::Settings::columns`].
    pub columns: Columns,
    /// What its problems are called in tables, instead of the column `source`. Empty for that
    /// column.
    pub name: String,
}

impl From<&str> for Source {
    fn from(path: &str) -> Self {
        Source {
            path: path.into(),
            ..Source::default()
        }
    }
}

/// The table form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Columns::is_empty")]
    columns: Columns,
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Source {
            path,
            format,
            columns,
            name,
        } = self.clone();
        if *self == Source::from(path.as_str()) {
            return serializer.serialize_str(&path);
        }
        Table {
            path,
            format,
            name,
            columns,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Source {
    // Not an untagged enum: that reads the table into a buffer first, and an unknown key would lose
    // its line.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrTable;
        impl<'de> Visitor<'de> for PathOrTable {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table with path, format, name, columns")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<Source, E> {
                Ok(path.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                let Table {
                    path,
                    format,
                    name,
                    columns,
                } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Source {
                    path,
                    format,
                    columns,
                    name,
                })
            }
        }
        deserializer.deserialize_any(PathOrTable)
    }
}
