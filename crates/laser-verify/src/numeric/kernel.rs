//! Exponential, logarithm, sine, cosine and arc tangent of one real number, in fixed point.
//!
//! `dashu-float` has these functions, correctly rounded by a retry loop without a useful bound on
//! its cost. Here a radius is carried anyway, so one pass with a known error does, and every loop
//! has a length that the precision decides.
//!
//! A fixed-point number `X` with `p` places stands for `X * 2^-p`; an *ulp* is `2^-p`. Each
//! function reduces its argument `n` times (`n` about the square root of the precision), sums a
//! short series with non-negative terms, and undoes the reductions, which multiplies the error by
//! `2^n`. The inner places exceed the wanted ones by `n + GUARD`: with `N` terms, the series is
//! off by at most `3N + n + 8 < 2^12` inner ulps for every admissible precision (at most
//! [`MAX_BITS`] and its extensions below `2^17`), so the result by less than `2^-2` ulps.

use super::{float::Float, mag::Mag};
use dashu_int::{
    IBig, UBig,
    ops::{BitTest, SquareRoot, UnsignedAbs},
};
use std::cell::RefCell;

/// Places beyond the reductions that absorb the error of series and reductions.
const GUARD: usize = 16;
/// Largest working precision.
pub(crate) const MAX_BITS: usize = 1 << 14;

#[derive(Default)]
struct Constants {
    pi: (usize, UBig),
    log2: (usize, UBig),
}

thread_local! {
    static CONSTANTS: RefCell<Constants> = RefCell::default();
}

/// π with `places`, at most 2 ulps too small or large.
pub(crate) fn pi_fixed(places: usize) -> IBig {
    cached(
        places,
        |all| &mut all.pi,
        |p| (series(5, p, true) << 4) - (series(239, p, true) << 2),
    )
}

/// The natural logarithm of 2 with `places`, at most 2 ulps too small or large.
fn log2_fixed(places: usize) -> IBig {
    cached(
        places,
        |all| &mut all.log2,
        |p| {
            IBig::from(18) * series(26, p, false) - IBig::from(2) * series(4801, p, false)
                + IBig::from(8) * series(8749, p, false)
        },
    )
}

/// Looks a constant up, extending it where it is too short. The stored value has at least 32
/// places more than is asked for and is right to less than one of its own ulps; so what is cut
/// from it is off by less than two, however long it had grown before.
fn cached(
    places: usize,
    slot: fn(&mut Constants) -> &mut (usize, UBig),
    compute: fn(usize) -> IBig,
) -> IBig {
    let length = places.next_multiple_of(256);
    CONSTANTS.with_borrow_mut(|all| {
        let (known, value) = slot(all);
        if *known < length {
            *value = (compute(length + 64) >> 32).unsigned_abs();
            *known = length + 32;
        }
        IBig::from(&*value >> (*known - places))
    })
}

/// `atan(1/k)` or, not alternating, `artanh(1/k)`; off by at most as many ulps as there are terms.
fn series(k: u32, places: usize, alternating: bool) -> IBig {
    let square = IBig::from(k) * IBig::from(k);
    let mut power = (IBig::ONE << places) / IBig::from(k);
    let mut sum = IBig::ZERO;
    for n in 0..=places {
        if power.is_zero() {
            break;
        }
        let term = &power / IBig::from(2 * n + 1);
        if alternating && n % 2 == 1 {
            sum -= term;
        } else {
            sum += term;
        }
        power /= &square;
    }
    sum
}

/// `e^x` to `bits` digits, for `|x| < 2^22`, and a bound of the error.
pub(crate) fn exp(x: &Float, bits: usize) -> (Float, Mag) {
    let places = bits + 8;
    // k = floor(x / ln 2) < 2^23 multiplies the 2 ulps of ln 2: 2^24 * 2^-(places + 26) is little.
    let fine = places + 26;
    let fixed = x.to_fixed(fine);
    let log2 = log2_fixed(fine);
    let k = floor_div(&fixed, &log2);
    let rest = ((fixed - &k * log2) >> 26).unsigned_abs();
    let k = i64::try_from(&k).unwrap_or(0); // |k| < 2^23 by the precondition
    // 0 <= rest < ln 2, known to 2 ulps; its exponential in [1, 2), known to 2 * 2 + 1.
    let value = exp_fixed(&rest, places);
    let (value, lost) = Float::new(value.into(), k - places as i64).round(bits);
    (value, lost.add(Mag::pow2(k - places as i64 + 3)))
}

