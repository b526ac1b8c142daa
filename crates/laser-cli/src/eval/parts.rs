//! The numbers of parts of the problems.

use std::collections::BTreeMap;

use laser_rl::{EvalOptions, Evaluation};
use laser_train::{Origin, SampleRow, TestSet, evaluate};
use serde::Serialize;

/// The numbers of parts of the problems, by name.
pub type Parts = BTreeMap<String, Part>;

/// Some of the problems.
#[derive(Serialize)]
pub struct Part {
    /// How many.
    pub problems: usize,
    /// Their numbers.
    pub metrics: Evaluation,
}

/// The problems that share a name, those without one left out; none where all share the same.
pub fn parts<'a>(
    set: &'a TestSet,
    groups: &[Vec<SampleRow>],
    options: &EvalOptions,
    name: impl Fn(&'a Origin) -> Option<&'a str>,
) -> Parts {
    let mut parts: BTreeMap<&str, Vec<Vec<SampleRow>>> = BTreeMap::new();
    for (origin, group) in set.origins().zip(groups) {
        if let Some(name) = name(origin) {
            parts.entry(name).or_default().push(group.clone());
        }
    }
    let whole = parts.values().any(|p| p.len() == groups.len());
    let parts = parts.into_iter().filter(|_| !whole);
    let measured = parts.map(|(name, groups)| {
        let part = Part {
            problems: groups.len(),
            metrics: evaluate(groups, options).metrics,
        };
        (name.to_owned(), part)
    });
    measured.collect()
}
