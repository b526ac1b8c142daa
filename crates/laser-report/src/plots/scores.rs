//! The self-reward against the verifier: where scores fall, and whether they can be believed.

use super::figure::{Key, Size, Swatch, empty, figure};
use crate::data::{Bin, Calibration, Histogram, RunData};
use crate::html::{fixed, short};
use crate::svg::{Axis, Labels, Marker, Panel};

/// The self-reward above which a response is judged right.
const THRESHOLD: f64 = 0.5;
/// Height of the strip of counts under the reliability diagram, in drawing units.
const STRIP: f64 = 70.0;

/// Histograms of the self-reward by correctness, base (if measured) and final on one scale, and
/// the reliability diagram.
pub fn scores(run: &RunData) -> Vec<String> {
    let of = |c: &Option<Calibration>| {
        let histogram = c.as_ref()?.histogram.clone()?;
        let ordered = histogram.low? < histogram.high?;
        (ordered && total(&histogram) > 0.0).then_some(histogram)
    };
    let base = of(&run.summary.base_calibration);
    let trained = of(&run.summary.calibration);
    let size = if base.is_some() {
        Size::Third
    } else {
        Size::Half
    };
    let y = histogram_axis([&base, &trained].into_iter().flatten());
    let mut figures = Vec::new();
    if let Some(base) = &base {
        figures.push(histogram(
            "scores-base",
            "Self-rewards, base model",
            base,
            y.clone(),
            size,
        ));
    }
    let (id, title) = ("scores", "Self-rewards, final model");
    figures.push(match &trained {
        Some(data) => histogram(id, title, data, y, size),
        None => empty(id, title, "summary.json has no histogram."),
    });
    figures.push(reliability(
        "reliability",
        ("final", &run.summary.calibration),
        ("base", &run.summary.base_calibration),
        size,
    ));
    figures
}

/// The vertical axis that holds all of `shown`, so that histograms can be compared.
pub fn histogram_axis<'a>(shown: impl Iterator<Item = &'a Histogram> + Clone) -> Axis {
    let tallest = |h: &Histogram, counts: &[u32]| {
        f64::from(counts.iter().copied().max().unwrap_or(0)) / total(h).max(1.0)
    };
    let over = shown.clone();
    let up = over.map(|h| tallest(h, &h.correct)).fold(0.0, f64::max);
    let down = shown.map(|h| tallest(h, &h.incorrect)).fold(0.0, f64::max);
    // Room above for the words beside the threshold.
    Axis::around(
        "% of responses, wrong ones downwards",
        Labels::PercentBothWays,
        [up * 1.2, -down, 0.0],
        6,
    )
}

fn total(histogram: &Histogram) -> f64 {
    let both = histogram.correct.iter().chain(&histogram.incorrect);
    both.map(|&n| f64::from(n)).sum()
}

/// Right responses upwards, wrong ones downwards, as shares of all. `data` counts one at least.
pub fn histogram(id: &str, title: &str, data: &Histogram, y: Axis, size: Size) -> String {
    let (low, high) = (data.low.unwrap_or(0.0), data.high.unwrap_or(1.0));
    let x = Axis::exact("self-reward r_s", Labels::Number, (low, high), 5);
    let (width, height) = size.units();
    let mut panel = Panel::new(width, height, x, y);
    let all = total(data);
    for (counts, class, word, sign) in [
        (&data.correct, "c1", "right", 1.0),
        (&data.incorrect, "c2", "wrong", -1.0),
    ] {
        let step = (high - low) / counts.len().max(1) as f64;
        for (i, &count) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let from = low + step * i as f64;
            let hover = format!(
                "{count} {word} responses with a self-reward from {} to {}",
                fixed(from, 2),
                fixed(from + step, 2)
            );
            let tall = sign * f64::from(count) / all;
            panel.bar((from, 0.0), (from + step, tall), class, &hover);
        }
    }
    if (low..high).contains(&THRESHOLD) {
        panel.upright(THRESHOLD, "judged wrong", "judged right");
    }
    let key = |class, name: &str, counts: &[u32]| Key {
        class,
        swatch: Swatch::Area,
        name: format!(
            "{name} ({})",
            counts.iter().map(|&n| u64::from(n)).sum::<u64>()
        ),
    };
    let keys = [
        key("c1", "right responses", &data.correct),
        key("c2", "wrong responses", &data.incorrect),
    ];
    figure(
        id,
        title,
        "by the verifier’s judgement",
        &keys,
        &panel.finish(title),
    )
}

