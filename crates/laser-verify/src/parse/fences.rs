//! Brackets of all kinds, sets, intervals, matrices.

use super::ParseError;
use super::cursor::{Inner, Parser};
use super::grammar::{Parsed, one_or};
use super::token::{Environment, Kind};
use crate::ast::{Expr, Function};

impl Parser<'_> {
    /// An operand in brackets that open with `kind`.
    pub fn fence(&mut self, kind: Kind) -> Parsed {
        let close = match kind {
            Kind::LParen | Kind::LBracket | Kind::RBracket => return self.bracket(&kind),
            Kind::LBrace => return self.group(),
            Kind::SetOpen => return self.set(),
            Kind::Begin(environment) => return self.environment(environment),
            Kind::AngleOpen | Kind::Relation(crate::ast::Relation::Less) => return self.angle(),
            Kind::Bar | Kind::BarOpen => Kind::Bar,
            Kind::DoubleBar => Kind::DoubleBar,
            Kind::FloorOpen => Kind::FloorClose,
            Kind::CeilOpen => Kind::CeilClose,
            _ => return Err(self.unexpected("a number, a symbol or a bracket")),
        };
        let inner = match close {
            Kind::Bar => Inner::Abs,
            Kind::DoubleBar => Inner::Norm,
            _ => Inner::None,
        };
        let content = self.nested(Some(inner), |p| {
            p.bump();
            p.item()
        })?;
        if !(close == Kind::Bar && self.eat(&Kind::BarClose)) {
            self.expect(&close, "the closing bracket")?;
        }
        let function = match close {
            Kind::FloorClose => Function::Floor,
            Kind::CeilClose => Function::Ceil,
            Kind::Bar if matches!(content, Expr::Matrix { .. }) => Function::Determinant,
            _ => Function::Abs,
        };
        Ok(Expr::Call(function, vec![content]))
    }

    /// Elements up to a closing bracket: rows (by semicolons) of elements (by commas).
    fn elements(&mut self) -> Result<Vec<Vec<Expr>>, ParseError> {
        let mut rows = vec![vec![self.element()?]];
        loop {
            match self.peek() {
                Some(Kind::Comma) => {
                    self.bump();
                    let element = self.element()?;
                    if let Some(row) = rows.last_mut() {
                        row.push(element);
                    }
                }
                Some(Kind::Semicolon | Kind::Newline) => {
                    self.bump();
                    rows.push(vec![self.element()?]);
                }
                _ => return Ok(rows),
            }
        }
    }

    fn element(&mut self) -> Parsed {
        let mut items = vec![self.item()?];
        let mut or = false;
        while let Some(kind @ (Kind::And | Kind::Or)) = self.peek() {
            or |= *kind == Kind::Or;
            self.bump();
            items.push(self.item()?);
        }
        self.count()?;
        Ok(one_or(items, if or { Expr::Or } else { Expr::And }))
    }

    fn bracket(&mut self, open: &Kind) -> Parsed {
        self.count()?;
        let rows = self.nested(Some(Inner::Bracket), |p| {
            p.bump();
            p.elements()
        })?;
        let low_closed = *open == Kind::LBracket;
        let high_closed = match self.peek() {
            Some(Kind::RParen) => false,
            Some(Kind::RBracket) => true,
            Some(Kind::LBracket) => false,
            _ => return Err(self.unexpected("a closing bracket")),
        };
        let reversed = *open == Kind::RBracket || self.peek() == Some(&Kind::LBracket);
        let matched = !reversed && low_closed == high_closed;
        let closing = self.pos;
        self.bump();
        let columns = rows.first().map_or(0, Vec::len);
        if rows.len() > 1 && columns > 1 {
            if low_closed && matched && rows.iter().all(|r| r.len() == columns) {
                return Ok(Expr::Matrix {
                    columns,
                    entries: rows.into_iter().flatten().collect(),
                });
            }
            return Ok(Expr::Tuple(
                rows.into_iter().map(|r| one_or(r, Expr::Tuple)).collect(),
            ));
        }
        let mut elements: Vec<Expr> = rows.into_iter().flatten().collect();
        let bound = |e: Expr| Box::new(e);
        match (elements.len(), matched) {
            (1, true) => Ok(one_or(elements, Expr::Tuple)),
            (2, _) if low_closed || high_closed => {
                let (Some(high), Some(low)) = (elements.pop(), elements.pop()) else {
                    return Err(self.unexpected("two ends of an interval"));
                };
                Ok(Expr::Interval {
                    low: bound(low),
                    high: bound(high),
                    low_closed,
                    high_closed,
                })
            }
            (2, _) | (_, true) => Ok(Expr::Tuple(elements)),
            _ => {
                self.pos = closing;
                Err(self.unexpected("the bracket that matches the opening one"))
            }
        }
    }

    fn angle(&mut self) -> Parsed {
        self.count()?;
        let rows = self.nested(Some(Inner::Angle), |p| {
            p.bump();
            p.elements()
        })?;
        if !self.eat(&Kind::Relation(crate::ast::Relation::Greater)) {
            self.expect(&Kind::AngleClose, "`\\rangle`")?;
        }
        Ok(Expr::Tuple(rows.into_iter().flatten().collect()))
    }

    /// `{…}`: a group, or a set if it has commas.
    fn group(&mut self) -> Parsed {
        let rows = self.nested(Some(Inner::None), |p| {
            p.bump();
            p.elements()
        })?;
        if !self.eat(&Kind::RBrace) {
            return Err(self.unexpected("`}`"));
        }
        let mut elements: Vec<Expr> = rows.into_iter().flatten().collect();
        Ok(match (elements.pop(), elements.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                elements.extend(last);
                Expr::Set(elements)
            }
        })
    }

    fn set(&mut self) -> Parsed {
        self.count()?;
        if self.peek_at(1) == Some(&Kind::SetClose) {
            self.bump();
            self.bump();
            return Ok(Expr::Set(Vec::new()));
        }
        self.nested(Some(Inner::Set), |p| {
            p.bump();
            let mut rows = p.elements()?;
            if matches!(p.peek(), Some(Kind::Mid | Kind::Colon | Kind::Bar)) {
                p.bump();
                p.inner = Inner::None;
                let condition = Box::new(p.sequence()?);
                p.set_close()?;
                let mut elements: Vec<Expr> = rows.drain(..).flatten().collect();
                let element = match (elements.pop(), elements.is_empty()) {
                    (Some(only), true) => only,
                    (last, _) => {
                        elements.extend(last);
                        Expr::Tuple(elements)
                    }
                };
                return Ok(Expr::SetBuilder {
                    element: Box::new(element),
                    condition,
                });
            }
            p.set_close()?;
            Ok(Expr::Set(rows.into_iter().flatten().collect()))
        })
    }

    fn set_close(&mut self) -> Result<(), ParseError> {
        self.expect(&Kind::SetClose, "`\\}`")
    }

    fn environment(&mut self, environment: Environment) -> Parsed {
        let position = self.position();
        self.count()?;
        let rows = self.nested(Some(Inner::None), |p| {
            p.bump();
            p.rows(environment)
        })?;
        self.expect(&Kind::End, "the end of the environment")?;
        if environment == Environment::Cases {
            let rows = rows.into_iter().map(|r| one_or(r, Expr::Tuple)).collect();
            return Ok(one_or(rows, Expr::List));
        }
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 || rows.iter().any(|r| r.len() != columns) {
            return Err(ParseError::RaggedMatrix { position });
        }
        let matrix = Expr::Matrix {
            columns,
            entries: rows.into_iter().flatten().collect(),
        };
        Ok(match environment {
            Environment::Determinant => Expr::Call(Function::Determinant, vec![matrix]),
            Environment::Norm => Expr::Call(Function::Abs, vec![matrix]),
            _ => matrix,
        })
    }

    fn rows(&mut self, environment: Environment) -> Result<Vec<Vec<Expr>>, ParseError> {
        let mut rows = Vec::new();
        let mut row = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::Row) => {
                    self.bump();
                    if !row.is_empty() {
                        rows.push(std::mem::take(&mut row));
                    }
                }
                Some(Kind::End) | None => {
                    if !row.is_empty() {
                        rows.push(row);
                    }
                    return Ok(rows);
                }
                Some(Kind::Cell) if environment == Environment::Cases || !row.is_empty() => {
                    self.bump();
                }
                _ => {
                    if environment == Environment::Cases {
                        if matches!(self.peek(), Some(Kind::Text(t)) if matches!(t.as_str(), "if" | "for" | "when"))
                        {
                            self.bump();
                        }
                        row.push(self.sequence()?);
                    } else {
                        row.push(self.item()?);
                    }
                    while matches!(self.peek(), Some(Kind::Comma | Kind::Semicolon | Kind::Dot)) {
                        self.bump();
                    }
                    if !matches!(self.peek(), Some(Kind::Cell | Kind::Row | Kind::End)) {
                        return Err(self.unexpected("`&`, `\\\\` or the end of the environment"));
                    }
                }
            }
        }
    }
}
