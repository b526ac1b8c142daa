//! Number literals: their values, and the readings of a comma between digits.

use super::ParseError;
use super::token::{Kind, Token};
use crate::ast::Expr;
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

/// The token streams that the commas allow, most likely first.
pub(super) fn streams(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let open = top_level(&tokens);
    let number = |i: usize| match tokens.get(i).map(|t| &t.kind) {
        Some(Kind::Number(text)) => Some(text.as_str()),
        _ => None,
    };
    let glued = |i: usize| {
        tokens.get(i).is_some_and(|t| !t.spaced) && tokens.get(i + 1).is_some_and(|t| !t.spaced)
    };
    let mut grouped: Vec<Token> = Vec::with_capacity(tokens.len());
    let (mut merged, mut joints) = (false, Vec::new());
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let script = i > 0
            && matches!(
                tokens.get(i - 1).map(|t| &t.kind),
                Some(Kind::Caret | Kind::Underscore)
            );
        let Some(first) = number(i).filter(|_| !script) else {
            grouped.push(token.clone());
            i += 1;
            continue;
        };
        let mut text = first.to_owned();
        let mut next = i + 1;
        let top = open.get(i).copied().unwrap_or(false);
        let comma =
            |at: usize| top && tokens.get(at).is_some_and(|t| t.kind == Kind::Comma) && glued(at);
        while comma(next) && number(next + 1).is_some() {
            let group = number(next + 1).unwrap_or("");
            let (head, tail) = group.split_once('.').map_or((group, ""), |(h, t)| (h, t));
            let groups = head.len() == 3
                && (1..=3).contains(&first.len())
                && !first.starts_with('0')
                && !text.contains('.');
            if !groups {
                break;
            }
            text.push_str(head);
            if !tail.is_empty() {
                text.push('.');
                text.push_str(tail);
            }
            next += 2;
        }
        // A run with another comma that groups no digits (`1,234,5`) is a list throughout.
        if comma(next) && number(next + 1).is_some() && (next > i + 1 || comma(next + 2)) {
            let mut at = i;
            while comma(at + 1) && number(at + 2).is_some() {
                at += 2;
            }
            grouped.extend(tokens.get(i..=at).unwrap_or(&[]).iter().cloned());
            i = at + 1;
            continue;
        }
        if next == i + 1 && comma(next) && number(next + 1).is_some_and(|t| !t.contains('.')) {
            joints.push(i);
        }
        merged |= next > i + 1;
        grouped.push(Token {
            kind: Kind::Number(text),
            ..token.clone()
        });
        i = next;
    }
    if merged {
        // Where other commas separate without a blank, these may well do so too.
        let list = grouped
            .iter()
            .zip(grouped.iter().skip(1))
            .zip(top_level(&grouped))
            .any(|((comma, next), top)| top && comma.kind == Kind::Comma && !next.spaced);
        return if list {
            vec![tokens, grouped]
        } else {
            vec![grouped, tokens]
        };
    }
    let commas = tokens
        .iter()
        .zip(&open)
        .filter(|(t, top)| t.kind == Kind::Comma && **top)
        .count();
    if let ([joint], 1) = (joints.as_slice(), commas)
        && let (Some(whole), Some(decimals)) = (number(*joint), number(joint + 2))
    {
        let european = whole
            .split_once('.')
            .is_some_and(|(head, group)| group.len() == 3 && (1..=3).contains(&head.len()));
        if european || !whole.contains('.') {
            let text = format!("{}.{decimals}", whole.replace('.', ""));
            let mut decimal = tokens.clone();
            if let Some(token) = decimal.get_mut(*joint) {
                token.kind = Kind::Number(text);
            }
            decimal.drain(joint + 1..joint + 3);
            return if european {
                vec![decimal, tokens]
            } else {
                vec![tokens, decimal]
            };
        }
    }
    vec![tokens]
}

