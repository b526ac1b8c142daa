//! Numbers and plain expressions in prose: `7,425,000`, `$1,000.99`, `3 + 4*2`, `\frac{10}{9}`.
//!
//! An equation whose left side is one quantity, `x = 5` or `3+4 = 7`, yields its right side; any
//! other equation is kept whole.

use std::borrow::Cow;

use super::brackets::FUNCTIONS;
use super::operand::{Kinds, currency, digit, literal, operand, spaces};
use super::text::{is_one_of, line_start};

const LABELS: [&str; 12] = [
    "step", "part", "case", "problem", "question", "figure", "example", "section", "equation",
    "chapter", "exercise", "method",
];

/// A plain expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub start: usize,
    pub end: usize,
    /// Where the answer in it starts: behind the last equals sign.
    pub value: usize,
    /// A label, an ordinal or the number of a list item.
    pub weak: bool,
}

/// Finds the plain expressions of a text one after the other.
pub(super) struct Runs<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Runs<'a> {
    /// Those that start in `from..to`.
    pub(super) fn new(text: &'a str, from: usize, to: usize) -> Self {
        Self {
            text,
            at: from,
            end: to.min(text.len()),
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let bytes = self.text.as_bytes();
        while self.at < self.end {
            let at = self.at;
            let b = bytes[at];
            let may_start = b.is_ascii_alphanumeric() || b"\\.-+([{$<\xC2\xCF\xE2".contains(&b);
            if !may_start {
                if b < 0x80 {
                    self.at += 1;
                } else {
                    self.at += self.skip_word();
                }
                continue;
            }
            if b == b'<'
                && let Some(end) = mark_end(bytes, at)
            {
                self.at = end;
                continue;
            }
            if b.is_ascii_alphabetic() {
                let length = self.skip_word();
                let word = &bytes[at..at + length];
                let name = word.len() == 1
                    || std::str::from_utf8(word).is_ok_and(|w| FUNCTIONS.contains(&w) || w == "pi");
                if !name {
                    self.at += length;
                    continue;
                }
            }
            // A hyphen is no sign, and a point no decimal one, behind a letter.
            let glued = b"-+.\xE2".contains(&b) && self.text[..at].ends_with(char::is_alphanumeric);
            match if glued {
                None
            } else {
                expression(self.text, at)
            } {
                Some(found) => {
                    self.at = found.run.end.max(at + 1);
                    if found.digits {
                        return Some(found.run);
                    }
                }
                None => self.at += self.skip_word().max(1),
            }
        }
        None
    }
}

impl Runs<'_> {
    /// The bytes of the word here, digits that are glued to it included; at least one character.
    fn skip_word(&self) -> usize {
        let rest = &self.text[self.at..];
        let length = rest
            .char_indices()
            .find(|(_, c)| !c.is_alphanumeric())
            .map_or(rest.len(), |(at, _)| at);
        if length > 0 {
            length
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        }
    }
}

/// The last plain expression of the text; a label or list number only when there is nothing else.
pub(super) fn last(text: &str) -> Option<Run> {
    let (mut strong, mut weak) = (None, None);
    for run in Runs::new(text, super::text::tail(text), text.len()) {
        if run.weak {
            weak = Some(run);
        } else {
            strong = Some(run);
        }
    }
    strong.or(weak)
}

/// The answer in a run, calculator marks and currencies removed.
pub(super) fn value<'a>(text: &'a str, run: &Run) -> Cow<'a, str> {
    let slice = text[run.value..run.end].trim();
    if !slice.contains("<<") && !slice.contains(['$', '€', '£', '¥']) {
        return Cow::Borrowed(slice);
    }
    let bytes = slice.as_bytes();
    let mut out = String::with_capacity(slice.len());
    let mut at = 0;
    while let Some(c) = slice[at..].chars().next() {
        if let Some(end) = mark_end(bytes, at) {
            at = end;
            continue;
        }
        if let Some(end) = currency(bytes, at) {
            at = end;
            continue;
        }
        out.push(c);
        at += c.len_utf8();
    }
    Cow::Owned(out.trim().to_owned())
}

struct Found {
    run: Run,
    /// There is a number or constant in it.
    digits: bool,
}

/// Where a `<<16-3=13>>` mark that starts at `at` ends.
fn mark_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?.strip_prefix(b"<<")?;
    // Stopping at the next mark keeps a text of nothing but `<` cheap.
    let close = rest.iter().take(120).position(|&b| b"<>\n".contains(&b))?;
    rest[close..]
        .starts_with(b">>")
        .then_some(at + 2 + close + 2)
}

