//! The ways of finding an answer, run over one text.

use std::borrow::Cow;

use super::anchor::{self, Anchor, Announced};
use super::bare::bare;
use super::math::{self, Piece};
use super::text::{
    bare_words, line_start, offset_of, percent_after, strip_percent, trim_inner, trim_prose,
};
use super::{Candidate, Options, Source, Way, boxed, choice, plain};

/// What several ways need, made when the first asks.
struct Text<'a> {
    text: &'a str,
    pieces: Option<Vec<Piece>>,
    anchors: Option<Vec<Anchor>>,
}

/// All the candidates of a text, the best first.
pub(super) fn search<'a>(text: &'a str, options: &Options) -> Vec<Candidate<'a>> {
    let mut state = Text {
        text,
        pieces: None,
        anchors: None,
    };
    let mut found: Vec<Candidate<'a>> = Vec::new();
    let mut whole = Some(());
    for &way in &options.order {
        // A text that is all answer is better than what can be picked from it, but no better than
        // what is marked.
        if !way.is_explicit() && way != Way::Choice && found.is_empty() && whole.take().is_some() {
            found.extend(state.whole());
        }
        found.extend(match way {
            Way::Boxed => boxed(text),
            Way::AnswerTag => answer_tag(text),
            Way::Hash => hash(text),
            Way::FinalAnswer => state.announced(true),
            Way::Answer => state.announced(false),
            Way::Math => state.math(),
            Way::Choice => state.choice(options),
            Way::Plain => plain(text),
        });
    }
    prefer_conclusion(text, &mut found);
    found
}

/// A number in a concluding sentence behind the last formula is the likelier answer.
fn prefer_conclusion(text: &str, found: &mut [Candidate<'_>]) {
    let Some(at) = found
        .iter()
        .position(|candidate| candidate.source == Source::Math)
    else {
        return;
    };
    let Some(next) = found
        .get(at + 1)
        .filter(|candidate| candidate.source == Source::Plain)
    else {
        return;
    };
    let Some(gap) = text.get(found[at].span.end..next.span.start) else {
        return;
    };
    let concludes = bare_words(gap).any(|word| {
        super::text::is_one_of(
            word,
            &[
                "therefore",
                "thus",
                "hence",
                "so",
                "conclude",
                "total",
                "finally",
            ],
        )
    });
    if concludes {
        found.swap(at, at + 1);
    }
}

impl<'a> Text<'a> {
    fn pieces(&mut self) -> &[Piece] {
        let text = self.text;
        self.pieces.get_or_insert_with(|| math::pieces(text))
    }

    fn whole(&mut self) -> Option<Candidate<'a>> {
        let text = self.text;
        let answer = bare(text)?;
        // One in delimiters is the affair of those; a lone dollar sign is a currency.
        if !self.pieces().is_empty() {
            return None;
        }
        let start = offset_of(text, answer);
        let span = start..start + answer.len();
        let (answer, percent) = strip_percent(answer);
        Some(Candidate {
            source: Source::Whole,
            parts: vec![without_currency(answer)],
            percent,
            span,
        })
    }

    fn announced(&mut self, is_final: bool) -> Option<Candidate<'a>> {
        let text = self.text;
        let anchors = self.anchors.take().unwrap_or_else(|| anchor::anchors(text));
        let source = if is_final {
            Source::FinalAnswer
        } else {
            Source::Answer
        };
        let mut found = None;
        let of_kind = anchors
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, anchor)| anchor.is_final == is_final);
        // So many phrases that announce nothing are no accident.
        for (index, anchor) in of_kind.take(1000) {
            // "Final Answer: The final answer is 5": the second anchor is the closer one, and what
            // stands between the two announces nothing.
            let until = anchors.get(index + 1).map_or(text.len(), |next| next.start);
            let pieces = self.pieces();
            if let Some(Announced {
                parts,
                percent,
                span,
            }) = anchor::announced(text, pieces, anchor.end, until)
            {
                found = Some(Candidate {
                    source,
                    parts,
                    percent,
                    span,
                });
                break;
            }
        }
        self.anchors = Some(anchors);
        found
    }

    fn math(&mut self) -> Option<Candidate<'a>> {
        let text = self.text;
        let pieces = self.pieces();
        let last = pieces.len().checked_sub(1)?;
        let group = &pieces[math::group_to(text, pieces, last)];
        Some(math_candidate(text, group, Source::Math))
    }

    fn choice(&mut self, options: &Options) -> Option<Candidate<'a>> {
        let text = self.text;
        let anchors = self.anchors.get_or_insert_with(|| anchor::anchors(text));
        let span = choice::find(
            text,
            anchors,
            &options.choices,
            options.choice_case_insensitive,
        )?;
        Some(Candidate {
            source: Source::Choice,
            parts: vec![Cow::Borrowed(&text[span.clone()])],
            percent: false,
            span,
        })
    }
}

