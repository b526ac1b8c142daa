//! Where problems come from: the built-in tasks, or files.

mod turn;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use laser_data::{Chat, Data, LoadReport, Settings, Wanted};
use laser_model::{Message, ModelError, Text};

use crate::TrainError;
use crate::gold::room;
use crate::label::FILES;
use crate::recipe::{QUESTION, Recipe};
use crate::tasks::split::fnv1a;
use crate::tasks::{Mixture, Problem, Split, task};
use turn::said;

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
        if let Some(k) = &recipe.correction
            && chat
            && k.instruction.contains(QUESTION)
        {
            return Err(TrainError::Value {
                place: "recipe".into(),
                key: "correction.instruction".into(),
                value: format!("{:?}", k.instruction),
                problem: "stands in a conversation, whose first message is the question; leave {prompt} out, or set data.chat = false".into(),
            });
        }
        let train = match recipe.is_supervised() {
            true => Wanted::RESPONSE,
            false => Wanted {
                paraphrase: recipe.rollout.views > 1,
                ..Wanted::ANSWER
            },
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
            let prompt = longest_view(text, p, &recipe.data, chat)?;
            match longest_prompt > 0 && prompt > longest_prompt {
                // More than any bound.
                true => Ok(usize::MAX),
                false => Ok(needed(text, p, prompt, recipe, chat)?),
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

    /// Another form of problem `index` of the stream `seed`, which is `problem`.
    ///
    /// # Errors
    /// A row that was read without one, and a template that cannot be rendered.
    pub(crate) fn paraphrase(
        &self,
        text: &Text,
        seed: u64,
        index: u64,
        problem: &Problem,
    ) -> Result<Problem, TrainError> {
        let files = match self {
            Problems::Tasks(_) => return Ok(task(problem.task)?.paraphrase(problem)),
            Problems::Files(files) => files,
        };
        let row = files.data.train.as_ref().map(|t| t.problem(index, seed));
        match row.and_then(laser_data::Problem::paraphrased) {
            Some(other) => Ok(files.problem(text, &other)?),
            None => Err(TrainError::Value {
                place: "recipe".into(),
                key: "data.columns.paraphrase".into(),
                value: "\"\"".into(),
                problem: "this problem was read without a paraphrase".into(),
            }),
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

    /// Where in the files the prompts to train on come from, by what the model reads; nothing where
    /// there are no files.
    pub(crate) fn places(&self, text: &Text) -> Result<HashMap<String, usize>, ModelError> {
        let Problems::Files(files) = self else {
            return Ok(HashMap::new());
        };
        let train = files.data.train.as_ref().map_or(&[][..], |t| t.problems());
        let prompts = train.iter().enumerate();
        prompts
            .map(|(i, p)| Ok((render(text, p, &files.settings, files.chat)?, i)))
            .collect()
    }

    /// The ids of a problem's prompt with another question: `write` makes it from the problem's own,
    /// which of files is the last message of the user. `place` is that of the problem in the files.
    pub(crate) fn hint_ids(
        &self,
        text: &Text,
        problem: &Problem,
        place: Option<usize>,
        write: impl FnOnce(&str) -> Result<String, ModelError>,
    ) -> Result<Vec<u32>, ModelError> {
        let train = match self {
            Problems::Tasks(_) => None,
            Problems::Files(files) => files.data.train.as_ref().map(|t| (files, t.problems())),
        };
        let Some((files, p)) = train.and_then(|(files, t)| Some((files, t.get(place?)?))) else {
            return text.encode(&write(&problem.prompt)?);
        };
        let mut messages = p.messages(&files.settings);
        if let Some(last) = messages.iter_mut().rfind(|m| m.role == "user") {
            last.content = write(&last.content)?;
        }
        let written = render_messages(text, &messages, &p.place, &files.settings, files.chat)?;
        encode(text, &written, files.chat)
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

    /// A question to the model beside its problems: through the chat template where the problems
    /// go through it, with an own message of the system, or as a plain text.
    pub(crate) fn question_ids(
        &self,
        text: &Text,
        system: &str,
        question: &str,
    ) -> Result<Vec<u32>, ModelError> {
        let parts = [("system", system), ("user", question)];
        let parts = parts.into_iter().filter(|(_, words)| !words.is_empty());
        match self {
            Problems::Files(files) if files.chat => {
                let message = |(role, content): (&str, &str)| Message {
                    role: role.into(),
                    content: content.into(),
                };
                let messages: Vec<Message> = parts.map(message).collect();
                let arguments = &files.settings.template_arguments;
                encode(text, &text.render_with(&messages, true, arguments)?, true)
            }
            Problems::Files(_) | Problems::Tasks(_) => {
                let parts: Vec<&str> = parts.map(|(_, words)| words).collect();
                // As the problems of each kind are written; the tasks' vocabulary has no lines.
                match self {
                    Problems::Files(_) => text.encode_plain(&parts.join("\n\n")),
                    Problems::Tasks(_) => text.encode(&parts.join(" ")),
                }
            }
        }
    }

    /// The tokens of the longest prompt to train on; of the tasks a bound, for characters.
    pub(crate) fn longest_prompt(&self, text: &Text) -> Result<usize, TrainError> {
        let files = match self {
            Problems::Tasks(mixture) => return Ok(mixture.max_chars().prompt),
            Problems::Files(files) => files,
        };
        let mut longest = 0;
        for p in files.data.train.iter().flat_map(|side| side.problems()) {
            longest = longest.max(prompt_ids(text, p, &files.settings, files.chat)?.len());
        }
        Ok(longest)
    }

    /// The context that the longest problem of the files needs, its response included, in tokens.
    pub(crate) fn context(&self, text: &Text, recipe: &Recipe) -> Result<usize, TrainError> {
        let Problems::Files(files) = self else {
            return Ok(0);
        };
        let sides = [&files.data.train, &files.data.test];
        let mut longest = 0;
        for p in sides.into_iter().flatten().flat_map(|side| side.problems()) {
            let prompt = longest_view(text, p, &files.settings, files.chat)?;
            longest = longest.max(needed(text, p, prompt, recipe, files.chat)?);
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
                let mut words = format!("{:?}\0{:?}\0{:?}", p.prompt, p.answer, p.response);
                if let Some(paraphrase) = &p.paraphrase {
                    words += &format!("\0{paraphrase:?}");
                }
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

/// Tokens of the prompt, or of its paraphrase where that is longer.
fn longest_view(
    text: &Text,
    p: &laser_data::Problem,
    settings: &Settings,
    chat: bool,
) -> Result<usize, ModelError> {
    let tokens = |p| Ok(prompt_ids(text, p, settings, chat)?.len());
    Ok(match p.paraphrased() {
        Some(other) => tokens(p)?.max(tokens(&other)?),
        None => tokens(p)?,
    })
}

/// Tokens that a problem with a prompt of so many tokens takes: a sampled response may be of any
/// length that the recipe allows, a written one has its own.
fn needed(
    text: &Text,
    p: &laser_data::Problem,
    prompt: usize,
    recipe: &Recipe,
    chat: bool,
) -> Result<usize, ModelError> {
    let written = match (&p.response, recipe.is_supervised()) {
        (Some(response), true) => text.encode(response)?.len() + 1,
        _ => 0,
    };
    let response = recipe.rollout.max_new_tokens;
    let second = match &recipe.correction {
        Some(k) if !recipe.is_supervised() => {
            let question = render(text, p, &recipe.data, chat)?;
            let said = said(text, &question, &k.instruction, &recipe.data, chat)?;
            text.encode(&said)?.len() + response
        }
        _ => 0,
    };
    let gold = match (&p.answer, &recipe.likelihood) {
        (Some(gold), Some(likelihood)) => room(text, likelihood, gold)?,
        _ => 0,
    };
    Ok(prompt + written.max(response + gold) + second)
}

/// What the model reads.
pub(crate) fn render(
    text: &Text,
    p: &laser_data::Problem,
    settings: &Settings,
    chat: bool,
) -> Result<String, ModelError> {
    let messages = p.messages(settings);
    render_messages(text, &messages, &p.place, settings, chat)
}

/// What the model reads of some messages, those of the problem at `place`.
fn render_messages(
    text: &Text,
    messages: &[Message],
    place: &laser_data::Place,
    settings: &Settings,
    chat: bool,
) -> Result<String, ModelError> {
    match chat {
        true => text
            .render_with(messages, true, &settings.template_arguments)
            .map_err(|e| ModelError::Text(format!("{place}: {e}"))),
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
