//! The policy that the trained one is held against, and the coefficients that adapt.

use std::sync::{Mutex, PoisonError};

use laser_kernels::{Backend, Cpu, Precision};
use laser_model::{Decoder, ModelConfig, Retain, Workspace};
use laser_rl::{AdaptiveKl, EntropyController, PrefixSchedule, ema};
use laser_rollout::SelfRewardPosition;
use laser_rollout::score::{Batch, Prompts, Score, Sequence, micro_batches, score};
use serde::{Deserialize, Serialize};

use crate::recipe::Recipe;

/// A second set of weights that only scores.
pub(crate) struct Reference {
    pub decoder: Decoder<Cpu>,
    /// Behind a lock because scoring is asked for where the trainer is only read.
    ws: Mutex<Workspace<Cpu>>,
}

impl Reference {
    /// A reference with weights on the host, in the layout's order.
    pub(crate) fn new(
        cpu: &Cpu,
        config: ModelConfig,
        tensors: impl IntoIterator<Item = Vec<f32>>,
        context: usize,
        precision: Precision,
    ) -> Self {
        let ws = Mutex::new(Workspace::new(cpu, &config, Retain::Nothing));
        Reference {
            decoder: Decoder::with_precision(cpu, config, tensors, context, false, precision),
            ws,
        }
    }

    /// Its log-probabilities of responses.
    pub(crate) fn score(
        &self,
        cpu: &Cpu,
        sequences: &[Sequence],
        position: SelfRewardPosition,
        max_tokens: usize,
    ) -> Vec<Score> {
        let mut ws = self.ws.lock().unwrap_or_else(PoisonError::into_inner);
        score(cpu, &self.decoder, &mut ws, sequences, position, max_tokens)
    }

    /// Its log-probabilities of chosen ids at the positions of responses: each sequence comes with
    /// its ids, `[T, K]`, K the same for all.
    pub(crate) fn read(
        &self,
        cpu: &Cpu,
        of: &[(Sequence, &[u32])],
        max_tokens: usize,
    ) -> Vec<Reading> {
        let mut ws = self.ws.lock().unwrap_or_else(PoisonError::into_inner);
        let sequences: Vec<Sequence> = of.iter().map(|(sequence, _)| *sequence).collect();
        let mut readings = Vec::with_capacity(of.len());
        for cut in micro_batches(&sequences, max_tokens, Prompts::Own) {
            let batch = Batch::new(
                &sequences[cut.clone()],
                SelfRewardPosition::default(),
                Prompts::Shared,
            );
            let ids: Vec<u32> = of[cut].iter().flat_map(|(_, ids)| *ids).copied().collect();
            self.decoder
                .forward(cpu, &mut ws, &batch.ids, &batch.segments);
            let g = self.decoder.gather(cpu, &mut ws, batch.rows, ids);
            let width = g.width();
            readings.extend(batch.responses.into_iter().map(|rows| Reading {
                logp: g.logp[rows.start * width..rows.end * width].to_vec(),
                entropy: g.entropy[rows].to_vec(),
            }));
        }
        readings
    }

    /// Takes other weights, on the host, in the layout's order.
    pub(crate) fn replace(&mut self, cpu: &Cpu, tensors: &[Vec<f32>]) {
        let own = self.decoder.parameters_mut().iter_mut();
        for (device, host) in own.zip(tensors) {
            cpu.upload(host, device);
        }
        self.decoder.refresh(cpu);
    }

    /// Moves to `decay` · itself + (1 − `decay`) · the policy.
    pub(crate) fn follow(&mut self, cpu: &Cpu, policy: &Decoder<Cpu>, decay: f64) {
        let own = self.decoder.parameters_mut().iter_mut();
        for (device, policy) in own.zip(policy.merged(cpu)) {
            let mut own = vec![0.0; policy.len()];
            cpu.download(device, &mut own);
            ema(&mut own, &policy, decay);
            cpu.upload(&own, device);
        }
        self.decoder.refresh(cpu);
    }
}

/// What a model says at the T positions of a response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// log p of the chosen ids, `[T, K]`, nats.
    pub logp: Vec<f32>,
    /// Entropy of each distribution, `[T]`, nats.
    pub entropy: Vec<f32>,
}

/// Coefficients that change on the way; part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// β of the KL.
    pub kl: AdaptiveKl,
    /// What adapts the entropy bonus.
    pub entropy_controller: EntropyController,
    /// The entropy bonus of the next step.
    pub entropy: f64,
    /// η, the share of a response that is its prefix.
    #[serde(default)]
    pub prefix: PrefixSchedule,
}

impl Coefficients {
    /// Those of the first step.
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let (kl, e) = (&recipe.kl, &recipe.entropy);
        Coefficients {
            kl: AdaptiveKl {
                coefficient: kl.coefficient,
                target: kl.target,
                horizon: kl.horizon,
            },
            entropy_controller: EntropyController {
                coefficient: e.coefficient,
                target: e.target,
                step: e.step,
                min: 0.0,
                max: e.max,
            },
            entropy: e.coefficient,
            prefix: recipe.rollout.prefix.schedule(),
        }
    }

    /// Takes a step of `responses` in: its mean KL and entropy per token, nats.
    pub(crate) fn update(&mut self, kl: Option<f64>, entropy: f64, responses: usize) {
        if let Some(kl) = kl.filter(|_| self.kl.target > 0.0) {
            self.kl.update(kl, responses);
        }
        if self.entropy_controller.target > 0.0 {
            self.entropy = self.entropy_controller.update(entropy);
        }
    }
}
