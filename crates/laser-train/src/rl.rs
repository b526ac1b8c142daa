//! One step of reinforcement learning: GRPO and its kin, with LaSeR on top.

mod advantages;
mod likelihood;
mod measure;
mod prepare;

use std::time::Instant;

use laser_model::HeadGradient;
use laser_rl::{
    Advantages, ClassWeights, PolicyLossStats, Refill, RefillStep, ValueLossStats, WarmUp,
    is_informative, kl_penalty, self_reward_cross_entropy, self_reward_mse, value_loss,
    without_truncated,
};
use laser_rng::Rng;
use laser_rollout::RolloutError;
use laser_rollout::score::{Sequence, micro_batches};
use serde_json::{Map, Value, json};

use crate::TrainError;
use crate::critic::ValueHead;
use crate::files::decimal;
use crate::label::Labelled;
use crate::recipe::{
    KlPlace, LearningRate, LikelihoodReward, Recipe, ReferenceKind, SelfRewardLoss,
};
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer};

/// What a step did; one that learned from written responses has no groups.
pub(crate) struct ReinforceStep {
    /// A line of `metrics.jsonl`.
    pub metrics: Map<String, Value>,
    pub problems: Vec<Problem>,
    /// Responses to each problem, with the advantage of each.
    pub groups: Vec<Vec<(Labelled, f32)>>,
}

/// The ids of a prompt, and the responses to it with the advantage of each.
type Group = (Vec<u32>, Vec<(Labelled, f32)>);

/// The problems of a step and what was sampled for them.
struct Rollout {
    problems: Vec<Problem>,
    answered: Vec<Answered>,
    /// Groups that were sampled, those that dynamic sampling dropped included.
    sampled: usize,
    refills: u32,
}

/// Sums over the micro-batches of a step.
#[derive(Default)]
struct Sums {
    policy: PolicyLossStats,
    kl: f64,
    value: ValueLossStats,
    /// The self-reward's loss.
    self_reward: f64,
    /// The loss on the gold answers.
    answers: f64,
    entropy: f64,
    rows: usize,
    /// Largest difference between a sampled and a recomputed log-probability before the first
    /// update of the step.
    mismatch: f32,
    /// Norm of the gradient, the largest of the step's updates.
    grad_norm: f64,
    updates: u64,
}

impl Trainer {
    /// One step of whatever the recipe trains by.
    pub(crate) fn train_step(&mut self, step: u64) -> Result<ReinforceStep, TrainError> {
        match self.recipe.is_supervised() {
            true => self.supervised_step(step),
            false => self.reinforce_step(step),
        }
    }

    /// Samples, labels, and makes the optimizer updates of a step.
    fn reinforce_step(&mut self, step: u64) -> Result<ReinforceStep, TrainError> {
        let started = Instant::now();
        let r = self.recipe.clone();
        let mut rollout = self.roll_out(step)?;
        let rollout_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let prepared = self.prepare(step, &mut rollout.answered)?;
        self.read_answers(step, &rollout.problems, &mut rollout.answered)?;
        let warm_up = WarmUp {
            reasoning: r.self_reward.reasoning_warmup,
            self_reward: r.self_reward.mix_warmup,
        };
        let scores_count = warm_up.mix_active(step);
        let (advantages, credited) = self.advantages(&mut rollout.answered, scores_count);
        let groups: Vec<Group> = rollout
            .answered
            .into_iter()
            .zip(advantages)
            .map(|((prompt, group), a)| {
                let rated = group.into_iter().zip(a).map(|(l, a)| {
                    let a = l.rows.mean_advantage().unwrap_or(a);
                    (l, a)
                });
                (prompt, rated.collect())
            })
            .collect();
        let lr = r.optimizer.at(step, r.steps);
        let mut sums = Sums::default();
        let weights = class_weights(&r, &groups);
        for _ in 0..r.policy.passes {
            for share in shares(&groups, r.policy.mini_batches) {
                let active = warm_up.mse_active(step);
                self.accumulate(step, share, &weights, active, &mut sums)?;
                self.accumulate_answers(step, share, &mut sums)?;
                // Before the policy's update: a step changes both or neither.
                if let Some(norm) = self.value_head.as_ref().map(ValueHead::norm)
                    && !norm.is_finite()
                {
                    let what = format!("the norm of the critic's gradient is {norm}");
                    return Err(diverged(step, what));
                }
                let norm = self
                    .learner
                    .update(&r.optimizer, lr)
                    .map_err(|what| diverged(step, what))?;
                if let Some(head) = &mut self.value_head {
                    let lr = lr * r.critic.lr_scale;
                    head.update(
                        &self.learner.cpu,
                        &r.optimizer,
                        lr,
                        self.learner.moments.updates,
                    );
                }
                sums.grad_norm = sums.grad_norm.max(norm);
                sums.updates += 1;
            }
        }
        let mut metrics = self.measure(&groups, &sums, &prepared);
        let entropy = sums.entropy / sums.rows.max(1) as f64;
        let responses = groups.iter().map(|(_, g)| g.len()).sum();
        self.coefficients.update(prepared.kl, entropy, responses);
        self.move_reference(step);
        let train_seconds = started.elapsed().as_secs_f64();

        let prompt_tokens: usize = groups.iter().map(|(p, g)| p.len() * g.len()).sum();
        let tokens: usize = groups
            .iter()
            .flat_map(|g| &g.1)
            .map(|(l, _)| l.response.ids.len())
            .sum();
        let passes = r.policy.passes as usize;
        metrics.insert("step".into(), json!(step));
        metrics.insert(
            "seconds".into(),
            json!({"rollout": rollout_seconds, "train": train_seconds}),
        );
        metrics.insert(
            "tokens".into(),
            json!({"rollout": tokens, "train": passes * (tokens + prompt_tokens)}),
        );
        metrics.insert("optim/grad_norm".into(), json!(sums.grad_norm));
        metrics.insert("optim/lr".into(), json!(decimal(lr)));
        if !r.policy.credit.is_empty() {
            let share = credited.changed as f64 / credited.tokens.max(1) as f64;
            metrics.insert("policy/credited_tokens".into(), json!(share));
        }
        if r.rollout.refills > 0 {
            metrics.insert("rollout/sampled_groups".into(), json!(rollout.sampled));
            metrics.insert("rollout/refills".into(), json!(rollout.refills));
        }
        Ok(ReinforceStep {
            metrics,
            problems: rollout.problems,
            groups: groups.into_iter().map(|g| g.1).collect(),
        })
    }

