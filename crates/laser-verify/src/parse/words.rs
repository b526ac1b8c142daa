//! What a run of letters is: a function, a constant, a unit, a conjunction, words, or factors.

use super::commands;
use super::token::{Kind, Token};
use crate::ast::{Constant, Relation};

pub(super) fn is_conjunction(word: &str) -> bool {
    conjunction(word).is_some()
}

fn conjunction(word: &str) -> Option<Kind> {
    match word.to_ascii_lowercase().trim_matches([',', ' ']) {
        "and" | "et" | "y" if word.len() > 1 => Some(Kind::And),
        "or" => Some(Kind::Or),
        _ => None,
    }
}

const UNITS: [&str; 96] = [
    "cm", "mm", "km", "nm", "dm", "in", "ft", "yd", "mi", "kg", "mg", "lb", "lbs", "oz", "ml",
    "mL", "kL", "kl", "dl", "hr", "hrs", "min", "mins", "sec", "secs", "ms", "ns", "mph", "kph",
    "kmh", "rpm", "Hz", "kHz", "MHz", "kW", "kJ", "kPa", "Pa", "eV", "kV", "mol", "rad", "am",
    "pm", "AM", "PM", "USD", "EUR", "GBP", "RMB", "CNY", "INR", "Rs", "usd", "inch", "inches",
    "foot", "feet", "yard", "yards", "mile", "miles", "meter", "meters", "metre", "metres", "hour",
    "hours", "minute", "minutes", "second", "seconds", "day", "days", "week", "weeks", "month",
    "months", "year", "years", "dollar", "dollars", "cent", "cents", "euro", "euros", "yuan",
    "unit", "units", "square", "sq", "cubic", "gallons", "liters", "litres", "radians",
];

pub(super) fn is_unit(word: &str) -> bool {
    let first = word.split(' ').next().unwrap_or("");
    UNITS.contains(&first) || UNITS.contains(&first.to_ascii_lowercase().as_str())
}

/// Words of sentences that are too short to be told from factors by their length.
const PROSE: [&str; 44] = [
    "for",
    "the",
    "are",
    "when",
    "where",
    "with",
    "that",
    "then",
    "all",
    "any",
    "not",
    "but",
    "each",
    "real",
    "only",
    "even",
    "odd",
    "none",
    "from",
    "than",
    "both",
    "this",
    "have",
    "has",
    "is",
    "if",
    "of",
    "to",
    "as",
    "by",
    "we",
    "so",
    "no",
    "yes",
    "true",
    "false",
    "can",
    "every",
    "some",
    "otherwise",
    "let",
    "case",
    "such",
    "per",
];

/// Whether `text` begins like a sentence, not like a unit.
pub(super) fn is_prose(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or("");
    first != "per" && PROSE.contains(&first.to_lowercase().as_str())
}

/// A word that can be no product of variables: prose, or long and with a vowel.
fn is_wordy(word: &str) -> bool {
    PROSE.contains(&word)
        || (word.len() >= 4
            && word.contains(['a', 'e', 'i', 'o', 'u'])
            && !word.chars().all(|c| c.is_ascii_uppercase()))
}

/// A bare word with one meaning only.
fn exact(word: &str, next: Option<&Kind>) -> Option<Kind> {
    if let Some((function, name)) = commands::plain_function(word) {
        return Some(Kind::Function(function, name));
    }
    if let Some(kind) = conjunction(word).filter(|_| word.is_ascii()) {
        return Some(kind);
    }
    Some(match word {
        "pi" | "Pi" => Kind::Constant(Constant::Pi),
        "oo" | "inf" | "infinity" | "Infinity" | "infty" => Kind::Constant(Constant::Infinity),
        "sqrt" => Kind::Sqrt,
        "cbrt" => Kind::CubeRoot,
        "frac" | "dfrac" | "tfrac" if matches!(next, Some(Kind::LBrace | Kind::Number(_))) => {
            Kind::Frac
        }
        "binom" if next == Some(&Kind::LBrace) => Kind::Binom,
        "cdot" | "times" => Kind::Times,
        "mod" => Kind::Mod,
        "leq" => Kind::Relation(Relation::LessEqual),
        "geq" => Kind::Relation(Relation::GreaterEqual),
        "union" => Kind::Union,
        "percent" | "pct" | "percentage" | "percents" => Kind::Percent,
        "degrees" | "degree" | "deg" => Kind::Degree,
        "in" => Kind::Relation(Relation::In),
        _ if commands::GREEK.contains(&word) && word.len() > 2 => Kind::Name(word.to_owned()),
        _ => return None,
    })
}

