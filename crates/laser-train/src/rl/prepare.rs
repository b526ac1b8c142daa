//! What an update needs beside the samples: log-probabilities of the reference and of the trainer,
//! values, and the advantages that follow from them.

use laser_rl::{Gae, ImportanceStats, KlKind, gae, kl_in_reward, kl_penalty, whiten};

use laser_rollout::score::Sequence;

use super::advantages::{shaped_reward, view};
use super::distill::Routed;
use super::diverged;
use super::update::carrying;
use crate::TrainError;
use crate::label::Labelled;
use crate::recipe::KlPlace;
use crate::trainer::{Answered, Trainer, sequences};

/// What the passes before the first update found.
#[derive(Default)]
pub(super) struct Prepared {
    /// Mean KL to the reference per token, nats, by the recipe's estimator.
    pub kl: Option<f64>,
    /// Importance weights.
    pub importance: ImportanceStats,
    /// Who learns from a teacher, where there is one.
    pub routed: Option<Routed>,
}

impl Trainer {
    /// Fills the rows of tokens that the recipe asks for.
    pub(super) fn prepare(
        &mut self,
        step: u64,
        answered: &mut [Answered],
    ) -> Result<Prepared, TrainError> {
        let r = self.recipe.clone();
        let mut prepared = Prepared::default();
        let passes = r.passes();
        if r.kl.coefficient > 0.0 || passes.reference {
            let known = |(_, group): &Answered| group.iter().all(|l| !l.rows.reference.is_empty());
            if !answered.iter().all(known) {
                let scores = self.reference_scores(answered).unwrap_or_default();
                for (l, score) in responses(answered).zip(scores) {
                    l.rows.reference = score.logprobs;
                }
            }
        }
        if r.kl.coefficient > 0.0 {
            prepared.kl = Some(mean_kl(r.kl.kind, answered));
        }
        if passes.blank {
            self.read_after_nothing(step, answered)?;
        }
        if passes.influence || passes.divergence {
            self.compare_states(step, answered, passes)?;
        }
        if let (true, Some(guide)) = (passes.guide, &self.guide) {
            let rows = self.frozen_rows(&guide.model, answered);
            for (l, row) in responses(answered).zip(rows) {
                l.rows.guide = row;
            }
        }
        if let (true, Some(previous)) = (passes.previous, &self.previous) {
            let rows = self.frozen_rows(previous, answered);
            for (l, row) in responses(answered).zip(rows) {
                l.rows.previous = row;
            }
        }
        if r.policy.importance.is_none() && self.value_head.is_none() {
            return Ok(prepared);
        }
        // One pass of the policy as it is before the first update.
        let (mut old, mut values) = (Vec::new(), Vec::new());
        let sequences = sequences(answered, |_| None);
        for cut in self
            .learner
            .micro_batches(&sequences, r.tokens_per_micro_batch)
        {
            let (batch, g) = self.micro_batch(&sequences[cut], |what| diverged(step, what))?;
            let all = match &self.value_head {
                Some(head) => {
                    let rows = g.rows.len();
                    head.values(&self.learner.decoder.hidden(
                        &self.learner.cpu,
                        &self.learner.ws,
                        rows,
                    ))
                }
                None => Vec::new(),
            };
            for range in batch.responses {
                old.push(g.logp[range.clone()].to_vec());
                values.push(all.get(range).unwrap_or_default().to_vec());
            }
        }
        for ((l, old), values) in responses(answered).zip(old).zip(values) {
            if let Some(rule) = r.policy.importance {
                let (weights, stats) = rule.weights(&old, &l.response.logprobs);
                prepared.importance.merge(stats);
                (l.rows.weights, l.rows.old) = (weights, old);
            }
            l.rows.values = values;
        }
        if self.value_head.is_some() {
            self.estimate_advantages(answered);
        }
        Ok(prepared)
    }

