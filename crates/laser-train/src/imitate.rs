//! Learning from written responses: the supervised warm start, and SFT.

use std::time::Instant;

use laser_model::{HeadGradient, Message};
use laser_rl::SupervisedLoss;
use laser_rollout::score::Sequence;
use serde_json::{Map, json};

use crate::TrainError;
use crate::beside::Beside;
use crate::files::decimal;
use crate::recipe::{LearningRate, Optimizer};
use crate::rl::ReinforceStep;
use crate::tasks::Problem;
use crate::trainer::{Stream, Trainer};

/// A batch of solutions and what is learned from it.
struct Imitation<'a> {
    phase: &'static str,
    step: u64,
    problems: Vec<Problem>,
    /// Weight of the preparation of z_c, and the log-probability that it aims at, nats.
    zc: (f64, f32),
    loss: SupervisedLoss,
    optimizer: &'a Optimizer,
    lr: f32,
    /// What to lower when the numbers break down.
    key: &'static str,
}

/// What a step measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Imitated {
    /// The recipe's loss per response token, nats.
    pub loss: f64,
    /// Cross entropy per response token, nats, where the loss is another.
    pub cross_entropy: Option<f64>,
    /// Mean log p(z_c) after a solution, nats; none where it is not prepared.
    pub self_logp: Option<f64>,
    pub grad_norm: f64,
    pub lr: f32,
    /// Tokens that were computed, those of prompts included.
    pub tokens: usize,
}

/// Ids of a prompt and of the response to it, its end token included.
type Example = (Vec<u32>, Vec<u32>);

impl Trainer {
    /// One supervised step of the warm start, on fresh problems.
    pub(crate) fn warm_step(&mut self, step: u64) -> Result<Imitated, TrainError> {
        let recipe = self.recipe.clone();
        let w = &recipe.warm_start;
        let stream = Stream::WarmStart.seed(recipe.seed);
        self.imitate(Imitation {
            phase: "warm start",
            step,
            problems: self.problems(stream, (step - 1) * w.batch_size as u64, w.batch_size)?,
            zc: (w.self_reward_weight, w.self_reward_logp),
            loss: w.loss,
            optimizer: &w.optimizer,
            lr: w.optimizer.at(step, w.steps),
            key: "warm_start.optimizer.lr",
        })
    }

    /// One step of supervised training.
    pub(crate) fn supervised_step(&mut self, step: u64) -> Result<ReinforceStep, TrainError> {
        let started = Instant::now();
        let recipe = self.recipe.clone();
        let s = &recipe.supervised;
        let made = self.imitate(Imitation {
            phase: "training",
            step,
            problems: self.batch(step)?,
            zc: (s.self_reward_weight, s.self_reward_logp),
            loss: s.loss,
            optimizer: &recipe.optimizer,
            lr: recipe.optimizer.at(step, recipe.steps),
            key: "optimizer.lr",
        })?;
        let mut metrics = made.metrics(step, started);
        if let Some(n) = self.problems.train_len() {
            let seen = step * s.batch_size as u64;
            metrics.insert("data/epoch".into(), json!(seen as f64 / n as f64));
        }
        Ok(ReinforceStep {
            metrics,
            problems: Vec::new(),
            groups: Vec::new(),
        })
    }

    /// The recipe's loss on the response tokens, plus the preparation of z_c,
    /// `weight · mean (log π(z_c) − target)²` one position after the end.
    fn imitate(&mut self, i: Imitation) -> Result<Imitated, TrainError> {
        let examples = self.examples(&i.problems)?;
        let (weight, target) = i.zc;
        let zc = self.zc.filter(|_| weight > 0.0);
        let sequences = sequences(&examples, zc);
        let scale = 1.0 / sequences.iter().map(|s| s.response.len()).sum::<usize>() as f64;
        let zc_scale = weight / sequences.len() as f64;
        let mut result = Imitated {
            lr: i.lr,
            cross_entropy: (!i.loss.is_cross_entropy()).then_some(0.0),
            ..Imitated::default()
        };
        let everywhere = vec![true; sequences.len()];
        let diverged = |what: String| TrainError::Diverged {
            phase: i.phase,
            step: i.step,
            what,
            remedy: format!("lower {}", i.key),
        };
        for cut in self
            .learner
            .micro_batches(&sequences, self.recipe.tokens_per_micro_batch)
        {
            let beside = Beside {
                likeliest: i.loss.likeliest(),
                of: &everywhere[cut.clone()],
            };
            let (batch, g) = self.micro_batch_beside(&sequences[cut], &beside, diverged)?;
            let mut dlogp = vec![0.0; g.logp.len()];
            let width = g.ids.len() / g.rows.len().max(1);
            for (range, zc) in batch.responses.iter().zip(&batch.self_rewards) {
                let own = range.start * width..range.end * width;
                let (ids, logp) = (&g.ids[own.clone()], &g.logp[own.clone()]);
                let tokens = range.len();
                result.loss += i
                    .loss
                    .apply(ids, logp, tokens, scale, &mut dlogp[own.clone()]);
                if let Some(sum) = &mut result.cross_entropy {
                    let own = logp.iter().step_by(width).map(|l| f64::from(*l));
                    *sum -= scale * own.sum::<f64>();
                }
                if let Some(at) = zc.map(|at| at * width) {
                    let error = g.logp[at] - target;
                    dlogp[at] = (2.0 * zc_scale * error as f64) as f32;
                    let share = g.logp[at] as f64 / sequences.len() as f64;
                    *result.self_logp.get_or_insert(0.0) += share;
                }
            }
            self.learner.backward(&g, HeadGradient::of_logp(&dlogp));
            result.tokens += batch.ids.len();
        }
        result.grad_norm = self.learner.update(i.optimizer, i.lr).map_err(diverged)?;
        Ok(result)
    }

