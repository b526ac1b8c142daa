//! One step of reinforcement learning: GRPO and its kin, with LaSeR on top.

use std::time::Instant;

use laser_rl::{
    AdvantageMix, ClassWeights, JudgeMetrics, Judged, PolicyLossStats, PpoClip, WarmUp,
    mix_advantages, ppo_clip, self_reward_mse,
};
use laser_rollout::RolloutError;
use laser_rollout::score::{Sequence, micro_batches};
use serde_json::{Map, Value, json};

use crate::TrainError;
use crate::files::decimal;
use crate::label::Labelled;
use crate::recipe::LearningRate;
use crate::tasks::{Problem, Split};
use crate::trainer::{Stream, Trainer};

/// What a step did.
pub(crate) struct ReinforceStep {
    /// A line of `metrics.jsonl`.
    pub metrics: Map<String, Value>,
    pub problems: Vec<Problem>,
    /// Responses to each problem, with the advantage of each.
    pub groups: Vec<Vec<(Labelled, f32)>>,
}

/// The ids of a prompt, and the responses to it with the advantage of each.
type Group = (Vec<u32>, Vec<(Labelled, f32)>);

/// Sums over the micro-batches of a step.
#[derive(Default)]
struct Sums {
    policy: PolicyLossStats,
    mse: f64,
    entropy: f64,
    rows: usize,
    /// Largest difference between a sampled and a recomputed log-probability.
    mismatch: f32,
}

impl Trainer {
    /// Samples, labels, and makes one optimizer update.
    pub(crate) fn reinforce_step(&mut self, step: u64) -> Result<ReinforceStep, TrainError> {
        let started = Instant::now();
        let r = self.recipe.clone();
        let stream = Stream::Reinforce.seed(r.seed);
        let first = (step - 1) * r.rollout.prompts as u64;
        let problems = self.problems(Split::Train, stream, first, r.rollout.prompts)?;
        let answered = self
            .respond(
                &problems,
                r.rollout.samples,
                [stream, step],
                r.rollout.sampling,
            )
            .map_err(|e| match e {
                TrainError::Rollout(e @ RolloutError::Sampling { .. }) => {
                    diverged(step, e.to_string())
                }
                other => other,
            })?;
        let rollout_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let warm_up = WarmUp {
            reasoning: r.self_reward.reasoning_warmup,
            self_reward: r.self_reward.mix_warmup,
        };
        let groups: Vec<Group> = answered
            .into_iter()
            .map(|(prompt, group)| {
                let advantages = self.advantages(&group, warm_up.mix_active(step));
                (prompt, group.into_iter().zip(advantages).collect())
            })
            .collect();
        let lr = r.optimizer.at(step, r.steps);
        let sums = self.accumulate(step, &groups, warm_up.mse_active(step))?;
        let grad_norm = self
            .update(&r.optimizer, lr)
            .map_err(|n| diverged(step, format!("the gradient's norm is {n}")))?;
        let train_seconds = started.elapsed().as_secs_f64();

        let mut metrics = self.measure(&groups, &sums);
        let prompt_tokens: usize = groups.iter().map(|(p, g)| p.len() * g.len()).sum();
        metrics.insert("step".into(), json!(step));
        metrics.insert(
            "seconds".into(),
            json!({"rollout": rollout_seconds, "train": train_seconds}),
        );
        metrics.insert(
            "tokens".into(),
            json!({"rollout": sums.policy.tokens, "train": sums.policy.tokens + prompt_tokens}),
        );
        metrics.insert("optim/grad_norm".into(), json!(grad_norm));
        metrics.insert("optim/lr".into(), json!(decimal(lr)));
        Ok(ReinforceStep {
            metrics,
            problems,
            groups: groups.into_iter().map(|g| g.1).collect(),
        })
    }

    /// Â of a group's responses: the verifier's advantage, with the self-reward mixed in once
    /// that is due (LaSeR, section 2.1 step 5).
    fn advantages(&self, group: &[Labelled], mix: bool) -> Vec<f32> {
        let rewards: Vec<f32> = group.iter().map(Labelled::reward).collect();
        let verifier = self.recipe.policy.advantage.advantages(&rewards);
        if !mix {
            return verifier;
        }
        let s = &self.recipe.self_reward;
        let scores: Vec<Option<f32>> = group.iter().map(|l| l.score).collect();
        mix_advantages(
            &AdvantageMix {
                tau: s.tau,
                std_gate: s.std_gate,
            },
            &verifier,
            &scores,
        )
    }

