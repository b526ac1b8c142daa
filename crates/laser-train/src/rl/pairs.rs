//! Learning from pairs: the pair of each group, and the gradient of a loss on it in place of the
//! policy's. The self-reward's regression goes on, on the responses of the pairs.

use laser_model::HeadGradient;
use laser_rl::{Advantages, ClassWeights, Pair, PolicyLoss, Preference, ResponseView};
use laser_rollout::score::{Sequence, micro_batches_of_pairs};
use serde_json::{Map, Value, json};

use super::advantages::view;
use super::rivals::Rivals;
use super::update::Sums;
use super::{Group, diverged};
use crate::TrainError;
use crate::label::Labelled;
use crate::trainer::{Answered, Trainer};

/// Sums over the pairs of a step's updates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PairSums {
    pairs: usize,
    /// Unscaled loss.
    loss: f64,
    margin: f64,
    /// Pairs with a margin above 0.
    positive: usize,
}

/// What the updates of a step learn from: its pairs, one place for each group.
pub(super) struct Pairs(pub Vec<Option<Pair>>);

impl Pairs {
    /// The chosen and the rejected response of each pair, with their prompt and C.
    fn members<'g>(
        groups: &'g [Group],
        pairs: &'g [Option<Pair>],
    ) -> impl Iterator<Item = (&'g [u32], [&'g Labelled; 2], f64)> {
        let both = groups.iter().zip(pairs);
        both.filter_map(|((prompt, group), pair)| {
            let pair = (*pair)?;
            let responses = [pair.chosen, pair.rejected].map(|i| &group[i].0);
            Some((prompt.as_slice(), responses, pair.consistency))
        })
    }

    /// 1 for the chosen response of each group, −1 for the rejected one, 0 for the others: what
    /// the samples show in the place of an advantage.
    pub(super) fn signs(&self, answered: &[Answered]) -> Vec<Vec<f32>> {
        let groups = answered.iter().zip(&self.0);
        let of = |((_, group), pair): (&Answered, &Option<Pair>)| {
            let mut signs = vec![0.0; group.len()];
            if let Some(pair) = pair {
                (signs[pair.chosen], signs[pair.rejected]) = (1.0, -1.0);
            }
            signs
        };
        groups.map(of).collect()
    }

    /// Weights of the two classes, from the counts of all pairs of the step.
    pub(super) fn class_weights(&self, groups: &[Group]) -> ClassWeights {
        let all = Self::members(groups, &self.0).flat_map(|(_, responses, _)| responses);
        let finished = all.filter(|l| l.response.finished());
        ClassWeights::from_labels(finished.map(|l| l.correct))
    }

    /// Tokens of the responses that are learned from, those of their prompts included.
    pub(super) fn tokens(&self, groups: &[Group]) -> usize {
        let tokens = |(prompt, [a, b], _): (&[u32], [&Labelled; 2], f64)| {
            2 * prompt.len() + a.response.ids.len() + b.response.ids.len()
        };
        Self::members(groups, &self.0).map(tokens).sum()
    }

    /// Adds the metrics of a step.
    pub(super) fn report(
        &self,
        preference: &Preference,
        sums: &PairSums,
        metrics: &mut Map<String, Value>,
    ) {
        let found: Vec<&Pair> = self.0.iter().flatten().collect();
        let mean = |sum: f64, n: usize| json!((n > 0).then(|| sum / n as f64));
        let mut put = |key: &str, value: Value| metrics.insert(key.into(), value);
        put("preference/pairs", json!(found.len()));
        put("preference/loss", mean(sums.loss, sums.pairs));
        put("preference/margin", mean(sums.margin, sums.pairs));
        put(
            "preference/accuracy",
            mean(sums.positive as f64, sums.pairs),
        );
        if preference.consistency.is_some() {
            let sum = found.iter().map(|p| p.consistency).sum();
            put("preference/consistency", mean(sum, found.len()));
        }
    }
}

