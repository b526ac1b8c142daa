//! Characters to tokens.

use super::commands;
use super::source::Char;
use super::token::{Environment, Kind, Token};
use crate::ast::Relation;

/// Commands that make a letter a vector.
pub(super) const VECTORS: [&str; 8] = [
    "vec",
    "mathbf",
    "boldsymbol",
    "bm",
    "pmb",
    "hat",
    "widehat",
    "overrightarrow",
];

/// Splits `chars` into tokens. Never fails: a character without meaning becomes a name or a
/// [`Kind::Dot`], which the grammar then refuses.
pub(super) fn lex(chars: &[Char]) -> Vec<Token> {
    let mut lexer = Lexer {
        chars,
        pos: 0,
        tokens: Vec::new(),
        closing: match_braces(chars),
        environments: Vec::new(),
        lefts: Vec::new(),
        depth: 0,
        spaced: false,
        not: false,
        money: dollars_are_money(chars),
        points: false,
        vector: None,
    };
    while lexer.pos < chars.len() {
        lexer.step();
    }
    drop_soft_breaks(lexer.tokens)
}

pub(super) struct Lexer<'a> {
    pub chars: &'a [Char],
    pub pos: usize,
    pub tokens: Vec<Token>,
    /// Index of the closing brace for each opening one.
    pub closing: Vec<usize>,
    /// Open environments; `None` for one that only lays out lines.
    pub environments: Vec<Option<Environment>>,
    /// For each open `\left` whether its brackets are dropped.
    pub lefts: Vec<bool>,
    /// Open brackets of any kind.
    pub depth: usize,
    pub spaced: bool,
    pub not: bool,
    pub money: bool,
    /// The next run of letters names points (`\angle ABC`), not a word.
    pub points: bool,
    /// How many tokens there were before the last letter that is marked as a vector.
    pub vector: Option<usize>,
}

/// For every `{` the index of its `}`, `usize::MAX` where there is none.
fn match_braces(chars: &[Char]) -> Vec<usize> {
    let mut closing = vec![usize::MAX; chars.len()];
    let mut open = Vec::new();
    let mut escaped = false;
    for (index, x) in chars.iter().enumerate() {
        match x.c {
            _ if escaped => {}
            '{' => open.push(index),
            '}' => {
                if let Some(slot) = open.pop().and_then(|o: usize| closing.get_mut(o)) {
                    *slot = index;
                }
            }
            _ => {}
        }
        escaped = x.c == '\\' && !escaped;
    }
    closing
}

/// Whether bare dollar signs are a currency: each stands directly before a digit, or a lone one
/// follows a digit.
fn dollars_are_money(chars: &[Char]) -> bool {
    let signs: Vec<usize> = (0..chars.len())
        .filter(|&i| {
            chars.get(i).is_some_and(|x| x.c == '$')
                && (i == 0 || chars.get(i - 1).is_some_and(|x| x.c != '\\'))
        })
        .collect();
    let digit = |i: Option<usize>| {
        i.and_then(|i| chars.get(i))
            .is_some_and(|x| x.c.is_ascii_digit() || x.c == '.')
    };
    if signs.iter().all(|&i| digit(Some(i + 1))) {
        return true;
    }
    match signs.as_slice() {
        [only] => {
            let mut before = *only;
            while before > 0 && chars.get(before - 1).is_some_and(|x| x.c == ' ') {
                before -= 1;
            }
            digit(before.checked_sub(1))
        }
        _ => false,
    }
}

