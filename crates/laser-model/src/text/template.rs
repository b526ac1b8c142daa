//! Chat templates, in the Jinja environment that transformers renders them in.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, Serde, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use serde_json::Map;

use super::python::{self, Json};
use super::{Message, text_error};
use crate::ModelError;

/// A chat template that has been parsed.
pub(super) struct Template {
    environment: Environment<'static>,
    source: String,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The line and what is wrong there.
    pub fn new(source: &str) -> Result<Self, ModelError> {
        // Jinja reads every kind of line end as one.
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let mut environment = environment()?;
        environment
            .add_template_owned("chat", without_generation_tags(&source))
            .map_err(|e| template_error(CHAT, &e))?;
        Ok(Template {
            environment,
            source,
        })
    }

    /// The source as it was given, with line ends of one kind.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation. `special` are the texts of `bos_token` and its kin; an argument of
    /// the same name goes before them.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
        special: &[(String, String)],
        arguments: &Map<String, serde_json::Value>,
    ) -> Result<String, ModelError> {
        let messages: Vec<Value> = messages.iter().map(|m| Serde(m).into()).collect();
        // transformers passes these two always, so that `tools is none` holds without any.
        let mut context = vec![("tools", Value::from(())), ("documents", Value::from(()))];
        context.extend(special.iter().map(|(k, v)| (k.as_str(), v.into())));
        for (key, value) in arguments {
            if ["messages", "add_generation_prompt"].contains(&key.as_str()) {
                return Err(ModelError::Text(format!(
                    "template argument '{key}': this name is taken; choose another"
                )));
            }
            context.push((key, Serde(value).into()));
        }
        context.push(("messages", messages.into()));
        context.push(("add_generation_prompt", add_generation_prompt.into()));
        self.environment
            .get_template("chat")
            .and_then(|t| t.render(Value::from_pairs(context)))
            .map_err(|e| template_error(CHAT, &e))
    }
}

/// What a chat template is called in messages.
const CHAT: &str = "chat template";

pub(super) fn template_error(of: &str, e: &Error) -> ModelError {
    let line = e.line().map(|n| format!(", line {n}")).unwrap_or_default();
    let what = match (e.kind(), e.detail()) {
        // What the template itself raises stands alone.
        (ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    ModelError::Text(format!("{of}{line}: {what}"))
}

/// Turns `{% generation %}` blocks, which mark what the assistant wrote, into blocks that render
/// their content in a scope of its own.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start + 2);
        out += before;
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let name = tag[..end].trim_matches(['-', '+']).trim();
        match name {
            "generation" => out += &tag[..end].replacen(name, "with", 1),
            "endgeneration" => out += &tag[..end].replacen(name, "endwith", 1),
            _ => out += &tag[..end],
        }
        rest = &tag[end..];
    }
    out + rest
}

/// Blocks are trimmed, values are printed as Python prints them, Python's methods exist, and
/// templates may raise.
pub(super) fn environment() -> Result<Environment<'static>, ModelError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(text_error)?;
    environment.set_syntax(syntax);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::text(value)?)?));
    environment.set_unknown_method_callback(method);
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_filter("trim", |value: &Value, chars: Option<&str>| {
        Ok::<_, Error>(strip(&python::text(value)?, chars, true, true).to_owned())
    });
    environment.add_filter("length", length);
    environment.add_filter("count", length);
    // In Python texts and dictionaries have a length and items too, and so has Jinja's undefined.
    environment.add_test("sequence", |value: &Value| {
        has_items(value) && value.kind() != ValueKind::Iterable
    });
    environment.add_test("iterable", has_items);
    environment.add_function("strftime_now", |format: &str| {
        strftime(format, &jiff::Zoned::now())
    });
    environment.add_function("raise_exception", |message: &Value| {
        let message = python::text(message)?;
        Err::<Value, _>(Error::new(ErrorKind::InvalidOperation, message))
    });
    Ok(environment)
}

/// A moment in the manner of C's `strftime`.
fn strftime(format: &str, moment: &jiff::Zoned) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, moment)
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {e}")))
}

fn has_items(value: &Value) -> bool {
    use ValueKind::{Iterable, Map, Seq, String, Undefined};
    matches!(value.kind(), Seq | String | Map | Iterable | Undefined)
}

