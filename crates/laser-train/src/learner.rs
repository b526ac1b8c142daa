//! A model that learns, without a recipe: sample, accumulate a loss, update, save.

use std::mem::take;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use laser_kernels::{Buffer, Cpu, Precision};
use laser_model::{
    Decoder, Gathered, Gradients, HeadGradient, ModelError, Retain, Text, Workspace, init_weights,
};
use laser_rl::check_finite;
use laser_rollout::score::{Batch, Prompts, Score, Sequence, micro_batches, score};
use laser_rollout::{
    Engine, Generation, LocalEngine, Memory, Monitor, Request, Response, RolloutError, Sampling,
    SelfRewardPosition,
};

use crate::TrainError;
use crate::beside::Beside;
use crate::files::folder_atomically;
use crate::model_files::{Adapt, ModelFiles, Source};
use crate::optimizer::Moments;
use crate::punctuation::punctuation;
use crate::recipe::{Model, Optimizer, Save};
use crate::save::{check_weights, write_model};

/// Weights with their optimizer and text. A training loop of one's own is four calls of it:
/// [`sample`](Self::sample), [`accumulate`](Self::accumulate), [`step`](Self::step),
/// [`save`](Self::save). [`Run`](crate::Run) is such a loop.
pub struct Learner {
    /// The device.
    pub cpu: Cpu,
    /// The model.
    pub decoder: Decoder<Cpu>,
    /// Its tokenizer.
    pub text: Text,
    /// Ids that end a response.
    pub eos: Vec<u32>,
    /// The optimizer's moments.
    pub moments: Moments<Cpu>,
    /// Shows the progress of sampling, and stops it.
    pub monitor: Arc<Monitor>,
    pub(crate) files: ModelFiles,
    pub(crate) ws: Workspace<Cpu>,
    pub(crate) gradients: Gradients<Cpu>,
    /// Whether sequences beside each other compute a prompt that they have in common once.
    pub(crate) prompts: Prompts,
    memory: Memory,
}

/// What a learner's memory depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LearnerSettings {
    /// Longest sequence, in tokens.
    pub context: usize,
    /// Responses in flight on each thread.
    pub rows: usize,
    /// What the forward pass keeps for the backward pass.
    pub retain: Retain,
    /// How products read the weight matrices.
    pub precision: Precision,
    /// What becomes of a prompt that sequences beside each other have in common.
    pub prompts: Prompts,
}

impl LearnerSettings {
    fn new(context: usize) -> Self {
        LearnerSettings {
            context,
            rows: 32,
            retain: Retain::Everything,
            precision: Precision::F32,
            prompts: Prompts::Shared,
        }
    }
}

/// A prompt with the responses to it.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// Its ids.
    pub prompt: Vec<u32>,
    /// As many as were asked for.
    pub responses: Vec<Response>,
}

/// The log-probabilities of a response, and room for the derivatives of its loss.
pub struct Terms<'a> {
    /// log π of each token of the response, nats.
    pub logp: &'a [f32],
    /// log π of the sequence's self-reward token, nats, where it has one.
    pub self_logp: Option<f32>,
    /// Derivative of the loss by each of `logp`; zero at first.
    pub dlogp: &'a mut [f32],
    /// Derivative of the loss by `self_logp`; zero at first.
    pub dself_logp: &'a mut f32,
}

impl Learner {
    /// Fresh weights of a shape, with a vocabulary of characters; `threads` 0 is one per core.
    ///
    /// # Errors
    /// A shape that no decoder can have, and threads that cannot be started.
    pub fn fresh(model: &Model, seed: u64, threads: usize) -> Result<Self, TrainError> {
        let files = ModelFiles::fresh(model);
        let weights = init_weights(&files.config()?, seed);
        let source = Source::full(files, weights)?;
        let settings = LearnerSettings::new(model.context);
        Self::new(Cpu::new(threads)?, source, settings, Arc::default())
    }

