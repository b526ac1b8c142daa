//! Binary floating point with an explicit error of every operation.
//!
//! The digits are cut off, never rounded to nearest, and each operation says how much was lost:
//! the radius of a ball needs a bound, not the best value. No operation fails or panics; the two
//! partial ones return `None`.

use super::mag::Mag;
use dashu_int::{
    IBig, Sign, Word,
    ops::{BitTest, DivRem, SquareRoot, UnsignedAbs},
};
use dashu_ratio::RBig;

/// `significand * 2^exponent`; not normalized.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Float {
    pub significand: IBig,
    pub exponent: i64,
}

impl Float {
    pub const ZERO: Self = Self {
        significand: IBig::ZERO,
        exponent: 0,
    };

    pub fn new(significand: IBig, exponent: i64) -> Self {
        Self {
            significand,
            exponent,
        }
    }

    pub fn is_zero(&self) -> bool {
        self.significand.is_zero()
    }

    pub fn is_negative(&self) -> bool {
        self.significand.sign() == Sign::Negative
    }

    /// `t` with `2^(t-1) <= |x| < 2^t`; meaningless for zero.
    pub fn top(&self) -> i64 {
        self.significand.bit_len() as i64 + self.exponent
    }

    pub fn neg(&self) -> Self {
        Self::new(-&self.significand, self.exponent)
    }

    pub fn abs(&self) -> Self {
        if self.is_negative() {
            self.neg()
        } else {
            self.clone()
        }
    }

    /// Cuts to `bits` digits; the second value bounds what was lost.
    pub fn round(self, bits: usize) -> (Self, Mag) {
        let length = self.significand.bit_len();
        if length <= bits {
            return (self, Mag::ZERO);
        }
        let excess = length - bits;
        let exact = self
            .significand
            .trailing_zeros()
            .is_none_or(|zeros| zeros >= excess);
        let exponent = self.exponent + excess as i64;
        let lost = if exact {
            Mag::ZERO
        } else {
            Mag::pow2(exponent)
        };
        (Self::new(self.significand >> excess, exponent), lost)
    }

    pub fn add(&self, other: &Self, bits: usize) -> (Self, Mag) {
        if self.is_zero() {
            return other.clone().round(bits);
        }
        if other.is_zero() {
            return self.clone().round(bits);
        }
        let gap = self.top() - other.top();
        // A term below the last digit is all error; aligning it could cost a megabyte.
        if gap.unsigned_abs() > bits as u64 + 8 {
            let (high, low) = if gap > 0 {
                (self, other)
            } else {
                (other, self)
            };
            let (sum, lost) = high.clone().round(bits);
            return (sum, lost.add(low.upper()));
        }
        let shift = (self.exponent - other.exponent).unsigned_abs() as usize;
        if self.exponent >= other.exponent {
            let sum = (&self.significand << shift) + &other.significand;
            Self::new(sum, other.exponent).round(bits)
        } else {
            let sum = &self.significand + (&other.significand << shift);
            Self::new(sum, self.exponent).round(bits)
        }
    }

    pub fn mul(&self, other: &Self, bits: usize) -> (Self, Mag) {
        let product = &self.significand * &other.significand;
        Self::new(product, self.exponent + other.exponent).round(bits)
    }

    /// `None` for a zero divisor.
    pub fn div(&self, other: &Self, bits: usize) -> Option<(Self, Mag)> {
        if other.is_zero() {
            return None;
        }
        if self.is_zero() {
            return Some((Self::ZERO, Mag::ZERO));
        }
        let (a, b) = (&self.significand, &other.significand);
        let wanted = (bits + 1 + b.bit_len()) as i64 - a.bit_len() as i64;
        let shift = wanted.max(0) as usize;
        let exponent = self.exponent - other.exponent - shift as i64;
        let (quotient, rest) = (a << shift).div_rem(b);
        let lost = if rest.is_zero() {
            Mag::ZERO
        } else {
            Mag::pow2(exponent)
        };
        let (value, cut) = Self::new(quotient, exponent).round(bits);
        Some((value, lost.add(cut)))
    }

