//! Exact algebra: an expression becomes a quotient of two polynomials in *atoms*.
//!
//! | file | what it does |
//! |---|---|
//! | [`poly`] | sparse polynomials over the rationals |
//! | this one | atoms, their power rules, arithmetic of fractions |
//! | `lower` | expression → fraction |
//! | `functions` | roots, powers, exponentials, logarithms, trigonometry |
//! | `big` | sums, products, integrals and limits that have an exact value |
//! | `matrix` | matrices of fractions |
//! | `express` | fraction → expression |
//!
//! An atom is a variable, π, e, i, the root of a prime, or a function of fractions. Some atoms
//! have a power that is known (i² = −1, √2² = 2, sin² = 1 − cos²) and every product is reduced by
//! it. Two fractions are equal when cross-multiplying them gives the same polynomial, so neither
//! greatest common divisors nor factorisations are needed. The method proves equality; that two
//! fractions are *not* shown equal proves a difference only where the atoms are known to be
//! independent, which [`Algebra::independent`] says.

mod big;
mod express;
mod functions;
mod lower;
mod matrix;
pub mod poly;

use dashu_int::UBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;

pub use lower::based_value;
pub use matrix::Matrix;
pub use poly::{Atom, Monomial, Poly};

use crate::ast::{Big, Function};
use crate::limits::{Budget, Exhausted, Limits};

/// Why an expression has no exact form here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error("a division by zero")]
    Undefined,
    #[error("an exact number of it is longer than the limit")]
    TooLarge,
    #[error("{0} is no number")]
    NotANumber(&'static str),
    #[error(transparent)]
    Budget(#[from] Exhausted),
}

pub type Result<T> = std::result::Result<T, Stop>;

/// What an atom stands for.
#[derive(Clone, Debug)]
pub enum AtomKind {
    Symbol(String),
    ImaginaryUnit,
    Pi,
    Euler,
    /// The positive root of an integer that has no small factor of that power.
    IntegerRoot {
        base: UBig,
        index: u32,
    },
    Root {
        radicand: Fraction,
        index: u32,
    },
    /// `base^exponent` with an exponent that is no rational number.
    Power {
        base: Fraction,
        exponent: Fraction,
    },
    /// The natural logarithm of a prime, or of a number without small factors.
    IntegerLog(UBig),
    Call(Function, Vec<Fraction>),
    Apply(String, Vec<Fraction>),
    Big {
        kind: Big,
        variable: Atom,
        lower: Option<Fraction>,
        upper: Option<Fraction>,
        body: Fraction,
    },
}

/// A quotient of polynomials; the denominator is not zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Fraction {
    pub numerator: Poly,
    pub denominator: Poly,
}

impl Fraction {
    pub fn from_poly(numerator: Poly) -> Self {
        Self {
            numerator,
            denominator: Poly::one(),
        }
    }

    pub fn constant(value: RBig) -> Self {
        Self::from_poly(Poly::constant(value))
    }

    pub fn integer(value: i64) -> Self {
        Self::constant(RBig::from(value))
    }

    pub fn atom(atom: Atom) -> Self {
        Self::from_poly(Poly::atom(atom))
    }

    pub fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// The rational number that it is, if it is one.
    pub fn as_rational(&self) -> Option<RBig> {
        let (numerator, denominator) = (
            self.numerator.as_constant()?,
            self.denominator.as_constant()?,
        );
        if denominator.is_zero() {
            None
        } else {
            Some(numerator / denominator)
        }
    }

    /// The integer that it is, if it is one that fits.
    pub fn as_integer(&self) -> Option<i64> {
        let value = self.as_rational()?;
        if value.is_int() {
            i64::try_from(value.numerator()).ok()
        } else {
            None
        }
    }

    pub fn negate(self) -> Self {
        Self {
            numerator: self.numerator.negate(),
            denominator: self.denominator,
        }
    }
}

struct Slot {
    kind: AtomKind,
    /// `atom^n = value`, applied to every product.
    rule: Option<(u32, Poly)>,
}

