//! What stands behind an operand: powers, indices, factorials, signs of per cent and degrees.

use super::ParseError;
use super::atoms::conjugate;
use super::cursor::Parser;
use super::grammar::{Parsed, negate};
use super::token::Kind;
use crate::ast::{Constant, Expr, Function, NumberSet, Relation, SetOperator};
use dashu_int::IBig;

/// A part of a set of numbers.
#[derive(PartialEq)]
enum Part {
    NonZero,
    /// The positive numbers or the negative ones, with zero or without.
    Sign(bool, bool),
}

impl Parser<'_> {
    pub fn postfixes(&mut self, mut base: Expr) -> Parsed {
        let mut chain = 0;
        loop {
            if matches!(base, Expr::NumberSet(_)) && self.part_of_set(&mut base) {
                continue;
            }
            let next = match self.peek() {
                Some(Kind::Bang) => Expr::Call(Function::Factorial, vec![base]),
                Some(Kind::DoubleBang) => Expr::Call(Function::DoubleFactorial, vec![base]),
                Some(Kind::Percent) => Expr::Percent(Box::new(base)),
                Some(Kind::Degree) => {
                    self.bump();
                    base = self.degrees(base);
                    chain += 1;
                    self.check_depth(chain)?;
                    continue;
                }
                Some(Kind::Caret) => {
                    self.bump();
                    base = self.power(base)?;
                    chain += 1;
                    self.check_depth(chain)?;
                    self.count()?;
                    continue;
                }
                Some(Kind::Prime) => match base {
                    Expr::Symbol(name) => Expr::Symbol(name + "'"),
                    other => return Ok(other),
                },
                Some(Kind::Underscore) => {
                    base = self.subscripted(base)?;
                    continue;
                }
                _ => return Ok(base),
            };
            base = next;
            self.bump();
            chain += usize::from(!matches!(base, Expr::Symbol(_)));
            self.check_depth(chain)?;
            self.count()?;
        }
    }

    /// `90°`, or a temperature.
    fn degrees(&mut self, base: Expr) -> Expr {
        let scale = match self.peek() {
            Some(Kind::Letter(c @ ('C' | 'F'))) => Some(*c),
            Some(Kind::Text(t)) => match t.as_str() {
                "C" | "Celsius" | "celsius" => Some('C'),
                "F" | "Fahrenheit" | "fahrenheit" => Some('F'),
                _ => None,
            },
            _ => None,
        };
        match scale {
            Some(scale) => {
                self.bump();
                Expr::WithUnit {
                    quantity: Box::new(base),
                    unit: format!("°{scale}"),
                }
            }
            None => Expr::Degrees(Box::new(base)),
        }
    }

    /// Takes the script of `\mathbb{R}^+`, `\mathbb{Z}_{\ge 0}`, `\mathbb{N}^*` and makes the set
    /// the part of it that is meant. Of the reals that is an interval.
    fn part_of_set(&mut self, base: &mut Expr) -> bool {
        let Expr::NumberSet(set) = *base else {
            return false;
        };
        if !matches!(self.peek(), Some(Kind::Caret | Kind::Underscore)) {
            return false;
        }
        let braced = usize::from(self.peek_at(1) == Some(&Kind::LBrace));
        let zero = |at: usize| matches!(self.peek_at(at), Some(Kind::Number(n)) if n == "0");
        let (at, upper) = (1 + braced, self.peek() == Some(&Kind::Caret));
        let natural = set == NumberSet::Natural;
        // The sign, whether zero belongs to it, and how many tokens that is.
        let (part, used) = match self.peek_at(at) {
            Some(Kind::Plus) => (Part::Sign(true, false), 1),
            Some(Kind::Minus) if !natural => (Part::Sign(false, false), 1),
            Some(Kind::Times) if natural => (Part::Sign(true, false), 1),
            Some(Kind::Times) => (Part::NonZero, 1),
            Some(Kind::Number(n)) if natural && !upper && n == "0" => (Part::Sign(true, true), 1),
            Some(Kind::Relation(r)) if zero(at + 1) => match r {
                Relation::Greater => (Part::Sign(true, false), 2),
                Relation::GreaterEqual => (Part::Sign(true, true), 2),
                Relation::Less => (Part::Sign(false, false), 2),
                Relation::LessEqual => (Part::Sign(false, true), 2),
                Relation::NotEqual => (Part::NonZero, 2),
                _ => return false,
            },
            _ => return false,
        };
        if braced == 1 && self.peek_at(at + used) != Some(&Kind::RBrace)
            || used > 1 && braced == 0
            || set == NumberSet::Complex && part != Part::NonZero
        {
            return false;
        }
        self.skip(at + used + braced);
        let zero = || Expr::Integer(IBig::from(0));
        *base = match part {
            Part::NonZero => Expr::SetOperation(
                SetOperator::Difference,
                vec![Expr::NumberSet(set), Expr::Set(vec![zero()])],
            ),
            Part::Sign(positive, closed) => {
                let infinity = Expr::Constant(Constant::Infinity);
                let (low, high) = if positive {
                    (zero(), infinity)
                } else {
                    (negate(infinity), zero())
                };
                let half = if closed {
                    Expr::Interval {
                        low: Box::new(low),
                        high: Box::new(high),
                        low_closed: positive,
                        high_closed: !positive,
                    }
                } else {
                    Expr::Tuple(vec![low, high])
                };
                match set {
                    NumberSet::Real => half,
                    // The natural numbers with a script are integers whatever ℕ begins with.
                    NumberSet::Natural | NumberSet::Integer => Expr::SetOperation(
                        SetOperator::Intersection,
                        vec![Expr::NumberSet(NumberSet::Integer), half],
                    ),
                    _ => Expr::SetOperation(
                        SetOperator::Intersection,
                        vec![Expr::NumberSet(set), half],
                    ),
                }
            }
        };
        true
    }

    fn power(&mut self, base: Expr) -> Parsed {
        match (self.peek(), self.peek_at(1), self.peek_at(2)) {
            // `z^*` is a conjugate or a decoration.
            (Some(Kind::Times), _, _) => {
                self.bump();
                return Ok(conjugate(base));
            }
            (Some(Kind::LBrace), Some(Kind::Times), Some(Kind::RBrace)) => {
                self.skip(3);
                return Ok(conjugate(base));
            }
            // `5^{th}`, `5^{\text{th}}`
            (Some(Kind::LBrace), Some(Kind::Text(t)), Some(Kind::RBrace))
                if matches!(t.as_str(), "th" | "st" | "nd" | "rd") =>
            {
                self.skip(3);
                return Ok(base);
            }
            (Some(Kind::LBrace), Some(Kind::Letter('T')), Some(Kind::RBrace))
                if is_array(&base) =>
            {
                self.skip(3);
                return Ok(transpose(base));
            }
            (Some(Kind::Letter('T')), _, _) if is_array(&base) => {
                self.bump();
                return Ok(transpose(base));
            }
            (Some(Kind::LBrace), Some(Kind::Name(name)), Some(Kind::RBrace)) if name == "top" => {
                self.skip(3);
                return Ok(transpose(base));
            }
            (Some(Kind::Name(name)), _, _) if name == "top" => {
                self.bump();
                return Ok(transpose(base));
            }
            _ => {}
        }
        let exponent = self.exponent()?;
        Ok(Expr::Power(Box::new(base), Box::new(exponent)))
    }

    pub fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    /// What stands after `^`: a group, or a single token; plain powers associate to the right.
    fn exponent(&mut self) -> Parsed {
        self.count()?;
        if self.peek() == Some(&Kind::LBrace)
            && !matches!(self.peek_at(1), Some(Kind::Plus | Kind::Minus))
        {
            return self.operand();
        }
        self.nested(None, |p| {
            if p.peek() == Some(&Kind::LBrace) {
                for (kind, name) in [(Kind::Plus, "+"), (Kind::Minus, "-")] {
                    if p.peek_at(1) == Some(&kind) && p.peek_at(2) == Some(&Kind::RBrace) {
                        p.skip(3);
                        return Ok(Expr::Symbol(name.to_owned()));
                    }
                }
                return p.operand();
            }
            match p.peek() {
                Some(Kind::Minus) if p.ends_after_sign() => {
                    p.bump();
                    Ok(Expr::Symbol("-".to_owned()))
                }
                Some(Kind::Plus) if p.ends_after_sign() => {
                    p.bump();
                    Ok(Expr::Symbol("+".to_owned()))
                }
                Some(Kind::Minus) => {
                    p.bump();
                    Ok(negate(p.exponent()?))
                }
                Some(Kind::Plus) => {
                    p.bump();
                    p.exponent()
                }
                _ => {
                    let base = match p.peek() {
                        Some(Kind::Number(_)) => p.literal()?,
                        _ => p.operand()?,
                    };
                    if p.eat(&Kind::Caret) {
                        let exponent = p.exponent()?;
                        return Ok(Expr::Power(Box::new(base), Box::new(exponent)));
                    }
                    Ok(base)
                }
            }
        })
    }

    fn ends_after_sign(&self) -> bool {
        self.peek_at(1)
            .is_none_or(|k| k.absorbs_break(true) || matches!(k, Kind::Minus | Kind::Caret))
    }

    /// `x_1` on a symbol in a group, `(204)_5`; anything else cannot have an index.
    fn subscripted(&mut self, base: Expr) -> Parsed {
        match base {
            Expr::Symbol(name) => {
                self.bump();
                let index = self.index()?;
                Ok(Expr::Symbol(format!("{name}_{index}")))
            }
            Expr::Integer(n) if n >= IBig::from(0) => {
                let digits = n.to_string();
                self.based(&digits)
            }
            Expr::Constant(Constant::Pi) => {
                self.bump();
                let index = self.index()?;
                Ok(Expr::Symbol(format!("pi_{index}")))
            }
            _ => Err(self.unexpected("an index only after a symbol")),
        }
    }

    /// The base after digits.
    pub fn based(&mut self, digits: &str) -> Parsed {
        let position = self.position();
        self.bump();
        let written = self.index()?;
        let written = written.trim_matches(['(', ')']).to_lowercase();
        let base = match written.as_str() {
            "two" => 2,
            "three" => 3,
            "four" => 4,
            "five" => 5,
            "six" => 6,
            "seven" => 7,
            "eight" => 8,
            "nine" => 9,
            "ten" => 10,
            "eleven" => 11,
            "twelve" => 12,
            "sixteen" => 16,
            other => other.parse().unwrap_or(0),
        };
        if !(2..=36).contains(&base) || !digits.chars().all(|c| c.is_digit(base)) {
            return Err(ParseError::BadBase {
                position,
                digits: digits.to_owned(),
                base: written,
            });
        }
        Ok(Expr::Based {
            digits: digits.to_owned(),
            base,
        })
    }

    /// The compact text of an index, a group or a single token; the underscore is gone already.
    pub fn index(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        if self.peek() != Some(&Kind::LBrace) {
            let Some(kind) = self.peek() else {
                return Err(self.unexpected("an index"));
            };
            let single = matches!(
                kind,
                Kind::Number(_)
                    | Kind::Letter(_)
                    | Kind::Name(_)
                    | Kind::Text(_)
                    | Kind::Constant(_)
                    | Kind::Function(..)
            );
            if !single {
                return Err(self.unexpected("an index"));
            }
            self.compact(&mut name);
            return Ok(name);
        }
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(Kind::LBrace) => {
                    depth += 1;
                    self.bump();
                }
                Some(Kind::RBrace) => {
                    depth -= 1;
                    self.bump();
                }
                Some(_) => self.compact(&mut name),
                None => return Err(self.unexpected("`}` after the index")),
            }
            if depth == 0 {
                return Ok(name);
            }
        }
    }

    fn compact(&mut self, name: &mut String) {
        match self.peek() {
            Some(Kind::Letter(c)) => name.push(*c),
            Some(Kind::Number(t) | Kind::Name(t) | Kind::Text(t)) => name.push_str(t),
            Some(Kind::Constant(Constant::Pi)) => name.push_str("pi"),
            Some(Kind::Constant(Constant::Infinity)) => name.push_str("infty"),
            Some(Kind::Minus) => name.push('-'),
            Some(Kind::Plus) => name.push('+'),
            Some(Kind::Comma) => name.push(','),
            Some(Kind::Prime) => name.push('\''),
            Some(Kind::Function(_, function)) => name.push_str(function),
            Some(Kind::LParen) => name.push('('),
            Some(Kind::RParen) => name.push(')'),
            Some(Kind::Times) => name.push('*'),
            Some(Kind::Divide) => name.push('/'),
            _ => {
                let token = self.tokens.get(self.pos);
                name.push_str(
                    token
                        .and_then(|t| self.text.get(t.start..t.end))
                        .unwrap_or(""),
                );
            }
        }
        self.bump();
    }
}

fn is_array(base: &Expr) -> bool {
    match base {
        Expr::Matrix { .. } | Expr::Tuple(_) => true,
        // `[1, 2]` is an interval only as long as nobody transposes it.
        Expr::Interval {
            low_closed,
            high_closed,
            ..
        } => *low_closed && *high_closed,
        _ => false,
    }
}

/// A tuple is a row and a column alike, so its transpose is the tuple.
fn transpose(base: Expr) -> Expr {
    match base {
        Expr::Tuple(_) => base,
        Expr::Interval { low, high, .. } => Expr::Tuple(vec![*low, *high]),
        other => Expr::Call(Function::Transpose, vec![other]),
    }
}
