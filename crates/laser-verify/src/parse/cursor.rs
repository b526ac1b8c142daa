//! The place in the tokens that a parser has come to, and what bounds its work.

use super::ParseError;
use super::token::{Kind, Token};
use crate::limits::Limits;

/// The innermost open bracket, where it decides what a token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    None,
    Bracket,
    Abs,
    Norm,
    Set,
    Angle,
}

pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub tokens: Vec<Token>,
    pub pos: usize,
    /// Tokens from here on are out of sight (the differential of an integral).
    pub end: usize,
    pub limits: &'a Limits,
    pub depth: usize,
    pub nodes: usize,
    pub inner: Inner,
    /// Variables bound by a sum, product, integral or limit.
    pub bound: Vec<String>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, tokens: Vec<Token>, limits: &'a Limits) -> Self {
        let end = tokens.len();
        Self {
            text,
            tokens,
            pos: 0,
            end,
            limits,
            depth: 0,
            nodes: 0,
            inner: Inner::None,
            bound: Vec::new(),
        }
    }

    pub fn peek(&self) -> Option<&Kind> {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<&Kind> {
        let at = self.pos + ahead;
        (at < self.end)
            .then(|| self.tokens.get(at).map(|t| &t.kind))
            .flatten()
    }

    pub fn previous(&self) -> Option<&Kind> {
        self.tokens.get(self.pos.checked_sub(1)?).map(|t| &t.kind)
    }

    pub fn bump(&mut self) {
        self.pos += 1;
        while self.peek() == Some(&Kind::Nothing) {
            self.pos += 1;
        }
    }

    pub fn eat(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        if found {
            self.bump();
        }
        found
    }

    pub fn expect(&mut self, kind: &Kind, expected: &'static str) -> Result<(), ParseError> {
        if self.eat(kind) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    pub fn position(&self) -> usize {
        self.tokens
            .get(self.pos)
            .map_or(self.text.len(), |t| t.start)
    }

    pub fn unexpected(&self, expected: &'static str) -> ParseError {
        let token = self.tokens.get(self.pos);
        let found = token
            .and_then(|t| self.text.get(t.start..t.end))
            .map_or_else(
                || "end of the answer".to_owned(),
                |text| format!("`{}`", text.chars().take(40).collect::<String>()),
            );
        ParseError::Unexpected {
            position: self.position(),
            found,
            expected,
        }
    }

    /// One more node of the tree.
    pub fn count(&mut self) -> Result<(), ParseError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(ParseError::TooManyNodes {
                limit: self.limits.nodes,
            });
        }
        Ok(())
    }

    /// Fails if a tree `extra` levels above the present nesting is too deep. Every loop that
    /// nests to the left asks, so no tree outgrows the stack of who walks it.
    pub fn check_depth(&self, extra: usize) -> Result<(), ParseError> {
        if self.depth + extra > self.limits.depth {
            return Err(ParseError::TooDeep {
                limit: self.limits.depth,
            });
        }
        Ok(())
    }

    /// Runs `parse` one level deeper, inside of `inner` if given.
    pub fn nested<T>(
        &mut self,
        inner: Option<Inner>,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.check_depth(1)?;
        self.depth += 1;
        let saved = self.inner;
        if let Some(inner) = inner {
            self.inner = inner;
        }
        let result = parse(self);
        self.inner = saved;
        self.depth -= 1;
        result
    }
}