/// The longest expression that starts at `start`.
fn expression(text: &str, start: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let mut kinds = Kinds::default();
    let mut end = operand(text, start, &mut kinds, true)?;
    let mut value = start;
    let (mut operators, mut relations, mut simple) = (0usize, 0usize, true);
    loop {
        let spaced = spaces(bytes, end);
        let Some((after, relation)) = operator(bytes, spaced, end) else {
            break;
        };
        let mut next = Kinds::default();
        let mut from = spaces(bytes, after);
        while let Some(marked) = mark_end(bytes, from) {
            from = spaces(bytes, marked);
        }
        let Some(operand_end) = operand(text, from, &mut next, false) else {
            break;
        };
        match relation {
            Relation::None => {
                if relations == 0 {
                    operators += 1;
                }
            }
            Relation::Equal => {
                simple &= relations > 0 || kinds.variables == 0 || operators == 0;
                relations += 1;
                if simple {
                    value = from;
                }
            }
            Relation::Other => {
                simple = false;
                relations += 1;
                value = start;
            }
        }
        if relations == 0 {
            kinds.variables += next.variables;
        }
        kinds.digits |= next.digits;
        end = operand_end;
    }
    Some(Found {
        run: Run {
            start,
            end,
            value,
            weak: is_weak(text, start, end),
        },
        digits: kinds.digits,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    None,
    Equal,
    Other,
}

/// An operator at `at`, where the operand before ended at `before`.
pub(super) fn operator(bytes: &[u8], at: usize, before: usize) -> Option<(usize, Relation)> {
    let spaced = at > before;
    let b = *bytes.get(at)?;
    let next = bytes.get(at + 1).copied();
    let one = |relation| Some((at + 1, relation));
    match b {
        b'+' | b'/' | b'^' | b'*' => {
            // `**` may be a power, or the end of bold text; no operand follows the latter.
            if b == b'*' && next == Some(b'*') {
                return Some((at + 2, Relation::None));
            }
            one(Relation::None)
        }
        // `5 -apples` and a dash are no differences.
        b'-' => (next != Some(b'-')).then_some((at + 1, Relation::None)),
        b'=' => one(Relation::Equal),
        b'<' | b'>' if next == Some(b'=') => Some((at + 2, Relation::Other)),
        b'<' | b'>' if next != Some(b) => one(Relation::Other),
        b'!' if next == Some(b'=') => Some((at + 2, Relation::Other)),
        b':' if !spaced && digit(bytes, at + 1) => one(Relation::None),
        b'x' if spaced && next == Some(b' ') => one(Relation::None),
        b'\\' => {
            let rest = &bytes[at + 1..];
            let length = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let relation = match &rest[..length] {
                b"cdot" | b"times" | b"div" | b"pm" | b"cup" | b"cap" => Relation::None,
                b"approx" => Relation::Equal,
                b"le" | b"ge" | b"leq" | b"geq" | b"lt" | b"gt" | b"ne" | b"neq" | b"in" => {
                    Relation::Other
                }
                _ => return None,
            };
            Some((at + 1 + length, relation))
        }
        _ if b >= 0x80 => literal(bytes, at, &["×", "·", "÷", "−", "±", "∪", "∩", "⋅", "∗"])
            .map(|end| (end, Relation::None))
            .or_else(|| literal(bytes, at, &["≈"]).map(|end| (end, Relation::Equal)))
            .or_else(|| {
                literal(bytes, at, &["≤", "≥", "≠", "∈"]).map(|end| (end, Relation::Other))
            }),
        _ => None,
    }
}

/// A list number at the start of a line, an ordinal, or a number after a word such as "Step".
fn is_weak(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let slice = &text[start..end];
    if slice.len() > 3
        || !slice
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'(' || b == b')')
    {
        return false;
    }
    let after = &text[end..];
    let suffix = after.get(..2).unwrap_or("");
    let ends = after
        .get(2..)
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    if ends && is_one_of(suffix, &["st", "nd", "rd", "th"]) {
        return true;
    }
    // Far enough for any label, and a bound on the search for the start of the line.
    let floor = (start.saturating_sub(32)..=start)
        .find(|&floor| text.is_char_boundary(floor))
        .unwrap_or(start);
    let before = &text[floor..start];
    let label = before.trim_end();
    let word = label
        .rfind(|c: char| !c.is_alphabetic())
        .map_or(label, |at| {
            label[at..].trim_start_matches(|c: char| !c.is_alphabetic())
        });
    if is_one_of(word, &LABELS) {
        return true;
    }
    let line = &before[line_start(before, before.len())..];
    let at_start = (floor == 0 || before.contains('\n'))
        && line
            .chars()
            .all(|c| c.is_whitespace() || "#*_>-".contains(c));
    at_start
        && bytes.get(end).is_some_and(|&b| b == b'.' || b == b')')
        && after
            .get(1..)
            .is_some_and(|rest| rest.starts_with([' ', '*']) && !rest.trim_start().is_empty())
}