    /// The responses that a step learns from.
    fn roll_out(&mut self, step: u64) -> Result<Rollout, TrainError> {
        let r = self.recipe.clone();
        let count = r.rollout.prompts;
        let stream = Stream::Reinforce.seed(r.seed);
        let first = (step - 1) * count as u64;
        let problems = self.problems(stream, first, count)?;
        let answered = self.sample(step, &problems, [stream, step])?;
        let mut rollout = Rollout {
            sampled: count,
            refills: 0,
            problems,
            answered,
        };
        if r.rollout.refills == 0 {
            return Ok(rollout);
        }
        // Groups whose rewards are all the same have no advantage. If even the last round leaves
        // none other, they are trained on as they are: the self-reward learns from them.
        let plan = Refill {
            groups: count,
            at_least: 1,
            max_refills: r.rollout.refills,
        };
        let pairs = rollout.problems.drain(..).zip(rollout.answered.drain(..));
        let (mut kept, dropped): (Vec<_>, Vec<_>) = pairs.partition(|(_, a)| informative(a));
        loop {
            match plan.next(kept.len(), rollout.refills) {
                RefillStep::Train(groups) => kept.truncate(groups),
                RefillStep::Fail => kept = dropped,
                RefillStep::More(missing) => {
                    rollout.refills += 1;
                    let words = [
                        Stream::Refill.seed(r.seed),
                        step,
                        u64::from(rollout.refills),
                    ];
                    let stream = Rng::from_words(&words).next_u64();
                    let problems = self.problems(stream, 0, missing)?;
                    let answered = self.sample(step, &problems, [stream, step])?;
                    rollout.sampled += missing;
                    kept.extend(
                        problems
                            .into_iter()
                            .zip(answered)
                            .filter(|(_, a)| informative(a)),
                    );
                    continue;
                }
            }
            break;
        }
        (rollout.problems, rollout.answered) = kept.into_iter().unzip();
        Ok(rollout)
    }

    /// Responses to problems, with their rewards.
    fn sample(
        &mut self,
        step: u64,
        problems: &[Problem],
        seed: [u64; 2],
    ) -> Result<Vec<Answered>, TrainError> {
        let r = &self.recipe.rollout;
        let mut answered = self
            .respond(problems, r.samples, seed, r.sampling)
            .map_err(|e| match e {
                TrainError::Rollout(e @ RolloutError::Sampling { .. }) => {
                    diverged(step, e.to_string())
                }
                other => other,
            })?;
        self.rewards
            .apply(problems, &mut answered, &self.learner.monitor)?;
        Ok(answered)
    }

    /// The reference of the next step.
    fn move_reference(&mut self, step: u64) {
        let kl = &self.recipe.kl;
        let decay = match kl.reference {
            ReferenceKind::Base => return,
            ReferenceKind::Ema => kl.ema_decay,
            ReferenceKind::Sync if step.is_multiple_of(kl.sync_every) => 0.0,
            ReferenceKind::Sync => return,
        };
        if let Some(reference) = &mut self.reference {
            reference.follow(&self.learner.cpu, &self.learner.decoder, decay);
        }
    }

