//! A model asked in words whether a solution is right: what self-verification costs without a
//! trained score.

use std::ops::Range;

use laser_model::Message;
use laser_rollout::{Generation, Request, Sampling};

use super::test_set::Question;
use super::{Exchange, LanguageModel, TestSet};
use crate::TrainError;
use crate::evaluate::SampleRow;

/// Stands for the problem in a template.
const PROBLEM: &str = "{problem}";
/// Stands for the response.
const RESPONSE: &str = "{response}";
/// Tokens of judging prompts that are read at once.
const BATCH_TOKENS: usize = 4096;
/// What is asked when a judgement is written.
const WRITTEN: &str = "Here is a problem and a proposed solution.\n\nProblem:\n{problem}\n\nProposed solution:\n{response}\n\nGo through the solution step by step and look for errors. Then answer the question: is the solution correct? End with the single word Yes or No.";
/// What is asked when the first token decides.
const FIRST_TOKEN: &str = "Here is a problem and a proposed solution.\n\nProblem:\n{problem}\n\nProposed solution:\n{response}\n\nIs the solution correct? Answer Yes or No.\nAnswer:";

/// How a judgement is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgeHow {
    /// The model writes, greedily, and the last Yes or No in it is its verdict.
    Written {
        /// Most tokens of a judgement.
        max_new_tokens: usize,
    },
    /// p(Yes) / (p(Yes) + p(No)) as the first token of an answer; nothing is written.
    FirstToken,
}

/// How a model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judge {
    how: JudgeHow,
    template: String,
}

/// What a model says of a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Share of belief that the response is right, 0 to 1; of a written verdict 1 or 0.
    pub score: f32,
    /// Whether it is judged right; `None` for a written judgement without a verdict, and for a
    /// response that is too long to be judged in the model's context. Both count as judged wrong.
    pub verdict: Option<bool>,
    /// Tokens that were read: the judging prompt.
    pub read: usize,
    /// Tokens that were written.
    pub written: usize,
}

impl Judge {
    /// A judge; `template` is the text with `{problem}` and `{response}`, `None` for our own.
    ///
    /// # Errors
    /// A template without `{response}`.
    pub fn new(how: JudgeHow, template: Option<String>) -> Result<Self, TrainError> {
        let template = template.unwrap_or_else(|| match how {
            JudgeHow::Written { .. } => WRITTEN.into(),
            JudgeHow::FirstToken => FIRST_TOKEN.into(),
        });
        if !template.contains(RESPONSE) {
            return Err(TrainError::Value {
                place: "self-verification".into(),
                key: "template".into(),
                value: format!("{template:?}"),
                problem: format!(
                    "{RESPONSE} is missing, which stands for the solution ({PROBLEM} stands for the problem)"
                ),
            });
        }
        Ok(Judge { how, template })
    }

    /// The text that is asked.
    pub fn template(&self) -> &str {
        &self.template
    }

    fn fill(&self, problem: &str, response: &str) -> String {
        // In one pass: a problem may have "{response}" in its text.
        let mut text = String::new();
        let mut rest = self.template.as_str();
        while let Some(at) = rest.find('{') {
            text += &rest[..at];
            rest = &rest[at..];
            let slots = [(PROBLEM, problem), (RESPONSE, response)];
            match slots.iter().find(|(slot, _)| rest.starts_with(slot)) {
                Some((slot, value)) => {
                    text += value;
                    rest = &rest[slot.len()..];
                }
                None => {
                    text.push('{');
                    rest = &rest[1..];
                }
            }
        }
        text + rest
    }
}

impl LanguageModel {
    /// Judges the responses to problems `range` of a set; `None` for those that did not end. Like
    /// the problems, the questions go through the chat template or are plain texts.
    ///
    /// # Errors
    /// A template that the tokenizer cannot write, a tokenizer in which Yes and No begin with the
    /// same token, and those of [`sample`](Self::sample).
    pub fn judge(
        &self,
        set: &TestSet,
        range: Range<usize>,
        groups: &[Vec<SampleRow>],
        judge: &Judge,
    ) -> Result<Vec<Vec<Option<Judgement>>>, TrainError> {
        self.check_template(judge)?;
        let questions = &set.questions[range];
        let finished = |row: &&SampleRow| row.finish == "stop";
        let asked = questions
            .iter()
            .zip(groups)
            .flat_map(|(q, group)| group.iter().filter(finished).map(move |row| (q, row)));
        let prompt = |(q, row): (&Question, &SampleRow)| {
            let text = judge.fill(&q.asked, &row.response);
            match set.chat {
                true => self.chat_prompt(&[user(text)], &set.template_arguments),
                false => self.plain_prompt(&text),
            }
        };
        let prompts = asked.map(prompt).collect::<Result<Vec<_>, _>>()?;
        let mut judged = match judge.how {
            JudgeHow::Written { max_new_tokens } => self.written(prompts, max_new_tokens)?,
            JudgeHow::FirstToken => self.first_token(&prompts)?,
        }
        .into_iter();
        let judgements = groups.iter().map(|group| {
            let rows = group.iter();
            rows.map(|row| finished(&row).then(|| judged.next()).flatten())
                .collect()
        });
        Ok(judgements.collect())
    }

