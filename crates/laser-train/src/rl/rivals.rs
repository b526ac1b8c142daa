//! Responses of the frozen base model to the problems of a step, which methods compare with.

use serde_json::{Map, Value, json};

use super::advantages::shaped_reward;
use crate::TrainError;
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer, sequences};

/// The base model's responses to one problem.
pub(super) struct Rivals {
    /// Rewards as those of the policy's responses, before any shaping.
    pub rewards: Vec<f32>,
    /// The policy's self-rewarding scores, `None` if truncated; empty where no method asks.
    pub scores: Vec<Option<f32>>,
    /// Tokens of all of them.
    pub tokens: usize,
}

impl Trainer {
    /// Samples and rewards as many as the recipe's methods ask for; nothing where they ask for
    /// none. The randomness is a stream of its own, so that the policy samples as without them.
    pub(super) fn rivals(
        &mut self,
        step: u64,
        problems: &[Problem],
    ) -> Result<Vec<Rivals>, TrainError> {
        let passes = self.recipe.passes();
        let Some(reference) = self
            .reference
            .as_ref()
            .filter(|_| passes.reference_rewards > 0)
        else {
            return Ok(Vec::new());
        };
        let seed = [Stream::Reference.seed(self.recipe.seed), step];
        let mut answered = self.respond_by(
            &reference.decoder,
            problems,
            passes.reference_rewards,
            seed,
            self.recipe.rollout.sampling,
        )?;
        let scored = passes.reference_scores;
        if scored {
            self.judge(&mut answered)?;
        }
        self.reward(problems, &mut answered, seed)?;
        let rivals = |(_, group): &Answered| Rivals {
            rewards: group
                .iter()
                .map(|l| shaped_reward(&self.recipe, l))
                .collect(),
            scores: match scored {
                true => group.iter().map(|l| l.score).collect(),
                false => Vec::new(),
            },
            tokens: group.iter().map(|l| l.response.ids.len() + l.aside).sum(),
        };
        Ok(answered.iter().map(rivals).collect())
    }

    /// Scores responses that another model sampled: z_c is read from the policy.
    fn judge(&self, answered: &mut [Answered]) -> Result<(), TrainError> {
        let position = self.recipe.self_reward.position;
        let tokens = self.recipe.tokens_per_micro_batch;
        let asked = sequences(answered, |l| self.zc.filter(|_| l.response.finished()));
        let scores = self.learner.score(&asked, position, tokens)?;
        let responses = answered.iter_mut().flat_map(|(_, group)| group);
        for (l, score) in responses.zip(scores) {
            l.response.self_logprob = score.self_logprob;
        }
        self.score(answered);
        Ok(())
    }
}

impl Rivals {
    /// Means over the rivals of a step, where there are any.
    pub(super) fn measure(rivals: &[Rivals], metrics: &mut Map<String, Value>) {
        let Some(first) = rivals.first() else {
            return;
        };
        let mean = |values: Vec<f32>| {
            let sum: f64 = values.iter().copied().map(f64::from).sum();
            (!values.is_empty()).then(|| sum / values.len() as f64)
        };
        let rewards = rivals.iter().flat_map(|r| r.rewards.iter().copied());
        let scores = rivals.iter().flat_map(|r| r.scores.iter().flatten());
        metrics.insert("reference/reward".into(), json!(mean(rewards.collect())));
        if !first.scores.is_empty() {
            let scores = mean(scores.copied().collect());
            metrics.insert("reference/score".into(), json!(scores));
        }
    }
}
