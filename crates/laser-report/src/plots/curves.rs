//! Shares over a setting, for one or more models: the plots of a sweep.

use super::figure::{Key, Size, Swatch, figure};
use crate::compare::Unit;
use crate::svg::{Axis, Labels, Marker, Panel};

/// A share at one value of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The setting's value; above 0 where the axis doubles.
    pub x: f64,
    /// The share, 0 to 1.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
}

/// Shares over a setting, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend calls it.
    pub name: String,
    /// The points.
    pub points: Vec<CurvePoint>,
}

/// A plot of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above the plot.
    pub title: String,
    /// Title of the horizontal axis.
    pub x: String,
    /// Whether that axis is logarithmic, with a tick at each value.
    pub doubling: bool,
    /// Title of the vertical axis, whose labels are in per cent.
    pub y: String,
    /// At most as many as can be told apart are drawn in colours of their own: six.
    pub curves: Vec<Curve>,
}

const LOOKS: [(&str, Marker); 6] = [
    ("c1 bold", Marker::Circle),
    ("c2", Marker::Square),
    ("c3 dash", Marker::Diamond),
    ("c4 dot", Marker::Triangle),
    ("c5", Marker::Circle),
    ("c6", Marker::Square),
];

/// One plot as a figure; `id` is unique on its page.
pub fn chart(id: &str, chart: &Chart) -> String {
    let points = || chart.curves.iter().flat_map(|c| &c.points);
    let mut xs: Vec<f64> = points().map(|p| p.x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let x = match chart.doubling {
        true => Axis::powers(&chart.x, &xs),
        false => Axis::around(&chart.x, Labels::Number, xs, 5),
    };
    let values = points().flat_map(|p| {
        let (low, high) = p.interval.unzip();
        [Some(p.value), low, high].into_iter().flatten()
    });
    let y = Axis::around(&chart.y, Labels::Percent, values, 5);
    let (width, height) = Size::Half.units();
    let mut panel = Panel::new(width, height, x, y);
    let curves = || chart.curves.iter().zip(LOOKS.iter().cycle());
    for (curve, (class, _)) in curves() {
        let with_band = curve.points.iter();
        let band: Vec<(f64, f64, f64)> = with_band
            .filter_map(|p| p.interval.map(|(low, high)| (p.x, low, high)))
            .collect();
        panel.band(&band, class);
    }
    let mut keys = Vec::new();
    for (curve, (class, marker)) in curves() {
        let line: Vec<(f64, f64)> = curve.points.iter().map(|p| (p.x, p.value)).collect();
        panel.line(&line, class);
        for p in &curve.points {
            let interval = p.interval.map(|i| Unit::Percent.interval(i));
            let hover = format!(
                "{}, {} {}: {} {}",
                curve.name,
                chart.x,
                p.x,
                Unit::Percent.value(p.value),
                interval.unwrap_or_default()
            );
            panel.marker((p.x, p.value), None, *marker, class, hover.trim_end());
        }
        keys.push(Key {
            class,
            swatch: Swatch::Line(*marker),
            name: curve.name.clone(),
        });
    }
    let note = "bands: 95 % interval";
    figure(id, &chart.title, note, &keys, &panel.finish(&chart.title))
}
