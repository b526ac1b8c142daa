//! Numbers and plain expressions in prose: `7,425,000`, `$1,000.99`, `3 + 4*2`, `\frac{10}{9}`.
//!
//! An equation whose left side is one quantity, `x = 5` or `3+4 = 7`, yields its right side; any
//! other equation is kept whole.

use std::borrow::Cow;

use super::brackets::{FUNCTIONS, GROUP_BYTES, group, group_right};
use super::text::{is_one_of, line_start, word_len};

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

fn currency(bytes: &[u8], at: usize) -> Option<usize> {
    literal(bytes, at, &["\\$", "$", "€", "£", "¥"])
}

fn literal(bytes: &[u8], at: usize, list: &[&str]) -> Option<usize> {
    let rest = bytes.get(at..)?;
    list.iter()
        .find(|entry| rest.starts_with(entry.as_bytes()))
        .map(|entry| at + entry.len())
}

fn spaces(bytes: &[u8], mut at: usize) -> usize {
    let limit = at + 3;
    while at < limit && bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

fn digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

fn letter(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at)
        .is_some_and(|&b| b.is_ascii_alphabetic() || b >= 0xC3 && b != 0xE2 && b != 0xCF)
}

/// What an operand is made of.
#[derive(Default, Clone, Copy)]
struct Kinds {
    digits: bool,
    variables: usize,
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
enum Relation {
    None,
    Equal,
    Other,
}

/// An operator at `at`, where the operand before ended at `before`.
fn operator(bytes: &[u8], at: usize, before: usize) -> Option<(usize, Relation)> {
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

/// One operand with its sign, power, factorial and factors glued to it.
fn operand(text: &str, start: usize, kinds: &mut Kinds, first: bool) -> Option<usize> {
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

fn atom(text: &str, at: usize, kinds: &mut Kinds) -> Option<usize> {
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

fn number(bytes: &[u8], start: usize) -> Option<usize> {
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
