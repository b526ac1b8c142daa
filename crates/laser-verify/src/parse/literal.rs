//! Number literals in the characters of an answer.

use super::lexer::Lexer;
use super::token::Kind;

impl Lexer<'_> {
    /// A number literal with whatever belongs to it: groups, exponent, repetition, base.
    pub(super) fn number(&mut self) {
        let from = self.pos;
        if self.based(from) {
            return;
        }
        let mut text = self.digits();
        let argument = self.tokens.last().is_some_and(|t| {
            matches!(
                t.kind,
                Kind::Frac | Kind::Sqrt | Kind::Binom | Kind::Caret | Kind::Underscore
            )
        });
        // `1.234.567` and `1.234.567,89`.
        if (1..=3).contains(&text.len()) {
            let mut ahead = 0;
            let mut groups = 0;
            while self.peek(ahead) == Some('.') && self.three_digits(ahead + 1) {
                ahead += 4;
                groups += 1;
            }
            if groups >= 2 {
                text.extend(
                    self.chars
                        .iter()
                        .skip(self.pos)
                        .take(ahead)
                        .map(|x| x.c)
                        .filter(char::is_ascii_digit),
                );
                self.pos += ahead;
                if self.peek(0) == Some(',') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
                    self.pos += 1;
                    text.push('.');
                    text.push_str(&self.digits());
                }
                self.push(Kind::Number(text), from);
                return;
            }
        }
        if !argument && (1..=3).contains(&text.len()) && !text.starts_with('0') {
            while let Some(length) = self.separator()
                && self.three_digits(length)
            {
                self.pos += length;
                text.push_str(&self.digits());
            }
        }
        // `5..` and `1...` are not decimals.
        if self.peek(0) == Some('.') && self.peek(1) != Some('.') && !self.starts(".\\\\") {
            let digits_follow = self.peek(1).is_some_and(|c| c.is_ascii_digit());
            self.pos += 1;
            if digits_follow {
                text.push('.');
                text.push_str(&self.digits());
            } else if let Some(cycle) = self.cycle() {
                self.push(Kind::Repeating(text, String::new(), cycle), from);
                return;
            }
        }
        if let Some((whole, fixed)) = text.split_once('.') {
            let dotted = self.starts("\\dot") || self.starts("\\overline") || self.starts("\\bar");
            if dotted && let Some(cycle) = self.cycle() {
                self.push(
                    Kind::Repeating(whole.to_owned(), fixed.to_owned(), cycle),
                    from,
                );
                return;
            }
            for dots in ["...", "…", "\\ldots", "\\dots", "\\cdots"] {
                if self.starts(dots) {
                    self.pos += dots.chars().count();
                    break;
                }
            }
        }
        if let Some(exponent) = self.exponent() {
            self.push(Kind::Scientific(text, exponent), from);
            return;
        }
        self.push(Kind::Number(text), from);
    }

    fn digits(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek(0)
            && c.is_ascii_digit()
        {
            text.push(c);
            self.pos += 1;
        }
        text
    }

    /// Whether exactly three digits stand `ahead`.
    fn three_digits(&self, ahead: usize) -> bool {
        let digit = |i| self.peek(ahead + i).is_some_and(|c| c.is_ascii_digit());
        digit(0) && digit(1) && digit(2) && !digit(3)
    }

    /// Length of a separator of digit groups that means nothing else: `{,}`, `,\!`, a thin
    /// space, one blank, an apostrophe.
    fn separator(&self) -> Option<usize> {
        let spaces = |from: usize| {
            let mut n = from;
            while self.peek(n).is_some_and(|c| c.is_whitespace()) {
                n += 1;
            }
            n
        };
        if self.starts("{,}") {
            return Some(if self.peek(3) == Some('\\') && self.peek(4) == Some('!') {
                spaces(5)
            } else {
                3
            });
        }
        if self.starts(",\\!") {
            return Some(spaces(3));
        }
        if self.starts("{,\\!}") {
            return Some(5);
        }
        if self.starts("\\!") && self.peek(2) == Some(',') {
            return Some(spaces(3));
        }
        for thin in ["\\,", "\\;", "\\:", "\\ ", "\\!"] {
            if self.starts(thin) {
                return Some(spaces(2));
            }
        }
        matches!(self.peek(0), Some(' ' | '~' | '\'')).then_some(1)
    }

    /// `\overline{23}`, `\dot{3}`, `\dot{1}4\dot{2}`, `(3)` after a point.
    fn cycle(&mut self) -> Option<String> {
        let mut ahead = 0;
        let command = ["\\overline", "\\bar", "\\dot"]
            .into_iter()
            .find(|c| self.starts(c));
        let close = if let Some(command) = command {
            ahead += command.len();
            if self.peek(ahead) == Some('{') {
                '}'
            } else {
                ' '
            }
        } else if self.peek(0) == Some('(') {
            ')'
        } else {
            return None;
        };
        if close != ' ' {
            ahead += 1;
        }
        let mut cycle = String::new();
        while let Some(c) = self.peek(ahead)
            && c.is_ascii_digit()
        {
            cycle.push(c);
            ahead += 1;
            if close == ' ' {
                break;
            }
        }
        if cycle.is_empty() || (close != ' ' && self.peek(ahead) != Some(close)) {
            return None;
        }
        self.pos += ahead + usize::from(close != ' ');
        if command == Some("\\dot") {
            // The second dot of a longer cycle.
            let back = self.pos;
            let between = self.digits();
            if self.starts("\\dot")
                && let Some(last) = self.cycle_end()
            {
                cycle.push_str(&between);
                cycle.push(last);
            } else {
                self.pos = back;
            }
        }
        Some(cycle)
    }

    fn cycle_end(&mut self) -> Option<char> {
        let braced = self.peek(4) == Some('{');
        let digit = self
            .peek(4 + usize::from(braced))
            .filter(char::is_ascii_digit)?;
        self.pos += 5 + 2 * usize::from(braced);
        Some(digit)
    }

    /// `e-3` directly after digits.
    fn exponent(&mut self) -> Option<i32> {
        if !matches!(self.peek(0), Some('e' | 'E')) {
            return None;
        }
        let sign = self.peek(1).filter(|c| matches!(c, '+' | '-'));
        let mut ahead = 1 + usize::from(sign.is_some());
        let mut digits = String::new();
        while let Some(c) = self.peek(ahead)
            && c.is_ascii_digit()
        {
            digits.push(c);
            ahead += 1;
        }
        if self
            .peek(ahead)
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '.')
        {
            return None;
        }
        // Saturates: a longer exponent is refused by size later.
        let value = if digits.is_empty() {
            return None;
        } else {
            digits.parse().unwrap_or(i32::MAX)
        };
        self.pos += ahead;
        Some(if sign == Some('-') { -value } else { value })
    }

    /// `1A3_{16}`: digits with at least one upper-case letter, and a base that has them all.
    fn based(&mut self, from: usize) -> bool {
        let mut ahead = 0;
        let mut digits = String::new();
        while let Some(c) = self.peek(ahead)
            && (c.is_ascii_digit() || c.is_ascii_uppercase())
            && ahead < 64
        {
            digits.push(c.to_ascii_lowercase());
            ahead += 1;
        }
        if self.peek(ahead) != Some('_') || digits.chars().all(|c| c.is_ascii_digit()) {
            return false;
        }
        let braced = self.peek(ahead + 1) == Some('{');
        ahead += 1 + usize::from(braced);
        let mut base = String::new();
        while let Some(c) = self.peek(ahead)
            && c.is_ascii_digit()
            && base.len() < 3
        {
            base.push(c);
            ahead += 1;
        }
        let Ok(base @ 11..=36) = base.parse::<u32>() else {
            return false;
        };
        if !digits.chars().all(|c| c.is_digit(base)) || (braced && self.peek(ahead) != Some('}')) {
            return false;
        }
        self.pos += ahead + usize::from(braced);
        self.push(Kind::Based(digits, base), from);
        true
    }
}
