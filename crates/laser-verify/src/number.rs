//! Exact numbers read from text: decimals of any length, and fractions of two integers.

use thiserror::Error;

/// An exact number as an answer writes it. Two numbers are compared by [`Number::equals`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Number {
    /// `-1,234.50`, with any number of digits.
    Decimal(Decimal),
    /// `a/b`, in lowest terms.
    Fraction(Fraction),
}

/// A decimal in normal form: no leading zero before the point, no trailing zero after it, and
/// zero is not negative. Equal values therefore have equal fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    integer: String,
    fraction: String,
}

/// A ratio in lowest terms with a positive denominator; zero is `0/1` and not negative. Equal
/// values therefore have equal fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    negative: bool,
    numerator: u128,
    denominator: u128,
}

/// Why a text that has the form of a number has no usable value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// `a/0`.
    #[error("its denominator is zero")]
    ZeroDenominator,
    /// A fraction, or a decimal compared with one, whose parts exceed 128 bits.
    #[error("it is too large to compare as a fraction (more than 128 bits)")]
    Overflow,
}

impl Number {
    /// Reads a number. `Ok(None)` when the text is not written as one.
    ///
    /// Accepted around the number: whitespace, a `$` before or after it, one `.` at the end.
    /// Accepted inside: a sign, thousands separators in groups of three, a decimal point, or one
    /// `/` between two integers.
    ///
    /// # Errors
    /// [`NumberError`] for a fraction that is a number in form only.
    pub fn parse(text: &str) -> Result<Option<Self>, NumberError> {
        let text = undecorated(text);
        match text.split_once('/') {
            None => Ok(Decimal::parse(text).map(Self::Decimal)),
            Some((above, below)) => {
                let (Some(above), Some(below)) = (Decimal::parse(above), Decimal::parse(below))
                else {
                    return Ok(None);
                };
                if !(above.fraction.is_empty() && below.fraction.is_empty()) {
                    return Ok(None);
                }
                let negative = above.negative != below.negative;
                let fraction = Fraction::new(negative, above.digits()?, below.digits()?)?;
                Ok(Some(Self::Fraction(fraction)))
            }
        }
    }

    /// Whether both are the same rational number.
    ///
    /// # Errors
    /// [`NumberError::Overflow`] when a decimal must be compared with a fraction and does not
    /// fit 128 bits. Two decimals, or two fractions, can always be compared.
    pub fn equals(&self, other: &Self) -> Result<bool, NumberError> {
        match (self, other) {
            (Self::Decimal(a), Self::Decimal(b)) => Ok(a == b),
            (Self::Fraction(a), Self::Fraction(b)) => Ok(a == b),
            (Self::Decimal(d), Self::Fraction(f)) | (Self::Fraction(f), Self::Decimal(d)) => {
                Ok(d.to_fraction()? == *f)
            }
        }
    }
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let unsigned = unsigned.strip_prefix('$').unwrap_or(unsigned);
        let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if integer.is_empty() && fraction.is_empty() || !is_digits(fraction) {
            return None;
        }
        let integer = without_separators(integer)?;
        let integer = integer.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Some(Self {
            negative: negative && !(integer.is_empty() && fraction.is_empty()),
            integer: integer.to_owned(),
            fraction: fraction.to_owned(),
        })
    }

    /// The digits before and after the point, read as one integer.
    fn digits(&self) -> Result<u128, NumberError> {
        let digits = self.integer.bytes().chain(self.fraction.bytes());
        digits.into_iter().try_fold(0u128, |value, digit| {
            value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u128::from(digit - b'0')))
                .ok_or(NumberError::Overflow)
        })
    }

    fn to_fraction(&self) -> Result<Fraction, NumberError> {
        let places = u32::try_from(self.fraction.len()).map_err(|_| NumberError::Overflow)?;
        let denominator = 10u128.checked_pow(places).ok_or(NumberError::Overflow)?;
        Fraction::new(self.negative, self.digits()?, denominator)
    }
}

impl Fraction {
    fn new(negative: bool, numerator: u128, denominator: u128) -> Result<Self, NumberError> {
        if denominator == 0 {
            return Err(NumberError::ZeroDenominator);
        }
        let divisor = gcd(numerator, denominator);
        Ok(Self {
            negative: negative && numerator != 0,
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        })
    }
}

/// Greatest common divisor; positive when either argument is.
fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Removes what a sentence or a formula puts around a number.
fn undecorated(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_suffix('.').unwrap_or(text).trim_end();
    let text = text.strip_suffix('$').unwrap_or(text);
    let text = text.strip_prefix('$').unwrap_or(text);
    text.trim()
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of an integer part; `None` when a comma does not separate groups of three, as in
/// the list `1,2` or the European decimal `1,50`.
fn without_separators(integer: &str) -> Option<String> {
    let mut groups = integer.split(',');
    let first = groups.next()?;
    let mut digits = first.to_owned();
    let mut separated = false;
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        separated = true;
        digits.push_str(group);
    }
    let first_fits = !separated || (1..=3).contains(&first.len());
    (first_fits && is_digits(&digits)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_number(text: &str) -> bool {
        matches!(Number::parse(text), Ok(Some(_)))
    }

    #[test]
    fn numbers_are_recognised() {
        for text in [
            "0",
            "-7",
            "+7",
            "007",
            ".5",
            "5.",
            "1.50",
            "1,234",
            "1,234,567.5",
            " $12 ",
            "$-3$.",
            "-$3",
            "3/4",
            "-3 / 4",
            "3/-4",
        ] {
            assert!(is_number(text), "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_not_numbers() {
        for text in [
            "", ".", "$", "-", "1,23", ",123", "1234,567", "1 2", "1e5", "0x1", "x", "1.5/2",
            "1/2/3", "/2", "1/", "--1", "1.2.3", "٣", "½",
        ] {
            assert_eq!(Number::parse(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn fractions_without_a_value_say_why() {
        assert_eq!(Number::parse("1/0"), Err(NumberError::ZeroDenominator));
        let long = "9".repeat(40);
        assert_eq!(
            Number::parse(&format!("{long}/3")),
            Err(NumberError::Overflow)
        );
    }
}
