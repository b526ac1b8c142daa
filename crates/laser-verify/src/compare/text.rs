//! Words and units, and walking over expressions.

use crate::ast::{Constant, Expr};

/// Whether two texts are the same words: letters and digits, case and spacing apart.
pub(super) fn same_words(left: &str, right: &str) -> bool {
    let (left, right) = (fold(left), fold(right));
    !left.is_empty() && left == right
}

/// Whether a formula is nothing but the letters of the text: `odd` parsed as o·d·d, or a choice
/// `E` parsed as a variable.
pub(super) fn spells(formula: &Expr, text: &str) -> bool {
    let mut letters = String::new();
    collect_letters(formula, &mut letters) && same_words(&letters, text)
}

fn collect_letters(expr: &Expr, letters: &mut String) -> bool {
    match expr {
        Expr::Symbol(name) => letters.push_str(name),
        Expr::Text(text) => letters.push_str(text),
        Expr::Constant(Constant::E) => letters.push('e'),
        Expr::Constant(Constant::I) => letters.push('i'),
        Expr::Constant(Constant::Pi) => letters.push_str("pi"),
        Expr::Constant(Constant::Infinity) => return false,
        Expr::Integer(value) => letters.push_str(&value.to_string()),
        Expr::Product(factors) => {
            return factors
                .iter()
                .all(|factor| collect_letters(factor, letters));
        }
        Expr::Tuple(items) if items.len() == 1 => return collect_letters(&items[0], letters),
        Expr::Apply(name, arguments) => {
            letters.push_str(name);
            return arguments
                .iter()
                .all(|argument| collect_letters(argument, letters));
        }
        _ => return false,
    }
    true
}

