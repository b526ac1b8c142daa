//! Single characters to tokens: operators, brackets, letters of other alphabets, scripts.

use super::lexer::Lexer;
use super::tables::{greek, is_cjk, subscript, superscript, vulgar};
use super::token::Kind;
use crate::ast::{Constant, NumberSet, Relation};

impl Lexer<'_> {
    pub fn symbol(&mut self, c: char) {
        let relation = |r| Kind::Relation(r);
        for (text, kind) in [
            ("<=>", relation(Relation::Arrow)),
            ("<=", relation(Relation::LessEqual)),
            (">=", relation(Relation::GreaterEqual)),
            ("=<", relation(Relation::LessEqual)),
            ("==", relation(Relation::Equal)),
            ("=>", relation(Relation::Arrow)),
            ("->", relation(Relation::Arrow)),
            ("!=", relation(Relation::NotEqual)),
            ("<>", relation(Relation::NotEqual)),
            (":=", relation(Relation::Equal)),
            ("!!", Kind::DoubleBang),
            ("+/-", Kind::PlusMinus),
            ("&&", Kind::And),
        ] {
            if self.starts(text) {
                let matrix = matches!(self.environments.last(), Some(Some(_)));
                if kind == Kind::And && (matrix || !self.environments.is_empty()) {
                    break;
                }
                self.take(text.len(), kind);
                return;
            }
        }
        // `x = +-5` is both; `3+-2` adds a negative number.
        if self.starts("+-") && !self.tokens.last().is_some_and(|t| t.kind.ends_operand()) {
            self.take(2, Kind::PlusMinus);
            return;
        }
        if self.starts("**") {
            // `**` at an operand's place is what is left of markdown emphasis.
            let power = self.tokens.last().is_some_and(|t| t.kind.ends_operand())
                && self
                    .peek(2)
                    .is_some_and(|c| c.is_alphanumeric() || "({-".contains(c));
            if power {
                self.take(2, Kind::Caret);
            } else {
                self.pos += 2;
            }
            return;
        }
        if self.starts("...") {
            self.take(3, Kind::Name("dots".to_owned()));
            return;
        }
        let kind = match c {
            '+' => Kind::Plus,
            '-' => Kind::Minus,
            '×' if self.crosses(1) => Kind::Cross,
            '*' | '×' | '·' => Kind::Times,
            '/' | '÷' => Kind::Divide,
            '^' => {
                self.caret();
                return;
            }
            '_' => Kind::Underscore,
            '!' => Kind::Bang,
            '\'' => Kind::Prime,
            '%' | '％' => Kind::Percent,
            '°' | 'º' | '˚' => Kind::Degree,
            '€' => Kind::Money("€"),
            '£' => Kind::Money("£"),
            '¥' | '￥' => Kind::Money("¥"),
            '=' => relation(Relation::Equal),
            '<' => relation(Relation::Less),
            '>' => relation(Relation::Greater),
            '≤' | '⩽' | '≦' => relation(Relation::LessEqual),
            '≥' | '⩾' | '≧' => relation(Relation::GreaterEqual),
            '≠' => relation(Relation::NotEqual),
            '≈' | '≃' | '∼' | '≅' => relation(Relation::Approximately),
            '≡' => relation(Relation::Congruent),
            '∈' => relation(Relation::In),
            '∉' => relation(Relation::NotIn),
            '⊂' | '⊆' => relation(Relation::Subset),
            '→' | '⇒' | '↦' | '⟹' | '⟶' | '⇔' => relation(Relation::Arrow),
            '∪' => Kind::Union,
            '∩' => Kind::Intersection,
            '∖' => Kind::Difference,
            '∧' | '且' | '和' => Kind::And,
            '∨' | '或' => Kind::Or,
            '±' => Kind::PlusMinus,
            '∓' => Kind::MinusPlus,
            '√' => Kind::Sqrt,
            '∛' => Kind::CubeRoot,
            'π' => Kind::Constant(Constant::Pi),
            '∞' => Kind::Constant(Constant::Infinity),
            '∅' | 'Ø' => Kind::EmptySet,
            'ℝ' => Kind::NumberSet(NumberSet::Real),
            'ℤ' => Kind::NumberSet(NumberSet::Integer),
            'ℕ' => Kind::NumberSet(NumberSet::Natural),
            'ℚ' => Kind::NumberSet(NumberSet::Rational),
            'ℂ' => Kind::NumberSet(NumberSet::Complex),
            '∑' => Kind::Big(crate::ast::Big::Sum),
            '∏' => Kind::Big(crate::ast::Big::Product),
            '∫' => Kind::Big(crate::ast::Big::Integral),
            ',' => Kind::Comma,
            ';' => Kind::Semicolon,
            ':' => Kind::Colon,
            '|' => Kind::Bar,
            '‖' => Kind::DoubleBar,
            '(' => Kind::LParen,
            ')' => Kind::RParen,
            '[' => Kind::LBracket,
            ']' => Kind::RBracket,
            '⟨' | '〈' => Kind::AngleOpen,
            '⟩' | '〉' => Kind::AngleClose,
            '⌊' => Kind::FloorOpen,
            '⌋' => Kind::FloorClose,
            '⌈' => Kind::CeilOpen,
            '⌉' => Kind::CeilClose,
            '{' => {
                self.brace();
                return;
            }
            '}' => Kind::RBrace,
            '.' => Kind::Dot,
            '…' | '⋯' => Kind::Name("dots".to_owned()),
            '∠' | '△' => {
                self.points = true;
                self.pos += 1;
                return;
            }
            '"' | '$' | '#' | '▫' | '□' | '■' => {
                self.pos += 1;
                return;
            }
            '&' => {
                if matches!(self.environments.last(), Some(Some(_))) {
                    self.single(Kind::Cell);
                } else {
                    self.pos += 1;
                }
                return;
            }
            other => {
                self.exotic(other);
                return;
            }
        };
        self.single(kind);
    }

    /// Scripts, vulgar fractions, Greek and other letters.
    fn exotic(&mut self, c: char) {
        if let Some(first) = superscript(c) {
            self.script(first, superscript, Kind::Caret);
        } else if let Some(first) = subscript(c) {
            self.script(first, subscript, Kind::Underscore);
        } else if let Some((n, d)) = vulgar(c) {
            self.single(Kind::Frac);
            let from = self.pos - 1;
            self.push(Kind::LBrace, from);
            self.push(Kind::Number(n.to_owned()), from);
            self.push(Kind::RBrace, from);
            self.push(Kind::LBrace, from);
            self.push(Kind::Number(d.to_owned()), from);
            self.push(Kind::RBrace, from);
        } else if let Some(name) = greek(c) {
            self.single(Kind::Name(name.to_owned()));
        } else if c.is_alphabetic() {
            let from = self.pos;
            let mut text = String::new();
            while let Some(c) = self.peek(0)
                && c.is_alphabetic()
                && (!c.is_ascii() || text.chars().all(|x| !is_cjk(x)))
                && !"或和且".contains(c)
            {
                text.push(c);
                self.pos += 1;
            }
            self.push(Kind::Text(text), from);
        } else {
            self.single(Kind::Name(c.to_string()));
        }
    }

    fn script(&mut self, first: char, map: fn(char) -> Option<char>, kind: Kind) {
        let from = self.pos;
        let mut text = String::from(first);
        self.pos += 1;
        while let Some(next) = self.peek(0).and_then(map) {
            text.push(next);
            self.pos += 1;
        }
        self.push(kind, from);
        self.push(Kind::LBrace, from);
        let mut digits = String::new();
        for c in text.chars().chain(['}']) {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            if !digits.is_empty() {
                let number = std::mem::take(&mut digits);
                self.push(Kind::Number(number), from);
            }
            match c {
                '}' => self.push(Kind::RBrace, from),
                '+' => self.push(Kind::Plus, from),
                '-' => self.push(Kind::Minus, from),
                '(' => self.push(Kind::LParen, from),
                ')' => self.push(Kind::RParen, from),
                letter => self.push(Kind::Letter(letter), from),
            }
        }
    }

    /// `^`, `^\circ`, `^{\circ}`, `^\prime`, `^*`.
    fn caret(&mut self) {
        let mut rest: String = self
            .chars
            .iter()
            .skip(self.pos + 1)
            .take(12)
            .map(|x| x.c)
            .collect();
        rest.retain(|c| c != ' ');
        let braced = rest.starts_with('{');
        let inner = rest.trim_start_matches('{');
        let kind = [
            ("\\circ", Kind::Degree),
            ("°", Kind::Degree),
            ("\\degree", Kind::Degree),
            ("o}", Kind::Degree),
            ("\\prime", Kind::Prime),
        ]
        .into_iter()
        .find(|(name, _)| {
            inner.strip_prefix(name).is_some_and(|after| {
                if braced {
                    after.starts_with('}') || name.ends_with('}')
                } else {
                    !(name.ends_with('}')
                        || name.starts_with('\\')
                            && after.starts_with(|c: char| c.is_ascii_lowercase()))
                }
            })
        });
        let from = self.pos;
        let Some((name, kind)) = kind else {
            self.single(Kind::Caret);
            return;
        };
        // Walk over the same characters, spaces included.
        let wanted = name.trim_end_matches('}').chars().count() + 2 * usize::from(braced);
        let mut seen = 0;
        self.pos += 1;
        while seen < wanted && self.pos < self.chars.len() {
            if self.peek(0) != Some(' ') {
                seen += 1;
            }
            self.pos += 1;
        }
        self.push(kind, from);
    }
}
