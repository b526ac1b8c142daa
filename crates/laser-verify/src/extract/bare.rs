//! Whether a short text is nothing but an answer.

use super::text::{bare_words, is_one_of, trim_prose};

/// Words that mathematics is written with.
const MATH_WORDS: [&str; 36] = [
    "and",
    "or",
    "sqrt",
    "pi",
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "log",
    "ln",
    "exp",
    "max",
    "min",
    "gcd",
    "lcm",
    "mod",
    "frac",
    "inf",
    "infty",
    "infinity",
    "in",
    "union",
    "percent",
    "percentage",
    "pct",
    "deg",
    "degrees",
    "if",
    "arcsin",
    "arccos",
    "arctan",
    "abs",
    "det",
    "cup",
];

/// Words of sentences.
const PROSE: [&str; 34] = [
    "is",
    "are",
    "was",
    "the",
    "so",
    "we",
    "you",
    "it",
    "because",
    "not",
    "this",
    "that",
    "therefore",
    "thus",
    "hence",
    "there",
    "answer",
    "have",
    "has",
    "get",
    "find",
    "since",
    "for",
    "with",
    "solution",
    "which",
    "what",
    "to",
    "of",
    "an",
    "sorry",
    "can",
    "cannot",
    "don",
];

/// The answer that `text` consists of, if it does.
pub(super) fn bare(text: &str) -> Option<&str> {
    if text.trim().len() > 400 {
        return None;
    }
    let answer = trim_prose(text);
    if answer.is_empty() || answer.len() > 200 {
        return None;
    }
    let mathematical = |c: char| c.is_numeric() || "\\=+*/^<>([{πφ∞√∅±×≤≥∈".contains(c);
    // A code such as `AZYUK2A` is no product of letters.
    let mut run = (0, false, false);
    for c in answer.chars().chain([' ']) {
        if c.is_ascii_uppercase() {
            run = (run.0 + 1, run.1, true);
        } else if c.is_ascii_digit() && run.2 {
            run.1 = true;
        } else if !c.is_alphanumeric() {
            if run.0 > 2 && run.1 {
                return None;
            }
            run = (0, false, false);
        }
    }
    let (mut leading, mut words) = (0, 0);
    let first = answer.find(mathematical).unwrap_or(answer.len());
    let equation = answer[first..].starts_with(['=', '(', '\\', '<', '>', '∈', '≤', '≥']);
    for word in bare_words(answer) {
        if is_one_of(word, &PROSE) {
            return None;
        }
        if is_one_of(word, &MATH_WORDS) {
            continue;
        }
        words += 1;
        leading += usize::from(super::text::offset_of(answer, word) < first);
    }
    if first == answer.len() {
        // No mathematics at all: a name, a word, a letter.
        let count = answer.split_whitespace().count();
        let letters = answer.len() <= 40 && bare_words(answer).next().is_none();
        return ((count <= 2 || letters) && !answer.contains([':', '$'])).then_some(answer);
    }
    let allowed = if equation {
        leading <= 1 && words <= 3
    } else {
        leading == 0 && words <= 3
    };
    allowed.then_some(answer)
}
