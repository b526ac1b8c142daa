//! The gradient of one update: the losses of its responses, and what they add up to over a step.

use std::ops::Range;

use laser_model::HeadGradient;
use laser_rl::{
    Advantages, ClassWeights, PolicyLossStats, ValueLossStats, kl_penalty,
    self_reward_cross_entropy, self_reward_mse, value_loss, without_truncated,
};
use laser_rollout::score::Sequence;

use super::pairs::PairSums;
use super::{Group, diverged};
use crate::TrainError;
use crate::beside::Beside;
use crate::label::{Labelled, Learns};
use crate::recipe::{KlPlace, Recipe, SelfDistillation, SelfRewardLoss};
use crate::trainer::Trainer;

/// Sums over the micro-batches of a step.
#[derive(Default)]
pub(super) struct Sums {
    pub policy: PolicyLossStats,
    pub kl: f64,
    /// What is learned from a teacher.
    pub distillation: f64,
    pub value: ValueLossStats,
    /// The self-reward's loss.
    pub self_reward: f64,
    /// Of a recipe that learns from pairs; its loss is the policy's too.
    pub pairs: PairSums,
    /// The loss on the gold answers.
    pub answers: f64,
    pub entropy: f64,
    pub rows: usize,
    /// Largest difference between a sampled and a recomputed log-probability before the first
    /// update of the step.
    pub mismatch: f32,
    /// Norm of the gradient, the largest of the step's updates.
    pub grad_norm: f64,
    pub updates: u64,
}

impl Trainer {
    /// A response with its prompt, and the token of the self-reward that is read after it.
    pub(super) fn sequence<'a>(&self, prompt: &'a [u32], l: &'a Labelled) -> Sequence<'a> {
        Sequence {
            prompt,
            response: &l.response.ids,
            self_reward_token: match l.response.finished() {
                true if l.correct => self.zc,
                true => self.zi.or(self.zc),
                false => None,
            },
        }
    }

    /// Whether no response of a group has a gradient, by what is known before the forward pass: all
    /// advantages are zero, as where all responses are right, and nothing else is learned from it.
    fn is_silent(&self, (prompt, group): &Group, alpha: f64) -> bool {
        let r = &self.recipe;
        let penalized = r.kl.coefficient > 0.0 && r.kl.place == KlPlace::Loss;
        !penalized
            && !r.entropy.active()
            && self.value_head.is_none()
            && group.iter().all(|(l, advantage)| {
                let regressed =
                    alpha != 0.0 && self.sequence(prompt, l).self_reward_token.is_some();
                let credited = match l.rows.advantages.is_empty() {
                    true => *advantage != 0.0,
                    false => l.rows.advantages.iter().any(|a| *a != 0.0),
                };
                !regressed && !credited && l.learns.hint().is_none()
            })
    }

