//! Keys of a recipe: set from the command line, and found again in the file for messages.

use super::layers::Layer;
use crate::TrainError;

/// Applies `a.b=value`; the value is TOML, or a bare string.
pub(super) fn apply(table: &mut toml::Table, setting: &str) -> Result<(), TrainError> {
    let bad = |problem: &str| TrainError::Value {
        place: "--set".into(),
        key: setting.split('=').next().unwrap_or_default().trim().into(),
        value: setting
            .split_once('=')
            .map_or(String::new(), |s| s.1.into()),
        problem: problem.into(),
    };
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| bad("expected key=value, as in steps=100"))?;
    if key.trim() == "base" {
        return Err(bad(
            "a base is chosen in a recipe file; name that recipe instead",
        ));
    }
    let value = value.trim();
    let parsed = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.into()));
    let mut path: Vec<&str> = key.split('.').map(str::trim).collect();
    let last = path
        .pop()
        .filter(|k| !k.is_empty())
        .ok_or_else(|| bad("the key is empty"))?;
    let mut here = table;
    for part in path {
        here = here
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| bad(&format!("'{part}' is not a table")))?;
    }
    here.insert(last.into(), value);
    Ok(())
}

/// Where a key was set: the flag, or file and line; the nearest enclosing table otherwise.
pub(super) fn place(layers: &[Layer], settings: &[String], key: &str) -> String {
    // A setting may be a whole table or array.
    let inside = |set: &str| {
        key.strip_prefix(set)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if settings
        .iter()
        .any(|s| s.split('=').next().is_some_and(|k| inside(k.trim())))
    {
        return "--set".into();
    }
    // The last file that says more of the key than the ones over it.
    let mut best: Option<(usize, String)> = None;
    for layer in layers.iter().rev() {
        if let Some((depth, line)) = found(&layer.text, key)
            && best.as_ref().is_none_or(|(deepest, _)| depth > *deepest)
        {
            best = Some((depth, format!("{}, line {line}", layer.file)));
        }
    }
    match (best, layers.last()) {
        (Some((_, place)), _) => place,
        (None, Some(layer)) => format!("{} (by default)", layer.file),
        (None, None) => "by default".into(),
    }
}

/// How many parts of the key a file has, and the line of the last of them.
fn found(text: &str, key: &str) -> Option<(usize, usize)> {
    use toml::de::DeValue;
    let table = toml::de::DeTable::parse(text).ok()?;
    let line = |start: usize| 1 + text[..start].matches('\n').count();
    let mut parts = key.split('.').enumerate();
    let (_, first) = parts.next()?;
    let (k, mut here) = table
        .get_ref()
        .iter()
        .find(|(k, _)| k.get_ref() == first)
        .map(|(k, v)| (k, v.get_ref()))?;
    let mut at = (1, line(k.span().start));
    for (depth, part) in parts {
        // A part of an array is named by its number, from 0.
        let found = match here {
            DeValue::Table(table) => table
                .iter()
                .find(|(k, _)| k.get_ref() == part)
                .map(|(k, v)| (k.span(), v)),
            DeValue::Array(array) => part
                .parse::<usize>()
                .ok()
                .and_then(|i| array.get(i))
                .map(|v| (v.span(), v)),
            _ => None,
        };
        let Some((span, value)) = found else {
            break;
        };
        at = (depth + 1, line(span.start));
        here = value.get_ref();
    }
    Some(at)
}
