//! Factors: what a sign of multiplication may stand between.

use super::ParseError;
use super::cursor::{Inner, Parser};
use super::grammar::{Parsed, negate, product, quotient};
use super::numbers::Literals;
use super::token::Kind;
use crate::ast::{Constant, Expr, Function};
use dashu_int::IBig;

/// How many ways there are to choose k of n, in order or not.
fn arrangements(n: Expr, k: Expr, ordered: bool) -> Expr {
    let choices = Expr::Call(Function::Binomial, vec![n, k.clone()]);
    if ordered {
        product(vec![choices, Expr::Call(Function::Factorial, vec![k])])
    } else {
        choices
    }
}

/// The conjugate of what is plainly complex: a sum, as `a + bi`, and the letters of complex
/// numbers. Over anything else a bar is a decoration: the mean `\bar x`, the segment
/// `\overline{AB}`.
pub(super) fn conjugate(inner: Expr) -> Expr {
    let complex = match &inner {
        Expr::Sum(_) => true,
        Expr::Symbol(name) => matches!(name.split('_').next(), Some("z" | "w")),
        _ => false,
    };
    if complex {
        Expr::Call(Function::Conjugate, vec![inner])
    } else {
        inner
    }
}

impl Parser<'_> {
    /// An operand with its postfixes.
    pub fn factor(&mut self) -> Parsed {
        self.count()?;
        let base = self.operand()?;
        self.postfixes(base)
    }

    pub fn literals(&self) -> Literals {
        Literals {
            position: self.position(),
            limit: self.limits.bits,
        }
    }

    /// A plain number token.
    pub fn literal(&mut self) -> Parsed {
        let Some(Kind::Number(text)) = self.peek() else {
            return Err(self.unexpected("a number"));
        };
        let expr = self.literals().number(text)?;
        self.bump();
        Ok(expr)
    }

    pub fn operand(&mut self) -> Parsed {
        let Some(kind) = self.peek().cloned() else {
            return Err(self.unexpected("a number, a symbol or a bracket"));
        };
        match kind {
            Kind::Number(text) => self.number(&text),
            Kind::Scientific(mantissa, exponent) => {
                let expr = self.literals().scientific(&mantissa, exponent)?;
                self.bump();
                Ok(expr)
            }
            Kind::Repeating(whole, fixed, cycle) => {
                let expr = self.literals().repeating(&whole, &fixed, &cycle)?;
                self.bump();
                Ok(expr)
            }
            Kind::Based(digits, base) => {
                self.bump();
                Ok(Expr::Based { digits, base })
            }
            Kind::One => {
                self.bump();
                Ok(Expr::Integer(IBig::from(1)))
            }
            Kind::Letter(c) => self.letter(c),
            Kind::Name(name) => {
                self.bump();
                self.symbol(name)
            }
            Kind::Text(text) => {
                self.bump();
                let label = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
                Ok(Expr::Text(
                    label
                        .filter(|l| l.chars().count() == 1)
                        .map_or(text.clone(), str::to_owned),
                ))
            }
            Kind::Constant(constant) => {
                self.bump();
                Ok(Expr::Constant(constant))
            }
            Kind::NumberSet(set) => {
                self.bump();
                Ok(Expr::NumberSet(set))
            }
            Kind::EmptySet => {
                self.bump();
                Ok(Expr::Set(Vec::new()))
            }
            Kind::Function(function, name) => {
                self.bump();
                self.call(function, name)
            }
            Kind::Big(kind) => {
                self.bump();
                self.big(kind)
            }
            Kind::Frac => {
                self.bump();
                self.fraction()
            }
            Kind::Sqrt | Kind::CubeRoot => {
                self.bump();
                self.root(kind == Kind::CubeRoot)
            }
            Kind::Binom => {
                self.bump();
                // `\binom53` has single digits; blanks in `\binom 10 3` say where a number ends.
                let apart = matches!(self.peek_at(1), Some(Kind::Number(_)));
                let n = if apart {
                    self.argument()?
                } else {
                    self.digit_argument()?
                };
                let k = self.argument()?;
                Ok(Expr::Call(Function::Binomial, vec![n, k]))
            }
            Kind::Overline => {
                self.bump();
                let inner = self.argument()?;
                Ok(conjugate(inner))
            }
            // `{}_nC_k`: the empty group is gone.
            Kind::Underscore => self.left_index(),
            _ => self.fence(kind),
        }
    }

    fn left_index(&mut self) -> Parsed {
        self.bump();
        let n = self.argument()?;
        let ordered = self.eat(&Kind::Letter('P'));
        if !ordered {
            self.expect(&Kind::Letter('C'), "`C` after an index on the left")?;
        }
        self.expect(&Kind::Underscore, "an index")?;
        let k = self.argument()?;
        Ok(arrangements(n, k, ordered))
    }

    /// `A_5^3`, `P^3_5`, `C^3_5`: of two numbers, the lower the larger, and nothing else. Only
    /// tokens are looked at: to parse and go back would double the work at every level.
    fn scripts(&mut self, c: char) -> Result<Option<Expr>, ParseError> {
        let number =
            |at: usize| match (self.peek_at(at), self.peek_at(at + 1), self.peek_at(at + 2)) {
                (Some(Kind::Number(n)), _, _) => Some((n.clone(), at + 1)),
                (Some(Kind::LBrace), Some(Kind::Number(n)), Some(Kind::RBrace)) => {
                    Some((n.clone(), at + 3))
                }
                _ => None,
            };
        let below = self.peek() == Some(&Kind::Underscore);
        let other = if below { Kind::Caret } else { Kind::Underscore };
        let Some((first, at)) = number(1) else {
            return Ok(None);
        };
        let Some((second, end)) = number(at + 1).filter(|_| self.peek_at(at) == Some(&other))
        else {
            return Ok(None);
        };
        let (n, k) = if below {
            (first, second)
        } else {
            (second, first)
        };
        let (n, k) = (self.literals().number(&n)?, self.literals().number(&k)?);
        if !matches!((&n, &k), (Expr::Integer(n), Expr::Integer(k)) if n >= k) {
            return Ok(None);
        }
        self.skip(end);
        self.count()?;
        Ok(Some(arrangements(n, k, c != 'C')))
    }

    /// A literal; with a fraction of two integers after it, a mixed number.
    fn number(&mut self, text: &str) -> Parsed {
        if self.peek_at(1) == Some(&Kind::Underscore) && !text.contains('.') {
            self.bump();
            return self.based(text);
        }
        let whole = self.literal()?;
        if !matches!(whole, Expr::Integer(_)) {
            return Ok(whole);
        }
        // `1 1/2`
        if let (Some(Kind::Number(n)), Some(Kind::Divide), Some(Kind::Number(d))) =
            (self.peek(), self.peek_at(1), self.peek_at(2))
            && !n.contains('.')
            && !d.contains('.')
        {
            let n = self.literals().number(n)?;
            let d = self.literals().number(d)?;
            self.skip(3);
            self.count()?;
            return Ok(Expr::Sum(vec![whole, quotient(n, d)]));
        }
        if self.peek() != Some(&Kind::Frac) {
            return Ok(whole);
        }
        self.count()?;
        self.nested(None, |p| {
            p.bump();
            let fraction = p.fraction()?;
            let mixed = matches!(&fraction, Expr::Quotient(n, d)
                if matches!((&**n, &**d), (Expr::Integer(_), Expr::Integer(_))));
            if mixed && p.peek() != Some(&Kind::Caret) {
                return Ok(Expr::Sum(vec![whole, fraction]));
            }
            let fraction = p.postfixes(fraction)?;
            Ok(product(vec![whole, fraction]))
        })
    }

    /// Numerator and denominator; `\frac12` splits its digits.
    fn fraction(&mut self) -> Parsed {
        let numerator = self.digit_argument()?;
        let denominator = self.digit_argument()?;
        Ok(quotient(numerator, denominator))
    }

    /// An argument, which is one digit if it begins with one: TeX reads single tokens.
    fn digit_argument(&mut self) -> Parsed {
        if let Some(Kind::Number(text)) = self.peek()
            && text.len() > 1
            && !text.contains('.')
            // `\frac 1 20`: the blank says where the number ends.
            && !(matches!(self.previous(), Some(Kind::Number(_) | Kind::RBrace)))
        {
            let (first, rest) = text.split_at(1);
            let expr = self.literals().number(first)?;
            let rest = Kind::Number(rest.to_owned());
            if let Some(token) = self.tokens.get_mut(self.pos) {
                token.kind = rest;
                token.start += 1;
            }
            return Ok(expr);
        }
        self.argument()
    }

    /// The argument of a command: a group or a single operand.
    pub fn argument(&mut self) -> Parsed {
        self.count()?;
        // A bracket counts as a level by itself.
        if matches!(self.peek(), Some(Kind::LBrace | Kind::LParen)) {
            return self.operand();
        }
        self.nested(None, |p| match p.peek() {
            Some(Kind::Number(_)) => p.literal(),
            Some(Kind::Letter(c)) => {
                let c = *c;
                p.bump();
                Ok(p.plain_letter(c))
            }
            Some(Kind::Minus) => {
                p.bump();
                Ok(negate(p.argument()?))
            }
            _ => p.operand(),
        })
    }

    /// `\sqrt[3]{x}`, `sqrt(2)`, `√2`.
    fn root(&mut self, cube: bool) -> Parsed {
        let mut index = Expr::Integer(IBig::from(if cube { 3 } else { 2 }));
        if !cube && self.peek() == Some(&Kind::LBracket) {
            self.count()?;
            index = self.nested(Some(Inner::Bracket), |p| {
                p.bump();
                let index = p.sum()?;
                p.expect(&Kind::RBracket, "`]` after the index of a root")?;
                Ok(index)
            })?;
        }
        let radicand = self.argument()?;
        Ok(Expr::Call(Function::Root, vec![radicand, index]))
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|b| b == name)
    }

    fn plain_letter(&self, c: char) -> Expr {
        let name = c.to_string();
        match c {
            'e' if !self.is_bound(&name) => Expr::Constant(Constant::E),
            'i' if !self.is_bound(&name) => Expr::Constant(Constant::I),
            _ => Expr::Symbol(name),
        }
    }

    fn letter(&mut self, c: char) -> Parsed {
        self.bump();
        match (c, self.peek()) {
            ('A' | 'P' | 'C', Some(script @ (Kind::Underscore | Kind::Caret))) => {
                let below = *script == Kind::Underscore;
                if let Some(count) = self.scripts(c)? {
                    return Ok(count);
                }
                if !below {
                    return Ok(self.plain_letter(c));
                }
                if c == 'C'
                    && let Some(count) = self.choose()?
                {
                    return Ok(count);
                }
            }
            ('C', Some(Kind::LParen)) => {
                let inside = self.argument()?;
                return Ok(match inside {
                    Expr::Tuple(pair) if pair.len() == 2 => Expr::Call(Function::Binomial, pair),
                    other => product(vec![Expr::Symbol("C".to_owned()), other]),
                });
            }
            (_, Some(Kind::Underscore | Kind::Prime)) => {}
            _ if "fghFGH".contains(c) => {}
            _ => return Ok(self.plain_letter(c)),
        }
        self.symbol(c.to_string())
    }

    /// `C_n^k` with an index that is not a number: those of two numbers are [`Self::scripts`], and
    /// `C_1^x` is a power of a constant.
    fn choose(&mut self) -> Result<Option<Expr>, ParseError> {
        let end = match self.peek_at(1) {
            Some(Kind::Letter(_) | Kind::Name(_)) => Some(2),
            Some(Kind::LBrace) => self.group_end(1),
            _ => None,
        };
        if end.is_none_or(|end| self.peek_at(end) != Some(&Kind::Caret)) {
            return Ok(None);
        }
        self.bump();
        let n = self.argument()?;
        self.expect(&Kind::Caret, "`^` after the index")?;
        let k = self.argument()?;
        Ok(Some(arrangements(n, k, false)))
    }

    /// Behind the brace that closes the group at `at`, which must hold a formula other than a
    /// single number.
    fn group_end(&self, at: usize) -> Option<usize> {
        let number = matches!(self.peek_at(at + 1), Some(Kind::Number(_)))
            && self.peek_at(at + 2) == Some(&Kind::RBrace);
        if number {
            return None;
        }
        let mut depth = 0usize;
        for end in at.. {
            match self.peek_at(end)? {
                Kind::LBrace => depth += 1,
                Kind::RBrace if depth == 1 => return Some(end + 1),
                Kind::RBrace => depth -= 1,
                Kind::Text(_) => return None,
                _ => {}
            }
        }
        None
    }

    /// A symbol with its indices and primes; a function if it is called like one.
    fn symbol(&mut self, mut name: String) -> Parsed {
        let mut plain = true;
        loop {
            match self.peek() {
                Some(Kind::Underscore) => {
                    self.bump();
                    name.push('_');
                    name.push_str(&self.index()?);
                }
                Some(Kind::Prime) => {
                    self.bump();
                    name.push('\'');
                }
                _ => break,
            }
            plain = false;
        }
        if name.starts_with(['f', 'g', 'h', 'F', 'G', 'H']) && (name.chars().count() == 1 || !plain)
        {
            let inverse = [Kind::Caret, Kind::LBrace, Kind::Minus]
                .iter()
                .enumerate()
                .all(|(i, k)| self.peek_at(i) == Some(k))
                && self.peek_at(3) == Some(&Kind::Number("1".to_owned()))
                && self.peek_at(4) == Some(&Kind::RBrace)
                && self.peek_at(5) == Some(&Kind::LParen);
            if inverse {
                self.skip(5);
                name.push_str("^-1");
            }
            if self.peek() == Some(&Kind::LParen) {
                let arguments = match self.argument()? {
                    Expr::Tuple(arguments) => arguments,
                    other => vec![other],
                };
                return Ok(Expr::Apply(name, arguments));
            }
        }
        Ok(Expr::Symbol(name))
    }
}
