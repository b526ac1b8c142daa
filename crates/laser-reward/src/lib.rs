//! Rewards from outside the program.
//!
//! - [`Item`]: a response as a scorer sees it; [`Scorer`]: gives each a number.
//! - [`Command`]: long-lived processes of any language that speak JSON lines.
//! - [`Http`]: an endpoint that answers one JSON object per response.
//! - [`Judge`]: a language model behind an OpenAI-compatible endpoint.
//!
//! A reward that did not come is an error and never a number: a silent 0 would teach a model to
//! avoid what happened to be scored while a worker was down. Nothing here waits without a deadline,
//! and a caller can stop a wait at any time. The protocols: `docs/rewards.md`.

#![forbid(unsafe_code)]

mod answer;
mod command;
mod error;
mod http;
mod judge;

use std::time::Duration;

use serde::Serialize;

pub use command::{Command, CommandSettings};
pub use error::RewardError;
pub use http::{Endpoint, Http};
pub use judge::{Judge, JudgeSettings, Question, VerdictRule};

/// A response as a scorer sees it: the fields of a line of the protocol, and the variables of a
/// judge's prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// What the model read.
    pub prompt: String,
    /// What it wrote, special tokens left out.
    pub response: String,
    /// The right answer.
    pub gold: String,
    /// The answer found in the response; none in one of wrong form.
    pub extracted: Option<String>,
    /// The verifier's verdict.
    pub correct: bool,
    /// `stop` for a response that ended by itself, `length` for a truncated one.
    pub finish: &'static str,
    /// Tokens of the response.
    pub length: usize,
}

/// Something that gives responses a number.
pub trait Scorer: Send {
    /// A finite number for each item, in the order of the items. While it waits it looks at
    /// `cancelled` several times a second.
    ///
    /// # Errors
    /// [`RewardError::Cancelled`] if `cancelled` says so; otherwise what is wrong, with the name
    /// of the part. There are no partial results.
    fn score(
        &mut self,
        batch: &[Item],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, RewardError>;
}

/// How often a wait looks whether it should end.
const TICK: Duration = Duration::from_millis(50);

/// An item with the number that tells its answer from others.
#[derive(Serialize)]
struct Numbered<'a> {
    id: u64,
    #[serde(flatten)]
    item: &'a Item,
}

impl Numbered<'_> {
    /// One line of JSON, without its end.
    fn line(&self) -> String {
        // Only maps with keys that are no strings can fail.
        serde_json::to_string(self).unwrap_or_else(|e| unreachable!("plain data: {e}"))
    }
}
