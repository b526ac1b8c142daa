//! A model in training: weights, optimizer, text, problems.

use std::sync::Arc;

use laser_kernels::Cpu;
use laser_model::{Decoder, Gathered, Retain, Text};
use laser_rl::SelfReward;
use laser_rng::Rng;
use laser_rollout::score::{Batch, Score, Sequence};
use laser_rollout::{Generation, Monitor, Sampling};

use crate::TrainError;
use crate::beside::Beside;
use crate::calibrate::Reference as Measured;
use crate::critic::ValueHead;
use crate::guide::{Guide, GuideSource};
use crate::hint::Hints;
use crate::imitate::end_token;
use crate::label::{Labelled, label};
use crate::learner::{Learner, LearnerSettings};
use crate::memory::MemoryPlan;
use crate::model_files::{Adapt, Source};
use crate::problems::Problems;
use crate::punctuation::punctuation;
use crate::recipe::{ADAPTER_IN_BFLOAT16, CRef, Measure, ProductDtype, Recipe, SelfRewardLoss};
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
    /// Responses of the frozen base model to the problems of a step.
    Reference = 8,
    /// Continuations of the prefixes of a step's responses.
    Continuation = 9,
    /// Judgements of the policy on its own responses.
    Judgement = 10,
    /// Second attempts.
    Correction = 11,
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
    /// The policy as it was at the start of the step before; set when reinforcement learning
    /// begins, where a recipe needs it.
    pub previous: Option<Reference>,
    /// Where a recipe needs one.
    pub guide: Option<Guide>,
    pub value_head: Option<ValueHead>,
    pub coefficients: Coefficients,
    /// The scoring rule; set once c_ref is known.
    pub self_reward: Option<SelfReward>,
    pub problems: Problems,
    /// What a teacher reads, where the recipe distils.
    pub hints: Option<Hints>,
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
        let hints = recipe.distillation.as_ref();
        let hints = hints.map(|d| Hints::new(&d.template, &problems, &source.text));
        let hints = hints.transpose()?;
        let end = end_token(&source.text, &source.eos, problems.is_chat())?;
        let rewards = Rewards::start(match recipe.is_supervised() {
            true => &[],
            false => &recipe.reward,
        })?;
        // Of a response that is judged, and of the judgement.
        let judged = match rewards.judgement_tokens(&source.text, &problems)? {
            0 => 0,
            aside => problems
                .longest_prompt(&source.text)?
                .saturating_add(recipe.rollout.max_new_tokens)
                .saturating_add(aside),
        };
        let context = match recipe.model.context {
            0 => problems.context(&source.text, &recipe)?.max(judged),
            context => context,
        }
        .min(source.config.max_positions);
        if judged > context {
            return Err(TrainError::Value {
                place: format!("recipe {}", recipe.name),
                key: "model.context".into(),
                value: context.to_string(),
                problem: format!(
                    "a question about a response, with the problem, the response and the judgement, takes up to {judged} tokens; raise it, or shorten the prompt or max_tokens of the self_judge"
                ),
            });
        }
        problems.check_room(&recipe, context)?;
        let (seed, settings) = (
            Stream::Adapter.seed(recipe.seed),
            LearnerSettings {
                context,
                rows: recipe.rollout.rows,
                retain: match recipe.gradient_checkpointing {
                    true => Retain::Inputs,
                    false => Retain::Everything,
                },
                precision: recipe.model.dtype.precision(),
                prompts: recipe.prompts(),
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
        if part == Part::Train && lora.is_some() && recipe.model.dtype == ProductDtype::Bfloat16 {
            return Err(TrainError::Value {
                place: "the recipe".into(),
                key: "model.dtype".into(),
                value: "\"bfloat16\"".into(),
                problem: ADAPTER_IN_BFLOAT16.into(),
            });
        }
        let guide = GuideSource::open(&recipe, &source.config, &source.text, context)?;
        let mut memory = MemoryPlan::new(&recipe, &source.config, lora, context, cpu.threads());
        if let Some(guide) = &guide {
            memory.add_guide(&recipe, guide.config(), context);
        }
        memory.check()?;
        let learner = Learner::new(cpu, source, settings, monitor)?;
        Ok(Trainer {
            value_head: (recipe.critic.coefficient > 0.0 && !recipe.is_supervised())
                .then(|| ValueHead::new(&learner.cpu, learner.decoder.config.hidden_size)),
            coefficients: Coefficients::new(&recipe),
            reference: None,
            previous: None,
            guide: guide.map(|g| g.load(&learner.cpu, context, learner.decoder.precision())),
            problems,
            hints,
            end,
            rewards,
            recipe,
            learner,
            memory,
            zc,
            zi,
            self_reward: None,
        })
    }

    /// How responses are sampled.
    pub(crate) fn generation(&self, sampling: Sampling) -> Generation {
        Generation {
            sampling,
            max_new_tokens: self.recipe.rollout.max_new_tokens,
            stop: self.learner.eos.clone(),
            self_reward_token: self.zc,
            self_reward_position: self.recipe.self_reward.position,
            punctuation: punctuation(&self.learner.text),
        }
    }

    /// Samples, labels and scores responses to problems. `seed` names the randomness together with
    /// the place of a problem.
    pub(crate) fn respond(
        &self,
        problems: &[Problem],
        samples: usize,
        seed: [u64; 2],
        sampling: Sampling,
    ) -> Result<Vec<Answered>, TrainError> {
        let policy = &self.learner.decoder;
        let mut answered = self.respond_by(policy, problems, samples, seed, sampling)?;
        self.score(&mut answered);
        Ok(answered)
    }

    /// The same by another model of the same shape and text, without scores.
    pub(crate) fn respond_by(
        &self,
        decoder: &Decoder<Cpu>,
        problems: &[Problem],
        samples: usize,
        seed: [u64; 2],
        sampling: Sampling,
    ) -> Result<Vec<Answered>, TrainError> {
        let generation = self.generation(sampling);
        let text = &self.learner.text;
        let prompts = problems.iter().map(|p| self.problems.prompt_ids(text, p));
        let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
        let groups = self
            .learner
            .sample_by(decoder, prompts, samples, &seed, &generation)?;
        groups
            .into_iter()
            .zip(problems)
            .map(|(s, p)| Ok((s.prompt, label(&self.learner.text, p, s.responses)?)))
            .collect()
    }

    /// Gives the finished responses their scores, once the rule is known.
    pub(crate) fn score(&self, answered: &mut [Answered]) {
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

    /// log p of the tokens of all responses under a frozen model, group by group, nats.
    pub(crate) fn frozen_rows(&self, model: &Reference, answered: &[Answered]) -> Vec<Vec<f32>> {
        let sequences = sequences(answered, |_| None);
        let position = self.recipe.self_reward.position;
        let tokens = self.recipe.tokens_per_micro_batch;
        let scores = model.score(&self.learner.cpu, &sequences, position, tokens);
        scores.into_iter().map(|s| s.logprobs).collect()
    }

    /// Keeps the weights as they are now as the reference, where the recipe needs one, and as those
    /// of the step before.
    pub(crate) fn keep_reference(&mut self) {
        if self.recipe.needs_reference() {
            let learner = &self.learner;
            let reference = self.reference_of(learner.decoder.merged(&learner.cpu));
            self.reference = Some(reference);
        }
        if self.recipe.needs_previous() {
            let learner = &self.learner;
            let previous = self.reference_of(learner.decoder.merged(&learner.cpu));
            self.previous = Some(previous);
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

    /// Takes weights on the host as those of the step before.
    pub(crate) fn set_previous(&mut self, tensors: impl Iterator<Item = Vec<f32>>) {
        self.previous = Some(self.reference_of(tensors));
    }

    fn reference_of(&self, tensors: impl Iterator<Item = Vec<f32>>) -> Reference {
        let decoder = &self.learner.decoder;
        let config = decoder.config.clone();
        // A teacher's prompt is longer than any that is sampled from.
        let context = match &self.hints {
            Some(_) => config.max_positions,
            None => decoder.context(),
        };
        let precision = decoder.precision();
        Reference::new(&self.learner.cpu, config, tensors, context, precision)
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

    /// Problems of a step of reinforcement learning: as many views of each as the recipe asks for,
    /// next to each other.
    pub(crate) fn views(
        &self,
        stream: u64,
        first: u64,
        count: usize,
    ) -> Result<Vec<Problem>, TrainError> {
        let (text, two) = (&self.learner.text, self.recipe.rollout.views > 1);
        let mut views = Vec::with_capacity(count * self.recipe.rollout.views);
        for (i, problem) in (first..).zip(self.problems(stream, first, count)?) {
            let other = two.then(|| self.problems.paraphrase(text, stream, i, &problem));
            views.push(problem);
            views.extend(other.transpose()?);
        }
        Ok(views)
    }

    /// The forward pass of a micro-batch, and the log-probabilities of its responses. `diverged`
    /// makes the error if one is not finite.
    pub(crate) fn micro_batch(
        &mut self,
        sequences: &[Sequence],
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        self.micro_batch_beside(sequences, &Beside::default(), diverged)
    }

    /// The same, and at chosen responses the log-probabilities of the likeliest ids.
    pub(crate) fn micro_batch_beside(
        &mut self,
        sequences: &[Sequence],
        beside: &Beside,
        diverged: impl FnOnce(String) -> TrainError,
    ) -> Result<(Batch, Gathered), TrainError> {
        let position = self.recipe.self_reward.position;
        self.learner
            .forward_beside(sequences, position, beside, diverged)
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
            prompt: l.prompt(prompt),
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
