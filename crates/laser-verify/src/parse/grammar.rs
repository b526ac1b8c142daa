//! The levels of the grammar, from an answer down to a factor.

use super::ParseError;
use super::cursor::{Inner, Parser};
use super::token::Kind;
use crate::ast::{CROSS, Expr, Function, Relation, SetOperator};

pub(super) type Parsed = Result<Expr, ParseError>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    Comma,
    And,
    Or,
}

impl Parser<'_> {
    /// A whole answer, up to the last token.
    pub fn answer(mut self) -> Parsed {
        if self.peek() == Some(&Kind::Nothing) {
            self.bump();
        }
        while matches!(self.peek(), Some(Kind::Newline | Kind::Quad | Kind::Dot)) {
            self.bump();
        }
        let mut segments = vec![self.sequence()?];
        while matches!(self.peek(), Some(Kind::Semicolon | Kind::Newline)) {
            self.bump();
            if self.only_closers() {
                break;
            }
            segments.push(self.sequence()?);
        }
        if !self.only_closers() {
            return Err(self.unexpected("an operator, a separator or the end"));
        }
        self.count()?;
        Ok(one_or(segments, Expr::List))
    }

    /// Whether nothing is left but closing brackets too many and full stops.
    fn only_closers(&self) -> bool {
        self.tokens.get(self.pos..).unwrap_or(&[]).iter().all(|t| {
            matches!(
                t.kind,
                Kind::RBrace
                    | Kind::RParen
                    | Kind::Dot
                    | Kind::Newline
                    | Kind::Quad
                    | Kind::Semicolon
                    | Kind::Comma
                    | Kind::Nothing
            )
        })
    }

    /// Items with commas, `and` and `or` between them.
    pub fn sequence(&mut self) -> Parsed {
        let mut items = vec![self.item()?];
        let mut separators = Vec::new();
        loop {
            let separator = match self.peek() {
                Some(Kind::Comma | Kind::Quad) => Separator::Comma,
                Some(Kind::And) => Separator::And,
                Some(Kind::Or) => Separator::Or,
                _ => break,
            };
            self.bump();
            let separator = match self.peek() {
                Some(Kind::And) if separator == Separator::Comma => {
                    self.bump();
                    Separator::And
                }
                Some(Kind::Or) if separator == Separator::Comma => {
                    self.bump();
                    Separator::Or
                }
                _ => separator,
            };
            while separator != Separator::Comma
                && matches!(self.peek(), Some(Kind::Comma | Kind::Quad))
            {
                self.bump();
            }
            let ends = self.peek().is_none_or(|k| {
                matches!(
                    k,
                    Kind::Newline
                        | Kind::Semicolon
                        | Kind::Row
                        | Kind::Cell
                        | Kind::End
                        | Kind::RBrace
                        | Kind::Dot
                        | Kind::SetClose
                )
            });
            if separator == Separator::Comma && ends {
                break;
            }
            items.push(self.item()?);
            separators.push(separator);
        }
        self.count()?;
        Ok(combine(items, &separators))
    }

    /// A relation, or a group divided by `\over` or `\choose`.
    pub fn item(&mut self) -> Parsed {
        let left = self.relation()?;
        let choose = match self.peek() {
            Some(Kind::Over) => false,
            Some(Kind::Choose) => true,
            _ => return Ok(left),
        };
        self.bump();
        let right = self.relation()?;
        self.count()?;
        Ok(if choose {
            Expr::Call(Function::Binomial, vec![left, right])
        } else {
            quotient(left, right)
        })
    }

    fn relation(&mut self) -> Parsed {
        // An answer that begins in the middle of a chain, `= 5`.
        while matches!(
            self.peek(),
            Some(Kind::Relation(Relation::Equal | Relation::Approximately))
        ) {
            self.bump();
        }
        let mut terms = vec![self.ratio()?];
        let mut operators = Vec::new();
        loop {
            if let Some(modulus) = self.modulus()? {
                // Of a chain of equations the modulus is a remark; of a congruence it is a part.
                let chain = operators.contains(&Relation::Equal)
                    && !matches!(operators.last(), Some(Relation::Congruent));
                if !chain && let Some(last) = terms.pop() {
                    self.check_depth(1)?;
                    terms.push(Expr::Call(Function::Mod, vec![last, modulus]));
                    // A second modulus would nest without end.
                    if let Some(Kind::PMod) = self.peek() {
                        return Err(self.unexpected("one modulus"));
                    }
                }
            }
            let Some(Kind::Relation(operator)) = self.peek() else {
                break;
            };
            if self.inner == Inner::Angle && *operator == Relation::Greater {
                break;
            }
            operators.push(*operator);
            self.bump();
            terms.push(self.ratio()?);
        }
        if operators.is_empty() {
            return terms.pop().ok_or_else(|| self.unexpected("an expression"));
        }
        self.count()?;
        Ok(Expr::Relation { terms, operators })
    }

    /// `\pmod{7}`, `(mod 7)`.
    fn modulus(&mut self) -> Result<Option<Expr>, ParseError> {
        match (self.peek(), self.peek_at(1)) {
            (Some(Kind::PMod), _) => {
                self.bump();
                Ok(Some(self.factor()?))
            }
            (Some(Kind::LParen), Some(Kind::Mod | Kind::PMod)) => {
                self.bump();
                self.bump();
                let modulus = self.factor()?;
                self.expect(&Kind::RParen, "`)` after the modulus")?;
                Ok(Some(modulus))
            }
            _ => Ok(None),
        }
    }

    fn ratio(&mut self) -> Parsed {
        let mut parts = vec![self.sets()?];
        // In `\{x : …\}` the colon is the bar of the set.
        while self.inner != Inner::Set && self.eat(&Kind::Colon) {
            parts.push(self.sets()?);
        }
        self.count()?;
        Ok(one_or(parts, Expr::Ratio))
    }

    /// Unions, intersections, differences, from left to right.
    fn sets(&mut self) -> Parsed {
        let mut left = self.sum()?;
        let mut current: Option<SetOperator> = None;
        let mut changes = 0;
        loop {
            let operator = match self.peek() {
                Some(Kind::Union) => SetOperator::Union,
                Some(Kind::Intersection) => SetOperator::Intersection,
                Some(Kind::Difference) => SetOperator::Difference,
                _ => return Ok(left),
            };
            self.bump();
            let right = self.sum()?;
            left = match left {
                Expr::SetOperation(same, mut parts)
                    if current == Some(operator) && same == operator =>
                {
                    parts.push(right);
                    Expr::SetOperation(same, parts)
                }
                other => {
                    changes += 1;
                    self.check_depth(changes)?;
                    self.count()?;
                    Expr::SetOperation(operator, vec![other, right])
                }
            };
            current = Some(operator);
        }
    }

    pub fn sum(&mut self) -> Parsed {
        let mut terms: Vec<Expr> = Vec::new();
        let mut changes = 0;
        if !matches!(self.peek(), Some(Kind::PlusMinus | Kind::MinusPlus)) {
            terms.push(self.term()?);
        }
        loop {
            match self.peek() {
                Some(Kind::Plus) => {
                    self.bump();
                    terms.push(self.term()?);
                }
                Some(Kind::Minus) => {
                    self.bump();
                    let term = self.term()?;
                    self.count()?;
                    terms.push(negate(term));
                }
                Some(kind @ (Kind::PlusMinus | Kind::MinusPlus)) => {
                    let flipped = *kind == Kind::MinusPlus;
                    self.bump();
                    changes += 1;
                    self.check_depth(changes)?;
                    let right = Box::new(self.term()?);
                    self.count()?;
                    let left = (!terms.is_empty())
                        .then(|| Box::new(one_or(std::mem::take(&mut terms), Expr::Sum)));
                    terms.push(Expr::PlusMinus {
                        left,
                        right,
                        flipped,
                    });
                }
                _ => break,
            }
        }
        self.count()?;
        Ok(super::units::lift(terms))
    }

    /// Minus signs before an operand, pluses skipped.
    fn signs(&mut self) -> Result<usize, ParseError> {
        let mut minus = 0;
        loop {
            match self.peek() {
                Some(Kind::Plus) => {}
                Some(Kind::Minus) => {
                    minus += 1;
                    self.check_depth(minus)?;
                    self.count()?;
                }
                _ => return Ok(minus),
            }
            self.bump();
        }
    }

    /// A product with its signs.
    pub fn term(&mut self) -> Parsed {
        let minus = self.signs()?;
        let mut term = self.product()?;
        for _ in 0..minus {
            term = negate(term);
        }
        Ok(term)
    }

    pub fn signed_factor(&mut self) -> Parsed {
        let minus = self.signs()?;
        let mut factor = self.factor()?;
        for _ in 0..minus {
            factor = negate(factor);
        }
        Ok(factor)
    }

    fn product(&mut self) -> Parsed {
        let start = self.pos;
        let currency = match self.peek() {
            Some(Kind::Money(sign)) => Some(*sign),
            _ => None,
        };
        let mut minus = 0;
        if currency.is_some() {
            self.bump();
            minus = self.signs()?;
        }
        let mut factors = vec![self.factor()?];
        let mut chain = 0;
        let mut quantity = None;
        loop {
            match self.peek() {
                Some(Kind::Times) => {
                    self.bump();
                    factors.push(self.signed_factor()?);
                }
                Some(Kind::Cross) => {
                    self.bump();
                    let right = self.factor()?;
                    chain += 1;
                    self.check_depth(chain)?;
                    self.count()?;
                    let left = factors.pop().ok_or_else(|| self.unexpected("a vector"))?;
                    factors.push(Expr::Apply(CROSS.to_owned(), vec![left, right]));
                }
                Some(Kind::Divide) => {
                    self.bump();
                    let divisor = self.signed_factor()?;
                    chain += 1;
                    self.check_depth(chain)?;
                    self.count()?;
                    factors = vec![quotient(product(factors), divisor)];
                }
                Some(Kind::Mod) => {
                    self.bump();
                    let modulus = self.signed_factor()?;
                    chain += 1;
                    self.check_depth(chain)?;
                    self.count()?;
                    factors = vec![Expr::Call(Function::Mod, vec![product(factors), modulus])];
                }
                Some(Kind::Text(_) | Kind::Money(_)) => {
                    if let Some(unit) = self.unit(start) {
                        quantity = Some(unit);
                        break;
                    }
                    if !self.remark() {
                        break;
                    }
                }
                // Words are no factor without a sign: `Answer 9` is prose.
                Some(_)
                    if self.starts_factor() && !matches!(factors.last(), Some(Expr::Text(_))) =>
                {
                    let bracket = self.peek() == Some(&Kind::LParen);
                    let factor = self.factor()?;
                    // `2k\pi (k \in \mathbb{Z})`: a condition in brackets is a remark.
                    if !(bracket && matches!(factor, Expr::Relation { .. })) {
                        factors.push(factor);
                    }
                }
                _ => break,
            }
        }
        self.count()?;
        let mut whole = product(factors);
        for _ in 0..minus {
            whole = negate(whole);
        }
        let unit = match (currency, quantity) {
            (Some(sign), _) => Some(sign.to_owned()),
            (None, unit) => unit,
        };
        Ok(match unit {
            Some(unit) => Expr::WithUnit {
                quantity: Box::new(whole),
                unit,
            },
            None => whole,
        })
    }

    /// Whether the next token begins a factor that is multiplied without a sign.
    pub fn starts_factor(&self) -> bool {
        match self.peek() {
            // Two literals side by side are no product anybody writes.
            Some(
                Kind::Number(_) | Kind::Scientific(..) | Kind::Repeating(..) | Kind::Based(..),
            ) => !matches!(
                self.previous(),
                Some(
                    Kind::Number(_) | Kind::Scientific(..) | Kind::Repeating(..) | Kind::Based(..)
                )
            ),
            Some(Kind::Bar | Kind::BarOpen) => {
                !matches!(self.inner, Inner::Abs | Inner::Set)
                    || self.peek() == Some(&Kind::BarOpen)
            }
            Some(Kind::DoubleBar) => self.inner != Inner::Norm,
            Some(Kind::LBracket) => !self.closes_reversed(),
            Some(Kind::LParen) => !matches!(self.peek_at(1), Some(Kind::Mod | Kind::PMod)),
            Some(
                Kind::Letter(_)
                | Kind::Name(_)
                | Kind::Constant(_)
                | Kind::NumberSet(_)
                | Kind::EmptySet
                | Kind::Function(..)
                | Kind::Big(_)
                | Kind::Frac
                | Kind::Sqrt
                | Kind::CubeRoot
                | Kind::Binom
                | Kind::Overline
                | Kind::LBrace
                | Kind::SetOpen
                | Kind::AngleOpen
                | Kind::FloorOpen
                | Kind::CeilOpen
                | Kind::Begin(_)
                | Kind::One,
            ) => true,
            _ => false,
        }
    }

    /// A `[` that closes a half-open interval in the French manner: nothing that could stand
    /// inside of brackets follows.
    pub fn closes_reversed(&self) -> bool {
        self.inner == Inner::Bracket
            && self.peek() == Some(&Kind::LBracket)
            && self.peek_at(1).is_none_or(|k| {
                matches!(
                    k,
                    Kind::Union
                        | Kind::Intersection
                        | Kind::Difference
                        | Kind::Comma
                        | Kind::Semicolon
                        | Kind::RParen
                        | Kind::And
                        | Kind::Or
                        | Kind::Newline
                        | Kind::RBrace
                        | Kind::Dot
                        | Kind::Quad
                        | Kind::SetClose
                )
            })
    }
}

