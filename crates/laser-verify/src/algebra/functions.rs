//! Roots, powers, exponentials, logarithms and trigonometric functions of fractions.

use dashu_int::ops::{BitTest, DivRem, Gcd};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::poly::{Monomial, Poly};
use super::{Algebra, AtomKind, Fraction, Result, Stop};
use crate::ast::Function;

/// Trial division goes up to here. A cofactor below its square is prime.
const LAST_DIVISOR: u32 = 1 << 10;

impl Algebra<'_> {
    /// The root of that index: for positive numbers the positive one, for negative numbers the
    /// real one when the index is odd, `i` times a root when it is 2.
    pub(super) fn root(&mut self, radicand: &Fraction, index: u32) -> Result<Fraction> {
        if index == 0 {
            return Err(Stop::Undefined);
        }
        if index == 1 || radicand.is_zero() {
            return Ok(radicand.clone());
        }
        if let Some(value) = radicand.as_rational() {
            return self.root_of_rational(&value, index);
        }
        if radicand.denominator.as_constant().is_none() {
            let kind = AtomKind::Root {
                radicand: radicand.clone(),
                index,
            };
            return Ok(Fraction::atom(self.intern(kind)?));
        }
        // √(c·p) = √c·√p for a positive number c, and the same for atoms that are positive.
        let content = self.content(&radicand.numerator)?;
        let primitive = radicand.numerator.clone().scale(&(RBig::ONE / &content));
        let mut result = self.root_of_rational(&content, index)?;
        let (monomial, rest) = self.positive_part(primitive);
        for (atom, exponent) in monomial {
            let whole = Poly::term(vec![(atom, exponent / index)], RBig::ONE);
            if exponent >= index {
                result = self.multiply(&result, &Fraction::from_poly(whole))?;
            }
            if exponent % index > 0 {
                let part = Poly::term(vec![(atom, exponent % index)], RBig::ONE);
                let kind = AtomKind::Root {
                    radicand: Fraction::from_poly(part),
                    index,
                };
                let atom = self.intern(kind)?;
                result = self.multiply(&result, &Fraction::atom(atom))?;
            }
        }
        if rest != Poly::one() {
            let root = match rest.as_constant() {
                Some(value) => self.root_of_rational(&value, index)?,
                None => {
                    let kind = AtomKind::Root {
                        radicand: Fraction::from_poly(rest),
                        index,
                    };
                    Fraction::atom(self.intern(kind)?)
                }
            };
            result = self.multiply(&result, &root)?;
        }
        Ok(result)
    }

    /// The positive rational number that divides all coefficients and leaves coprime integers.
    fn content(&mut self, poly: &Poly) -> Result<RBig> {
        let mut above = UBig::ZERO;
        let mut below = UBig::ONE;
        for coefficient in poly.terms.values() {
            let (numerator, denominator) = coefficient.clone().into_parts();
            let (_, numerator) = numerator.into_parts();
            let words = (below.bit_len() + numerator.bit_len() + denominator.bit_len()) as u64 / 64;
            self.budget.spend(1 + words * words / 64)?;
            above = if above == UBig::ZERO {
                numerator
            } else {
                above.gcd(numerator)
            };
            let common = (&below).gcd(&denominator);
            below = below / common * denominator;
            if below.bit_len() > self.limits.bits {
                return Err(Stop::TooLarge);
            }
        }
        Ok(match above == UBig::ZERO {
            true => RBig::ONE,
            false => RBig::from_parts(IBig::from(above), below),
        })
    }

    /// Splits off the common factors that are positive numbers (π, e, roots of integers).
    fn positive_part(&self, poly: Poly) -> (Monomial, Poly) {
        let mut common = poly.common_monomial();
        common.retain(|&(atom, _)| {
            matches!(
                self.kind(atom),
                AtomKind::Pi | AtomKind::Euler | AtomKind::IntegerRoot { .. }
            )
        });
        let rest = poly.divide_monomial(&common);
        (common, rest)
    }

    fn root_of_rational(&mut self, value: &RBig, index: u32) -> Result<Fraction> {
        if value.is_zero() {
            return Ok(Fraction::constant(RBig::ZERO));
        }
        if *value < RBig::ZERO {
            let positive = self.root_of_rational(&-value.clone(), index)?;
            if index % 2 == 1 {
                return Ok(positive.negate());
            }
            if index == 2 {
                let unit = self.intern(AtomKind::ImaginaryUnit)?;
                return self.multiply(&positive, &Fraction::atom(unit));
            }
            let kind = AtomKind::Root {
                radicand: Fraction::constant(value.clone()),
                index,
            };
            return Ok(Fraction::atom(self.intern(kind)?));
        }
        let (numerator, denominator) = value.clone().into_parts();
        // (a/b)^(1/n) = (a·b^(n−1))^(1/n) / b
        let exponent = index as usize - 1;
        if denominator.bit_len().saturating_mul(exponent) > self.limits.bits {
            return Err(Stop::TooLarge);
        }
        let (_, magnitude) = numerator.into_parts();
        let integer = magnitude * denominator.clone().pow(exponent);
        let mut result = Fraction::constant(RBig::from_parts(IBig::ONE, denominator));
        for (base, power) in self.factor(integer)? {
            let whole = RBig::from(base.pow((power / index) as usize));
            result = self.multiply(&result, &Fraction::constant(whole))?;
            let rest = power % index;
            if rest > 0 {
                let common = gcd(rest, index);
                let kind = AtomKind::IntegerRoot {
                    base,
                    index: index / common,
                };
                let atom = self.intern(kind)?;
                let root = Poly::term(vec![(atom, rest / common)], RBig::ONE);
                result = self.multiply(&result, &Fraction::from_poly(root))?;
            }
        }
        Ok(result)
    }

    /// Factors with their powers. The last base may be composite when it has no divisor up to
    /// [`LAST_DIVISOR`]; a perfect power is told as one.
    fn factor(&mut self, mut value: UBig) -> Result<Vec<(UBig, u32)>> {
        let mut factors = Vec::new();
        self.budget
            .spend(16 + u64::from(LAST_DIVISOR / 16) * (1 + value.bit_len() as u64 / 64))?;
        let mut divisor = 2u32;
        while divisor <= LAST_DIVISOR && value > UBig::ONE {
            if value.bit_len() <= 20 && UBig::from(divisor) * divisor > value {
                break;
            }
            let mut power = 0;
            loop {
                let (quotient, remainder) = (&value).div_rem(divisor);
                if remainder != 0 {
                    break;
                }
                value = quotient;
                power += 1;
            }
            if power > 0 {
                factors.push((UBig::from(divisor), power));
            }
            divisor += if divisor == 2 { 1 } else { 2 };
        }
        if value > UBig::ONE {
            let mut power = 1;
            for candidate in [2u32, 3, 5, 7] {
                self.budget.spend(4 + value.bit_len() as u64 / 16)?;
                loop {
                    let root = value.nth_root(candidate as usize);
                    if root.pow(candidate as usize) != value {
                        break;
                    }
                    value = root;
                    power *= candidate;
                }
            }
            factors.push((value, power));
        }
        Ok(factors)
    }

    /// `base^exponent` for any exponent.
    pub(super) fn power_of(&mut self, base: &Fraction, exponent: &Fraction) -> Result<Fraction> {
        if let Some(value) = exponent.as_rational() {
            return self.power_of_rational(base, &value);
        }
        if exponent.denominator.as_constant().is_none() {
            return self.power_atom(base, exponent);
        }
        // b^(u + v) = b^u · b^v, term by term, so that 2·2^n and 2^(n+1) meet.
        let mut result = Fraction::integer(1);
        for (monomial, coefficient) in &exponent.numerator.terms {
            let part = if monomial.is_empty() {
                self.power_of_rational(base, coefficient)?
            } else {
                self.power_of_term(base, monomial, coefficient)?
            };
            result = self.multiply(&result, &part)?;
        }
        Ok(result)
    }

    /// `base^(k/q · m)` as `(base^(m/q))^k`; a positive integer base is split into its primes.
    fn power_of_term(
        &mut self,
        base: &Fraction,
        monomial: &Monomial,
        coefficient: &RBig,
    ) -> Result<Fraction> {
        let (numerator, denominator) = coefficient.clone().into_parts();
        let count = i64::try_from(&numerator).map_err(|_| Stop::TooLarge)?;
        let unit = Poly::term(monomial.clone(), RBig::from_parts(IBig::ONE, denominator));
        let unit = Fraction::from_poly(unit);
        let mut result = Fraction::integer(1);
        match base.as_rational() {
            Some(value) if value > RBig::ZERO => {
                let (above, below) = value.into_parts();
                let (_, above) = above.into_parts();
                let above: Vec<_> = self
                    .factor(above)?
                    .into_iter()
                    .map(|(p, e)| (p, i64::from(e)))
                    .collect();
                let below: Vec<_> = self
                    .factor(below)?
                    .into_iter()
                    .map(|(p, e)| (p, -i64::from(e)))
                    .collect();
                for (prime, power) in above.into_iter().chain(below) {
                    let prime = Fraction::constant(RBig::from(prime));
                    let atom = self.power_atom(&prime, &unit)?;
                    let total = count.checked_mul(power).ok_or(Stop::TooLarge)?;
                    let part = self.power(&atom, total)?;
                    result = self.multiply(&result, &part)?;
                }
                Ok(result)
            }
            _ => {
                let atom = self.power_atom(base, &unit)?;
                self.power(&atom, count)
            }
        }
    }

    fn power_atom(&mut self, base: &Fraction, exponent: &Fraction) -> Result<Fraction> {
        if let Some(value) = base.as_rational() {
            if value.is_one() {
                return Ok(Fraction::integer(1));
            }
            if value.is_zero() {
                return Err(Stop::NotANumber("zero to a symbolic power"));
            }
        }
        let kind = AtomKind::Power {
            base: base.clone(),
            exponent: exponent.clone(),
        };
        Ok(Fraction::atom(self.intern(kind)?))
    }

    fn power_of_rational(&mut self, base: &Fraction, exponent: &RBig) -> Result<Fraction> {
        let (numerator, denominator) = exponent.clone().into_parts();
        let count = i64::try_from(&numerator).map_err(|_| Stop::TooLarge)?;
        let index = u32::try_from(&denominator).map_err(|_| Stop::TooLarge)?;
        if index == 1 {
            return self.power(base, count);
        }
        if index > 1024 {
            return Err(Stop::TooLarge);
        }
        let root = self.root(base, index)?;
        self.power(&root, count)
    }

    /// Natural logarithm.
    pub(super) fn log(&mut self, argument: &Fraction) -> Result<Fraction> {
        if argument.is_zero() {
            return Err(Stop::Undefined);
        }
        if let Some(value) = argument.as_rational()
            && value > RBig::ZERO
        {
            let (above, below) = value.into_parts();
            let (_, above) = above.into_parts();
            let above = self.log_of_integer(above)?;
            let below = self.log_of_integer(below)?;
            return self.subtract(&above, &below);
        }
        if argument.denominator == Poly::one()
            && let Some((monomial, coefficient)) = argument.numerator.as_term()
            && coefficient.is_one()
            && let [(atom, exponent)] = monomial[..]
        {
            match self.kind(atom).clone() {
                AtomKind::Euler => return Ok(Fraction::integer(i64::from(exponent))),
                AtomKind::IntegerRoot { base, index } => {
                    let whole = self.log_of_integer(base)?;
                    let share = RBig::from_parts(IBig::from(exponent), UBig::from(index));
                    return self.multiply(&whole, &Fraction::constant(share));
                }
                _ => {}
            }
        }
        let kind = AtomKind::Call(Function::Log, vec![argument.clone()]);
        Ok(Fraction::atom(self.intern(kind)?))
    }

    fn log_of_integer(&mut self, value: UBig) -> Result<Fraction> {
        let mut sum = Fraction::integer(0);
        for (base, power) in self.factor(value)? {
            let atom = self.intern(AtomKind::IntegerLog(base))?;
            let part = Poly::term(vec![(atom, 1)], RBig::from(power));
            sum = self.add(&sum, &Fraction::from_poly(part))?;
        }
        Ok(sum)
    }

    /// Sine, by the exact values at multiples of π/12 and the symmetries.
    pub(super) fn sin(&mut self, argument: &Fraction) -> Result<Fraction> {
        if let Some(step) = self.multiple_of_pi(argument).as_ref().and_then(twelfths) {
            return self.sin_of_twelfths(step);
        }
        let (argument, negative) = self.unsigned(argument);
        let atom = self.intern(AtomKind::Call(Function::Sin, vec![argument]))?;
        let value = Fraction::atom(atom);
        Ok(if negative { value.negate() } else { value })
    }

    pub(super) fn cos(&mut self, argument: &Fraction) -> Result<Fraction> {
        if let Some(step) = self.multiple_of_pi(argument).as_ref().and_then(twelfths) {
            return self.sin_of_twelfths((step + 6) % 24);
        }
        let (argument, _) = self.unsigned(argument);
        Ok(Fraction::atom(
            self.intern(AtomKind::Call(Function::Cos, vec![argument]))?,
        ))
    }

    /// sin(k·π/12) for k from 0 to 23.
    fn sin_of_twelfths(&mut self, step: u32) -> Result<Fraction> {
        if step >= 12 {
            return Ok(self.sin_of_twelfths(step - 12)?.negate());
        }
        let step = step.min(12 - step);
        let half = RBig::from_parts(IBig::ONE, UBig::from(2u8));
        let quarter = RBig::from_parts(IBig::ONE, UBig::from(4u8));
        let square_root = |algebra: &mut Self, n: i64, scale: &RBig| -> Result<Fraction> {
            let root = algebra.root_of_rational(&RBig::from(n), 2)?;
            algebra.multiply(&root, &Fraction::constant(scale.clone()))
        };
        match step {
            0 => Ok(Fraction::integer(0)),
            2 => Ok(Fraction::constant(half)),
            3 => square_root(self, 2, &half),
            4 => square_root(self, 3, &half),
            6 => Ok(Fraction::integer(1)),
            _ => {
                let six = square_root(self, 6, &quarter)?;
                let two = square_root(self, 2, &quarter)?;
                if step == 1 {
                    self.subtract(&six, &two)
                } else {
                    self.add(&six, &two)
                }
            }
        }
    }

    /// `r` when the fraction is `r·π` with a rational `r`.
    fn multiple_of_pi(&self, fraction: &Fraction) -> Option<RBig> {
        if fraction.is_zero() {
            return Some(RBig::ZERO);
        }
        if fraction.denominator != Poly::one() {
            return None;
        }
        fraction
            .numerator
            .as_term()
            .and_then(|(monomial, coefficient)| match monomial[..] {
                [(atom, 1)] if matches!(self.kind(atom), AtomKind::Pi) => Some(coefficient.clone()),
                _ => None,
            })
    }

    /// The fraction or its negative, whichever begins with a positive coefficient.
    pub(super) fn unsigned(&self, fraction: &Fraction) -> (Fraction, bool) {
        let negative = fraction
            .numerator
            .terms
            .first_key_value()
            .is_some_and(|(_, leading)| *leading < RBig::ZERO);
        if negative {
            (fraction.clone().negate(), true)
        } else {
            (fraction.clone(), false)
        }
    }

    pub(super) fn abs(&mut self, argument: &Fraction) -> Result<Fraction> {
        if let Some(value) = argument.as_rational() {
            return Ok(Fraction::constant(if value < RBig::ZERO {
                -value
            } else {
                value
            }));
        }
        let (argument, _) = self.unsigned(argument);
        let content = self.content(&argument.numerator)?;
        let numerator = argument.numerator.scale(&(RBig::ONE / &content));
        let (positive, numerator) = self.positive_part(numerator);
        let outside = Fraction::from_poly(Poly::term(positive, content));
        let inside = Fraction {
            numerator,
            denominator: argument.denominator,
        };
        if inside.as_rational().is_some_and(|value| value.is_one()) {
            return Ok(outside);
        }
        let atom = self.intern(AtomKind::Call(Function::Abs, vec![inside]))?;
        self.multiply(&outside, &Fraction::atom(atom))
    }
}

/// The step from 0 to 23 on the circle of an angle `turns·π` that is a multiple of π/12.
fn twelfths(turns: &RBig) -> Option<u32> {
    let steps = turns * RBig::from(12);
    if !steps.is_int() {
        return None;
    }
    let (steps, _) = steps.into_parts();
    let circle = IBig::from(24);
    u32::try_from(&((steps % &circle + &circle) % &circle)).ok()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
