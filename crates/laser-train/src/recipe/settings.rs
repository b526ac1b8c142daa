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
    if settings
        .iter()
        .any(|s| s.split('=').next().is_some_and(|k| k.trim() == key))
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
    let table = toml::de::DeTable::parse(text).ok()?;
    let mut here = table.get_ref();
    let mut at = None;
    for (depth, part) in key.split('.').enumerate() {
        let Some((k, v)) = here.iter().find(|(k, _)| k.get_ref() == part) else {
            break;
        };
        at = Some((depth + 1, 1 + text[..k.span().start].matches('\n').count()));
        match v.get_ref() {
            toml::de::DeValue::Table(t) => here = t,
            _ => break,
        }
    }
    at
}
