//! A model in training: weights, optimizer, text, problems.

use std::mem::take;
use std::sync::Arc;

use laser_kernels::Cpu;
use laser_model::{Decoder, Gathered, Gradients, ModelError, Text, Workspace};
use laser_rl::{SelfReward, check_finite};
use laser_rng::Rng;
use laser_rollout::score::{Batch, Sequence};
use laser_rollout::{
    Engine, Generation, LocalEngine, Memory, Monitor, Request, RolloutError, Sampling,
};

use crate::TrainError;
use crate::label::{Labelled, label};
use crate::optimizer::Moments;
use crate::recipe::{Optimizer, Recipe};
use crate::reward::Rewards;
use crate::save::ModelFiles;
use crate::tasks::{ALPHABET, Mixture, Problem, Split};

/// Independent streams of randomness of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Problems of the warm start.
    WarmStart = 1,
    /// Problems and samples of the reinforcement learning.
    Reinforce = 2,
    /// Test problems; the same for every seed of a run, so that runs are comparable.
    Test = 3,
    /// On-policy responses on which c_ref is measured.
    Calibrate = 4,
    /// Fresh weights.
    Weights = 5,
    /// Problems and samples of dynamic sampling after the first round.
    Refill = 6,
}

impl Stream {
    pub(crate) fn seed(self, run_seed: u64) -> u64 {
        Rng::from_words(&[run_seed, self as u64]).next_u64()
    }
}

/// The ids of a prompt, and the responses to it.
pub(crate) type Answered = (Vec<u32>, Vec<Labelled>);

/// Everything that a step needs.
pub(crate) struct Trainer {
    pub recipe: Arc<Recipe>,
    pub cpu: Cpu,
    pub decoder: Decoder<Cpu>,
    pub ws: Workspace<Cpu>,
    pub gradients: Gradients<Cpu>,
    pub moments: Moments<Cpu>,
    pub files: ModelFiles,
    pub text: Text,
    pub eos: Vec<u32>,
    /// z_c.
    pub zc: Option<u32>,
    /// The scoring rule; set once c_ref is known.
    pub self_reward: Option<SelfReward>,
    pub mixture: Mixture,
    pub rewards: Rewards,
    pub memory: Memory,
    pub monitor: Arc<Monitor>,
}

impl Trainer {
    /// A trainer around weights on the host, in the layout's order.
    pub(crate) fn new(
        recipe: Arc<Recipe>,
        cpu: Cpu,
        files: ModelFiles,
        tensors: &[Vec<f32>],
        monitor: Arc<Monitor>,
    ) -> Result<Self, TrainError> {
        let config = files.config()?;
        let text = files.text()?;
        let eos = files.eos(&config)?;
        let zc = self_reward_token(&recipe, &text, &eos)?;
        let context = recipe.model.context.min(config.max_positions);
        let decoder = Decoder::new(&cpu, config, tensors, context, true);
        Ok(Trainer {
            mixture: Mixture::new(&recipe.tasks)?,
            rewards: Rewards::start(&recipe.reward)?,
            memory: Memory::new(recipe.rollout.rows),
            ws: Workspace::new(&cpu, &decoder.config),
            gradients: Gradients::zeros(&cpu, &decoder.layout),
            moments: Moments::new(&cpu, &decoder),
            recipe,
            cpu,
            decoder,
            files,
            text,
            eos,
            zc,
            self_reward: None,
            monitor,
        })
    }

    /// Samples and labels responses to problems. `seed` names the randomness together with the
    /// place of a problem.
    pub(crate) fn respond(
        &self,
        problems: &[Problem],
        samples: usize,
        seed: [u64; 2],
        sampling: Sampling,
    ) -> Result<Vec<Answered>, TrainError> {
        let requests = problems
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let prompt = self.text.encode(&p.prompt)?;
                Ok(Request {
                    prompt,
                    samples,
                    seed: vec![seed[0], seed[1], i as u64],
                })
            })
            .collect::<Result<Vec<_>, ModelError>>()?;
        let generation = Generation {
            sampling,
            max_new_tokens: self.recipe.rollout.max_new_tokens,
            stop: self.eos.clone(),
            self_reward_token: self.zc,
        };
        let engine = LocalEngine::new(&self.decoder, &self.memory, self.cpu.threads());
        let groups = engine.generate(&requests, &generation, &self.monitor)?;
        requests
            .into_iter()
            .zip(groups)
            .zip(problems)
            .map(|((r, group), p)| {
                Ok((
                    r.prompt,
                    label(&self.text, p, group, self.self_reward.as_ref())?,
                ))
            })
            .collect()
    }

    /// Problems `first..first + count` of a stream.
    pub(crate) fn problems(
        &self,
        split: Split,
        stream: u64,
        first: u64,
        count: usize,
    ) -> Result<Vec<Problem>, TrainError> {
        (first..first + count as u64)
            .map(|i| {
                self.mixture
                    .problem(split, stream, i)
                    .map_err(TrainError::from)
            })
            .collect()
    }

    /// The forward pass of a micro-batch, and the log-probabilities of its responses, with those
    /// of z_c where one is given. `diverged` makes the error if one is not finite.
    pub(crate) fn micro_batch(
        &mut self,
        sequences: &[Sequence],
        zc: Option<u32>,
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        if self.monitor.cancelled() {
            self.gradients.clear(&self.cpu);
            return Err(RolloutError::Cancelled.into());
        }
        let mut batch = Batch::new(sequences, zc);
        let (rows, targets) = (take(&mut batch.rows), take(&mut batch.targets));
        let (cpu, ws) = (&self.cpu, &mut self.ws);
        self.decoder.forward(cpu, ws, &batch.ids, &batch.segments);
        let gathered = self.decoder.gather(cpu, ws, rows, targets);
        check_finite("log-probabilities", &gathered.logp).map_err(|e| diverged(e.to_string()))?;
        Ok((batch, gathered))
    }

    /// Adds the gradient of the last micro-batch; `dlogp` is that of its log-probabilities.
    pub(crate) fn backward(&mut self, gathered: &Gathered, dlogp: &[f32]) {
        let (ws, gradients) = (&mut self.ws, &mut self.gradients);
        self.decoder
            .backward(&self.cpu, ws, gathered, dlogp, None, gradients);
    }

    /// Clips, updates, clears. The norm before clipping.
    pub(crate) fn update(&mut self, optimizer: &Optimizer, lr: f32) -> Result<f64, f64> {
        self.decoder.finish(&self.cpu, &mut self.gradients);
        let norm =
            self.moments
                .update(&self.cpu, &mut self.decoder, &self.gradients, optimizer, lr);
        self.gradients.clear(&self.cpu);
        norm
    }
}

/// Looks z_c up and refuses one that cannot serve.
fn self_reward_token(recipe: &Recipe, text: &Text, eos: &[u32]) -> Result<Option<u32>, TrainError> {
    let token = &recipe.self_reward.token;
    if token.is_empty() {
        return Ok(None);
    }
    let fail = |problem: String| TrainError::Value {
        place: format!("recipe {}", recipe.name),
        key: "self_reward.token".into(),
        value: format!("\"{token}\""),
        problem,
    };
    if token.chars().all(|c| ALPHABET.contains(c)) {
        return Err(fail(
            "the tasks' texts may contain it; name a special token that is never used".into(),
        ));
    }
    let id = text.token_id(token).ok_or_else(|| {
        fail("the tokenizer has no such token; name one of its unused special tokens".into())
    })?;
    if eos.contains(&id) {
        return Err(fail(
            "it ends responses (EOS); name a token that is never used".into(),
        ));
    }
    Ok(Some(id))
}