fn math_candidate<'a>(text: &'a str, group: &[Piece], source: Source) -> Candidate<'a> {
    let start = group.first().map_or(0, |piece| piece.start);
    let end = group.last().map_or(0, |piece| piece.end);
    let percent = percent_after(text, end);
    Candidate {
        source,
        parts: group
            .iter()
            .map(|&piece| math::inner(text, piece))
            .collect(),
        percent: percent.is_some(),
        span: start..percent.unwrap_or(end),
    }
}

/// `1,000.99€` without the sign; `\$5` is LaTeX and the parser's affair.
fn without_currency(answer: &str) -> Cow<'_, str> {
    let trimmed = answer.trim_start_matches(['$', '€', '£', '¥']);
    let trimmed = trimmed.trim_end_matches(['$', '€', '£', '¥']);
    Cow::Borrowed(
        trimmed
            .strip_suffix('\\')
            .filter(|_| trimmed.len() < answer.len())
            .unwrap_or(trimmed)
            .trim(),
    )
}

fn boxed(text: &str) -> Option<Candidate<'_>> {
    let group = boxed::scan(text).group?;
    let percent = percent_after(text, group.span.end).is_some();
    let mut parts = Vec::new();
    for part in &group.parts {
        box_parts(&text[part.clone()], &mut parts);
    }
    Some(Candidate {
        source: Source::Boxed,
        parts,
        percent,
        span: group.span,
    })
}

/// The content of a box, which may hold delimiters that do not belong there: `12 $ and $13 `.
fn box_parts<'a>(content: &'a str, parts: &mut Vec<Cow<'a, str>>) {
    let mut depth = 0usize;
    let mut escaped = false;
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, c) in content.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '$' if depth == 0 => {
                pieces.push(&content[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&content[start..]);
    let odd_are_joints = |first: usize| {
        let inner = pieces.iter().skip(first).step_by(2);
        inner.clone().next().is_some()
            && inner.clone().all(|piece| !piece.trim().is_empty())
            && pieces
                .iter()
                .skip(1 - first)
                .step_by(2)
                .all(|joint| joint.trim().is_empty() || super::text::joins_math(joint))
    };
    let first = if odd_are_joints(1) {
        1
    } else if odd_are_joints(0) {
        0
    } else {
        parts.push(Cow::Borrowed(trim_inner(content)));
        return;
    };
    for piece in pieces.iter().skip(first).step_by(2).take(64) {
        parts.push(Cow::Borrowed(trim_inner(piece)));
    }
}

fn answer_tag(text: &str) -> Option<Candidate<'_>> {
    const OPEN: &str = "<answer>";
    const CLOSE: &str = "</answer>";
    let bytes = text.as_bytes();
    let tag = |at: usize, tag: &str| {
        bytes
            .get(at..at + tag.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(tag.as_bytes()))
    };
    let (mut open, mut last) = (None, None);
    for at in memchr::memchr_iter(b'<', bytes) {
        if tag(at, OPEN) {
            open = Some(at + OPEN.len());
        } else if tag(at, CLOSE)
            && let Some(from) = open.take()
            && !text[from..at].trim().is_empty()
        {
            last = Some(from..at);
        }
    }
    // A response that ends in its answer often stops before the closing tag.
    if let Some(from) = open
        && !text[from..].trim().is_empty()
    {
        let rest = text[from..].trim_start();
        let from = offset_of(text, rest);
        let end = rest.find('\n').map_or(text.len(), |at| from + at);
        last = Some(from..end);
    }
    let last = last?;
    let content = &text[last.clone()];
    let mut found = nested(content, Source::AnswerTag)?;
    found.span = last.start + found.span.start..last.start + found.span.end;
    Some(found)
}