fn fold(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether the words say that a solution set is empty.
pub(super) fn says_nothing_fits(text: &str) -> bool {
    matches!(
        fold(text).as_str(),
        "nosolution" | "nosolutions" | "norealsolution" | "norealsolutions" | "none" | "emptyset"
    )
}

/// Whether both sides carry a unit that is known, and not the same one.
pub(super) fn units_conflict(gold: &Expr, answer: &Expr) -> bool {
    let (Expr::WithUnit { unit: left, .. }, Expr::WithUnit { unit: right, .. }) = (gold, answer)
    else {
        return false;
    };
    match (known_unit(left), known_unit(right)) {
        (Some(left), Some(right)) => left != right,
        _ => false,
    }
}

/// One spelling for each unit that has several.
const UNITS: &[(&str, &[&str])] = &[
    (
        "mm",
        &[
            "mm",
            "millimeter",
            "millimeters",
            "millimetre",
            "millimetres",
        ],
    ),
    (
        "cm",
        &[
            "cm",
            "centimeter",
            "centimeters",
            "centimetre",
            "centimetres",
        ],
    ),
    (
        "dm",
        &["dm", "decimeter", "decimeters", "decimetre", "decimetres"],
    ),
    ("m", &["m", "meter", "meters", "metre", "metres"]),
    (
        "km",
        &["km", "kilometer", "kilometers", "kilometre", "kilometres"],
    ),
    ("inch", &["in", "inch", "inches"]),
    ("foot", &["ft", "foot", "feet"]),
    ("yard", &["yd", "yard", "yards"]),
    ("mile", &["mi", "mile", "miles"]),
    ("g", &["g", "gram", "grams"]),
    ("kg", &["kg", "kilogram", "kilograms"]),
    ("pound", &["lb", "lbs", "pound", "pounds"]),
    ("second", &["s", "sec", "second", "seconds"]),
    ("minute", &["min", "minute", "minutes"]),
    ("hour", &["h", "hr", "hrs", "hour", "hours"]),
    ("day", &["day", "days"]),
    ("week", &["week", "weeks"]),
    ("month", &["month", "months"]),
    ("year", &["yr", "year", "years"]),
    ("dollar", &["$", "usd", "dollar", "dollars"]),
    ("cent", &["cent", "cents"]),
    ("euro", &["€", "eur", "euro", "euros"]),
];

/// The unit's one spelling with its exponent; `None` for words that no table knows.
fn known_unit(unit: &str) -> Option<(&'static str, String)> {
    let unit = unit.trim().to_lowercase();
    let unit = unit.trim_start_matches('\\');
    let (squared, name) = match unit.strip_prefix("square ").or(unit.strip_prefix("sq ")) {
        Some(rest) => (Some("2"), rest),
        None => (
            unit.strip_prefix("cubic ").map(|_| "3"),
            unit.strip_prefix("cubic ").unwrap_or(unit),
        ),
    };
    let (name, exponent) = match name.split_once('^') {
        Some((name, exponent)) => (name.trim(), exponent.trim_matches(['{', '}', ' '])),
        None => match name.strip_suffix('²') {
            Some(name) => (name, "2"),
            None => match name.strip_suffix('³') {
                Some(name) => (name, "3"),
                None => (name, squared.unwrap_or("1")),
            },
        },
    };
    let known = UNITS
        .iter()
        .find(|(_, spellings)| spellings.contains(&name.trim()))?;
    Some((known.0, exponent.to_owned()))
}

/// The expression with every node for which `change` gives one replaced by it, from the outside in.
pub(super) fn map(expr: &Expr, change: &mut impl FnMut(&Expr) -> Option<Expr>) -> Expr {
    if let Some(changed) = change(expr) {
        return changed;
    }
    let mut one = |inner: &Expr| Box::new(map(inner, change));
    match expr {
        Expr::Quotient(a, b) => Expr::Quotient(one(a), one(b)),
        Expr::Power(a, b) => Expr::Power(one(a), one(b)),
        Expr::Negate(a) => Expr::Negate(one(a)),
        Expr::PlusMinus {
            left,
            right,
            flipped,
        } => Expr::PlusMinus {
            left: left.as_deref().map(&mut one),
            right: one(right),
            flipped: *flipped,
        },
        Expr::Percent(a) => Expr::Percent(one(a)),
        Expr::Degrees(a) => Expr::Degrees(one(a)),
        Expr::WithUnit { quantity, unit } => Expr::WithUnit {
            quantity: one(quantity),
            unit: unit.clone(),
        },
        Expr::Big {
            kind,
            variable,
            lower,
            upper,
            body,
        } => Expr::Big {
            kind: *kind,
            variable: variable.clone(),
            lower: lower.as_deref().map(&mut one),
            upper: upper.as_deref().map(&mut one),
            body: one(body),
        },
        Expr::SetBuilder { element, condition } => Expr::SetBuilder {
            element: one(element),
            condition: one(condition),
        },
        Expr::Interval {
            low,
            high,
            low_closed,
            high_closed,
        } => Expr::Interval {
            low: one(low),
            high: one(high),
            low_closed: *low_closed,
            high_closed: *high_closed,
        },
        Expr::Sum(items) => Expr::Sum(all(items, change)),
        Expr::Product(items) => Expr::Product(all(items, change)),
        Expr::Call(function, items) => Expr::Call(*function, all(items, change)),
        Expr::Apply(name, items) => Expr::Apply(name.clone(), all(items, change)),
        Expr::Tuple(items) => Expr::Tuple(all(items, change)),
        Expr::List(items) => Expr::List(all(items, change)),
        Expr::And(items) => Expr::And(all(items, change)),
        Expr::Or(items) => Expr::Or(all(items, change)),
        Expr::Set(items) => Expr::Set(all(items, change)),
        Expr::SetOperation(operator, items) => Expr::SetOperation(*operator, all(items, change)),
        Expr::Matrix { columns, entries } => Expr::Matrix {
            columns: *columns,
            entries: all(entries, change),
        },
        Expr::Ratio(items) => Expr::Ratio(all(items, change)),
        Expr::Relation { terms, operators } => Expr::Relation {
            terms: all(terms, change),
            operators: operators.clone(),
        },
        Expr::Integer(_)
        | Expr::Decimal { .. }
        | Expr::Based { .. }
        | Expr::Constant(_)
        | Expr::Symbol(_)
        | Expr::Text(_)
        | Expr::NumberSet(_) => expr.clone(),
    }
}

fn all(items: &[Expr], change: &mut impl FnMut(&Expr) -> Option<Expr>) -> Vec<Expr> {
    items.iter().map(|item| map(item, change)).collect()
}

/// Names of all symbols in the order in which they first occur, bound ones included.
pub(super) fn symbols(expr: &Expr) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    map(expr, &mut |node| {
        if let Expr::Symbol(name) = node
            && !names.contains(name)
        {
            names.push(name.clone());
        }
        None
    });
    names
}

/// The answer with its variables renamed to those of the gold answer, first to first.
pub(super) fn rename_variables(gold: &Expr, answer: &Expr) -> Expr {
    let (gold, from) = (symbols(gold), symbols(answer));
    if gold.len() != from.len() {
        return answer.clone();
    }
    map(answer, &mut |node| match node {
        Expr::Symbol(name) => {
            let at = from.iter().position(|other| other == name)?;
            gold.get(at).cloned().map(Expr::Symbol)
        }
        _ => None,
    })
}

/// Whether two expressions are written the same, spacing in texts apart.
pub(super) fn same_expression(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Text(left), Expr::Text(right)) => same_words(left, right),
        _ => left == right,
    }
}
