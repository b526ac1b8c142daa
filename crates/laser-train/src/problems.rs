//! Where problems come from: the built-in tasks, or files.

use std::collections::HashSet;
use std::path::Path;

use laser_data::{Chat, Data, LoadReport, Settings, Wanted};
use laser_model::{Message, ModelError, Text};

use crate::TrainError;
use crate::gold::room;
use crate::label::FILES;
use crate::recipe::Recipe;
use crate::tasks::split::fnv1a;
use crate::tasks::{Mixture, Problem, Split};

/// An endless stream of problems to train on, and problems to test on.
pub(crate) enum Problems {
    /// Made by the built-in tasks.
    Tasks(Mixture),
    /// Read from files.
    Files(Box<Files>),
}

/// Problems that were read.
pub(crate) struct Files {
    settings: Settings,
    data: Data,
    /// Whether they go through the chat template.
    chat: bool,
}

impl Problems {
    /// Those of a recipe, for a model with this text and sequences of at most `longest` tokens. Of
    /// files, prompts that leave no room for a response in the context are left out, and reported.
    ///
    /// # Errors
    /// Files that cannot be read or mapped, and a template that cannot be rendered.
    pub(crate) fn new(recipe: &Recipe, text: &Text, longest: usize) -> Result<Self, TrainError> {
        if recipe.data.is_empty() {
            return Ok(Problems::Tasks(Mixture::new(&recipe.tasks)?));
        }
        let mut settings = recipe.data.clone();
        let chat = match settings.chat {
            Chat::Auto => text.has_template(),
            Chat::Yes => true,
            Chat::No => false,
        };
        let train = match recipe.is_supervised() {
            true => Wanted::RESPONSE,
            false => Wanted::ANSWER,
        };
        // A test of written responses needs no answers.
        let test = match recipe.is_supervised() {
            true => Wanted::default(),
            false => Wanted::ANSWER,
        };
        let longest_prompt = settings.max_prompt_tokens;
        settings.max_prompt_tokens = match recipe.model.context {
            0 => longest,
            context => context.min(longest),
        };
        let count = |p: &laser_data::Problem| -> Result<usize, TrainError> {
            let prompt = prompt_ids(text, p, &recipe.data, chat)?.len();
            match longest_prompt > 0 && prompt > longest_prompt {
                // More than any bound.
                true => Ok(usize::MAX),
                false => Ok(needed(text, p, prompt, recipe)?),
            }
        };
        let data = Data::load(&settings, Path::new(""), train, test, count)?;
        settings.max_prompt_tokens = longest_prompt;
        Ok(Problems::Files(Box::new(Files {
            settings,
            data,
            chat,
        })))
    }

    /// Problem `index` of the stream `seed`.
    pub(crate) fn train(&self, text: &Text, seed: u64, index: u64) -> Result<Problem, TrainError> {
        match self {
            Problems::Tasks(mixture) => Ok(mixture.problem(Split::Train, seed, index)?),
            Problems::Files(files) => match &files.data.train {
                Some(train) => Ok(files.problem(text, train.problem(index, seed))?),
                None => Err(TrainError::Value {
                    place: "recipe".into(),
                    key: "data.train".into(),
                    value: "[]".into(),
                    problem: "names no file to train on".into(),
                }),
            },
        }
    }

    /// The first `count` distinct problems of the test stream, which is the same for all seeds; of
    /// files, as many as there are at most.
    ///
    /// # Errors
    /// When the tasks have fewer.
    pub(crate) fn test(
        &self,
        text: &Text,
        stream: u64,
        count: usize,
    ) -> Result<Vec<Problem>, TrainError> {
        let mixture = match self {
            Problems::Tasks(mixture) => mixture,
            Problems::Files(files) => {
                let test = files.data.test.as_ref().map_or(&[][..], |t| t.problems());
                let problems = test.iter().take(count).map(|p| files.problem(text, p));
                return Ok(problems.collect::<Result<_, _>>()?);
            }
        };
        let mut seen = HashSet::new();
        let mut problems = Vec::with_capacity(count);
        // An easy mixture may have fewer distinct problems than asked for.
        for index in 0..count as u64 * 20 {
            let problem = mixture.problem(Split::Test, stream, index)?;
            if seen.insert(problem.prompt.clone()) {
                problems.push(problem);
            }
            if problems.len() == count {
                return Ok(problems);
            }
        }
        Err(TrainError::Value {
            place: "recipe".into(),
            key: "evaluation.problems".into(),
            value: count.to_string(),
            problem: format!(
                "these tasks have only about {} distinct test problems",
                problems.len()
            ),
        })
    }

    /// The ids of a problem's prompt.
    pub(crate) fn prompt_ids(
        &self,
        text: &Text,
        problem: &Problem,
    ) -> Result<Vec<u32>, ModelError> {
        match self {
            // Characters; nothing is put around them.
            Problems::Tasks(_) => text.encode(&problem.prompt),
            Problems::Files(files) => encode(text, &problem.prompt, files.chat),
        }
    }

