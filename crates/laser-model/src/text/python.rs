//! Values written as Python writes them, because chat templates are made for Jinja in Python.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// What Python's `str.strip()` takes away: white space, and the four ASCII separators, which
/// Unicode's property leaves out.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.title()`: letters after anything but a letter are upper case, all others lower.
pub(super) fn title(s: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphabetic();
    }
    out
}

/// `str(value)`; undefined values are the empty text, as Jinja prints them.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(s) => Ok(s.to_owned()),
        None if value.is_undefined() => Ok(String::new()),
        None => repr(value),
    }
}

/// `repr(value)`.
fn repr(value: &Value) -> Result<String, Error> {
    let list = |open: &str, close: &str| -> Result<String, Error> {
        let items = value.try_iter()?.map(|v| repr(&v));
        Ok(open.to_owned() + &items.collect::<Result<Vec<_>, _>>()?.join(", ") + close)
    };
    Ok(match value.kind() {
        ValueKind::None => "None".into(),
        ValueKind::Bool if value.is_true() => "True".into(),
        ValueKind::Bool => "False".into(),
        ValueKind::Number => number(value),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Seq if value.is_tuple() => match value.len() {
            Some(1) => list("(", ",)")?,
            _ => list("(", ")")?,
        },
        ValueKind::Seq => list("[", "]")?,
        ValueKind::Map => {
            let entries = value.try_iter()?.map(|key| {
                let item = value.get_item(&key)?;
                Ok(format!("{}: {}", repr(&key)?, repr(&item)?))
            });
            format!(
                "{{{}}}",
                entries.collect::<Result<Vec<_>, Error>>()?.join(", ")
            )
        }
        _ => value.to_string(),
    })
}

/// A text in quotes: single ones, unless it holds a single and no double one.
fn quoted(s: &str) -> String {
    let quote = match s.contains('\'') && !s.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut out = String::from(quote);
    for c in s.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x100 && c.is_control() => out += &format!("\\x{:02x}", c as u32),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Integers as they are; floats with the shortest digits, with an exponent below 1e-4 and from
/// 1e16 on.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(x) = f64::try_from(value.clone()) else {
        return value.to_string();
    };
    if x == 0.0 || (1e-4..1e16).contains(&x.abs()) || !x.is_finite() {
        return format!("{x:?}").to_lowercase();
    }
    let short = format!("{x:e}");
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    match exponent.strip_prefix('-') {
        Some(e) => format!("{digits}e-{e:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

/// The options of `json.dumps` that transformers' `tojson` has.
pub(super) struct Json {
    /// Characters above ASCII as `\u` escapes.
    pub ensure_ascii: bool,
    /// What a level is indented by; `None` is a single line.
    pub indent: Option<String>,
    /// Between items and between a key and its value.
    pub separators: (String, String),
    /// Keys in the order of their text.
    pub sort_keys: bool,
}

impl Json {
    /// `json.dumps(value)`.
    pub fn dump(&self, value: &Value) -> Result<String, Error> {
        let mut out = String::new();
        self.write(value, 0, &mut out)?;
        Ok(out)
    }

    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match number(value).as_str() {
                "inf" => out.push_str("Infinity"),
                "-inf" => out.push_str("-Infinity"),
                "nan" => out.push_str("NaN"),
                digits => out.push_str(digits),
            },
            ValueKind::String => self.string(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.block('[', ']', &items, depth, out, |item, out| {
                    self.write(item, depth + 1, out)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort_keys {
                    keys.sort();
                }
                self.block('{', '}', &keys, depth, out, |key, out| {
                    // Keys that are no text are written as their JSON in quotes.
                    match key.as_str() {
                        Some(s) => self.string(s, out),
                        None => self.string(&self.dump(key)?, out),
                    }
                    out.push_str(&self.separators.1);
                    self.write(&value.get_item(key)?, depth + 1, out)
                })?;
            }
            kind => {
                let what = format!("a value of type {kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, what));
            }
        }
        Ok(())
    }

    fn block(
        &self,
        open: char,
        close: char,
        items: &[Value],
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(&Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, out: &mut String| {
            if let Some(indent) = &self.indent {
                out.push('\n');
                out.push_str(&indent.repeat(depth));
            }
        };
        out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.separators.0);
            }
            line(depth + 1, out);
            write(item, out)?;
        }
        if !items.is_empty() {
            line(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn string(&self, s: &str, out: &mut String) {
        out.push('"');
        for c in s.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' '
                    || (self.ensure_ascii && !c.is_ascii())
                    || (self.ensure_ascii && c == '\u{7f}') =>
                {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        *out += &format!("\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}
