//! "The answer is …": phrases that announce the answer, and what they announce.

use std::borrow::Cow;
use std::ops::Range;

use super::boxed;
use super::math::{self, Piece};
use super::plain::{self, Run, Runs};
use super::text::{between, is_one_of, line_start, percent_after, trim_prose, word_len};

/// How far behind an anchor its answer may start, bytes.
const WINDOW: usize = 240;

/// Words that may stand between an anchor and its answer.
const FILLERS: [&str; 34] = [
    "is",
    "are",
    "be",
    "the",
    "a",
    "an",
    "that",
    "approximately",
    "about",
    "roughly",
    "around",
    "exactly",
    "simply",
    "just",
    "therefore",
    "thus",
    "then",
    "so",
    "equal",
    "equals",
    "to",
    "option",
    "choice",
    "number",
    "value",
    "indeed",
    "only",
    "interval",
    "point",
    "est",
    "ist",
    "es",
    "given",
    "by",
];

/// Words that are no answer in words.
const EMPTY_WORDS: [&str; 24] = [
    "correct",
    "right",
    "wrong",
    "incorrect",
    "not",
    "below",
    "above",
    "as",
    "given",
    "obtained",
    "found",
    "that",
    "unclear",
    "in",
    "follows",
    "the",
    "this",
    "what",
    "because",
    "we",
    "to",
    "it",
    "and",
    "here",
];

/// Phrases of other languages, and whether they announce the final answer.
const PHRASES: [(&str, bool); 17] = [
    ("最终答案", true),
    ("答案", false),
    ("答え", false),
    ("réponse finale", true),
    ("la réponse est", false),
    ("réponse", false),
    ("endgültige antwort", true),
    ("die antwort ist", false),
    ("die antwort lautet", false),
    ("antwort", false),
    ("respuesta final", true),
    ("la respuesta es", false),
    ("respuesta", false),
    ("a resposta é", false),
    ("resposta", false),
    ("la risposta è", false),
    ("ответ", false),
];

/// A phrase that announces an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub start: usize,
    pub end: usize,
    pub is_final: bool,
}

/// What an anchor announces.
pub(super) struct Announced<'a> {
    pub parts: Vec<Cow<'a, str>>,
    pub percent: bool,
    pub span: Range<usize>,
}

/// All anchors of a text in one pass.
pub(super) fn anchors(text: &str) -> Vec<Anchor> {
    let bytes = text.as_bytes();
    let mut found: Vec<Anchor> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let b = bytes[at];
        let may_start =
            matches!(b | 0x20, b'a' | b'r' | b'l' | b'd' | b'e') || matches!(b, 0xE6 | 0xE7 | 0xD0);
        if may_start
            && (b >= 0x80 || !text[..at].ends_with(char::is_alphanumeric))
            && text.is_char_boundary(at)
            && let Some(anchor) = anchor_at(text, at)
        {
            at = anchor.end.max(at + 1);
            found.push(anchor);
        } else {
            at += 1;
        }
    }
    found
}

