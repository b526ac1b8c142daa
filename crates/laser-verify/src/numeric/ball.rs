//! Complex numbers as pairs of [`Real`]s: a rectangle that certainly contains the number.
//!
//! The two parts carry their radii apart, so that a real number stays provably real, an imaginary
//! one provably imaginary, and the side of a branch cut is known on the axes.

use super::{
    NumericError,
    mag::Mag,
    real::{Real, Work},
};
use std::cmp::Ordering;

/// An enclosure of a complex number.
#[derive(Clone, Debug)]
pub struct Ball {
    pub(crate) re: Real,
    pub(crate) im: Real,
}

impl Ball {
    pub(crate) fn new(re: Real, im: Real) -> Self {
        Self { re, im }
    }

    pub(crate) fn real(re: Real) -> Self {
        Self { re, im: Real::ZERO }
    }

    pub(crate) fn imaginary_unit() -> Self {
        Self {
            re: Real::ZERO,
            im: Real::ONE,
        }
    }

    /// The real part.
    pub fn re(&self) -> &Real {
        &self.re
    }

    /// The imaginary part.
    pub fn im(&self) -> &Real {
        &self.im
    }

    /// Is the imaginary part exactly zero, by construction?
    pub fn is_provably_real(&self) -> bool {
        self.im.is_zero()
    }

    /// Is the number known exactly (a Gaussian rational)?
    pub fn is_exact(&self) -> bool {
        self.re.exact().is_some() && self.im.exact().is_some()
    }

    /// May the number be zero?
    pub fn contains_zero(&self) -> bool {
        self.re.contains_zero() && self.im.contains_zero()
    }

    /// Is the number certainly not zero?
    pub fn excludes_zero(&self) -> bool {
        !self.contains_zero()
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.re.is_zero() && self.im.is_zero()
    }

    pub(crate) fn is_one(&self) -> bool {
        self.re.is_one() && self.im.is_zero()
    }

