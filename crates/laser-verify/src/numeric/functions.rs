//! Functions of a complex ball. Each has a real path for a provably real argument inside the real
//! domain; the others come from the logarithm and exponential, with principal values:
//!
//! - `log z = ln|z| + i arg z` with `-π < arg z <= π`, and `a^b = exp(b log a)`;
//! - `arsinh z = log(z + √(z²+1))`, `arcsin z = -i arsinh(iz)`, `arccos z = π/2 - arcsin z`;
//! - `arcosh z = log(z + √(z+1) √(z-1))`, `artanh z = (log(1+z) - log(1-z)) / 2`;
//! - `arctan z = -i artanh(iz)`, `arccot z = π/2 - arctan z` (so `0 < arccot x < π` for real `x`).
//!
//! In the real domain, an argument outside the real domain of the function is
//! [`NumericError::Undefined`]. So is, in either, a ball that a branch cut runs through: more
//! digits may help, if the number is not on the cut.

use super::{
    NumericError,
    ball::Ball,
    elementary::pi,
    real::{Real, Work},
};
use crate::ast::Function;
use dashu_int::IBig;
use std::cmp::Ordering;

type Result<T> = std::result::Result<T, NumericError>;

const UNDEFINED: NumericError = NumericError::Undefined;

/// Larger denominators of an exponent go by the logarithm.
const MAX_ROOT: u32 = 64;

fn one() -> Ball {
    Ball::real(Real::ONE)
}

/// The exponential.
pub(crate) fn exp(z: &Ball, work: &mut Work) -> Result<Ball> {
    let size = z.re.exp(work)?;
    if z.im.is_zero() {
        return Ok(Ball::real(size));
    }
    let [sine, cosine] = z.im.sin_cos(work)?;
    Ok(Ball::new(size.mul(&cosine, work)?, size.mul(&sine, work)?))
}

/// Sine and cosine.
fn sin_cos(z: &Ball, work: &mut Work) -> Result<[Ball; 2]> {
    let [sine, cosine] = z.re.sin_cos(work)?;
    if z.im.is_zero() {
        return Ok([Ball::real(sine), Ball::real(cosine)]);
    }
    let [sinh, cosh] = z.im.sinh_cosh(work)?;
    Ok([
        Ball::new(sine.mul(&cosh, work)?, cosine.mul(&sinh, work)?),
        Ball::new(cosine.mul(&cosh, work)?, sine.mul(&sinh, work)?.neg()),
    ])
}

/// Hyperbolic sine and cosine.
fn sinh_cosh(z: &Ball, work: &mut Work) -> Result<[Ball; 2]> {
    if z.im.is_zero() {
        return Ok(z.re.sinh_cosh(work)?.map(Ball::real));
    }
    // sinh z = -i sin(iz), cosh z = cos(iz)
    let [sine, cosine] = sin_cos(&z.times_i(), work)?;
    Ok([sine.times_i().neg(), cosine])
}

/// The angle of `z` in `(-π, π]`.
pub(crate) fn arg(z: &Ball, work: &mut Work) -> Result<Real> {
    let (x, y) = (&z.re, &z.im);
    match (x.sign(), y.sign()) {
        (Some(Ordering::Greater), Some(Ordering::Equal)) => return Ok(Real::ZERO),
        (Some(Ordering::Less), Some(Ordering::Equal)) => return pi(work),
        (Some(Ordering::Equal), Some(Ordering::Greater)) => return pi(work)?.scale(-1, work),
        (Some(Ordering::Equal), Some(Ordering::Less)) => {
            return Ok(pi(work)?.scale(-1, work)?.neg());
        }
        _ => {}
    }
    if !y.contains_zero() && (x.contains_zero() || y.top() > x.top()) {
        // ±π/2 - atan(x/y)
        let half = pi(work)?.scale(-1, work)?;
        let half = if y.is_negative() { half.neg() } else { half };
        return half.sub(&x.div(y, work)?.atan(work)?, work);
    }
    if x.is_positive() {
        return y.div(x, work)?.atan(work);
    }
    if x.is_negative() && !y.contains_zero() {
        let turn = pi(work)?;
        let turn = if y.is_negative() { turn.neg() } else { turn };
        return y.div(x, work)?.atan(work)?.add(&turn, work);
    }
    Err(UNDEFINED)
}

