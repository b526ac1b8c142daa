//! A model in training: weights, optimizer, text, problems.

use std::sync::Arc;

use laser_kernels::Cpu;
use laser_model::{Gathered, Retain, Text};
use laser_rl::SelfReward;
use laser_rng::Rng;
use laser_rollout::score::{Batch, Score, Sequence};
use laser_rollout::{Generation, Monitor, Sampling};

use crate::TrainError;
use crate::calibrate::Reference as Measured;
use crate::critic::ValueHead;
use crate::imitate::end_token;
use crate::label::{Labelled, label};
use crate::learner::{Learner, LearnerSettings};
use crate::memory::MemoryPlan;
use crate::model_files::{Adapt, Source};
use crate::problems::Problems;
use crate::punctuation::punctuation;
use crate::recipe::{CRef, Measure, Recipe, SelfRewardLoss};
use crate::reference::{Coefficients, Reference};
use crate::reward::Rewards;
use crate::save::Part;
use crate::tasks::{ALPHABET, Problem};

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
    /// Fresh adapters.
    Adapter = 7,
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
    pub learner: Learner,
    /// What it was expected to take before it was made.
    pub memory: MemoryPlan,
    /// z_c.
    pub zc: Option<u32>,
    /// z_i, the token of wrong responses; only where the recipe's loss has one.
    pub zi: Option<u32>,
    /// Of KL and true-reference scores; set when reinforcement learning begins, where a recipe
    /// needs one.
    pub reference: Option<Reference>,
    pub value_head: Option<ValueHead>,
    pub coefficients: Coefficients,
    /// The scoring rule; set once c_ref is known.
    pub self_reward: Option<SelfReward>,
    pub problems: Problems,
    /// Ends a written response.
    pub end: Option<u32>,
    pub rewards: Rewards,
}

