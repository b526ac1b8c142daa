//! What the recipes of several runs say differently, key by key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

/// The keys in which recipes differ.
#[derive(Debug, Serialize, PartialEq)]
pub struct Difference {
    /// The key with the values of the recipes, in their order; None where a recipe lacks it.
    pub rows: Vec<(String, Vec<Option<String>>)>,
    /// How many keys are the same.
    pub same: usize,
}

/// Every value of a recipe under its whole key.
pub fn flat(text: &str) -> Result<BTreeMap<String, String>, toml::de::Error> {
    let mut keys = BTreeMap::new();
    flatten("", &Value::Table(text.parse()?), &mut keys);
    Ok(keys)
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let tables = |items: &[Value]| !items.is_empty() && items.iter().all(Value::is_table);
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{key}"), value, into);
            }
        }
        // An array of tables is the same as one written inline.
        Value::Array(items) if tables(items) => {
            for (i, item) in items.iter().enumerate() {
                flatten(&format!("{name}[{i}]"), item, into);
            }
        }
        other => {
            into.insert(name.to_owned(), other.to_string());
        }
    }
}

/// Compares recipes that [`flat`] made.
pub fn difference(recipes: &[BTreeMap<String, String>]) -> Difference {
    let keys: BTreeSet<&String> = recipes.iter().flat_map(BTreeMap::keys).collect();
    let all = keys.len();
    let values = |key: &str| -> Vec<Option<String>> {
        recipes.iter().map(|r| r.get(key).cloned()).collect()
    };
    let rows: Vec<(String, Vec<Option<String>>)> = keys
        .into_iter()
        .map(|key| (key.clone(), values(key)))
        .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect();
    Difference {
        same: all - rows.len(),
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_differ_are_shown_and_arrays_of_tables_by_place() {
        let a = flat(
            "name = 'a'\nsteps = 3\n[optimizer]\nlr = 0.1\n[[tasks]]\ntask = 'peak'\nsteps = [1, 2]",
        );
        let b =
            flat("name = 'b'\nsteps = 3\noptimizer.lr = 0.1\ntasks = [{task = 'peak'}]\nnew = ''");
        let d = difference(&[a.unwrap(), b.unwrap()]);
        let text = |s: &str| Some(s.to_owned());
        assert_eq!(
            d.rows,
            [
                ("name".into(), vec![text("\"a\""), text("\"b\"")]),
                ("new".into(), vec![None, text("\"\"")]),
                ("tasks[0].steps".into(), vec![text("[1, 2]"), None]),
            ]
        );
        assert_eq!(d.same, 3);
    }

    #[test]
    fn a_broken_recipe_says_where() {
        assert!(flat("a = \n").unwrap_err().to_string().contains("line 1"));
    }
}
