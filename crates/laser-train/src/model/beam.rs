//! The likeliest responses of a model.

use laser_rollout::BeamSearch;

use super::{Answer, LanguageModel};
use crate::TrainError;

/// What is searched for; see [`BeamSearch`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamSettings {
    /// Beams, and responses to each prompt.
    pub width: usize,
    /// α: responses are compared by Σ log p / length^α.
    pub length_penalty: f32,
    /// Most tokens of a response, the stop token included.
    pub max_new_tokens: usize,
}

impl LanguageModel {
    /// The likeliest responses to each prompt that beam search finds, the best first, each with its
    /// score Σ log p / length^α, nats. They end with the model's stop tokens; z_c is never chosen,
    /// and its log-probability is read after those that ended.
    ///
    /// # Errors
    /// Settings out of range, a prompt that does not fit, an interruption, weights that are not
    /// numbers.
    pub fn beam(
        &self,
        prompts: &[Vec<u32>],
        settings: BeamSettings,
    ) -> Result<Vec<Vec<(Answer, f64)>>, TrainError> {
        let token = self.self_reward.as_ref();
        let search = BeamSearch {
            width: settings.width,
            length_penalty: settings.length_penalty,
            max_new_tokens: settings.max_new_tokens,
            stop: self.eos.clone(),
            self_reward_token: token.map(|t| t.token_id),
            self_reward_position: token.map(|t| t.position).unwrap_or_default(),
        };
        let threads = self.cpu.threads();
        let groups = search.run(&self.decoder, prompts, threads, &self.monitor)?;
        let answers = groups.into_iter().map(|group| {
            let answer = |h: laser_rollout::Hypothesis| Ok((self.answer(h.response)?, h.score));
            group.into_iter().map(answer).collect()
        });
        answers.collect()
    }
}