fn starts_with(text: &str, at: usize, word: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .get(at..at + word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

/// Skips the marks that markdown puts around words.
fn skip_marks(text: &str, mut at: usize) -> usize {
    let limit = at + 8;
    while at < limit
        && text
            .as_bytes()
            .get(at)
            .is_some_and(|b| b" *_`\"".contains(b))
    {
        at += 1;
    }
    at
}

fn anchor_at(text: &str, at: usize) -> Option<Anchor> {
    let bytes = text.as_bytes();
    let line_begins = || {
        let floor = (at.saturating_sub(8)..=at)
            .find(|&floor| text.is_char_boundary(floor))
            .unwrap_or(at);
        let start = floor + line_start(&text[floor..at], at - floor);
        (start == 0 || bytes[start - 1] == b'\n')
            && bytes[start..at].iter().all(|b| b" *_#>".contains(b))
    };
    let answer = starts_with(text, at, "answer");
    if answer || starts_with(text, at, "result") {
        let head = text[..at].trim_end_matches([' ', '*', '_']);
        let is_final =
            head.len() + 4 > at && head.len() >= 5 && starts_with(text, head.len() - 5, "final");
        if !answer && !is_final {
            return None;
        }
        let mut end = at + 6;
        if bytes.get(end).is_some_and(|b| b | 0x20 == b's') {
            end += 1;
        }
        if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let after = skip_marks(text, end);
        let found = |end| {
            Some(Anchor {
                start: at,
                end,
                is_final,
            })
        };
        if let Some(&b) = bytes.get(after)
            && (b == b':' || b == b'=')
        {
            return found(after + 1);
        }
        if text[after..].starts_with('：') {
            return found(after + '：'.len_utf8());
        }
        for phrase in [
            "is",
            "are",
            "would be",
            "should be",
            "will be",
            "must be",
            "becomes",
            "equals",
        ] {
            let stop = after + phrase.len();
            if starts_with(text, after, phrase)
                && !bytes.get(stop).is_some_and(u8::is_ascii_alphanumeric)
            {
                return found(stop);
            }
        }
        let line_ends = matches!(bytes.get(after), Some(b'\n' | b'\r'));
        if (is_final && (line_ends || after > end + 1)) || (line_begins() && line_ends) {
            return found(after);
        }
        let formula = matches!(bytes.get(after), Some(b'$' | b'\\'))
            || bytes.get(after).is_some_and(u8::is_ascii_digit);
        if formula && (is_final || line_begins()) {
            return found(after);
        }
        // "The answer to the question is 5."
        if !["to ", "for ", "in ", "of ", ", in "]
            .iter()
            .any(|word| text[after..].starts_with(word))
        {
            return None;
        }
        let limit = (after..=after + 80)
            .rev()
            .find(|&limit| text.is_char_boundary(limit))?;
        let clause = &text[after..limit];
        let stop = clause
            .find(['.', '\n', '$', ':', '\\'])
            .unwrap_or(clause.len());
        if let Some(is) = clause[..stop].find(" is ") {
            return found(after + is + 3);
        }
        return None;
    }
    // `A: 18`, unless it is the first line of a list of options.
    if bytes[at] == b'A' && bytes.get(at + 1) == Some(&b':') && line_begins() {
        let rest = text.get(at + 2..)?;
        let line = rest
            .char_indices()
            .take(200)
            .find(|(_, c)| *c == '\n')
            .map_or("", |(newline, _)| &rest[newline..]);
        let options = line
            .trim_start()
            .get(..2)
            .is_some_and(|head| matches!(head, "B:" | "B." | "B)"));
        return (!options).then_some(Anchor {
            start: at,
            end: at + 2,
            is_final: false,
        });
    }
    let (phrase, is_final) = PHRASES
        .into_iter()
        .find(|(phrase, _)| starts_with(text, at, phrase))?;
    let end = at + phrase.len();
    let after = skip_marks(text, end);
    let announced = phrase.contains(' ')
        && (phrase.ends_with("est") || phrase.ends_with("es") || phrase.contains("die "))
        || phrase.ends_with('é')
        || phrase.ends_with('è')
        || is_final;
    let mut stop = None;
    for word in [
        ":", "：", "是", "为", "為", "は", "=", "est", "ist", "lautet", "es", "é", "è",
    ] {
        if text[after..].starts_with(word) {
            stop = Some(after + word.len());
            break;
        }
    }
    let end = stop.or(announced.then_some(after))?;
    Some(Anchor {
        start: at,
        end,
        is_final,
    })
}

/// Something in a sentence that may be the answer.
#[derive(Clone, Copy)]
enum Element {
    /// The index of the piece.
    Math(usize),
    Plain(Run),
}

/// What the anchor that ends at `from` announces; nothing from `until` on belongs to it.
pub(super) fn announced<'a>(
    text: &'a str,
    pieces: &[Piece],
    from: usize,
    until: usize,
) -> Option<Announced<'a>> {
    let start = from + filler_len(text.get(from..until)?);
    let first_piece = pieces.partition_point(|piece| piece.start < start);
    let end = sentence_end(text, pieces, first_piece, start, until);
    let scope = &text[start..end];

    // A formula right after the words comes before a box later in the sentence.
    let announced_at_once = |box_start: usize| {
        pieces.get(first_piece).is_some_and(|piece| {
            let gap = text.get(start..piece.start).unwrap_or("boxed");
            piece.end <= box_start && filler_len(gap) == gap.len()
        })
    };
    let group = scope.contains("boxed").then(|| boxed::scan(scope).group);
    if let Some(group) = group.flatten()
        && !announced_at_once(start + group.span.start)
    {
        let span = start + group.span.start..start + group.span.end;
        let parts = group
            .parts
            .iter()
            .map(|part| Cow::Borrowed(scope[part.clone()].trim()))
            .collect();
        return Some(Announced {
            parts,
            percent: percent_after(text, span.end).is_some(),
            span,
        });
    }

    let elements = elements(text, pieces, first_piece, start, end);
    let place = |element: &Element| match element {
        Element::Math(index) => pieces[*index].start,
        Element::Plain(run) => run.start,
    };
    let direct = |from: usize| {
        let gap_end = elements.iter().position(|element| place(element) >= from)?;
        let gap = text.get(from..place(&elements[gap_end]))?;
        (filler_len(gap) == gap.len()).then_some(gap_end)
    };
    let chosen = direct(start)
        .or_else(|| {
            ["is", "are", "equals", "be"].iter().find_map(|copula| {
                scope.match_indices(copula).find_map(|(at, _)| {
                    let (before, after) = (&scope[..at], &scope[at + copula.len()..]);
                    let whole = before.ends_with(' ') && after.starts_with([' ', ':']);
                    whole.then(|| direct(start + at + copula.len())).flatten()
                })
            })
        })
        .or_else(|| {
            elements
                .iter()
                .rposition(|element| matches!(element, Element::Math(_)))
        })
        .or_else(|| {
            elements
                .iter()
                .rposition(|element| matches!(element, Element::Plain(run) if !run.weak))
        })
        .or(elements.len().checked_sub(1));
    let Some(chosen) = chosen else {
        return words(text, start, end);
    };
    Some(match elements[chosen] {
        Element::Math(index) => {
            let group = &pieces[math::group_from(text, pieces, index)];
            let stop = group.last().map_or(end, |piece| piece.end);
            Announced {
                parts: group
                    .iter()
                    .map(|&piece| math::inner(text, piece))
                    .collect(),
                percent: percent_after(text, stop).is_some(),
                span: pieces[index].start..stop,
            }
        }
        Element::Plain(run) => plain_list(text, &elements[chosen..], run, end),
    })
}

