//! What a method may know of a response beside its reward.

/// A sampled response, as the methods of [`shaping`](crate::shaping), [`credit`](crate::credit),
/// [`preference`](crate::preference) and [`token_reward`](crate::token_reward) see it.
///
/// Log-probabilities are nats, one per token. Those of a pass that no piece of a recipe
/// [needs](crate::shaping::Passes) are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResponseView<'a> {
    /// Its tokens, the stop token included.
    pub ids: &'a [u32],
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score r_s; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
    /// log π of the policy that sampled it.
    pub logprobs: &'a [f32],
    /// log π_ref of the frozen base model.
    pub reference: &'a [f32],
    /// log π of the same policy after a prompt with an empty question.
    pub blank: &'a [f32],
    /// log π of the guide model.
    pub guide: &'a [f32],
    /// log π of the policy as it was at the start of the step before.
    pub previous: &'a [f32],
}

impl ResponseView<'_> {
    /// The score, where there is a number.
    pub(crate) fn known_score(&self) -> Option<f64> {
        self.score.map(f64::from).filter(|s| !s.is_nan())
    }
}
