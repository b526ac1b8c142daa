//! Axes: from data to the unit interval, with ticks at round numbers.

use crate::html::fixed;

/// How tick labels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// As they are, shortened with k or M.
    Number,
    /// The data are shares; labels are in per cent.
    Percent,
    /// As `Percent`, for two sides of zero that both grow outwards.
    PercentBothWays,
}

/// One axis. `low < high`, both finite.
#[derive(Debug, Clone)]
pub struct Axis {
    /// What the axis measures, with its unit; empty for none.
    pub title: String,
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<(f64, String)>,
    /// Least room for tick labels, in characters.
    room: usize,
}

impl Axis {
    /// An axis over exactly `low..high`, with about `target` ticks at round numbers.
    pub fn exact(title: &str, labels: Labels, (low, high): (f64, f64), target: usize) -> Axis {
        let (low, high) = widen(low, high);
        let step = round_step((high - low) / target.max(1) as f64);
        Axis::linear(title, labels, (low, high), step)
    }

    /// An axis that holds all `values` and ends on ticks.
    pub fn around(
        title: &str,
        labels: Labels,
        values: impl IntoIterator<Item = f64>,
        target: usize,
    ) -> Axis {
        let (low, high) = extent(values).unwrap_or((0.0, 1.0));
        let (low, high) = widen(low, high);
        let step = round_step((high - low) / target.max(1) as f64);
        let (floor, mut ceiling) = ((low / step).floor() * step, (high / step).ceil() * step);
        if labels == Labels::Percent && high <= 1.0 {
            // No share exceeds the whole.
            ceiling = ceiling.min(1.0);
        }
        Axis::linear(title, labels, (floor, ceiling), step)
    }

    fn linear(title: &str, labels: Labels, (low, high): (f64, f64), step: f64) -> Axis {
        Axis {
            title: title.to_owned(),
            low,
            high,
            log: false,
            ticks: ticks(low, high, step, labels),
            room: 0,
        }
    }

    /// Whole steps from 0 to `last`; no tick between two whole numbers.
    pub fn steps(last: f64) -> Axis {
        let last = last.max(1.0);
        let step = round_step(last / 5.0).max(1.0);
        Axis::linear("step", Labels::Number, (0.0, last), step)
    }

    /// A logarithmic axis with a tick at each of `values` (ascending, positive).
    pub fn powers(title: &str, values: &[f64]) -> Axis {
        let first = values.first().copied().unwrap_or(1.0).max(1e-9);
        let last = values.last().copied().unwrap_or(1.0).max(first);
        let (low, high) = (first / 1.12, last * 1.12);
        let mut shown: Vec<(f64, String)> = Vec::new();
        for &value in values {
            // Labels closer than a twelfth of the axis would touch.
            let apart = |&(v, _): &(f64, String)| (value / v).ln() > (high / low).ln() / 12.0;
            if shown.last().is_none_or(apart) {
                shown.push((value, fixed(value, 0)));
            }
        }
        Axis {
            title: title.to_owned(),
            low,
            high,
            log: true,
            ticks: shown,
            room: 0,
        }
    }

    /// A logarithmic axis around the positive ones of `values`, with ticks at powers of ten or,
    /// over less than two decades, also between them. None where no value is positive.
    pub fn logarithmic(title: &str, values: impl IntoIterator<Item = f64>) -> Option<Axis> {
        let (low, high) = extent(values.into_iter().filter(|v| *v > 0.0))?;
        // A hundredth of the axis beyond the data, and a tenth of a decade at least.
        let margin = (high / low).powf(0.02).max(1.122);
        let (low, high) = (low / margin, high * margin);
        let decades = (high / low).log10();
        let (leads, stride): (&[f64], i32) = match decades {
            d if d < 2.0 => (&[1.0, 2.0, 5.0], 1),
            d => (&[1.0], (d / 6.0).ceil() as i32),
        };
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let ticks = (first..=last)
            .filter(|power| power % stride == 0)
            .flat_map(|power| leads.iter().map(move |lead| lead * 10_f64.powi(power)))
            .filter(|tick| (low..=high).contains(tick))
            .map(|tick| (tick, log_label(tick)))
            .collect();
        Some(Axis {
            title: title.to_owned(),
            low,
            high,
            log: true,
            ticks,
            room: 0,
        })
    }

    /// Where `value` stands on the axis: 0 at the low end, 1 at the high end, never far outside.
    pub fn place(&self, value: f64) -> f64 {
        let t = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        t.clamp(-0.02, 1.02)
    }

    /// The ticks: value and label.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// The same axis without tick labels, for a panel whose neighbour below shows them.
    pub fn quiet(mut self) -> Axis {
        for tick in &mut self.ticks {
            tick.1.clear();
        }
        self
    }

    /// The same axis with room for labels of `characters`, so that two panels align.
    pub fn padded(mut self, characters: usize) -> Axis {
        self.room = characters;
        self
    }

