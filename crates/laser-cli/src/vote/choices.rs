//! One answer for each problem.

use anyhow::Result;
use laser_rl::{Method, VoteRules, choose};
use serde::Serialize;
use serde_json::value::RawValue;

use super::input::Input;
use crate::output;

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Box<RawValue>>,
    /// As it was found in the chosen text; null if that has none.
    answer: Option<&'a str>,
    index: usize,
    confidence: Option<f64>,
    votes: Option<f64>,
}

/// Chooses by the first score, and writes a line for every problem, in order.
pub fn write(input: &Input, method: Method, rules: &VoteRules) -> Result<()> {
    for question in &input.questions {
        let Some(choice) = choose(&question.answers(0), method, rules) else {
            continue;
        };
        let id = question.id.clone().map(RawValue::from_string);
        output::data(serde_json::to_string(&Line {
            id: id.transpose()?,
            answer: question.found[choice.index].as_deref(),
            index: choice.index,
            confidence: choice.confidence,
            votes: choice.votes,
        })?)?;
    }
    Ok(())
}
