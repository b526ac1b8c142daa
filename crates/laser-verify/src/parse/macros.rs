//! Commands that take an argument or change how the next tokens are read.

use super::commands::Action;
use super::lexer::Lexer;
use super::tables::{greek, number_set};
use super::token::{Environment, Kind};
use crate::ast::Relation;

impl Lexer<'_> {
    pub(super) fn act(&mut self, action: Action, name: &str, from: usize) {
        match action {
            Action::Skip => {
                self.points |= matches!(
                    name,
                    "angle"
                        | "triangle"
                        | "measuredangle"
                        | "vec"
                        | "overrightarrow"
                        | "widehat"
                        | "arc"
                        | "square"
                );
            }
            Action::Space => self.spaced = true,
            Action::Quad => self.push(Kind::Quad, from),
            Action::Token(kind) => self.push(kind, from),
            Action::Not => self.not = true,
            Action::SkipArgument => {
                self.skip_spaces();
                if let Some(close) = self.closing.get(self.pos).filter(|c| **c != usize::MAX) {
                    self.pos = close + 1;
                }
                if name == "xrightarrow" {
                    self.push(Kind::Relation(Relation::Arrow), from);
                }
            }
            Action::Text => self.text(from),
            Action::Roman => self.roman(from, name),
            Action::Blackboard => self.blackboard(from),
            Action::Left => self.left(),
            Action::Right => self.right(),
            Action::Middle => {
                self.skip_spaces();
                if self.peek(0) == Some('|') {
                    self.take(1, Kind::Mid);
                }
            }
            Action::Begin => self.begin(from),
            Action::End => self.end(from),
        }
    }

    fn text(&mut self, from: usize) {
        self.skip_spaces();
        let Some((content, length)) = self.group() else {
            return;
        };
        let cleaned = clean(&content);
        let math = cleaned.contains(['\\', '$', '{', '^', '_', '='])
            || cleaned.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c))
            || cleaned.contains(|c: char| !c.is_ascii() && greek(c).is_some());
        if math {
            // Read as a group of bare words and mathematics.
            return;
        }
        self.pos += length;
        if cleaned.is_empty() {
            self.spaced = true;
            return;
        }
        if matches!(cleaned.as_str(), "," | ";") {
            self.push(
                if cleaned == "," {
                    Kind::Comma
                } else {
                    Kind::Semicolon
                },
                from,
            );
            return;
        }
        if cleaned.starts_with(", ") {
            self.push(Kind::Comma, from);
        }
        let cleaned = match cleaned.trim_matches([',', ';', ' ']).trim_end_matches('.') {
            "a.m" | "A.M" => "am",
            "p.m" | "P.M" => "pm",
            other => other,
        };
        self.push(Kind::Text(cleaned.to_owned()), from);
    }

    fn roman(&mut self, from: usize, name: &str) {
        self.skip_spaces();
        let Some((content, length)) = self.group() else {
            if name == "mathbf"
                && let Some(set) = self.peek(0).and_then(number_set)
            {
                self.take(1, Kind::NumberSet(set));
            }
            return;
        };
        let cleaned = clean(&content);
        if name != "mathbf"
            && self.tokens.last().is_some_and(|t| t.kind.ends_operand())
            && let Some(unit) = super::units::compound(&cleaned)
        {
            self.pos += length;
            self.push(Kind::Text(unit), from);
            return;
        }
        let words = cleaned.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
        if !words || cleaned.is_empty() {
            return;
        }
        self.pos += length;
        let mut letters = cleaned.chars();
        if let (Some(c), None) = (letters.next(), letters.next())
            && name == "mathbf"
        {
            let set = number_set(c);
            self.push(set.map_or(Kind::Letter(c), Kind::NumberSet), from);
            return;
        }
        self.push(Kind::Roman(cleaned), from);
    }

    fn blackboard(&mut self, from: usize) {
        self.skip_spaces();
        let braced = self.peek(0) == Some('{');
        if braced {
            self.pos += 1;
            self.skip_spaces();
        }
        let Some(c) = self.peek(0) else { return };
        self.pos += 1;
        let set = number_set(c);
        self.push(
            set.map_or_else(|| Kind::Name(c.to_string()), Kind::NumberSet),
            from,
        );
        if braced {
            self.skip_spaces();
            if self.peek(0) == Some('}') {
                self.pos += 1;
            }
        }
    }

    fn left(&mut self) {
        self.skip_spaces();
        let system = self.starts("\\{") && {
            let mut ahead = 2;
            while self.peek(ahead).is_some_and(char::is_whitespace) {
                ahead += 1;
            }
            "\\begin{"
                .chars()
                .enumerate()
                .all(|(i, c)| self.peek(ahead + i) == Some(c))
        };
        self.lefts.push(system);
        if system {
            self.pos += 2;
            return;
        }
        match self.peek(0) {
            Some('.') => self.pos += 1,
            Some('|') => self.take(1, Kind::BarOpen),
            Some('<') => self.take(1, Kind::AngleOpen),
            _ if self.starts("\\vert") => self.take(5, Kind::BarOpen),
            _ => {}
        }
    }

    fn right(&mut self) {
        self.skip_spaces();
        let dropped = self.lefts.pop().unwrap_or(false);
        match self.peek(0) {
            Some('.') => self.pos += 1,
            Some(_) if dropped && self.starts("\\}") => self.pos += 2,
            Some('|') => self.take(1, Kind::BarClose),
            Some('>') => self.take(1, Kind::AngleClose),
            _ if self.starts("\\vert") => self.take(5, Kind::BarClose),
            _ => {}
        }
    }

    fn begin(&mut self, from: usize) {
        self.skip_spaces();
        let Some((name, length)) = self.group() else {
            return;
        };
        self.pos += length;
        let name = name.trim();
        let system = self.lefts.last().copied().unwrap_or(false);
        let environment = match name.trim_end_matches('*') {
            "array" | "tabular" if system => Some(Environment::Cases),
            "pmatrix" | "bmatrix" | "matrix" | "smallmatrix" | "Bmatrix" | "array"
            | "psmallmatrix" | "tabular" => Some(Environment::Matrix),
            "vmatrix" => Some(Environment::Determinant),
            "Vmatrix" => Some(Environment::Norm),
            "cases" | "dcases" | "rcases" => Some(Environment::Cases),
            _ => None,
        };
        self.environments.push(environment);
        if matches!(
            name,
            "array" | "tabular" | "alignat" | "alignat*" | "alignedat"
        ) {
            self.skip_spaces();
            if let Some((_, length)) = self.group() {
                self.pos += length;
            }
        }
        if let Some(environment) = environment {
            self.push(Kind::Begin(environment), from);
        }
    }

    fn end(&mut self, from: usize) {
        self.skip_spaces();
        let Some((_, length)) = self.group() else {
            return;
        };
        self.pos += length;
        if let Some(Some(_)) = self.environments.pop() {
            self.push(Kind::End, from);
        }
    }
}

/// The words of a text group: spacing commands gone, white space collapsed.
fn clean(content: &str) -> String {
    let mut text = content.replace("\\ ", " ").replace('~', " ");
    for command in ["\\,", "\\;", "\\:", "\\!", "\\quad", "\\qquad"] {
        text = text.replace(command, " ");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
