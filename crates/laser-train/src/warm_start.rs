//! The supervised warm start: from fresh weights to a base model.

use laser_model::HeadGradient;
use laser_rl::nll;
use laser_rollout::score::{Sequence, micro_batches};

use crate::TrainError;
use crate::recipe::LearningRate;
use crate::tasks::Split;
use crate::trainer::{Stream, Trainer};

/// What a step measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WarmStep {
    /// Cross entropy per response token, nats.
    pub loss: f64,
    /// Mean log p(z_c) after a solution, nats.
    pub self_logp: f64,
    pub grad_norm: f64,
    pub lr: f32,
    pub tokens: usize,
}

impl Trainer {
    /// One supervised step on fresh problems: cross entropy on the response tokens, plus the
    /// preparation of z_c, `weight · mean (log π(z_c) − target)²` one position after the end.
    pub(crate) fn warm_step(&mut self, step: u64) -> Result<WarmStep, TrainError> {
        let recipe = self.recipe.clone();
        let w = &recipe.warm_start;
        let stream = Stream::WarmStart.seed(recipe.seed);
        let problems = self.problems(
            Split::Train,
            stream,
            (step - 1) * w.batch_size as u64,
            w.batch_size,
        )?;
        let texts = problems
            .iter()
            .map(|p| {
                let mut solution = self.learner.text.encode(&p.solution)?;
                solution.extend(self.learner.eos.first());
                Ok((self.learner.text.encode(&p.prompt)?, solution))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let zc = self.zc.filter(|_| w.self_reward_weight > 0.0);
        let sequences: Vec<Sequence> = texts
            .iter()
            .map(|(p, s)| Sequence {
                prompt: p,
                response: s,
                self_reward_token: zc,
            })
            .collect();
        let scale = 1.0 / sequences.iter().map(|s| s.response.len()).sum::<usize>() as f64;
        let zc_scale = w.self_reward_weight / sequences.len() as f64;
        let mut result = WarmStep::default();
        let diverged = |what: String| TrainError::Diverged {
            phase: "warm start",
            step,
            what,
            remedy: "lower warm_start.optimizer.lr".into(),
        };
        for cut in micro_batches(&sequences, recipe.tokens_per_micro_batch) {
            let (batch, g) = self.micro_batch(&sequences[cut], diverged)?;
            let mut dlogp = vec![0.0; g.logp.len()];
            for (range, zc) in batch.responses.iter().zip(&batch.self_rewards) {
                result.loss += nll(&g.logp[range.clone()], scale, &mut dlogp[range.clone()]);
                if let Some(i) = *zc {
                    let error = g.logp[i] - w.self_reward_logp;
                    dlogp[i] = (2.0 * zc_scale * error as f64) as f32;
                    result.self_logp += g.logp[i] as f64 / sequences.len() as f64;
                }
            }
            self.learner.backward(&g, HeadGradient::of_logp(&dlogp));
            result.tokens += batch.ids.len();
        }
        result.lr = w.optimizer.at(step, w.steps);
        result.grad_norm = self
            .learner
            .update(&w.optimizer, result.lr)
            .map_err(|n| diverged(format!("the gradient's norm is {n}")))?;
        Ok(result)
    }
}
