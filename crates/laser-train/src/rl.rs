//! One step of reinforcement learning: GRPO and its kin, with LaSeR on top.

mod advantages;
mod continuations;
mod correct;
mod distill;
mod likelihood;
mod measure;
mod pairs;
mod prepare;
mod rivals;
mod states;
mod views;

use std::ops::Range;
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

use self::advantages::Credited;
use self::pairs::{PairSums, Pairs};
use crate::TrainError;
use crate::beside::Beside;
use crate::critic::ValueHead;
use crate::files::decimal;
use crate::label::{Labelled, Learns};
use crate::recipe::{
    KlPlace, LearningRate, LikelihoodReward, Recipe, ReferenceKind, SelfDistillation,
    SelfRewardLoss,
};
use crate::self_judge::Questioned;
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer};
use correct::measure_correction;
use rivals::Rivals;
use views::{measure_views, number_answers};

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
    /// Of the frozen base model, group by group; empty where no method compares with them.
    rivals: Vec<Rivals>,
}

/// Sums over the micro-batches of a step.
#[derive(Default)]
struct Sums {
    policy: PolicyLossStats,
    kl: f64,
    /// What is learned from a teacher.
    distillation: f64,
    value: ValueLossStats,
    /// The self-reward's loss.
    self_reward: f64,
    /// Of a recipe that learns from pairs; its loss is the policy's too.
    pairs: PairSums,
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
        rollout.rivals = self.rivals(step, &rollout.problems)?;
        let rollout_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let mut prepared = self.prepare(step, &mut rollout.answered)?;
        prepared.routed = self.route(&rollout.problems, &mut rollout.answered)?;
        self.read_answers(step, &rollout.problems, &mut rollout.answered)?;
        let warm_up = WarmUp {
            reasoning: r.self_reward.reasoning_warmup,
            self_reward: r.self_reward.mix_warmup,
        };
        let scores_count = warm_up.mix_active(step);
        let pairs = self.pairs(step, &rollout.answered, &rollout.rivals, scores_count);
        let (advantages, credited) = match &pairs {
            Some(pairs) => (pairs.signs(&rollout.answered), Credited::default()),
            None => self.advantages(step, &mut rollout.answered, &rollout.rivals, scores_count),
        };
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
        let weights = match (r.self_reward.class_weights, &pairs) {
            (false, _) => ClassWeights::unit(),
            (true, Some(pairs)) => pairs.class_weights(&groups),
            (true, None) => class_weights(&groups),
        };
        let begin = self.weights_to_keep();
        for _ in 0..r.policy.passes {
            for share in shares(groups.len(), r.policy.mini_batches) {
                let active = warm_up.mse_active(step);
                let update = &groups[share.clone()];
                match &pairs {
                    Some(Pairs(pairs)) => {
                        let pairs = &pairs[share];
                        self.accumulate_pairs(step, update, pairs, &weights, active, &mut sums)?;
                    }
                    None => self.accumulate(step, update, &weights, active, &mut sums)?,
                }
                self.accumulate_answers(step, update, &mut sums)?;
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
        if let (Some(previous), Some(begin)) = (&mut self.previous, begin) {
            previous.replace(&self.learner.cpu, &begin);
        }
        let train_seconds = started.elapsed().as_secs_f64();

        let responses = || {
            groups
                .iter()
                .flat_map(|(p, g)| g.iter().map(move |(l, _)| (p, l)))
        };
        let prompt_tokens: usize = responses().map(|(p, l)| l.prompt(p).len()).sum();
        let tokens: usize = responses().map(|(_, l)| l.response.ids.len()).sum();
        let aside: usize = responses().map(|(_, l)| l.aside).sum();
        let rivals: usize = rollout.rivals.iter().map(|r| r.tokens).sum();
        let passes = r.policy.passes as usize;
        let trained = match &pairs {
            Some(pairs) => pairs.tokens(&groups),
            None => tokens + prompt_tokens,
        };
        metrics.insert("step".into(), json!(step));
        metrics.insert(
            "seconds".into(),
            json!({"rollout": rollout_seconds, "train": train_seconds}),
        );
        metrics.insert(
            "tokens".into(),
            json!({"rollout": tokens + aside + rivals, "train": passes * trained}),
        );
        if let (Some(pairs), Some(preference)) = (&pairs, &r.preference) {
            pairs.report(preference, &sums.pairs, &mut metrics);
        }
        metrics.insert("optim/grad_norm".into(), json!(sums.grad_norm));
        metrics.insert("optim/lr".into(), json!(decimal(lr)));
        if !r.policy.credit.is_empty() {
            let share = credited.changed as f64 / credited.tokens.max(1) as f64;
            metrics.insert("policy/credited_tokens".into(), json!(share));
        }
        Rivals::measure(&rollout.rivals, &mut metrics);
        if r.rollout.views > 1 {
            measure_views(&groups, r.rollout.views, &mut metrics);
        }
        if r.correction.is_some() {
            measure_correction(&groups, &mut metrics);
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
        let problems = self.views(stream, first, count)?;
        let (problems, answered) = self.sample(step, problems, [stream, step])?;
        let mut rollout = Rollout {
            sampled: count,
            refills: 0,
            rivals: Vec::new(),
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
                    let (problems, answered) = self.sample(step, problems, [stream, step])?;
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

    /// Responses to problems, with their rewards, and the problem of each group.
    fn sample(
        &mut self,
        step: u64,
        mut problems: Vec<Problem>,
        seed: [u64; 2],
    ) -> Result<(Vec<Problem>, Vec<Answered>), TrainError> {
        let recipe = self.recipe.clone();
        let r = &recipe.rollout;
        let broken = |e| match e {
            TrainError::Rollout(e @ RolloutError::Sampling { .. }) => diverged(step, e.to_string()),
            other => other,
        };
        let mut answered = self
            .respond(&problems, r.samples, seed, r.sampling)
            .map_err(broken)?;
        if r.views > 1 {
            number_answers(&problems, &mut answered, r.views);
        }
        if let Some(correction) = &recipe.correction {
            (problems, answered) = self
                .correct(correction, step, problems, answered, seed)
                .map_err(broken)?;
        }
        self.reward(&problems, &mut answered, seed)?;
        self.continue_prefixes(&problems, &mut answered, seed)?;
        Ok((problems, answered))
    }

    /// Gives responses their rewards. `seed` names the randomness of what is sampled for them.
    fn reward(
        &mut self,
        problems: &[Problem],
        answered: &mut [Answered],
        seed: [u64; 2],
    ) -> Result<(), TrainError> {
        let policy = Questioned {
            learner: &self.learner,
            problems: &self.problems,
            zc: self.zc,
            seed: [Stream::Judgement.seed(seed[0]), seed[1]],
        };
        self.rewards.apply(problems, answered, policy)
    }

    /// The weights before the first update of a step, where the next one needs them. They take their
    /// place only after the last update, so that a step that fails leaves no trace.
    fn weights_to_keep(&self) -> Option<Vec<Vec<f32>>> {
        let learner = &self.learner;
        let kept = self.previous.as_ref();
        kept.map(|_| learner.decoder.merged(&learner.cpu).collect())
    }

    /// A response with its prompt, and the token of the self-reward that is read after it.
    fn sequence<'a>(&self, prompt: &'a [u32], l: &'a Labelled) -> Sequence<'a> {
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

    /// The reference of the next step.
    fn move_reference(&mut self, step: u64) {
        let kl = &self.recipe.kl;
        if !self.recipe.reference_moves() {
            return;
        }
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
        let alpha = if self_reward_active {
            r.self_reward.alpha
        } else {
            0.0
        };
        let self_reward_scale = 1.0 / finished.max(1) as f64;
        let policy = r.policy.loss();
        let taught: Vec<bool> = all.iter().map(|a| a.1.learns.hint().is_some()).collect();
        let distilled = r.distillation.as_ref();
        let likeliest = distilled.map_or(0, SelfDistillation::likeliest);
        for cut in micro_batches(&sequences, r.tokens_per_micro_batch) {
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
    fn see(&mut self, l: &Labelled, logp: &[f32], entropy: &[f32]) {
        self.entropy += entropy.iter().map(|e| *e as f64).sum::<f64>();
        self.rows += entropy.len();
        if self.updates == 0 {
            let pairs = logp.iter().zip(&l.response.logprobs);
            let mismatch = pairs.map(|(a, b)| (a - b).abs());
            self.mismatch = mismatch.fold(self.mismatch, f32::max);
        }
    }

    /// The self-reward's loss of a response with log π(z_c) = `logp`: its derivative by that.
    fn regress(&mut self, r: &Recipe, l: &Labelled, logp: f32, weight: f32, scale: f64) -> f32 {
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
    fn check(&self, step: u64) -> Result<(), TrainError> {
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
fn shares(groups: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let count = count.min(groups);
    (0..count).map(move |i| i * groups / count..(i + 1) * groups / count)
}

/// Tokens of each response that carry policy loss, or a teacher's in its place.
fn carrying<'l>(recipe: &Recipe, responses: impl Iterator<Item = &'l Labelled>) -> Vec<usize> {
    let likelihood = recipe.likelihood.as_ref();
    let spared = likelihood.is_some_and(LikelihoodReward::spares_answer);
    let tokens = |l: &Labelled| match &l.gold {
        Some(gold) if spared => gold.cut,
        _ => l.response.ids.len(),
    };
    let (lengths, finished): (Vec<usize>, Vec<bool>) = responses
        .map(|l| match l.learns {
            Learns::Nothing => (0, l.response.finished()),
            Learns::Policy | Learns::Teacher(_) => (tokens(l), l.response.finished()),
        })
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
fn class_weights(groups: &[Group]) -> ClassWeights {
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
