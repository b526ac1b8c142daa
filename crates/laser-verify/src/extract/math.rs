//! Mathematics between delimiters: `$…$`, `$$…$$`, `\(…\)`, `\[…\]` and the display environments.

use std::borrow::Cow;

use super::text::{bare_words, is_one_of, joins_math, trim_inner};

const ENVIRONMENTS: [&str; 12] = [
    "align",
    "align*",
    "equation",
    "equation*",
    "gather",
    "gather*",
    "eqnarray",
    "eqnarray*",
    "multline",
    "multline*",
    "displaymath",
    "math",
];

/// Environments inside delimiters whose rows are steps of one computation.
const STEPS: [&str; 8] = [
    "aligned", "align", "align*", "split", "gathered", "gather", "gather*", "eqnarray",
];

const FUNCTIONS: [&str; 12] = [
    "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "max", "min", "sqrt",
];

/// One delimited piece, delimiters at `start` and `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    pub inner_start: usize,
    pub inner_end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dollar,
    Display,
    Paren,
    Bracket,
    Environment,
}

#[derive(Clone, Copy)]
struct Open {
    kind: Kind,
    start: usize,
    inner: usize,
}

/// All the pieces of `text`, in order. Each kind that turns out never to be closed is given up
/// once and what it had swallowed is read again, so the whole takes at most four passes.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        at: 0,
        open: None,
        pieces: Vec::new(),
        given_up: [false; 3],
    };
    scan.run();
    scan.pieces
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Option<Open>,
    pieces: Vec<Piece>,
    /// Display, bracket, environment.
    given_up: [bool; 3],
}

impl Scan<'_> {
    fn run(&mut self) {
        loop {
            while self.at < self.bytes.len() {
                match self.bytes[self.at] {
                    b'\\' => self.backslash(),
                    b'$' => self.dollar(),
                    b'\n' => {
                        if matches!(
                            self.open,
                            Some(Open {
                                kind: Kind::Dollar | Kind::Paren,
                                ..
                            })
                        ) {
                            self.open = None;
                        }
                        self.at += 1;
                    }
                    _ => {
                        let rest = &self.bytes[self.at..];
                        self.at += memchr::memchr3(b'\\', b'$', b'\n', rest).unwrap_or(rest.len());
                    }
                }
            }
            let Some(open) = self.open.take() else { return };
            let slot = match open.kind {
                Kind::Dollar | Kind::Paren => return,
                Kind::Display => 0,
                Kind::Bracket => 1,
                Kind::Environment => 2,
            };
            self.given_up[slot] = true;
            self.at = open.inner;
        }
    }

    fn start(&mut self, kind: Kind, length: usize) {
        let inner = self.at + length;
        self.open = Some(Open {
            kind,
            start: self.at,
            inner,
        });
        self.at = inner;
    }

    fn close(&mut self, open: Open, length: usize) {
        let end = self.at + length;
        if !self.text[open.inner..self.at].trim().is_empty() {
            self.pieces.push(Piece {
                start: open.start,
                end,
                inner_start: open.inner,
                inner_end: self.at,
            });
        }
        self.open = None;
        self.at = end;
    }

    fn backslash(&mut self) {
        let mut length = 2;
        let mut next = self.bytes.get(self.at + 1).copied();
        // Text that was escaped once too often writes `\\(`; inside a formula `\\[` is a line
        // break with a skip, but `\\)` and `\\]` can only be delimiters.
        if next == Some(b'\\') {
            let third = self.bytes.get(self.at + 2).copied();
            let delimiter = match self.open {
                None => matches!(third, Some(b'(' | b'[' | b')' | b']')),
                Some(Open {
                    kind: Kind::Paren, ..
                }) => third == Some(b')'),
                Some(Open {
                    kind: Kind::Bracket,
                    ..
                }) => third == Some(b']'),
                Some(_) => false,
            };
            if delimiter {
                next = third;
                length = 3;
            } else {
                self.at += 2;
                return;
            }
        }
        let kind = self.open.map(|open| open.kind);
        match (next, kind, self.open) {
            (Some(b'('), None | Some(Kind::Dollar | Kind::Paren), _) => {
                self.start(Kind::Paren, length)
            }
            (Some(b'['), _, _) if kind != Some(Kind::Environment) && !self.given_up[1] => {
                self.start(Kind::Bracket, length);
            }
            (Some(b')'), Some(Kind::Paren), Some(open))
            | (Some(b']'), Some(Kind::Bracket), Some(open)) => {
                self.close(open, length);
            }
            (Some(b'b'), None | Some(Kind::Dollar), _) if !self.given_up[2] => {
                match self.environment(b"\\begin{") {
                    Some(length) => self.start(Kind::Environment, length),
                    None => self.at += 2,
                }
            }
            (Some(b'e'), Some(Kind::Environment), Some(open)) => {
                match self.environment(b"\\end{") {
                    Some(length) => self.close(open, length),
                    None => self.at += 2,
                }
            }
            // The byte after may open a character of several bytes; nothing of it is special.
            _ => self.at += 2,
        }
    }

    /// The length of `\begin{name}` of a display environment that stands here.
    fn environment(&self, opening: &[u8]) -> Option<usize> {
        let rest = self.bytes[self.at..].strip_prefix(opening)?;
        let name = rest.iter().take(16).position(|&b| b == b'}')?;
        let known = ENVIRONMENTS
            .iter()
            .any(|known| known.as_bytes() == &rest[..name]);
        known.then_some(opening.len() + name + 1)
    }

    fn dollar(&mut self) {
        let next = self.bytes.get(self.at + 1).copied();
        match self.open {
            Some(open) if open.kind == Kind::Display => {
                if next == Some(b'$') {
                    self.close(open, 2);
                } else {
                    self.at += 1;
                }
            }
            Some(open) if open.kind == Kind::Dollar => {
                if is_money(&self.text[open.inner..self.at], next) {
                    self.start(Kind::Dollar, 1);
                } else {
                    self.close(open, 1);
                }
            }
            Some(_) => self.at += 1,
            None if next == Some(b'$') => {
                if self.given_up[0] {
                    self.at += 2;
                } else {
                    self.start(Kind::Display, 2);
                }
            }
            None => {
                let digit_before = self.at > 0 && self.bytes[self.at - 1].is_ascii_digit();
                let opens =
                    next.is_some_and(|b| b.is_ascii_alphanumeric() || b"\\({[-+|.".contains(&b));
                if digit_before && !opens {
                    // `5$ and 7$`: a currency behind its number.
                    self.at += 1;
                } else {
                    self.start(Kind::Dollar, 1);
                }
            }
        }
    }
}

