//! Elementary functions of a real ball: the function of the midpoint, and a radius from a bound of
//! the derivative over the ball.

use super::{
    NumericError,
    float::Float,
    kernel,
    mag::Mag,
    real::{MAX_INTEGER, Real, Repr, Work, sign, size},
};
use dashu_int::{
    IBig, UBig,
    ops::{BitTest, UnsignedAbs},
};
use dashu_ratio::RBig;
use std::cmp::Ordering;

/// Largest exponent (of two) of an argument of sine and cosine.
const MAX_ANGLE: i64 = 1 << 12;
/// Longest fixed-point number: a function near a zero of it takes this many more digits, at most.
const MAX_EXTRA: usize = 1 << 15;
/// Largest index of a root that is taken directly and not by logarithms.
const MAX_DIRECT_ROOT: u32 = 16;

/// Longest numerator and denominator that is tested for a cube or higher power, bits: that is slow.
const MAX_POWER: usize = 1 << 12;

/// `None` unless the number is the `index`-th power of a rational (an odd root of a negative one
/// is the real one).
pub(crate) fn exact_root(
    value: &RBig,
    index: u32,
    work: &mut Work,
) -> Result<Option<RBig>, NumericError> {
    if value.is_zero() || value.is_one() {
        return Ok(Some(value.clone()));
    }
    let negative = sign(value) == Ordering::Less;
    let (numerator, denominator) = (
        value.numerator().clone().unsigned_abs(),
        value.denominator(),
    );
    let longest = numerator.bit_len().max(denominator.bit_len());
    if negative && index.is_multiple_of(2) || longest > MAX_INTEGER || longest < index as usize {
        return Ok(None);
    }
    if index > 2 {
        if longest > MAX_POWER {
            return Ok(None);
        }
        work.pay_exact(4 * size(value), false)?;
    }
    work.pay_exact(size(value), false)?;
    let root = |of: &UBig| {
        if of.is_one() {
            return Some(of.clone());
        }
        // Squares end in few ways; this saves most of the roots.
        if index == 2 && !square_residue(of) {
            return None;
        }
        let root = of.nth_root(index as usize);
        (root.pow(index as usize) == *of).then_some(root)
    };
    let (Some(n), Some(d)) = (root(&numerator), root(denominator)) else {
        return Ok(None);
    };
    let n = IBig::from(n);
    Ok(Some(RBig::from_parts(if negative { -n } else { n }, d)))
}

/// Whether the last six binary digits are those of a square.
fn square_residue(value: &UBig) -> bool {
    let low = value.as_words().first().map_or(0, |word| word % 64);
    (0..32).any(|k| k * k % 64 == low)
}

/// π.
pub(crate) fn pi(work: &mut Work) -> Result<Real, NumericError> {
    let places = work.bits + 2;
    let (value, lost) = Float::new(kernel::pi_fixed(places), -(places as i64)).round(work.bits);
    Real::ball(value, lost.add(Mag::pow2(1 - places as i64)))
}

impl Real {
    /// Is the number so small that the first term of a series is all there is to the precision?
    fn is_tiny(&self, work: &Work) -> bool {
        let middle = self.parts(64).0;
        middle.is_zero() || middle.top() < -(work.bits as i64)
    }

    /// The number itself for an odd function with slope 1 at 0, of a tiny argument: for all of
    /// those here, `|f(x) - x| <= |x|^3` where `|x| < 1/2`.
    fn nearly_itself(&self, work: &mut Work) -> Result<Self, NumericError> {
        let (middle, radius) = self.parts(work.bits);
        let size = middle.upper().add(radius);
        if size >= Mag::pow2(-2) {
            // A wide ball about a tiny number.
            return Err(NumericError::Undefined);
        }
        Self::ball(middle, radius.add(size.mul(size).mul(size)))
    }

    pub(crate) fn exp(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.is_zero() {
            return Ok(Self::ONE);
        }
        work.pay_function(work.bits)?;
        if self.top() > 21 {
            return Err(NumericError::OutOfRange);
        }
        let (middle, radius) = self.parts(work.bits + 24);
        if radius >= Mag::pow2(0) {
            return Self::about_zero(exp_upper(middle.to_f64() + radius.to_f64())?);
        }
        let (value, lost) = kernel::exp(&middle, work.bits);
        // e^r - 1 <= r + r^2 for r <= 1
        let spread = value.upper().add(lost).mul(radius.add(radius.mul(radius)));
        Self::ball(value, lost.add(spread))
    }