    /// A model folder in the Hugging Face layout, or an adapter folder of PEFT with its base
    /// model, for sequences of at most `context` tokens. An adapter goes on being trained, its
    /// base stays frozen.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub fn load(dir: &Path, context: usize, threads: usize) -> Result<Self, TrainError> {
        let source = Source::open(dir)?;
        let settings = LearnerSettings::new(context);
        Self::new(Cpu::new(threads)?, source, settings, Arc::default())
    }

    /// A learner around weights that are taken one by one.
    pub(crate) fn new(
        cpu: Cpu,
        source: Source,
        settings: LearnerSettings,
        monitor: Arc<Monitor>,
    ) -> Result<Self, TrainError> {
        let Source {
            files,
            config,
            text,
            eos,
            tensors,
            adapt,
        } = source;
        let context = settings.context.min(config.max_positions);
        let mut decoder =
            Decoder::with_precision(&cpu, config, tensors, context, true, settings.precision);
        match adapt {
            Adapt::No => {}
            Adapt::Fresh(lora, seed) => {
                let row = lora.token.map(|t| decoder.head_row(&cpu, t));
                let values = lora.init(&decoder.config, &row.unwrap_or_default(), seed);
                decoder.adapt(&cpu, lora, &values);
            }
            Adapt::Stored(stored) => decoder.adapt(&cpu, stored.lora, &stored.values),
        }
        Ok(Learner {
            memory: Memory::new(settings.rows),
            ws: Workspace::new(&cpu, &decoder.config, settings.retain),
            gradients: Gradients::zeros(&cpu, &decoder),
            prompts: settings.prompts,
            moments: Moments::new(&cpu, &decoder),
            cpu,
            decoder,
            files,
            text,
            eos,
            monitor,
        })
    }

    /// Sampling from the policy itself, up to a number of tokens.
    pub fn generation(&self, max_new_tokens: usize) -> Generation {
        Generation {
            sampling: Sampling::default(),
            max_new_tokens,
            stop: self.eos.clone(),
            self_reward_token: None,
            self_reward_position: SelfRewardPosition::default(),
            punctuation: punctuation(&self.text),
        }
    }

    /// Samples responses to prompts, whose special tokens are written out. `seed` names the
    /// randomness together with the place of the prompt and of the response.
    ///
    /// # Errors
    /// A prompt that is too long, and what else [`LocalEngine`] refuses.
    pub fn sample(
        &self,
        prompts: &[&str],
        samples: usize,
        seed: &[u64],
        generation: &Generation,
    ) -> Result<Vec<Sampled>, TrainError> {
        let prompts = prompts.iter().map(|p| self.text.encode(p));
        let prompts = prompts.collect::<Result<Vec<_>, ModelError>>()?;
        self.sample_ids(prompts, samples, seed, generation)
    }

    /// The same for prompts of token ids.
    ///
    /// # Errors
    /// Those of [`sample`](Self::sample).
    pub fn sample_ids(
        &self,
        prompts: Vec<Vec<u32>>,
        samples: usize,
        seed: &[u64],
        generation: &Generation,
    ) -> Result<Vec<Sampled>, TrainError> {
        self.sample_by(&self.decoder, prompts, samples, seed, generation)
    }

    /// The same by another model of the same shape.
    pub(crate) fn sample_by(
        &self,
        decoder: &Decoder<Cpu>,
        prompts: Vec<Vec<u32>>,
        samples: usize,
        seed: &[u64],
        generation: &Generation,
    ) -> Result<Vec<Sampled>, TrainError> {
        let requests = requests(prompts, samples, seed);
        let engine = LocalEngine::new(decoder, &self.memory, &self.cpu);
        let groups = engine.generate(&requests, generation, &self.monitor)?;
        Ok(sampled(requests, groups))
    }

    /// As [`sample_ids`](Self::sample_ids), with settings of its own for each prompt.
    pub(crate) fn sample_each(
        &self,
        prompts: Vec<Vec<u32>>,
        samples: usize,
        seed: &[u64],
        generations: &[Generation],
    ) -> Result<Vec<Sampled>, TrainError> {
        let requests = requests(prompts, samples, seed);
        let engine = LocalEngine::new(&self.decoder, &self.memory, &self.cpu);
        let groups = engine.generate_each(&requests, generations, &self.monitor)?;
        Ok(sampled(requests, groups))
    }

    /// Adds the gradient of a loss over responses, at most `max_tokens` tokens at a time, which
    /// changes no result; responses to the same prompt that follow each other compute it once and
    /// stay together. `loss` is called for each response in turn with its place: it fills the
    /// derivatives in and returns its value. Returns the sum of the values.
    ///
    /// # Errors
    /// A log-probability or a loss that is not finite; the gradient is then forgotten.
    pub fn accumulate(
        &mut self,
        sequences: &[Sequence],
        position: SelfRewardPosition,
        max_tokens: usize,
        mut loss: impl FnMut(usize, Terms) -> f64,
    ) -> Result<f64, TrainError> {
        let mut sum = 0.0;
        for cut in self.micro_batches(sequences, max_tokens) {
            let step = self.moments.updates + 1;
            let (batch, g) =
                self.forward(&sequences[cut.clone()], position, |what| broken(step, what))?;
            let mut dlogp = vec![0.0; g.logp.len()];
            for ((i, range), zc) in cut.zip(batch.responses).zip(batch.self_rewards) {
                let mut dself_logp = 0.0;
                sum += loss(
                    i,
                    Terms {
                        logp: &g.logp[range.clone()],
                        self_logp: zc.map(|i| g.logp[i]),
                        dlogp: &mut dlogp[range],
                        dself_logp: &mut dself_logp,
                    },
                );
                if let Some(i) = zc {
                    dlogp[i] = dself_logp;
                }
            }
            self.backward(&g, HeadGradient::of_logp(&dlogp));
            if !sum.is_finite() {
                self.gradients.clear(&self.cpu);
                return Err(broken(step, format!("the loss is {sum}")));
            }
        }
        Ok(sum)
    }

    /// One AdamW update with the accumulated gradient, clipped. Its norm before that.
    ///
    /// # Errors
    /// A norm that is not finite: nothing was changed, and the gradient is forgotten.
    pub fn step(&mut self, optimizer: &Optimizer, lr: f32) -> Result<f64, TrainError> {
        let step = self.moments.updates + 1;
        self.update(optimizer, lr)
            .map_err(|what| broken(step, what))
    }

    /// Writes the model as a folder in the Hugging Face layout, or its adapter as one of PEFT,
    /// whole or not at all.
    ///
    /// # Errors
    /// Weights that are not finite, and a file that cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), TrainError> {
        let how = Save::default();
        check_weights(self, how.dtype).map_err(|what| {
            broken(
                self.moments.updates,
                format!("it left {what}; nothing was saved"),
            )
        })?;
        folder_atomically(dir, |dir| write_model(dir, self, &how))
    }

    /// Cuts sequences into micro-batches whose gradients add up to the same bits wherever the cuts
    /// are.
    pub(crate) fn micro_batches(
        &self,
        sequences: &[Sequence],
        max_tokens: usize,
    ) -> Vec<Range<usize>> {
        micro_batches(sequences, max_tokens, self.prompts)
    }

    /// The forward pass of a micro-batch, and the log-probabilities of its responses. `diverged`
    /// makes the error if one is not finite. An error forgets the gradient.
    pub(crate) fn forward(
        &mut self,
        sequences: &[Sequence],
        position: SelfRewardPosition,
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        self.forward_beside(sequences, position, &Beside::default(), diverged)
    }

    /// The same, and at chosen responses the log-probabilities of the likeliest ids.
    pub(crate) fn forward_beside(
        &mut self,
        sequences: &[Sequence],
        position: SelfRewardPosition,
        beside: &Beside,
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        if self.monitor.cancelled() {
            self.gradients.clear(&self.cpu);
            return Err(RolloutError::Cancelled.into());
        }
        let mut batch = Batch::new(sequences, position, self.prompts);
        let (cpu, ws) = (&self.cpu, &mut self.ws);
        self.decoder.forward(cpu, ws, &batch.ids, &batch.segments);
        let ids = beside.ids(cpu, ws, &self.decoder, &mut batch);
        let rows = take(&mut batch.rows);
        let gathered = self.decoder.gather(cpu, ws, rows, ids);
        if let Err(e) = check_finite("log-probabilities", &gathered.logp) {
            self.gradients.clear(&self.cpu);
            return Err(diverged(e.to_string()));
        }
        Ok((batch, gathered))
    }

    /// What the weights as they are say of responses, at most `max_tokens` tokens at a time.
    pub(crate) fn score(
        &self,
        sequences: &[Sequence],
        position: SelfRewardPosition,
        max_tokens: usize,
    ) -> Result<Vec<Score>, TrainError> {
        if self.monitor.cancelled() {
            return Err(RolloutError::Cancelled.into());
        }
        let (cpu, decoder) = (&self.cpu, &self.decoder);
        let mut ws = Workspace::new(cpu, &decoder.config, Retain::Nothing);
        Ok(score(
            cpu, decoder, &mut ws, sequences, position, max_tokens,
        ))
    }

    /// Adds the gradient of the last micro-batch; nothing is done where it is zero.
    pub(crate) fn backward(&mut self, gathered: &Gathered, head: HeadGradient) {
        if head.is_zero() {
            return;
        }
        let (ws, gradients) = (&mut self.ws, &mut self.gradients);
        self.decoder
            .backward(&self.cpu, ws, gathered, head, gradients);
    }

    /// Clips, updates, clears. The norm before clipping; what is not finite, nothing changed.
    pub(crate) fn update(&mut self, optimizer: &Optimizer, lr: f32) -> Result<f64, String> {
        self.decoder.finish(&self.cpu, &mut self.gradients);
        let norm =
            self.moments
                .update(&self.cpu, &mut self.decoder, &self.gradients, optimizer, lr);
        let norm = norm.map_err(|norm| {
            let first = self.first_broken();
            format!("the gradient's norm is {norm}{first}")
        });
        self.gradients.clear(&self.cpu);
        norm
    }

    /// Where, on the way back from the loss, a gradient is not finite first.
    fn first_broken(&self) -> String {
        let tensors = self.decoder.trained().iter().zip(&self.gradients.tensors);
        let broken = |(_, g): &(_, &Buffer)| g.iter().any(|x| !x.is_finite());
        match tensors.rev().find(broken) {
            Some((spec, _)) => format!("; on the way back it breaks in {}", spec.parts[0].name),
            // Squares may overflow where no gradient does.
            None => String::new(),
        }
    }
}

/// Each prompt's randomness is named by its place.
fn requests(prompts: Vec<Vec<u32>>, samples: usize, seed: &[u64]) -> Vec<Request> {
    let request = |(prompt, i): (Vec<u32>, u64)| Request {
        prompt,
        samples,
        seed: [seed, &[i]].concat(),
    };
    prompts.into_iter().zip(0..).map(request).collect()
}

fn sampled(requests: Vec<Request>, groups: Vec<Vec<Response>>) -> Vec<Sampled> {
    let prompts = requests.into_iter().map(|r| r.prompt);
    let sampled = |(prompt, responses)| Sampled { prompt, responses };
    prompts.zip(groups).map(sampled).collect()
}

fn broken(step: u64, what: String) -> TrainError {
    TrainError::Diverged {
        phase: "update",
        step,
        what,
        remedy: "nothing was changed; lower the learning rate".into(),
    }
}