    /// log π of every response after a prompt with an empty question.
    fn read_after_nothing(
        &mut self,
        step: u64,
        answered: &mut [Answered],
    ) -> Result<(), TrainError> {
        let blank = self
            .problems
            .blank_ids(&self.learner.text, &self.learner.eos)?;
        let groups = answered.iter().flat_map(|(_, group)| group);
        let sequences: Vec<Sequence> = groups
            .map(|l| Sequence::plain(&blank, &l.response.ids))
            .collect();
        let mut rows = Vec::with_capacity(sequences.len());
        for cut in self
            .learner
            .micro_batches(&sequences, self.recipe.tokens_per_micro_batch)
        {
            let (batch, g) = self.micro_batch(&sequences[cut], |what| diverged(step, what))?;
            rows.extend(batch.responses.into_iter().map(|r| g.logp[r].to_vec()));
        }
        for (l, row) in responses(answered).zip(rows) {
            l.rows.blank = row;
        }
        Ok(())
    }

    /// The part of the reward of a response that is its KL to the reference, from its tokens.
    fn kl_reward(&self, l: &Labelled) -> Vec<f32> {
        let kl = &self.recipe.kl;
        let (old, reference) = (&l.response.logprobs, &l.rows.reference);
        match kl.coefficient > 0.0 && kl.place == KlPlace::Reward {
            true => kl_in_reward(kl.kind, old, reference, self.coefficients.kl.coefficient),
            false => Vec::new(),
        }
    }

    /// The sum of what the recipe rewards the tokens of a response for.
    pub(super) fn token_reward(&self, l: &Labelled) -> f64 {
        let mut rewards = vec![0.0; l.response.ids.len()];
        for reward in &self.recipe.policy.token_rewards {
            reward.apply(&view(l), &mut rewards);
        }
        rewards.into_iter().map(f64::from).sum()
    }

    /// The part of the reward of a response that its tokens have: their KL to the reference and what
    /// the recipe rewards tokens for. Empty without any.
    pub(super) fn token_rewards(&self, l: &Labelled) -> Vec<f32> {
        let mut rewards = self.kl_reward(l);
        let token_rewards = &self.recipe.policy.token_rewards;
        if !token_rewards.is_empty() {
            rewards.resize(l.response.ids.len(), 0.0);
        }
        for reward in token_rewards {
            reward.apply(&view(l), &mut rewards);
        }
        rewards
    }

    /// Generalized advantage estimation with the values that are known; truncated responses are
    /// worth nothing beyond their end, as in verl and TRL.
    fn estimate_advantages(&self, answered: &mut [Answered]) {
        let r = &self.recipe;
        let config = Gae {
            gamma: r.critic.gamma,
            lambda: r.critic.lambda,
        };
        let mut advantages = Vec::new();
        for l in responses(answered) {
            let mut rewards = self.token_rewards(l);
            rewards.resize(l.response.ids.len(), 0.0);
            if let Some(last) = rewards.last_mut() {
                *last += shaped_reward(r, l);
            }
            let (a, returns) = gae(&config, &rewards, &l.rows.values, 0.0);
            l.rows.returns = returns;
            advantages.push(a);
        }
        let kept = carrying(r, answered.iter().flat_map(|(_, group)| group));
        let mask: Vec<Vec<bool>> = advantages
            .iter()
            .zip(&kept)
            .map(|(a, kept)| vec![*kept > 0; a.len()])
            .collect();
        whiten(&mut advantages, Some(&mask));
        for (l, a) in responses(answered).zip(advantages) {
            l.rows.advantages = a;
        }
    }
}

fn responses(answered: &mut [Answered]) -> impl Iterator<Item = &mut Labelled> {
    answered.iter_mut().flat_map(|(_, group)| group)
}

/// Mean KL of the sampling policy to the reference, nats per token.
fn mean_kl(kind: KlKind, answered: &[Answered]) -> f64 {
    let (mut sum, mut tokens) = (0.0, 0);
    for l in answered.iter().flat_map(|(_, group)| group) {
        let logp = &l.response.logprobs;
        let mut unused = vec![0.0; logp.len()];
        sum += kl_penalty(kind, logp, &l.rows.reference, 1.0, &mut unused);
        tokens += logp.len();
    }
    sum / tokens.max(1) as f64
}
