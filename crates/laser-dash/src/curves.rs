//! A figure for each key, with the runs over one another; drawn with the report's pictures.

use laser_report::figures::{Key, Size, Swatch, figure, legend};
use laser_report::html::{count, duration, escape, fixed, short};
use laser_report::svg::{Axis, Labels, Marker, Panel, smooth_by, thin};
use serde::Deserialize;

use crate::columns::{Evals, Metrics, Place};
use crate::notes::note;

/// Series of fewer points are joined point by point and have a marker at each.
const FEW: usize = 12;
/// Raw dots drawn at most; a longer run shows every n-th.
const DOTS: usize = 600;
/// Points that are smoothed; those of a longer run are averaged in groups first.
const SMOOTHED: usize = 4_000;
/// Places where a smoothed line is evaluated.
const SAMPLES: usize = 240;
/// Strips that answer the pointer.
const STRIPS: usize = 100;
/// Markers on a line, so that it is known without its colour.
const MARKERS: usize = 5;
/// Different looks of runs.
pub const SLOTS: usize = 12;

/// The horizontal axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum X {
    /// Steps; those of the warm start count apart.
    #[default]
    Step,
    /// Seconds of work.
    Seconds,
    /// Tokens sampled.
    Tokens,
}

/// How the curves are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The horizontal axis.
    pub x: X,
    /// Width of the smoothing as a share of the run; 0 for none.
    pub smooth: f64,
    /// Whether the vertical axis is logarithmic where every value is positive.
    pub log: bool,
    /// The drawing size.
    pub size: Size,
}

/// A run among the curves.
pub struct Shown<'a> {
    /// Its look, below [`SLOTS`].
    pub slot: usize,
    /// Its name.
    pub name: &'a str,
    /// What it measured at each step.
    pub metrics: &'a Metrics,
    /// What its tests gave.
    pub evals: &'a Evals,
}

/// The classes of a slot: 12 pairs of colour and dash, all different.
fn class(slot: usize) -> String {
    let color = ["c1", "c2", "c3", "c4", "c6", "c5"][slot % 6];
    let dash = ["", " dash", " dot", " dashdot"][(slot + slot / 6) % 4];
    format!("{color}{dash}")
}

fn marker(slot: usize) -> Marker {
    use Marker::{Circle, Diamond, Square, Triangle};
    [Circle, Square, Triangle, Diamond][(slot + slot / 6) % 4]
}

/// What the looks mean, as a list.
pub fn key_of_runs<'a>(runs: impl Iterator<Item = (usize, &'a str)>) -> String {
    let classes: Vec<(usize, String, &str)> = runs.map(|(s, name)| (s, class(s), name)).collect();
    let keys: Vec<Key> = classes
        .iter()
        .map(|(slot, class, name)| Key {
            class,
            swatch: Swatch::Line(marker(*slot)),
            name: (*name).to_owned(),
        })
        .collect();
    legend(&keys)
}

/// The picture of a slot alone.
pub fn swatch(slot: usize) -> String {
    let list = key_of_runs(std::iter::once((slot, "")));
    let picture = list
        .split_once("<li>")
        .and_then(|(_, rest)| rest.split_once("</li>"));
    picture.map_or_else(String::new, |(svg, _)| svg.to_owned())
}

/// A number of a run at a place.
struct Point {
    place: Place,
    x: f64,
    y: f64,
    interval: Option<(f64, f64)>,
}

struct Series<'a> {
    run: &'a Shown<'a>,
    points: Vec<Point>,
}