impl Trainer {
    /// The pair of each group, where the recipe learns from pairs.
    pub(super) fn pairs(
        &self,
        step: u64,
        answered: &[Answered],
        rivals: &[Rivals],
        scores_count: bool,
    ) -> Option<Pairs> {
        let preference = self.recipe.preference.as_ref()?;
        let groups = self.response_views(answered, rivals);
        let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
        let rewards = self.shaped_rewards(step, answered, &views, scores_count);
        Some(Pairs(preference.pairs(&views, &rewards)))
    }

    /// Adds the gradients of the pairs of one update: their mean loss, and the self-reward's. The
    /// two responses of a pair share a micro-batch, because each one's gradient needs the margin.
    pub(super) fn accumulate_pairs(
        &mut self,
        step: u64,
        groups: &[Group],
        pairs: &[Option<Pair>],
        class_weights: &ClassWeights,
        self_reward_active: bool,
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        let r = self.recipe.clone();
        let Some(preference) = &r.preference else {
            return Ok(());
        };
        let pairs: Vec<(&[u32], [&Labelled; 2], f64)> = Pairs::members(groups, pairs).collect();
        let all: Vec<(&[u32], &Labelled)> = pairs
            .iter()
            .flat_map(|(prompt, both, _)| both.map(|l| (*prompt, l)))
            .collect();
        let sequences: Vec<Sequence> = all.iter().map(|(p, l)| self.sequence(p, l)).collect();
        let finished = all.iter().filter(|(_, l)| l.response.finished()).count();
        let self_reward_scale = 1.0 / finished.max(1) as f64;
        let alpha = if self_reward_active {
            r.self_reward.alpha
        } else {
            0.0
        };
        let scale = 1.0 / pairs.len().max(1) as f64;
        for cut in
            micro_batches_of_pairs(&sequences, r.tokens_per_micro_batch, self.learner.prompts)
        {
            let members = 2 * cut.start..2 * cut.end;
            let (batch, g) =
                self.micro_batch(&sequences[members.clone()], |what| diverged(step, what))?;
            let mut dlogp = vec![0.0; g.logp.len()];
            for ((_, both, consistency), ranges) in
                pairs[cut].iter().zip(batch.responses.chunks_exact(2))
            {
                let (chosen, rejected) = (ranges[0].clone(), ranges[1].clone());
                let logp = [&g.logp[chosen.clone()], &g.logp[rejected.clone()]];
                let [a, b] = both.map(view);
                let (before, after) = dlogp.split_at_mut(rejected.start);
                let rows = [&mut before[chosen], &mut after[..logp[1].len()]];
                let found = preference.loss(*consistency, [&a, &b], logp, scale, rows);
                sums.policy.loss += found.loss;
                sums.pairs.pairs += 1;
                sums.pairs.loss += found.loss / scale;
                sums.pairs.margin += found.margin;
                sums.pairs.positive += usize::from(found.margin > 0.0);
            }
            let responses = all[members].iter().zip(&batch.responses);
            for (((_, l), range), zc) in responses.zip(&batch.self_rewards) {
                let logp = &g.logp[range.clone()];
                // For the ratios alone: without a scale nothing is added.
                let ratios = PolicyLoss::Reinforce.apply(
                    logp,
                    &l.response.logprobs,
                    Advantages::Response(0.0),
                    None,
                    0.0,
                    &mut dlogp[range.clone()],
                );
                sums.policy.merge(ratios);
                sums.see(l, logp, &g.entropy[range.clone()]);
                if let Some(i) = *zc {
                    let weight = class_weights.of(l.correct);
                    let slope = sums.regress(&r, l, g.logp[i], weight, self_reward_scale);
                    dlogp[i] += (alpha * slope as f64) as f32;
                }
            }
            self.learner.backward(&g, HeadGradient::of_logp(&dlogp));
        }
        sums.check(step)
    }
}
