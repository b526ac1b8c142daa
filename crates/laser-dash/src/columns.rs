//! The numbers of `metrics.jsonl` and `evals.jsonl`, by key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::tail::Lines;

/// More keys than that are no run's; those after them are left out.
const MOST_KEYS: usize = 1000;
/// Larger magnitudes count as missing: their differences would overflow on an axis.
const LARGEST: f64 = 1e30;

/// Where a line stands on the horizontal axes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place {
    /// The step; those of the warm start count apart.
    pub step: f64,
    /// Seconds of work up to the end of the line's step.
    pub seconds: f64,
    /// Tokens sampled, or where nothing is sampled trained on, up to the end of the line's step.
    pub tokens: f64,
}

/// A bad sign that a run told of.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Warning {
    /// The step that showed it.
    pub step: u64,
    /// Whether the step belongs to the warm start.
    pub warm_start: bool,
    /// Its name; `skipped` for a step that was skipped.
    pub smell: String,
    /// What it is, and what to try.
    pub text: String,
}

/// A column for each key; NaN where a line has no number of it.
#[derive(Default)]
struct Table {
    columns: BTreeMap<String, Vec<f32>>,
    rows: usize,
}

impl Table {
    fn put(&mut self, key: &str, value: f64) {
        if !value.is_finite() || value.abs() > LARGEST {
            return;
        }
        let full = self.columns.len() >= MOST_KEYS;
        let column = match self.columns.get_mut(key) {
            Some(column) => column,
            None if full => return,
            None => self.columns.entry(key.to_owned()).or_default(),
        };
        column.resize(self.rows, f32::NAN);
        column.push(value as f32);
    }

    /// The row of each number of a key, and the number.
    fn get(&self, key: &str) -> impl Iterator<Item = (usize, f64)> {
        let column = self.columns.get(key).into_iter().flatten();
        let numbers = column.enumerate().map(|(row, &v)| (row, f64::from(v)));
        numbers.filter(|(_, v)| v.is_finite())
    }
}

/// The lines of `metrics.jsonl`.
#[derive(Default)]
pub struct Metrics {
    table: Table,
    places: Vec<Place>,
    /// Rows up to here belong to the warm start.
    warm_rows: usize,
    /// What the run warned of, in order.
    pub warnings: Vec<Warning>,
}

impl Metrics {
    /// The keys that have a number in any line.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.table.columns.keys().map(String::as_str)
    }

    /// The numbers of a key, each with its place.
    pub fn points(&self, key: &str) -> Vec<(Place, f64)> {
        let rows = self.table.get(key);
        rows.map(|(row, v)| (self.places[row], v)).collect()
    }

    /// The place of a step after the warm start, or of the last one before it.
    pub fn place(&self, step: f64) -> Place {
        let steps = &self.places[self.warm_rows..];
        let after = steps.partition_point(|p| p.step <= step);
        let last = match (after, self.warm_rows) {
            (0, 0) => Place::default(),
            (0, warm) => self.places[warm - 1],
            (n, _) => steps[n - 1],
        };
        Place { step, ..last }
    }

    fn place_line(&mut self, line: &Map<String, Value>, warm: bool) {
        let last = self.places.last().copied().unwrap_or_default();
        // A line without a step follows the line before, in the same phase.
        let following = match self.warm_rows == self.places.len() && !warm {
            true => 1.0,
            false => last.step + 1.0,
        };
        let parts = |name: &str| line.get(name).and_then(Value::as_object);
        let seconds: f64 = parts("seconds")
            .into_iter()
            .flatten()
            .filter(|(part, _)| *part != "total")
            .filter_map(|(_, v)| v.as_f64())
            .filter(|v| (0.0..1e9).contains(v))
            .sum();
        let tokens = parts("tokens")
            .and_then(|t| t.get("rollout").or_else(|| t.get("train")))
            .and_then(Value::as_f64)
            .filter(|v| (0.0..1e15).contains(v));
        self.places.push(Place {
            step: number(line, "step").unwrap_or(following),
            seconds: last.seconds + seconds,
            tokens: last.tokens + tokens.unwrap_or(0.0),
        });
        if warm {
            self.warm_rows = self.places.len();
        }
    }

    fn warn(&mut self, line: &Map<String, Value>, warm_start: bool) {
        let step = self.places.last().map_or(0, |p| p.step as u64);
        let told = line.get("warnings").and_then(Value::as_array);
        let told = told.into_iter().flatten().map(|warning| {
            let word = |key: &str| warning[key].as_str().unwrap_or_default().to_owned();
            (word("smell"), word("text"))
        });
        let skipped = line.get("optim/skipped_because").and_then(Value::as_str);
        let skipped = skipped.map(|why| {
            let text = format!("the step was skipped, nothing was changed: {why}");
            ("skipped".to_owned(), text)
        });
        let all = told.chain(skipped).map(|(smell, text)| Warning {
            step,
            warm_start,
            smell,
            text,
        });
        self.warnings.extend(all);
    }
}

