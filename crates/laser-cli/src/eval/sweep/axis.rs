//! What is swept over, and the values.

use serde::{Deserialize, Serialize};

/// Most values of a sweep.
const MOST: usize = 1000;

/// What is swept over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Responses that vote.
    K,
    /// Temperature of the sampling.
    Temperature,
    /// Width of beam search.
    Beam,
}

impl Axis {
    /// All of them.
    pub const ALL: [Axis; 3] = [Axis::K, Axis::Temperature, Axis::Beam];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Axis::K => "k",
            Axis::Temperature => "temperature",
            Axis::Beam => "beam",
        }
    }

    /// The title of its axis in a plot.
    pub fn title(self) -> &'static str {
        match self {
            Axis::K => "responses k",
            Axis::Temperature => "temperature",
            Axis::Beam => "beam width",
        }
    }

    fn is_whole(self) -> bool {
        self != Axis::Temperature
    }
}

/// The values of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What is swept over.
    pub axis: Axis,
    /// In ascending order, each once.
    pub values: Vec<f64>,
}

impl Sweep {
    /// Whether it is over the width of beam search.
    pub fn is_beam(&self) -> bool {
        self.axis == Axis::Beam
    }

    /// Reads `KEY=V,V,...` or `KEY=A..B`.
    ///
    /// # Errors
    /// What is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = Axis::ALL.map(Axis::name).join(", ");
        let expected = || {
            format!("KEY=V,V,... or KEY=A..B is expected, with KEY one of {names}, such as k=1..32")
        };
        let (key, values) = text.split_once('=').ok_or_else(expected)?;
        let axis = Axis::ALL.into_iter().find(|a| a.name() == key);
        let axis = axis.ok_or_else(expected)?;
        let mut all = Vec::new();
        for part in values.split(',') {
            match part.split_once("..") {
                Some((first, last)) => {
                    let (first, last) = (value(axis, first)?, value(axis, last)?);
                    if first <= 0.0 || first > last {
                        return Err(format!("{part}: A..B with 0 < A <= B is expected"));
                    }
                    let doubled = std::iter::successors(Some(first), |v| Some(2.0 * v));
                    all.extend(doubled.take_while(|v| *v <= last).take(MOST));
                    all.push(last);
                }
                None => all.push(value(axis, part)?),
            }
        }
        all.sort_by(f64::total_cmp);
        all.dedup();
        Ok(Sweep { axis, values: all })
    }
}

fn value(axis: Axis, text: &str) -> Result<f64, String> {
    let most = match axis {
        Axis::K => 65_536.0,
        Axis::Temperature => 100.0,
        Axis::Beam => 1024.0,
    };
    let number: Option<f64> = text.trim().parse().ok();
    let fits = |v: &f64| match axis.is_whole() {
        true => v.fract() == 0.0 && (1.0..=most).contains(v),
        false => (0.0..=most).contains(v),
    };
    number.filter(fits).ok_or_else(|| {
        let expected = match axis.is_whole() {
            true => format!("a whole number from 1 to {most}"),
            false => format!("a number from 0 to {most}"),
        };
        format!("{}={text}: {expected} is expected", axis.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        Sweep::parse(text).unwrap().values
    }

    #[test]
    fn values_are_listed_or_doubled_and_sorted() {
        assert_eq!(values("k=8,1,2,2"), [1.0, 2.0, 8.0]);
        assert_eq!(values("k=1..32"), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!(values("beam=1..6"), [1.0, 2.0, 4.0, 6.0]);
        assert_eq!(values("temperature=0,0.6"), [0.0, 0.6]);
    }

    #[test]
    fn what_is_wrong_with_a_sweep_is_said() {
        for (text, part) in [
            ("k", "KEY=V,V"),
            ("top_p=1", "k, temperature, beam"),
            ("k=", "whole number from 1"),
            ("k=1.5", "k=1.5"),
            ("beam=0", "beam=0"),
            ("temperature=-1", "from 0 to 100"),
            ("temperature=NaN", "from 0 to 100"),
            ("k=8..2", "A <= B"),
            ("temperature=0..1", "0 < A"),
        ] {
            let error = Sweep::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
