//! The key `data.chat`: `"auto"`, `true` or `false`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether prompts go through the model's chat template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Chat {
    /// When the model has one.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

impl Serialize for Chat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Chat::Auto => serializer.serialize_str("auto"),
            Chat::Yes => serializer.serialize_bool(true),
            Chat::No => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Chat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl Visitor<'_> for Value {
            type Value = Chat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\", true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Chat, E> {
                Ok(if value { Chat::Yes } else { Chat::No })
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Chat, E> {
                match value {
                    "auto" => Ok(Chat::Auto),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Value)
    }
}
