//! Sums, products, integrals and limits.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::poly::{self, Atom, Poly};
use super::{Algebra, AtomKind, Fraction, Result, Stop};
use crate::ast::{Big, Constant, Expr, FROM_ABOVE, FROM_BELOW};

/// Longer sums keep their sign.
const LONGEST_SUM: i64 = 4096;

impl Algebra<'_> {
    pub(super) fn big(
        &mut self,
        kind: Big,
        variable: &str,
        lower: Option<&Expr>,
        upper: Option<&Expr>,
        body: &Expr,
    ) -> Result<Fraction> {
        if kind == Big::Limit {
            return self.limit(variable, lower, body);
        }
        let low = lower.map(|bound| self.lower(bound)).transpose()?;
        let infinite =
            upper.is_some_and(|bound| matches!(bound, Expr::Constant(Constant::Infinity)));
        let high = match upper {
            Some(_) if infinite => Some(self.symbol("#infinity")?),
            Some(bound) => Some(self.lower(bound)?),
            None => None,
        };
        if kind != Big::Integral
            && let (Some(first), Some(last)) = (
                low.as_ref().and_then(Fraction::as_integer),
                high.as_ref().and_then(Fraction::as_integer),
            )
            && last.saturating_sub(first) < LONGEST_SUM
        {
            return self.accumulate(kind, variable, first, last, body);
        }
        // The bound variable gets a name by its depth, so that its own name does not matter.
        let stand_in = self.symbol(&format!("#{}", self.bound.len()))?;
        let atom = self.intern(AtomKind::Symbol(format!("#{}", self.bound.len())))?;
        let body = self.lower_bound(variable, stand_in, body)?;
        if kind == Big::Integral
            && !infinite
            && let Some(value) = self.integral(atom, low.as_ref(), high.as_ref(), &body)?
        {
            // An indefinite integral is a function of the variable itself.
            let own = self.symbol(variable)?;
            return self.substitute(&value, atom, &own);
        }
        let kind = AtomKind::Big {
            kind,
            variable: atom,
            lower: low,
            upper: high,
            body,
        };
        Ok(Fraction::atom(self.intern(kind)?))
    }

    /// Lowers the body with the variable bound to a value.
    fn lower_bound(&mut self, variable: &str, value: Fraction, body: &Expr) -> Result<Fraction> {
        self.bound.push((variable.to_owned(), value));
        let result = self.lower(body);
        self.bound.pop();
        result
    }

    fn accumulate(
        &mut self,
        kind: Big,
        variable: &str,
        first: i64,
        last: i64,
        body: &Expr,
    ) -> Result<Fraction> {
        let mut total = Fraction::integer(if kind == Big::Sum { 0 } else { 1 });
        for index in first..=last {
            let value = self.lower_bound(variable, Fraction::integer(index), body)?;
            total = if kind == Big::Sum {
                self.add(&total, &value)?
            } else {
                self.multiply(&total, &value)?
            };
        }
        Ok(total)
    }

    /// The integral of a polynomial in the variable; `None` for any other integrand.
    fn integral(
        &mut self,
        variable: Atom,
        low: Option<&Fraction>,
        high: Option<&Fraction>,
        body: &Fraction,
    ) -> Result<Option<Fraction>> {
        let denominator = Fraction::from_poly(body.denominator.clone());
        if self.involves(&denominator, variable) || self.involves_deeply(body, variable) {
            return Ok(None);
        }
        let mut antiderivative = Poly::zero();
        for (monomial, coefficient) in &body.numerator.terms {
            let degree = poly::exponent_of(monomial, variable);
            let Some(raised) = poly::join(monomial, &vec![(variable, 1)]) else {
                return Err(Stop::TooLarge);
            };
            let share = RBig::from_parts(IBig::ONE, UBig::from(degree) + UBig::ONE);
            antiderivative.add_term(raised, coefficient * share);
        }
        let antiderivative = self.divide(&Fraction::from_poly(antiderivative), &denominator)?;
        match (low, high) {
            (Some(low), Some(high)) => {
                let above = self.substitute(&antiderivative, variable, high)?;
                let below = self.substitute(&antiderivative, variable, low)?;
                self.subtract(&above, &below).map(Some)
            }
            // An indefinite integral is meant up to a constant, which nobody compares.
            (None, None) => Ok(Some(antiderivative)),
            _ => Ok(None),
        }
    }

    /// The limit of a rational function; anything else keeps its sign.
    fn limit(&mut self, variable: &str, point: Option<&Expr>, body: &Expr) -> Result<Fraction> {
        let Some(point) = point else {
            return Err(Stop::NotANumber("a limit without a point"));
        };
        let name = format!("#{}", self.bound.len());
        let stand_in = self.symbol(&name)?;
        let atom = self.intern(AtomKind::Symbol(name))?;
        let value = self.lower_bound(variable, stand_in.clone(), body)?;
        // Without a pole a rational function has the same limit from both sides; the side counts
        // only for the limits that keep their sign.
        let (side, point) = match point {
            Expr::Apply(side, points) if matches!(side.as_str(), FROM_ABOVE | FROM_BELOW) => {
                (Some(side), points.first().unwrap_or(point))
            }
            _ => (None, point),
        };
        let (near, mut lower) = match point.infinity() {
            Some(sign) => {
                let lower = self.symbol(if sign { "#infinity" } else { "#minus_infinity" })?;
                let sign = Fraction::integer(if sign { 1 } else { -1 });
                (self.divide(&sign, &stand_in)?, lower)
            }
            None => {
                let point = self.lower(point)?;
                (self.add(&stand_in, &point)?, point)
            }
        };
        if !self.involves_deeply(&value, atom) {
            // With the point moved to zero, what the two have in common is a power of the
            // variable, which the arithmetic cancels.
            let moved = self.substitute(&value, atom, &near)?;
            return self.substitute(&moved, atom, &Fraction::integer(0));
        }
        if let Some(side) = side {
            lower = Fraction::atom(self.intern(AtomKind::Apply(side.clone(), vec![lower]))?);
        }
        let kind = AtomKind::Big {
            kind: Big::Limit,
            variable: atom,
            lower: Some(lower),
            upper: None,
            body: value,
        };
        Ok(Fraction::atom(self.intern(kind)?))
    }

    /// Puts a value in place of an atom that does not occur inside others.
    fn substitute(
        &mut self,
        fraction: &Fraction,
        atom: Atom,
        value: &Fraction,
    ) -> Result<Fraction> {
        let above = self.substitute_poly(&fraction.numerator, atom, value)?;
        let below = self.substitute_poly(&fraction.denominator, atom, value)?;
        self.divide(&above, &below)
    }

    fn substitute_poly(
        &mut self,
        polynomial: &Poly,
        atom: Atom,
        value: &Fraction,
    ) -> Result<Fraction> {
        let mut sum = Fraction::integer(0);
        for (monomial, coefficient) in &polynomial.terms {
            let degree = poly::exponent_of(monomial, atom);
            let rest: Vec<_> = monomial
                .iter()
                .copied()
                .filter(|&(a, _)| a != atom)
                .collect();
            let power = self.power(value, i64::from(degree))?;
            let rest = Fraction::from_poly(Poly::term(rest, coefficient.clone()));
            let term = self.multiply(&rest, &power)?;
            sum = self.add(&sum, &term)?;
        }
        Ok(sum)
    }
}