/// The atoms of one comparison, and arithmetic over them.
pub struct Algebra<'b> {
    slots: Vec<Slot>,
    /// Values of the bound variables of the sums and products around the place being lowered.
    bound: Vec<(String, Fraction)>,
    budget: &'b mut Budget,
    limits: Limits,
}

impl<'b> Algebra<'b> {
    pub fn new(budget: &'b mut Budget, limits: Limits) -> Self {
        Self {
            slots: Vec::new(),
            bound: Vec::new(),
            budget,
            limits,
        }
    }

    pub fn budget(&mut self) -> &mut Budget {
        self.budget
    }

    pub fn kind(&self, atom: Atom) -> &AtomKind {
        &self.slots[atom as usize].kind
    }

    /// The atom of that kind; an equal one that is there already is used again.
    fn intern(&mut self, kind: AtomKind) -> Result<Atom> {
        for index in 0..self.slots.len() {
            self.budget.spend(1)?;
            if self.same_kind(index, &kind)? {
                return Ok(index as Atom);
            }
        }
        let rule = match &kind {
            AtomKind::ImaginaryUnit => Some((2, Poly::constant(RBig::NEG_ONE))),
            AtomKind::IntegerRoot { base, index } => {
                Some((*index, Poly::constant(RBig::from(base.clone()))))
            }
            AtomKind::Root { radicand, index } if radicand.denominator == Poly::one() => {
                Some((*index, radicand.numerator.clone()))
            }
            AtomKind::Call(Function::Sin, arguments) => {
                let cosine = self.intern(AtomKind::Call(Function::Cos, arguments.clone()))?;
                let square = Poly::term(vec![(cosine, 2)], RBig::NEG_ONE);
                Some((2, square.plus(&Poly::one())))
            }
            _ => None,
        };
        self.slots.push(Slot { kind, rule });
        Ok((self.slots.len() - 1) as Atom)
    }

    fn same_kind(&mut self, index: usize, kind: &AtomKind) -> Result<bool> {
        use AtomKind as K;
        // Equality of fractions needs `&mut self`; the clone is small and only of like kinds.
        let slot = &self.slots[index].kind;
        if std::mem::discriminant(slot) != std::mem::discriminant(kind) {
            return Ok(false);
        }
        Ok(match (slot.clone(), kind) {
            (K::Symbol(a), K::Symbol(b)) => a == *b,
            (K::ImaginaryUnit, _) | (K::Pi, _) | (K::Euler, _) => true,
            (K::IntegerRoot { base: a, index: m }, K::IntegerRoot { base: b, index: n }) => {
                a == *b && m == *n
            }
            (K::IntegerLog(a), K::IntegerLog(b)) => a == *b,
            (
                K::Root {
                    radicand: a,
                    index: m,
                },
                K::Root {
                    radicand: b,
                    index: n,
                },
            ) => m == *n && self.equal(&a, b)?,
            (
                K::Power {
                    base: a,
                    exponent: m,
                },
                K::Power {
                    base: b,
                    exponent: n,
                },
            ) => self.equal(&a, b)? && self.equal(&m, n)?,
            (K::Call(f, a), K::Call(g, b)) => f == *g && self.all_equal(&a, b)?,
            (K::Apply(f, a), K::Apply(g, b)) => f == *g && self.all_equal(&a, b)?,
            (
                K::Big {
                    kind: a,
                    variable: v,
                    lower: l,
                    upper: u,
                    body,
                },
                K::Big {
                    kind: b,
                    variable: w,
                    lower: m,
                    upper: o,
                    body: other,
                },
            ) => {
                a == *b
                    && v == *w
                    && self.all_equal(l.as_slice(), m.as_slice())?
                    && self.all_equal(u.as_slice(), o.as_slice())?
                    && self.equal(&body, other)?
            }
            _ => false,
        })
    }

