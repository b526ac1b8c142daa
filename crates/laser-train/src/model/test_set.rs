//! Problems of files or of built-in tasks, as a model is asked them, and its answers checked.

use std::ops::Range;
use std::path::Path;

use laser_data::{Chat, Data, DataError, LoadReport, Prompt, Settings, Wanted};
use laser_rollout::{Generation, Request};
use serde_json::{Map, Value};

use super::{Answer, BeamSettings, LanguageModel};
use crate::TrainError;
use crate::evaluate::SampleRow;
use crate::label::{FILES, label};
use crate::problems::{Problems, encode, render};
use crate::recipe::Recipe;
use crate::tasks::Problem;
use crate::trainer::Stream;

/// Problems that a model is asked.
pub struct TestSet {
    /// What was read and left out.
    pub report: LoadReport,
    /// Whether they go through the chat template.
    pub chat: bool,
    /// Values for the chat template.
    pub(super) template_arguments: Map<String, Value>,
    pub(super) questions: Vec<Question>,
}

pub(super) struct Question {
    problem: Problem,
    /// What is asked, without anything that is put around it.
    pub asked: String,
    /// Ids of the prompt.
    prompt: Vec<u32>,
    origin: Origin,
    /// Responses that are wanted; `None` for as many as to the others.
    samples: Option<usize>,
}

/// Where a problem comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file as it was named; of a built-in task empty.
    pub file: String,
    /// Data set, or built-in task.
    pub source: String,
    /// How hard it is, as its file says; of a built-in task the steps of its solution.
    pub level: Option<String>,
}

/// A response that beam search found, checked.
#[derive(Clone, Debug)]
pub struct BeamRow {
    /// The response.
    pub row: SampleRow,
    /// Σ log p / length^α, nats.
    pub score: f64,
}

impl TestSet {
    /// Reads the files that `settings` name for tests. Problems that leave no room for a response
    /// of `max_new_tokens` are left out, and reported; so are those without what is `wanted`.
    ///
    /// # Errors
    /// Files that cannot be read or mapped, a template that cannot be rendered, a context without
    /// room for any prompt.
    pub fn load(
        model: &LanguageModel,
        settings: &Settings,
        wanted: Wanted,
        max_new_tokens: usize,
    ) -> Result<Self, TrainError> {
        let text = &model.text;
        let chat = match settings.chat {
            Chat::Auto => text.has_template(),
            Chat::Yes => true,
            Chat::No => false,
        };
        let context = model.decoder.context();
        let room = context.saturating_sub(max_new_tokens);
        if room == 0 {
            return Err(TrainError::Value {
                place: "the model's context".into(),
                key: "max_new_tokens".into(),
                value: max_new_tokens.to_string(),
                problem: format!(
                    "leaves no room for a prompt in the context of {context} tokens; lower it"
                ),
            });
        }
        let mut bounded = settings.clone();
        bounded.max_prompt_tokens = match settings.max_prompt_tokens {
            0 => room,
            most => most.min(room),
        };
        let ids = |p: &laser_data::Problem| {
            let prompt = render(text, p, settings, chat)?;
            let ids = encode(text, &prompt, chat)?;
            Ok::<_, TrainError>((prompt, ids))
        };
        let count = |p: &laser_data::Problem| Ok::<_, TrainError>(ids(p)?.1.len());
        let data = Data::load(&bounded, Path::new(""), wanted, wanted, count)?;
        let problems = data.test.as_ref().map_or(&[][..], |test| test.problems());
        let question = |p: &laser_data::Problem| {
            let (prompt, ids) = ids(p)?;
            model
                .check_ids(&ids, max_new_tokens)
                .map_err(|e| DataError::Row {
                    place: p.place.clone(),
                    problem: e.to_string(),
                })?;
            Ok(Question {
                problem: Problem {
                    task: FILES,
                    prompt,
                    gold: p.answer.clone().unwrap_or_default(),
                    solution: p.response.clone().unwrap_or_default(),
                    difficulty: 0,
                },
                asked: asked(&p.prompt),
                prompt: ids,
                origin: Origin {
                    file: p.place.file.to_string(),
                    source: p.source.clone(),
                    level: p.level.clone(),
                },
                samples: None,
            })
        };
        Ok(TestSet {
            questions: problems
                .iter()
                .map(question)
                .collect::<Result<_, TrainError>>()?,
            report: data.report,
            chat,
            template_arguments: settings.template_arguments.clone(),
        })
    }

