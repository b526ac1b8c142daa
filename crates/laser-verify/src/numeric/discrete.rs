//! Functions of exact integers, rounding, and order: what needs a decision and not only digits.

use super::{
    NumericError,
    float::Float,
    mag::Mag,
    real::{Real, Repr, Work, size},
};
use crate::ast::Function;
use dashu_int::{
    IBig, Sign, UBig,
    ops::{BitTest, Gcd, UnsignedAbs},
};
use std::cmp::Ordering;

type Result<T> = std::result::Result<T, NumericError>;

/// Largest argument of a factorial and upper argument of a binomial coefficient.
const MAX_FACTORIAL: u64 = 5000;
/// Longest integer that a ball is rounded to, bits.
const MAX_ROUNDED: i64 = 1 << 14;

/// The largest integer that is not above `x`.
///
/// # Errors
///
/// [`NumericError::Undefined`] where the ball does not decide.
pub(crate) fn floor(x: &Real) -> Result<Real> {
    let (middle, radius) = match &x.0 {
        Repr::Exact(value) => return Ok(Real::integer(value.floor())),
        Repr::Ball(middle, radius) => (middle, *radius),
    };
    if middle.upper().add(radius) < Mag::pow2(-1) {
        return match x.sign() {
            Some(Ordering::Less) => Ok(Real::integer(-1)),
            Some(_) => Ok(Real::ZERO),
            None => Err(NumericError::Undefined),
        };
    }
    if middle.top() > MAX_ROUNDED || radius >= Mag::pow2(1) {
        let known = middle.top() <= MAX_ROUNDED;
        return Err(if known {
            NumericError::Undefined
        } else {
            NumericError::OutOfRange
        });
    }
    if radius.is_zero() {
        return Ok(Real::integer(middle.to_fixed(0)));
    }
    // A radius below the digits of the midpoint decides like one of half its last digit.
    let exponent = (radius.exponent() + 1).max(middle.exponent.min(0) - 1);
    let spread = Float::new(IBig::ONE, exponent);
    let (low, _) = middle.add(&spread.neg(), usize::MAX >> 1);
    let (high, _) = middle.add(&spread, usize::MAX >> 1);
    let (low, high) = (low.to_fixed(0), high.to_fixed(0));
    if low == high {
        Ok(Real::integer(low))
    } else {
        Err(NumericError::Undefined)
    }
}

/// The remainder with the sign of the divisor, `a - b floor(a/b)`.
pub(crate) fn modulo(a: &Real, b: &Real, work: &mut Work) -> Result<Real> {
    let quotient = floor(&a.div(b, work)?)?;
    a.sub(&b.mul(&quotient, work)?, work)
}

/// The larger (or smaller) of two numbers; where the balls overlap, a ball for either.
pub(crate) fn extremum(a: &Real, b: &Real, largest: bool, work: &mut Work) -> Result<Real> {
    let difference = a.sub(b, work)?;
    let first = match difference.sign() {
        Some(order) => (order != Ordering::Less) == largest,
        None => {
            // The maximum moves by no more than either argument.
            let ((x, rx), (y, ry)) = (a.parts(work.bits), b.parts(work.bits));
            let first = x.add(&y.neg(), work.bits).0.is_negative() != largest;
            return Real::ball(if first { x } else { y }, rx.max(ry).add(rx.min(ry)));
        }
    };
    Ok(if first { a.clone() } else { b.clone() })
}

/// The sign, -1, 0 or 1.
pub(crate) fn signum(x: &Real) -> Result<Real> {
    match x.sign() {
        Some(Ordering::Less) => Ok(Real::integer(-1)),
        Some(Ordering::Equal) => Ok(Real::ZERO),
        Some(Ordering::Greater) => Ok(Real::ONE),
        None => Err(NumericError::Undefined),
    }
}

/// The exact integer that a number is.
pub(crate) fn integer(x: &Real) -> Option<&IBig> {
    x.exact()
        .filter(|value| value.denominator().is_one())
        .map(|value| value.numerator())
}

/// An argument of a factorial.
fn counter(x: &Real, what: &'static str) -> Result<u64> {
    let value = integer(x).ok_or(NumericError::NotANumber(what))?;
    if value.sign() == Sign::Negative {
        return Err(NumericError::Undefined);
    }
    match u64::try_from(value) {
        Ok(value) if value <= MAX_FACTORIAL => Ok(value),
        _ => Err(NumericError::OutOfRange),
    }
}

/// `n (n-step) (n-2 step) …`: factorial and double factorial.
pub(crate) fn factorial(x: &Real, step: u64, work: &mut Work) -> Result<Real> {
    let n = counter(x, "a factorial of what is no exact integer")?;
    work.budget.spend(1 + n + n * n / 4096)?;
    let mut product = UBig::ONE;
    let mut factor = n;
    while factor > 1 {
        product *= UBig::from(factor);
        factor = factor.saturating_sub(step);
    }
    Ok(Real::integer(product))
}

/// `n` over `k`.
pub(crate) fn binomial(n: &Real, k: &Real, work: &mut Work) -> Result<Real> {
    let what = "a binomial coefficient of what is no exact integer";
    let n = counter(n, what)?;
    let k = integer(k).ok_or(NumericError::NotANumber(what))?;
    if k.sign() == Sign::Negative || *k > IBig::from(n) {
        return Ok(Real::ZERO);
    }
    let k = u64::try_from(k).map_err(|_| NumericError::OutOfRange)?;
    let k = k.min(n - k);
    work.budget.spend(1 + k + k * k / 4096)?;
    let mut value = UBig::ONE;
    for i in 0..k {
        // A product of i + 1 consecutive integers: the division is exact.
        value = value * UBig::from(n - i) / UBig::from(i + 1);
    }
    Ok(Real::integer(value))
}

/// Greatest common divisor or least common multiple of two exact integers.
pub(crate) fn divisor(f: Function, a: &Real, b: &Real, work: &mut Work) -> Result<Real> {
    let (Some(a), Some(b)) = (integer(a), integer(b)) else {
        return Err(NumericError::NotANumber(
            "a common divisor of what is no exact integer",
        ));
    };
    work.pay_exact(a.bit_len() + b.bit_len(), false)?;
    let (a, b) = (a.clone().unsigned_abs(), b.clone().unsigned_abs());
    let least = f == Function::Lcm;
    if a.is_zero() || b.is_zero() {
        // dashu has no gcd of two zeros; it is zero.
        return Ok(if least {
            Real::ZERO
        } else {
            Real::integer(a + b)
        });
    }
    let common = (&a).gcd(&b);
    if least {
        Real::rational((a / common * b).into(), work)
    } else {
        Ok(Real::integer(common))
    }
}

/// The logarithm of `x` to `base`, where that is an integer and shown to be one exactly.
pub(crate) fn exact_log(
    x: &Real,
    base: &Real,
    guess: f64,
    work: &mut Work,
) -> Result<Option<Real>> {
    let (Some(value), Some(base)) = (x.exact(), base.exact()) else {
        return Ok(None);
    };
    let near = guess.round();
    if (guess - near).abs() > 1e-9 || near.abs() > 4096.0 {
        return Ok(None);
    }
    let exponent = near as isize;
    // The power has the length of the value, or the guess is wrong.
    if size(base) * exponent.unsigned_abs() > 2 * size(value) + 4096 || base.is_zero() {
        return Ok(None);
    }
    work.pay_exact(size(value), true)?;
    Ok((base.pow(exponent) == *value).then(|| Real::integer(exponent as i64)))
}