/// The answer in a marked piece of text, which may carry a mark of its own.
fn nested(content: &str, source: Source) -> Option<Candidate<'_>> {
    if let Some(found) = boxed(content) {
        return Some(Candidate { source, ..found });
    }
    if let Some(found) = enclosed(content, source) {
        return Some(found);
    }
    if let Some(answer) = bare(content) {
        let start = offset_of(content, answer);
        let span = start..start + answer.len();
        let (answer, percent) = strip_percent(answer);
        return Some(Candidate {
            source,
            parts: vec![without_currency(answer)],
            percent,
            span,
        });
    }
    let mut state = Text {
        text: content,
        pieces: None,
        anchors: None,
    };
    let found = state
        .announced(true)
        .or_else(|| state.announced(false))
        .or_else(|| state.math())
        .or_else(|| plain(content));
    if let Some(found) = found {
        return Some(Candidate { source, ..found });
    }
    let answer = trim_prose(content);
    let start = offset_of(content, answer);
    (!answer.is_empty()).then(|| Candidate {
        source,
        parts: vec![Cow::Borrowed(answer)],
        percent: false,
        span: start..start + answer.len(),
    })
}

/// `#### 18`: the last such line that is no heading.
fn hash(text: &str) -> Option<Candidate<'_>> {
    let bytes = text.as_bytes();
    let last_line = line_start(text, text.trim_end().len());
    let (mut at, mut last) = (0, None);
    while let Some(found) = memchr::memchr(b'#', &bytes[at..]) {
        let start = at + found;
        let marks = bytes[start..].iter().take_while(|&&b| b == b'#').count();
        at = start + marks;
        let begins = start == 0 || bytes[start - 1].is_ascii_whitespace();
        if marks != 4 || !begins {
            continue;
        }
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(text.len(), |newline| at + newline);
        let rest = if end - at > 1000 {
            ""
        } else {
            trim_prose(&text[at..end])
        };
        let answer = !rest.is_empty() && (at > last_line || is_answer(rest));
        if answer {
            last = Some(offset_of(text, rest)..offset_of(text, rest) + rest.len());
        }
        // The rest of the line is spoken for; this also keeps a line of `#### #### …` cheap.
        at = end;
    }
    let last = last?;
    let mut found = nested(&text[last.clone()], Source::Hash)?;
    found.span = last.start + found.span.start..last.start + found.span.end;
    Some(found)
}

/// Whether a line that starts with `####` is an answer rather than a heading.
fn is_answer(line: &str) -> bool {
    let formula = line.starts_with(|c: char| c.is_ascii_digit() || "$\\-([{.€£√π".contains(c));
    let item = line
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with(['.', ')'])
        && bare_words(line).next().is_some();
    formula && !item && bare_words(line).count() <= 3
}

/// The formulas that make up the whole text, perhaps with a unit behind: `$21,16$ or $11$`.
pub(super) fn enclosed(text: &str, source: Source) -> Option<Candidate<'_>> {
    let pieces = math::pieces(text);
    let first = pieces.first()?;
    let group = math::group_from(text, &pieces, 0);
    let last = pieces.get(group.end.checked_sub(1)?)?;
    if group.end != pieces.len() || !text[..first.start].trim().is_empty() {
        return None;
    }
    let behind = &text[last.end..];
    let unit = behind.len() <= 60
        && !behind.contains(|c: char| c.is_numeric() || "=\\+,;".contains(c))
        && behind.split_whitespace().count() <= 3;
    unit.then(|| math_candidate(text, &pieces[group], source))
}

fn plain(text: &str) -> Option<Candidate<'_>> {
    let run = plain::last(text)?;
    let percent = percent_after(text, run.end);
    Some(Candidate {
        source: Source::Plain,
        parts: vec![plain::value(text, &run)],
        percent: percent.is_some(),
        span: run.start..percent.unwrap_or(run.end),
    })
}
