//! Factors: what a sign of multiplication may stand between.

use super::ParseError;
use super::grammar::{Inner, Parsed, Parser, negate, product, quotient};
use super::numbers::Literals;
use super::token::Kind;
use crate::ast::{Constant, Expr, Function};
use dashu_int::IBig;

impl Parser<'_> {
    /// An operand with its postfixes.
    pub fn factor(&mut self) -> Parsed {
        self.count()?;
        let base = self.operand()?;
        self.postfixes(base)
    }

    fn postfixes(&mut self, mut base: Expr) -> Parsed {
        let mut chain = 0;
        loop {
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

    fn power(&mut self, base: Expr) -> Parsed {
        match (self.peek(), self.peek_at(1), self.peek_at(2)) {
            // `z^*` is a decoration.
            (Some(Kind::Times), _, _) => {
                self.bump();
                return Ok(base);
            }
            (Some(Kind::LBrace), Some(Kind::Times), Some(Kind::RBrace)) => {
                self.skip(3);
                return Ok(base);
            }
            // `5^{th}`, `5^{\text{th}}`
            (Some(Kind::LBrace), Some(Kind::Text(t)), Some(Kind::RBrace))
                if matches!(t.as_str(), "th" | "st" | "nd" | "rd") =>
            {
                self.skip(3);
                return Ok(base);
            }
            (Some(Kind::LBrace), Some(Kind::Letter('T')), Some(Kind::RBrace))
                if matches!(base, Expr::Matrix { .. }) =>
            {
                self.skip(3);
                return Ok(Expr::Call(Function::Transpose, vec![base]));
            }
            (Some(Kind::Letter('T')), _, _) if matches!(base, Expr::Matrix { .. }) => {
                self.bump();
                return Ok(Expr::Call(Function::Transpose, vec![base]));
            }
            (Some(Kind::Name(name)), _, _) if name == "top" => {
                self.bump();
                return Ok(Expr::Call(Function::Transpose, vec![base]));
            }
            _ => {}
        }
        let exponent = self.exponent()?;
        Ok(Expr::Power(Box::new(base), Box::new(exponent)))
    }

    fn skip(&mut self, count: usize) {
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
    fn based(&mut self, digits: &str) -> Parsed {
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

    fn literals(&self) -> Literals {
        Literals {
            position: self.position(),
            limit: self.limits.bits,
        }
    }

    /// A plain number token.
    fn literal(&mut self) -> Parsed {
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
                let n = self.argument()?;
                let k = self.argument()?;
                Ok(Expr::Call(Function::Binomial, vec![n, k]))
            }
            Kind::Overline => {
                self.bump();
                let inner = self.argument()?;
                Ok(if matches!(inner, Expr::Sum(_)) {
                    Expr::Call(Function::Conjugate, vec![inner])
                } else {
                    inner
                })
            }
            // `{}_nC_k`: the empty group is gone.
            Kind::Underscore => self.left_index(),
            _ => self.fence(kind),
        }
    }

    fn left_index(&mut self) -> Parsed {
        self.bump();
        let n = self.argument()?;
        self.expect(&Kind::Letter('C'), "`C` after an index on the left")?;
        self.expect(&Kind::Underscore, "an index")?;
        let k = self.argument()?;
        Ok(Expr::Call(Function::Binomial, vec![n, k]))
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
            ('C', Some(Kind::Underscore)) => {
                if let Some(binomial) = self.choose()? {
                    return Ok(binomial);
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

    /// `C_n^k` where it can only be a binomial coefficient.
    fn choose(&mut self) -> Result<Option<Expr>, ParseError> {
        let (start, nodes) = (self.pos, self.nodes);
        self.bump();
        if let Ok(n) = self.argument()
            && self.eat(&Kind::Caret)
            && let Ok(k) = self.argument()
        {
            let sure = match (&n, &k) {
                (Expr::Integer(n), Expr::Integer(k)) => n >= k,
                (Expr::Integer(_), _) => false,
                _ => true,
            };
            if sure {
                return Ok(Some(Expr::Call(Function::Binomial, vec![n, k])));
            }
        }
        self.pos = start;
        self.nodes = nodes;
        Ok(None)
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
