//! Units, currencies, and remarks after a quantity.

use super::cursor::Parser;
use super::grammar::one_or;
use super::token::Kind;
use super::words;
use crate::ast::Expr;

impl Parser<'_> {
    /// The unit that stands here, if the term that began at token `start` is a quantity.
    pub fn unit(&mut self, start: usize) -> Option<String> {
        if let Some(Kind::Money(sign)) = self.peek() {
            let sign = (*sign).to_owned();
            self.bump();
            return Some(sign);
        }
        let Some(Kind::Text(first)) = self.peek() else {
            return None;
        };
        if first.starts_with('(') || words::is_prose(first) {
            return None;
        }
        let symbolic = self
            .tokens
            .get(start..self.pos)
            .unwrap_or(&[])
            .iter()
            .any(|t| matches!(t.kind, Kind::Letter(_) | Kind::Name(_) | Kind::Text(_)));
        if symbolic && !words::is_unit(first) {
            return None;
        }
        let mut unit = String::new();
        let mut word = true;
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(Kind::Text(text)), _) if word && !text.starts_with('(') => {
                    if !unit.is_empty() && !unit.ends_with('/') {
                        unit.push(' ');
                    }
                    unit.push_str(&fold(text));
                    self.bump();
                }
                (Some(Kind::Caret), Some(Kind::Number(n))) => {
                    unit = format!("{unit}^{n}");
                    self.bump();
                    self.bump();
                }
                (Some(Kind::Caret), Some(Kind::LBrace)) => {
                    let minus = matches!(self.peek_at(2), Some(Kind::Minus));
                    let Some(Kind::Number(n)) = self.peek_at(2 + usize::from(minus)) else {
                        break;
                    };
                    if self.peek_at(3 + usize::from(minus)) != Some(&Kind::RBrace) {
                        break;
                    }
                    unit = format!("{unit}^{}{n}", if minus { "-" } else { "" });
                    for _ in 0..4 + usize::from(minus) {
                        self.bump();
                    }
                }
                (Some(Kind::Divide), Some(Kind::Text(_))) => {
                    unit.push('/');
                    self.bump();
                }
                (Some(Kind::Times), Some(Kind::Text(_))) => {
                    self.bump();
                }
                _ => break,
            }
            word = true;
        }
        while self.remark() {}
        Some(unit)
    }

    /// Skips a parenthesised remark, `5 \text{ (five)}`.
    pub fn remark(&mut self) -> bool {
        let remark = matches!(self.peek(), Some(Kind::Text(t)) if t.starts_with('('));
        if remark {
            self.bump();
        }
        remark
    }
}

/// Units of one letter.
pub(super) const SHORT: &str = "msghJNWVAKLlCFT";

/// The compact text of a unit made of others, `m/s^2`, `m \cdot s^{-1}`; `None` for anything that
/// is not two known units at least, or one with an exponent.
pub(super) fn compound(text: &str) -> Option<String> {
    let text = text.replace("\\cdot", "*").replace(['{', '}', ' '], "");
    let exponent = |e: &str| {
        let digits = e.strip_prefix('-').unwrap_or(e);
        matches!(digits, "1" | "2" | "3" | "4")
    };
    let known = |part: &str| {
        let (name, exponent_fits) = match part.split_once('^') {
            Some((name, e)) => (name, exponent(e)),
            None => (part, true),
        };
        exponent_fits && (words::is_unit(name) || name.len() == 1 && SHORT.contains(name))
    };
    (text.contains(['/', '*', '^']) && text.split(['/', '*']).all(known)).then_some(text)
}

/// Words in lower case; symbols of units as they are.
fn fold(text: &str) -> String {
    text.split(' ')
        .map(|w| {
            if w.len() >= 3 && w.chars().all(char::is_alphabetic) {
                w.to_lowercase()
            } else {
                w.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The sum of `terms`; a unit that only the last one has belongs to all: `2 + \sqrt 3` cm.
pub(super) fn lift(mut terms: Vec<Expr>) -> Expr {
    if terms.len() < 2 || terms.iter().rev().skip(1).any(|t| strip(t).is_some()) {
        return one_or(terms, Expr::Sum);
    }
    let Some(unit) = terms.last().and_then(strip).map(str::to_owned) else {
        return one_or(terms, Expr::Sum);
    };
    if let Some(last) = terms.pop() {
        terms.push(match last {
            Expr::Negate(inner) => Expr::Negate(Box::new(bare(*inner))),
            other => bare(other),
        });
    }
    Expr::WithUnit {
        quantity: Box::new(one_or(terms, Expr::Sum)),
        unit,
    }
}

fn strip(term: &Expr) -> Option<&str> {
    match term {
        // A currency before the last number belongs to that one alone.
        Expr::WithUnit { unit, .. }
            if unit.chars().all(char::is_alphanumeric) || unit.contains(['^', '/', ' ']) =>
        {
            Some(unit)
        }
        Expr::Negate(inner) => match &**inner {
            Expr::WithUnit { unit, .. } => Some(unit),
            _ => None,
        },
        _ => None,
    }
}

fn bare(term: Expr) -> Expr {
    match term {
        Expr::WithUnit { quantity, .. } => *quantity,
        other => other,
    }
}
