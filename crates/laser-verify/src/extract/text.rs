//! Small helpers on text that the ways of extraction share.

/// Words that stand between the parts of one answer, in a few languages.
const JOIN_WORDS: [&str; 10] = ["and", "or", "und", "oder", "et", "ou", "y", "o", "e", "&"];

/// Words that start a correction or a conclusion: what follows replaces what went before, it does
/// not add to it.
const BREAK_WORDS: [&str; 20] = [
    "but",
    "wait",
    "actually",
    "not",
    "no",
    "so",
    "therefore",
    "thus",
    "hence",
    "instead",
    "rather",
    "which",
    "then",
    "answer",
    "equals",
    "simplifies",
    "becomes",
    "correct",
    "because",
    "since",
];

/// What stands between two pieces of mathematics.
#[derive(Debug, Default)]
pub(super) struct Between {
    /// A comma, a semicolon, "and", "or".
    pub strong: bool,
    /// Other words.
    pub words: usize,
    pub newlines: usize,
    /// An equals sign, a digit, an unknown command: the pieces may be sides of one formula.
    pub formula: bool,
    /// Other punctuation.
    pub marks: bool,
    /// The end of a sentence or a word of correction.
    pub broken: bool,
    /// "and" or "or" itself, not a mere comma.
    pub word_join: bool,
}

/// Reads the text between two pieces.
pub(super) fn between(text: &str) -> Between {
    let mut seen = Between::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\n' => seen.newlines += 1,
            ',' | ';' | '、' | '，' | '；' => seen.strong = true,
            '和' | '或' | '与' | '及' => {
                seen.strong = true;
                seen.word_join = true;
            }
            '$' | '{' | '}' | '~' | '&' => {}
            '.' | '。' | '!' | '?' => {
                seen.broken |= after.chars().next().is_none_or(char::is_whitespace);
            }
            '\\' => {
                let name = word_len(after);
                if name == 0 {
                    // `\(`, `\,`, `\\` and the like: one more character, no meaning.
                    rest = after.chars().next().map_or("", |d| &after[d.len_utf8()..]);
                    continue;
                }
                match &after[..name] {
                    "quad" | "qquad" | "text" | "mathrm" | "textbf" | "mbox" | "textrm"
                    | "hspace" | "n" => {}
                    "lor" | "land" | "vee" | "wedge" => {
                        seen.strong = true;
                        seen.word_join = true;
                    }
                    _ => seen.formula = true,
                }
                rest = &after[name..];
                continue;
            }
            c if c.is_whitespace() => {}
            c if c.is_alphabetic() => {
                let length = word_len(rest);
                let word = &rest[..length];
                if is_one_of(word, &JOIN_WORDS) {
                    seen.strong = true;
                    seen.word_join = true;
                } else {
                    seen.words += 1;
                    seen.broken |= is_one_of(word, &BREAK_WORDS);
                }
                rest = &rest[length..];
                continue;
            }
            '=' | '<' | '>' | '≈' | '→' | '⇒' => seen.formula = true,
            c if c.is_numeric() => seen.formula = true,
            _ => seen.marks = true,
        }
        rest = after;
    }
    seen
}

/// Whether the text between two boxes makes them parts of one answer.
pub(super) fn joins_boxes(text: &str) -> bool {
    if text.len() > 80 {
        return false;
    }
    let seen = between(text);
    if seen.broken {
        return false;
    }
    if seen.words == 0 && !seen.formula {
        return seen.strong || seen.newlines <= 1;
    }
    let words = if seen.word_join { 4 } else { 2 };
    seen.strong && seen.words <= words && seen.newlines <= 1
}

/// Whether the text between two delimited pieces makes them parts of one answer: nothing but the
/// joining word, since `$x$ of the $y$` is prose.
pub(super) fn joins_math(text: &str) -> bool {
    if text.len() > 40 {
        return false;
    }
    let seen = between(text);
    seen.strong
        && seen.words == 0
        && !seen.formula
        && !seen.broken
        && !seen.marks
        && seen.newlines <= 1
}

pub(super) fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

/// Bytes of the run of letters that `text` starts with.
pub(super) fn word_len(text: &str) -> usize {
    text.char_indices()
        .find(|(_, c)| !c.is_alphabetic())
        .map_or(text.len(), |(at, _)| at)
}

