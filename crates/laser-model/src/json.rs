//! Typed reading of the keys of a JSON object, with errors that name the key.

use serde_json::{Map, Value};

use crate::ModelError;

/// A JSON object of a checkpoint's file; null and absence are the same, but for [`Reader::given`].
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    object: &'a Map<String, Value>,
    /// Prefix of the keys in errors: empty, or the key of the object with a dot.
    prefix: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads a file's top level.
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Reader { object, prefix: "" }
    }

    /// Reads an object inside of another; `prefix` is its key with a dot.
    pub fn nested(object: &'a Map<String, Value>, prefix: &'a str) -> Self {
        Reader { object, prefix }
    }

    /// An error about a key, under its full name.
    pub fn error(&self, key: &str, what: impl ToString) -> ModelError {
        ModelError::unsupported(&format!("{}{key}", self.prefix), what)
    }

    /// Whether the key is there, be it with null.
    pub fn given(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// The keys that have a value other than null.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        let set = |(k, v): (&'a String, &'a Value)| (!v.is_null()).then_some(k.as_str());
        self.object.iter().filter_map(set)
    }

    /// The value of a key unless it is null or absent.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|v| !v.is_null())
    }

    fn typed<T>(
        &self,
        key: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.value(key) {
            None => Ok(None),
            Some(v) => match read(v) {
                Some(t) => Ok(Some(t)),
                None => Err(self.error(key, format!("{v} is not {kind}"))),
            },
        }
    }

    pub fn string(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.typed(key, "a string", Value::as_str)
    }

    pub fn boolean(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, ModelError> {
        self.typed(key, "an object", Value::as_object)
    }

    pub fn array(&self, key: &str) -> Result<Option<&'a Vec<Value>>, ModelError> {
        self.typed(key, "a list", Value::as_array)
    }

    pub fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub fn positive(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let positive = |v: &Value| v.as_f64().filter(|x| *x > 0.0);
        self.typed(key, "a positive number", positive)
    }

    pub fn optional_size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let size = |v: &Value| v.as_u64().filter(|n| *n > 0)?.try_into().ok();
        self.typed(key, "a positive integer", size)
    }

    pub fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional_size(key)?
            .ok_or_else(|| self.error(key, "a positive integer is required"))
    }

    /// Refuses a value that is neither null nor `ok`; `rule` says what is supported.
    pub fn must_be(
        &self,
        key: &str,
        ok: impl Fn(&Value) -> bool,
        rule: &str,
    ) -> Result<(), ModelError> {
        match self.value(key) {
            Some(v) if !ok(v) => Err(self.error(key, format!("{v} is not supported; {rule}"))),
            _ => Ok(()),
        }
    }
}