impl Trainer {
    /// A trainer around a model. The warm start trains all weights; after it, what is trained is
    /// what the recipe says, unless the source is an adapter that goes on being trained.
    pub(crate) fn new(
        recipe: Arc<Recipe>,
        cpu: Cpu,
        part: Part,
        mut source: Source,
        monitor: Arc<Monitor>,
    ) -> Result<Self, TrainError> {
        let s = &recipe.self_reward;
        let tasks = recipe.data.is_empty();
        let find =
            |key, token| unused_token(&recipe.name, key, token, &source.text, &source.eos, tasks);
        let zc = match recipe.uses_self_reward_token() {
            false => None,
            true => Some(find("self_reward.token", &s.token)?),
        };
        let zi = match s.loss {
            _ if recipe.is_supervised() => None,
            SelfRewardLoss::Mse => None,
            SelfRewardLoss::CrossEntropy => {
                Some(find("self_reward.incorrect_token", &s.incorrect_token)?)
            }
        };
        let problems = Problems::new(&recipe, &source.text, source.config.max_positions)?;
        let end = end_token(&source.text, &source.eos, problems.is_chat())?;
        let context = match recipe.model.context {
            0 => problems.context(&source.text, &recipe)?,
            context => context,
        }
        .min(source.config.max_positions);
        let (seed, settings) = (
            Stream::Adapter.seed(recipe.seed),
            LearnerSettings {
                context,
                rows: recipe.rollout.rows,
                retain: match recipe.gradient_checkpointing {
                    true => Retain::Inputs,
                    false => Retain::Everything,
                },
            },
        );
        if let (Part::Train, Adapt::No, Some(lora)) = (part, &source.adapt, recipe.lora.adapter(zc))
        {
            source.adapt = Adapt::Fresh(lora, seed);
        }
        let lora = match &source.adapt {
            Adapt::No => None,
            Adapt::Fresh(lora, _) => Some(lora),
            Adapt::Stored(stored) => Some(&stored.lora),
        };
        let memory = MemoryPlan::new(&recipe, &source.config, lora, context, cpu.threads());
        memory.check()?;
        let learner = Learner::new(cpu, source, settings, monitor)?;
        Ok(Trainer {
            value_head: (recipe.critic.coefficient > 0.0 && !recipe.is_supervised())
                .then(|| ValueHead::new(&learner.cpu, learner.decoder.config.hidden_size)),
            coefficients: Coefficients::new(&recipe),
            reference: None,
            problems,
            end,
            rewards: Rewards::start(match recipe.is_supervised() {
                true => &[],
                false => &recipe.reward,
            })?,
            recipe,
            learner,
            memory,
            zc,
            zi,
            self_reward: None,
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
        let generation = Generation {
            sampling,
            max_new_tokens: self.recipe.rollout.max_new_tokens,
            stop: self.learner.eos.clone(),
            self_reward_token: self.zc,
            self_reward_position: self.recipe.self_reward.position,
            punctuation: punctuation(&self.learner.text),
        };
        let text = &self.learner.text;
        let prompts = problems.iter().map(|p| self.problems.prompt_ids(text, p));
        let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
        let groups = self
            .learner
            .sample_ids(prompts, samples, &seed, &generation)?;
        let mut answered = groups
            .into_iter()
            .zip(problems)
            .map(|(s, p)| Ok((s.prompt, label(&self.learner.text, p, s.responses)?)))
            .collect::<Result<Vec<Answered>, TrainError>>()?;
        self.score(&mut answered);
        Ok(answered)
    }

    /// Gives the finished responses their scores, once the rule is known.
    fn score(&self, answered: &mut [Answered]) {
        let Some(rule) = self.self_reward else {
            return;
        };
        let s = &self.recipe.self_reward;
        let reference = match s.per_response() {
            true => self.reference_scores(answered),
            false => None,
        };
        let responses = answered.iter_mut().flat_map(|(_, group)| group);
        for (i, l) in responses.enumerate() {
            l.rule = l.response.self_logprob.map(|_| rule);
            if let (Some(rule), Some(reference)) = (&mut l.rule, &reference) {
                let score = &reference[i];
                if let Some(logp) = score.self_logprob {
                    rule.c_ref = logp - s.initial_score / s.beta_v;
                }
                l.rows.reference.clone_from(&score.logprobs);
            }
            let rule = l.rule;
            l.score = l.response.self_logprob.map(|logp| match (s.loss, rule) {
                (SelfRewardLoss::Mse, Some(rule)) => rule.score(logp),
                _ => logp.exp(),
            });
        }
    }

    /// What the reference says of all responses, group by group; `None` while there is none.
    pub(crate) fn reference_scores(&self, answered: &[Answered]) -> Option<Vec<Score>> {
        let reference = self.reference.as_ref()?;
        let sequences = sequences(answered, |l| self.zc.filter(|_| l.response.finished()));
        let position = self.recipe.self_reward.position;
        let tokens = self.recipe.tokens_per_micro_batch;
        Some(reference.score(&self.learner.cpu, &sequences, position, tokens))
    }

    /// Keeps the weights as they are now as the reference, where the recipe needs one.
    pub(crate) fn keep_reference(&mut self) {
        if self.recipe.needs_reference() {
            let learner = &self.learner;
            let reference = self.reference_of(learner.decoder.merged(&learner.cpu));
            self.reference = Some(reference);
        }
    }

    /// Decides what `self_reward.c_ref = "auto"` is, from the spread of log π_ref(z_c), nats; without
    /// a measurement there are no scores.
    pub(crate) fn settle(&mut self, std: Option<f32>) {
        if !self.recipe.self_reward.is_open() {
            return;
        }
        let mut settled = Recipe::clone(&self.recipe);
        let s = &mut settled.self_reward;
        let noisy = std.is_some_and(|std| Measured::is_noisy(std, s.beta_v));
        s.c_ref = CRef::Measured(match noisy {
            true => Measure::Reference,
            false => Measure::Measure,
        });
        self.recipe = settled.into();
        if !self.recipe.needs_reference() {
            self.reference = None;
        }
    }

    /// Takes weights on the host as those of the reference.
    pub(crate) fn set_reference(&mut self, tensors: impl Iterator<Item = Vec<f32>>) {
        self.reference = Some(self.reference_of(tensors));
    }

    fn reference_of(&self, tensors: impl Iterator<Item = Vec<f32>>) -> Reference {
        let decoder = &self.learner.decoder;
        let (config, context) = (decoder.config.clone(), decoder.context());
        Reference::new(&self.learner.cpu, config, tensors, context)
    }

    /// Problems `first..first + count` of a stream to train on.
    pub(crate) fn problems(
        &self,
        stream: u64,
        first: u64,
        count: usize,
    ) -> Result<Vec<Problem>, TrainError> {
        (first..first + count as u64)
            .map(|i| self.problems.train(&self.learner.text, stream, i))
            .collect()
    }

    /// The forward pass of a micro-batch, and the log-probabilities of its responses. `diverged`
    /// makes the error if one is not finite.
    pub(crate) fn micro_batch(
        &mut self,
        sequences: &[Sequence],
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        let position = self.recipe.self_reward.position;
        self.learner.forward(sequences, position, diverged)
    }

    /// Forgets what was accumulated for an update.
    pub(crate) fn clear_gradients(&mut self) {
        self.learner.gradients.clear(&self.learner.cpu);
        if let Some(head) = &mut self.value_head {
            head.clear_gradient();
        }
    }
}

/// The responses as sequences, group by group; `token` says what is gathered at their ends.
pub(crate) fn sequences<'a>(
    answered: &'a [Answered],
    token: impl Fn(&Labelled) -> Option<u32>,
) -> Vec<Sequence<'a>> {
    let responses = answered
        .iter()
        .flat_map(|(prompt, group)| group.iter().map(move |l| (prompt, l)));
    responses
        .map(|(prompt, l)| Sequence {
            prompt,
            response: &l.response.ids,
            self_reward_token: token(l),
        })
        .collect()
}

/// Looks a token of the self-reward up and refuses one that cannot serve.
fn unused_token(
    recipe: &str,
    key: &str,
    token: &str,
    text: &Text,
    eos: &[u32],
    tasks: bool,
) -> Result<u32, TrainError> {
    let fail = |problem: String| TrainError::Value {
        place: format!("recipe {recipe}"),
        key: key.into(),
        value: format!("\"{token}\""),
        problem,
    };
    if tasks && token.chars().all(|c| ALPHABET.contains(c)) {
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
    Ok(id)
}
