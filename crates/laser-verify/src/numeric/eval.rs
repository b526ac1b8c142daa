//! Evaluation of the tree.

use super::{
    Ball, NumericError, Point, discrete,
    elementary::pi,
    functions,
    real::{Real, Work},
};
use crate::ast::{Big, Constant, Expr, Function};
use crate::limits::Exhausted;
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

type Result<T> = std::result::Result<T, NumericError>;

/// Deepest nesting of nodes. The parser's trees are shallower; this keeps the stack safe for
/// trees from elsewhere.
const MAX_DEPTH: usize = 512;
/// Longest numeral with a base, digits.
const MAX_DIGITS: usize = 1 << 14;

/// Evaluates the tree.
pub(crate) fn run(expr: &Expr, point: &Point, work: Work) -> Result<Ball> {
    Evaluator {
        point,
        bound: Vec::new(),
        depth: 0,
        work,
    }
    .eval(expr)
}

fn not(what: &'static str) -> NumericError {
    NumericError::NotANumber(what)
}

struct Evaluator<'e, 'b> {
    point: &'e Point<'e>,
    /// Variables of enclosing sums and products, innermost last.
    bound: Vec<(&'e str, IBig)>,
    depth: usize,
    work: Work<'b>,
}

impl<'e> Evaluator<'e, '_> {
    fn eval(&mut self, expr: &'e Expr) -> Result<Ball> {
        if self.depth >= MAX_DEPTH {
            return Err(NumericError::Budget(Exhausted));
        }
        self.work.budget.spend(1)?;
        self.depth += 1;
        let result = self.node(expr);
        self.depth -= 1;
        result
    }

    fn node(&mut self, expr: &'e Expr) -> Result<Ball> {
        match expr {
            Expr::Integer(value) => self.exact(RBig::from(value.clone())),
            Expr::Decimal { value, .. } => self.exact(value.clone()),
            Expr::Based { digits, base } => self.based(digits, *base),
            Expr::Constant(constant) => self.constant(*constant),
            Expr::Symbol(name) => self.symbol(name),
            Expr::Sum(terms) => self.sum(terms),
            Expr::Product(factors) => self.product(factors),
            Expr::Quotient(above, below) => {
                let (above, below) = (self.eval(above)?, self.eval(below)?);
                above.over(&below, &mut self.work)
            }
            Expr::Power(base, exponent) => {
                let exponent = self.eval(exponent)?;
                if **base == Expr::Constant(Constant::E) {
                    return functions::exp(&exponent, &mut self.work);
                }
                let base = self.eval(base)?;
                functions::power(&base, &exponent, &mut self.work)
            }
            Expr::Negate(inner) => Ok(self.eval(inner)?.neg()),
            Expr::Percent(inner) => {
                let value = self.eval(inner)?;
                value.over(&Ball::real(Real::integer(100)), &mut self.work)
            }
            Expr::Degrees(inner) => {
                let value = self.eval(inner)?;
                let degree = pi(&mut self.work)?.div(&Real::integer(180), &mut self.work)?;
                value.times(&Ball::real(degree), &mut self.work)
            }
            Expr::WithUnit { quantity, .. } => self.eval(quantity),
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Big {
                kind,
                variable,
                lower,
                upper,
                body,
            } => self.big(*kind, variable, lower.as_deref(), upper.as_deref(), body),
            Expr::Text(_) => Err(not("text")),
            Expr::PlusMinus { .. } => Err(not("plus or minus")),
            Expr::Apply(..) => Err(not("an unknown function")),
            Expr::Tuple(_) | Expr::List(_) => Err(not("several numbers")),
            Expr::And(_) | Expr::Or(_) => Err(not("a combination of statements")),
            Expr::Set(_)
            | Expr::SetBuilder { .. }
            | Expr::Interval { .. }
            | Expr::NumberSet(_)
            | Expr::SetOperation(..) => Err(not("a set")),
            Expr::Matrix { .. } => Err(not("a matrix")),
            Expr::Ratio(_) => Err(not("a ratio")),
            Expr::Relation { .. } => Err(not("a relation")),
        }
    }