/// Replaces every [`Kind::Word`] and [`Kind::Roman`] by what it means where it stands.
/// `letters` reads a lone short word as factors instead.
pub(super) fn resolve(tokens: &[Token], letters: bool) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len() + 8);
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        match &token.kind {
            Kind::Word(word) => i += bare(word, token, tokens, i, letters, &mut out),
            Kind::Roman(word) => {
                let next = tokens.get(i + 1).map(|t| &t.kind);
                roman(word, token, next, &mut out);
                i += 1;
            }
            Kind::Text(word) => {
                text(word, token, tokens.get(i + 1), &mut out);
                i += 1;
            }
            Kind::Letter('U')
                if matches!(out.last(), Some(t) if matches!(t.kind, Kind::RParen | Kind::RBracket | Kind::SetClose))
                    && matches!(tokens.get(i + 1), Some(t) if matches!(t.kind, Kind::LParen | Kind::LBracket | Kind::SetOpen)) =>
            {
                out.push(Token {
                    kind: Kind::Union,
                    ..token.clone()
                });
                i += 1;
            }
            // `5 m/s`: a speed, where `5 m` alone may be a product.
            Kind::Letter(c @ ('m' | 'g' | 'J' | 'L'))
                if token.spaced
                    && matches!(
                        out.last(),
                        Some(Token {
                            kind: Kind::Number(_),
                            ..
                        })
                    )
                    && matches!(
                        tokens.get(i + 1),
                        Some(Token {
                            kind: Kind::Divide,
                            ..
                        })
                    )
                    && matches!(
                        tokens.get(i + 2),
                        Some(Token {
                            kind: Kind::Letter('s' | 'h'),
                            ..
                        })
                    ) =>
            {
                out.push(Token {
                    kind: Kind::Text(c.to_string()),
                    ..token.clone()
                });
                out.extend(tokens.get(i + 1).cloned());
                if let Some(Token {
                    kind: Kind::Letter(below),
                    ..
                }) = tokens.get(i + 2)
                {
                    out.push(Token {
                        kind: Kind::Text(below.to_string()),
                        ..token.clone()
                    });
                }
                i += 3;
            }
            _ => {
                out.push(token.clone());
                i += 1;
            }
        }
    }
    out
}

fn text(word: &str, token: &Token, next: Option<&Token>, out: &mut Vec<Token>) {
    let previous = out.last().map(|t| &t.kind);
    let operand = previous.is_some_and(Kind::ends_operand);
    let kind = if let Some(kind) = conjunction(word) {
        kind
    } else if let Some((function, name)) = commands::plain_function(word)
        && !operand
    {
        Kind::Function(function, name)
    } else if operand && matches!(word, "percent" | "pct" | "percentage") {
        Kind::Percent
    } else if operand && matches!(word, "degrees" | "degree" | "deg") {
        Kind::Degree
    } else if !operand
        && next.is_some_and(|t| matches!(t.kind, Kind::Underscore | Kind::Caret))
        && word.len() == 1
        && !in_unit(word, out)
    {
        Kind::Letter(word.chars().next().unwrap_or('x'))
    } else {
        Kind::Text(word.to_owned())
    };
    out.push(Token {
        kind,
        ..token.clone()
    });
}

/// Whether the letter goes on with the unit before it, `\text{m}\cdot\text{s}^{-1}`.
fn in_unit(letter: &str, out: &[Token]) -> bool {
    let [.., before, sign] = out else {
        return false;
    };
    super::units::SHORT.contains(letter)
        && matches!(sign.kind, Kind::Times | Kind::Divide)
        && matches!(before.kind, Kind::Text(_))
}