/// The only element, or all of them wrapped.
pub(super) fn one_or(mut items: Vec<Expr>, wrap: fn(Vec<Expr>) -> Expr) -> Expr {
    match (items.pop(), items.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            items.push(last);
            wrap(items)
        }
        (None, _) => wrap(items),
    }
}

pub(super) fn product(factors: Vec<Expr>) -> Expr {
    one_or(factors, Expr::Product)
}

pub(super) fn quotient(numerator: Expr, denominator: Expr) -> Expr {
    Expr::Quotient(Box::new(numerator), Box::new(denominator))
}

pub(super) fn negate(expr: Expr) -> Expr {
    Expr::Negate(Box::new(expr))
}

/// Joins items. A single conjunction before the last item binds all of them
/// (`19, 46, and 82`); otherwise `or` is looser than `and`, and `and` than the comma.
fn combine(items: Vec<Expr>, separators: &[Separator]) -> Expr {
    let conjunctions = separators
        .iter()
        .filter(|s| **s != Separator::Comma)
        .count();
    match separators.last() {
        Some(Separator::And) if conjunctions == 1 => return Expr::And(items),
        Some(Separator::Or) if conjunctions == 1 => return Expr::Or(items),
        _ => {}
    }
    let mut alternatives = Vec::new();
    let mut all = Vec::new();
    let mut list = Vec::new();
    let mut following = separators.iter();
    for item in items {
        list.push(item);
        let separator = following.next();
        if separator == Some(&Separator::Comma) {
            continue;
        }
        all.push(one_or(std::mem::take(&mut list), Expr::List));
        if separator != Some(&Separator::And) {
            alternatives.push(one_or(std::mem::take(&mut all), Expr::And));
        }
    }
    one_or(alternatives, Expr::Or)
}
