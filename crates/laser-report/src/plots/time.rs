//! Where the time went: seconds per phase, stacked, per step.

use std::collections::BTreeMap;

use super::figure::{Key, Size, Swatch, empty, figure};
use crate::data::{RunData, Step};
use crate::html::{duration, fixed};
use crate::svg::{Axis, Labels, Panel};

/// Phases shown by name; what is left is summed as "other".
const NAMED: usize = 5;
/// Columns drawn; a longer run shows means of neighbouring steps.
const COLUMNS: usize = 120;

/// Sums of the named phases; `total` and `step` would count everything twice.
fn is_phase(name: &str) -> bool {
    !matches!(name, "total" | "step")
}

/// Seconds of each of `phases` in one step, in their order, then all others.
fn seconds_by(phases: &[String], step: &Step) -> Vec<f64> {
    let mut seconds: Vec<f64> = phases
        .iter()
        .map(|p| step.seconds_of(p).unwrap_or(0.0))
        .collect();
    let others = step
        .seconds
        .keys()
        .filter(|k| is_phase(k) && !phases.contains(k));
    seconds.push(others.filter_map(|k| step.seconds_of(k)).sum());
    seconds
}

/// Stacked columns of seconds by phase.
pub fn seconds(run: &RunData) -> String {
    let (id, title) = ("seconds", "Seconds per step, by phase");
    let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
    for step in &run.steps {
        for phase in step.seconds.keys().filter(|k| is_phase(k)) {
            *totals.entry(phase).or_default() += step.seconds_of(phase).unwrap_or(0.0);
        }
    }
    let all: f64 = totals.values().sum();
    if all <= 0.0 {
        return empty(id, title, "The run measured none of this.");
    }
    let mut order: Vec<(&str, f64)> = totals.into_iter().filter(|t| t.1 > 0.0).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let phases: Vec<String> = order.iter().take(NAMED).map(|o| o.0.to_owned()).collect();
    let named: f64 = order.iter().take(NAMED).map(|o| o.1).sum();

    let chunk = run.steps.len().div_ceil(COLUMNS).max(1);
    let columns: Vec<(f64, f64, Vec<f64>)> = run
        .steps
        .chunks(chunk)
        .map(|steps| column(steps, &phases))
        .collect();
    let highest = columns.iter().map(|c| c.2.iter().sum::<f64>());
    let y = Axis::around("seconds", Labels::Number, highest.chain([0.0]), 5);
    let last = columns.iter().map(|c| c.1).fold(1.0, f64::max);
    let (width, height) = Size::Half.units();
    let mut panel = Panel::new(width, height, Axis::steps(last), y);
    for (from, to, seconds) in &columns {
        let mut floor = 0.0;
        for (i, value) in seconds.iter().enumerate().filter(|(_, v)| **v > 0.0) {
            let class = format!("c{}", i + 1);
            panel.bar((*from, floor), (*to, floor + value), &class, "");
            floor += value;
        }
        panel.hit(*from, *to, &hover(*from, *to, &phases, seconds));
    }

    let share = |seconds: f64| match 100.0 * seconds / all {
        small if small < 0.5 => "< 1 %".to_owned(),
        percent => format!("{} %", fixed(percent, 0)),
    };
    let mut keys: Vec<(String, String)> = order
        .iter()
        .take(NAMED)
        .enumerate()
        .map(|(i, (name, s))| (format!("c{}", i + 1), format!("{name} {}", share(*s))))
        .collect();
    if all - named > all * 1e-6 {
        keys.push((
            format!("c{}", phases.len() + 1),
            format!("other {}", share(all - named)),
        ));
    }
    let keys: Vec<Key> = keys
        .iter()
        .map(|(class, name)| Key {
            class,
            swatch: Swatch::Area,
            name: name.clone(),
        })
        .collect();
    let mean = duration(all / timed(&run.steps));
    let note = if chunk > 1 {
        format!("mean {mean} per step; each column is the mean of {chunk} steps")
    } else {
        format!("mean {mean} per step")
    };
    figure(id, title, &note, &keys, &panel.finish(title))
}

/// Steps that were timed at all, at least one.
fn timed(steps: &[Step]) -> f64 {
    steps
        .iter()
        .filter(|s| !s.seconds.is_empty())
        .count()
        .max(1) as f64
}

/// The mean of some neighbouring steps: from, to, and seconds by phase.
fn column(steps: &[Step], phases: &[String]) -> (f64, f64, Vec<f64>) {
    let mut sums = vec![0.0; phases.len() + 1];
    for step in steps {
        for (sum, value) in sums.iter_mut().zip(seconds_by(phases, step)) {
            *sum += value;
        }
    }
    for sum in &mut sums {
        *sum /= timed(steps);
    }
    let first = steps.first().map_or(0.0, Step::number);
    let last = steps.last().map_or(0.0, Step::number);
    // A step's time passes between the end of the step before and its own end.
    ((first - 1.0).max(0.0), last.max(first), sums)
}

fn hover(from: f64, to: f64, phases: &[String], seconds: &[f64]) -> String {
    let total: f64 = seconds.iter().sum();
    let mut title = if to - from > 1.0 {
        format!("steps {} to {to}: {} s each", from + 1.0, fixed(total, 2))
    } else {
        format!("step {to}: {} s", fixed(total, 2))
    };
    let names = phases.iter().map(String::as_str).chain(["other"]);
    for (name, value) in names.zip(seconds).filter(|(_, v)| **v > 0.0) {
        title.push_str(&format!("\n{name}: {} s", fixed(*value, 2)));
    }
    title
}