fn roman(word: &str, token: &Token, next: Option<&Kind>, out: &mut Vec<Token>) {
    let mut previous = out.iter().rev().map(|t| &t.kind);
    let last = previous.next();
    let operand = last.is_some_and(Kind::ends_operand);
    let after_number = matches!(last, Some(Kind::Number(_) | Kind::Scientific(..)));
    let in_unit = matches!(last, Some(Kind::Divide | Kind::Times))
        && previous.take(6).any(|k| matches!(k, Kind::Text(_)));
    let push = |kind: Kind, out: &mut Vec<Token>| {
        out.push(Token {
            kind,
            ..token.clone()
        })
    };
    let mut chars = word.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        let unit = super::units::SHORT.contains(c) && (after_number || in_unit);
        push(
            if unit {
                Kind::Text(word.to_owned())
            } else {
                Kind::Letter(c)
            },
            out,
        );
        return;
    }
    if let Some((function, name)) = commands::function(word)
        && !(operand && is_unit(word))
    {
        return push(Kind::Function(function, name), out);
    }
    if let Some(kind) = exact(word, next).filter(|_| !(operand && is_unit(word))) {
        return push(kind, out);
    }
    let factors = word.chars().all(|c| c.is_ascii_uppercase()) && !(operand && is_unit(word));
    if factors {
        for c in word.chars() {
            push(Kind::Letter(c), out);
        }
    } else {
        push(Kind::Text(word.to_owned()), out);
    }
}

/// Resolves the bare word at `i`; returns how many tokens were used.
fn bare(
    word: &str,
    token: &Token,
    tokens: &[Token],
    i: usize,
    letters: bool,
    out: &mut Vec<Token>,
) -> usize {
    let push = |kind: Kind, out: &mut Vec<Token>| {
        out.push(Token {
            kind,
            ..token.clone()
        })
    };
    let next = tokens.get(i + 1).map(|t| &t.kind);
    let previous = out.last().map(|t| &t.kind);
    let operand = previous.is_some_and(Kind::ends_operand);
    let numeric = matches!(
        previous,
        Some(
            Kind::Number(_)
                | Kind::Scientific(..)
                | Kind::RBrace
                | Kind::RParen
                | Kind::Constant(_)
                | Kind::Repeating(..)
        )
    );
    let number = matches!(
        previous,
        Some(Kind::Number(_) | Kind::Scientific(..) | Kind::Repeating(..) | Kind::Money(_))
    );
    // A unit, before functions: `5 min`, `3 in`.
    let opens = matches!(
        next,
        Some(Kind::LParen | Kind::LBracket | Kind::SetOpen | Kind::LBrace)
    );
    if numeric
        && is_unit(word)
        && !opens
        && (number || token.spaced)
        && !(word == "in" && next.is_some_and(|k| !k.absorbs_break(true)))
    {
        return words(tokens, i, out, token);
    }
    if let Some(kind) = exact(word, next) {
        push(kind, out);
        return 1;
    }
    if numeric
        && number
        && conjunction(word).is_none()
        && word.len() >= 3
        && (token.spaced || word.len() >= 5)
        && !has_function(word)
        && !is_prose(word)
    {
        return words(tokens, i, out, token);
    }
    // A whole item of words.
    let (used, text, proper) = run(tokens, i);
    if !operand || previous.is_none() {
        let strict = |k: &Kind| {
            matches!(
                k,
                Kind::Comma
                    | Kind::Semicolon
                    | Kind::Newline
                    | Kind::Quad
                    | Kind::And
                    | Kind::Or
                    | Kind::SetOpen
                    | Kind::SetClose
                    | Kind::Dot
            )
        };
        let loose = |k: &Kind| {
            matches!(
                k,
                Kind::Relation(_)
                    | Kind::LParen
                    | Kind::RParen
                    | Kind::LBrace
                    | Kind::RBrace
                    | Kind::Colon
                    | Kind::Row
                    | Kind::Cell
                    | Kind::End
                    | Kind::Begin(_)
            )
        };
        let after = tokens.get(i + used).map(|t| match &t.kind {
            Kind::Word(w) | Kind::Text(w) => conjunction(w).unwrap_or_else(|| t.kind.clone()),
            other => other.clone(),
        });
        let sides = [previous, after.as_ref()];
        if proper && sides.iter().all(|s| s.is_none_or(strict)) {
            if !(letters && used == 1 && word.len() == 3) {
                push(Kind::Text(text), out);
                return used;
            }
        } else if proper
            && is_wordy_run(&text)
            && sides
                .iter()
                .all(|s| s.is_none_or(|k| strict(k) || loose(k)))
        {
            push(Kind::Text(text), out);
            return used;
        }
    }
    if is_wordy(word) && !has_function(word) {
        push(Kind::Text(word.to_owned()), out);
        return 1;
    }
    decompose(word, token, out);
    1
}