impl Lexer<'_> {
    pub fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.pos + ahead).map(|x| x.c)
    }

    fn at(&self, pos: usize) -> usize {
        match self.chars.get(pos) {
            Some(x) => x.at,
            None => self.chars.last().map_or(0, |x| x.at + x.c.len_utf8()),
        }
    }

    pub fn push(&mut self, kind: Kind, from: usize) {
        let kind = match kind {
            Kind::Relation(r) if self.not => {
                self.not = false;
                Kind::Relation(match r {
                    Relation::In => Relation::NotIn,
                    Relation::Equal => Relation::NotEqual,
                    other => other,
                })
            }
            kind => kind,
        };
        match kind {
            Kind::LParen | Kind::LBracket | Kind::LBrace | Kind::SetOpen => self.depth += 1,
            Kind::RParen | Kind::RBracket | Kind::RBrace | Kind::SetClose => {
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
        let token = Token {
            kind,
            start: self.at(from),
            end: self.at(self.pos),
            spaced: self.spaced,
        };
        self.spaced = false;
        self.points &= matches!(token.kind, Kind::LBrace | Kind::Letter(_));
        self.tokens.push(token);
    }

    /// Takes one character as `kind`.
    pub fn single(&mut self, kind: Kind) {
        self.pos += 1;
        self.push(kind, self.pos - 1);
    }

    pub fn take(&mut self, count: usize, kind: Kind) {
        let from = self.pos;
        self.pos = (self.pos + count).min(self.chars.len());
        self.push(kind, from);
    }

    pub fn starts(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.peek(i) == Some(c))
    }

    fn step(&mut self) {
        let Some(c) = self.peek(0) else { return };
        match c {
            '\n' => {
                if self.depth == 0 && self.environments.is_empty() {
                    self.single(Kind::Newline);
                } else {
                    self.pos += 1;
                }
                self.spaced = true;
            }
            c if c.is_whitespace() || c == '~' => {
                self.pos += 1;
                self.spaced = true;
            }
            '0'..='9' => self.number(),
            '.' if self.peek(1).is_some_and(|d| d.is_ascii_digit()) => self.number(),
            '\\' => self.backslash(),
            'a'..='z' | 'A'..='Z' => self.word(),
            '$' => self.dollar(),
            _ => self.symbol(c),
        }
    }

    fn dollar(&mut self) {
        if self.money {
            self.single(Kind::Money("$"));
        } else {
            self.pos += 1;
            self.spaced = true;
        }
    }

    pub fn brace(&mut self) {
        // `{,}` outside a number is a comma.
        if self.starts("{,}") {
            self.take(3, Kind::Comma);
            return;
        }
        self.single(Kind::LBrace);
    }

    fn word(&mut self) {
        let from = self.pos;
        let mut text = String::new();
        while let Some(c) = self.peek(0)
            && c.is_ascii_alphabetic()
        {
            text.push(c);
            self.pos += 1;
        }
        // The time of day.
        if matches!(text.as_str(), "a" | "p") && self.starts(".m") {
            self.pos += 2;
            if self.peek(0) == Some('.') {
                self.pos += 1;
            }
            self.push(Kind::Word(format!("{text}m")), from);
            return;
        }
        // `(11,7)or(7,11)` and `W(x)=1orW(x)=-1`: a conjunction glued to what it joins.
        let glued = !self.spaced && self.tokens.last().is_some_and(|t| t.kind.ends_operand());
        if glued {
            for (word, kind) in [("or", Kind::Or), ("and", Kind::And)] {
                if let Some(rest) = text.strip_prefix(word)
                    && !rest.is_empty()
                    && (rest.len() == 1 || rest.starts_with(|c: char| c.is_ascii_uppercase()))
                {
                    self.pos = from + word.len();
                    self.push(kind, from);
                    return;
                }
            }
        }
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(c), None) => self.push(Kind::Letter(c), from),
            _ if self.points => {
                for c in text.chars() {
                    self.push(Kind::Letter(c), from);
                }
            }
            _ => self.push(Kind::Word(text), from),
        }
    }

    fn backslash(&mut self) {
        let from = self.pos;
        let Some(next) = self.peek(1) else {
            self.pos += 1;
            return;
        };
        if !next.is_ascii_alphabetic() {
            self.pos += 2;
            match next {
                '\\' => {
                    self.row_spacing();
                    let row = matches!(self.environments.last(), Some(Some(_)));
                    self.push(if row { Kind::Row } else { Kind::Newline }, from);
                }
                '{' => self.push(Kind::SetOpen, from),
                '}' => self.push(Kind::SetClose, from),
                '|' => self.push(Kind::DoubleBar, from),
                '$' => self.push(Kind::Money("$"), from),
                '%' => self.push(Kind::Percent, from),
                '&' => self.push(Kind::And, from),
                '_' => self.push(Kind::Underscore, from),
                _ => self.spaced = true,
            }
            return;
        }
        let mut name = String::new();
        self.pos += 1;
        while let Some(c) = self.peek(0)
            && c.is_ascii_alphabetic()
        {
            name.push(c);
            self.pos += 1;
        }
        // `\sqrt3` and `\operatorname*{…}`.
        if self.peek(0) == Some('*') && matches!(name.as_str(), "operatorname" | "tag" | "hspace") {
            self.pos += 1;
        }
        let mut action = commands::action(&name);
        if action.is_none()
            && let Some(length) = commands::glued_prefix(&name)
        {
            self.pos = from + 1 + length;
            name.truncate(length);
            action = commands::action(&name);
        }
        if name == "times" && self.crosses(0) {
            self.push(Kind::Cross, from);
            return;
        }
        if VECTORS.contains(&name.as_str()) {
            self.vector = Some(self.tokens.len());
        }
        match action {
            Some(action) => self.act(action, &name, from),
            None => self.push(Kind::Name(name), from),
        }
    }

    /// Whether vectors stand on both sides of the sign that ends so many characters on: `\vec a \times \vec b` is neither
    /// `\vec a \cdot \vec b` nor `\vec b \times \vec a`.
    pub fn crosses(&self, mut ahead: usize) -> bool {
        let left = self.vector.and_then(|at| self.tokens.get(at..));
        let letter = left.is_some_and(|tokens| {
            matches!(
                tokens,
                [Token {
                    kind: Kind::Letter(_),
                    ..
                }] | [
                    Token {
                        kind: Kind::LBrace,
                        ..
                    },
                    Token {
                        kind: Kind::Letter(_),
                        ..
                    },
                    Token {
                        kind: Kind::RBrace,
                        ..
                    }
                ]
            )
        });
        while self.peek(ahead).is_some_and(char::is_whitespace) {
            ahead += 1;
        }
        letter
            && self.peek(ahead) == Some('\\')
            && VECTORS.iter().any(|name| {
                let end = ahead + 1 + name.len();
                name.chars()
                    .enumerate()
                    .all(|(i, c)| self.peek(ahead + 1 + i) == Some(c))
                    && !self.peek(end).is_some_and(|c| c.is_ascii_alphabetic())
            })
    }

    /// The `[2pt]` of `\\[2pt]`.
    fn row_spacing(&mut self) {
        if self.peek(0) != Some('[') {
            return;
        }
        let mut length = 1;
        while length < 16
            && let Some(c) = self.peek(length)
        {
            if c == ']' {
                let last = self.peek(length - 1);
                if last.is_some_and(|c| "tmxncp".contains(c)) {
                    self.pos += length + 1;
                }
                return;
            }
            length += 1;
        }
    }

    pub fn skip_spaces(&mut self) {
        while self.peek(0).is_some_and(|c| c.is_whitespace() || c == '~') {
            self.pos += 1;
        }
    }

    /// The content of a brace group that starts here and its length in characters with braces.
    pub fn group(&self) -> Option<(String, usize)> {
        if self.peek(0) != Some('{') {
            return None;
        }
        let close = *self.closing.get(self.pos)?;
        // Nested groups would be copied again at every level if they could be of any length.
        let content = self
            .chars
            .get(self.pos + 1..close)
            .filter(|c| c.len() <= 1024)?;
        Some((content.iter().map(|x| x.c).collect(), close - self.pos + 1))
    }
}