/// The number of items; none in an undefined value.
fn length(value: &Value) -> Result<usize, Error> {
    match value.len() {
        Some(n) => Ok(n),
        None if value.is_undefined() => Ok(0),
        None => {
            let what = format!("a value of type {} has no length", value.kind());
            Err(Error::new(ErrorKind::InvalidOperation, what))
        }
    }
}

/// Python's methods of texts, lists and dictionaries.
fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    // These differ from the library's, most in what counts as white space, or are not there.
    match (value.as_str(), name) {
        (Some(s), "strip" | "lstrip" | "rstrip") => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            Ok(strip(s, chars, name != "rstrip", name != "lstrip").into())
        }
        (Some(s), "split") if args.is_empty() => {
            let words = s.split(python::is_space).filter(|w| !w.is_empty());
            Ok(words.map(Value::from).collect())
        }
        (Some(s), "removeprefix") => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(s.strip_prefix(prefix).unwrap_or(s).into())
        }
        (Some(s), "removesuffix") => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(s.strip_suffix(suffix).unwrap_or(s).into())
        }
        (Some(s), "title") => {
            let () = from_args(args)?;
            Ok(python::title(s).into())
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args),
    }
}

fn strip<'a>(s: &'a str, chars: Option<&str>, start: bool, end: bool) -> &'a str {
    let taken = |c: char| match chars {
        Some(chars) => chars.contains(c),
        None => python::is_space(c),
    };
    let s = if start {
        s.trim_start_matches(taken)
    } else {
        s
    };
    if end { s.trim_end_matches(taken) } else { s }
}

/// `tojson(value, ensure_ascii=false, indent=none, separators=none, sort_keys=false)`: Python's
/// `json.dumps`, without the escapes for HTML that Jinja's own filter makes.
fn tojson(value: &Value, args: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    const NAMES: [&str; 4] = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let option = |i: usize| -> Result<Option<Value>, Error> {
        let given = match args.get(i) {
            Some(value) => Some(value.clone()),
            None => named.get(NAMES[i])?,
        };
        Ok(given.filter(|v: &Value| !v.is_none()))
    };
    let bad = |i: usize, v: &Value| {
        let what = format!("tojson: {} = {v} is not supported", NAMES[i]);
        Error::new(ErrorKind::InvalidOperation, what)
    };
    let indent = match option(1)? {
        None => None,
        Some(v) if v.kind() == ValueKind::String => v.as_str().map(str::to_owned),
        Some(v) => match usize::try_from(v.clone()) {
            Ok(n) if n <= 64 => Some(" ".repeat(n)),
            _ => return Err(bad(1, &v)),
        },
    };
    let separators = match option(2)? {
        // Python drops the blank at the end of an indented line.
        None => (
            if indent.is_some() { "," } else { ", " }.into(),
            ": ".into(),
        ),
        Some(v) => {
            let parts: Vec<Value> = v.try_iter()?.collect();
            match (
                parts.first().and_then(Value::as_str),
                parts.get(1).and_then(Value::as_str),
            ) {
                (Some(item), Some(key)) if parts.len() == 2 => (item.into(), key.into()),
                _ => return Err(bad(2, &v)),
            }
        }
    };
    let json = Json {
        ensure_ascii: option(0)?.is_some_and(|v| v.is_true()),
        indent,
        separators,
        sort_keys: option(3)?.is_some_and(|v| v.is_true()),
    };
    if args.len() > NAMES.len() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    named.assert_all_used()?;
    json.dump(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_python_writes_them() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/chat.json")).unwrap();
        let moment: jiff::Zoned = "2026-03-05T07:08:09[UTC]".parse().unwrap();
        for pair in golden["dates"].as_array().unwrap() {
            let format = pair[0].as_str().unwrap();
            assert_eq!(strftime(format, &moment).unwrap(), pair[1], "{format}");
        }
        assert!(strftime("%", &moment).is_err());
    }

    #[test]
    fn generation_tags_keep_their_white_space_control() {
        for (source, expected) in [
            (
                "a{%- generation -%}b{% endgeneration %}",
                "a{%- with -%}b{% endwith %}",
            ),
            (
                "{%generation%}{%+ endgeneration %}",
                "{%with%}{%+ endwith %}",
            ),
            (
                "{% set generation = 1 %}{% generation",
                "{% set generation = 1 %}{% generation",
            ),
        ] {
            assert_eq!(without_generation_tags(source), expected);
        }
    }
}