    fn exact(&mut self, value: RBig) -> Result<Ball> {
        Ok(Ball::real(Real::rational(value, &mut self.work)?))
    }

    fn based(&mut self, digits: &str, base: u32) -> Result<Ball> {
        if !(2..=36).contains(&base) || digits.len() > MAX_DIGITS {
            return Err(not("a numeral with an unusual base"));
        }
        let words = digits.len() as u64 / 8;
        self.work.budget.spend(1 + words * words / 64)?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut value = UBig::ZERO;
        for digit in whole.chars().chain(fraction.chars()) {
            let digit = digit.to_digit(base).ok_or(not("a digit beyond its base"))?;
            value = value * UBig::from(base) + UBig::from(digit);
        }
        let scale = UBig::from(base).pow(fraction.len());
        self.exact(RBig::from_parts(value.into(), scale))
    }

    fn constant(&mut self, constant: Constant) -> Result<Ball> {
        match constant {
            Constant::Pi => Ok(Ball::real(pi(&mut self.work)?)),
            Constant::E => Ok(Ball::real(Real::ONE.exp(&mut self.work)?)),
            Constant::I => Ok(Ball::imaginary_unit()),
            Constant::Infinity => Err(not("infinity")),
        }
    }

    fn symbol(&mut self, name: &str) -> Result<Ball> {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            return Ok(Ball::real(Real::integer(value.clone())));
        }
        let (re, im) = self
            .point
            .get(name)
            .ok_or(not("a variable without a value"))?;
        let re = Real::rational(re.clone(), &mut self.work)?;
        Ok(Ball::new(re, Real::rational(im.clone(), &mut self.work)?))
    }

    /// Exact terms are added apart, so that they cancel before anything is rounded.
    fn sum(&mut self, terms: &'e [Expr]) -> Result<Ball> {
        let mut exact = Ball::real(Real::ZERO);
        let mut rounded = Ball::real(Real::ZERO);
        for term in terms {
            let term = self.eval(term)?;
            let sum = if term.is_exact() {
                &mut exact
            } else {
                &mut rounded
            };
            *sum = sum.plus(&term, &mut self.work)?;
        }
        exact.plus(&rounded, &mut self.work)
    }

    fn product(&mut self, factors: &'e [Expr]) -> Result<Ball> {
        let mut product = Ball::real(Real::ONE);
        for factor in factors {
            let factor = self.eval(factor)?;
            product = product.times(&factor, &mut self.work)?;
        }
        Ok(product)
    }

    fn big(
        &mut self,
        kind: Big,
        variable: &'e str,
        lower: Option<&'e Expr>,
        upper: Option<&'e Expr>,
        body: &'e Expr,
    ) -> Result<Ball> {
        let start = match kind {
            Big::Sum => Real::ZERO,
            Big::Product => Real::ONE,
            Big::Integral => return Err(not("an integral")),
            Big::Limit => return Err(not("a limit")),
        };
        let (Some(lower), Some(upper)) = (lower, upper) else {
            return Err(not("a sum without bounds"));
        };
        let (lower, upper) = (self.sum_bound(lower)?, self.sum_bound(upper)?);
        // Each pass costs a step at least; a sum that is too long for that is not begun.
        let count = (&upper - &lower + IBig::ONE).max(IBig::ZERO);
        if count > IBig::from(self.work.budget.remaining()) {
            return Err(NumericError::Budget(Exhausted));
        }
        let mut total = Ball::real(start);
        let mut index = lower;
        while index <= upper {
            self.bound.push((variable, index.clone()));
            let term = self.eval(body);
            self.bound.pop();
            let term = term?;
            total = match kind {
                Big::Product => total.times(&term, &mut self.work)?,
                _ => total.plus(&term, &mut self.work)?,
            };
            index += IBig::ONE;
        }
        Ok(total)
    }

    /// A bound of a sum: an exact integer.
    fn sum_bound(&mut self, expr: &'e Expr) -> Result<IBig> {
        let value = self.eval(expr)?;
        let integer = discrete::integer(&value.re).filter(|_| value.im.is_zero());
        integer
            .cloned()
            .ok_or(not("a sum with a bound that is no exact integer"))
    }

    fn call(&mut self, function: Function, arguments: &'e [Expr]) -> Result<Ball> {
        use Function as F;
        match (function, arguments) {
            (F::Determinant | F::Trace | F::Transpose, _) => Err(not("a function of a matrix")),
            (F::Log, [argument, base]) => {
                let (argument, base) = (self.eval(argument)?, self.eval(base)?);
                self.log(&argument, &base)
            }
            (F::Root, [argument, index]) => {
                let (argument, index) = (self.eval(argument)?, self.eval(index)?);
                self.root(&argument, &index)
            }
            (F::Binomial | F::Mod, [a, b]) => {
                let (a, b) = (self.real(a)?, self.real(b)?);
                Ok(Ball::real(if function == F::Binomial {
                    discrete::binomial(&a, &b, &mut self.work)?
                } else {
                    discrete::modulo(&a, &b, &mut self.work)?
                }))
            }
            (F::Gcd | F::Lcm | F::Max | F::Min, [first, rest @ ..]) => {
                let mut result = self.real(first)?;
                for argument in rest {
                    let next = self.real(argument)?;
                    let work = &mut self.work;
                    result = match function {
                        F::Max => discrete::extremum(&result, &next, true, work)?,
                        F::Min => discrete::extremum(&result, &next, false, work)?,
                        _ => discrete::divisor(function, &result, &next, work)?,
                    };
                }
                Ok(Ball::real(result))
            }
            (F::Floor | F::Ceil | F::Factorial | F::DoubleFactorial | F::Sign, [argument]) => {
                let x = self.real(argument)?;
                Ok(Ball::real(match function {
                    F::Floor => discrete::floor(&x)?,
                    F::Ceil => discrete::floor(&x.neg())?.neg(),
                    F::Factorial => discrete::factorial(&x, 1, &mut self.work)?,
                    F::DoubleFactorial => discrete::factorial(&x, 2, &mut self.work)?,
                    _ => discrete::signum(&x)?,
                }))
            }
            (F::Abs | F::Arg | F::Re | F::Im | F::Conjugate | F::Log, [argument]) => {
                let z = self.eval(argument)?;
                let work = &mut self.work;
                Ok(match function {
                    F::Abs => Ball::real(z.modulus(work)?),
                    F::Arg => Ball::real(functions::arg(&z, work)?),
                    F::Re => Ball::real(z.re),
                    F::Im => Ball::real(z.im),
                    F::Conjugate => z.conjugate(),
                    _ => functions::log(&z, work)?,
                })
            }
            (_, [argument]) => {
                let z = self.eval(argument)?;
                functions::analytic(function, &z, &mut self.work)?
                    .ok_or(not("a function with a wrong number of arguments"))
            }
            _ => Err(not("a function with a wrong number of arguments")),
        }
    }

    /// An argument that has to be real.
    fn real(&mut self, expr: &'e Expr) -> Result<Real> {
        let value = self.eval(expr)?;
        if value.im.is_zero() {
            Ok(value.re)
        } else if value.im.contains_zero() {
            Err(NumericError::Undefined)
        } else {
            Err(not("a function of real numbers at a complex one"))
        }
    }

    fn log(&mut self, argument: &Ball, base: &Ball) -> Result<Ball> {
        let work = &mut self.work;
        let above = functions::log(argument, work)?;
        let value = above.over(&functions::log(base, work)?, work)?;
        if value.im.is_zero() && argument.im.is_zero() && base.im.is_zero() {
            let guess = value.re.to_f64();
            if let Some(exact) = discrete::exact_log(&argument.re, &base.re, guess, work)? {
                return Ok(Ball::real(exact));
            }
        }
        Ok(value)
    }

    fn root(&mut self, argument: &Ball, index: &Ball) -> Result<Ball> {
        let count = discrete::integer(&index.re).filter(|_| index.im.is_zero());
        if let Some(Ok(count)) = count.map(u32::try_from)
            && count > 0
        {
            return functions::root(argument, count, &mut self.work);
        }
        let exponent = Ball::real(Real::ONE).over(index, &mut self.work)?;
        functions::power(argument, &exponent, &mut self.work)
    }
}