/// For each token whether it stands outside of all brackets. Braces that are the argument of a
/// command are no brackets.
fn top_level(tokens: &[Token]) -> Vec<bool> {
    let mut stack: Vec<bool> = Vec::new();
    let mut brackets = 0usize;
    let mut out = Vec::with_capacity(tokens.len());
    let mut previous: Option<&Kind> = None;
    for token in tokens {
        match &token.kind {
            Kind::LBrace => {
                let argument = matches!(
                    previous,
                    Some(
                        Kind::Frac
                            | Kind::Sqrt
                            | Kind::Binom
                            | Kind::Caret
                            | Kind::Underscore
                            | Kind::RBrace
                    )
                );
                stack.push(!argument);
                brackets += usize::from(!argument);
            }
            Kind::RBrace => {
                let bracket = stack.pop() == Some(true);
                brackets = brackets.saturating_sub(usize::from(bracket));
            }
            Kind::LParen | Kind::LBracket | Kind::SetOpen | Kind::AngleOpen | Kind::Begin(_) => {
                brackets += 1
            }
            Kind::RParen | Kind::RBracket | Kind::SetClose | Kind::AngleClose | Kind::End => {
                brackets = brackets.saturating_sub(1);
            }
            _ => {}
        }
        out.push(brackets == 0);
        previous = Some(&token.kind);
    }
    out
}

/// Bits of the largest number with so many decimal digits, a little more.
fn bits(digits: usize) -> usize {
    digits.saturating_mul(10) / 3 + 1
}

pub(super) struct Literals {
    pub position: usize,
    pub limit: usize,
}

impl Literals {
    pub fn integer(&self, digits: &str) -> Result<IBig, ParseError> {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(IBig::from(0));
        }
        if bits(digits.len()) > self.limit {
            return Err(self.too_long());
        }
        IBig::from_str_radix(digits, 10).map_err(|_| self.too_long())
    }

    fn too_long(&self) -> ParseError {
        ParseError::NumberTooLong {
            position: self.position,
            limit: self.limit,
        }
    }

    fn power_of_ten(&self, exponent: usize) -> Result<UBig, ParseError> {
        if bits(exponent) > self.limit {
            return Err(self.too_long());
        }
        Ok(UBig::from(10u8).pow(exponent))
    }

    /// `12`, `12.50`, `.5`.
    pub fn number(&self, text: &str) -> Result<Expr, ParseError> {
        let Some((whole, decimals)) = text.split_once('.') else {
            return Ok(Expr::Integer(self.integer(text)?));
        };
        let numerator = self.integer(&format!("{whole}{decimals}"))?;
        let value = RBig::from_parts(numerator, self.power_of_ten(decimals.len())?);
        let places = u32::try_from(decimals.len()).map_err(|_| self.too_long())?;
        Ok(Expr::Decimal { value, places })
    }

    /// `1.5e-3`.
    pub fn scientific(&self, mantissa: &str, exponent: i32) -> Result<Expr, ParseError> {
        let size = usize::try_from(exponent.unsigned_abs()).map_err(|_| self.too_long())?;
        let power = self.power_of_ten(size)?;
        let (value, places) = match self.number(mantissa)? {
            Expr::Decimal { value, places } => (value, places),
            Expr::Integer(n) if exponent >= 0 => return Ok(Expr::Integer(n * IBig::from(power))),
            Expr::Integer(n) => (RBig::from(n), 0),
            _ => return Err(self.too_long()),
        };
        let value = if exponent >= 0 {
            value * RBig::from(power)
        } else {
            value / RBig::from(power)
        };
        let shift = u32::try_from(exponent.saturating_neg().max(0)).unwrap_or(0);
        Ok(Expr::Decimal {
            value,
            places: places.saturating_add(shift),
        })
    }

    /// `0.1\overline{23}` as the quotient of two integers.
    pub fn repeating(&self, whole: &str, fixed: &str, cycle: &str) -> Result<Expr, ParseError> {
        let all = self.integer(&format!("{whole}{fixed}{cycle}"))?;
        let head = self.integer(&format!("{whole}{fixed}"))?;
        let nines = IBig::from(self.power_of_ten(cycle.len())?) - IBig::from(1);
        let denominator = nines * IBig::from(self.power_of_ten(fixed.len())?);
        Ok(Expr::Quotient(
            Box::new(Expr::Integer(all - head)),
            Box::new(Expr::Integer(denominator)),
        ))
    }
}
