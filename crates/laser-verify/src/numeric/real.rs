//! Real numbers: an exact rational while it is small, else a floating-point ball.

use super::{Domain, NumericError, float::Float, mag::Mag};
use crate::limits::Budget;
use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign};
use dashu_ratio::RBig;
use std::cmp::Ordering;

/// Largest exponent (of two) of a midpoint or radius, and of a reciprocal midpoint.
const MAX_EXPONENT: i64 = 1 << 20;
/// Longest exact integer, bits (5000! has 54233).
pub(crate) const MAX_INTEGER: usize = 1 << 16;
/// Longest numerator and denominator of an exact fraction, bits.
pub(crate) const MAX_FRACTION: usize = 1 << 13;

/// What an operation needs beside its operands.
pub(crate) struct Work<'b> {
    /// Digits of a midpoint.
    pub bits: usize,
    pub domain: Domain,
    pub budget: &'b mut Budget,
}

impl Work<'_> {
    pub fn real_domain(&self) -> bool {
        self.domain == Domain::Real
    }

    /// Pays for an addition, multiplication, division or square root.
    fn pay_arithmetic(&mut self) -> Result<(), NumericError> {
        Ok(self.budget.spend(1 + (self.bits as u64 / 1024).pow(2))?)
    }

    /// Pays for a function with a series; `digits` is the working precision.
    pub fn pay_function(&mut self, digits: usize) -> Result<(), NumericError> {
        let words = digits as u64 / 64 + 1;
        Ok(self.budget.spend(10 * words * (words + 14) / 16)?)
    }

    /// Pays for rational arithmetic that ends in `bits` bits (a quadratic gcd, unless integers).
    pub fn pay_exact(&mut self, bits: usize, integers: bool) -> Result<(), NumericError> {
        let words = bits as u64 / 64;
        Ok(self
            .budget
            .spend(1 + words * words / if integers { 8192 } else { 512 })?)
    }

    /// Runs `f` with `extra` more digits.
    pub fn with_more<T>(&mut self, extra: usize, f: impl FnOnce(&mut Self) -> T) -> T {
        self.bits += extra;
        let result = f(self);
        self.bits -= extra;
        result
    }
}

/// A real number: a rational, or all that is known is an interval about a midpoint.
#[derive(Clone, Debug)]
pub struct Real(pub(crate) Repr);

#[derive(Clone, Debug)]
pub(crate) enum Repr {
    Exact(RBig),
    /// Midpoint and radius.
    Ball(Float, Mag),
}

/// Size of a rational in bits, numerator and denominator together.
pub(crate) fn size(value: &RBig) -> usize {
    value.numerator().bit_len() + value.denominator().bit_len()
}

/// The sign of a rational as a comparison with zero.
pub(crate) fn sign(value: &RBig) -> Ordering {
    match value.numerator().sign() {
        _ if value.is_zero() => Ordering::Equal,
        Sign::Positive => Ordering::Greater,
        Sign::Negative => Ordering::Less,
    }
}

impl Real {
    pub(crate) const ZERO: Self = Self(Repr::Exact(RBig::ZERO));
    pub(crate) const ONE: Self = Self(Repr::Exact(RBig::ONE));

    pub(crate) fn integer(value: impl Into<IBig>) -> Self {
        Self(Repr::Exact(RBig::from(value.into())))
    }

    /// A rational, kept exact unless it is long.
    pub(crate) fn rational(value: RBig, work: &mut Work) -> Result<Self, NumericError> {
        let fits = if value.denominator().is_one() {
            value.numerator().bit_len() <= MAX_INTEGER
        } else {
            value
                .numerator()
                .bit_len()
                .max(value.denominator().bit_len())
                <= MAX_FRACTION
        };
        if fits {
            return Ok(Self(Repr::Exact(value)));
        }
        work.pay_exact(size(&value), true)?;
        let (middle, radius) = Float::from_ratio(&value, work.bits);
        Self::ball(middle, radius)
    }

    /// A midpoint and a radius.
    ///
    /// # Errors
    ///
    /// [`NumericError::OutOfRange`] for a midpoint or radius that is not evaluated any further.
    pub(crate) fn ball(middle: Float, radius: Mag) -> Result<Self, NumericError> {
        let far = !middle.is_zero() && middle.top().abs() > MAX_EXPONENT;
        if far || radius > Mag::pow2(MAX_EXPONENT) {
            return Err(NumericError::OutOfRange);
        }
        Ok(Self(Repr::Ball(middle, radius)))
    }

    /// Zero, give or take.
    pub(crate) fn about_zero(radius: Mag) -> Result<Self, NumericError> {
        Self::ball(Float::ZERO, radius)
    }

    /// The exact value where the number is known exactly as a rational.
    pub fn exact(&self) -> Option<&RBig> {
        match &self.0 {
            Repr::Exact(value) => Some(value),
            Repr::Ball(..) => None,
        }
    }