/// The natural logarithm.
pub(crate) fn log(z: &Ball, work: &mut Work) -> Result<Ball> {
    if z.im.is_zero() && (work.real_domain() || z.re.is_positive()) {
        return Ok(Ball::real(z.re.ln(work)?));
    }
    if work.real_domain() || z.contains_zero() {
        return Err(UNDEFINED);
    }
    let angle = arg(z, work)?;
    let size = if z.im.is_zero() || z.re.is_zero() {
        z.modulus(work)?.ln(work)?
    } else {
        z.norm(work)?.ln(work)?.scale(-1, work)?
    };
    Ok(Ball::new(size, angle))
}

/// The square root. A ball about zero has a ball about zero for its root.
fn sqrt(z: &Ball, work: &mut Work) -> Result<Ball> {
    if z.im.is_zero() {
        if work.real_domain() || matches!(z.re.sign(), Some(Ordering::Greater | Ordering::Equal)) {
            return Ok(Ball::real(z.re.sqrt(work)?));
        }
        if z.re.is_negative() {
            return Ok(Ball::new(Real::ZERO, z.re.neg().sqrt(work)?));
        }
    }
    if work.real_domain() {
        return Err(UNDEFINED);
    }
    if z.contains_zero() {
        let bound = Real::about_zero(z.size_up().sqrt())?;
        return Ok(Ball::new(bound.clone(), bound));
    }
    let modulus = z.modulus(work)?;
    if z.re.leans_negative() {
        if z.im.contains_zero() {
            return Err(UNDEFINED); // on the cut, or too near
        }
        let t = modulus.sub(&z.re, work)?.scale(-1, work)?.sqrt(work)?;
        let re = z.im.abs().div(&t.scale(1, work)?, work)?;
        Ok(Ball::new(re, if z.im.is_negative() { t.neg() } else { t }))
    } else {
        let t = modulus.add(&z.re, work)?.scale(-1, work)?.sqrt(work)?;
        let im = z.im.div(&t.scale(1, work)?, work)?;
        Ok(Ball::new(t, im))
    }
}

/// The root with a positive integer index: in the real domain the real one (of negatives, for an
/// odd index), else the principal one.
pub(crate) fn root(z: &Ball, index: u32, work: &mut Work) -> Result<Ball> {
    if index == 0 {
        return Err(UNDEFINED);
    }
    if index == 1 {
        return Ok(z.clone());
    }
    if index == 2 {
        return sqrt(z, work);
    }
    if z.im.is_zero() {
        match z.re.sign() {
            Some(Ordering::Greater | Ordering::Equal) => {
                return Ok(Ball::real(z.re.root(index, work)?));
            }
            Some(Ordering::Less) if work.real_domain() && index % 2 == 1 => {
                return Ok(Ball::real(z.re.neg().root(index, work)?.neg()));
            }
            // Both signs are real roots of an odd index; the even root is the non-negative part.
            None if work.real_domain() => {
                let bound = Real::about_zero(z.re.upper())?.root(index, work)?;
                return Ok(Ball::real(bound));
            }
            _ => {}
        }
    }
    if work.real_domain() {
        return Err(UNDEFINED);
    }
    if z.contains_zero() {
        let bound = Real::about_zero(z.size_up())?.root(index, work)?;
        return Ok(Ball::new(bound.clone(), bound));
    }
    let exponent = log(z, work)?.over(&Ball::real(Real::integer(index)), work)?;
    exp(&exponent, work)
}

