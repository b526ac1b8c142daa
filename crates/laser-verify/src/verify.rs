//! From two texts to a verdict.

use std::fmt;

use crate::ast::Expr;
use crate::compare::{self, Rules, Undecided};
use crate::extract::{self, Candidate, ExtractError};
use crate::limits::{Budget, Limits};
use crate::parse::{self, ParseError};

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same mathematics.
    Equal,
    /// Not the same, or not in a form that the gold answer accepts.
    Different,
    /// It cannot be said: never a silent "different".
    Unparseable(Reason),
}

impl Verdict {
    pub fn is_equal(&self) -> bool {
        *self == Self::Equal
    }

    /// `equal`, `different` or `unparseable`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Unparseable(_) => "unparseable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unparseable(reason) => write!(f, "unparseable: {reason}"),
            other => f.write_str(other.name()),
        }
    }
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("the response holds no answer")]
    NoAnswer,
    #[error("the response cannot be searched: {0}")]
    Response(ExtractError),
    #[error("the gold answer cannot be read: {0}")]
    Gold(ParseError),
    #[error("the gold answer is empty")]
    EmptyGold,
    #[error("the answer cannot be read: {0}")]
    Answer(ParseError),
    #[error("the answers cannot be compared: {0}")]
    Comparison(#[from] Undecided),
}

/// A verdict and the answer that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// The text that was taken for the answer, several parts joined by commas.
    pub extracted: Option<String>,
}

/// A gold answer, read once and compared with many responses.
#[derive(Clone, Debug)]
pub struct Gold {
    text: String,
    /// Empty when the text is no mathematics.
    readings: Vec<Expr>,
    /// The text may be mathematics that is too large to be read.
    too_large: Option<ParseError>,
}

/// How answers are found and compared. The default is what the training loop uses.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    pub extraction: extract::Options,
    pub rules: Rules,
    pub limits: Limits,
}

/// Checks a response with the default [`Verifier`].
pub fn verify(gold: &str, response: &str) -> Outcome {
    Verifier::default().verify(gold, response)
}

impl Verifier {
    /// Finds the answer of a response and compares it with the gold answer, which may be a bare
    /// answer or a solution that marks it.
    pub fn verify(&self, gold: &str, response: &str) -> Outcome {
        match self.read_gold(gold) {
            Ok(gold) => self.verify_read(&gold, response),
            Err(reason) => Outcome {
                verdict: Verdict::Unparseable(reason),
                extracted: None,
            },
        }
    }

    /// The final answer of a response, several parts joined by commas; `None` where it holds none.
    pub fn answer(&self, response: &str) -> Option<String> {
        let candidates = extract::candidates(response, &self.extraction, &self.limits).ok()?;
        let answer = candidates.first().map(join)?;
        (!answer.trim().is_empty()).then_some(answer)
    }

    /// Reads a gold answer.
    ///
    /// # Errors
    /// It is empty or longer than the limit. A gold answer that is no mathematics is still read:
    /// it equals the same text.
    pub fn read_gold(&self, gold: &str) -> Result<Gold, Reason> {
        let candidates = extract::gold_candidates(gold, &self.limits).map_err(Reason::Response)?;
        let best = candidates.first().ok_or(Reason::EmptyGold)?;
        let text = join(best);
        if text.trim().is_empty() {
            return Err(Reason::EmptyGold);
        }
        match candidates
            .iter()
            .find_map(|candidate| self.read(candidate).ok())
        {
            Some(mut readings) => {
                // The list `-3,0` must not be read as the number −3.0 too: then its first element
                // alone would be accepted.
                readings.dedup_by(|other, _| matches!(whole_decimal(other), Some(true)));
                Ok(Gold {
                    text,
                    readings,
                    too_large: None,
                })
            }
            None if text.len() > self.limits.answer_bytes => {
                Err(Reason::Gold(ParseError::TooLong {
                    bytes: text.len(),
                    limit: self.limits.answer_bytes,
                }))
            }
            None => {
                let error = self.read(best).err();
                let too_large = error.filter(|error| {
                    matches!(
                        error,
                        ParseError::TooDeep { .. }
                            | ParseError::TooManyNodes { .. }
                            | ParseError::NumberTooLong { .. }
                    )
                });
                Ok(Gold {
                    text,
                    readings: Vec::new(),
                    too_large,
                })
            }
        }
    }

