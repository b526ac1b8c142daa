//! The operands of plain expressions: numbers, names, roots, brackets and what is glued to them.

use super::brackets::{FUNCTIONS, GROUP_BYTES, group, group_right};
use super::plain::operator;
use super::text::word_len;

/// Commands that start or continue no plain expression.
const NOT_MATH: [&str; 22] = [
    "text",
    "textbf",
    "textit",
    "textrm",
    "mbox",
    "boxed",
    "fbox",
    "n",
    "item",
    "end",
    "quad",
    "qquad",
    "section",
    "subsection",
    "emph",
    "underline",
    "therefore",
    "because",
    "implies",
    "Rightarrow",
    "t",
    "right",
];
pub(super) fn currency(bytes: &[u8], at: usize) -> Option<usize> {
    literal(bytes, at, &["\\$", "$", "€", "£", "¥"])
}

pub(super) fn literal(bytes: &[u8], at: usize, list: &[&str]) -> Option<usize> {
    let rest = bytes.get(at..)?;
    list.iter()
        .find(|entry| rest.starts_with(entry.as_bytes()))
        .map(|entry| at + entry.len())
}

pub(super) fn spaces(bytes: &[u8], mut at: usize) -> usize {
    let limit = at + 3;
    while at < limit && bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

pub(super) fn digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

pub(super) fn letter(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at)
        .is_some_and(|&b| b.is_ascii_alphabetic() || b >= 0xC3 && b != 0xE2 && b != 0xCF)
}

/// What an operand is made of.
#[derive(Default, Clone, Copy)]
pub(super) struct Kinds {
    pub digits: bool,
    pub variables: usize,
}

/// One operand with its sign, power, factorial and factors glued to it.
pub(super) fn operand(text: &str, start: usize, kinds: &mut Kinds, first: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    if let Some(after) = literal(bytes, at, &["-", "+", "−", "±", "\\pm"]) {
        at = if first { after } else { spaces(bytes, after) };
    }
    at = atom(text, at, kinds)?;
    loop {
        if let Some(after) = literal(bytes, at, &["²", "³", "°"]) {
            at = after;
        } else if bytes.get(at) == Some(&b'!') && bytes.get(at + 1) != Some(&b'=') {
            // `5! ` may end an exclamation; the parser of a lone `5!` would read 120.
            let factorial = bytes.get(at + 1).is_some_and(|&b| b"+-*/)=^".contains(&b))
                || digit(bytes, at.wrapping_sub(1))
                    && bytes.get(at + 1) == Some(&b' ')
                    && operator(bytes, spaces(bytes, at + 1), at + 1).is_some();
            if !factorial {
                break;
            }
            at += 1;
        } else if bytes.get(at) == Some(&b'^')
            || bytes.get(at) == Some(&b'_') && !letter(bytes, at + 1)
        {
            let mut ignored = Kinds::default();
            let from = if literal(bytes, at + 1, &["-", "−"]).is_some() {
                at + 2
            } else {
                at + 1
            };
            match group(bytes, from).or_else(|| atom(text, from, &mut ignored)) {
                Some(after) => at = after,
                None => break,
            }
        } else if bytes.get(at).is_some_and(|&b| b == b'(' || b == b'\\')
            || is_variable(bytes, at)
            || literal(bytes, at, &["π", "√"]).is_some()
        {
            match atom(text, at, kinds) {
                Some(after) => at = after,
                None => break,
            }
        } else {
            break;
        }
    }
    Some(at)
}

/// A single letter that is a variable rather than a unit or a word, glued behind a number.
fn is_variable(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at)
        .is_some_and(|b| b"abceiknpqrtuvwxyz".contains(b))
        && !letter(bytes, at + 1)
        && !digit(bytes, at + 1)
}

pub(super) fn atom(text: &str, at: usize, kinds: &mut Kinds) -> Option<usize> {
    let bytes = text.as_bytes();
    if let Some(after) = currency(bytes, at) {
        let after = if literal(bytes, after, &["-"]).is_some() {
            after + 1
        } else {
            after
        };
        let end = number(bytes, after)?;
        kinds.digits = true;
        return Some(end);
    }
    if let Some(end) = number(bytes, at) {
        kinds.digits = true;
        return Some(end);
    }
    if let Some(after) = literal(bytes, at, &["π", "∞"]) {
        kinds.digits = true;
        return Some(after);
    }
    if let Some(after) = literal(bytes, at, &["√"]) {
        return number(bytes, after)
            .or_else(|| group(bytes, after))
            .inspect(|_| kinds.digits = true);
    }
    match *bytes.get(at)? {
        b'(' | b'[' | b'{' => {
            let end = group(bytes, at)?;
            kinds.digits |= bytes[at..end].iter().any(u8::is_ascii_digit);
            Some(end)
        }
        b'\\' => command(text, at, kinds),
        b if b.is_ascii_alphabetic() => {
            let length = word_len(&text[at..]);
            let word = &text[at..at + length];
            if word == "pi" {
                kinds.digits = true;
                return Some(at + length);
            }
            if FUNCTIONS.contains(&word) {
                kinds.digits |= word == "sqrt";
                return group(bytes, at + length);
            }
            if length != 1 || digit(bytes, at + 1) || bytes.get(at + 1) == Some(&b'\'') {
                return None;
            }
            kinds.variables += 1;
            Some(at + 1)
        }
        _ => None,
    }
}

