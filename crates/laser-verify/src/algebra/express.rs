//! Fraction → expression, for numeric evaluation of what only the algebra could work out.

use dashu_int::IBig;
use dashu_ratio::RBig;

use super::{Algebra, Atom, AtomKind, Fraction, Poly};
use crate::ast::{Constant, Expr, Function};

impl Algebra<'_> {
    /// An expression of the same value. What has no numeric value of its own (an unknown function,
    /// an integral that is not worked out) becomes a variable, the same for equal ones.
    pub fn express(&self, fraction: &Fraction) -> Expr {
        let numerator = self.express_poly(&fraction.numerator);
        if fraction.denominator == Poly::one() {
            return numerator;
        }
        Expr::Quotient(
            Box::new(numerator),
            Box::new(self.express_poly(&fraction.denominator)),
        )
    }

    fn express_poly(&self, polynomial: &Poly) -> Expr {
        let terms = polynomial.terms.iter().map(|(monomial, coefficient)| {
            let mut factors = vec![rational(coefficient)];
            factors.extend(monomial.iter().map(|&(atom, exponent)| {
                let base = self.express_atom(atom);
                if exponent == 1 {
                    base
                } else {
                    power(base, Expr::Integer(IBig::from(exponent)))
                }
            }));
            if factors.len() == 1 {
                factors.remove(0)
            } else {
                Expr::Product(factors)
            }
        });
        let mut terms: Vec<Expr> = terms.collect();
        match terms.len() {
            0 => Expr::Integer(IBig::ZERO),
            1 => terms.remove(0),
            _ => Expr::Sum(terms),
        }
    }

    fn express_atom(&self, atom: Atom) -> Expr {
        let integer = |value: &dashu_int::UBig| Expr::Integer(IBig::from(value.clone()));
        let root = |radicand: Expr, index: u32| {
            Expr::Call(
                Function::Root,
                vec![radicand, Expr::Integer(IBig::from(index))],
            )
        };
        match self.kind(atom) {
            AtomKind::Symbol(name) => Expr::Symbol(name.clone()),
            AtomKind::ImaginaryUnit => Expr::Constant(Constant::I),
            AtomKind::Pi => Expr::Constant(Constant::Pi),
            AtomKind::Euler => Expr::Constant(Constant::E),
            AtomKind::IntegerRoot { base, index } => root(integer(base), *index),
            AtomKind::Root { radicand, index } => root(self.express(radicand), *index),
            AtomKind::Power { base, exponent } => power(self.express(base), self.express(exponent)),
            AtomKind::IntegerLog(value) => Expr::Call(Function::Log, vec![integer(value)]),
            AtomKind::Call(function, arguments) => Expr::Call(
                *function,
                arguments.iter().map(|a| self.express(a)).collect(),
            ),
            AtomKind::Apply(..) | AtomKind::Big { .. } => Expr::Symbol(format!("#{atom}")),
        }
    }
}

fn rational(value: &RBig) -> Expr {
    let (numerator, denominator) = value.clone().into_parts();
    let numerator = Expr::Integer(numerator);
    if value.is_int() {
        return numerator;
    }
    Expr::Quotient(
        Box::new(numerator),
        Box::new(Expr::Integer(IBig::from(denominator))),
    )
}

fn power(base: Expr, exponent: Expr) -> Expr {
    Expr::Power(Box::new(base), Box::new(exponent))
}
