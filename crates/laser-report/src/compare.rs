//! Base against final: how large a difference is, and whether chance alone explains it.

use crate::data::Estimate;
use crate::html::{fixed, signed};

/// How a metric is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share, written in per cent; differences in points.
    Percent,
    /// A plain number with three decimals.
    Plain,
}

/// Which direction of a metric is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Good {
    Higher,
    Lower,
    /// Neither direction is good in itself.
    Neither,
}

/// What a difference amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    /// Moved, and the metric has no good direction.
    Moved,
    /// The interval holds zero.
    Indistinct,
    /// There is no interval to judge by.
    Unknown,
}

impl Unit {
    fn scale(self) -> (f64, usize) {
        match self {
            Unit::Percent => (100.0, 1),
            Unit::Plain => (1.0, 3),
        }
    }

    /// `44.0 %` or `0.812`.
    pub fn value(self, value: f64) -> String {
        let suffix = if self == Unit::Percent { "\u{a0}%" } else { "" };
        format!("{}{suffix}", self.number(value))
    }

    /// As [`Unit::value`] without the sign of per cent.
    pub fn number(self, value: f64) -> String {
        let (scale, decimals) = self.scale();
        fixed(value * scale, decimals)
    }

    /// `[41.2, 46.9]`.
    pub fn interval(self, (low, high): (f64, f64)) -> String {
        format!("[{}, {}]", self.number(low), self.number(high))
    }

    /// `+12.8 points [9.9, 15.7]` or `−0.104 [−0.120, −0.087]`.
    pub fn difference(self, difference: &Estimate) -> String {
        let (scale, decimals) = self.scale();
        let Some(value) = difference.value else {
            return "—".to_owned();
        };
        let mut text = signed(value * scale, decimals);
        if self == Unit::Percent {
            text.push_str(" points");
        }
        if let Some(interval) = difference.interval {
            text.push(' ');
            text.push_str(&self.interval(interval));
        }
        text
    }
}

/// `to − from` with a 95 % interval by square-and-add (Newcombe 1998; MOVER).
///
/// It takes the two as independent. Two models on the same problems err together, so the true
/// interval is narrower: what is called distinguishable here is so with room to spare.
pub fn difference(from: &Estimate, to: &Estimate) -> Estimate {
    let (Some(a), Some(b)) = (from.value, to.value) else {
        return Estimate::default();
    };
    let interval = from.interval.zip(to.interval).map(|((al, ah), (bl, bh))| {
        (
            b - a - (b - bl).max(0.0).hypot((ah - a).max(0.0)),
            b - a + (bh - b).max(0.0).hypot((a - al).max(0.0)),
        )
    });
    Estimate {
        value: Some(b - a),
        interval,
    }
}

/// Judges a difference.
pub fn verdict(difference: &Estimate, good: Good) -> Verdict {
    match (difference.value, difference.interval) {
        (Some(_), Some((low, high))) if low <= 0.0 && high >= 0.0 => Verdict::Indistinct,
        (Some(_), Some((low, _))) => match (good, low > 0.0) {
            (Good::Neither, _) => Verdict::Moved,
            (Good::Higher, true) | (Good::Lower, false) => Verdict::Better,
            _ => Verdict::Worse,
        },
        _ => Verdict::Unknown,
    }
}

impl Verdict {
    /// A word for a card or a cell.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Moved => "moved",
            Verdict::Indistinct => "not distinguishable",
            Verdict::Unknown => "",
        }
    }

    /// The name of its CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            _ => "same",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate {
            value: Some(value),
            interval: Some((low, high)),
        }
    }

    #[test]
    fn equal_and_independent_halves_add_in_square() {
        let d = difference(&estimate(0.3, 0.26, 0.34), &estimate(0.5, 0.47, 0.53));
        let (low, high) = d.interval.unwrap();
        assert!((low - 0.15).abs() < 1e-12 && (high - 0.25).abs() < 1e-12);
        assert_eq!(verdict(&d, Good::Higher), Verdict::Better);
        assert_eq!(verdict(&d, Good::Lower), Verdict::Worse);
        assert_eq!(Unit::Percent.difference(&d), "+20.0 points [15.0, 25.0]");
    }

    #[test]
    fn an_interval_that_holds_zero_is_no_verdict() {
        let d = difference(&estimate(0.3, 0.2, 0.4), &estimate(0.25, 0.2, 0.3));
        assert_eq!(verdict(&d, Good::Higher), Verdict::Indistinct);
    }

    #[test]
    fn without_intervals_there_is_a_difference_but_no_verdict() {
        let point = |v| Estimate {
            value: Some(v),
            interval: None,
        };
        let d = difference(&point(0.3), &point(0.4));
        assert!(d.value.is_some());
        assert_eq!(verdict(&d, Good::Higher), Verdict::Unknown);
        assert_eq!(difference(&Estimate::default(), &point(0.4)).value, None);
    }
}