/// Whether the text between two dollar signs is prose between two prices, `$5 and $7`.
fn is_money(content: &str, next: Option<u8>) -> bool {
    if content.trim().is_empty() || next.is_some_and(|b| b.is_ascii_digit()) {
        return true;
    }
    // `$129 + $<<…>>`: a formula does not end in an operator.
    if content.trim_end().ends_with(['=', '+', '*', '×']) {
        return true;
    }
    // `$f(x)=ax+b, where b is an integer$`: the words explain the formula before them. A price
    // would begin with a digit.
    let content = match content.find(", where ") {
        Some(at) if content.starts_with(|c: char| c.is_ascii_alphabetic() || c == '\\') => {
            &content[..at]
        }
        _ => content,
    };
    let starts_spaced = content.starts_with(char::is_whitespace);
    let ends_spaced = content.ends_with(char::is_whitespace);
    let mut words = bare_words(content).filter(|word| !is_one_of(word, &FUNCTIONS));
    let first = words.next();
    if first.is_none() {
        return false;
    }
    if content.starts_with(|c: char| c.is_ascii_digit()) && ends_spaced {
        return true;
    }
    if starts_spaced && first.is_some_and(|word| content.trim_start().starts_with(word)) {
        return true;
    }
    words.nth(2).is_some()
}

/// The pieces from `index` on that are joined by "and", "or" or commas, as an index range; `until`
/// bounds it.
pub(super) fn group_from(text: &str, pieces: &[Piece], index: usize) -> std::ops::Range<usize> {
    let mut end = index + 1;
    while end < pieces.len()
        && end - index < 64
        && joins_math(&text[pieces[end - 1].end..pieces[end].start])
    {
        end += 1;
    }
    index..end.min(pieces.len())
}

/// The pieces that end with the one at `index` and are joined to it.
pub(super) fn group_to(text: &str, pieces: &[Piece], index: usize) -> std::ops::Range<usize> {
    let mut start = index;
    while start > 0
        && index - start < 63
        && joins_math(&text[pieces[start - 1].end..pieces[start].start])
    {
        start -= 1;
    }
    start..index + 1
}

/// The content of a piece as an answer: of an aligned computation the last row.
pub(super) fn inner<'a>(text: &'a str, piece: Piece) -> Cow<'a, str> {
    let content = text[piece.inner_start..piece.inner_end].trim();
    let is_environment = text[piece.start..piece.inner_start].contains("begin");
    if is_environment {
        return last_row(content);
    }
    if let Some(rest) = content.strip_prefix("\\begin{")
        && let Some((name, body)) = rest.split_once('}')
        && STEPS.contains(&name)
        && let Some(body) = trim_inner(body)
            .strip_suffix('}')
            .and_then(|body| body.strip_suffix(name))
        && let Some(body) = body.strip_suffix("\\end{")
    {
        return last_row(body);
    }
    let content = content.strip_prefix('$').unwrap_or(content);
    Cow::Borrowed(trim_inner(content))
}

/// The last row of an aligned computation, without the marks of alignment and the relation that it
/// starts with.
fn last_row(body: &str) -> Cow<'_, str> {
    let bytes = body.as_bytes();
    let (mut depth, mut row, mut last, mut at) = (0usize, 0, 0..0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        if rest.starts_with(b"\\begin{") {
            depth += 1;
        } else if rest.starts_with(b"\\end{") {
            depth = depth.saturating_sub(1);
        } else if rest.starts_with(b"\\\\") && depth == 0 {
            if !body[row..at].trim().is_empty() {
                last = row..at;
            }
            row = at + 2;
        }
        at += 2;
    }
    if !body[row..].trim().is_empty() {
        last = row..body.len();
    }
    let row = trim_inner(&body[last]);
    // Entries of a matrix keep their marks.
    let mut row: Cow<'_, str> = if row.contains('&') && !row.contains("\\begin{") {
        Cow::Owned(row.replace('&', " "))
    } else {
        Cow::Borrowed(row)
    };
    let trimmed = row
        .trim_start_matches(['&', ' '])
        .strip_prefix('=')
        .map(str::trim);
    if let Some(trimmed) = trimmed {
        row = Cow::Owned(trimmed.to_owned());
    }
    row
}
