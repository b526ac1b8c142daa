//! Texts made alike where they differ in nothing but writing, and hashes of them.

use laser_rng::mix;

/// LaTeX that only moves things on the page.
const SPACING: [&str; 22] = [
    "quad",
    "qquad",
    "enspace",
    "thinspace",
    "left",
    "right",
    "middle",
    "big",
    "Big",
    "bigg",
    "Bigg",
    "bigl",
    "bigr",
    "Bigl",
    "Bigr",
    "displaystyle",
    "textstyle",
    "limits",
    "nolimits",
    "hfill",
    "noindent",
    "par",
];

/// The words of a text, with one space between them.
///
/// A word is a run of letters and digits in lower case (with a decimal point inside a number), a
/// LaTeX command, or a mathematical sign by itself. White space, punctuation, quotation marks,
/// `$`, LaTeX spacing and braces around a single letter or digit are gone, `\dfrac` is `\frac`.
/// Signs that change the mathematics stay: `5!` is not `5`, `a+b` not `a-b`.
pub(crate) fn normalise(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Words::default();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        at += 1;
        match c {
            '\\' => at += command(&chars[at..], &mut words),
            '{' => match (next, chars.get(at + 1)) {
                (Some(only), Some('}')) if only.is_alphanumeric() => {
                    words.letter(only);
                    at += 2;
                }
                _ => words.sign(c),
            },
            '.' if words.ends_in_digit() && next.is_some_and(|n| n.is_ascii_digit()) => {
                words.letter(c);
            }
            '–' | '—' | '−' => words.sign('-'),
            _ if c.is_whitespace() || is_punctuation(c) => words.end(),
            _ if stands_alone(c) => words.sign(c),
            _ if c.is_alphanumeric() => c.to_lowercase().for_each(|c| words.letter(c)),
            _ => words.sign(c),
        }
    }
    words.text
}

/// Reads what follows a backslash; gives the number of characters read.
fn command(rest: &[char], words: &mut Words) -> usize {
    words.end();
    let name: String = rest
        .iter()
        .take_while(|c| c.is_ascii_alphabetic())
        .collect();
    match (name.as_str(), rest.first()) {
        ("", None) => return 0,
        // `\,` and the like, the delimiters of formulas, line breaks, a literal dollar.
        ("", Some(',' | ';' | ':' | '!' | '>' | '(' | ')' | '[' | ']' | '\\' | '$')) => return 1,
        ("", Some(c)) if c.is_whitespace() => return 1,
        ("", Some(&c)) => {
            words.sign(c);
            return 1;
        }
        ("dfrac" | "tfrac" | "cfrac", _) => words.word("\\frac"),
        (spacing, _) if SPACING.contains(&spacing) => {}
        (name, _) => words.word(&format!("\\{name}")),
    }
    name.len()
}

fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '?'
            | '"'
            | '\''
            | '`'
            | '$'
            | '~'
            | '‘'
            | '’'
            | '“'
            | '”'
            | '«'
            | '»'
            | '…'
            | '¿'
            | '¡'
            | '。'
            | '，'
            | '、'
            | '；'
            | '：'
            | '？'
    )
}

/// Scripts without spaces, in which each character counts as a word: kana and Chinese characters.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

/// Words under way.
#[derive(Default)]
struct Words {
    text: String,
    /// Whether the last word may go on.
    open: bool,
}

impl Words {
    fn letter(&mut self, c: char) {
        if !self.open {
            self.begin();
            self.open = true;
        }
        self.text.push(c);
    }

    fn sign(&mut self, c: char) {
        self.begin();
        self.text.push(c);
        self.open = false;
    }

    fn word(&mut self, word: &str) {
        self.begin();
        self.text.push_str(word);
        self.open = false;
    }

    fn begin(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn end(&mut self) {
        self.open = false;
    }

    fn ends_in_digit(&self) -> bool {
        self.open && self.text.ends_with(|c: char| c.is_ascii_digit())
    }
}

/// A hash that is the same on every machine and in every version.
pub(crate) fn hash(words: impl IntoIterator<Item = u64>, seed: u64) -> u64 {
    words.into_iter().fold(mix(seed), |state, word| {
        mix(state ^ word).wrapping_add(word)
    })
}

/// The hashes of normalised words, in order.
pub(crate) fn word_hashes(normal: &str) -> Vec<u64> {
    let word = |word: &str| {
        let bytes = word.as_bytes().chunks(8).map(|chunk| {
            chunk
                .iter()
                .fold(0, |eight, &byte| eight << 8 | u64::from(byte))
        });
        hash(bytes, word.len() as u64)
    };
    normal.split_ascii_whitespace().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_writing_alone_are_alike() {
        for (a, b) in [
            ("What is  $1+1$?", "what is 1 + 1"),
            (r"Find \[x^{2}\,y\].", "Find $x^2 y$"),
            (r"\left(\dfrac{1}{2}\right)", r"(\frac12)"),
            ("She said “no”.", "She said \"no\""),
            ("3 − 2", "3-2"),
            (r"It costs \$5.", "It costs $5"),
            ("求三角形。", "求三角形"),
        ] {
            assert_eq!(normalise(a), normalise(b), "{a} | {b}");
        }
    }

    #[test]
    fn texts_that_differ_in_mathematics_stay_different() {
        for (a, b) in [
            ("3+4", "3-4"),
            ("5!", "5"),
            ("1.5", "15"),
            ("1.5", "1 5"),
            (r"\frac{12}{3}", r"\frac{1}{23}"),
            ("2(3+4)", "23+4"),
            ("x_1", "x^1"),
            (r"\Delta", r"\delta"),
            ("x^{2y}", "x^2y"),
        ] {
            assert_ne!(normalise(a), normalise(b), "{a} | {b}");
        }
    }

    #[test]
    fn any_text_has_words_without_empty_ones() {
        for text in [
            "",
            "\\",
            "{",
            "{a",
            "\\\\",
            "é\u{301}",
            "。",
            "a.",
            ".5",
            "{1}{2",
        ] {
            let normal = normalise(text);
            assert!(
                !normal.contains("  ") && normal.trim() == normal,
                "{text:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in r"(\PC|[\\{}.$ \n0-9a-c]){0,40}") {
            let normal = normalise(&text);
            proptest::prop_assert!(!normal.contains("  ") && normal.trim() == normal);
        }
    }

    #[test]
    fn hashes_tell_words_and_their_order_apart() {
        let hashes = |text| hash(word_hashes(text), 0);
        assert_ne!(hashes("a b"), hashes("b a"));
        assert_ne!(hashes("a b"), hashes("ab"));
        assert_ne!(hashes("aaaaaaaa"), hashes("aaaaaaaaa"));
        assert_ne!(hashes(""), hashes("a"));
        assert_eq!(hashes("a b"), hashes("a b"));
    }
}
