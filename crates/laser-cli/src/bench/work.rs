//! What is measured: the calls that a run makes, on random weights and ids.

use std::sync::LazyLock;

use anyhow::{Result, anyhow};
use laser_kernels::{Cpu, Precision, Segments};
use laser_model::{Decoder, Gradients, HeadGradient, Retain, Workspace, init_weights};
use laser_rl::{AdvantageKind, Advantages, Aggregation, PolicyLoss};
use laser_rollout::score::{Prompts, micro_batches};
use laser_rollout::{
    Batch, Engine, Generation, LocalEngine, Memory, Monitor, Request, Response, Sampling,
    SelfRewardPosition, Sequence,
};
use laser_train::{Moments, Optimizer};

use super::shape::{Sampled, Shape};

/// Tokens in a forward and backward pass of a policy step.
const MICRO_BATCH: usize = 4096;
/// The self-reward token.
const ZC: u32 = 1;
/// Of every update.
const LEARNING_RATE: f32 = 1e-4;
static OPTIMIZER: LazyLock<Optimizer> = LazyLock::new(Optimizer::default);

/// A model with what its training needs. The memory of training is taken when it is first needed.
pub(super) struct Bench<'a> {
    shape: &'a Shape,
    cpu: Cpu,
    decoder: Decoder<Cpu>,
    memory: Memory,
    training: Option<Training>,
    steps: u64,
}

struct Training {
    ws: Workspace<Cpu>,
    gradients: Gradients<Cpu>,
    moments: Moments<Cpu>,
}

impl<'a> Bench<'a> {
    pub fn new(shape: &'a Shape, cpu: Cpu, precision: Precision) -> Result<Self> {
        let config = shape.config()?;
        let weights = init_weights(&config, 1);
        let context = shape.context();
        let decoder = Decoder::with_precision(&cpu, config, weights, context, true, precision);
        let rows = shape
            .decode
            .prompts
            .max(shape.grpo.prompts * shape.grpo.samples);
        Ok(Bench {
            shape,
            memory: Memory::new(rows.div_ceil(cpu.threads())),
            cpu,
            decoder,
            training: None,
            steps: 0,
        })
    }

    pub fn threads(&self) -> usize {
        self.cpu.threads()
    }

    /// Samples a batch of responses to different prompts.
    pub fn decode(&mut self) -> Result<()> {
        self.sample(&self.shape.decode, self.shape.decode.new)
            .map(|_| ())
    }

    /// Bytes that [`Bench::decode`] must read at least: the weights once for each token.
    pub fn bytes_decoded(&self) -> usize {
        self.decoder.bytes_per_step() * self.shape.decode.new
    }

    fn sample(&self, s: &Sampled, new: usize) -> Result<Vec<(Vec<u32>, Vec<Response>)>> {
        let vocab = self.shape.vocab;
        let engine = LocalEngine::new(&self.decoder, &self.memory, &self.cpu);
        let requests: Vec<Request> = (0..s.prompts)
            .map(|r| Request {
                prompt: (0..s.prompt)
                    .map(|i| ((r * 31 + i * 17) % vocab) as u32)
                    .collect(),
                samples: s.samples,
                seed: vec![r as u64, self.steps],
            })
            .collect();
        let generation = Generation {
            sampling: Sampling::default(),
            max_new_tokens: new,
            stop: Vec::new(),
            self_reward_token: None,
            self_reward_position: SelfRewardPosition::default(),
            punctuation: Vec::new(),
        };
        let groups = engine.generate(&requests, &generation, &Monitor::default())?;
        let sampled: usize = groups.iter().flatten().map(|r| r.ids.len()).sum();
        let wanted = s.prompts * s.samples * new;
        match sampled == wanted {
            true => Ok(requests.into_iter().map(|r| r.prompt).zip(groups).collect()),
            false => Err(anyhow!("sampled {sampled} tokens instead of {wanted}")),
        }
    }

    /// Forward, mean cross entropy of all tokens, backward, clipping, AdamW.
    pub fn train(&mut self) -> Result<()> {
        let (sequences, length) = self.shape.train;
        let (vocab, tokens) = (self.shape.vocab, sequences * length);
        let ids: Vec<u32> = (0..tokens).map(|i| (i * 7919 % vocab) as u32).collect();
        let targets: Vec<u32> = (0..tokens).map(|i| ids[(i + 1) % tokens]).collect();
        let segments = Segments::from_lengths(std::iter::repeat_n(length, sequences));
        let rows: Vec<u32> = (0..tokens as u32).collect();
        let dlogp = vec![-1.0 / tokens as f32; tokens];
        let cpu = self.cpu.clone();
        cpu.install(|| {
            let (decoder, t) = self.training();
            decoder.forward(&cpu, &mut t.ws, &ids, &segments);
            let g = decoder.gather(&cpu, &mut t.ws, rows, targets);
            let head = HeadGradient::of_logp(&dlogp);
            decoder.backward(&cpu, &mut t.ws, &g, head, &mut t.gradients);
            t.update(&cpu, decoder)
        })
    }

