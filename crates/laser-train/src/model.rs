//! A model that answers instead of learning: it samples responses, and scores given ones.

mod beam;
mod candidates;
mod final_answer;
mod input;
mod judge;
mod laser_json;
mod score;
mod test_set;
mod token_reference;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use laser_kernels::Cpu;
use laser_model::{Decoder, GenerationDefaults, Message, Text};
use laser_rollout::{
    Engine, Generation, LocalEngine, Memory, Monitor, Request, Response, Sampling, Service,
    ServiceOptions,
};
use serde_json::{Map, Value};

use crate::TrainError;
use crate::imitate::end_token;
use crate::model_files::{Adapt, Source, resolve};
use crate::problems::encode;
use crate::punctuation::punctuation;
use crate::recipe::ProductDtype;
pub use beam::BeamSettings;
pub use candidates::{Candidate, MAX_PARTITION_EXCESS, MAX_SCORE_NOISE, best_candidate};
pub use input::InputError;
pub use judge::{Judge, JudgeHow, Judgement};
pub(crate) use laser_json::FILE as LASER;
pub use laser_json::{SelfRewardToken, check_writable};
pub use score::{Exchange, Scored};
pub use test_set::{BeamRow, Origin, TestSet};
pub use token_reference::TokenReference;

/// Responses in flight on each thread.
const ROWS: usize = 32;

/// The weights of a model without anything that training needs, its text, and the self-reward
/// that it was trained for.
pub struct LanguageModel {
    /// The device.
    pub cpu: Cpu,
    /// The model; an adapter is merged into it.
    pub decoder: Arc<Decoder<Cpu>>,
    /// Its tokenizer and chat template.
    pub text: Text,
    /// Ids that end a response.
    pub eos: Vec<u32>,
    /// The self-reward of its `laser.json`; `None` without that file.
    pub self_reward: Option<SelfRewardToken>,
    /// What its makers sample with.
    pub defaults: GenerationDefaults,
    /// Shows the progress of sampling, and stops it.
    pub monitor: Arc<Monitor>,
    /// The folder that it was read from.
    dir: PathBuf,
    memory: Memory,
}

/// A sampled response.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its ids with their log-probabilities, and log p(z_c) if it ended by itself.
    pub response: Response,
    /// Its text, special tokens left out.
    pub text: String,
    /// r_s, where there is a log p(z_c).
    pub self_reward: Option<f32>,
}

impl LanguageModel {
    /// Reads a model folder in the Hugging Face layout, an adapter folder of PEFT with its base
    /// model, or the model `org/name` of the hub at a revision, for sequences of at most `context`
    /// tokens; 0 is what the model was made for. `threads` 0 is one per core. Products read its
    /// weight matrices in `dtype`.
    ///
    /// # Errors
    /// Names the file that is missing or wrong; a `laser.json` that does not belong to the model;
    /// a context beyond the model's; threads that cannot be started.
    pub fn load(
        name: &str,
        revision: Option<&str>,
        context: usize,
        threads: usize,
        dtype: ProductDtype,
    ) -> Result<Self, TrainError> {
        let dir = resolve(name, revision.unwrap_or_default())?;
        let Source {
            files,
            config,
            text,
            eos,
            tensors,
            adapt,
        } = Source::open(&dir)?;
        let longest = config.max_positions;
        if context > longest {
            return Err(TrainError::Value {
                place: format!("model {name}"),
                key: "context".into(),
                value: context.to_string(),
                problem: format!("the model was made for at most {longest} tokens; ask for fewer"),
            });
        }
        let self_reward = SelfRewardToken::read(&dir)?;
        if let Some(token) = &self_reward {
            token.check(&dir, &text, &config, &eos)?;
        }
        let defaults = files.generation_defaults()?;
        let cpu = Cpu::new(threads)?;
        let context = if context == 0 { longest } else { context };
        let mut decoder =
            Decoder::with_precision(&cpu, config, tensors, context, false, dtype.precision());
        if let Adapt::Stored(stored) = adapt {
            decoder.adapt(&cpu, stored.lora, &stored.values);
        }
        Ok(LanguageModel {
            cpu,
            decoder: Arc::new(decoder),
            text,
            eos,
            self_reward,
            defaults,
            monitor: Arc::default(),
            dir,
            memory: Memory::new(ROWS),
        })
    }

