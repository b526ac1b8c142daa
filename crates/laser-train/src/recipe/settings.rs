//! Keys of a recipe: set from the command line, and found again in the file for messages.

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
pub(super) fn place(file: &str, text: &str, settings: &[String], key: &str) -> String {
    if settings
        .iter()
        .any(|s| s.split('=').next().is_some_and(|k| k.trim() == key))
    {
        return "--set".into();
    }
    let Ok(table) = toml::de::DeTable::parse(text) else {
        return file.into();
    };
    let mut here = table.get_ref();
    let mut at = None;
    for part in key.split('.') {
        let Some((k, v)) = here.iter().find(|(k, _)| k.get_ref() == part) else {
            break;
        };
        at = Some(k.span().start);
        match v.get_ref() {
            toml::de::DeValue::Table(t) => here = t,
            _ => break,
        }
    }
    match at {
        Some(at) => format!(
            "{file}, line {}",
            text[..at].lines().count().max(1) + usize::from(text[..at].ends_with('\n'))
        ),
        None => format!("{file} (by default)"),
    }
}
