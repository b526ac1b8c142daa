//! Words and units, and walking over expressions.

use crate::ast::{Constant, Expr};

/// Whether two texts are the same words: letters and digits, case and spacing apart.
pub(super) fn same_words(left: &str, right: &str) -> bool {
    if says_nothing_fits(left) && says_nothing_fits(right)
        || says_no_value(left) && says_no_value(right)
    {
        return true;
    }
    let (left, right) = (fold(without_article(left)), fold(without_article(right)));
    !left.is_empty() && left == right
}

/// `an ellipse` is an ellipse; a lone `A` is a choice.
fn without_article(text: &str) -> &str {
    let text = text.trim();
    ["a ", "an ", "the ", "A ", "An ", "The "]
        .iter()
        .find_map(|article| text.strip_prefix(article))
        .unwrap_or(text)
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
        // 3 · 5 does not spell 35.
        Expr::Integer(_) if letters.ends_with(|c: char| c.is_ascii_digit()) => return false,
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

/// Letters and digits, and the signs that change what the words say: of numbers (`-5`, `3.5`,
/// `10:30`), of order, and after a letter (`C++`).
fn fold(text: &str) -> String {
    let characters: Vec<char> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let is = |at: Option<usize>, test: fn(&char) -> bool| {
        at.and_then(|at| characters.get(at)).is_some_and(test)
    };
    let mut folded = String::new();
    for (at, &c) in characters.iter().enumerate() {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        let kept = match c {
            '<' | '>' | '=' | '≤' | '≥' | '≠' | '+' => true,
            '-' | '−' => is(after, char::is_ascii_digit) && !is(before, |c| c.is_alphanumeric()),
            '.' | ':' | '/' => is(before, char::is_ascii_digit) && is(after, char::is_ascii_digit),
            _ => c.is_alphanumeric(),
        };
        if kept {
            folded.push(if c == '−' { '-' } else { c });
        }
    }
    folded
}

/// Whether the words say that a solution set is empty.
pub(super) fn says_nothing_fits(text: &str) -> bool {
    let folded = fold(text);
    let words = folded
        .strip_prefix("thereare")
        .or(folded.strip_prefix("thereis"))
        .unwrap_or(&folded);
    matches!(
        words,
        "nosolution"
            | "nosolutions"
            | "norealsolution"
            | "norealsolutions"
            | "none"
            | "emptyset"
            | "theemptyset"
            | "norealroots"
    )
}

/// Whether the words say that a value does not exist.
fn says_no_value(text: &str) -> bool {
    matches!(
        fold(text).as_str(),
        "dne" | "doesnotexist" | "undefined" | "thelimitdoesnotexist"
    )
}

/// Whether the words name the real numbers.
pub(super) fn says_all_reals(text: &str) -> bool {
    matches!(
        fold(text).as_str(),
        "allrealnumbers" | "allreals" | "realnumbers" | "anyrealnumber" | "therealnumbers"
    )
}

/// Whether both sides carry a unit that is known, and not the same one. The signs of per cent and
/// of degrees are such units.
pub(super) fn units_conflict(gold: &Expr, answer: &Expr) -> bool {
    use Expr as E;
    match (gold, answer) {
        (E::Percent(_), E::Degrees(_)) | (E::Degrees(_), E::Percent(_)) => return true,
        (E::Percent(_) | E::Degrees(_), E::WithUnit { unit, .. })
        | (E::WithUnit { unit, .. }, E::Percent(_) | E::Degrees(_)) => {
            return known_unit(unit).is_some();
        }
        _ => {}
    }
    let (Expr::WithUnit { unit: left, .. }, Expr::WithUnit { unit: right, .. }) = (gold, answer)
    else {
        return false;
    };
    let parts = |unit: &str| -> Option<Vec<(&'static str, String)>> {
        let words = unit.replace(" per ", "/");
        words.split('/').map(known_unit).collect()
    };
    match (parts(left), parts(right)) {
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
    (
        "ml",
        &[
            "ml",
            "milliliter",
            "milliliters",
            "millilitre",
            "millilitres",
        ],
    ),
    ("liter", &["l", "liter", "liters", "litre", "litres"]),
    ("am", &["am", "a.m."]),
    ("pm", &["pm", "p.m."]),
    ("mg", &["mg", "milligram", "milligrams"]),
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

/// The answer with its constant of integration named as the gold answer's: `x + c` for `x + C`.
pub(super) fn rename_constant(gold: &Expr, answer: &Expr) -> Option<Expr> {
    let constant = |expr: &Expr| match expr {
        Expr::Sum(terms) => terms.iter().find_map(|term| match term {
            Expr::Symbol(name) if matches!(name.as_str(), "C" | "c" | "K" | "C_1") => {
                Some(name.clone())
            }
            _ => None,
        }),
        _ => None,
    };
    let (ours, theirs) = (constant(gold)?, constant(answer)?);
    // The other name may be a variable of the other side: a + c is not a + C where both occur.
    if ours == theirs || symbols(gold).contains(&theirs) || symbols(answer).contains(&ours) {
        return None;
    }
    if ours != "C" {
        return None;
    }
    Some(map(answer, &mut |node| {
        matches!(node, Expr::Symbol(name) if *name == theirs).then(|| Expr::Symbol(ours.clone()))
    }))
}

/// Whether two expressions are written the same, spacing in texts apart.
pub(super) fn same_expression(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Text(left), Expr::Text(right)) => same_words(left, right),
        _ => left == right,
    }
}
