//! Expression → fraction.

use dashu_int::ops::{BitTest, Gcd};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::{Algebra, AtomKind, Fraction, Result, Stop};
use crate::ast::{Constant, Expr, Function};

/// Arguments of factorials and binomials up to here are computed.
const LAST_FACTORIAL: i64 = 2000;

impl Algebra<'_> {
    /// The exact form of an expression that denotes a number, variables allowed.
    ///
    /// # Errors
    /// It divides by zero, denotes no number, or goes beyond a limit.
    pub fn lower(&mut self, expr: &Expr) -> Result<Fraction> {
        self.budget.spend(1)?;
        match expr {
            Expr::Integer(value) => self.constant(RBig::from(value.clone())),
            Expr::Decimal { value, .. } => self.constant(value.clone()),
            Expr::Based { digits, base } => self.constant(RBig::from(based_value(digits, *base)?)),
            Expr::Constant(constant) => {
                let kind = match constant {
                    Constant::Pi => AtomKind::Pi,
                    Constant::E => AtomKind::Euler,
                    Constant::I => AtomKind::ImaginaryUnit,
                    Constant::Infinity => return Err(Stop::NotANumber("infinity")),
                };
                Ok(Fraction::atom(self.intern(kind)?))
            }
            Expr::Symbol(name) => self.symbol(name),
            Expr::Sum(terms) => {
                let mut sum = Fraction::integer(0);
                for term in terms {
                    let term = self.lower(term)?;
                    sum = self.add(&sum, &term)?;
                }
                Ok(sum)
            }
            Expr::Product(factors) => {
                let mut product = Fraction::integer(1);
                for factor in factors {
                    let factor = self.lower(factor)?;
                    product = self.multiply(&product, &factor)?;
                }
                Ok(product)
            }
            Expr::Quotient(above, below) => {
                let above = self.lower(above)?;
                let below = self.lower(below)?;
                self.divide(&above, &below)
            }
            Expr::Power(base, exponent) => {
                let base = self.lower(base)?;
                let exponent = self.lower(exponent)?;
                self.power_of(&base, &exponent)
            }
            Expr::Negate(inner) => Ok(self.lower(inner)?.negate()),
            Expr::Percent(inner) => {
                let inner = self.lower(inner)?;
                self.divide(&inner, &Fraction::integer(100))
            }
            Expr::Degrees(inner) => {
                let inner = self.lower(inner)?;
                let pi = Fraction::atom(self.intern(AtomKind::Pi)?);
                let radians = self.multiply(&inner, &pi)?;
                self.divide(&radians, &Fraction::integer(180))
            }
            Expr::WithUnit { quantity, .. } => self.lower(quantity),
            // A ratio of two is its quotient inside a larger expression.
            Expr::Ratio(parts) if parts.len() == 2 => {
                let above = self.lower(&parts[0])?;
                let below = self.lower(&parts[1])?;
                self.divide(&above, &below)
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Apply(name, arguments) => {
                let arguments = self.lower_all(arguments)?;
                Ok(Fraction::atom(
                    self.intern(AtomKind::Apply(name.clone(), arguments))?,
                ))
            }
            Expr::Big {
                kind,
                variable,
                lower,
                upper,
                body,
            } => self.big(*kind, variable, lower.as_deref(), upper.as_deref(), body),
            Expr::Matrix { .. } => Err(Stop::NotANumber("a matrix")),
            Expr::Text(_) => Err(Stop::NotANumber("a text")),
            Expr::PlusMinus { .. } => Err(Stop::NotANumber("±")),
            Expr::Relation { .. } => Err(Stop::NotANumber("a relation")),
            Expr::Ratio(_) => Err(Stop::NotANumber("a ratio")),
            Expr::Tuple(_) | Expr::List(_) | Expr::And(_) | Expr::Or(_) => {
                Err(Stop::NotANumber("a list"))
            }
            Expr::Set(_)
            | Expr::SetBuilder { .. }
            | Expr::Interval { .. }
            | Expr::NumberSet(_)
            | Expr::SetOperation(..) => Err(Stop::NotANumber("a set")),
        }
    }

    fn lower_all(&mut self, expressions: &[Expr]) -> Result<Vec<Fraction>> {
        expressions.iter().map(|expr| self.lower(expr)).collect()
    }

    fn constant(&self, value: RBig) -> Result<Fraction> {
        self.check_size(&value)?;
        Ok(Fraction::constant(value))
    }

    pub(super) fn symbol(&mut self, name: &str) -> Result<Fraction> {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(value.clone());
        }
        // a_n under a sum or a limit over n is a function of n.
        if let Some((head, index)) = name.split_once('_')
            && let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| bound == index)
        {
            let kind = match value.as_integer() {
                Some(index) => AtomKind::Symbol(format!("{head}_{index}")),
                None => AtomKind::Apply(format!("{head}_"), vec![value.clone()]),
            };
            return Ok(Fraction::atom(self.intern(kind)?));
        }
        Ok(Fraction::atom(
            self.intern(AtomKind::Symbol(name.to_owned()))?,
        ))
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Result<Fraction> {
        use Function as F;
        if let (F::Determinant | F::Trace, [argument]) = (function, arguments) {
            let matrix = self.lower_matrix(argument)?;
            return if function == F::Trace {
                self.trace(&matrix)
            } else {
                self.determinant(matrix)
            };
        }
        let values = self.lower_all(arguments)?;
        match (function, &values[..]) {
            (F::Root, [radicand, index]) => {
                match index.as_integer().and_then(|n| u32::try_from(n).ok()) {
                    Some(index) if index <= 1024 => self.root(radicand, index),
                    _ => {
                        let inverse = self.divide(&Fraction::integer(1), index)?;
                        self.power_of(radicand, &inverse)
                    }
                }
            }
            (F::Exp, [x]) => self.exp(x),
            (F::Log, [x]) => self.log(x),
            (F::Log, [x, base]) => {
                let above = self.log(x)?;
                let below = self.log(base)?;
                self.divide(&above, &below)
            }
            (F::Sin, [x]) => self.sin(x),
            (F::Cos, [x]) => self.cos(x),
            (F::Tan | F::Cot | F::Sec | F::Csc, [x]) => {
                let one = Fraction::integer(1);
                let (above, below) = match function {
                    F::Tan => (self.sin(x)?, self.cos(x)?),
                    F::Cot => (self.cos(x)?, self.sin(x)?),
                    F::Sec => (one, self.cos(x)?),
                    _ => (one, self.sin(x)?),
                };
                self.divide(&above, &below)
            }
            (F::Sinh | F::Cosh | F::Tanh | F::Coth | F::Sech | F::Csch, [x]) => {
                self.hyperbolic(function, x)
            }
            (F::Abs, [x]) => self.abs(x),
            (F::Arcsin | F::Arctan | F::Arsinh | F::Artanh, [x]) => {
                if x.is_zero() {
                    return Ok(Fraction::integer(0));
                }
                let (argument, negative) = self.unsigned(x);
                let value = Fraction::atom(self.intern(AtomKind::Call(function, vec![argument]))?);
                Ok(if negative { value.negate() } else { value })
            }
            _ => {
                let rationals: Option<Vec<RBig>> =
                    values.iter().map(Fraction::as_rational).collect();
                if let Some(rationals) = rationals
                    && let Some(value) = self.arithmetic(function, &rationals)?
                {
                    return Ok(Fraction::constant(value));
                }
                Ok(Fraction::atom(
                    self.intern(AtomKind::Call(function, values))?,
                ))
            }
        }
    }

    pub(super) fn exp(&mut self, argument: &Fraction) -> Result<Fraction> {
        let euler = Fraction::atom(self.intern(AtomKind::Euler)?);
        self.power_of(&euler, argument)
    }

    fn hyperbolic(&mut self, function: Function, argument: &Fraction) -> Result<Fraction> {
        use Function as F;
        let grow = self.exp(argument)?;
        let decay = self.divide(&Fraction::integer(1), &grow)?;
        let sinh2 = self.subtract(&grow, &decay)?;
        let cosh2 = self.add(&grow, &decay)?;
        let two = Fraction::integer(2);
        match function {
            F::Sinh => self.divide(&sinh2, &two),
            F::Cosh => self.divide(&cosh2, &two),
            F::Tanh => self.divide(&sinh2, &cosh2),
            F::Coth => self.divide(&cosh2, &sinh2),
            F::Sech => self.divide(&two, &cosh2),
            _ => self.divide(&two, &sinh2),
        }
    }

    /// Functions of rational numbers that have a rational value.
    fn arithmetic(&mut self, function: Function, arguments: &[RBig]) -> Result<Option<RBig>> {
        use Function as F;
        let integers: Option<Vec<&IBig>> = arguments
            .iter()
            .map(|a| a.is_int().then_some(a.numerator()))
            .collect();
        let small: Option<Vec<i64>> = integers
            .as_ref()
            .and_then(|all| all.iter().map(|&n| i64::try_from(n).ok()).collect());
        Ok(match (function, arguments, small.as_deref()) {
            (F::Floor, [x], _) => Some(RBig::from(x.floor())),
            (F::Ceil, [x], _) => Some(RBig::from(x.ceil())),
            (F::Sign, [x], _) => Some(RBig::from(match x.cmp(&RBig::ZERO) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            })),
            (F::Max, _, _) => arguments.iter().max().cloned(),
            (F::Min, _, _) => arguments.iter().min().cloned(),
            (F::Re | F::Conjugate, [x], _) => Some(x.clone()),
            (F::Im, [_], _) => Some(RBig::ZERO),
            (F::Factorial, _, Some(&[n @ 0..=LAST_FACTORIAL])) => Some(self.falling(n, 1)?),
            (F::DoubleFactorial, _, Some(&[n @ 0..=LAST_FACTORIAL])) => Some(self.falling(n, 2)?),
            (F::Binomial, _, Some(&[n @ 0..=LAST_FACTORIAL, k])) => Some(self.binomial(n, k)?),
            (F::Mod, _, _) if integers.as_ref().is_some_and(|all| all.len() == 2) => {
                let (a, b) = (arguments[0].numerator(), arguments[1].numerator());
                if *b == IBig::ZERO {
                    return Err(Stop::Undefined);
                }
                Some(RBig::from((a % b + b) % b))
            }
            (F::Gcd | F::Lcm, _, _) => integers.and_then(|all| {
                let magnitude = |n: &IBig| n.clone().into_parts().1;
                all.into_iter()
                    .map(magnitude)
                    .reduce(|a, b| fold(function, a, b))
                    .map(RBig::from)
            }),
            _ => None,
        })
    }

    /// n (n − step) (n − 2 step) …
    fn falling(&mut self, n: i64, step: i64) -> Result<RBig> {
        let mut product = UBig::ONE;
        let mut factor = n;
        while factor > 1 {
            self.budget.spend(1)?;
            product *= UBig::from(factor.unsigned_abs());
            if product.bit_len() > self.limits.bits {
                return Err(Stop::TooLarge);
            }
            factor -= step;
        }
        Ok(RBig::from(product))
    }

    fn binomial(&mut self, n: i64, k: i64) -> Result<RBig> {
        if k < 0 || k > n {
            return Ok(RBig::ZERO);
        }
        let mut value = UBig::ONE;
        for i in 0..k.min(n - k) {
            self.budget.spend(1)?;
            value = value * UBig::from((n - i).unsigned_abs()) / UBig::from((i + 1).unsigned_abs());
        }
        Ok(RBig::from(value))
    }
}

fn fold(function: Function, a: UBig, b: UBig) -> UBig {
    if a == UBig::ZERO || b == UBig::ZERO {
        return if function == Function::Gcd {
            a + b
        } else {
            UBig::ZERO
        };
    }
    let common = (&a).gcd(&b);
    if function == Function::Gcd {
        common
    } else {
        a / common * b
    }
}

/// The value of digits in a base.
pub fn based_value(digits: &str, base: u32) -> Result<UBig> {
    UBig::from_str_radix(digits, base).map_err(|_| Stop::NotANumber("digits outside their base"))
}
