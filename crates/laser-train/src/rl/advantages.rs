//! From the rewards of a step to the advantages of its responses and tokens.

use laser_rl::{
    AdvantageMix, ResponseView, batch_advantages, mix_advantages, soft_overlong_penalty,
};

use super::rivals::Rivals;
use super::update::carrying;
use crate::label::Labelled;
use crate::recipe::{LikelihoodReward, Recipe};
use crate::trainer::{Answered, Trainer};

/// Tokens of a step whose advantage is another than that of their response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credited {
    pub tokens: usize,
    pub changed: usize,
}

impl Trainer {
    /// Â of every response, and of its tokens where the recipe has a credit: the advantage of the
    /// reward, with the self-reward mixed in once `scores_count` (LaSeR, section 2.1 step 5).
    /// Shapings that read scores wait for the same, those that compare attempts for the stage in
    /// which first attempts learn.
    pub(super) fn advantages(
        &self,
        step: u64,
        answered: &mut [Answered],
        rivals: &[Rivals],
        scores_count: bool,
    ) -> (Vec<Vec<f32>>, Credited) {
        let r = &self.recipe;
        let groups = self.response_views(answered, rivals);
        let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
        let rewards = self.shaped_rewards(step, answered, &views, scores_count);
        let likelihood = r.likelihood.as_ref();
        let spared = likelihood.is_some_and(LikelihoodReward::spares_answer);
        // Where the response's own answer begins, which then carries no policy loss.
        let own_answer = |l: &Labelled| l.gold.as_ref().filter(|_| spared).map(|gold| gold.cut);
        let lengths: Vec<Vec<usize>> = answered
            .iter()
            .map(|(_, group)| {
                let kept = carrying(r, group.iter()).into_iter().zip(group);
                kept.map(|(n, l)| own_answer(l).map_or(n, |cut| cut.min(n)))
                    .collect()
            })
            .collect();
        let borrowed: Vec<&[f32]> = rewards.iter().map(Vec::as_slice).collect();
        let lengths: Vec<&[usize]> = lengths.iter().map(Vec::as_slice).collect();
        let mut advantages = batch_advantages(r.policy.advantage, &borrowed, Some(&lengths));
        if scores_count {
            let mixture = AdvantageMix {
                tau: r.self_reward.tau,
                std_gate: r.self_reward.std_gate,
            };
            for (advantages, group) in advantages.iter_mut().zip(&views) {
                let scores: Vec<Option<f32>> = group.iter().map(|v| v.score).collect();
                *advantages = mix_advantages(&mixture, advantages, &scores);
            }
        }
        let mut credited = Credited::default();
        if r.policy.credit.is_empty() && !spared {
            return (advantages, credited);
        }
        let (mut tokens, mut carrying) = (Vec::new(), Vec::new());
        for ((group, rewards), advantages) in views.iter().zip(&borrowed).zip(&advantages) {
            let spread = |(v, a): (&ResponseView, &f32)| vec![*a; v.ids.len()];
            let mut rows: Vec<Vec<f32>> = group.iter().zip(advantages).map(spread).collect();
            for credit in &r.policy.credit {
                credit.apply(r.policy.advantage, group, rewards, &mut rows);
            }
            for (row, a) in rows.iter().zip(advantages) {
                credited.tokens += row.len();
                credited.changed += row.iter().filter(|x| *x != a).count();
            }
            tokens.extend(rows);
            carrying.extend(group.iter().map(|v| {
                let credits = r.policy.credit.iter();
                credits.filter_map(|credit| credit.carrying(v)).min()
            }));
        }
        let responses = answered.iter_mut().flat_map(|(_, group)| group);
        for ((l, mut row), carrying) in responses.zip(tokens).zip(carrying) {
            let cut = own_answer(l);
            if let Some(cut) = cut {
                row[cut..].fill(0.0);
            }
            let carrying = carrying.into_iter().chain(cut).min();
            (l.rows.advantages, l.rows.carrying) = (row, carrying);
        }
        (advantages, credited)
    }

    /// The rewards of a step after all shapings, those of tokens included.
    pub(super) fn shaped_rewards(
        &self,
        step: u64,
        answered: &[Answered],
        views: &[&[ResponseView]],
        scores_count: bool,
    ) -> Vec<Vec<f32>> {
        let r = &self.recipe;
        let tokens = |l| self.token_rewards(l).iter().sum::<f32>();
        let total = |l| shaped_reward(r, l) + tokens(l);
        let groups = answered.iter();
        let mut rewards: Vec<Vec<f32>> = groups
            .map(|(_, group)| group.iter().map(total).collect())
            .collect();
        if let Some(likelihood) = &r.likelihood {
            for ((_, group), rewards) in answered.iter().zip(&mut rewards) {
                likelihood.apply(group, rewards);
            }
        }
        let stage_one = r.correction.as_ref().is_some_and(|c| c.in_stage_one(step));
        for shaping in &r.policy.shaping {
            let waits =
                shaping.needs_scores() && !scores_count || shaping.needs_attempts() && stage_one;
            if !waits {
                shaping.apply(views, &mut rewards);
            }
        }
        rewards
    }

    /// The responses as methods see them, group by group.
    pub(super) fn response_views<'a>(
        &self,
        answered: &'a [Answered],
        rivals: &'a [Rivals],
    ) -> Vec<Vec<ResponseView<'a>>> {
        let groups = answered.iter().enumerate();
        groups
            .map(|(i, (_, group))| {
                let rivals = rivals.get(i);
                let view = |l: &'a Labelled| ResponseView {
                    reference_rewards: rivals.map_or(&[], |r| &r.rewards),
                    reference_scores: rivals.map_or(&[], |r| &r.scores),
                    prefix: self.coefficients.prefix.tokens(l.response.ids.len()),
                    ..view(l)
                };
                group.iter().map(view).collect()
            })
            .collect()
    }
}

/// A response as methods see it, without what its group or the step knows of it.
pub(super) fn view(l: &Labelled) -> ResponseView<'_> {
    ResponseView {
        ids: &l.response.ids,
        correct: l.correct,
        answer: l.answer,
        score: l.score,
        logprobs: &l.response.logprobs,
        reference: &l.rows.reference,
        blank: &l.rows.blank,
        influence: &l.rows.influence,
        divergence: &l.rows.divergence,
        guide: &l.rows.guide,
        previous: &l.rows.previous,
        ..ResponseView::default()
    }
}

/// The reward that advantages are made of: that of the recipe's parts, less the penalty for length.
pub(super) fn shaped_reward(recipe: &Recipe, response: &Labelled) -> f32 {
    let (limit, cache) = (recipe.rollout.max_new_tokens, recipe.policy.overlong_tokens);
    let penalty = match cache {
        0 => 0.0,
        _ => soft_overlong_penalty(response.response.ids.len(), limit, cache),
    };
    response.total + penalty
}
