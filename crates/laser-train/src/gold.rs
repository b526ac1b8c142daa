//! The gold answer in the place of a response's own.

use laser_model::Text;

use crate::TrainError;
use crate::label::{FILES, Labelled};
use crate::recipe::LikelihoodReward;
use crate::tasks::Problem;

/// A response up to its own answer, and the gold answer behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GoldAnswer {
    /// Tokens of the response that stay: what it thought, with the mark before its answer.
    pub cut: usize,
    /// Whether the mark is there.
    pub marked: bool,
    /// What follows: what is missing of the mark, the gold answer, what closes it.
    pub ids: Vec<u32>,
    /// log π of each before the step's first update, nats; empty until it is read.
    pub logprobs: Vec<f32>,
    /// Share of the response in the gradient of its group's objective.
    pub share: f64,
}

impl GoldAnswer {
    /// Puts the answer of a problem behind a response to it. Whatever is written here is scored:
    /// a response without the mark gets it appended in the place of its stop token, and where a
    /// token holds the end of the mark and more, the cut is before it and the rest of the mark is
    /// written with the answer, so that the tokens are those of the text.
    ///
    /// `end` is the stop token that closes an answer where no text does.
    pub(crate) fn new(
        text: &Text,
        likelihood: &LikelihoodReward,
        problem: &Problem,
        response: &Labelled,
        end: Option<u32>,
    ) -> Result<Self, TrainError> {
        let (mark, close) = likelihood.form(problem.task == FILES);
        let ids = &response.response.ids;
        let body = &ids[..ids.len() - usize::from(response.response.finished())];
        let (cut, missing) = before_answer(text, body, &mark)?;
        let marked = missing.is_some();
        let missing = missing.unwrap_or(mark);
        let mut ids = text.encode(&format!("{missing}{}{close}", problem.gold))?;
        if close.is_empty() {
            ids.extend(end);
        }
        Ok(GoldAnswer {
            cut,
            marked,
            ids,
            logprobs: Vec::new(),
            share: 1.0,
        })
    }
}

/// Tokens that the gold answer of a problem of files takes behind any response to it, at most.
pub(crate) fn room(
    text: &Text,
    likelihood: &LikelihoodReward,
    gold: &str,
) -> Result<usize, laser_model::ModelError> {
    let (mark, close) = likelihood.form(true);
    // One for the stop token, one for a mark that is cut within a token.
    Ok(text.encode(&format!("{mark}{gold}{close}"))?.len() + 2)
}

/// How many of the ids come before the answer behind the last mark, and the end of the mark that
/// they do not hold; all of them and none without a mark.
fn before_answer(
    text: &Text,
    ids: &[u32],
    mark: &str,
) -> Result<(usize, Option<String>), TrainError> {
    let whole = text.decode(ids)?;
    let Some(at) = whole.rfind(mark) else {
        return Ok((ids.len(), None));
    };
    let before = &whole[..at + mark.len()];
    let mut cut = ids.len();
    while cut > 0 && text.decode(&ids[..cut - 1])?.starts_with(before) {
        cut -= 1;
    }
    // The last token may reach beyond the mark, and one before it may be a part of a letter.
    loop {
        let kept = text.decode(&ids[..cut])?;
        if let Some(missing) = before.strip_prefix(&kept) {
            return Ok((cut, Some(missing.to_owned())));
        }
        cut -= 1;
    }
}

#[cfg(test)]
mod tests;
