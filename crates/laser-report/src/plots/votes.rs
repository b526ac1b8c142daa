//! What more samples buy: accuracy over K votes, with and without the model's own scores.

use std::collections::BTreeSet;

use super::figure::{Key, Size, Swatch, empty, figure};
use crate::compare::Unit;
use crate::data::{Estimate, Metrics, RunData};
use crate::svg::{Axis, Labels, Marker, Panel};

type Method = (
    &'static str,
    &'static str,
    Marker,
    fn(&Metrics) -> &std::collections::BTreeMap<u32, Estimate>,
);

const METHODS: [Method; 4] = [
    ("any of K is right", "c4 dot", Marker::Triangle, |m| {
        &m.pass_at
    }),
    ("highest self-reward", "c3 dash", Marker::Diamond, |m| {
        &m.best_at
    }),
    ("majority vote", "c2", Marker::Square, |m| &m.maj_at),
    ("weighted vote", "c1 bold", Marker::Circle, |m| {
        &m.weighted_at
    }),
];

/// Accuracy over K for base (if measured) and final on one scale, and what the weights add.
pub fn voting(run: &RunData) -> Vec<String> {
    let known = |m: &Metrics| METHODS.iter().any(|method| !points(m, method).is_empty());
    let size = if known(&run.summary.base) {
        Size::Third
    } else {
        Size::Half
    };
    let models = [
        ("votes-base", "Votes over K, base model", &run.summary.base),
        ("votes", "Votes over K, final model", &run.summary.trained),
    ];
    let values: Vec<f64> = models
        .iter()
        .flat_map(|(_, _, m)| METHODS.iter().flat_map(|method| points(m, method)))
        .flat_map(|(_, e)| {
            let (low, high) = e.interval.unzip();
            [e.value, low, high]
        })
        .flatten()
        .collect();
    let y = Axis::around("right answers, %", Labels::Percent, values, 5);
    let mut figures: Vec<String> = models
        .into_iter()
        .filter(|(id, _, m)| known(m) || *id == "votes")
        .map(|(id, title, m)| {
            if known(m) {
                over_votes(id, title, m, y.clone(), size)
            } else {
                empty(id, title, "summary.json has no votes.")
            }
        })
        .collect();
    figures.push(gain(run, size));
    figures
}

fn points(metrics: &Metrics, method: &Method) -> Vec<(f64, Estimate)> {
    let by_votes = method.3(metrics).iter();
    by_votes
        .filter(|(k, e)| **k > 0 && e.value.is_some())
        .map(|(&k, &e)| (f64::from(k), e))
        .collect()
}

fn over_votes(id: &str, title: &str, metrics: &Metrics, y: Axis, size: Size) -> String {
    let ks: BTreeSet<u32> = METHODS
        .iter()
        .flat_map(|method| method.3(metrics).keys().copied())
        .filter(|k| *k > 0)
        .collect();
    let ks: Vec<f64> = ks.into_iter().map(f64::from).collect();
    let (width, height) = size.units();
    let mut panel = Panel::new(width, height, Axis::powers("samples per problem K", &ks), y);
    let shown: Vec<_> = METHODS.iter().map(|m| (m, points(metrics, m))).collect();
    for ((_, class, _, _), points) in &shown {
        let band: Vec<(f64, f64, f64)> = points
            .iter()
            .filter_map(|(k, e)| e.interval.map(|(low, high)| (*k, low, high)))
            .collect();
        panel.band(&band, class);
    }
    for ((name, class, marker, _), points) in &shown {
        let line: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|(k, e)| Some((*k, e.value?)))
            .collect();
        panel.line(&line, class);
        for (k, estimate) in points {
            let Some(value) = estimate.value else {
                continue;
            };
            let interval = estimate
                .interval
                .map_or(String::new(), |i| Unit::Percent.interval(i));
            let hover = format!("{name}, K = {k}: {} {interval}", Unit::Percent.value(value));
            panel.marker((*k, value), None, *marker, class, &hover);
        }
    }
    let keys: Vec<Key> = shown
        .iter()
        .filter(|(_, points)| !points.is_empty())
        .map(|((name, class, marker, _), _)| Key {
            class,
            swatch: Swatch::Line(*marker),
            name: (*name).to_owned(),
        })
        .collect();
    figure(
        id,
        title,
        "bands: 95 % interval",
        &keys,
        &panel.finish(title),
    )
}

/// Weighted minus plain majority, paired by problem, over K.
fn gain(run: &RunData, size: Size) -> String {
    let (id, title) = ("gain", "What the weights add to the vote");
    let of = |m: &Metrics| -> Vec<(f64, Estimate)> {
        let known = m
            .weighted_minus_maj
            .iter()
            .filter(|(k, e)| **k > 0 && e.value.is_some());
        known.map(|(&k, &e)| (f64::from(k), e)).collect()
    };
    let base = of(&run.summary.base);
    let trained = of(&run.summary.trained);
    if base.is_empty() && trained.is_empty() {
        return empty(id, title, "summary.json has no paired differences.");
    }
    let both = || base.iter().chain(&trained);
    let values = both().flat_map(|(_, e)| {
        let (low, high) = e.interval.unzip();
        [e.value, low, high].into_iter().flatten()
    });
    let y = Axis::around(
        "weighted − majority, points",
        Labels::Percent,
        values.chain([0.0]),
        5,
    );
    let ks: BTreeSet<u64> = both().map(|(k, _)| *k as u64).collect();
    let ks: Vec<f64> = ks.into_iter().map(|k| k as f64).collect();
    let (width, height) = size.units();
    let mut panel = Panel::new(width, height, Axis::powers("samples per problem K", &ks), y);
    panel.across(0.0, "");
    let models = [
        (&base, "c5", Marker::Square, "base", 1.0 / 1.03),
        (&trained, "c1", Marker::Circle, "final", 1.03),
    ];
    let mut keys = Vec::new();
    for (points, class, marker, name, aside) in models {
        for (k, estimate) in points {
            let hover = format!("{name}, K = {k}: {}", Unit::Percent.difference(estimate));
            let at = (k * aside, estimate.value.unwrap_or_default());
            panel.marker(at, estimate.interval, marker, class, &hover);
        }
        if !points.is_empty() {
            keys.push(Key {
                class,
                swatch: Swatch::Point(marker),
                name: name.to_owned(),
            });
        }
    }
    let note = "paired by problem; bars: 95 % interval";
    figure(id, title, note, &keys, &panel.finish(title))
}