/// Takes out line breaks and wide spaces that end no expression, empty groups, and `\text{}`
/// breaks next to operators. A line that begins with a relation so continues the one before.
fn drop_soft_breaks(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let soft = match &token.kind {
            Kind::Newline | Kind::Quad => {
                let before = out.last().map(|t| &t.kind);
                let word = |k: &Kind| matches!(k, Kind::Text(w) | Kind::Word(w) | Kind::Roman(w) if super::words::is_conjunction(w) || token.kind == Kind::Quad && super::words::is_unit(w));
                before.is_none_or(|k| k.absorbs_break(false) || word(k))
                    || rest
                        .peek()
                        .is_none_or(|t| t.kind.absorbs_break(true) || word(&t.kind))
            }
            Kind::RBrace => {
                // `{}` is only a place to hang a script on.
                let empty = matches!(out.last(), Some(t) if t.kind == Kind::LBrace);
                let argument = out
                    .len()
                    .checked_sub(2)
                    .and_then(|i| out.get(i))
                    .is_some_and(|t| {
                        matches!(
                            t.kind,
                            Kind::Frac
                                | Kind::Sqrt
                                | Kind::Binom
                                | Kind::Caret
                                | Kind::Underscore
                                | Kind::RBrace
                        )
                    });
                if empty && !argument {
                    out.pop();
                    true
                } else {
                    false
                }
            }
            _ => false,
        };
        if soft {
            if let Some(next) = rest.peek_mut() {
                next.spaced = true;
            }
        } else {
            out.push(token);
        }
    }
    out
}
