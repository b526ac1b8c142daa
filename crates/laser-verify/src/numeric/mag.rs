//! Magnitudes: non-negative bounds of enormous range and small precision.
//!
//! A radius may be `2^-1000000` or `2^1000000`, where `f64` ends at `2^±1074`. The mantissa is an
//! `f64`; every operation rounds away from the side on which it would be wrong.

use std::cmp::Ordering;

/// Relative slack of one operation, several times the rounding error of the `f64` inside.
const SLACK: f64 = 16.0 * f64::EPSILON;
/// Below this exponent an upper bound stops shrinking and a lower bound becomes zero.
const FLOOR: i64 = -(1 << 40);

/// `mantissa * 2^exponent`, the mantissa zero or in `[1, 2)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mag {
    mantissa: f64,
    exponent: i64,
}

impl Mag {
    pub const ZERO: Self = Self {
        mantissa: 0.0,
        exponent: 0,
    };

    /// `2^exponent`, exactly.
    pub const fn pow2(exponent: i64) -> Self {
        Self {
            mantissa: 1.0,
            exponent,
        }
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// `e` with `2^e <= value < 2^(e+1)`; meaningless (0) for zero, which comparisons tell apart.
    pub fn exponent(self) -> i64 {
        self.exponent
    }

    /// `value * 2^exponent`, rounded up. `value` is an ordinary non-negative number.
    pub fn up(value: f64, exponent: i64) -> Self {
        let bound = Self::normal(value * (1.0 + SLACK), exponent);
        if !bound.is_zero() && bound.exponent < FLOOR {
            Self::pow2(FLOOR)
        } else {
            bound
        }
    }

    /// `value * 2^exponent`, rounded down.
    pub fn down(value: f64, exponent: i64) -> Self {
        let bound = Self::normal(value * (1.0 - SLACK), exponent);
        if bound.exponent < FLOOR {
            Self::ZERO
        } else {
            bound
        }
    }

    fn normal(value: f64, exponent: i64) -> Self {
        if value <= 0.0 {
            return Self::ZERO;
        }
        let bits = value.to_bits();
        let shift = ((bits >> 52) & 0x7ff) as i64 - 1023;
        let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
        Self {
            mantissa,
            exponent: exponent.saturating_add(shift),
        }
    }

    /// An upper bound of the sum of two upper bounds.
    pub fn add(self, other: Self) -> Self {
        let (high, low) = if self < other {
            (other, self)
        } else {
            (self, other)
        };
        if low.is_zero() {
            return high;
        }
        // A gap beyond the mantissa is covered by the slack.
        Self::up(
            high.mantissa + low.mantissa * scale(high.exponent - low.exponent),
            high.exponent,
        )
    }

    /// An upper bound of the product of two upper bounds.
    pub fn mul(self, other: Self) -> Self {
        Self::up(
            self.mantissa * other.mantissa,
            self.exponent.saturating_add(other.exponent),
        )
    }

    /// An upper bound of `self / lower`, where `lower` is a lower bound above zero (zero gives
    /// the largest magnitude there is).
    pub fn div(self, lower: Self) -> Self {
        if self.is_zero() {
            return self;
        }
        if lower.is_zero() {
            return Self::pow2(-FLOOR);
        }
        Self::up(
            self.mantissa / lower.mantissa,
            self.exponent.saturating_sub(lower.exponent),
        )
    }

    /// An upper bound of the square root.
    pub fn sqrt(self) -> Self {
        if self.exponent.rem_euclid(2) == 1 {
            Self::up((2.0 * self.mantissa).sqrt(), self.exponent.div_euclid(2))
        } else {
            Self::up(self.mantissa.sqrt(), self.exponent.div_euclid(2))
        }
    }

    /// A lower bound of `self - upper` where that is above zero.
    pub fn sub_down(self, upper: Self) -> Option<Self> {
        if self <= upper {
            return None;
        }
        if upper.is_zero() {
            return Some(self);
        }
        // The larger exponent is `self`'s, so the scaled operand is exact and the difference is
        // rounded once.
        let rest = self.mantissa - upper.mantissa * scale(self.exponent - upper.exponent);
        let bound = Self::down(rest, self.exponent);
        (!bound.is_zero()).then_some(bound)
    }

    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    pub fn max(self, other: Self) -> Self {
        if self < other { other } else { self }
    }

    /// The value as `f64`, rounded to infinity or zero where it is out of range.
    pub fn to_f64(self) -> f64 {
        self.mantissa * 2f64.powi(self.exponent.clamp(-3000, 3000) as i32)
    }
}

/// `2^-gap`, or less than any rounding slack for a large gap.
fn scale(gap: i64) -> f64 {
    f64::from_bits((1023 - gap.clamp(0, 200) as u64) << 52)
}

impl PartialOrd for Mag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => match self.exponent.cmp(&other.exponent) {
                Ordering::Equal => self.mantissa.partial_cmp(&other.mantissa),
                unequal => Some(unequal),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_enclose() {
        let a = Mag::up(1.5, 1_000_000);
        let b = Mag::up(1.25, -1_000_000);
        assert!(a.add(b) > a && a.mul(b) > Mag::pow2(0));
        assert!(a.sub_down(b).is_some_and(|d| d < a));
        assert_eq!(b.sub_down(a), None);
        assert_eq!(a.sub_down(a), None);
        assert!(Mag::pow2(3).sqrt().mul(Mag::pow2(3).sqrt()) >= Mag::pow2(3));
        assert!(Mag::pow2(-3).sqrt().mul(Mag::pow2(-3).sqrt()) >= Mag::pow2(-3));
        assert!(Mag::pow2(1).div(Mag::up(1.5, 1)).mul(Mag::up(1.5, 1)) >= Mag::pow2(1));
        assert_eq!(Mag::ZERO.add(Mag::ZERO), Mag::ZERO);
        assert!(Mag::up(3.0, 0).to_f64() >= 3.0);
    }
}