    /// The first `problems` problems on which a run of a recipe tests its model, in the same order.
    ///
    /// # Errors
    /// Tasks with fewer problems, a prompt that the model cannot read, and those of
    /// [`load`](Self::load) for a recipe with files.
    pub fn of_recipe(
        model: &LanguageModel,
        recipe: &Recipe,
        problems: usize,
        max_new_tokens: usize,
    ) -> Result<Self, TrainError> {
        if !recipe.data.is_empty() {
            let mut set = Self::load(model, &recipe.data, Wanted::ANSWER, max_new_tokens)?;
            set.truncate(problems);
            return Ok(set);
        }
        let text = &model.text;
        let tasks = Problems::new(recipe, text, model.decoder.context())?;
        let chosen = tasks.test(text, Stream::Test.seed(0), problems)?;
        let question = |problem: Problem| {
            let prompt = tasks.prompt_ids(text, &problem)?;
            if text.decode(&prompt)? != problem.prompt {
                return Err(TrainError::file(
                    model.dir(),
                    format!(
                        "the tokenizer cannot write the problem \"{}\" of the task {}; ask a model that was trained on the recipe's tasks",
                        problem.prompt, problem.task
                    ),
                ));
            }
            model.check_ids(&prompt, max_new_tokens)?;
            Ok(Question {
                asked: problem.prompt.clone(),
                prompt,
                origin: Origin {
                    file: String::new(),
                    source: problem.task.into(),
                    level: Some(problem.difficulty.to_string()),
                },
                samples: None,
                problem,
            })
        };
        let questions = chosen.into_iter().map(question);
        Ok(TestSet {
            questions: questions.collect::<Result<_, TrainError>>()?,
            report: LoadReport::default(),
            chat: false,
            template_arguments: Map::new(),
        })
    }

    /// Asks for a number of responses of their own to some problems; `None` leaves a problem at
    /// the number that all others get.
    pub fn set_samples(&mut self, samples: impl Fn(&Origin) -> Option<usize>) {
        for q in &mut self.questions {
            q.samples = samples(&q.origin);
        }
    }

    /// Problems.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Keeps the first `most` problems.
    pub fn truncate(&mut self, most: usize) {
        self.questions.truncate(most);
    }

    /// Where the problems come from, in order.
    pub fn origins(&self) -> impl ExactSizeIterator<Item = &Origin> {
        self.questions.iter().map(|q| &q.origin)
    }

    /// One request for one response each, for problems `range` of the list repeated without end,
    /// each with randomness of its own.
    pub fn requests(&self, range: Range<usize>, seed: u64) -> Vec<Request> {
        let stream = Stream::Calibrate.seed(seed);
        let endless = self.questions.iter().cycle();
        range
            .clone()
            .zip(endless.skip(range.start % self.len().max(1)))
            .map(|(i, q)| Request {
                prompt: q.prompt.clone(),
                samples: 1,
                seed: vec![stream, 0, i as u64],
            })
            .collect()
    }
}

impl LanguageModel {
    /// Answers problems `range` of a set and checks the answers, by the one rule of training and
    /// tests: `samples` times, or as often as [`TestSet::set_samples`] says. A response depends on
    /// its problem's place in the set and the seed, not on the range.
    ///
    /// # Errors
    /// Those of [`sample`](Self::sample).
    pub fn test(
        &self,
        set: &TestSet,
        range: Range<usize>,
        samples: usize,
        seed: u64,
        generation: &Generation,
    ) -> Result<Vec<Vec<SampleRow>>, TrainError> {
        let stream = Stream::Test.seed(seed);
        let questions = &set.questions[range.clone()];
        let request = |(i, q): (usize, &Question)| Request {
            prompt: q.prompt.clone(),
            samples: q.samples.unwrap_or(samples),
            seed: vec![stream, 0, i as u64],
        };
        let requests: Vec<Request> = range.zip(questions).map(request).collect();
        let groups = self.sample(&requests, generation)?;
        let rows = groups.into_iter().zip(questions);
        rows.map(|(group, q)| self.checked(q, group)).collect()
    }

    /// Answers problems `range` of a set by beam search, the best response first, and checks the
    /// answers by the same rule.
    ///
    /// # Errors
    /// Those of [`beam`](Self::beam).
    pub fn beam_test(
        &self,
        set: &TestSet,
        range: Range<usize>,
        settings: BeamSettings,
    ) -> Result<Vec<Vec<BeamRow>>, TrainError> {
        let questions = &set.questions[range];
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let groups = self.beam(&prompts, settings)?;
        let rows = groups.into_iter().zip(questions).map(|(group, q)| {
            let (answers, scores): (Vec<Answer>, Vec<f64>) = group.into_iter().unzip();
            let rows = self.checked(q, answers)?;
            let scored = rows.into_iter().zip(scores);
            Ok(scored.map(|(row, score)| BeamRow { row, score }).collect())
        });
        rows.collect()
    }

    fn checked(&self, q: &Question, group: Vec<Answer>) -> Result<Vec<SampleRow>, TrainError> {
        let scores: Vec<Option<f32>> = group.iter().map(|a| a.self_reward).collect();
        let responses = group.into_iter().map(|a| a.response).collect();
        let mut labelled = label(&self.text, &q.problem, responses)?;
        for (l, score) in labelled.iter_mut().zip(scores) {
            l.score = score;
        }
        let row = |l| SampleRow::new(&q.problem, l, None);
        Ok(labelled.iter().map(row).collect())
    }
}

/// The text of a prompt without what is put around it: of a conversation its last message of the
/// user, or where it has none its last one.
fn asked(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Messages(messages) => {
            let user = messages.iter().rfind(|m| m.role == "user");
            let last = user.or(messages.last());
            last.map(|m| m.content.clone()).unwrap_or_default()
        }
    }
}
