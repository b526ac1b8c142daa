//! Decides whether an answer is the gold answer.

use std::fmt;

use thiserror::Error;

use crate::number::{Number, NumberError};

/// The longest gold answer or answer that is looked at, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The decision on one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The answer is the gold answer.
    Equal,
    /// The answer is something else.
    Different,
    /// It could not be decided; [`compare`] says why.
    Unparseable,
}

impl Verdict {
    /// The name used in files: `equal`, `different` or `unparseable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Unparseable => "unparseable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the two texts an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The reference answer.
    Gold,
    /// The answer under test.
    Answer,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gold => "gold answer",
            Self::Answer => "answer",
        })
    }
}

/// Why two answers could not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Undecided {
    /// Nothing but whitespace.
    #[error("the {0} is empty")]
    Empty(Side),
    /// More than [`MAX_BYTES`].
    #[error("the {0} is longer than {MAX_BYTES} bytes")]
    TooLong(Side),
    /// The gold answer is a number; the answer is not written as one.
    #[error("the answer is not a number, but the gold answer is")]
    NotANumber,
    /// A number in form, without a usable value.
    #[error("the {0} has no usable value: {1}")]
    NoValue(Side, NumberError),
    /// A decimal and a fraction of which the decimal is too long to convert.
    #[error("the two numbers cannot be compared: {0}")]
    Incomparable(NumberError),
}

/// Whether `answer` is `gold`; [`compare`] without the reason.
pub fn verify(gold: &str, answer: &str) -> Verdict {
    match compare(gold, answer) {
        Ok(true) => Verdict::Equal,
        Ok(false) => Verdict::Different,
        Err(_) => Verdict::Unparseable,
    }
}

/// Whether `answer` is `gold`.
///
/// Two numbers are compared as exact rationals (`1.50`, `1.5` and `3/2` are equal). A gold answer
/// that is not a number is a text, and the answer must be the same text up to surrounding
/// whitespace.
///
/// # Errors
/// [`Undecided`] when either text is empty, too long or without a value, or when the gold answer
/// is a number and the answer is not written as one (`five` is not known to differ from `5`).
pub fn compare(gold: &str, answer: &str) -> Result<bool, Undecided> {
    let gold = bounded(gold, Side::Gold)?;
    let answer = bounded(answer, Side::Answer)?;
    let gold_number = number(gold, Side::Gold)?;
    let Some(gold_number) = gold_number else {
        return Ok(gold == answer);
    };
    let answer_number = number(answer, Side::Answer)?.ok_or(Undecided::NotANumber)?;
    gold_number
        .equals(&answer_number)
        .map_err(Undecided::Incomparable)
}

fn bounded(text: &str, side: Side) -> Result<&str, Undecided> {
    if text.len() > MAX_BYTES {
        return Err(Undecided::TooLong(side));
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(Undecided::Empty(side));
    }
    Ok(text)
}

fn number(text: &str, side: Side) -> Result<Option<Number>, Undecided> {
    Number::parse(text).map_err(|error| Undecided::NoValue(side, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_numbers_are_equal_however_written() {
        for (a, b) in [
            ("1.50", "1.5"),
            ("1.5", "3/2"),
            ("1,234", "1234"),
            ("$18", "18.00"),
            ("-0", "0"),
            ("-0.0", "0/5"),
            ("2/4", "-1/-2"),
            ("0.333", "333/1000"),
            ("007", "7."),
            (".5", "1/2"),
        ] {
            assert_eq!(verify(a, b), Verdict::Equal, "{a} and {b}");
            assert_eq!(verify(b, a), Verdict::Equal, "{b} and {a}");
        }
    }

    #[test]
    fn close_numbers_are_different() {
        let long = "9".repeat(500);
        let neighbour = format!("{}8", "9".repeat(499));
        for (a, b) in [
            ("0.333", "1/3"),
            ("1", "-1"),
            ("0.1", "0.10000000000000000000000001"),
            ("9007199254740993", "9007199254740992"),
            (long.as_str(), neighbour.as_str()),
        ] {
            assert_eq!(verify(a, b), Verdict::Different, "{a} and {b}");
        }
    }

    #[test]
    fn texts_are_equal_when_they_are_the_same_text() {
        assert_eq!(verify("x+1", " x+1 "), Verdict::Equal);
        assert_eq!(verify("x+1", "1+x"), Verdict::Different);
        assert_eq!(verify("yes", "5"), Verdict::Different);
    }

    #[test]
    fn what_cannot_be_decided_says_why() {
        use Undecided::*;
        let long = "1".repeat(MAX_BYTES + 1);
        let tiny = format!("0.{}1", "0".repeat(60));
        for (gold, answer, why) in [
            ("", "1", Empty(Side::Gold)),
            ("1", " ", Empty(Side::Answer)),
            ("1", long.as_str(), TooLong(Side::Answer)),
            ("5", "five", NotANumber),
            (
                "1/0",
                "1",
                NoValue(Side::Gold, NumberError::ZeroDenominator),
            ),
            ("1/3", tiny.as_str(), Incomparable(NumberError::Overflow)),
        ] {
            assert_eq!(compare(gold, answer), Err(why));
            assert_eq!(verify(gold, answer), Verdict::Unparseable);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(gold in r"([0-9.,/$+\- ]|\PC)*", answer in r"([0-9.,/$+\- ]|\PC)*") {
            let _ = verify(&gold, &answer);
        }

        #[test]
        fn a_number_equals_itself(x in r"[+-]?[0-9]{1,60}(\.[0-9]{0,60})?") {
            prop_assert_eq!(verify(&x, &x), Verdict::Equal);
        }

        #[test]
        fn a_decimal_equals_its_fraction(cents in -1_000_000i64..1_000_000, zeros in 0usize..9) {
            let sign = if cents < 0 { "-" } else { "" };
            let (whole, part) = (cents.abs() / 100, cents.abs() % 100);
            let decimal = format!("{sign}{whole}.{part:02}{}", "0".repeat(zeros));
            prop_assert_eq!(verify(&decimal, &format!("{cents}/100")), Verdict::Equal);
            prop_assert_eq!(verify(&format!("{}/200", 2 * cents), &decimal), Verdict::Equal);
            prop_assert_eq!(verify(&format!("{}/100", cents + 1), &decimal), Verdict::Different);
        }

        #[test]
        fn integers_agree_with_integer_equality(a in -300i64..300, b in -300i64..300) {
            let same = verify(&a.to_string(), &b.to_string()) == Verdict::Equal;
            prop_assert_eq!(same, a == b);
        }
    }
}