    /// Adds the gradients of all losses over the groups of one update.
    fn accumulate(
        &mut self,
        step: u64,
        groups: &[Group],
        class_weights: &ClassWeights,
        self_reward_active: bool,
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        let r = self.recipe.clone();
        let all: Vec<(&[u32], &Labelled, f32)> = groups
            .iter()
            .flat_map(|(p, g)| g.iter().map(move |(l, a)| (p.as_slice(), l, *a)))
            .collect();
        let sequences: Vec<Sequence> = all
            .iter()
            .map(|(prompt, l, _)| Sequence {
                prompt,
                response: &l.response.ids,
                self_reward_token: match l.response.finished() {
                    true if l.correct => self.zc,
                    true => self.zi.or(self.zc),
                    false => None,
                },
            })
            .collect();
        // Denominators are those of the whole update, whatever the micro-batches.
        let lengths = carrying(&r, all.iter().map(|(_, l, _)| *l));
        let scales = r.policy.aggregation.scales(&lengths);
        let finished = all.iter().filter(|(_, l, _)| l.response.finished()).count();
        let alpha = if self_reward_active {
            r.self_reward.alpha
        } else {
            0.0
        };
        let self_reward_scale = 1.0 / finished.max(1) as f64;
        let policy = r.policy.loss();
        for cut in micro_batches(&sequences, r.tokens_per_micro_batch) {
            let (batch, g) =
                self.micro_batch(&sequences[cut.clone()], |what| diverged(step, what))?;
            let mut dlogp = vec![0.0; g.logp.len()];
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
            for ((((_, l, advantage), scale), range), zc) in all[cut.clone()]
                .iter()
                .zip(&scales[cut])
                .zip(&batch.responses)
                .zip(&batch.self_rewards)
            {
                let logp = &g.logp[range.clone()];
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
                sums.policy
                    .merge(policy.apply(logp, old, advantages, weights, *scale, grad));
                if r.kl.coefficient > 0.0 && r.kl.place == KlPlace::Loss {
                    let scale = self.coefficients.kl.coefficient * *scale;
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
                sums.entropy += g.entropy[range.clone()]
                    .iter()
                    .map(|e| *e as f64)
                    .sum::<f64>();
                sums.rows += range.len();
                if sums.updates == 0 {
                    let mismatch = logp.iter().zip(sampled).map(|(a, b)| (a - b).abs());
                    sums.mismatch = mismatch.fold(sums.mismatch, f32::max);
                }
                if let (Some(i), Some(rule)) = (*zc, &l.rule) {
                    let (logp, weight) = (g.logp[i], class_weights.of(l.correct));
                    let (loss, slope) = match r.self_reward.loss {
                        SelfRewardLoss::Mse => {
                            self_reward_mse(rule, logp, l.reward(), weight, self_reward_scale)
                        }
                        SelfRewardLoss::CrossEntropy => {
                            self_reward_cross_entropy(logp, weight, self_reward_scale)
                        }
                    };
                    sums.self_reward += loss;
                    dlogp[i] += (alpha * slope as f64) as f32;
                }
            }
            let dhidden = match (&mut self.value_head, &dvalues) {
                (Some(head), Some(dvalues)) => Some(head.backward(&hidden, dvalues)),
                _ => None,
            };
            let head = HeadGradient {
                logp: &dlogp,
                entropy: dentropy.as_deref(),
                hidden: dhidden.as_deref(),
            };
            self.learner.backward(&g, head);
        }
        for (part, loss) in [
            ("policy", sums.policy.loss),
            ("kl", sums.kl),
            ("critic", sums.value.loss),
            ("self-reward", sums.self_reward),
        ] {
            if !loss.is_finite() {
                return Err(diverged(step, format!("the {part} loss is {loss}")));
            }
        }
        Ok(())
    }
}

/// The groups cut into as many shares, which differ by one group at most; fewer where there are
/// not so many groups.
fn shares(groups: &[Group], count: usize) -> impl Iterator<Item = &[Group]> {
    let count = count.min(groups.len());
    (0..count).map(move |i| &groups[i * groups.len() / count..(i + 1) * groups.len() / count])
}

/// Tokens of each response that carry policy loss.
fn carrying<'l>(recipe: &Recipe, responses: impl Iterator<Item = &'l Labelled>) -> Vec<usize> {
    let likelihood = recipe.likelihood.as_ref();
    let spared = likelihood.is_some_and(LikelihoodReward::spares_answer);
    let tokens = |l: &Labelled| match &l.gold {
        Some(gold) if spared => gold.cut,
        _ => l.response.ids.len(),
    };
    let (lengths, finished): (Vec<usize>, Vec<bool>) = responses
        .map(|l| (tokens(l), l.response.finished()))
        .unzip();
    match recipe.policy.overlong_filter {
        true => without_truncated(&lengths, &finished),
        false => lengths,
    }
}

fn informative((_, group): &Answered) -> bool {
    let rewards: Vec<f32> = group.iter().map(|l| l.total).collect();
    is_informative(&rewards)
}

/// Weights of the two classes, from the counts of the whole step.
fn class_weights(recipe: &Recipe, groups: &[Group]) -> ClassWeights {
    if !recipe.self_reward.class_weights {
        return ClassWeights::unit();
    }
    let all = groups.iter().flat_map(|(_, group)| group);
    let finished = all.filter(|(l, _)| l.response.finished());
    ClassWeights::from_labels(finished.map(|(l, _)| l.correct))
}

fn diverged(step: u64, what: String) -> TrainError {
    TrainError::Diverged {
        phase: "training",
        step,
        what,
        remedy: "nothing of this step was saved; lower optimizer.lr or self_reward.alpha".into(),
    }
}