fn floor_div(a: &IBig, b: &IBig) -> IBig {
    let quotient = a / b;
    if (&quotient * b) > *a {
        quotient - IBig::ONE
    } else {
        quotient
    }
}

/// `e^x` with `0 <= x < 1`, to one ulp.
fn exp_fixed(x: &UBig, places: usize) -> UBig {
    let n = places.isqrt();
    let inner = places + n + GUARD;
    let x = x << GUARD; // x / 2^n in the inner places
    let mut term = UBig::ONE << inner;
    let mut sum = term.clone();
    for k in 1..=inner {
        term = ((term * &x) >> inner) / UBig::from(k);
        if term.is_zero() {
            break;
        }
        sum += &term;
    }
    for _ in 0..n {
        sum = (&sum * &sum) >> inner;
    }
    sum >> (n + GUARD)
}

/// Sine and cosine to `bits` digits (the sine to as many significant ones if `|x| < 1`), and a
/// bound of the error of each. `|x|` is between `2^-bits` and `2^4100`.
pub(crate) fn sin_cos(x: &Float, bits: usize) -> [(Float, Mag); 2] {
    let top = x.top();
    let (rest, negative, quadrant, places) = if top <= 0 {
        let places = bits + 8 + top.unsigned_abs() as usize;
        (x.abs().to_fixed(places), x.is_negative(), 0, places)
    } else {
        // k < 2^(top+1) multiplies the error of π.
        let places = bits + 8;
        let more = top as usize + 8;
        let fixed = x.to_fixed(places + more);
        let half = pi_fixed(places + more) >> 1;
        let k = floor_div(&(&fixed + (&half >> 1)), &half);
        let rest = (fixed - &k * half) >> more;
        let quadrant = [k.bit(0), k.bit(1)]
            .iter()
            .rev()
            .fold(0, |q, &bit| 2 * q + u8::from(bit));
        (
            rest.clone().unsigned_abs().into(),
            rest.sign() == dashu_int::Sign::Negative,
            quadrant,
            places,
        )
    };
    let (sine, cosine) = sin_cos_fixed(&rest.unsigned_abs(), places);
    let sine = if negative { -sine } else { sine };
    let (sine, cosine) = match quadrant {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    };
    // 2 ulps of the argument, one of the series.
    let error = Mag::pow2(2 - places as i64);
    [sine, cosine].map(|fixed| {
        let (value, lost) = Float::new(fixed, -(places as i64)).round(bits);
        (value, lost.add(error))
    })
}

/// Sine and cosine of `0 <= x <= 1`, each to one ulp.
fn sin_cos_fixed(x: &UBig, places: usize) -> (IBig, IBig) {
    let n = places.isqrt() / 2;
    let inner = places + n + GUARD;
    let x = x << GUARD;
    let mut term = UBig::ONE << inner;
    let mut cosine = IBig::from(term.clone());
    let mut sine = IBig::ZERO;
    for k in 1..=inner {
        term = ((term * &x) >> inner) / UBig::from(k);
        if term.is_zero() {
            break;
        }
        match k % 4 {
            0 => cosine += &term,
            1 => sine += &term,
            2 => cosine -= &term,
            _ => sine -= &term,
        }
    }
    // (c + is)^2: the error as a plane vector doubles, plus rounding.
    for _ in 0..n {
        let next = (&cosine * &sine) >> (inner - 1);
        cosine = (&cosine * &cosine - &sine * &sine) >> inner;
        sine = next;
    }
    (sine >> (n + GUARD), cosine >> (n + GUARD))
}

