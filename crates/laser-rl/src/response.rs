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
    /// Number of its final answer: equal answers to a problem, in whatever view, have equal
    /// numbers. `None` without an answer, and where no piece of a recipe needs it.
    pub answer: Option<u32>,
    /// Self-rewarding score r_s; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
    /// log π of the policy that sampled it.
    pub logprobs: &'a [f32],
    /// log π_ref of the frozen base model.
    pub reference: &'a [f32],
    /// log π of the same policy after a prompt with an empty question.
    pub blank: &'a [f32],
    /// Rewards of the frozen base model's responses to the same problem.
    pub reference_rewards: &'a [f32],
    /// The policy's self-rewarding scores of those; `None` if truncated.
    pub reference_scores: &'a [Option<f32>],
    /// Tokens of its [prefix](crate::PrefixSchedule).
    pub prefix: usize,
    /// THR of each token: see [`hidden_rewards`](crate::hidden_rewards). Empty in a group that is
    /// right or wrong throughout.
    pub influence: &'a [f32],
    /// D_t of each token's position: see [`position_divergence`](crate::position_divergence).
    pub divergence: &'a [f32],
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