impl Lines for Metrics {
    fn line(&mut self, line: &[u8], _: u64) -> bool {
        let Ok(Value::Object(line)) = serde_json::from_slice(line) else {
            return false;
        };
        let warm = line.get("phase").and_then(Value::as_str) == Some("sft");
        self.place_line(&line, warm);
        self.warn(&line, warm);
        for (key, value) in &line {
            if matches!(key.as_str(), "step" | "phase" | "time" | "warnings") {
                continue;
            }
            // As in the event file: the warm start's numbers are apart from those of training.
            let key = match warm && !key.starts_with("sft/") {
                true => &format!("sft/{key}"),
                false => key,
            };
            match value {
                Value::Object(parts) => parts.iter().for_each(|(part, value)| {
                    if let Some(value) = value.as_f64() {
                        self.table.put(&format!("{key}/{part}"), value);
                    }
                }),
                value => {
                    if let Some(value) = value.as_f64() {
                        self.table.put(key, value);
                    }
                }
            }
        }
        self.table.rows += 1;
        true
    }
}

/// An estimate of a test: step, value, and its 95 % interval.
pub type Tested = (f64, f64, Option<(f64, f64)>);

/// The lines of `evals.jsonl`; keys begin with `test/`.
#[derive(Default)]
pub struct Evals {
    table: Table,
    steps: Vec<f64>,
}

impl Evals {
    /// The keys that have a number in any line.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.table.columns.keys().map(String::as_str);
        keys.filter(|key| !key.ends_with(LOW) && !key.ends_with(HIGH))
    }

    /// The estimates of a key.
    pub fn points(&self, key: &str) -> Vec<Tested> {
        let at = |end: &str, row: usize| {
            let column = self.table.columns.get(&format!("{key}{end}"))?;
            column.get(row).map(|v| f64::from(*v))
        };
        let interval = |row| at(LOW, row).zip(at(HIGH, row)).filter(|(l, h)| l <= h);
        let rows = self.table.get(key);
        rows.map(|(row, v)| (self.steps[row], v, interval(row)))
            .collect()
    }

    fn put(&mut self, key: &str, value: &Value) {
        let Value::Object(members) = value else {
            if let Some(value) = value.as_f64() {
                self.table.put(key, value);
            }
            return;
        };
        if !members.contains_key("value") {
            return members
                .iter()
                .for_each(|(name, value)| self.put(&format!("{key}/{name}"), value));
        }
        for (name, end) in [("value", ""), ("low", LOW), ("high", HIGH)] {
            if let Some(value) = number(members, name) {
                self.table.put(&format!("{key}{end}"), value);
            }
        }
    }
}

/// What the ends of an interval are kept under: no key of a file ends like that.
const LOW: &str = "\u{0}low";
const HIGH: &str = "\u{0}high";