    /// The folder that it was read from: for a name of the hub, that in the cache.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The ids of a conversation that goes on with an answer. `arguments` are those of the chat
    /// template, such as `enable_thinking`.
    ///
    /// # Errors
    /// A model without a chat template, and one that the conversation does not suit.
    pub fn chat_prompt(
        &self,
        messages: &[Message],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<u32>, TrainError> {
        let text = self.text.render_with(messages, true, arguments)?;
        Ok(encode(&self.text, &text, true)?)
    }

    /// The ids of a plain text to go on from, with the special tokens that the tokenizer begins a
    /// text with.
    ///
    /// # Errors
    /// A text that cannot be encoded.
    pub fn plain_prompt(&self, prompt: &str) -> Result<Vec<u32>, TrainError> {
        Ok(encode(&self.text, prompt, false)?)
    }

    /// The ids of a written response with the token that ends it, as training takes them: to a
    /// conversation that with which the chat template ends an answer, to a plain text the first
    /// stop token. A response that has a stop token at its end already is left as it is.
    ///
    /// # Errors
    /// A text that cannot be encoded.
    pub fn response_ids(&self, response: &str, chat: bool) -> Result<Vec<u32>, TrainError> {
        let mut ids = self.text.encode(response)?;
        if !self.ends(&ids) {
            ids.extend(end_token(&self.text, &self.eos, chat)?);
        }
        Ok(ids)
    }

    /// Whether ids end with a stop token.
    fn ends(&self, ids: &[u32]) -> bool {
        ids.last().is_some_and(|id| self.eos.contains(id))
    }

    /// Checks that the model can read ids, and write up to `new` tokens after them.
    ///
    /// # Errors
    /// No ids, one outside the vocabulary, and too many.
    pub fn check_ids(&self, ids: &[u32], new: usize) -> Result<(), InputError> {
        input::check(
            ids,
            new,
            self.decoder.config.vocab_size,
            self.decoder.context(),
        )
    }

    /// Settings of sampling: responses end with the model's stop tokens, and if it has a
    /// self-reward, z_c is never sampled and its log-probability is read after the end.
    pub fn generation(&self, sampling: Sampling, max_new_tokens: usize) -> Generation {
        let token = self.self_reward.as_ref();
        Generation {
            sampling,
            max_new_tokens,
            stop: self.eos.clone(),
            self_reward_token: token.map(|t| t.token_id),
            self_reward_position: token.map(|t| t.position).unwrap_or_default(),
            punctuation: punctuation(&self.text),
        }
    }

    /// Samples responses, group by group in the order of the requests. A response depends on its
    /// prompt, its settings and the words of its seed alone.
    ///
    /// # Errors
    /// A request that cannot be answered, an interruption, weights that are not numbers.
    pub fn sample(
        &self,
        requests: &[Request],
        generation: &Generation,
    ) -> Result<Vec<Vec<Answer>>, TrainError> {
        let engine = LocalEngine::new(&self.decoder, &self.memory, &self.cpu);
        let groups = engine.generate(requests, generation, &self.monitor)?;
        groups
            .into_iter()
            .map(|group| group.into_iter().map(|r| self.answer(r)).collect())
            .collect()
    }

    /// A response with its text and its self-reward.
    ///
    /// # Errors
    /// Ids that cannot be decoded.
    pub fn answer(&self, response: Response) -> Result<Answer, TrainError> {
        Ok(Answer {
            text: self.text.decode(&response.ids)?,
            self_reward: self.self_reward_of(response.self_logprob),
            response,
        })
    }

    /// Samples responses to requests that come one by one, on [`LanguageModel::cpu`]'s number of
    /// threads unless `options` say otherwise. The service keeps the weights alive; it needs
    /// nothing else of the model. Settings for its jobs come from [`LanguageModel::generation`].
    ///
    /// # Errors
    /// A capacity beyond the model's context; threads that cannot be started.
    pub fn serve(&self, options: ServiceOptions) -> Result<Service, TrainError> {
        let threads = match options.threads {
            0 => self.cpu.threads(),
            n => n,
        };
        let options = ServiceOptions { threads, ..options };
        Ok(Service::start(self.decoder.clone(), options)?)
    }

    /// r_s of a log p(z_c), nats; `None` without one, and of a model without a self-reward.
    pub fn self_reward_of(&self, logprob: Option<f32>) -> Option<f32> {
        let token = self.self_reward.as_ref()?;
        logprob.map(|logprob| token.rule.score(logprob))
    }
}