    /// Of each problem's written response −Σ log π of its tokens, nats, and their number; zeros
    /// where it has none.
    pub(crate) fn response_losses(
        &self,
        problems: &[Problem],
    ) -> Result<Vec<(f64, usize)>, TrainError> {
        let is_written = |p: &&Problem| !p.solution.is_empty();
        let written: Vec<Problem> = problems.iter().filter(is_written).cloned().collect();
        let examples = self.examples(&written)?;
        let scores = self.learner.score(
            &sequences(&examples, None),
            self.recipe.self_reward.position,
            self.recipe.tokens_per_micro_batch,
        )?;
        let mut losses = scores.iter().map(|s| {
            let sum: f64 = s.logprobs.iter().map(|l| f64::from(*l)).sum();
            (-sum, s.logprobs.len())
        });
        let mut of = |p: &Problem| is_written(&p).then(|| losses.next()).flatten();
        Ok(problems.iter().map(|p| of(p).unwrap_or_default()).collect())
    }

    /// Tokens of each prompt with its response in a step of supervised training.
    pub(crate) fn example_lengths(&self, step: u64) -> Result<Vec<usize>, TrainError> {
        let examples = self.examples(&self.batch(step)?)?;
        Ok(examples.iter().map(|(p, r)| p.len() + r.len()).collect())
    }

    /// The problems of a step of supervised training.
    fn batch(&self, step: u64) -> Result<Vec<Problem>, TrainError> {
        let size = self.recipe.supervised.batch_size;
        let stream = Stream::WarmStart.seed(self.recipe.seed);
        self.problems(stream, (step - 1) * size as u64, size)
    }

    /// Problems with their solutions as ids.
    fn examples(&self, problems: &[Problem]) -> Result<Vec<Example>, TrainError> {
        let text = &self.learner.text;
        problems
            .iter()
            .map(|p| {
                let mut response = text.encode(&p.solution)?;
                response.extend(self.end);
                Ok((self.problems.prompt_ids(text, p)?, response))
            })
            .collect()
    }
}

/// The token that ends a response: the one with which the chat template ends an answer, if
/// prompts go through it, otherwise the first of the stop tokens.
pub(crate) fn end_token(
    text: &laser_model::Text,
    eos: &[u32],
    chat: bool,
) -> Result<Option<u32>, TrainError> {
    let first = eos.first().copied();
    if !chat {
        return Ok(first);
    }
    let message = |role: &str| Message {
        role: role.into(),
        content: "1".into(),
    };
    let shown = text.render(&[message("user"), message("assistant")], false)?;
    let ids = text.encode(&shown)?;
    Ok(ids.into_iter().rfind(|id| eos.contains(id)).or(first))
}

fn sequences(examples: &[Example], token: Option<u32>) -> Vec<Sequence<'_>> {
    examples
        .iter()
        .map(|(prompt, response)| Sequence {
            prompt,
            response,
            self_reward_token: token,
        })
        .collect()
}

impl Imitated {
    /// The line of a step in `metrics.jsonl`.
    pub(crate) fn metrics(&self, step: u64, started: Instant) -> Map<String, serde_json::Value> {
        let line = json!({
            "step": step, "seconds": {"train": started.elapsed().as_secs_f64()},
            "tokens": {"train": self.tokens}, "sft/loss": self.loss,
            "optim/grad_norm": self.grad_norm, "optim/lr": decimal(self.lr), "optim/skipped": 0,
        });
        let mut line = line.as_object().cloned().unwrap_or_default();
        if let Some(loss) = self.cross_entropy {
            line.insert("sft/cross_entropy".into(), json!(loss));
        }
        if let Some(logp) = self.self_logp {
            line.insert("sft/self_logp".into(), json!(logp));
        }
        line
    }
}