    /// Adds the gradients of all losses over the groups of one update.
    pub(super) fn accumulate(
        &mut self,
        step: u64,
        groups: &[Group],
        class_weights: &ClassWeights,
        self_reward_active: bool,
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        let r = self.recipe.clone();
        let alpha = if self_reward_active {
            r.self_reward.alpha
        } else {
            0.0
        };
        // Groups that teach nothing come last, in micro-batches of their own: these need no backward
        // pass, and zeros change no sum.
        let (silent, teaching): (Vec<&Group>, Vec<&Group>) = groups
            .iter()
            .partition(|group| self.is_silent(group, alpha));
        let teaching_responses = teaching.iter().map(|(_, group)| group.len()).sum();
        let all: Vec<(&[u32], &Labelled, f32)> = teaching
            .into_iter()
            .chain(silent)
            .flat_map(|(p, g)| g.iter().map(move |(l, a)| (l.prompt(p), l, *a)))
            .collect();
        let sequences: Vec<Sequence> = all.iter().map(|(p, l, _)| self.sequence(p, l)).collect();
        // Denominators are those of the whole update, whatever the micro-batches.
        let lengths = carrying(&r, all.iter().map(|(_, l, _)| *l));
        let scales = r.policy.aggregation.scales(&lengths);
        let credited: Vec<usize> = lengths
            .iter()
            .zip(&all)
            .map(|(n, (_, l, _))| l.rows.carrying.map_or(*n, |kept| kept.min(*n)))
            .collect();
        let policy_scales = r.policy.aggregation.scales(&credited);
        let finished = all.iter().filter(|(_, l, _)| l.response.finished()).count();
        let self_reward_scale = 1.0 / finished.max(1) as f64;
        let policy = r.policy.loss();
        let taught: Vec<bool> = all.iter().map(|a| a.1.learns.hint().is_some()).collect();
        let distilled = r.distillation.as_ref();
        let likeliest = distilled.map_or(0, SelfDistillation::likeliest);
        let micro_batches = |part: Range<usize>| {
            let (sequences, tokens) = (&sequences[part.clone()], r.tokens_per_micro_batch);
            let cuts = self.learner.micro_batches(sequences, tokens).into_iter();
            cuts.map(move |cut| part.start + cut.start..part.start + cut.end)
        };
        let mut cuts: Vec<Range<usize>> = micro_batches(0..teaching_responses).collect();
        cuts.extend(micro_batches(teaching_responses..all.len()));
        for cut in cuts {
            let of = &taught[cut.clone()];
            let (batch, g) = self.micro_batch_beside(
                &sequences[cut.clone()],
                &Beside { likeliest, of },
                |what| diverged(step, what),
            )?;
            let taught = self.taught(&all[cut.clone()], &scales[cut.clone()], &batch, &g);
            for loss in taught.iter().flat_map(|t| &t.losses) {
                sums.distillation += loss;
            }
            let drawn = g.first();
            let mut dlogp = vec![0.0; drawn.len()];
            let bonus = r.entropy.active().then_some(self.coefficients.entropy);
            let mut dentropy = bonus.map(|_| vec![0.0; g.rows.len()]);
            let hidden = match &self.value_head {
                Some(_) => {
                    self.learner
                        .decoder
                        .hidden(&self.learner.cpu, &self.learner.ws, g.rows.len())
                }
                None => Vec::new(),
            };
            let values = self.value_head.as_ref().map(|head| head.values(&hidden));
            let mut dvalues = values.as_ref().map(|v| vec![0.0; v.len()]);
            for (((((_, l, advantage), scale), policy_scale), range), zc) in all[cut.clone()]
                .iter()
                .zip(&scales[cut.clone()])
                .zip(&policy_scales[cut])
                .zip(&batch.responses)
                .zip(&batch.self_rewards)
            {
                let logp = &drawn[range.clone()];
                let sampled = &l.response.logprobs;
                let rows = &l.rows;
                let old = if rows.old.is_empty() {
                    sampled
                } else {
                    &rows.old
                };
                let advantages = match rows.advantages.is_empty() {
                    true => Advantages::Response(*advantage),
                    false => Advantages::Tokens(&rows.advantages),
                };
                let weights = (!rows.weights.is_empty()).then_some(rows.weights.as_slice());
                // The scale is 0 where a response carries no loss.
                let grad = &mut dlogp[range.clone()];
                if l.learns.hint().is_none() {
                    let counted = *policy_scale * l.weights.policy;
                    let stats = policy.apply(logp, old, advantages, weights, counted, grad);
                    sums.policy.merge(stats);
                }
                if r.kl.coefficient > 0.0 && r.kl.place == KlPlace::Loss {
                    let beta = l.weights.kl.unwrap_or(self.coefficients.kl.coefficient);
                    let scale = beta * *scale;
                    sums.kl += kl_penalty(r.kl.kind, logp, &rows.reference, scale, grad);
                }
                if let (Some(bonus), Some(dentropy)) = (bonus, &mut dentropy) {
                    dentropy[range.clone()].fill((-bonus * scale) as f32);
                }
                if let (Some(values), Some(dvalues)) = (&values, &mut dvalues) {
                    let clip = (r.critic.clip > 0.0).then_some(r.critic.clip);
                    sums.value.merge(value_loss(
                        &values[range.clone()],
                        &rows.values,
                        &rows.returns,
                        clip,
                        r.critic.coefficient * scale,
                        &mut dvalues[range.clone()],
                    ));
                }
                sums.see(l, logp, &g.entropy[range.clone()]);
                if let Some(i) = *zc {
                    let weight = class_weights.of(l.correct);
                    let slope = sums.regress(&r, l, drawn[i], weight, self_reward_scale);
                    dlogp[i] += (alpha * slope as f64) as f32;
                }
            }
            let dhidden = match (&mut self.value_head, &dvalues) {
                (Some(head), Some(dvalues)) => Some(head.backward(&hidden, dvalues)),
                _ => None,
            };
            let dlogp = match taught {
                Some(taught) => taught.with(&dlogp),
                None => dlogp,
            };
            let head = HeadGradient {
                logp: &dlogp,
                entropy: dentropy.as_deref(),
                hidden: dhidden.as_deref(),
            };
            self.learner.backward(&g, head);
        }
        sums.check(step)
    }
}