    /// As [`Verifier::verify`], with a gold answer that was read before.
    pub fn verify_read(&self, gold: &Gold, response: &str) -> Outcome {
        if response.len() <= 2 * self.limits.answer_bytes && same_text(&gold.text, response) {
            return Outcome {
                verdict: Verdict::Equal,
                extracted: Some(response.trim().to_owned()),
            };
        }
        let candidates = match extract::candidates(response, &self.extraction, &self.limits) {
            Ok(candidates) => candidates,
            Err(error) => {
                let verdict = Verdict::Unparseable(Reason::Response(error));
                return Outcome {
                    verdict,
                    extracted: None,
                };
            }
        };
        let Some(best) = candidates.first() else {
            return Outcome {
                verdict: Verdict::Unparseable(Reason::NoAnswer),
                extracted: None,
            };
        };
        // Only the best candidate counts: to look further until one fits would reward guessing.
        let text = join(best);
        let verdict = self.judge(gold, best, &text);
        Outcome {
            verdict,
            extracted: Some(text),
        }
    }

    fn judge(&self, gold: &Gold, candidate: &Candidate<'_>, text: &str) -> Verdict {
        // A percent sign outside the delimiters is no part of the text.
        if same_text(&gold.text, text) && !candidate.percent {
            return Verdict::Equal;
        }
        let readings = match self.read(candidate) {
            Ok(readings) => readings,
            Err(error) => return Verdict::Unparseable(Reason::Answer(error)),
        };
        if let Some(error) = &gold.too_large {
            return Verdict::Unparseable(Reason::Gold(error.clone()));
        }
        if gold.readings.is_empty() {
            // A gold answer that is no mathematics equals only its own text.
            return Verdict::Different;
        }
        let mut budget = Budget::new(self.limits.steps);
        let mut undecided = None;
        for g in &gold.readings {
            for a in &readings {
                match compare::equal(g, a, &self.rules, &self.limits, &mut budget) {
                    Ok(true) => return Verdict::Equal,
                    Ok(false) => {}
                    Err(error) => undecided = undecided.or(Some(error)),
                }
            }
        }
        match undecided {
            Some(error) => Verdict::Unparseable(Reason::Comparison(error)),
            None => Verdict::Different,
        }
    }

    /// The readings of a candidate: of its only part, or of the list of its parts.
    fn read(&self, candidate: &Candidate<'_>) -> Result<Vec<Expr>, ParseError> {
        let percent = |expr: Expr| {
            let already = matches!(expr, Expr::Percent(_));
            if candidate.percent && !already {
                Expr::Percent(Box::new(expr))
            } else {
                expr
            }
        };
        match &candidate.parts[..] {
            [part] => Ok(parse::parse(part, &self.limits)?
                .into_iter()
                .map(percent)
                .collect()),
            parts => {
                let mut items = Vec::with_capacity(parts.len());
                for part in parts {
                    let readings = parse::parse(part, &self.limits)?;
                    items.extend(readings.into_iter().next().map(percent));
                }
                Ok(vec![Expr::List(items)])
            }
        }
    }
}

fn join(candidate: &Candidate<'_>) -> String {
    candidate.parts.join(", ")
}

/// Whether two texts are the same up to white space, except between digits: `2 1/2` is not `21/2`.
fn same_text(left: &str, right: &str) -> bool {
    let visible = |text: &str| {
        let mut kept = String::with_capacity(text.len());
        let mut gap = false;
        for c in text.chars() {
            if c.is_whitespace() {
                gap = true;
                continue;
            }
            if gap && c.is_ascii_digit() && kept.ends_with(|last: char| last.is_ascii_digit()) {
                kept.push(' ');
            }
            gap = false;
            kept.push(c);
        }
        kept
    };
    let left = visible(left);
    !left.is_empty() && left == visible(right)
}

/// Whether the expression is a decimal literal with the value of an integer; `None` when it is no
/// decimal literal.
fn whole_decimal(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Decimal { value, .. } => Some(value.is_int()),
        Expr::Negate(inner) => whole_decimal(inner),
        _ => None,
    }
}
