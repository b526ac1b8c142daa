//! Answers to multiple choice: the letter, or one of given strings, as a whole word.

use std::ops::Range;

use super::anchor::Anchor;

/// The choice that a response names: behind an anchor, else at its start, else alone on its last
/// line, else the last that stands as a word of its own.
pub(super) fn find(
    text: &str,
    anchors: &[Anchor],
    choices: &[String],
    ignore_case: bool,
) -> Option<Range<usize>> {
    for (index, anchor) in anchors.iter().enumerate().rev() {
        let until = anchors
            .get(index + 1)
            .map_or(text.len(), |next| next.start)
            .min(anchor.end + 80);
        let until = (anchor.end..=until)
            .rev()
            .find(|&until| text.is_char_boundary(until))?;
        let scope = &text[anchor.end..until];
        if let Some(found) = words(scope, choices, ignore_case).next() {
            return Some(anchor.end + found.start..anchor.end + found.end);
        }
    }
    let lead = |line: &str| {
        let head = line.len().min(200);
        let line = &line[..(0..=head)
            .rev()
            .find(|&at| line.is_char_boundary(at))
            .unwrap_or(0)];
        let marks = line.len()
            - line
                .trim_start_matches(|c: char| c.is_whitespace() || "*_([#>`$".contains(c))
                .len();
        words(line, choices, ignore_case)
            .next()
            .filter(|found| found.start == marks)
    };
    if let Some(found) = lead(text) {
        return Some(found);
    }
    let last = text.trim_end();
    let start = super::text::line_start(last, last.len());
    if let Some(found) = lead(&last[start..])
        && !last[start + found.end..].contains(char::is_alphanumeric)
    {
        return Some(start + found.start..start + found.end);
    }
    let from = super::text::tail(text);
    words(&text[from..], choices, ignore_case)
        .last()
        .map(|found| from + found.start..from + found.end)
}

/// The choices in a text that stand as whole words.
fn words<'t>(
    text: &'t str,
    choices: &'t [String],
    ignore_case: bool,
) -> impl Iterator<Item = Range<usize>> + 't {
    let mut at = 0;
    let mut glued = false;
    std::iter::from_fn(move || {
        while let Some(c) = text[at..].chars().next() {
            let start = at;
            let boundary = !glued;
            at += c.len_utf8();
            glued = c.is_alphanumeric() || c == '_' || c == '\'' && glued;
            if !boundary {
                continue;
            }
            for choice in choices.iter().filter(|choice| !choice.is_empty()) {
                let Some(length) = prefix(&text[start..], choice, ignore_case) else {
                    continue;
                };
                let rest = &text[start + length..];
                let word_end = choice.ends_with(char::is_alphanumeric);
                if word_end
                    && rest.starts_with(|c: char| c.is_alphanumeric() || c == '\'' || c == '’')
                {
                    continue;
                }
                // "A train leaves": the article, not the choice.
                let article = choice.eq_ignore_ascii_case("a")
                    && rest
                        .strip_prefix(' ')
                        .is_some_and(|rest| rest.starts_with(char::is_lowercase));
                let verb = rest
                    .get(..4)
                    .is_some_and(|rest| rest == " is " || rest == " and" || rest == " or ");
                if article && !verb {
                    continue;
                }
                at = start + length;
                glued = word_end;
                return Some(start..at);
            }
        }
        None
    })
}

/// The length of the head of `text` that is `choice`.
fn prefix(text: &str, choice: &str, ignore_case: bool) -> Option<usize> {
    if !ignore_case {
        return text.starts_with(choice).then_some(choice.len());
    }
    let mut rest = text.chars();
    for c in choice.chars() {
        if !rest.next()?.to_lowercase().eq(c.to_lowercase()) {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}