impl Sums {
    /// Takes the log-probabilities and entropies of a response's tokens in.
    pub(super) fn see(&mut self, l: &Labelled, logp: &[f32], entropy: &[f32]) {
        self.entropy += entropy.iter().map(|e| *e as f64).sum::<f64>();
        self.rows += entropy.len();
        if self.updates == 0 {
            let pairs = logp.iter().zip(&l.response.logprobs);
            let mismatch = pairs.map(|(a, b)| (a - b).abs());
            self.mismatch = mismatch.fold(self.mismatch, f32::max);
        }
    }

    /// The self-reward's loss of a response with log π(z_c) = `logp`: its derivative by that.
    pub(super) fn regress(
        &mut self,
        r: &Recipe,
        l: &Labelled,
        logp: f32,
        weight: f32,
        scale: f64,
    ) -> f32 {
        let Some(rule) = &l.rule else {
            return 0.0;
        };
        let (loss, slope) = match r.self_reward.loss {
            SelfRewardLoss::Mse => self_reward_mse(rule, logp, l.reward(), weight, scale),
            SelfRewardLoss::CrossEntropy => self_reward_cross_entropy(logp, weight, scale),
        };
        self.self_reward += loss;
        slope
    }

    /// Refuses losses that are not finite.
    pub(super) fn check(&self, step: u64) -> Result<(), TrainError> {
        for (part, loss) in [
            ("policy", self.policy.loss),
            ("kl", self.kl),
            ("distillation", self.distillation),
            ("critic", self.value.loss),
            ("self-reward", self.self_reward),
        ] {
            if !loss.is_finite() {
                return Err(diverged(step, format!("the {part} loss is {loss}")));
            }
        }
        Ok(())
    }
}

/// The places of groups cut into as many shares, which differ by one group at most; fewer where
/// there are not so many groups.
pub(super) fn shares(groups: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let count = count.min(groups);
    (0..count).map(move |i| i * groups / count..(i + 1) * groups / count)
}

/// Tokens of each response that carry a loss: all, or none. A credit or a gold answer may leave the
/// policy loss fewer (`TokenRows::carrying`); the KL and the entropy keep these.
pub(super) fn carrying<'l>(
    recipe: &Recipe,
    responses: impl Iterator<Item = &'l Labelled>,
) -> Vec<usize> {
    let (lengths, finished): (Vec<usize>, Vec<bool>) = responses
        .map(|l| match l.learns {
            Learns::Nothing => (0, l.response.finished()),
            Learns::Policy | Learns::Teacher(_) => (l.response.ids.len(), l.response.finished()),
        })
        .unzip();
    match recipe.policy.overlong_filter {
        true => without_truncated(&lengths, &finished),
        false => lengths,
    }
}

/// Weights of the two classes, from the counts of the whole step.
pub(super) fn class_weights(groups: &[Group]) -> ClassWeights {
    let all = groups.iter().flat_map(|(_, group)| group);
    let finished = all.filter(|(l, _)| l.response.finished());
    ClassWeights::from_labels(finished.map(|(l, _)| l.correct))
}
