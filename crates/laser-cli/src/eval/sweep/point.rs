//! The numbers at one value of a sweep, and tables and plots of them.

use laser_report::{Chart, Curve, CurvePoint};
use laser_rl::{Estimate, Evaluation};
use serde::{Deserialize, Serialize, Serializer};

use super::Axis;
use crate::eval::answers::{Answers, Measured};
use crate::summary::{aligned, percent, table as empty_table};

/// The numbers at one value; an entry of `sweep` in summary.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What is swept over.
    pub axis: Axis,
    /// The value.
    #[serde(serialize_with = "shortly")]
    pub value: f64,
    /// Responses to a problem that vote.
    pub k: usize,
    /// Accuracy of one response: avg@n, of a search that of its likeliest.
    pub accuracy: Estimate,
    /// Accuracy of the majority.
    pub majority: Estimate,
    /// Accuracy of the vote weighted by the self-reward; empty without one, as the next.
    pub weighted: Estimate,
    /// Accuracy of the response with the highest self-reward.
    pub best: Estimate,
    /// Whether any of the responses is right.
    pub pass: Estimate,
    /// Self-verification F1 of all responses.
    pub f1: Estimate,
    /// Tokens of k responses to every problem.
    pub tokens: usize,
    /// What they took; of k responses the share of the time of all.
    pub seconds: f64,
}

/// A whole number without a decimal point.
fn shortly<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match value.fract() == 0.0 {
        true => serializer.serialize_u64(*value as u64),
        false => serializer.serialize_f64(*value),
    }
}

/// A column: its name in files, its title, and its number.
type Column = (&'static str, &'static str, fn(&Point) -> &Estimate);

const COLUMNS: [Column; 6] = [
    ("accuracy", "one response", |p| &p.accuracy),
    ("majority", "majority vote", |p| &p.majority),
    ("weighted", "weighted vote", |p| &p.weighted),
    ("best", "highest self-reward", |p| &p.best),
    ("pass", "any is right", |p| &p.pass),
    ("f1", "self-verification F1", |p| &p.f1),
];
/// The last column, which is no accuracy.
const F1: &str = "f1";

impl Point {
    /// The numbers of all answers at a setting, k of which vote.
    pub fn new(
        axis: Axis,
        value: f64,
        k: usize,
        answers: &Answers,
        measured: &Measured,
        scored: bool,
    ) -> Self {
        let e = &measured.metrics;
        let at = |votes: &std::collections::BTreeMap<usize, Estimate>| {
            votes.get(&k).copied().unwrap_or_default()
        };
        let of_score = |estimate: Estimate| match scored {
            true => estimate,
            false => Estimate::default(),
        };
        Point {
            axis,
            value,
            k,
            accuracy: measured.first.unwrap_or(e.accuracy),
            majority: at(&e.maj_at),
            weighted: of_score(at(&e.weighted_at)),
            best: of_score(at(&e.best_at)),
            pass: at(&e.pass_at),
            f1: of_score(f1(e)),
            tokens: answers.tokens(),
            seconds: answers.seconds,
        }
    }

    /// The numbers of k of the answers.
    pub fn of_k(k: usize, answers: &Answers, measured: &Measured, scored: bool) -> Self {
        let tokens: f64 = answers
            .groups
            .iter()
            .filter(|group| !group.is_empty())
            .map(|group| {
                let all: usize = group.iter().map(|a| a.row.length).sum();
                all as f64 * k.min(group.len()) as f64 / group.len() as f64
            })
            .sum();
        let share = tokens / (answers.tokens() as f64).max(1.0);
        Point {
            tokens: tokens.round() as usize,
            seconds: answers.seconds * share,
            ..Point::new(Axis::K, k as f64, k, answers, measured, scored)
        }
    }
}

fn f1(e: &Evaluation) -> Estimate {
    e.self_verification.f1
}

/// The table for the terminal.
pub fn table(points: &[Point]) -> String {
    let mut table = empty_table([
        "at", "k", "one", "majority", "weighted", "best", "any", "F1", "tokens", "seconds",
    ]);
    for p in points {
        let mut row = vec![format!("{} {}", p.axis.name(), p.value), p.k.to_string()];
        row.extend(COLUMNS.map(|(.., get)| percent(Some(get(p)))));
        row.extend([p.tokens.to_string(), format!("{:.1}", p.seconds)]);
        table.add_row(row);
    }
    aligned(table).to_string()
}

/// The points as lines of numbers; what there is not is empty.
pub fn csv(points: &[Point]) -> String {
    let mut lines = String::from("axis,value,k");
    for (name, ..) in COLUMNS {
        lines += &format!(",{name},{name}_low,{name}_high");
    }
    lines += ",tokens,seconds\n";
    let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for p in points {
        lines += &format!("{},{},{}", p.axis.name(), p.value, p.k);
        for (.., get) in COLUMNS {
            let Estimate { value, low, high } = *get(p);
            let numbers = [value, low, high].map(number).join(",");
            lines += &format!(",{numbers}");
        }
        lines += &format!(",{},{:.3}\n", p.tokens, p.seconds);
    }
    lines
}

/// The plots of the points of one or more models. Of one model the accuracies share a plot, of
/// several each accuracy has one in which the models are compared.
pub fn charts(models: &[(&str, &[Point])]) -> Vec<Chart> {
    let mut charts = Vec::new();
    for axis in Axis::ALL {
        let on_axis: Vec<(&str, Vec<&Point>)> = models
            .iter()
            .map(|(name, points)| (*name, points.iter().filter(|p| p.axis == axis).collect()))
            .filter(|(_, points): &(_, Vec<&Point>)| !points.is_empty())
            .collect();
        if on_axis.is_empty() {
            continue;
        }
        // Whatever votes, the F1 of single responses is the same.
        let shown = COLUMNS.iter().filter(|c| axis != Axis::K || c.0 != F1);
        let chart = |title: String, curves: Vec<Curve>| Chart {
            title,
            x: axis.title().into(),
            doubling: axis != Axis::Temperature,
            y: "%".into(),
            curves: curves
                .into_iter()
                .filter(|c| !c.points.is_empty())
                .collect(),
        };
        if let [(_, points)] = &on_axis[..] {
            let (f1, accuracies): (Vec<_>, Vec<_>) = shown.partition(|c| c.0 == F1);
            let curves = |columns: Vec<&Column>| -> Vec<Curve> {
                let curve = |(_, title, get): &&Column| curve(title, points, *get);
                columns.iter().map(curve).collect()
            };
            let over = axis.title();
            charts.push(chart(format!("Accuracy over {over}"), curves(accuracies)));
            charts.push(chart(format!("Self-verification over {over}"), curves(f1)));
        } else {
            for (_, title, get) in shown {
                let curves = on_axis
                    .iter()
                    .map(|(name, points)| curve(name, points, *get));
                charts.push(chart(
                    format!("{title}, over {}", axis.title()),
                    curves.collect(),
                ));
            }
        }
    }
    charts.retain(|c| !c.curves.is_empty());
    charts
}

fn curve(name: &str, points: &[&Point], get: fn(&Point) -> &Estimate) -> Curve {
    let point = |p: &&Point| {
        let estimate = get(p);
        Some(CurvePoint {
            x: p.value,
            value: estimate.value?,
            interval: estimate.low.zip(estimate.high),
        })
    };
    Curve {
        name: name.into(),
        points: points.iter().filter_map(point).collect(),
    }
}