    /// Hyperbolic sine and cosine.
    pub(crate) fn sinh_cosh(&self, work: &mut Work) -> Result<[Self; 2], NumericError> {
        if self.is_zero() {
            return Ok([Self::ZERO, Self::ONE]);
        }
        let (middle, radius) = self.parts(64);
        if radius >= Mag::pow2(0) {
            let bound = Self::about_zero(exp_upper(middle.abs().to_f64() + radius.to_f64())?)?;
            return Ok([bound.clone(), bound]);
        }
        if self.is_tiny(work) && middle.upper().add(radius) < Mag::pow2(-2) {
            let square = self.upper().mul(self.upper());
            let cosine = Self::ball(Float::new(IBig::ONE, 0), square)?;
            return Ok([self.nearly_itself(work)?, cosine]);
        }
        // The difference of the exponentials loses as many digits as the argument has zeros.
        let extra = (-middle.top()).clamp(0, MAX_EXTRA as i64) as usize;
        work.with_more(extra + 2, |work| {
            let plus = self.exp(work)?;
            let minus = Self::ONE.div(&plus, work)?;
            Ok([
                plus.sub(&minus, work)?.scale(-1, work)?,
                plus.add(&minus, work)?.scale(-1, work)?,
            ])
        })
    }

    /// Sine and cosine.
    pub(crate) fn sin_cos(&self, work: &mut Work) -> Result<[Self; 2], NumericError> {
        if self.is_zero() {
            return Ok([Self::ZERO, Self::ONE]);
        }
        let top = self.top();
        if top > MAX_ANGLE {
            return Err(NumericError::OutOfRange);
        }
        work.pay_function(work.bits + top.max(0) as usize / 8)?;
        // An exact argument is taken to as many digits behind the point as in front of it.
        let (middle, radius) = self.parts(work.bits + 2 + top.max(0) as usize);
        if radius >= Mag::pow2(0) {
            let bound = Self::about_zero(Mag::pow2(0))?;
            return Ok([bound.clone(), bound]);
        }
        if self.is_tiny(work) {
            let size = middle.upper().add(radius);
            let cosine = Self::ball(Float::new(IBig::ONE, 0), size.mul(size))?;
            let sine = Self::ball(middle, radius.add(size.mul(size).mul(size)))?;
            return Ok([sine, cosine]);
        }
        let [(sine, lost), (cosine, also)] = kernel::sin_cos(&middle, work.bits);
        Ok([
            Self::ball(sine, lost.add(radius))?,
            Self::ball(cosine, also.add(radius))?,
        ])
    }

    /// The natural logarithm of a positive number.
    ///
    /// # Errors
    ///
    /// [`NumericError::Undefined`] unless the number is certainly positive.
    pub(crate) fn ln(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.is_one() {
            return Ok(Self::ZERO);
        }
        if !self.is_positive() {
            return Err(NumericError::Undefined);
        }
        // The distance from 1 of an exact number decides how many digits it needs.
        let near = match &self.0 {
            Repr::Exact(value) => {
                let away = value - RBig::ONE;
                let zeros = away.denominator().bit_len() as i64 - away.numerator().bit_len() as i64;
                zeros.clamp(0, MAX_EXTRA as i64) as usize
            }
            Repr::Ball(..) => 0,
        };
        work.pay_function(work.bits + near)?;
        let (middle, radius) = self.parts(work.bits + near + 2);
        let low = middle
            .lower()
            .sub_down(radius)
            .ok_or(NumericError::Undefined)?;
        let (value, lost) = kernel::ln(&middle, work.bits);
        Self::ball(value, lost.add(radius.div(low)))
    }

    pub(crate) fn atan(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.is_zero() {
            return Ok(Self::ZERO);
        }
        work.pay_function(work.bits)?;
        let (middle, radius) = self.parts(work.bits + 2);
        if radius >= Mag::pow2(1) && middle.lower().sub_down(radius).is_none() {
            return Self::about_zero(Mag::pow2(1));
        }
        if self.is_tiny(work) {
            let size = middle.upper().mul(middle.upper()).mul(middle.upper());
            return Self::ball(middle, radius.add(size));
        }
        let (value, lost) = kernel::atan(&middle, work.bits);
        let low = middle.lower().sub_down(radius).unwrap_or(Mag::ZERO);
        // The derivative is at most 1, and at most 1 / low^2.
        let spread = radius.min(radius.div(low).div(low));
        Self::ball(value, lost.add(spread))
    }