impl<'a> Series<'a> {
    fn new(run: &'a Shown, key: &str, look: Look) -> Series<'a> {
        let at = |place: Place, y, interval| Point {
            place,
            x: match look.x {
                X::Step => place.step,
                X::Seconds => place.seconds,
                X::Tokens => place.tokens,
            },
            y,
            interval,
        };
        let mut points: Vec<Point> = match key.starts_with("test/") {
            true => (run.evals.points(key).into_iter())
                .map(|(step, y, interval)| at(run.metrics.place(step), y, interval))
                .collect(),
            false => (run.metrics.points(key).into_iter())
                .map(|(place, y)| at(place, y, None))
                .collect(),
        };
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Series { run, points }
    }

    /// The line: smoothed over steps, so that it is the same whatever the axis.
    fn trend(&self, look: Look) -> Vec<(f64, f64)> {
        if self.points.len() < FEW || look.smooth <= 0.0 {
            let all: Vec<(f64, f64)> = self.points.iter().map(|p| (p.x, p.y)).collect();
            return thin(&all, 2 * DOTS);
        }
        let group = self.points.len().div_ceil(SMOOTHED);
        let middle =
            |values: &mut dyn Iterator<Item = f64>, n: usize| values.sum::<f64>() / n as f64;
        let (steps, places): (Vec<(f64, f64)>, Vec<f64>) = self
            .points
            .chunks(group)
            .map(|c| {
                let of = |f: fn(&Point) -> f64| middle(&mut c.iter().map(f), c.len());
                ((of(|p| p.place.step), of(|p| p.y)), of(|p| p.x))
            })
            .unzip();
        let smooth = smooth_by(&steps, SAMPLES, look.smooth);
        // Both are thinned in the same way, so they stay in step.
        let places = thin(&places, SAMPLES);
        places
            .into_iter()
            .zip(smooth)
            .map(|(x, (_, y))| (x, y))
            .collect()
    }

    /// The point nearest to a place on the axis, if it is within the distance.
    fn nearest(&self, x: f64, (from, to): (f64, f64)) -> Option<&Point> {
        let after = self.points.partition_point(|p| p.x < x);
        let near = self.points[after.saturating_sub(1)..].iter().take(2);
        let near = near.filter(|p| (from..=to).contains(&p.x));
        near.min_by(|a, b| (a.x - x).abs().total_cmp(&(b.x - x).abs()))
    }
}

/// The figure of a key. Without a number of it, it says so.
pub fn draw(key: &str, runs: &[Shown], look: Look) -> String {
    let note = note(key);
    let share = is_share(key);
    let unit = match (share, note) {
        (true, _) => "%",
        (false, note) => note.map_or("", |n| n.unit.as_str()),
    };
    let words = note.map_or_else(|| of_test(key).to_owned(), |n| n.text.clone());
    let series: Vec<Series> = (runs.iter().map(|run| Series::new(run, key, look)))
        .filter(|s| !s.points.is_empty())
        .collect();
    let id = format!("curve-{}", escape(key));
    let values = || {
        let points = series.iter().flat_map(|s| &s.points);
        points.flat_map(|p| {
            let (low, high) = p.interval.unwrap_or((p.y, p.y));
            [p.y, low, high]
        })
    };
    let log = look.log && values().all(|v| v > 0.0);
    let labels = if share {
        Labels::Percent
    } else {
        Labels::Number
    };
    let linear = || Axis::around(unit, labels, values(), 5);
    let y = match (log, share) {
        (true, true) => Axis::logarithmic("share", values()).unwrap_or_else(linear),
        (true, false) => Axis::logarithmic(unit, values()).unwrap_or_else(linear),
        (false, _) => linear(),
    };
    let last = series.iter().flat_map(|s| s.points.last()).map(|p| p.x);
    let Some(last) = last.max_by(f64::total_cmp) else {
        let body = "<p class=\"none\">None of the chosen runs has it.</p>";
        return figure(&id, key, &words, &[], body);
    };
    let (x, divisor) = x_axis(look.x, last);
    let (width, height) = look.size.units();
    let mut panel = Panel::new(width, height, x, y);
    let place = |p: &Point| (p.x / divisor, p.y);
    for s in &series {
        let dots: Vec<(f64, f64)> = s.points.iter().map(place).collect();
        if dots.len() >= FEW && look.smooth > 0.0 {
            panel.dots(&thin(&dots, DOTS), &class(s.run.slot));
        }
    }
    for s in &series {
        let trend: Vec<(f64, f64)> = (s.trend(look).into_iter())
            .map(|(x, y)| (x / divisor, y))
            .collect();
        panel.line(&trend, &class(s.run.slot));
        let says = |y: f64| format!("{}: {}", s.run.name, number(y, share));
        if s.points.len() < FEW {
            for p in &s.points {
                let title = format!("{}, {}", says(p.y), at(p, X::Step));
                let (slot, at) = (s.run.slot, place(p));
                panel.marker(at, p.interval, marker(slot), &class(slot), &title);
            }
        } else if runs.len() > 1 {
            for &point in marked(&trend, s.run.slot) {
                let slot = s.run.slot;
                panel.marker(point, None, marker(slot), &class(slot), s.run.name);
            }
        }
    }
    strips(&mut panel, &series, look.x, divisor, last, share);
    let not_log = match look.log && !log {
        true => " (not all values are positive: a linear axis)",
        false => "",
    };
    let healthy = note.map_or("", |n| n.healthy.as_str());
    let healthy = match healthy.is_empty() {
        true => String::new(),
        false => format!(". Healthy: {healthy}"),
    };
    figure(
        &id,
        key,
        &format!("{words}{healthy}{not_log}"),
        &[],
        &panel.finish(&format!("{key} over {}", axis_name(look.x))),
    )
}

/// A few points of a line, at other places for every slot.
fn marked(trend: &[(f64, f64)], slot: usize) -> impl Iterator<Item = &(f64, f64)> {
    let stride = (trend.len() / MARKERS).max(1);
    let first = stride * (1 + slot % SLOTS) / (SLOTS + 1);
    trend.iter().skip(first).step_by(stride)
}

/// Strips over the whole panel that tell the values nearest to their middle.
fn strips(panel: &mut Panel, series: &[Series], axis: X, divisor: f64, last: f64, share: bool) {
    let mut at_x: Vec<f64> = series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.x))
        .collect();
    at_x.sort_by(f64::total_cmp);
    at_x.dedup();
    let middles = thin(&at_x, STRIPS);
    for (i, &x) in middles.iter().enumerate() {
        let from = if i == 0 {
            0.0
        } else {
            (middles[i - 1] + x) / 2.0
        };
        let to = middles.get(i + 1).map_or(last, |next| (next + x) / 2.0);
        let mut title = String::new();
        for s in series {
            let Some(p) = s.nearest(x, (from, to)) else {
                continue;
            };
            if title.is_empty() {
                title = at(p, axis);
            }
            let step = match axis {
                X::Step => String::new(),
                _ => format!(" ({})", at(p, X::Step)),
            };
            title += &format!("\n{}: {}", s.run.name, number(p.y, share));
            if let Some((low, high)) = p.interval {
                title += &format!(" [{}, {}]", number(low, share), number(high, share));
            }
            title += &step;
        }
        panel.hit(from / divisor, to.max(from) / divisor, &title);
    }
}

