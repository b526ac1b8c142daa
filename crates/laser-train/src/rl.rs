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
mod roll_out;
mod states;
mod update;
mod views;

use std::time::Instant;

use laser_rl::{ClassWeights, WarmUp};
use serde_json::{Map, Value, json};

use self::advantages::Credited;
use self::correct::measure_correction;
use self::pairs::Pairs;
use self::rivals::Rivals;
use self::update::{Sums, class_weights, shares};
use self::views::measure_views;
use crate::TrainError;
use crate::critic::ValueHead;
use crate::files::decimal;
use crate::label::Labelled;
use crate::recipe::{LearningRate, ReferenceKind};
use crate::tasks::Problem;
use crate::trainer::Trainer;

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

    /// The weights before the first update of a step, where the next one needs them. They take their
    /// place only after the last update, so that a step that fails leaves no trace.
    fn weights_to_keep(&self) -> Option<Vec<Vec<f32>>> {
        let learner = &self.learner;
        let kept = self.previous.as_ref();
        kept.map(|_| learner.decoder.merged(&learner.cpu).collect())
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
}

fn diverged(step: u64, what: String) -> TrainError {
    TrainError::Diverged {
        phase: "training",
        step,
        what,
        remedy: "nothing of this step was saved; lower optimizer.lr or self_reward.alpha".into(),
    }
}