    /// The ids of a prompt whose question is empty: the conversation with the system message of the
    /// files and an empty user message; of plain texts what the tokenizer begins a text with, or,
    /// because a token needs one before it, the stop token that would stand before a new text.
    pub(crate) fn blank_ids(&self, text: &Text, eos: &[u32]) -> Result<Vec<u32>, TrainError> {
        let ids = match self {
            Problems::Tasks(_) => Vec::new(),
            Problems::Files(files) if files.chat => {
                let message = |role: &str, content: &str| Message {
                    role: role.into(),
                    content: content.into(),
                };
                let system = Some(files.settings.system.as_str()).filter(|s| !s.is_empty());
                let mut messages: Vec<Message> =
                    system.map(|s| message("system", s)).into_iter().collect();
                messages.push(message("user", ""));
                let arguments = &files.settings.template_arguments;
                encode(text, &text.render_with(&messages, true, arguments)?, true)?
            }
            Problems::Files(files) => encode(text, &files.settings.system, false)?,
        };
        match (ids.is_empty(), eos.first()) {
            (false, _) => Ok(ids),
            (true, Some(end)) => Ok(vec![*end]),
            (true, None) => Err(TrainError::Value {
                place: "recipe".into(),
                key: "policy.shaping".into(),
                value: "self_aligned".into(),
                problem: "needs a prompt without a question, and this model has neither a token that begins a text nor one that ends it".into(),
            }),
        }
    }

    /// The context that the longest problem of the files needs, its response included, in tokens.
    pub(crate) fn context(&self, text: &Text, recipe: &Recipe) -> Result<usize, TrainError> {
        let Problems::Files(files) = self else {
            return Ok(0);
        };
        let sides = [&files.data.train, &files.data.test];
        let mut longest = 0;
        for p in sides.into_iter().flatten().flat_map(|side| side.problems()) {
            let prompt = prompt_ids(text, p, &files.settings, files.chat)?.len();
            longest = longest.max(needed(text, p, prompt, recipe)?);
        }
        Ok(longest)
    }

    /// Whether prompts go through the chat template.
    pub(crate) fn is_chat(&self) -> bool {
        matches!(self, Problems::Files(files) if files.chat)
    }

    /// Problems to train on; `None` where there is no end of them.
    pub(crate) fn train_len(&self) -> Option<usize> {
        match self {
            Problems::Tasks(_) => None,
            Problems::Files(files) => files.data.train.as_ref().map(|t| t.problems().len()),
        }
    }

    /// What was done to the files.
    pub(crate) fn report(&self) -> Option<&LoadReport> {
        match self {
            Problems::Tasks(_) => None,
            Problems::Files(files) => Some(&files.data.report),
        }
    }

    /// Identifies what was read, to know files that changed between two parts of a run.
    pub(crate) fn identity(&self) -> Option<String> {
        let Problems::Files(files) = self else {
            return None;
        };
        let mut hash = 0u64;
        let sides = [&files.data.train, &files.data.test];
        for side in sides {
            for p in side.iter().flat_map(|side| side.problems()) {
                let words = format!("{:?}\0{:?}\0{:?}", p.prompt, p.answer, p.response);
                hash = laser_rng::mix(hash ^ fnv1a(&words));
            }
            hash = laser_rng::mix(hash.wrapping_add(1));
        }
        Some(format!("{hash:016x}"))
    }
}

impl Files {
    fn problem(&self, text: &Text, p: &laser_data::Problem) -> Result<Problem, ModelError> {
        Ok(Problem {
            task: FILES,
            prompt: render(text, p, &self.settings, self.chat)?,
            gold: p.answer.clone().unwrap_or_default(),
            solution: p.response.clone().unwrap_or_default(),
            difficulty: 0,
        })
    }
}

fn prompt_ids(
    text: &Text,
    p: &laser_data::Problem,
    settings: &Settings,
    chat: bool,
) -> Result<Vec<u32>, ModelError> {
    encode(text, &render(text, p, settings, chat)?, chat)
}

/// Tokens that a problem with a prompt of so many tokens takes: a sampled response may be of any
/// length that the recipe allows, a written one has its own.
fn needed(
    text: &Text,
    p: &laser_data::Problem,
    prompt: usize,
    recipe: &Recipe,
) -> Result<usize, ModelError> {
    let written = match (&p.response, recipe.is_supervised()) {
        (Some(response), true) => text.encode(response)?.len() + 1,
        _ => 0,
    };
    let gold = match (&p.answer, &recipe.likelihood) {
        (Some(gold), Some(likelihood)) => room(text, likelihood, gold)?,
        _ => 0,
    };
    Ok(prompt + written.max(recipe.rollout.max_new_tokens + gold))
}

/// What the model reads.
pub(crate) fn render(
    text: &Text,
    p: &laser_data::Problem,
    settings: &Settings,
    chat: bool,
) -> Result<String, ModelError> {
    let messages = p.messages(settings);
    match chat {
        true => text
            .render_with(&messages, true, &settings.template_arguments)
            .map_err(|e| ModelError::Text(format!("{}: {e}", p.place))),
        false => {
            let parts: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
            Ok(parts.join("\n\n"))
        }
    }
}

/// A rendered conversation holds its special tokens; around a plain text the tokenizer puts those
/// that it begins with.
pub(crate) fn encode(text: &Text, prompt: &str, chat: bool) -> Result<Vec<u32>, ModelError> {
    match chat {
        true => text.encode(prompt),
        false => text.encode_plain(prompt),
    }
}