/// `base^exponent`; `0^0` is 1. A rational exponent `p/q` in lowest terms is a `p`-th power of the
/// `q`-th root (see [`root`]).
///
/// # Errors
///
/// [`NumericError::Undefined`] for a base that may be zero with an exponent that is not certainly
/// positive (or zero by construction), and for a base outside the real domain;
/// [`NumericError::OutOfRange`] for an exponent or value beyond what is evaluated.
pub(crate) fn power(base: &Ball, exponent: &Ball, work: &mut Work) -> Result<Ball> {
    if exponent.im.is_zero()
        && let Some(value) = exponent.re.exact()
    {
        let numerator = i64::try_from(value.numerator());
        if value.denominator().is_one() && (base.is_zero() || base.is_one()) {
            // Whatever the size of the exponent.
            return match exponent.re.sign() {
                Some(Ordering::Less) if base.is_zero() => Err(UNDEFINED),
                Some(Ordering::Greater) => Ok(base.clone()),
                _ => Ok(one()),
            };
        }
        if value.denominator().is_one() && base.neg().is_one() {
            let odd = value.numerator() % IBig::from(2) != IBig::ZERO;
            return Ok(if odd { base.clone() } else { one() });
        }
        if value.denominator().is_one() {
            return base.power(numerator.map_err(|_| NumericError::OutOfRange)?, work);
        }
        let index = u32::try_from(value.denominator()).unwrap_or(u32::MAX);
        if let Ok(count) = numerator
            && index <= MAX_ROOT
            && count.unsigned_abs() <= 1 << 16
        {
            return root(base, index, work)?.power(count, work);
        }
        if work.real_domain() && index % 2 == 1 && index < u32::MAX && base.re.is_negative() {
            // Odd root of a negative number with a large index or count.
            let size = power(&base.neg(), exponent, work)?;
            let odd = value.numerator() % IBig::from(2) != IBig::ZERO;
            return Ok(if odd { size.neg() } else { size });
        }
    }
    if base.is_zero() {
        let certain = exponent.re.is_positive();
        return if certain {
            Ok(base.clone())
        } else {
            Err(UNDEFINED)
        };
    }
    // The exponential turns the absolute error of a large product into a relative one.
    work.with_more(24, |work| {
        let product = exponent.times(&log(base, work)?, work)?;
        exp(&product, work)
    })
}

/// Is the provably real argument inside `[-1, 1]`, or in the real domain at all?
fn in_unit(z: &Ball, work: &mut Work) -> Result<bool> {
    if !z.im.is_zero() {
        return Ok(false);
    }
    if work.real_domain() {
        return Ok(true);
    }
    let below = Real::ONE.sub(&z.re.abs(), work)?;
    Ok(matches!(
        below.sign(),
        Some(Ordering::Greater | Ordering::Equal)
    ))
}

fn arsinh(z: &Ball, work: &mut Work) -> Result<Ball> {
    if z.im.is_zero() {
        return Ok(Ball::real(z.re.arsinh(work)?));
    }
    if work.real_domain() {
        return Err(UNDEFINED);
    }
    if z.re.leans_negative() {
        // The sum below would cancel.
        return Ok(arsinh(&z.neg(), work)?.neg());
    }
    let root = sqrt(&z.times(z, work)?.plus(&one(), work)?, work)?;
    log(&z.plus(&root, work)?, work)
}

fn arcsin(z: &Ball, work: &mut Work) -> Result<Ball> {
    if in_unit(z, work)? {
        return Ok(Ball::real(z.re.arcsin(work)?));
    }
    Ok(arsinh(&z.times_i(), work)?.times_i().neg())
}

fn arccos(z: &Ball, work: &mut Work) -> Result<Ball> {
    if in_unit(z, work)? {
        return Ok(Ball::real(z.re.arccos(work)?));
    }
    let half = Ball::real(pi(work)?.scale(-1, work)?);
    half.minus(&arcsin(z, work)?, work)
}

