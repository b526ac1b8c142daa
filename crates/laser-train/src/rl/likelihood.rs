//! Rewards that are the likelihood of the gold answer, and the loss on it.

use laser_model::HeadGradient;
use laser_rollout::score::Sequence;
use serde_json::{Map, Value, json};

use super::update::Sums;
use super::{Group, diverged};
use crate::TrainError;
use crate::gold::GoldAnswer;
use crate::label::Labelled;
use crate::recipe::LikelihoodReward;
use crate::tasks::Problem;
use crate::trainer::{Answered, Trainer};

/// A gold answer, and the ids before it.
type Continued<'a> = (&'a GoldAnswer, Vec<u32>);

impl Trainer {
    /// Puts the gold answer behind every response, and reads it with the policy as it is before the
    /// step's first update.
    pub(super) fn read_answers(
        &mut self,
        step: u64,
        problems: &[Problem],
        answered: &mut [Answered],
    ) -> Result<(), TrainError> {
        let recipe = self.recipe.clone();
        let Some(likelihood) = &recipe.likelihood else {
            return Ok(());
        };
        let text = &self.learner.text;
        for (problem, (_, group)) in problems.iter().zip(answered.iter_mut()) {
            for l in group {
                let gold = GoldAnswer::new(text, likelihood, problem, l, self.end)?;
                l.gold = Some(gold);
            }
        }
        let groups = answered
            .iter()
            .map(|(prompt, group)| (prompt.as_slice(), group.iter()));
        let continued = continued(groups);
        let sequences: Vec<Sequence> = continued.iter().map(sequence).collect();
        self.check_room(&sequences)?;
        let mut rows = Vec::with_capacity(sequences.len());
        for cut in self
            .learner
            .micro_batches(&sequences, recipe.tokens_per_micro_batch)
        {
            let (batch, g) = self.micro_batch(&sequences[cut], |what| diverged(step, what))?;
            rows.extend(batch.responses.into_iter().map(|r| g.logp[r].to_vec()));
        }
        drop(sequences);
        drop(continued);
        let mut rows = rows.into_iter();
        for (_, group) in answered {
            for gold in group.iter_mut().filter_map(|l| l.gold.as_mut()) {
                gold.logprobs = rows.next().unwrap_or_default();
            }
            let shares = likelihood.kind.shares(&answers(group));
            for (gold, share) in group.iter_mut().filter_map(|l| l.gold.as_mut()).zip(shares) {
                gold.share = share;
            }
        }
        Ok(())
    }

    /// The start of a run leaves room by a bound on the tokens of an answer; this holds whatever
    /// the tokenizer does.
    fn check_room(&self, sequences: &[Sequence]) -> Result<(), TrainError> {
        let context = self.learner.decoder.context();
        let longest = sequences.iter().map(Sequence::tokens).max().unwrap_or(0);
        if longest <= context {
            return Ok(());
        }
        Err(TrainError::Value {
            place: format!("recipe {}", self.recipe.name),
            key: "model.context".into(),
            value: context.to_string(),
            problem: format!(
                "a prompt, its response and the gold answer that [likelihood] puts behind it take {longest} tokens; raise it or lower rollout.max_new_tokens"
            ),
        })
    }

    /// Adds the gradient of the loss on the gold answers of one update.
    pub(super) fn accumulate_answers(
        &mut self,
        step: u64,
        groups: &[Group],
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        let recipe = self.recipe.clone();
        let Some(likelihood) = recipe.likelihood.as_ref().filter(|l| l.loss_weight > 0.0) else {
            return Ok(());
        };
        let groups = groups
            .iter()
            .map(|(prompt, group)| (prompt.as_slice(), group.iter().map(|(l, _)| l)));
        let continued = continued(groups);
        let sequences: Vec<Sequence> = continued.iter().map(sequence).collect();
        // Of the whole update, whatever the micro-batches.
        let scale = likelihood.loss_weight / sequences.len().max(1) as f64;
        for cut in self
            .learner
            .micro_batches(&sequences, recipe.tokens_per_micro_batch)
        {
            let (batch, g) =
                self.micro_batch(&sequences[cut.clone()], |what| diverged(step, what))?;
            let mut dlogp = vec![0.0; g.logp.len()];
            for ((gold, _), range) in continued[cut].iter().zip(batch.responses) {
                let grad = &mut dlogp[range.clone()];
                let kind = likelihood.kind;
                sums.answers += kind.loss(&g.logp[range], gold.share, scale, grad);
            }
            self.learner.backward(&g, HeadGradient::of_logp(&dlogp));
        }
        match sums.answers.is_finite() {
            true => Ok(()),
            false => Err(diverged(
                step,
                format!("the loss on the gold answers is {}", sums.answers),
            )),
        }
    }
}

impl LikelihoodReward {
    /// keep · r + weight · R for the responses of a group, r the sum of the recipe's parts. What
    /// `rewards` hold beside it, penalties for length and KL, stays.
    pub(super) fn apply(&self, group: &[Labelled], rewards: &mut [f32]) {
        let likelihoods = self.kind.rewards(&answers(group));
        for ((l, reward), likelihood) in group.iter().zip(rewards).zip(likelihoods) {
            let taken = (1.0 - self.keep) * f64::from(l.total);
            let sum = f64::from(*reward) - taken + self.weight * f64::from(likelihood);
            *reward = sum as f32;
        }
    }

    /// What a step's gold answers were like.
    pub(super) fn measure(&self, groups: &[Group], loss: f64, m: &mut Map<String, Value>) {
        let (mut log_prob, mut reward, mut marked, mut n) = (0.0, 0.0, 0, 0);
        for (_, group) in groups {
            let rows = || group.iter().filter_map(|(l, _)| l.gold.as_ref());
            let answers: Vec<&[f32]> = rows().map(|g| g.logprobs.as_slice()).collect();
            let all = answers.iter().copied().flatten();
            log_prob += all.map(|l| f64::from(*l)).sum::<f64>();
            let rewards = self.kind.rewards(&answers);
            reward += rewards.into_iter().map(f64::from).sum::<f64>();
            marked += rows().filter(|g| g.marked).count();
            n += answers.len();
        }
        let n = n.max(1) as f64;
        m.insert("answer/log_prob".into(), json!(log_prob / n));
        m.insert("answer/reward".into(), json!(reward / n));
        m.insert("answer/marked".into(), json!(marked as f64 / n));
        m.insert("answer/loss".into(), json!(loss));
    }
}

/// log π of the gold answer's tokens after each response of a group.
fn answers(group: &[Labelled]) -> Vec<&[f32]> {
    let rows = group.iter().filter_map(|l| l.gold.as_ref());
    rows.map(|g| g.logprobs.as_slice()).collect()
}

/// The responses of groups with their gold answers, group by group.
fn continued<'a, G: Iterator<Item = &'a Labelled>>(
    groups: impl Iterator<Item = (&'a [u32], G)>,
) -> Vec<Continued<'a>> {
    let of = |(prompt, group): (&'a [u32], G)| {
        group.filter_map(move |l| {
            let gold = l.gold.as_ref()?;
            Some((gold, [prompt, &l.response.ids[..gold.cut]].concat()))
        })
    };
    groups.flat_map(of).collect()
}

fn sequence<'a>((gold, before): &'a Continued) -> Sequence<'a> {
    Sequence::plain(before, &gold.ids)
}