/// The natural logarithm of `x > 0` to `bits` significant digits, and a bound of the error.
/// `|log2 x| < 2^22`.
pub(crate) fn ln(x: &Float, bits: usize) -> (Float, Mag) {
    // x = f * 2^k with f in [3/4, 3/2), so that k = 0 near 1 and nothing cancels.
    let lead = Float::new(x.significand.clone(), -(x.significand.bit_len() as i64)).to_fixed(2);
    let k = if lead < IBig::from(3) {
        x.top() - 1
    } else {
        x.top()
    };
    let f = Float::new(x.significand.clone(), x.exponent - k);
    let one = Float::new(IBig::ONE, 0);
    // Exact: no more digits than the operands span.
    let (above, _) = f.add(&one.neg(), usize::MAX >> 1);
    let places = if k != 0 {
        bits + 32
    } else if above.is_zero() {
        return (Float::ZERO, Mag::ZERO);
    } else {
        bits + 8 + (-above.top()).max(0) as usize
    };
    let n = places.isqrt() / 2;
    let inner = places + n + GUARD;
    let mut root = f.to_fixed(inner).unsigned_abs();
    for _ in 0..n {
        root = (root << inner).sqrt();
    }
    // ln f = 2^n ln(root) = 2^(n+1) artanh((root - 1) / (root + 1))
    let unit = UBig::ONE << inner;
    let sum = &root + &unit;
    let difference = IBig::from(root) - IBig::from(unit);
    let negative = difference.sign() == dashu_int::Sign::Negative;
    let y = (difference.unsigned_abs() << inner) / sum;
    let series = IBig::from(odd_series(&y, inner, false)) << (n + 1);
    let series = if negative { -series } else { series };
    let value = series + IBig::from(k) * log2_fixed(inner);
    // With k, 2^22 * 2 ulps of ln 2 come in: 2^23 * 2^-(places + 16).
    let error = Mag::pow2(if k == 0 { 0 } else { 8 } - places as i64);
    let (value, lost) = Float::new(value, -(inner as i64)).round(bits);
    (value, lost.add(error))
}

/// `y + y^3/3 + …` or, alternating, `y - y^3/3 + …`, for `0 <= y < 1/2`.
fn odd_series(y: &UBig, places: usize, alternating: bool) -> UBig {
    let square = (y * y) >> places;
    let mut power = y.clone();
    let mut plus = UBig::ZERO;
    let mut minus = UBig::ZERO;
    for n in 0..=places {
        if power.is_zero() {
            break;
        }
        let term = &power / UBig::from(2 * n + 1);
        if alternating && n % 2 == 1 {
            minus += term;
        } else {
            plus += term;
        }
        power = (power * &square) >> places;
    }
    if minus < plus {
        plus - minus
    } else {
        UBig::ZERO
    }
}

/// The arc tangent to `bits` significant digits, and a bound of the error. `2^-bits <= |x|`.
pub(crate) fn atan(x: &Float, bits: usize) -> (Float, Mag) {
    let size = x.abs();
    if x.top() >= 1 {
        // |x| >= 1: π/2 - atan(1/x), the derivative of which is at most 1.
        let one = Float::new(IBig::ONE, 0);
        let (inverse, error) = one.div(&size, bits + 8).unwrap_or((Float::ZERO, Mag::ZERO));
        let places = bits + 8;
        let half = pi_fixed(places + 1); // as many units of 2^-(places + 2)
        let angle = atan_fixed(&inverse.to_fixed(places).unsigned_abs(), places);
        let value = half - (IBig::from(angle) << 2);
        let value = if x.is_negative() { -value } else { value };
        let (value, lost) = Float::new(value, -(places as i64) - 2).round(bits);
        return (value, lost.add(error).add(Mag::pow2(2 - places as i64)));
    }
    let places = bits + 8 + (-x.top()).max(0) as usize;
    let angle = IBig::from(atan_fixed(&size.to_fixed(places).unsigned_abs(), places));
    let angle = if x.is_negative() { -angle } else { angle };
    let (value, lost) = Float::new(angle, -(places as i64)).round(bits);
    (value, lost.add(Mag::pow2(1 - places as i64)))
}

/// The arc tangent of `0 <= x <= 1`, to one ulp.
fn atan_fixed(x: &UBig, places: usize) -> UBig {
    let n = places.isqrt() / 3 + 2;
    let inner = places + n + GUARD;
    let unit = UBig::ONE << inner;
    let square = UBig::ONE << (2 * inner);
    let mut x = x << (n + GUARD);
    for _ in 0..n {
        let secant = (&square + &x * &x).sqrt();
        x = (x << inner) / (&unit + secant);
    }
    (odd_series(&x, inner, true) << n) >> (n + GUARD)
}