    /// A tokenizer of few characters would leave most of a template out without a word.
    fn check_template(&self, judge: &Judge) -> Result<(), TrainError> {
        let words = judge.fill("", "");
        let kept = self.text.decode(&self.text.encode(&words)?)?;
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        match letters(&kept) >= letters(&words) {
            true => Ok(()),
            false => Err(TrainError::file(
                self.dir(),
                format!(
                    "the tokenizer cannot write the judging question {words:?}, only {kept:?} of it; name a template in the model's own characters, or leave prompted self-verification out"
                ),
            )),
        }
    }

    fn written(
        &self,
        prompts: Vec<Vec<u32>>,
        max_new_tokens: usize,
    ) -> Result<Vec<Judgement>, TrainError> {
        let generation = Generation {
            // What is asked here is not a solution: no self-reward is read of it.
            self_reward_token: None,
            ..self.generation(
                Sampling {
                    temperature: 0.0,
                    ..Sampling::default()
                },
                max_new_tokens,
            )
        };
        let fits = |prompt: &Vec<u32>| prompt.len() + max_new_tokens <= self.decoder.context();
        let requests: Vec<Request> = prompts
            .iter()
            .filter(|p| fits(p))
            .map(|prompt| Request {
                prompt: prompt.clone(),
                samples: 1,
                seed: Vec::new(),
            })
            .collect();
        let mut answers = self.sample(&requests, &generation)?.into_iter().flatten();
        let judgement = |prompt: &Vec<u32>| match fits(prompt).then(|| answers.next()).flatten() {
            None => Judgement {
                score: 0.0,
                verdict: None,
                read: 0,
                written: 0,
            },
            Some(answer) => {
                let verdict = verdict(&answer.text);
                Judgement {
                    score: f32::from(u8::from(verdict == Some(true))),
                    verdict,
                    read: prompt.len(),
                    written: answer.response.ids.len(),
                }
            }
        };
        Ok(prompts.iter().map(judgement).collect())
    }

    fn first_token(&self, prompts: &[Vec<u32>]) -> Result<Vec<Judgement>, TrainError> {
        let (yes, no) = self.yes_and_no()?;
        let fits = |prompt: &&Vec<u32>| prompt.len() <= self.decoder.context();
        let exchanges = prompts.iter().filter(fits).map(|prompt| Exchange {
            prompt,
            response: &[],
        });
        let exchanges: Vec<Exchange> = exchanges.collect();
        let ids = [&yes[..], &no].concat();
        let logps = self.logprobs_after(&exchanges, &ids, BATCH_TOKENS)?;
        let mut logps = logps.into_iter();
        let judgement = |prompt: &Vec<u32>| {
            let Some(logps) = fits(&prompt).then(|| logps.next()).flatten() else {
                return Judgement {
                    score: 0.0,
                    verdict: None,
                    read: 0,
                    written: 0,
                };
            };
            let score = share(&logps[..yes.len()], &logps[yes.len()..]);
            Judgement {
                score,
                verdict: Some(score > laser_rl::verification::THRESHOLD),
                read: prompt.len(),
                written: 0,
            }
        };
        Ok(prompts.iter().map(judgement).collect())
    }

    /// The tokens with which Yes and No begin, with or without a space and a capital.
    fn yes_and_no(&self) -> Result<(Vec<u32>, Vec<u32>), TrainError> {
        let firsts = |words: [&str; 4]| -> Result<Vec<u32>, TrainError> {
            let mut ids = Vec::new();
            for word in words {
                ids.extend(self.text.encode(word)?.first());
            }
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        };
        let yes = firsts(["Yes", " Yes", "yes", " yes"])?;
        let no = firsts(["No", " No", "no", " no"])?;
        // A token of the space alone tells nothing.
        let only = |a: &[u32], b: &[u32]| -> Vec<u32> {
            a.iter().filter(|id| !b.contains(id)).copied().collect()
        };
        let (yes, no) = (only(&yes, &no), only(&no, &yes));
        match yes.is_empty() || no.is_empty() {
            false => Ok((yes, no)),
            true => Err(TrainError::file(
                self.dir(),
                "the tokenizer has no token with which Yes, or No, begins and the other does not; judge by written verdicts instead",
            )),
        }
    }
}

fn user(content: String) -> Message {
    Message {
        role: "user".into(),
        content,
    }
}

/// The last Yes or No that stands as a word of its own, in any case.
fn verdict(text: &str) -> Option<bool> {
    let words = text.rsplit(|c: char| !c.is_alphanumeric());
    words
        .map(str::to_lowercase)
        .find_map(|word| match word.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        })
}

/// Σ p(yes) / (Σ p(yes) + Σ p(no)), from log-probabilities in nats.
fn share(yes: &[f32], no: &[f32]) -> f32 {
    let all = || yes.iter().chain(no).map(|l| f64::from(*l));
    let largest = all().fold(f64::NEG_INFINITY, f64::max);
    let sum = |logps: &[f32]| -> f64 {
        let relative = logps.iter().map(|l| (f64::from(*l) - largest).exp());
        relative.sum()
    };
    let (yes, no) = (sum(yes), sum(no));
    (yes / (yes + no)) as f32
}

#[cfg(test)]
mod tests;