impl Lines for Evals {
    fn line(&mut self, line: &[u8], _: u64) -> bool {
        let Ok(Value::Object(line)) = serde_json::from_slice(line) else {
            return false;
        };
        let Some(step) = number(&line, "step") else {
            return false;
        };
        for (key, value) in line.iter().filter(|(key, _)| *key != "step") {
            self.put(&format!("test/{key}"), value);
        }
        self.steps.push(step);
        self.table.rows += 1;
        true
    }
}

fn number(line: &Map<String, Value>, key: &str) -> Option<f64> {
    let value = line.get(key)?.as_f64()?;
    (value.abs() <= LARGEST).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(lines: &[&str]) -> Metrics {
        let mut metrics = Metrics::default();
        assert!(lines.iter().all(|l| metrics.line(l.as_bytes(), 0)));
        metrics
    }

    #[test]
    fn steps_seconds_and_tokens_add_up_over_the_warm_start() {
        let m = metrics(&[
            r#"{"phase":"sft","step":7,"seconds":{"train":2,"total":2},"tokens":{"train":10},"sft/loss":3}"#,
            r#"{"step":1,"seconds":{"train":1,"rollout":0.5},"tokens":{"train":9,"rollout":5},"reward/mean":0.5}"#,
            r#"{"reward/mean":null,"optim/lr":0.1}"#,
        ]);
        let keys: Vec<&str> = m.keys().collect();
        assert_eq!(
            keys,
            [
                "optim/lr",
                "reward/mean",
                "seconds/rollout",
                "seconds/train",
                "sft/loss",
                "sft/seconds/total",
                "sft/seconds/train",
                "sft/tokens/train",
                "tokens/rollout",
                "tokens/train"
            ]
        );
        let (place, value) = m.points("reward/mean")[0];
        assert_eq!((place.step, place.seconds, place.tokens), (1.0, 3.5, 15.0));
        assert_eq!(value, 0.5);
        assert_eq!(m.points("optim/lr")[0].0.step, 2.0);
        assert_eq!(m.place(0.0).seconds, 2.0);
        assert_eq!(m.place(1.0).seconds, 3.5);
        assert_eq!(m.place(9.0).step, 9.0);
    }

    #[test]
    fn warnings_and_skipped_steps_are_kept_with_their_step() {
        let m = metrics(&[
            r#"{"step":4,"warnings":[{"smell":"zc_drift","text":"drifts"}],"optim/skipped_because":"the loss"}"#,
        ]);
        assert_eq!(
            (m.warnings[0].step, m.warnings[0].text.as_str()),
            (4, "drifts")
        );
        assert!(m.warnings[1].text.ends_with("the loss"));
    }

    #[test]
    fn tests_have_intervals_and_keys_by_k() {
        let mut evals = Evals::default();
        for line in [
            r#"{"step":5,"accuracy":{"value":0.5,"low":0.25,"high":0.75},"pass_at":{"8":{"value":0.75,"low":null,"high":1}}}"#,
            r#"{"step":10,"accuracy":{"value":null},"pass_at":{"8":{"value":0.5,"low":0.5,"high":1}}}"#,
        ] {
            assert!(evals.line(line.as_bytes(), 0));
        }
        assert_eq!(
            evals.keys().collect::<Vec<_>>(),
            ["test/accuracy", "test/pass_at/8"]
        );
        assert_eq!(
            evals.points("test/accuracy"),
            [(5.0, 0.5, Some((0.25, 0.75)))]
        );
        assert_eq!(
            evals.points("test/pass_at/8"),
            [(5.0, 0.75, None), (10.0, 0.5, Some((0.5, 1.0)))]
        );
        assert!(!evals.line(b"{}", 0) && !evals.line(b"[]", 0));
    }

    #[test]
    fn numbers_beyond_any_axis_and_keys_beyond_any_run_are_left_out() {
        let mut m = metrics(&[r#"{"a/b":1e300,"c/d":"text","e/f":true}"#]);
        assert_eq!(m.keys().count(), 0);
        for i in 0..MOST_KEYS + 10 {
            assert!(m.line(format!("{{\"k/{i}\":1}}").as_bytes(), 0));
        }
        assert_eq!(m.keys().count(), MOST_KEYS);
    }
}