    /// Adds the gradient of the policy loss and of LaSeR's MSE over the whole step.
    fn accumulate(
        &mut self,
        step: u64,
        groups: &[Group],
        mse_active: bool,
    ) -> Result<Sums, TrainError> {
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
                finished: l.response.finished(),
            })
            .collect();
        // Denominators and class weights are those of the whole step, whatever the micro-batches.
        let tokens: usize = sequences.iter().map(|s| s.response.len()).sum();
        let finished = || all.iter().filter(|(_, l, _)| l.response.finished());
        let weights = match r.self_reward.class_weights {
            true => ClassWeights::from_labels(finished().map(|(_, l, _)| l.correct)),
            false => ClassWeights::unit(),
        };
        let alpha = if mse_active { r.self_reward.alpha } else { 0.0 };
        let mse_scale = 1.0 / finished().count().max(1) as f64;
        let clip = PpoClip {
            clip_low: r.policy.clip_low,
            clip_high: r.policy.clip_high,
            dual_clip: (r.policy.dual_clip > 0.0).then_some(r.policy.dual_clip),
        };
        let mut sums = Sums::default();
        for cut in micro_batches(&sequences, r.micro_batch_tokens) {
            let (batch, g) = self.micro_batch(&sequences[cut.clone()], self.zc, |what| {
                diverged(step, what)
            })?;
            let mut dlogp = vec![0.0; g.logp.len()];
            for (((_, l, advantage), range), zc) in all[cut]
                .iter()
                .zip(&batch.responses)
                .zip(&batch.self_rewards)
            {
                let logp = &g.logp[range.clone()];
                let old = &l.response.logprobs;
                let stats = ppo_clip(
                    &clip,
                    logp,
                    old,
                    *advantage,
                    1.0 / tokens as f64,
                    &mut dlogp[range.clone()],
                );
                sums.policy.merge(stats);
                sums.entropy += g.entropy[range.clone()]
                    .iter()
                    .map(|e| *e as f64)
                    .sum::<f64>();
                sums.rows += range.len();
                let mismatch = logp.iter().zip(old).map(|(a, b)| (a - b).abs());
                sums.mismatch = mismatch.fold(sums.mismatch, f32::max);
                if let (Some(i), Some(rule)) = (*zc, &self.self_reward) {
                    let (loss, slope) = self_reward_mse(
                        rule,
                        g.logp[i],
                        l.reward(),
                        weights.of(l.correct),
                        mse_scale,
                    );
                    sums.mse += loss;
                    dlogp[i] += (alpha * slope as f64) as f32;
                }
            }
            self.backward(&g, &dlogp);
        }
        if !sums.policy.loss.is_finite() || !sums.mse.is_finite() {
            let what = format!(
                "the loss is {} (policy) and {} (self-reward)",
                sums.policy.loss, sums.mse
            );
            return Err(diverged(step, what));
        }
        Ok(sums)
    }

    fn measure(&self, groups: &[Group], sums: &Sums) -> Map<String, Value> {
        let all: Vec<&Labelled> = groups
            .iter()
            .flat_map(|(_, g)| g.iter().map(|(l, _)| l))
            .collect();
        let n = all.len() as f64;
        let mean = |f: &dyn Fn(&Labelled) -> f64| all.iter().map(|l| f(l)).sum::<f64>() / n;
        let accuracy = mean(&|l| l.reward() as f64);
        let uniform = groups
            .iter()
            .filter(|(_, g)| g.iter().all(|(l, _)| l.correct == g[0].0.correct))
            .count();
        let mut m = Map::new();
        let mut put = |key: &str, value: Value| m.insert(key.into(), value);
        put("reward/mean", json!(accuracy));
        put("reward/verifier", json!(accuracy));
        put(
            "reward/uniform_groups",
            json!(uniform as f64 / groups.len() as f64),
        );
        put("policy/loss", json!(sums.policy.loss));
        put("policy/clip_fraction", json!(sums.policy.clip_fraction()));
        put("policy/kl", json!(sums.policy.approx_kl()));
        put(
            "policy/entropy",
            json!(sums.entropy / sums.rows.max(1) as f64),
        );
        put("policy/logprob_mismatch", json!(decimal(sums.mismatch)));
        put(
            "rollout/length_mean",
            json!(mean(&|l| l.response.ids.len() as f64)),
        );
        put(
            "rollout/truncated",
            json!(mean(&|l| f64::from(u8::from(!l.response.finished())))),
        );
        if let Some(zc) = self.zc {
            let drawn: usize = all
                .iter()
                .map(|l| l.response.ids.iter().filter(|id| **id == zc).count())
                .sum();
            put("rollout/self_reward_token_sampled", json!(drawn));
        }
        if self.self_reward.is_some() {
            let judged: Vec<Judged> = all
                .iter()
                .filter_map(|l| {
                    Some(Judged {
                        score: l.score?,
                        correct: l.correct,
                        length: l.response.ids.len() as u32,
                    })
                })
                .collect();
            let metrics = JudgeMetrics::of(&judged, 15);
            let logp = |correct: bool| {
                let of: Vec<f64> = all
                    .iter()
                    .filter(|l| l.correct == correct)
                    .filter_map(|l| l.response.self_logprob.map(f64::from))
                    .collect();
                (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64)
            };
            put("self_reward/mse", json!(sums.mse));
            put("self_reward/f1", json!(metrics.f1));
            put("self_reward/tpr", json!(metrics.tpr));
            put("self_reward/tnr", json!(metrics.tnr));
            put("self_reward/auroc", json!(metrics.auroc));
            put("self_reward/logp_correct", json!(logp(true)));
            put("self_reward/logp_incorrect", json!(logp(false)));
        }
        m
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