/// A plain expression, or several that end the sentence: `3, 4 and 5`.
fn plain_list<'a>(text: &'a str, elements: &[Element], first: Run, end: usize) -> Announced<'a> {
    let mut runs = vec![first];
    let mut joined = false;
    for element in &elements[1..] {
        let (Element::Plain(run), Some(last)) = (element, runs.last()) else {
            break;
        };
        let seen = between(&text[last.end..run.start]);
        if !seen.strong || seen.words > 0 || seen.formula || seen.marks || seen.broken {
            break;
        }
        joined |= seen.word_join;
        runs.push(*run);
    }
    let last = runs.last().map_or(first.end, |run| run.end);
    let closes = !text[last..end].chars().any(char::is_alphanumeric);
    if !(closes || joined) {
        runs.truncate(1);
    }
    let stop = runs.last().map_or(first.end, |run| run.end);
    let percent = percent_after(text, stop);
    Announced {
        parts: runs.iter().map(|run| plain::value(text, run)).collect(),
        percent: percent.is_some(),
        span: first.start..percent.unwrap_or(stop),
    }
}

/// An answer in words: `The answer is Evelyn.`
fn words(text: &str, start: usize, end: usize) -> Option<Announced<'_>> {
    let answer = trim_prose(&text[start..end]);
    let mut count = 0;
    for word in answer
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        count += 1;
        if is_one_of(word, &EMPTY_WORDS) {
            return None;
        }
    }
    if !(1..=3).contains(&count) || answer.len() > 60 {
        return None;
    }
    let at = start + text[start..end].find(answer)?;
    Some(Announced {
        parts: vec![Cow::Borrowed(answer)],
        percent: false,
        span: at..at + answer.len(),
    })
}

/// The length of what may stand between an anchor and its answer.
fn filler_len(text: &str) -> usize {
    let mut at = 0;
    while at < WINDOW {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { break };
        if c.is_whitespace() || "*_:：#>`\"“”‘=≈~'".contains(c) {
            at += c.len_utf8();
        } else if rest.starts_with("\\\"")
            || rest.starts_with("\\n") && !rest[2..].starts_with(|c: char| c.is_ascii_lowercase())
        {
            at += 2;
        } else if c.is_alphabetic() {
            let length = word_len(rest);
            // A single letter may be the answer, or a variable: "A", `a = 5`.
            let article = rest[..length] != *"a" || rest[length..].starts_with(" number");
            if !is_one_of(&rest[..length], &FILLERS)
                || rest.starts_with('A') && length == 1
                || !article
            {
                break;
            }
            at += length;
        } else {
            break;
        }
    }
    at
}

/// Where the sentence or line that starts at `start` ends, pieces of mathematics skipped.
fn sentence_end(
    text: &str,
    pieces: &[Piece],
    mut piece: usize,
    start: usize,
    until: usize,
) -> usize {
    let bytes = text.as_bytes();
    let limit = until.min(start + WINDOW);
    let mut at = start;
    while at < limit {
        if let Some(next) = pieces.get(piece)
            && next.start <= at
        {
            at = at.max(next.end);
            piece += 1;
            continue;
        }
        let next = bytes.get(at + 1).copied();
        match bytes[at] {
            b'\n' => {
                let head = text[..at].trim_end_matches([' ', '\r', '*']);
                if !head.ends_with(':') {
                    break;
                }
            }
            b'.' | b'?' if next.is_none_or(|b| b.is_ascii_whitespace() || b"*<\"".contains(&b)) => {
                break;
            }
            0xE3 if text[at..].starts_with('。') => break,
            _ => {}
        }
        at += 1;
    }
    let end = at.clamp(start, until);
    (end..=text.len())
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(text.len())
}

/// The candidates of a sentence in order.
fn elements(
    text: &str,
    pieces: &[Piece],
    mut piece: usize,
    start: usize,
    end: usize,
) -> Vec<Element> {
    let mut found = Vec::new();
    let mut at = start;
    loop {
        let next = pieces.get(piece).filter(|next| next.start < end);
        let gap = next.map_or(end, |next| next.start);
        for run in Runs::new(text, at, gap) {
            if run.end <= gap {
                found.push(Element::Plain(run));
            }
        }
        let Some(next) = next else { break };
        found.push(Element::Math(piece));
        at = next.end;
        piece += 1;
    }
    found
}