    /// Is this exactly zero, by construction?
    pub fn is_zero(&self) -> bool {
        self.exact().is_some_and(RBig::is_zero)
    }

    pub(crate) fn is_one(&self) -> bool {
        self.exact().is_some_and(RBig::is_one)
    }

    /// Midpoint and radius, to `bits` digits.
    pub(crate) fn parts(&self, bits: usize) -> (Float, Mag) {
        match &self.0 {
            Repr::Exact(value) => Float::from_ratio(value, bits),
            Repr::Ball(middle, radius) => (middle.clone(), *radius),
        }
    }

    /// The midpoint as `m` and `e` of `m · 2^e`: the value cut to `bits` digits where it is exact.
    pub fn midpoint(&self, bits: usize) -> (IBig, i64) {
        self.parts(bits.max(1)).0.into_parts()
    }

    /// An exponent `r` such that the value is within `2^r` of the midpoint; `None` if exact.
    pub fn radius_log2(&self) -> Option<i64> {
        match &self.0 {
            Repr::Ball(_, radius) if !radius.is_zero() => Some(radius.exponent() + 1),
            _ => None,
        }
    }

    /// How the number compares with zero; `None` where the ball does not tell.
    pub fn sign(&self) -> Option<Ordering> {
        match &self.0 {
            Repr::Exact(value) => Some(sign(value)),
            Repr::Ball(middle, radius) if middle.is_zero() => {
                radius.is_zero().then_some(Ordering::Equal)
            }
            Repr::Ball(middle, radius) => {
                middle.lower().sub_down(*radius)?;
                Some(if middle.is_negative() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                })
            }
        }
    }

    pub(crate) fn is_positive(&self) -> bool {
        self.sign() == Some(Ordering::Greater)
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.sign() == Some(Ordering::Less)
    }

    /// The sign of the midpoint: a hint which formula is the better one, no proof.
    pub(crate) fn leans_negative(&self) -> bool {
        match &self.0 {
            Repr::Exact(value) => sign(value) == Ordering::Less,
            Repr::Ball(middle, _) => middle.is_negative(),
        }
    }

    /// Can the number be zero?
    pub fn contains_zero(&self) -> bool {
        !matches!(self.sign(), Some(Ordering::Less | Ordering::Greater))
    }

    /// An upper bound of the absolute value.
    pub(crate) fn upper(&self) -> Mag {
        let (middle, radius) = self.parts(64);
        middle.upper().add(radius)
    }

    /// A lower bound of the absolute value, zero if it may vanish.
    pub(crate) fn lower(&self) -> Mag {
        let (middle, radius) = self.parts(64);
        middle.lower().sub_down(radius).unwrap_or(Mag::ZERO)
    }

    /// Binary digits before the point (negative for leading zeros behind it), of the midpoint.
    pub(crate) fn top(&self) -> i64 {
        match &self.0 {
            Repr::Exact(value) => {
                value.numerator().bit_len() as i64 - value.denominator().bit_len() as i64 + 1
            }
            Repr::Ball(middle, _) => middle.top(),
        }
    }

    pub(crate) fn neg(&self) -> Self {
        Self(match &self.0 {
            Repr::Exact(value) => Repr::Exact(-value),
            Repr::Ball(middle, radius) => Repr::Ball(middle.neg(), *radius),
        })
    }

    pub(crate) fn abs(&self) -> Self {
        if self.leans_negative() {
            self.neg()
        } else {
            self.clone()
        }
    }

    pub(crate) fn add(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        if let (Repr::Exact(a), Repr::Exact(b)) = (&self.0, &other.0) {
            let integers = a.denominator().is_one() && b.denominator().is_one();
            work.pay_exact(size(a) + size(b), integers)?;
            return Self::rational(a + b, work);
        }
        if self.is_zero() {
            return Ok(other.clone());
        }
        if other.is_zero() {
            return Ok(self.clone());
        }
        work.pay_arithmetic()?;
        let ((a, ra), (b, rb)) = (self.parts(work.bits), other.parts(work.bits));
        let (sum, lost) = a.add(&b, work.bits);
        Self::ball(sum, lost.add(ra).add(rb))
    }

    pub(crate) fn sub(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        self.add(&other.neg(), work)
    }

    pub(crate) fn mul(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        if let (Repr::Exact(a), Repr::Exact(b)) = (&self.0, &other.0) {
            let integers = a.denominator().is_one() && b.denominator().is_one();
            work.pay_exact(size(a) + size(b), integers)?;
            return Self::rational(a * b, work);
        }
        if self.is_zero() || other.is_one() {
            return Ok(self.clone());
        }
        if other.is_zero() || self.is_one() {
            return Ok(other.clone());
        }
        work.pay_arithmetic()?;
        let ((a, ra), (b, rb)) = (self.parts(work.bits), other.parts(work.bits));
        let (product, lost) = a.mul(&b, work.bits);
        let spread = a.upper().mul(rb).add(b.upper().add(rb).mul(ra));
        Self::ball(product, lost.add(spread))
    }

    /// `self^count` of an exact number that stays exact; `None` where it would be too long for
    /// that. Squaring one step after the other would look for common divisors at each.
    pub(crate) fn exact_power(
        &self,
        count: u64,
        work: &mut Work,
    ) -> Result<Option<Self>, NumericError> {
        let Repr::Exact(base) = &self.0 else {
            return Ok(None);
        };
        let (above, below) = (base.numerator().bit_len(), base.denominator().bit_len());
        let limit = if below == 1 {
            MAX_INTEGER
        } else {
            MAX_FRACTION
        };
        // A power has at least so many bits.
        let bits = (above.max(below).max(1) as u64 - 1).saturating_mul(count) + 1;
        if bits > limit as u64 {
            return Ok(None);
        }
        work.pay_exact(2 * bits as usize, true)?;
        let power = base.pow(count as isize);
        Self::rational(power, work).map(Some)
    }

    /// The number as a ball.
    pub(crate) fn rounded(&self, work: &Work) -> Result<Self, NumericError> {
        let (middle, radius) = self.parts(work.bits);
        Self::ball(middle, radius)
    }

    /// # Errors
    ///
    /// [`NumericError::Undefined`] if the divisor may be zero.
    pub(crate) fn div(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        if other.contains_zero() {
            return Err(NumericError::Undefined);
        }
        if let (Repr::Exact(a), Repr::Exact(b)) = (&self.0, &other.0) {
            work.pay_exact(size(a) + size(b), false)?;
            return Self::rational(a / b, work);
        }
        if self.is_zero() || other.is_one() {
            return Ok(self.clone());
        }
        work.pay_arithmetic()?;
        let ((a, ra), (b, rb)) = (self.parts(work.bits), other.parts(work.bits));
        let (quotient, lost) = a.div(&b, work.bits).ok_or(NumericError::Undefined)?;
        let low = b.lower().sub_down(rb).ok_or(NumericError::Undefined)?;
        // a'/b' - a/b = (δa - (a/b) δb) / b'
        let spread = ra.add(quotient.upper().add(lost).mul(rb)).div(low);
        Self::ball(quotient, lost.add(spread))
    }

    /// The real square root; of a ball about zero, the root of its non-negative part (which is
    /// where the number lies, or it has no real root).
    ///
    /// # Errors
    ///
    /// [`NumericError::Undefined`] for a number that is certainly negative.
    pub(crate) fn sqrt(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.is_negative() {
            return Err(NumericError::Undefined);
        }
        if let Repr::Exact(value) = &self.0
            && let Some(root) = super::elementary::exact_root(value, 2, work)?
        {
            return Ok(Self(Repr::Exact(root)));
        }
        work.pay_arithmetic()?;
        if self.contains_zero() {
            return Self::about_zero(self.upper().sqrt());
        }
        let (middle, radius) = self.parts(work.bits + 2);
        let (root, lost) = middle.sqrt(work.bits).ok_or(NumericError::Undefined)?;
        // |√x' - √x| = |δ| / (√x' + √x)
        let spread = if root.is_zero() {
            radius.sqrt()
        } else {
            radius.div(root.lower())
        };
        Self::ball(root, lost.add(spread))
    }

    /// `self * 2^shift`.
    pub(crate) fn scale(&self, shift: i32, work: &mut Work) -> Result<Self, NumericError> {
        match &self.0 {
            Repr::Exact(_) => {
                let power = dashu_int::UBig::ONE << shift.unsigned_abs() as usize;
                let factor = if shift < 0 {
                    RBig::from_parts(IBig::ONE, power)
                } else {
                    RBig::from(power)
                };
                self.mul(&Self(Repr::Exact(factor)), work)
            }
            Repr::Ball(middle, radius) => Self::ball(
                Float::new(
                    middle.significand.clone(),
                    middle.exponent + i64::from(shift),
                ),
                radius.mul(Mag::pow2(i64::from(shift))),
            ),
        }
    }

    /// `self - other` without a limit on the work, for a final comparison: the operands have
    /// bounded length.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Repr::Exact(a), Repr::Exact(b)) => Self(Repr::Exact(a - b)),
            _ => {
                let length = |real: &Self| match &real.0 {
                    Repr::Exact(_) => 64,
                    Repr::Ball(middle, _) => middle.significand.bit_len(),
                };
                let bits = length(self).max(length(other)).max(64) + 16;
                let ((a, ra), (b, rb)) = (self.parts(bits), other.parts(bits));
                let (middle, lost) = a.add(&b.neg(), bits);
                Self(Repr::Ball(middle, lost.add(ra).add(rb)))
            }
        }
    }

    pub(crate) fn to_f64(&self) -> f64 {
        self.parts(64).0.to_f64()
    }
}
