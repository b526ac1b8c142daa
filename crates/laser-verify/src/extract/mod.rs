//! Finds the answer in a response of a language model, and in the golds of data sets.
//!
//! Every way of finding it reads the text a fixed number of times, so the time is linear in its
//! length whatever it holds.

mod anchor;
mod bare;
mod boxed;
mod brackets;
mod choice;
mod find;
mod format;
mod math;
mod operand;
mod plain;
mod text;

use std::borrow::Cow;
use std::ops::Range;

pub use format::{FormatError, strict_boxed};

use crate::limits::Limits;

/// Most candidates of one response.
pub const MOST_CANDIDATES: usize = 8;

/// What marked a candidate as the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `\boxed{…}` or `\fbox{…}`.
    Boxed,
    /// `<answer>…</answer>`.
    AnswerTag,
    /// `#### 18`.
    Hash,
    /// "The final answer is", "Final Answer:".
    FinalAnswer,
    /// "The answer is", "Answer:", `A: 18`.
    Answer,
    /// The last mathematics between delimiters.
    Math,
    /// A letter of a multiple choice, or another given string.
    Choice,
    /// The last number or expression in the prose.
    Plain,
    /// The whole text, which is nothing but an answer.
    Whole,
}

/// A way of finding the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    Boxed,
    AnswerTag,
    Hash,
    FinalAnswer,
    Answer,
    Math,
    Choice,
    Plain,
}

impl Way {
    /// Whether it goes by a mark that the author set on the answer.
    pub fn is_explicit(self) -> bool {
        matches!(
            self,
            Self::Boxed | Self::AnswerTag | Self::Hash | Self::FinalAnswer | Self::Answer
        )
    }
}

/// A text that may be the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub source: Source,
    /// One or more: several boxes or formulas that are joined by "and", "or" or commas are one
    /// answer of several parts. Without the box or the delimiters.
    pub parts: Vec<Cow<'a, str>>,
    /// A percent sign or word follows outside the delimiters, `$28$ percent`.
    pub percent: bool,
    /// Where it lies, delimiters included, bytes of the text that was searched.
    pub span: Range<usize>,
}

/// How answers are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The ways in the order in which they are tried; an absent one is not tried. A final answer
    /// that is stated in mathematics after the last box corrects the box.
    pub order: Vec<Way>,
    /// The strings that [`Way::Choice`] accepts.
    pub choices: Vec<String>,
    /// Whether upper and lower case are the same to [`Way::Choice`].
    pub choice_case_insensitive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: vec![
                Way::Boxed,
                Way::AnswerTag,
                Way::Hash,
                Way::FinalAnswer,
                Way::Answer,
                Way::Math,
                Way::Plain,
            ],
            choices: ["A", "B", "C", "D", "E"].map(String::from).to_vec(),
            choice_case_insensitive: false,
        }
    }
}

/// Why no answer was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    #[error("the text has {bytes} bytes, more than the limit of {limit}")]
    TooLong { bytes: usize, limit: usize },
}

fn check(text: &str, limits: &Limits) -> Result<(), ExtractError> {
    // Offsets are kept in 32 bits.
    let limit = limits.response_bytes.min(u32::MAX as usize);
    if text.len() > limit {
        Err(ExtractError::TooLong {
            bytes: text.len(),
            limit,
        })
    } else {
        Ok(())
    }
}

/// The part of a response behind its reasoning: after the last `</think>`, or all of it.
pub fn after_thinking(response: &str) -> &str {
    memchr::memmem::rfind(response.as_bytes(), b"</think>")
        .map_or(response, |at| &response[at + "</think>".len()..])
}

/// The answers that a response may give, the best first; none when it gives none.
///
/// What follows the reasoning is searched first; the reasoning only when nothing after it is
/// marked as the answer.
pub fn candidates<'a>(
    response: &'a str,
    options: &Options,
    limits: &Limits,
) -> Result<Vec<Candidate<'a>>, ExtractError> {
    check(response, limits)?;
    let tail = after_thinking(response);
    let mut found = find::search(tail, options);
    if tail.len() < response.len() {
        let base = response.len() - tail.len();
        for candidate in &mut found {
            candidate.span = candidate.span.start + base..candidate.span.end + base;
        }
        // A lone word behind the reasoning, "Done.", is not enough to disregard a mark in it.
        let settles = |candidate: &Candidate<'_>| {
            is_explicit(candidate.source)
                || candidate.source == Source::Whole
                    && candidate
                        .parts
                        .iter()
                        .any(|part| part.len() == 1 || !part.chars().all(char::is_alphabetic))
        };
        if !found.iter().any(settles) {
            let marked = find::search(response, options).into_iter();
            let (mut all, rest): (Vec<_>, Vec<_>) =
                marked.partition(|candidate| is_explicit(candidate.source));
            all.append(&mut found);
            all.extend(rest);
            found = all;
        }
    }
    correct_box(response, &mut found);
    Ok(distinct(found))
}

/// Moves a final answer before the box that it comes after, if it is put in mathematics: prose
/// after a box ("the final answer is 3 apples more") is no correction.
fn correct_box(response: &str, found: &mut [Candidate<'_>]) {
    let Some(first) = found.first().filter(|first| first.source == Source::Boxed) else {
        return;
    };
    let later = found.iter().position(|candidate| {
        candidate.source == Source::FinalAnswer
            && candidate.span.start >= first.span.end
            && matches!(
                response.as_bytes().get(candidate.span.start),
                Some(b'$' | b'\\')
            )
    });
    if let Some(at) = later {
        found[..=at].rotate_right(1);
    }
}

fn is_explicit(source: Source) -> bool {
    matches!(
        source,
        Source::Boxed | Source::AnswerTag | Source::Hash | Source::FinalAnswer | Source::Answer
    )
}

/// Drops repetitions and cuts to [`MOST_CANDIDATES`].
fn distinct(candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    let mut kept: Vec<Candidate<'_>> = Vec::new();
    for candidate in candidates {
        let known = kept
            .iter()
            .any(|other| other.parts == candidate.parts && other.percent == candidate.percent);
        if !known && kept.len() < MOST_CANDIDATES {
            kept.push(candidate);
        }
    }
    kept
}

/// The answers that a gold may mean, as data sets write golds: a bare answer, or a solution with
/// `\boxed{…}`, `#### 18` or `$…$`.
///
/// Marks win; without one, formulas that make up the whole text; else the text itself.
pub fn gold_candidates<'a>(
    gold: &'a str,
    limits: &Limits,
) -> Result<Vec<Candidate<'a>>, ExtractError> {
    check(gold, limits)?;
    let options = Options {
        order: vec![
            Way::Boxed,
            Way::AnswerTag,
            Way::Hash,
            Way::FinalAnswer,
            Way::Answer,
        ],
        ..Options::default()
    };
    let mut found = find::search(gold, &options);
    found.retain(|candidate| is_explicit(candidate.source));
    if found.is_empty() {
        found.extend(find::enclosed(gold, Source::Math));
    }
    if found.is_empty() {
        let whole = gold.trim();
        if !whole.is_empty() {
            let start = gold.len() - gold.trim_start().len();
            found.push(Candidate {
                source: Source::Whole,
                parts: vec![Cow::Borrowed(whole)],
                percent: false,
                span: start..start + whole.len(),
            });
        }
    }
    Ok(distinct(found))
}