/// Observed accuracy against the self-reward, with the number of responses in each bin below; of
/// a model and of another one to compare with, each with its name.
pub fn reliability(
    id: &str,
    (main, trained): (&str, &Option<Calibration>),
    (other, base): (&str, &Option<Calibration>),
    size: Size,
) -> String {
    let title = "Reliability";
    let trained = usable(trained);
    let base = usable(base);
    if trained.is_empty() && base.is_empty() {
        return empty(id, title, "summary.json has no calibration bins.");
    }
    let both = || trained.iter().chain(&base);
    let low = both().map(|b| b.low.min(b.score)).fold(0.0, f64::min);
    let high = both().map(|b| b.high.max(b.score)).fold(1.0, f64::max);
    let counted = if trained.is_empty() { &base } else { &trained };
    let most = counted.iter().map(|b| b.count).fold(1.0, f64::max);
    let x = Axis::exact("self-reward r_s", Labels::Number, (low, high), 5);
    let y = Axis::exact("right answers, %", Labels::Percent, (0.0, 1.0), 5);
    let y_count = Axis::around("responses per bin", Labels::Number, [0.0, most], 2);
    let room = y.label_width().max(y_count.label_width());
    let (width, height) = size.units();
    let mut panel = Panel::new(width, height - STRIP, x.clone().quiet(), y.padded(room));
    panel.line(&[(0.0, 0.0), (1.0, 1.0)], "faint");
    for (bins, class, marker, name) in [
        (&base, "c5 dash", Marker::Square, other),
        (&trained, "c1", Marker::Circle, main),
    ] {
        let line: Vec<(f64, f64)> = bins.iter().map(|b| (b.score, b.accuracy)).collect();
        panel.line(&line, class);
        for bin in bins {
            let hover = format!(
                "{name}: {} responses, mean self-reward {}, {} % right",
                bin.count,
                short(bin.score),
                fixed(bin.accuracy * 100.0, 1)
            );
            let at = (bin.score, bin.accuracy);
            panel.marker(
                at,
                Some(wilson(bin.accuracy, bin.count)),
                marker,
                class,
                &hover,
            );
        }
    }
    let key = |bins: &[Usable], class, marker, name: &str| {
        (!bins.is_empty()).then(|| Key {
            class,
            swatch: Swatch::Line(marker),
            name: name.to_owned(),
        })
    };
    let perfect = Key {
        class: "faint",
        swatch: Swatch::Trend,
        name: "perfect".to_owned(),
    };
    let keys: Vec<Key> = [
        key(&trained, "c1", Marker::Circle, main),
        key(&base, "c5 dash", Marker::Square, other),
        Some(perfect),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut strip = Panel::new(width, STRIP + 30.0, x, y_count.padded(room));
    for bin in counted {
        let hover = format!("{} responses", bin.count);
        strip.bar((bin.low, 0.0), (bin.high, bin.count), "c1", &hover);
    }
    let note = "does 0.8 mean 80 % right? bars: Wilson 95 %";
    let pictures = panel.finish(title) + &strip.finish("responses per bin");
    figure(id, title, note, &keys, &pictures)
}

/// A bin with everything known and at least one response.
struct Usable {
    low: f64,
    high: f64,
    count: f64,
    score: f64,
    accuracy: f64,
}

fn usable(calibration: &Option<Calibration>) -> Vec<Usable> {
    let bins = calibration.iter().flat_map(|c| &c.bins);
    bins.filter_map(|bin: &Bin| {
        Some(Usable {
            low: bin.low?,
            high: bin.high?,
            count: bin.count.filter(|n| *n > 0.0)?,
            score: bin.mean_score?,
            accuracy: bin.accuracy?.clamp(0.0, 1.0),
        })
    })
    .collect()
}

/// Wilson's 95 % interval for a share seen in `n` responses, taken as independent.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let z2 = 1.96_f64.powi(2);
    let center = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    ((center - half).max(0.0), (center + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_a_worked_example() {
        // 8 of 10, as in the usual tables: 0.490 to 0.943.
        let (low, high) = wilson(0.8, 10.0);
        assert!((low - 0.490).abs() < 5e-4 && (high - 0.943).abs() < 5e-4);
    }
}