fn arcosh(z: &Ball, work: &mut Work) -> Result<Ball> {
    if z.im.is_zero() {
        let above = z.re.sub(&Real::ONE, work)?.sign();
        if work.real_domain() || matches!(above, Some(Ordering::Greater | Ordering::Equal)) {
            return Ok(Ball::real(z.re.arcosh(work)?));
        }
    }
    if work.real_domain() {
        return Err(UNDEFINED);
    }
    let (plus, minus) = (z.plus(&one(), work)?, z.minus(&one(), work)?);
    let root = sqrt(&plus, work)?.times(&sqrt(&minus, work)?, work)?;
    log(&z.plus(&root, work)?, work)
}

fn artanh(z: &Ball, work: &mut Work) -> Result<Ball> {
    if in_unit(z, work)? {
        return Ok(Ball::real(z.re.artanh(work)?));
    }
    if work.real_domain() {
        return Err(UNDEFINED);
    }
    let (plus, minus) = (one().plus(z, work)?, one().minus(z, work)?);
    let twice = log(&plus, work)?.minus(&log(&minus, work)?, work)?;
    Ok(Ball::new(
        twice.re.scale(-1, work)?,
        twice.im.scale(-1, work)?,
    ))
}

fn arctan(z: &Ball, work: &mut Work) -> Result<Ball> {
    if z.im.is_zero() {
        return Ok(Ball::real(z.re.atan(work)?));
    }
    Ok(artanh(&z.times_i(), work)?.times_i().neg())
}

/// A trigonometric or hyperbolic function, an inverse of one, or the exponential; `None` for any
/// other function.
///
/// # Errors
///
/// As for the module; a pole that the ball contains is [`NumericError::Undefined`].
pub(crate) fn analytic(f: Function, z: &Ball, work: &mut Work) -> Result<Option<Ball>> {
    use Function as F;
    Ok(Some(match f {
        F::Exp => exp(z, work)?,
        F::Sin => sin_cos(z, work)?[0].clone(),
        F::Cos => sin_cos(z, work)?[1].clone(),
        F::Tan | F::Cot | F::Sec | F::Csc => {
            let [sine, cosine] = sin_cos(z, work)?;
            quotient(f, F::Tan, F::Cot, F::Sec, &sine, &cosine, work)?
        }
        F::Sinh => sinh_cosh(z, work)?[0].clone(),
        F::Cosh => sinh_cosh(z, work)?[1].clone(),
        F::Tanh | F::Coth | F::Sech | F::Csch => {
            let [sine, cosine] = sinh_cosh(z, work)?;
            quotient(f, F::Tanh, F::Coth, F::Sech, &sine, &cosine, work)?
        }
        F::Arcsin => arcsin(z, work)?,
        F::Arccos => arccos(z, work)?,
        F::Arctan => arctan(z, work)?,
        F::Arccot => {
            let half = Ball::real(pi(work)?.scale(-1, work)?);
            half.minus(&arctan(z, work)?, work)?
        }
        F::Arcsec => arccos(&one().over(z, work)?, work)?,
        F::Arccsc => arcsin(&one().over(z, work)?, work)?,
        F::Arsinh => arsinh(z, work)?,
        F::Arcosh => arcosh(z, work)?,
        F::Artanh => artanh(z, work)?,
        _ => return Ok(None),
    }))
}

/// The four quotients of a sine and a cosine.
fn quotient(
    f: Function,
    tangent: Function,
    cotangent: Function,
    secant: Function,
    sine: &Ball,
    cosine: &Ball,
    work: &mut Work,
) -> Result<Ball> {
    if f == tangent {
        sine.over(cosine, work)
    } else if f == cotangent {
        cosine.over(sine, work)
    } else if f == secant {
        one().over(cosine, work)
    } else {
        one().over(sine, work)
    }
}