    /// Characters that the tick labels need.
    pub fn label_width(&self) -> usize {
        let longest = self.ticks.iter().map(|(_, label)| label.chars().count());
        longest.fold(self.room, usize::max)
    }
}

/// The least and the greatest of the finite values.
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |ends, v| match ends {
            None => Some((v, v)),
            Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
        })
}

/// Keeps a constant series from having an axis of no length.
fn widen(low: f64, high: f64) -> (f64, f64) {
    let least = 1e-9_f64.max(1e-9 * low.abs().max(high.abs()));
    if high - low > least {
        return (low, high);
    }
    let half = if low == 0.0 { 0.5 } else { low.abs() * 0.1 };
    (low - half, high + half)
}

/// The 1, 2, 2.5 or 5 times a power of ten next to or above `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let lead = raw / power;
    let round = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|&r| lead <= r * 1.000_001)
        .unwrap_or(10.0);
    round * power
}

fn ticks(low: f64, high: f64, step: f64, labels: Labels) -> Vec<(f64, String)> {
    let slack = step * 1e-6;
    let first = ((low - slack) / step).ceil();
    let values: Vec<f64> = (0..=20)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|&v| v <= high + slack)
        .collect();
    let scale = if labels == Labels::Number { 1.0 } else { 100.0 };
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs())) * scale;
    let step = step * scale;
    values
        .into_iter()
        .map(|v| {
            let shown = if labels == Labels::PercentBothWays {
                v.abs()
            } else {
                v
            };
            (v, tick_label(shown * scale, step, largest))
        })
        .collect()
}

/// All labels of an axis share one form, chosen by the step and the largest tick.
fn tick_label(value: f64, step: f64, largest: f64) -> String {
    let value = if value.abs() < step * 1e-6 {
        0.0
    } else {
        value
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&largest) {
        return format!("{value:.1e}").replace('-', "−");
    }
    let (divisor, unit) = match largest {
        l if l >= 1e6 => (1e6, "M"),
        l if l >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let step = step / divisor;
    let decimals = (0..6)
        .find(|&d| {
            let scaled = step * 10_f64.powi(d);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(6);
    format!("{}{unit}", fixed(value / divisor, decimals as usize))
}

/// A tick of a logarithmic axis: plain where that is short, else as a power of ten.
fn log_label(value: f64) -> String {
    match value {
        v if (0.999e-3..9_999.0).contains(&v) => {
            let decimals = (-v.log10().floor()).max(0.0) as usize;
            fixed(v, decimals)
        }
        v => format!("{v:.0e}").replace('-', "−"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|(_, l)| l.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_share_one_form() {
        let shares = Axis::exact("", Labels::Percent, (0.0, 1.0), 4);
        assert_eq!(labels(&shares), ["0", "25", "50", "75", "100"]);
        let logs = Axis::around("", Labels::Number, [-23.4, -12.1], 5);
        assert_eq!(
            labels(&logs),
            [
                "−25.0", "−22.5", "−20.0", "−17.5", "−15.0", "−12.5", "−10.0"
            ]
        );
        assert_eq!(
            labels(&Axis::steps(500.0)),
            ["0", "100", "200", "300", "400", "500"]
        );
        assert_eq!(labels(&Axis::steps(2.0)), ["0", "1", "2"]);
        let votes = Axis::powers("K", &[1.0, 2.0, 4.0, 8.0]);
        assert_eq!(labels(&votes), ["1", "2", "4", "8"]);
        let large = Axis::around("", Labels::Number, [0.0, 48_000.0], 4);
        assert_eq!(labels(&large), ["0", "20k", "40k", "60k"]);
    }

    #[test]
    fn a_logarithmic_axis_has_few_ticks_at_round_numbers() {
        let of = |values: &[f64]| Axis::logarithmic("", values.iter().copied());
        assert_eq!(
            labels(&of(&[0.001, 1.0]).unwrap()),
            ["0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(labels(&of(&[3.0, 40.0]).unwrap()), ["5", "10", "20"]);
        assert_eq!(labels(&of(&[1e-12, 1.0]).unwrap()).len(), 5);
        let steady = of(&[0.25, 0.25, -1.0]).unwrap();
        assert!((steady.place(0.25) - 0.5).abs() < 1e-9);
        assert!(of(&[0.0, -3.0]).is_none());
    }

    proptest! {
        #[test]
        fn any_finite_data_gives_a_finite_axis_with_few_ticks(
            a in prop::num::f64::NORMAL | prop::num::f64::ZERO,
            b in prop::num::f64::NORMAL | prop::num::f64::ZERO,
        ) {
            let clip = |v: f64| v.clamp(-1e100, 1e100);
            let axis = Axis::around("", Labels::Number, [clip(a), clip(b)], 5);
            let (low, high) = (axis.low, axis.high);
            prop_assert!(low.is_finite() && high.is_finite() && low < high);
            prop_assert!(axis.ticks().len() <= 12);
            prop_assert!((-0.02..=1.02).contains(&axis.place(clip(a))));
        }
    }
}