    /// Floating-point operations of [`Bench::train`]: two for each weight and token, and for each
    /// head, query and key that it may see twice the width of a head, three times as many in both
    /// passes together.
    pub fn train_flops(&self) -> f64 {
        let (sequences, length) = self.shape.train;
        let (c, layout) = (&self.decoder.config, &self.decoder.layout);
        // The head is the embedding, and the only product that it is part of.
        let weights: usize = layout
            .tensors
            .iter()
            .filter(|t| t.matrix)
            .map(|t| t.len())
            .sum();
        let seen = length * (length + 1) / 2;
        let attention = 4 * c.layers * c.attention.q_width() * seen;
        3.0 * sequences as f64 * (2 * weights * length + attention) as f64
    }

    /// A step of GRPO: groups of responses, a reward that the text decides, advantages, one update.
    /// With `laser`, one more position of each response is sampled and scored, and the self-reward
    /// is trained.
    pub fn policy_step(&mut self, laser: bool) -> Result<()> {
        self.steps += 1;
        let s = &self.shape.grpo;
        // The last token of a response is read only where something is asked of it.
        let groups = self.sample(s, s.new + usize::from(laser))?;
        let (mut sequences, mut old, mut advantages) = (Vec::new(), Vec::new(), Vec::new());
        for (prompt, responses) in &groups {
            let rewards: Vec<f32> = responses
                .iter()
                .map(|r| (r.ids.iter().sum::<u32>() % 2) as f32)
                .collect();
            advantages.extend(AdvantageKind::Grpo.advantages(&rewards));
            for r in responses {
                sequences.push(Sequence {
                    self_reward_token: laser.then_some(ZC),
                    ..Sequence::plain(prompt, &r.ids[..s.new])
                });
                old.push(&r.logprobs[..s.new]);
            }
        }
        let scales = Aggregation::TokenMean.scales(&vec![s.new; sequences.len()]);
        let cpu = self.cpu.clone();
        let (decoder, t) = self.training();
        for cut in micro_batches(&sequences, MICRO_BATCH, Prompts::Shared) {
            let position = SelfRewardPosition::default();
            let batch = Batch::new(&sequences[cut.clone()], position, Prompts::Shared);
            decoder.forward(&cpu, &mut t.ws, &batch.ids, &batch.segments);
            let g = decoder.gather(&cpu, &mut t.ws, batch.rows, batch.targets);
            let mut dlogp = vec![0.0; g.logp.len()];
            for ((i, range), zc) in cut.zip(batch.responses).zip(batch.self_rewards) {
                let (logp, d) = (&g.logp[range.clone()], &mut dlogp[range]);
                let a = Advantages::Response(advantages[i]);
                PolicyLoss::default().apply(logp, old[i], a, None, scales[i], d);
                if let Some(zc) = zc {
                    // Of the squared distance of β (log π(z_c) − c_ref) to a reward.
                    dlogp[zc] = 0.1 * scales[i] as f32 * (g.logp[zc] + 23.0 - advantages[i]);
                }
            }
            decoder.backward(
                &cpu,
                &mut t.ws,
                &g,
                HeadGradient::of_logp(&dlogp),
                &mut t.gradients,
            );
        }
        t.update(&cpu, decoder)
    }

    fn training(&mut self) -> (&mut Decoder<Cpu>, &mut Training) {
        let (cpu, decoder) = (&self.cpu, &mut self.decoder);
        let training = self.training.get_or_insert_with(|| Training {
            ws: Workspace::new(cpu, &decoder.config, Retain::Everything),
            gradients: Gradients::zeros(cpu, decoder),
            moments: Moments::new(cpu, decoder),
        });
        (decoder, training)
    }
}

impl Training {
    fn update(&mut self, cpu: &Cpu, decoder: &mut Decoder<Cpu>) -> Result<()> {
        decoder.finish(cpu, &mut self.gradients);
        let norm = self
            .moments
            .update(cpu, decoder, &self.gradients, &OPTIMIZER, LEARNING_RATE);
        self.gradients.clear(cpu);
        norm.map(|_| ())
            .map_err(|n| anyhow!("the gradient's norm is {n}"))
    }
}