pub(super) fn number(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while digit(bytes, at) {
        at += 1;
    }
    let whole = at - start;
    if whole == 0 && !(bytes.get(at) == Some(&b'.') && digit(bytes, at + 1)) {
        return None;
    }
    let mut grouped = (1..=3).contains(&whole);
    loop {
        let separator = if bytes.get(at).is_some_and(|&b| b == b',' || b == b'.')
            && digit(bytes, at + 1)
        {
            grouped &= bytes[at] == b',';
            Some(at + 1)
        } else if let Some(after) = literal(bytes, at, &["{,}", ",\\!", "\\,"]) {
            digit(bytes, after).then_some(after)
        } else if grouped
            && let Some(after) = literal(bytes, at, &[" ", "\u{a0}", "\u{202f}", "\u{2009}"])
        {
            // `1 000`: exactly three digits.
            ((0..3).all(|k| digit(bytes, after + k)) && !digit(bytes, after + 3)).then_some(after)
        } else {
            None
        };
        let Some(after) = separator else { break };
        at = after;
        while digit(bytes, at) {
            at += 1;
        }
    }
    if bytes.get(at).is_some_and(|&b| b == b'e' || b == b'E') {
        let sign = usize::from(bytes.get(at + 1).is_some_and(|&b| b == b'-' || b == b'+'));
        let mut exponent = at + 1 + sign;
        if digit(bytes, exponent) {
            while digit(bytes, exponent) {
                exponent += 1;
            }
            if !letter(bytes, exponent) {
                at = exponent;
            }
        }
    }
    Some(at)
}

/// A command with its arguments, or a matrix.
fn command(text: &str, at: usize, kinds: &mut Kinds) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = &text[at + 1..];
    if rest.starts_with('{') {
        // `\{1, 2\}`
        let limit = bytes.len().min(at + GROUP_BYTES);
        let inside = &bytes[at + 2..limit];
        // A brace inside a brace is no set of numbers; stopping there bounds the work.
        let close = inside.windows(2).position(|pair| {
            matches!(pair, b"\\}" | b"\\{") || pair[0] == b'\n' || pair[0] == b'$'
        })?;
        if !inside[close..].starts_with(b"\\}") {
            return None;
        }
        let body = &inside[..close];
        kinds.digits |= body.iter().any(u8::is_ascii_digit);
        return Some(at + 2 + close + 2);
    }
    let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let name = &rest[..length];
    if length == 0 || NOT_MATH.contains(&name) {
        return None;
    }
    let mut end = at + 1 + length;
    match name {
        "left" => {
            end = group_right(bytes, end)?;
            kinds.digits |= bytes[at..end].iter().any(u8::is_ascii_digit);
            return Some(end);
        }
        "begin" => {
            let limit = bytes.len().min(at + GROUP_BYTES);
            let name_end = bytes[end..limit.max(end)]
                .iter()
                .take(20)
                .position(|&b| b == b'}')?
                + end;
            let name = bytes
                .get(end + 1..name_end)
                .filter(|name| name.ends_with(b"matrix"))?;
            let mut closing = b"\\end{".to_vec();
            closing.extend_from_slice(name);
            closing.push(b'}');
            let inside = &bytes[name_end..limit.max(name_end)];
            let close = inside
                .windows(closing.len())
                .position(|window| window == closing || window.starts_with(b"\\begin{"))?;
            if !inside[close..].starts_with(&closing) {
                return None;
            }
            kinds.digits = true;
            return Some(name_end + close + closing.len());
        }
        "frac" | "dfrac" | "tfrac" | "cfrac" | "sqrt" | "binom" => {
            let before = end;
            while let Some(after) =
                group(bytes, end).or_else(|| digit(bytes, end).then_some(end + 1))
            {
                end = after;
                if end - before > GROUP_BYTES {
                    break;
                }
            }
            if end == before {
                return None;
            }
            kinds.digits |= bytes[before..end].iter().any(u8::is_ascii_digit);
        }
        "pi" | "infty" => kinds.digits = true,
        _ => kinds.variables += 1,
    }
    Some(end)
}
