//! A line of `results.jsonl`.

use serde::Deserialize;

use super::lenient::{number, text};

/// One sampled response to a test problem, with the verifier's and the model's own judgement.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    /// Position among the file's responses, from 0.
    #[serde(skip)]
    pub index: usize,
    #[serde(deserialize_with = "text")]
    pub prompt: Option<String>,
    #[serde(deserialize_with = "text")]
    pub response: Option<String>,
    #[serde(deserialize_with = "text")]
    pub gold: Option<String>,
    #[serde(deserialize_with = "text")]
    pub extracted: Option<String>,
    /// The verifier's judgement.
    pub correct: Option<bool>,
    /// r_s: the model's own score after the last token.
    #[serde(deserialize_with = "number")]
    pub self_reward: Option<f64>,
    /// Tokens.
    #[serde(deserialize_with = "number")]
    pub length: Option<f64>,
    /// Why the response ended.
    #[serde(deserialize_with = "text")]
    pub finish: Option<String>,
}