fn is_wordy_run(text: &str) -> bool {
    text.split(' ').any(is_wordy)
}

/// The words from `i` on: how many tokens, joined, and whether one is long enough for a word.
fn run(tokens: &[Token], i: usize) -> (usize, String, bool) {
    let mut used = 0;
    let mut text = String::new();
    let mut proper = false;
    // The bound keeps prose of any length linear; no answer has so many words.
    while let Some(token) = tokens.get(i + used).filter(|_| used < 64) {
        let word = match &token.kind {
            Kind::Word(w)
                if conjunction(w).is_none()
                    && (used > 0 || commands::plain_function(w).is_none()) =>
            {
                w.clone()
            }
            Kind::Letter(c @ ('a' | 'A' | 'I')) if used > 0 && token.spaced => c.to_string(),
            Kind::Minus
                if used > 0
                    && !token.spaced
                    && matches!(tokens.get(i + used + 1), Some(t) if !t.spaced && matches!(&t.kind, Kind::Word(w) if w.len() >= 3)) =>
            {
                "-".to_owned()
            }
            _ => break,
        };
        if used > 0 && word != "-" && !text.ends_with('-') {
            text.push(' ');
        }
        proper |= word.len() >= 3;
        text.push_str(&word);
        used += 1;
    }
    (used.max(1), text, proper)
}

/// The words of a unit from `i` on as one text token.
fn words(tokens: &[Token], i: usize, out: &mut Vec<Token>, token: &Token) -> usize {
    let mut used = 0;
    let mut text = String::new();
    let mut end = token.end;
    while let Some(Token {
        kind: Kind::Word(w),
        end: e,
        ..
    }) = tokens.get(i + used)
    {
        if conjunction(w).is_some()
            || (used > 0 && (matches!(w.as_str(), "where" | "for" | "if" | "when")))
        {
            break;
        }
        if used > 0 {
            text.push(' ');
        }
        text.push_str(w);
        end = *e;
        used += 1;
    }
    out.push(Token {
        kind: Kind::Text(text),
        end,
        ..token.clone()
    });
    // `km/h`: the letter after the bar belongs to the unit.
    if let (
        Some(Token {
            kind: Kind::Divide, ..
        }),
        Some(Token {
            kind: Kind::Letter('h' | 's' | 'm'),
            ..
        }),
    ) = (tokens.get(i + used), tokens.get(i + used + 1))
        && let (Some(bar), Some(letter)) = (tokens.get(i + used), tokens.get(i + used + 1))
        && let Kind::Letter(c) = letter.kind
    {
        out.push(bar.clone());
        out.push(Token {
            kind: Kind::Text(c.to_string()),
            ..letter.clone()
        });
        used += 2;
    }
    used.max(1)
}

fn has_function(word: &str) -> bool {
    word.len() <= 8 && split_name(word).is_some_and(|(_, length)| word.len() - length <= 3)
}

/// A function or constant at the beginning of `word` and its length.
fn split_name(word: &str) -> Option<(Kind, usize)> {
    (2..=word.len().min(6)).rev().find_map(|length| {
        let head = word.get(..length)?;
        let kind = match head {
            "pi" => Kind::Constant(Constant::Pi),
            "sqrt" => Kind::Sqrt,
            _ => {
                let (function, name) = commands::plain_function(head)?;
                Kind::Function(function, name)
            }
        };
        Some((kind, length))
    })
}

/// Letters, with a function or `pi` at the beginning or near the end told apart.
fn decompose(word: &str, token: &Token, out: &mut Vec<Token>) {
    let mut push = |kind: Kind| {
        out.push(Token {
            kind,
            ..token.clone()
        })
    };
    let mut rest = word;
    let short = word.len() <= 8;
    while let Some(c) = rest.chars().next() {
        if short && let Some((kind, length)) = split_name(rest) {
            push(kind);
            rest = rest.get(length..).unwrap_or("");
        } else {
            push(Kind::Letter(c));
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
    }
}