fn at(point: &Point, axis: X) -> String {
    match axis {
        X::Step => format!("step {}", point.place.step),
        X::Seconds => duration(point.x),
        X::Tokens => format!("{} tokens", count(point.x)),
    }
}

fn axis_name(x: X) -> &'static str {
    match x {
        X::Step => "steps",
        X::Seconds => "seconds of work",
        X::Tokens => "tokens",
    }
}

/// The axis up to `last`, and what values are divided by to stand on it.
fn x_axis(x: X, last: f64) -> (Axis, f64) {
    let exact = |title: &str, divisor: f64| {
        let end = (last / divisor).max(f64::MIN_POSITIVE);
        (Axis::exact(title, Labels::Number, (0.0, end), 5), divisor)
    };
    match x {
        X::Step => (Axis::steps(last), 1.0),
        X::Seconds if last > 7_200.0 => exact("hours of work", 3_600.0),
        X::Seconds if last > 600.0 => exact("minutes of work", 60.0),
        X::Seconds => exact("seconds of work", 1.0),
        X::Tokens if last > 2e9 => exact("tokens, billions", 1e9),
        X::Tokens => exact("tokens", 1.0),
    }
}

fn number(value: f64, share: bool) -> String {
    match share {
        true => format!("{} %", fixed(value * 100.0, 1)),
        false => short(value),
    }
}

fn is_share(key: &str) -> bool {
    match key.strip_prefix("test/") {
        Some("loss") => false,
        Some(name) => !of_test(key).is_empty() && !name.ends_with("spearman_length"),
        None => note(key).is_some_and(|n| n.unit == "share"),
    }
}

/// What a number of a test is.
fn of_test(key: &str) -> &'static str {
    let Some(name) = key.strip_prefix("test/") else {
        return "";
    };
    match name
        .rsplit_once('/')
        .map_or((name, ""), |(group, part)| (group, part))
    {
        ("accuracy", _) => "share of right responses to the test problems",
        ("loss", _) => "cross entropy of written responses to the test problems, nats per token",
        ("pass_at", _) => "one of so many responses is right",
        ("maj_at", _) => "the majority of so many responses is right",
        ("weighted_at", _) => "the vote of so many responses, weighted by self-reward, is right",
        ("best_at", _) => "of so many responses the one with the highest self-reward is right",
        ("weighted_minus_maj", _) => "what the weights add to the majority vote",
        ("self_verification", "f1") => "harmonic mean of TPR and TNR in the test",
        ("self_verification", "tpr") => "right test responses that are judged right",
        ("self_verification", "tnr") => "wrong test responses that are judged wrong",
        ("self_verification", "auroc") => "a right test response scores above a wrong one",
        ("self_verification", "ece") => "calibration error of the self-reward in the test",
        ("self_verification", "spearman_length") => "rank correlation of self-reward and length",
        _ => "",
    }
}