/// The words of at least two letters outside braces, commands and their names left out.
pub(super) fn bare_words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut depth = 0usize;
    std::iter::from_fn(move || {
        while let Some(c) = rest.chars().next() {
            if c == '\\' {
                // Doubly escaped text has two of them before the name.
                rest = rest.strip_prefix("\\\\").map_or(rest, |_| &rest[1..]);
                let name = word_len(&rest[1..]);
                let skipped = if name == 0 {
                    rest[1..].chars().next().map_or(0, char::len_utf8)
                } else {
                    name
                };
                rest = &rest[1 + skipped..];
                continue;
            }
            if c.is_alphabetic() {
                let length = word_len(rest);
                let word = &rest[..length];
                rest = &rest[length..];
                if depth == 0 && word.chars().nth(1).is_some() {
                    return Some(word);
                }
                continue;
            }
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            rest = &rest[c.len_utf8()..];
        }
        None
    })
}

/// Where a percent sign or word that stands at `at` ends, closing delimiters and spaces between
/// skipped.
pub(super) fn percent_after(text: &str, at: usize) -> Option<usize> {
    let mut rest = text.get(at..)?;
    for _ in 0..6 {
        let next = rest
            .strip_prefix("\\)")
            .or_else(|| rest.strip_prefix("\\]"))
            .or_else(|| rest.strip_prefix(['$', '}', ' ', '\u{a0}', '*', '~']));
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    let after = percent_prefix(rest)?;
    Some(text.len() - after.len())
}

fn percent_prefix(text: &str) -> Option<&str> {
    if let Some(after) = text.strip_prefix('%').or_else(|| text.strip_prefix("\\%")) {
        return Some(after);
    }
    ["percentage", "percent", "per cent", "pct"]
        .into_iter()
        .find_map(|word| {
            let head = text.get(..word.len())?;
            let after = &text[word.len()..];
            (head.eq_ignore_ascii_case(word) && !after.starts_with(char::is_alphanumeric))
                .then_some(after)
        })
}

/// Takes a percent sign or word off the end, if what is left is not empty.
pub(super) fn strip_percent(text: &str) -> (&str, bool) {
    if let Some(head) = text.strip_suffix('%') {
        let head = head.strip_suffix('\\').unwrap_or(head).trim_end();
        return if head.is_empty() {
            (text, false)
        } else {
            (head, true)
        };
    }
    for word in ["percentage", "percent", "per cent", "pct"] {
        let Some(cut) = text.len().checked_sub(word.len()) else {
            continue;
        };
        let Some(tail) = text.get(cut..) else {
            continue;
        };
        let head = text[..cut].trim_end();
        if tail.eq_ignore_ascii_case(word)
            && head.ends_with(|c: char| c.is_ascii_digit() || ")}$".contains(c))
        {
            return (head, true);
        }
    }
    (text, false)
}

/// Trims space and the punctuation that closes a sentence or clause, but no command such as `\,`.
pub(super) fn trim_inner(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(head) = text.strip_suffix(['.', ',', ';', '。', '，']) {
        if head.ends_with('\\') {
            break;
        }
        text = head.trim_end();
    }
    text
}

/// Trims what prose puts around an answer: markdown, quotes, punctuation.
pub(super) fn trim_prose(text: &str) -> &str {
    let mut text = text.trim();
    // More layers than this are no answer, and would take long.
    for _ in 0..16 {
        let mut next = text;
        for pair in ["**", "__", "`", "\"", "“", "”", "\\\""] {
            next = next.strip_prefix(pair).unwrap_or(next).trim();
            next = next.strip_suffix(pair).unwrap_or(next).trim();
        }
        next = next.trim_start_matches([':', '：']);
        next = next.strip_prefix("* ").unwrap_or(next);
        // One star may be half of `**…**` that the cut went through, never an answer's start.
        next = next.strip_prefix('*').unwrap_or(next);
        next = trim_inner(next.trim_end_matches(':'));
        if next.len() == text.len() {
            return text;
        }
        text = next;
    }
    text
}

/// The end of a text in which an answer without any mark is looked for, and where it starts.
pub(super) fn tail(text: &str) -> usize {
    let start = text.len().saturating_sub(1 << 17);
    (start..=text.len())
        .find(|&start| text.is_char_boundary(start))
        .unwrap_or(0)
}

/// Where `part`, a slice of `whole`, lies in it. Empty at zero when it is no slice of it.
pub(super) fn offset_of(whole: &str, part: &str) -> usize {
    let at = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    if at <= whole.len() { at } else { 0 }
}

/// The start of the line that `at` lies in.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}