    /// The real `index`-th root of a number that is not certainly negative; of a ball about zero
    /// that of its non-negative part. `index` is at least 1.
    pub(crate) fn root(&self, index: u32, work: &mut Work) -> Result<Self, NumericError> {
        if index == 1 {
            return Ok(self.clone());
        }
        if index == 2 {
            return self.sqrt(work);
        }
        if self.is_negative() {
            return Err(NumericError::Undefined);
        }
        if let Repr::Exact(value) = &self.0
            && index <= 64
            && let Some(root) = exact_root(value, index, work)?
        {
            return Ok(Self(Repr::Exact(root)));
        }
        if self.contains_zero() {
            let exponent = (self.upper().exponent() + 1).div_euclid(i64::from(index)) + 1;
            return Self::about_zero(Mag::pow2(exponent));
        }
        if index > MAX_DIRECT_ROOT {
            let exponent = self.ln(work)?.div(&Self::integer(index), work)?;
            return exponent.exp(work);
        }
        work.pay_function(work.bits)?;
        let (middle, radius) = self.parts(work.bits + 2);
        let low = middle
            .lower()
            .sub_down(radius)
            .ok_or(NumericError::Undefined)?;
        let (root, lost) = middle
            .root(index as usize, work.bits)
            .ok_or(NumericError::Undefined)?;
        // The derivative x^(1/n) / (n x) is at most root / low.
        let spread = root.upper().add(lost).mul(radius).div(low);
        Self::ball(root, lost.add(spread))
    }

    /// `f` of this number for an odd function with slope 1 at 0 that would lose the leading
    /// zeros of a small argument: with so many more digits, or the argument itself if tiny.
    fn near_zero(
        &self,
        work: &mut Work,
        f: impl FnOnce(&Self, &mut Work) -> Result<Self, NumericError>,
    ) -> Result<Self, NumericError> {
        let (middle, radius) = self.parts(64);
        if self.is_tiny(work) && middle.upper().add(radius) < Mag::pow2(-2) {
            return self.nearly_itself(work);
        }
        let extra = (-middle.top()).clamp(0, work.bits as i64) as usize;
        work.with_more(extra + 2, |work| f(self, work))
    }

    /// Inverse hyperbolic sine.
    pub(crate) fn arsinh(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.leans_negative() {
            return Ok(self.neg().arsinh(work)?.neg());
        }
        if self.is_zero() {
            return Ok(Self::ZERO);
        }
        self.near_zero(work, |x, work| {
            let root = x.mul(x, work)?.add(&Self::ONE, work)?.sqrt(work)?;
            x.add(&root, work)?.ln(work)
        })
    }

    /// Inverse hyperbolic cosine of a number that may be at least 1.
    pub(crate) fn arcosh(&self, work: &mut Work) -> Result<Self, NumericError> {
        let above = self.sub(&Self::ONE, work)?;
        if above.is_negative() {
            return Err(NumericError::Undefined);
        }
        let root = above.mul(&self.add(&Self::ONE, work)?, work)?.sqrt(work)?;
        self.add(&root, work)?.ln(work)
    }

    /// Inverse hyperbolic tangent of a number in `(-1, 1)`.
    pub(crate) fn artanh(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.is_zero() {
            return Ok(Self::ZERO);
        }
        self.near_zero(work, |x, work| {
            let below = Self::ONE.sub(x, work)?;
            Self::ONE
                .add(x, work)?
                .div(&below, work)?
                .ln(work)?
                .scale(-1, work)
        })
    }

    /// Arc cosine of a number that may be in `[-1, 1]`.
    pub(crate) fn arccos(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.leans_negative() {
            return pi(work)?.sub(&self.neg().arccos(work)?, work);
        }
        // The root of the ball's non-negative part where it reaches beyond 1.
        let (below, above) = (Self::ONE.sub(self, work)?, Self::ONE.add(self, work)?);
        below
            .div(&above, work)?
            .sqrt(work)?
            .atan(work)?
            .scale(1, work)
    }

    /// Arc sine of a number that may be in `[-1, 1]`.
    pub(crate) fn arcsin(&self, work: &mut Work) -> Result<Self, NumericError> {
        if self.top() >= 0 {
            return pi(work)?.scale(-1, work)?.sub(&self.arccos(work)?, work);
        }
        let (below, above) = (Self::ONE.sub(self, work)?, Self::ONE.add(self, work)?);
        self.div(&below.mul(&above, work)?.sqrt(work)?, work)?
            .atan(work)
    }
}

/// An upper bound of `e^x`.
fn exp_upper(x: f64) -> Result<Mag, NumericError> {
    // NaN and infinity fail the comparison.
    if x < 1e6 {
        Ok(Mag::pow2(
            (x.max(-1e6) * std::f64::consts::LOG2_E).ceil() as i64 + 2,
        ))
    } else {
        Err(NumericError::OutOfRange)
    }
}
