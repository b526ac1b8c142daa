//! Problems of files, as a model is asked them, and its answers checked.

use std::ops::Range;
use std::path::Path;

use laser_data::{Chat, Data, DataError, LoadReport, Settings, Wanted};
use laser_rollout::{Generation, Request};

use super::LanguageModel;
use crate::TrainError;
use crate::evaluate::SampleRow;
use crate::label::{FILES, label};
use crate::problems::{encode, render};
use crate::tasks::Problem;
use crate::trainer::Stream;

/// Problems that a model is asked.
pub struct TestSet {
    /// What was read and left out.
    pub report: LoadReport,
    /// Whether they go through the chat template.
    pub chat: bool,
    questions: Vec<Question>,
}

struct Question {
    problem: Problem,
    /// Ids of the prompt.
    prompt: Vec<u32>,
    origin: Origin,
}

/// Where a problem comes from, as its file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Data set.
    pub source: String,
    /// How hard it is.
    pub level: Option<String>,
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
                prompt: ids,
                origin: Origin {
                    source: p.source.clone(),
                    level: p.level.clone(),
                },
            })
        };
        Ok(TestSet {
            questions: problems
                .iter()
                .map(question)
                .collect::<Result<_, TrainError>>()?,
            report: data.report,
            chat,
        })
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
    /// tests. A response depends on its problem's place in the set and the seed, not on the range.
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
            samples,
            seed: vec![stream, 0, i as u64],
        };
        let requests: Vec<Request> = range.zip(questions).map(request).collect();
        let groups = self.sample(&requests, generation)?;
        let rows = groups.into_iter().zip(questions).map(|(group, q)| {
            let scores: Vec<Option<f32>> = group.iter().map(|a| a.self_reward).collect();
            let responses = group.into_iter().map(|a| a.response).collect();
            let mut labelled = label(&self.text, &q.problem, responses)?;
            for (l, score) in labelled.iter_mut().zip(scores) {
                l.score = score;
            }
            let row = |l| SampleRow::new(&q.problem, l, None);
            Ok(labelled.iter().map(row).collect())
        });
        rows.collect()
    }
}