    fn all_equal(&mut self, left: &[Fraction], right: &[Fraction]) -> Result<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (a, b) in left.iter().zip(right) {
            if !self.equal(a, b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether two fractions are equal by the rules of the atoms.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn equal(&mut self, left: &Fraction, right: &Fraction) -> Result<bool> {
        if left == right {
            return Ok(true);
        }
        if let (Some(a), Some(b)) = (left.as_rational(), right.as_rational()) {
            return Ok(a == b);
        }
        let a = self.multiply_poly(&left.numerator, &right.denominator)?;
        let b = self.multiply_poly(&right.numerator, &left.denominator)?;
        Ok(a == b)
    }

    /// Whether no polynomial relation holds between the atoms of the fraction, so that a
    /// difference that is not zero as a polynomial is not zero.
    pub fn independent(&self, fraction: &Fraction) -> bool {
        let monomials = fraction
            .numerator
            .terms
            .keys()
            .chain(fraction.denominator.terms.keys());
        monomials.flatten().all(|&(atom, _)| match self.kind(atom) {
            AtomKind::Symbol(_) | AtomKind::ImaginaryUnit => true,
            // Square roots of distinct primes are independent (Besicovitch 1940); the trial
            // division of `functions` proves a base below the square of its last divisor prime.
            AtomKind::IntegerRoot { base, index } => *index == 2 && base.bit_len() <= 19,
            _ => false,
        })
    }

    pub fn multiply_poly(&mut self, left: &Poly, right: &Poly) -> Result<Poly> {
        if let Some(factor) = right.as_constant() {
            return self.scale(left.clone(), &factor);
        }
        if let Some(factor) = left.as_constant() {
            return self.scale(right.clone(), &factor);
        }
        let mut product = Poly::zero();
        for (m, a) in &left.terms {
            for (n, b) in &right.terms {
                self.budget
                    .spend(1 + (m.len() + n.len()) as u64 / 4 + price(a, b))?;
                let coefficient = a * b;
                self.check_size(&coefficient)?;
                let monomial = poly::join(m, n).ok_or(Stop::TooLarge)?;
                self.add_reduced(&mut product, monomial, coefficient)?;
            }
        }
        Ok(product)
    }

    /// Every coefficient times the factor.
    fn scale(&mut self, poly: Poly, factor: &RBig) -> Result<Poly> {
        if factor.is_one() {
            return Ok(poly);
        }
        for coefficient in poly.terms.values() {
            self.budget.spend(1 + price(coefficient, factor))?;
        }
        let scaled = poly.scale(factor);
        for coefficient in scaled.terms.values() {
            self.check_size(coefficient)?;
        }
        Ok(scaled)
    }

    /// Adds a term after applying the power rules to it.
    fn add_reduced(
        &mut self,
        sum: &mut Poly,
        mut monomial: Monomial,
        coefficient: RBig,
    ) -> Result<()> {
        let reducible = monomial.iter().position(|&(atom, exponent)| {
            self.slots[atom as usize]
                .rule
                .as_ref()
                .is_some_and(|(power, _)| exponent >= *power)
        });
        let Some(at) = reducible else {
            sum.add_term(monomial, coefficient);
            return Ok(());
        };
        let (atom, exponent) = monomial[at];
        let Some((power, value)) = self.slots[atom as usize].rule.clone() else {
            return Ok(());
        };
        monomial[at].1 = exponent % power;
        monomial.retain(|&(_, exponent)| exponent > 0);
        let value = self.power_poly(&value, exponent / power)?;
        let rest = Poly::term(monomial, coefficient);
        for (m, c) in self.multiply_poly(&rest, &value)?.terms {
            self.add_reduced(sum, m, c)?;
        }
        Ok(())
    }

    fn power_poly(&mut self, base: &Poly, exponent: u32) -> Result<Poly> {
        if let Some(constant) = base.as_constant() {
            return Ok(Poly::constant(
                self.power_rational(&constant, i64::from(exponent))?,
            ));
        }
        let mut result = Poly::one();
        let mut square = base.clone();
        let mut rest = exponent;
        while rest > 0 {
            if rest & 1 == 1 {
                result = self.multiply_poly(&result, &square)?;
            }
            rest >>= 1;
            if rest > 0 {
                square = self.multiply_poly(&square.clone(), &square)?;
            }
        }
        Ok(result)
    }

    /// `base^exponent`, refused before it is computed when it would be too long.
    pub(super) fn power_rational(&mut self, base: &RBig, exponent: i64) -> Result<RBig> {
        if base.is_zero() {
            return match exponent {
                0 => Ok(RBig::ONE),
                1.. => Ok(RBig::ZERO),
                _ => Err(Stop::Undefined),
            };
        }
        if base.is_one() || (base.is_int() && *base == RBig::NEG_ONE) {
            return Ok(if exponent % 2 == 0 {
                RBig::ONE
            } else {
                base.clone()
            });
        }
        let bits = size(base).saturating_mul(exponent.unsigned_abs() as usize);
        if bits > self.limits.bits {
            return Err(Stop::TooLarge);
        }
        self.budget.spend(1 + bits as u64 / 64)?;
        Ok(base.pow(exponent as isize))
    }

    fn check_size(&self, value: &RBig) -> Result<()> {
        if size(value) > self.limits.bits.saturating_mul(2) {
            Err(Stop::TooLarge)
        } else {
            Ok(())
        }
    }

    pub fn add(&mut self, left: &Fraction, right: &Fraction) -> Result<Fraction> {
        self.budget
            .spend(1 + (left.numerator.terms.len() + right.numerator.terms.len()) as u64 / 8)?;
        if left.denominator == right.denominator {
            let numerator = left.numerator.clone().plus(&right.numerator);
            return self.normal(numerator, left.denominator.clone());
        }
        let a = self.multiply_poly(&left.numerator, &right.denominator)?;
        let b = self.multiply_poly(&right.numerator, &left.denominator)?;
        let denominator = self.multiply_poly(&left.denominator, &right.denominator)?;
        self.normal(a.plus(&b), denominator)
    }

    pub fn subtract(&mut self, left: &Fraction, right: &Fraction) -> Result<Fraction> {
        self.add(left, &right.clone().negate())
    }

    pub fn multiply(&mut self, left: &Fraction, right: &Fraction) -> Result<Fraction> {
        let numerator = self.multiply_poly(&left.numerator, &right.numerator)?;
        let denominator = self.multiply_poly(&left.denominator, &right.denominator)?;
        self.normal(numerator, denominator)
    }

    pub fn divide(&mut self, left: &Fraction, right: &Fraction) -> Result<Fraction> {
        if right.is_zero() {
            return Err(Stop::Undefined);
        }
        let numerator = self.multiply_poly(&left.numerator, &right.denominator)?;
        let denominator = self.multiply_poly(&left.denominator, &right.numerator)?;
        self.normal(numerator, denominator)
    }

    /// `base^exponent` for an integer exponent.
    pub fn power(&mut self, base: &Fraction, exponent: i64) -> Result<Fraction> {
        let magnitude = u32::try_from(exponent.unsigned_abs()).map_err(|_| Stop::TooLarge)?;
        if exponent < 0 && base.is_zero() {
            return Err(Stop::Undefined);
        }
        let numerator = self.power_poly(&base.numerator, magnitude)?;
        let denominator = self.power_poly(&base.denominator, magnitude)?;
        if exponent < 0 {
            self.normal(denominator, numerator)
        } else {
            self.normal(numerator, denominator)
        }
    }

    /// Cancels what is cheap to cancel: a constant or proportional denominator, a common monomial.
    fn normal(&mut self, numerator: Poly, denominator: Poly) -> Result<Fraction> {
        if denominator.is_zero() {
            return Err(Stop::Undefined);
        }
        if numerator.is_zero() {
            return Ok(Fraction::from_poly(Poly::zero()));
        }
        if let Some(constant) = denominator.as_constant() {
            let numerator = self.scale(numerator, &(RBig::ONE / constant))?;
            return Ok(Fraction::from_poly(numerator));
        }
        if let Some(ratio) = numerator.ratio_to(&denominator) {
            return Ok(Fraction::constant(ratio));
        }
        let common = poly::meet(&numerator.common_monomial(), &denominator.common_monomial());
        let (numerator, denominator) = (
            numerator.divide_monomial(&common),
            denominator.divide_monomial(&common),
        );
        // The first coefficient of the denominator is made 1 so that equal ones look equal.
        let Some((_, leading)) = denominator.terms.first_key_value() else {
            return Err(Stop::Undefined);
        };
        let factor = RBig::ONE / leading;
        let denominator = self.scale(denominator, &factor)?;
        let numerator = self.scale(numerator, &factor)?;
        match denominator.as_constant() {
            Some(_) => Ok(Fraction::from_poly(numerator)),
            None => Ok(Fraction {
                numerator,
                denominator,
            }),
        }
    }

    /// The coefficients that the two have at one monomial of variables; `None` when the second has
    /// no such monomial or their denominators differ.
    pub fn leading_coefficients(
        &mut self,
        left: &Fraction,
        right: &Fraction,
    ) -> Option<(Fraction, Fraction)> {
        if left.denominator != right.denominator {
            return None;
        }
        let variables = |algebra: &Self, monomial: &Monomial| -> Monomial {
            let is_variable = |atom| {
                !matches!(
                    algebra.kind(atom),
                    AtomKind::Pi
                        | AtomKind::Euler
                        | AtomKind::ImaginaryUnit
                        | AtomKind::IntegerRoot { .. }
                        | AtomKind::IntegerLog(_)
                )
            };
            monomial
                .iter()
                .copied()
                .filter(|&(atom, _)| is_variable(atom))
                .collect()
        };
        let (first, _) = left.numerator.terms.last_key_value()?;
        let target = variables(self, first);
        let coefficient = |algebra: &Self, poly: &Poly| {
            let mut sum = Poly::zero();
            for (monomial, value) in &poly.terms {
                if variables(algebra, monomial) == target {
                    let rest = monomial
                        .iter()
                        .copied()
                        .filter(|entry| !target.contains(entry));
                    sum.add_term(rest.collect(), value.clone());
                }
            }
            Fraction::from_poly(sum)
        };
        let (a, b) = (
            coefficient(self, &left.numerator),
            coefficient(self, &right.numerator),
        );
        if a.is_zero() || b.is_zero() {
            None
        } else {
            Some((a, b))
        }
    }

    /// Whether the atom is `inner` or made of it.
    fn depends(&self, atom: Atom, inner: Atom) -> bool {
        if atom == inner {
            return true;
        }
        match self.kind(atom) {
            AtomKind::Root { radicand, .. } => self.involves(radicand, inner),
            AtomKind::Power { base, exponent } => {
                self.involves(base, inner) || self.involves(exponent, inner)
            }
            AtomKind::Call(_, arguments) | AtomKind::Apply(_, arguments) => arguments
                .iter()
                .any(|argument| self.involves(argument, inner)),
            AtomKind::Big {
                lower, upper, body, ..
            } => {
                let bounds = lower.iter().chain(upper);
                bounds.chain([body]).any(|part| self.involves(part, inner))
            }
            _ => false,
        }
    }

    /// Whether `inner` occurs anywhere in the fraction.
    pub fn involves(&self, fraction: &Fraction, inner: Atom) -> bool {
        let monomials = fraction
            .numerator
            .terms
            .keys()
            .chain(fraction.denominator.terms.keys());
        monomials
            .flatten()
            .any(|&(atom, _)| self.depends(atom, inner))
    }

    /// Whether `inner` occurs inside another atom of the fraction.
    fn involves_deeply(&self, fraction: &Fraction, inner: Atom) -> bool {
        let monomials = fraction
            .numerator
            .terms
            .keys()
            .chain(fraction.denominator.terms.keys());
        monomials
            .flatten()
            .any(|&(atom, _)| atom != inner && self.depends(atom, inner))
    }
}

/// Bits of a rational number.
fn size(value: &RBig) -> usize {
    value
        .numerator()
        .bit_len()
        .max(value.denominator().bit_len())
}

/// What multiplying two long numbers costs above a step: fractions are brought to lowest terms,
/// which takes the square of their length.
fn price(left: &RBig, right: &RBig) -> u64 {
    let words = ((size(left) + size(right)) / 64) as u64;
    if left.is_int() && right.is_int() {
        words / 8
    } else {
        words * words / 4
    }
}