    /// The difference. Two numbers may be equal only where it contains zero.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        Self::new(self.re.difference(&other.re), self.im.difference(&other.im))
    }

    /// An integer `u` with `|x| < 2^u`; `None` for an exact zero.
    pub fn log2_upper(&self) -> Option<i64> {
        let bound = self.size_up();
        (!bound.is_zero()).then(|| bound.exponent() + 1)
    }

    /// An integer `l` with `2^l <= |x|`; `None` where the number may be zero.
    pub fn log2_lower(&self) -> Option<i64> {
        let bound = self.re.lower().max(self.im.lower());
        (!bound.is_zero()).then(|| bound.exponent())
    }

    /// An integer `r` such that the number is within `2^r` of the midpoint; `None` if exact.
    pub fn radius_log2(&self) -> Option<i64> {
        match (self.re.radius_log2(), self.im.radius_log2()) {
            (Some(a), Some(b)) => Some(a.max(b) + 1), // √2 times the larger
            (a, b) => a.or(b),
        }
    }

    /// Order of two real numbers; `None` where the balls overlap or one may not be real.
    pub fn compare_real(&self, other: &Self) -> Option<Ordering> {
        if !self.is_provably_real() || !other.is_provably_real() {
            return None;
        }
        self.re.difference(&other.re).sign()
    }

    /// Midpoint, for display only: infinite or zero where `f64` ends.
    pub fn to_f64_pair(&self) -> (f64, f64) {
        (self.re.to_f64(), self.im.to_f64())
    }

    /// An upper bound of the absolute value.
    pub(crate) fn size_up(&self) -> Mag {
        if self.im.is_zero() {
            self.re.upper()
        } else {
            self.re.upper().add(self.im.upper())
        }
    }

    pub(crate) fn neg(&self) -> Self {
        Self::new(self.re.neg(), self.im.neg())
    }

    /// `i * self`.
    pub(crate) fn times_i(&self) -> Self {
        Self::new(self.im.neg(), self.re.clone())
    }

    pub(crate) fn conjugate(&self) -> Self {
        Self::new(self.re.clone(), self.im.neg())
    }

    pub(crate) fn plus(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        let re = self.re.add(&other.re, work)?;
        if self.im.is_zero() && other.im.is_zero() {
            return Ok(Self::real(re));
        }
        Ok(Self::new(re, self.im.add(&other.im, work)?))
    }

    pub(crate) fn minus(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        self.plus(&other.neg(), work)
    }

    pub(crate) fn times(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        if self.im.is_zero() {
            return other.scaled(&self.re, work);
        }
        if other.im.is_zero() {
            return self.scaled(&other.re, work);
        }
        let re = self
            .re
            .mul(&other.re, work)?
            .sub(&self.im.mul(&other.im, work)?, work)?;
        let im = self
            .re
            .mul(&other.im, work)?
            .add(&self.im.mul(&other.re, work)?, work)?;
        Ok(Self::new(re, im))
    }

    /// Times a real number.
    fn scaled(&self, factor: &Real, work: &mut Work) -> Result<Self, NumericError> {
        let re = self.re.mul(factor, work)?;
        let im = if self.im.is_zero() {
            Real::ZERO
        } else {
            self.im.mul(factor, work)?
        };
        Ok(Self::new(re, im))
    }

    /// # Errors
    ///
    /// [`NumericError::Undefined`] if the divisor may be zero (or is so near that its square may).
    pub(crate) fn over(&self, other: &Self, work: &mut Work) -> Result<Self, NumericError> {
        if other.im.is_zero() {
            let re = self.re.div(&other.re, work)?;
            let im = if self.im.is_zero() {
                Real::ZERO
            } else {
                self.im.div(&other.re, work)?
            };
            return Ok(Self::new(re, im));
        }
        if other.re.is_zero() {
            // a / (iy) = -i a / y
            let quotient = self.over(&Self::real(other.im.clone()), work)?;
            return Ok(quotient.times_i().neg());
        }
        let norm = other.norm(work)?;
        self.times(&other.conjugate(), work)?
            .over(&Self::real(norm), work)
    }

    /// The square of the absolute value.
    pub(crate) fn norm(&self, work: &mut Work) -> Result<Real, NumericError> {
        let re = self.re.mul(&self.re, work)?;
        if self.im.is_zero() {
            return Ok(re);
        }
        re.add(&self.im.mul(&self.im, work)?, work)
    }

    /// The absolute value.
    pub(crate) fn modulus(&self, work: &mut Work) -> Result<Real, NumericError> {
        if self.im.is_zero() {
            return Ok(self.re.abs());
        }
        if self.re.is_zero() {
            return Ok(self.im.abs());
        }
        self.norm(work)?.sqrt(work)
    }

    /// An integer power, by repeated squaring; `0^0` is 1.
    ///
    /// # Errors
    ///
    /// [`NumericError::Undefined`] for a negative power of what may be zero,
    /// [`NumericError::OutOfRange`] for an exponent beyond `2^20`.
    pub(crate) fn power(&self, exponent: i64, work: &mut Work) -> Result<Self, NumericError> {
        let count = exponent.unsigned_abs();
        if count > 1 << 20 {
            return Err(NumericError::OutOfRange);
        }
        if count == 0 {
            return Ok(Self::real(Real::ONE));
        }
        if exponent < 0 && self.contains_zero() {
            return Err(NumericError::Undefined);
        }
        // Each squaring doubles the relative error.
        let extra = 2 * count.ilog2() as usize;
        work.with_more(extra, |work| {
            let result = if self.im.is_zero() && self.re.exact().is_some() {
                match self.re.exact_power(count, work)? {
                    Some(power) => Self::real(power),
                    None => Self::real(self.re.rounded(work)?).squarings(count, work)?,
                }
            } else {
                self.squarings(count, work)?
            };
            if exponent < 0 {
                Self::real(Real::ONE).over(&result, work)
            } else {
                Ok(result)
            }
        })
    }

    /// `self^count` with the rounding error of each product; `count` is not zero.
    fn squarings(&self, count: u64, work: &mut Work) -> Result<Self, NumericError> {
        let mut result = self.clone();
        for shift in (0..count.ilog2()).rev() {
            result = result.times(&result, work)?;
            if count >> shift & 1 == 1 {
                result = result.times(self, work)?;
            }
        }
        Ok(result)
    }
}
