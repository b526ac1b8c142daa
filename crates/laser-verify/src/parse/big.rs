//! Functions and their arguments; sums, products, integrals, limits.

use super::cursor::{Inner, Parser};
use super::grammar::{Parsed, product};
use super::token::Kind;
use crate::ast::{Big, Expr, FROM_ABOVE, FROM_BELOW, Function, Relation};
use dashu_int::IBig;

/// A bound variable and where it starts.
type Range = (String, Option<Box<Expr>>);

impl Parser<'_> {
    /// A known function whose name was just read.
    pub fn call(&mut self, function: Function, name: &str) -> Parsed {
        let mut base = (name == "lg").then(|| Expr::Integer(IBig::from(10)));
        let mut exponent = None;
        // `log2(8)`
        if name == "log"
            && let (Some(Kind::Number(_)), Some(Kind::LParen)) = (self.peek(), self.peek_at(1))
            && self.tokens.get(self.pos).is_some_and(|t| !t.spaced)
        {
            base = Some(self.argument()?);
        }
        loop {
            match self.peek() {
                Some(Kind::Underscore) => {
                    self.bump();
                    let index = self.argument()?;
                    // The range of a maximum is dropped with its variable.
                    if function == Function::Log {
                        base = Some(index);
                    }
                }
                Some(Kind::Caret) if exponent.is_none() => {
                    self.bump();
                    exponent = Some(self.argument()?);
                }
                _ => break,
            }
        }
        let mut function = function;
        let minus_one =
            |e: &Expr| matches!(e, Expr::Negate(inner) if **inner == Expr::Integer(IBig::from(1)));
        if exponent.as_ref().is_some_and(minus_one)
            && let Some(inverse) = inverse(function)
        {
            function = inverse;
            exponent = None;
        }
        let operand = self.starts_factor()
            || matches!(
                self.peek(),
                Some(Kind::Minus | Kind::Plus | Kind::Number(_) | Kind::Scientific(..))
            );
        if !operand {
            if exponent.is_some() || base.is_some() {
                return Err(self.unexpected("the argument of a function"));
            }
            return Ok(Expr::Symbol(name.to_owned()));
        }
        self.count()?;
        let mut arguments = self.arguments()?;
        if matches!(
            function,
            Function::Gcd | Function::Lcm | Function::Max | Function::Min
        ) && let [Expr::Tuple(many) | Expr::Set(many) | Expr::List(many)] = arguments.as_slice()
        {
            arguments = many.clone();
        }
        if function == Function::Log {
            // `log(8, 2)`
            if base.is_none()
                && let [Expr::Tuple(pair)] = arguments.as_slice()
                && pair.len() == 2
            {
                arguments = pair.clone();
            }
            arguments.extend(base);
        }
        let call = Expr::Call(function, arguments);
        Ok(match exponent {
            Some(exponent) => Expr::Power(Box::new(call), Box::new(exponent)),
            None => call,
        })
    }

    /// A bracket alone, or the factors up to the next function, sign or operator.
    fn arguments(&mut self) -> Result<Vec<Expr>, super::ParseError> {
        if matches!(
            self.peek(),
            Some(Kind::LParen | Kind::LBrace | Kind::LBracket)
        ) {
            return Ok(vec![self.argument()?]);
        }
        if matches!(self.peek(), Some(Kind::Bar | Kind::BarOpen | Kind::SetOpen)) {
            return Ok(vec![self.operand()?]);
        }
        self.nested(None, |p| {
            let mut factors = vec![p.signed_factor()?];
            while p.starts_factor() && !matches!(p.peek(), Some(Kind::Function(..) | Kind::Big(_)))
            {
                factors.push(p.factor()?);
            }
            Ok(vec![product(factors)])
        })
    }

    /// `\sum`, `\prod`, `\int`, `\lim` after the sign.
    pub fn big(&mut self, kind: Big) -> Parsed {
        let (mut variable, mut lower, mut upper) = (None, None, None);
        loop {
            match self.peek() {
                Some(Kind::Underscore) if lower.is_none() && variable.is_none() => {
                    self.bump();
                    if kind == Big::Integral {
                        lower = Some(Box::new(self.argument()?));
                    } else {
                        let start = self.pos;
                        // The compact text stands for a range that is no `k = a`.
                        let text = self.index()?;
                        let after = std::mem::replace(&mut self.pos, start);
                        (variable, lower) = self
                            .range(kind)?
                            .map_or((Some(text), None), |(v, l)| (Some(v), l));
                        self.pos = after;
                    }
                }
                Some(Kind::Caret) if upper.is_none() => {
                    self.bump();
                    upper = Some(Box::new(self.argument()?));
                }
                _ => break,
            }
        }
        let (variable, body) = if kind == Big::Integral {
            self.integrand()?
        } else {
            let variable = variable.unwrap_or_default();
            self.bound.push(variable.clone());
            let body = self.nested(None, Self::term);
            self.bound.pop();
            (variable, body?)
        };
        Ok(Expr::Big {
            kind,
            variable,
            lower,
            upper,
            body: Box::new(body),
        })
    }

    /// `{k=0}`, `{x \to 0^+}`, `k`: the variable and where it starts.
    fn range(&mut self, kind: Big) -> Result<Option<Range>, super::ParseError> {
        if !self.eat(&Kind::LBrace) {
            return Ok(None);
        }
        let named = matches!(self.peek(), Some(Kind::Letter(_) | Kind::Name(_)));
        if !named {
            return Ok(None);
        }
        let mut name = match self.peek() {
            Some(Kind::Letter(c)) => c.to_string(),
            Some(Kind::Name(name)) => name.clone(),
            _ => return Ok(None),
        };
        self.bump();
        if self.eat(&Kind::Underscore) {
            name = format!("{name}_{}", self.index()?);
        }
        let relation = match kind {
            Big::Limit => Relation::Arrow,
            _ => Relation::Equal,
        };
        if !self.eat(&Kind::Relation(relation)) {
            return Ok(None);
        }
        self.count()?;
        let lower = self.nested(Some(Inner::None), Self::sum)?;
        let lower = match lower {
            Expr::Power(point, side) => match &*side {
                Expr::Symbol(s) if s == "+" => Expr::Apply(FROM_ABOVE.to_owned(), vec![*point]),
                Expr::Symbol(s) if s == "-" => Expr::Apply(FROM_BELOW.to_owned(), vec![*point]),
                _ => Expr::Power(point, side),
            },
            other => other,
        };
        if self.peek() != Some(&Kind::RBrace) {
            return Ok(None);
        }
        Ok(Some((name, Some(Box::new(lower)))))
    }

    /// The integrand up to its differential, and the variable.
    fn integrand(&mut self) -> Result<(String, Expr), super::ParseError> {
        let Some((at, nested)) = self.differential() else {
            let body = self.nested(None, Self::term)?;
            return Ok((String::new(), body));
        };
        let variable = match self.tokens.get(at + 1).map(|t| &t.kind) {
            Some(Kind::Letter(c)) => c.to_string(),
            Some(Kind::Name(name)) => name.clone(),
            _ => String::new(),
        };
        self.bound.push(variable.clone());
        let body = if nested {
            // `\int \frac{dx}{x}`: the differential is a factor somewhere inside.
            for (offset, kind) in [(0, Kind::One), (1, Kind::Nothing)] {
                if let Some(token) = self.tokens.get_mut(at + offset) {
                    token.kind = kind;
                }
            }
            self.nested(None, Self::term)
        } else if at == self.pos {
            Ok(Expr::Integer(IBig::from(1)))
        } else {
            let end = std::mem::replace(&mut self.end, at);
            let body = self.nested(None, Self::sum);
            let stopped = self.pos == at;
            self.end = end;
            match body {
                Ok(_) if !stopped => Err(self.unexpected("the differential of the integral")),
                other => other,
            }
        };
        self.bound.pop();
        let body = body?;
        if !nested {
            self.pos = at;
            self.bump();
            self.bump();
        }
        Ok((variable, body))
    }

    /// Where the `d` of `dx` stands, and whether inside of a bracket.
    fn differential(&self) -> Option<(usize, bool)> {
        let mut depth = 0usize;
        let mut pending = 0usize;
        let mut inside = None;
        for at in self.pos..self.end {
            let kind = &self.tokens.get(at)?.kind;
            match kind {
                Kind::LBrace | Kind::LParen | Kind::LBracket | Kind::SetOpen | Kind::Begin(_) => {
                    depth += 1
                }
                Kind::RBrace | Kind::RParen | Kind::RBracket | Kind::SetClose | Kind::End => {
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                }
                Kind::Relation(_) | Kind::Comma | Kind::Semicolon if depth == 0 => break,
                Kind::Big(Big::Integral) => pending += 1,
                Kind::Letter('d')
                    if matches!(
                        self.tokens.get(at + 1).map(|t| &t.kind),
                        Some(Kind::Letter(_) | Kind::Name(_))
                    ) && at + 1 < self.end =>
                {
                    if pending > 0 {
                        pending -= 1;
                    } else if depth == 0 {
                        return Some((at, false));
                    } else {
                        inside = inside.or(Some((at, true)));
                    }
                }
                _ => {}
            }
        }
        inside
    }
}

fn inverse(function: Function) -> Option<Function> {
    use Function as F;
    Some(match function {
        F::Sin => F::Arcsin,
        F::Cos => F::Arccos,
        F::Tan => F::Arctan,
        F::Cot => F::Arccot,
        F::Sec => F::Arcsec,
        F::Csc => F::Arccsc,
        F::Sinh => F::Arsinh,
        F::Cosh => F::Arcosh,
        F::Tanh => F::Artanh,
        _ => return None,
    })
}
