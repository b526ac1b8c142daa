//! Series over training steps: raw dots, a smooth trend, held-out points with intervals.

use super::figure::{Key, Size, Swatch, empty, figure};
use crate::data::{Estimate, Step};
use crate::html::short;
use crate::svg::{Axis, Labels, Marker, Panel, smooth, thin};

/// Below this many points there is nothing to smooth: the line joins them.
const ENOUGH_TO_SMOOTH: usize = 12;
/// Raw dots drawn at most; a longer run shows every n-th.
const DOTS: usize = 700;
/// Places where a smoothed line is evaluated.
const SAMPLES: usize = 240;
/// Strips that answer the pointer.
const STRIPS: usize = 100;

/// A metric per step.
pub struct Series<'a> {
    pub name: &'a str,
    pub class: &'a str,
    pub points: Vec<(f64, f64)>,
}

impl<'a> Series<'a> {
    pub fn new(
        name: &'a str,
        class: &'a str,
        steps: &[Step],
        metric: impl Fn(&Step) -> Option<f64>,
    ) -> Self {
        let mut points: Vec<(f64, f64)> = steps
            .iter()
            .filter_map(|s| Some((s.number(), metric(s)?)))
            .collect();
        // A resumed run may repeat steps; drawing needs them in order.
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series {
            name,
            class,
            points,
        }
    }
}

/// Estimates with intervals at some steps.
pub struct HeldOut<'a> {
    pub name: &'a str,
    pub class: &'a str,
    pub marker: Marker,
    pub points: Vec<(f64, Estimate)>,
}

/// How far the vertical axis goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 0 to 1, the data being shares.
    Shares,
    /// From zero to a round number above the data.
    FromZero,
    /// Round numbers around the data.
    Around,
}

/// A figure over steps.
pub struct StepPlot<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub note: &'a str,
    /// Name and unit of the vertical axis.
    pub y_title: &'a str,
    pub labels: Labels,
    pub range: Range,
    pub size: Size,
    pub series: Vec<Series<'a>>,
    pub held_out: Vec<HeldOut<'a>>,
    /// Horizontal lines with labels.
    pub references: Vec<(f64, String)>,
}

impl StepPlot<'_> {
    fn extremes(&self) -> impl Iterator<Item = f64> {
        let held = self.held_out.iter().flat_map(|h| &h.points);
        self.series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.1))
            .chain(held.flat_map(|(_, e)| {
                let ends = e.interval.map_or([None; 2], |(l, h)| [Some(l), Some(h)]);
                [e.value, ends[0], ends[1]].into_iter().flatten()
            }))
            .chain(self.references.iter().map(|r| r.0))
    }

    /// The figure, with a horizontal axis from 0 to the last step that has anything.
    pub fn draw(&self) -> String {
        let held = self
            .held_out
            .iter()
            .flat_map(|h| h.points.iter().map(|p| p.0));
        let steps = self
            .series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.0));
        let Some(last) = steps.chain(held).max_by(f64::total_cmp) else {
            return empty(self.id, self.title, "The run measured none of this.");
        };
        let target = if self.size == Size::Half { 5 } else { 4 };
        let y = match self.range {
            Range::Shares => Axis::exact(self.y_title, self.labels, (0.0, 1.0), target),
            Range::FromZero => {
                let values = self.extremes().chain([0.0]);
                Axis::around(self.y_title, self.labels, values, target)
            }
            Range::Around => Axis::around(self.y_title, self.labels, self.extremes(), target),
        };
        let (width, height) = self.size.units();
        let mut panel = Panel::new(width, height, Axis::steps(last), y);
        for series in &self.series {
            panel.dots(&thin(&series.points, DOTS), series.class);
        }
        let trends: Vec<Vec<(f64, f64)>> = self.series.iter().map(trend).collect();
        for (series, trend) in self.series.iter().zip(&trends) {
            panel.line(trend, series.class);
        }
        for (value, label) in &self.references {
            panel.across(*value, label);
        }
        self.strips(&mut panel, last);
        for held in &self.held_out {
            self.markers(&mut panel, held);
        }
        figure(
            self.id,
            self.title,
            self.note,
            &self.keys(),
            &panel.finish(self.title),
        )
    }

    fn markers(&self, panel: &mut Panel, held: &HeldOut) {
        for (step, estimate) in &held.points {
            let Some(value) = estimate.value else {
                continue;
            };
            let interval = estimate.interval.map_or(String::new(), |(low, high)| {
                format!(" [{}, {}]", self.text(low), self.text(high))
            });
            let title = format!("{}, step {step}: {}{interval}", held.name, self.text(value));
            panel.marker(
                (*step, value),
                estimate.interval,
                held.marker,
                held.class,
                &title,
            );
        }
    }

    /// Strips that tell the raw values nearest to their middle.
    fn strips(&self, panel: &mut Panel, last: f64) {
        let mut at: Vec<f64> = self
            .series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.0))
            .collect();
        at.sort_by(f64::total_cmp);
        at.dedup();
        let at = thin(&at, STRIPS);
        for (i, &step) in at.iter().enumerate() {
            let from = if i == 0 {
                step - 0.5
            } else {
                (at[i - 1] + step) / 2.0
            };
            let to = at.get(i + 1).map_or(step + 0.5, |next| (next + step) / 2.0);
            let mut title = format!("step {step}");
            for series in &self.series {
                let index = series.points.partition_point(|p| p.0 < step);
                if let Some(&(x, value)) = series.points.get(index)
                    && x == step
                {
                    title.push_str(&format!("\n{}: {}", series.name, self.text(value)));
                }
            }
            panel.hit(from.max(0.0), to.min(last), &title);
        }
    }

    fn text(&self, value: f64) -> String {
        match self.labels {
            Labels::Percent | Labels::PercentBothWays => {
                format!("{} %", crate::html::fixed(value * 100.0, 1))
            }
            Labels::Number => short(value),
        }
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let held = self
            .held_out
            .iter()
            .filter(|h| !h.points.is_empty())
            .map(|h| Key {
                class: h.class,
                swatch: Swatch::Point(h.marker),
                name: h.name.to_owned(),
            });
        let series = self
            .series
            .iter()
            .filter(|s| !s.points.is_empty())
            .map(|s| Key {
                class: s.class,
                swatch: Swatch::Trend,
                name: s.name.to_owned(),
            });
        let keys: Vec<Key> = series.chain(held).collect();
        // A single series is named by the title already.
        if keys.len() > 1 { keys } else { Vec::new() }
    }
}

fn trend(series: &Series) -> Vec<(f64, f64)> {
    if series.points.len() < ENOUGH_TO_SMOOTH {
        series.points.clone()
    } else {
        smooth(&series.points, SAMPLES)
    }
}