    /// `None` for a negative number.
    pub fn sqrt(&self, bits: usize) -> Option<(Self, Mag)> {
        if self.is_negative() {
            return None;
        }
        if self.is_zero() {
            return Some((Self::ZERO, Mag::ZERO));
        }
        let mut shift = (2 * bits as i64 + 2 - self.significand.bit_len() as i64).max(0);
        if (self.exponent - shift).rem_euclid(2) == 1 {
            shift += 1;
        }
        let square = self.significand.clone().unsigned_abs() << shift as usize;
        let root = square.sqrt();
        let exponent = (self.exponent - shift) / 2;
        let lost = if &root * &root == square {
            Mag::ZERO
        } else {
            Mag::pow2(exponent)
        };
        let (value, cut) = Self::new(root.into(), exponent).round(bits);
        Some((value, lost.add(cut)))
    }

    /// The positive root of a positive number; `None` otherwise. `index` is small and above 0.
    pub fn root(&self, index: usize, bits: usize) -> Option<(Self, Mag)> {
        if self.is_zero() || self.is_negative() || index == 0 {
            return None;
        }
        let n = index as i64;
        let mut shift = (n * (bits as i64 + 1) - self.significand.bit_len() as i64).max(0);
        shift += (self.exponent - shift).rem_euclid(n);
        let power = self.significand.clone().unsigned_abs() << shift as usize;
        let root = power.nth_root(index);
        let exponent = (self.exponent - shift) / n;
        let (value, cut) = Self::new(root.into(), exponent).round(bits);
        Some((value, Mag::pow2(exponent).add(cut)))
    }

    pub fn from_ratio(value: &RBig, bits: usize) -> (Self, Mag) {
        let (numerator, denominator) = (value.numerator(), value.denominator());
        if denominator.is_one() {
            return Self::new(numerator.clone(), 0).round(bits);
        }
        let divisor = Self::new(denominator.clone().into(), 0);
        let quotient = Self::new(numerator.clone(), 0).div(&divisor, bits);
        quotient.unwrap_or((Self::ZERO, Mag::ZERO)) // a denominator is never zero
    }

    /// `floor(x * 2^places)`.
    pub fn to_fixed(&self, places: usize) -> IBig {
        let shift = self.exponent + places as i64;
        if shift >= 0 {
            &self.significand << shift as usize
        } else if -shift > self.significand.bit_len() as i64 {
            if self.is_negative() {
                IBig::NEG_ONE
            } else {
                IBig::ZERO
            }
        } else {
            &self.significand >> (-shift) as usize
        }
    }

    /// The leading digits as `value * 2^exponent`, off by less than the slack of [`Mag`].
    fn leading(&self) -> (f64, i64) {
        let (_, words) = self.significand.as_sign_words();
        let radix = 2f64.powi(Word::BITS as i32);
        let taken = words.len().min(4);
        let value = words
            .iter()
            .rev()
            .take(taken)
            .fold(0.0, |sum, &word| sum * radix + word as f64);
        let skipped = (words.len() - taken) as i64 * i64::from(Word::BITS);
        (value, self.exponent + skipped)
    }

    /// An upper bound of `|x|`.
    pub fn upper(&self) -> Mag {
        let (value, exponent) = self.leading();
        Mag::up(value, exponent)
    }

    /// A lower bound of `|x|`.
    pub fn lower(&self) -> Mag {
        let (value, exponent) = self.leading();
        Mag::down(value, exponent)
    }

    /// Near enough for display; infinite or zero where `f64` ends.
    pub fn to_f64(&self) -> f64 {
        let (value, exponent) = self.leading();
        // In two steps: 2^-1074 alone is no normal number.
        let half = exponent.clamp(-4000, 4000) as i32 / 2;
        let rest = exponent.clamp(-4000, 4000) as i32 - half;
        let size = value * 2f64.powi(half) * 2f64.powi(rest);
        if self.is_negative() { -size } else { size }
    }

    /// `m` and `e` of `m · 2^e`.
    pub fn into_parts(self) -> (IBig, i64) {
        (self.significand, self.exponent)
    }
}
