//! Commands that read JSON lines and write JSON lines.

mod destination;
mod lines;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use serde_json::value::RawValue;

pub use destination::Destination;
pub use lines::{Chunk, Lines};

/// The members of a line's object, each as it is written.
pub type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Where lines come from and go to.
#[derive(clap::Args)]
pub struct Streams {
    /// JSON lines to read; - is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub input: PathBuf,
    /// Where the results go; - is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub output: PathBuf,
}

impl Streams {
    /// Reads `at_once` lines at a time, and writes what `answer` makes of them, in order. The
    /// first line that `read` refuses ends it; a file is checked as a whole before it begins.
    /// `read` gets a line's index, from 0. Returns how many lines were read.
    ///
    /// # Errors
    /// A bad line with its file and number, what `answer` fails with, and an output that cannot be
    /// written. An output file then stays as it was.
    pub fn convert<T>(
        &self,
        at_once: usize,
        read: impl Fn(u64, &[u8]) -> Result<T, String>,
        mut answer: impl FnMut(Vec<T>) -> Result<String>,
    ) -> Result<u64> {
        if self.input.is_file() {
            self.check(&read)?;
        }
        let mut lines = Lines::open(&self.input)?;
        let mut destination = Destination::open(&self.output)?;
        let mut count = 0;
        loop {
            let chunk = lines.next_chunk(at_once);
            let mut bad = None;
            let mut good = Vec::with_capacity(chunk.lines.len());
            for (index, range) in (chunk.first - 1..).zip(&chunk.lines) {
                match read(index, &chunk.bytes[range.clone()]) {
                    Ok(line) => good.push(line),
                    Err(problem) => {
                        bad = Some(lines.bad(index + 1, &problem));
                        break;
                    }
                }
            }
            count += good.len() as u64;
            if !good.is_empty() {
                let text = answer(good)?;
                // Without its reader, the rest is of no use to anyone.
                if !destination.write(text.as_bytes())? {
                    return Ok(count);
                }
            }
            match (bad, chunk.end) {
                (Some(bad), _) | (None, Some(Err(bad))) => return Err(bad.into()),
                (None, Some(Ok(()))) => break,
                (None, None) => {}
            }
        }
        destination.finish()?;
        Ok(count)
    }

    /// Reads all lines once, so that hours of work are not lost to a bad one at the end.
    fn check<T>(&self, read: &impl Fn(u64, &[u8]) -> Result<T, String>) -> Result<()> {
        let mut lines = Lines::open(&self.input)?;
        loop {
            let chunk = lines.next_chunk(1024);
            for (index, range) in (chunk.first - 1..).zip(&chunk.lines) {
                if let Err(problem) = read(index, &chunk.bytes[range.clone()]) {
                    return Err(lines.bad(index + 1, &problem).into());
                }
            }
            if let Some(end) = chunk.end {
                return Ok(end?);
            }
        }
    }

    /// The input's name in messages.
    pub fn name(&self) -> String {
        match self.input == Path::new("-") {
            true => "standard input".into(),
            false => self.input.display().to_string(),
        }
    }
}

/// A line of output: a result, then the members of `rest` that have none of its names.
///
/// # Errors
/// A result that is no JSON object.
pub fn with_rest(result: &impl Serialize, rest: &Fields) -> Result<String> {
    let mut json = serde_json::to_string(result)?;
    let names: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_str(&json)?;
    json.pop();
    for (key, value) in rest.iter().filter(|(key, _)| !names.contains_key(*key)) {
        let comma = if json.len() > 1 { "," } else { "" };
        json += &format!("{comma}{}:{}", serde_json::to_string(key)?, value.get());
    }
    json += "}\n";
    Ok(json)
}

/// The members of a line.
///
/// # Errors
/// What is wrong with the line, where `expected` is.
pub fn fields<'a>(line: &'a [u8], expected: &str) -> Result<Fields<'a>, String> {
    let text = std::str::from_utf8(line)
        .map_err(|e| format!("not UTF-8, column {}", e.valid_up_to() + 1))?;
    serde_json::from_str(text).map_err(|e| {
        if e.is_data() {
            return format!("{} where {expected} is expected", kind(text.trim_start()));
        }
        let place = format!(" at line {} column {}", e.line(), e.column());
        let message = e.to_string();
        let message = message.strip_suffix(&place).unwrap_or(&message);
        format!("not JSON: {message}, column {}", e.column())
    })
}

/// The text of a JSON string.
///
/// # Errors
/// What is wrong with its escapes.
pub fn string(json: &str) -> Result<String, String> {
    serde_json::from_str(json).map_err(|e| format!("not JSON: {e}"))
}

/// The error of a member of the wrong type.
pub fn wrong_type(key: &str, json: &str, expected: &str) -> String {
    format!("'{key}' is {}; {expected} is expected", kind(json))
}

/// What a valid JSON value is, in words.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't') => "true",
        Some(b'f') => "false",
        Some(b'n') => "null",
        _ => "a number",
    }
}
