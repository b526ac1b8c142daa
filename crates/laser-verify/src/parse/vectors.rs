//! Vectors written with the unit vectors i, j and k.

use super::lexer::VECTORS;
use super::source::Char;
use crate::ast::{Constant, Expr};
use dashu_int::IBig;

/// The tuples that `\mathbf i + 2\mathbf j` is: of the plane and of space where k is missing.
/// None unless every i, j and k is marked as a vector and every term is a number times one.
pub(super) fn tuples(chars: &[Char], expr: &Expr) -> Vec<Expr> {
    if !all_marked(chars) {
        return Vec::new();
    }
    let mut coordinates: [Vec<Expr>; 3] = Default::default();
    if !collect(expr, &mut coordinates) {
        return Vec::new();
    }
    let plane = coordinates[2].is_empty();
    let space: Vec<Expr> = coordinates
        .into_iter()
        .map(|mut terms| match terms.len() {
            0 => Expr::Integer(IBig::from(0)),
            1 => terms.remove(0),
            _ => Expr::Sum(terms),
        })
        .collect();
    let mut found = vec![Expr::Tuple(space.clone())];
    if plane {
        found.insert(0, Expr::Tuple(space.into_iter().take(2).collect()));
    }
    found
}

/// Whether there is an i, j or k and each follows a command for vectors.
fn all_marked(chars: &[Char]) -> bool {
    let (mut marked, mut found, mut at) = (false, false, 0);
    while let Some(c) = chars.get(at).map(|x| x.c) {
        let command = c == '\\';
        at += 1;
        if !command && !c.is_ascii_alphabetic() {
            marked &= c.is_whitespace() || c == '{';
            continue;
        }
        let start = if command { at } else { at - 1 };
        while chars.get(at).is_some_and(|x| x.c.is_ascii_alphabetic()) {
            at += 1;
        }
        let name: String = chars
            .get(start..at)
            .unwrap_or(&[])
            .iter()
            .map(|x| x.c)
            .collect();
        let unit = if command {
            matches!(name.as_str(), "imath" | "jmath")
        } else {
            name.contains(['i', 'j', 'k'])
        };
        if unit {
            if !marked || !command && name.len() > 1 {
                return false;
            }
            found = true;
        }
        marked = command && VECTORS.contains(&name.as_str());
    }
    found
}

fn unit(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Constant(Constant::I) => Some(0),
        Expr::Symbol(name) => match name.as_str() {
            "j" | "jmath" => Some(1),
            "k" => Some(2),
            _ => None,
        },
        _ => None,
    }
}

/// Adds the term, or every term of a sum, to its coordinate.
fn collect(expr: &Expr, coordinates: &mut [Vec<Expr>; 3]) -> bool {
    match expr {
        Expr::Sum(terms) => terms.iter().all(|term| collect(term, coordinates)),
        _ => match split(expr) {
            Some((axis, coefficient)) => {
                coordinates[axis].push(coefficient);
                true
            }
            None => false,
        },
    }
}

/// The unit vector of a term and what it is multiplied with.
fn split(term: &Expr) -> Option<(usize, Expr)> {
    match term {
        Expr::Negate(inner) if !matches!(**inner, Expr::Negate(_)) => {
            let (axis, coefficient) = split(inner)?;
            Some((axis, Expr::Negate(Box::new(coefficient))))
        }
        Expr::Product(factors) => {
            let at = factors.iter().position(|f| unit(f).is_some())?;
            let axis = unit(factors.get(at)?)?;
            let mut rest = factors.clone();
            rest.remove(at);
            if rest.iter().any(has_unit) {
                return None;
            }
            Some((axis, super::grammar::product(rest)))
        }
        _ => Some((unit(term)?, Expr::Integer(IBig::from(1)))),
    }
}

fn has_unit(expr: &Expr) -> bool {
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        if unit(expr).is_some() {
            return true;
        }
        pending.extend(expr.children());
    }
    false
}
