//! Built-in problem generators: endless problems with written-out solutions and exact labels,
//! small enough for a model of a million parameters that reads characters.
//!
//! | task | prompt | solution |
//! |---|---|---|
//! | [`arithmetic`] | `17+5*3-6=` | `17+5=22;22*3=66;66-6=60;#60` |
//! | [`peak`] | `17+5*3-6^` | `17+5=22;22*3=66;66-6=60;#66` |
//! | [`countdown`] | `3,7,12>16:` | `12-3=9;9+7=16;#16` |
//!
//! The last character of a prompt asks the question, so a response starts right after it. A
//! response must contain exactly one `#`, which introduces the final answer; the trainer appends
//! the end-of-sequence token. The demo's vocabulary is [`ALPHABET`] plus special tokens.
//!
//! | file | what it does |
//! |---|---|
//! | [`split`] | decides from the prompt's content alone whether it is a test problem |
//! | [`step`], [`chain`] | what a written step is, and what a chain of operations is |
//! | [`mixture`] | a weighted stream of problems from several tasks |

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub mod arithmetic;
pub mod chain;
pub mod countdown;
pub mod mixture;
pub mod peak;
pub mod split;
pub mod step;
#[cfg(test)]
mod tests;

pub use mixture::{Mixture, Share};
pub use split::Split;

/// Every character that prompts and solutions may use. Letters and further signs are there for
/// tasks of one's own.
pub const ALPHABET: &str = "0123456789+-*/=;#>^().,:? abcdefghijklmnopqrstuvwxyz";

/// What introduces the final answer of a response, exactly once.
pub const ANSWER_MARK: char = '#';

/// One problem with its written-out solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Name of the task that made it; [`task`] finds the task again.
    pub task: &'static str,
    /// What the model reads.
    pub prompt: String,
    /// The final answer.
    pub gold: String,
    /// A correct response, without the end-of-sequence token.
    pub solution: String,
    /// Number of steps in the solution.
    pub difficulty: u32,
}

/// How hard a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difficulty {
    /// Number of steps in the solution.
    pub steps: u32,
    /// The largest number that a prompt may contain.
    pub largest: u32,
}

/// The difficulties that a task can generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Allowed [`Difficulty::steps`].
    pub steps: RangeInclusive<u32>,
    /// Allowed [`Difficulty::largest`]. The lower end keeps enough distinct problems for both
    /// splits.
    pub largest: RangeInclusive<u32>,
}

/// Upper bounds on the length of a problem, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxChars {
    /// Length of the prompt.
    pub prompt: usize,
    /// Length of the solution, without the end-of-sequence token.
    pub solution: usize,
    /// Length of the answer alone.
    pub answer: usize,
}

/// A kind of problem: how it is made, and how a response to it is labelled.
pub trait Task: Send + Sync {
    /// The name used in recipes and in [`Problem::task`].
    fn name(&self) -> &'static str;

    /// One sentence for `--help` and reports.
    fn describe(&self) -> &'static str;

    /// The difficulties that [`Task::generate`] accepts.
    fn limits(&self) -> Limits;

    /// Bounds on the length of problems with this many steps.
    fn max_chars(&self, steps: u32) -> MaxChars;

    /// Problem number `index` of the stream `seed`: a pure function of its arguments, so that
    /// problems can be made in any order and on any machine. Distinct indices may repeat a prompt,
    /// but never one of the other split.
    ///
    /// # Errors
    /// [`TaskError::Difficulty`] outside [`Task::limits`]; [`TaskError::NoCandidate`] does not
    /// happen in practice.
    fn generate(
        &self,
        split: Split,
        seed: u64,
        index: u64,
        difficulty: Difficulty,
    ) -> Result<Problem, TaskError>;

    /// A form that trivially equivalent prompts share, from which the split is computed; `None`
    /// when the text is not a prompt of this task.
    fn canonical(&self, prompt: &str) -> Option<String>;

    /// The same problem in another form, with the same answer and the same canonical form; the
    /// problem itself where it has no other. A pure function of the problem.
    fn paraphrase(&self, problem: &Problem) -> Problem;

    /// The final answer, as a key under which equal answers of several responses meet; `None`
    /// when the response breaks the format. Looks at the response alone.
    fn extract<'a>(&self, response: &'a str) -> Option<Cow<'a, str>>;

    /// Whether the response is correct: the one labelling rule, for training and evaluation.
    fn check(&self, prompt: &str, gold: &str, response: &str) -> bool;
}

/// The number after the only `#` of a response, as the built-in tasks but countdown end with it.
pub(crate) fn marked_answer(response: &str) -> Option<Cow<'_, str>> {
    chain::extract(response)
}

/// Why a task or a mixture could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaskError {
    /// No task has this name.
    #[error("unknown task `{name}`; the built-in tasks are {}", names().join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// A dial is outside what the task can generate.
    #[error("task `{task}`: {dial} = {value} is outside {}..={}", range.start(), range.end())]
    Difficulty {
        /// The task.
        task: &'static str,
        /// `steps` or `largest`.
        dial: &'static str,
        /// The value that was asked for.
        value: u32,
        /// The allowed values.
        range: RangeInclusive<u32>,
    },
    /// A range of steps that ends before it starts.
    #[error("task `{task}`: steps = [{low}, {high}] is empty; write the smaller number first")]
    EmptySteps {
        /// The task.
        task: &'static str,
        /// First number of the range.
        low: u32,
        /// Second number of the range.
        high: u32,
    },
    /// A mixture without tasks, or with weights of zero only.
    #[error("the mixture has no task with a positive weight")]
    EmptyMixture,
    /// No candidate belonged to the wanted split.
    #[error("task `{task}` found no {split} problem in {tries} tries")]
    NoCandidate {
        /// The task.
        task: &'static str,
        /// The wanted split.
        split: Split,
        /// How many candidates were rejected.
        tries: u64,
    },
}

static TASKS: [&dyn Task; 3] = [&arithmetic::Arithmetic, &peak::Peak, &countdown::Countdown];

/// The built-in task of this name.
///
/// # Errors
/// [`TaskError::Unknown`], which lists the names.
pub fn task(name: &str) -> Result<&'static dyn Task, TaskError> {
    TASKS
        .into_iter()
        .find(|task| task.name() == name)
        .ok_or_else(|| TaskError::Unknown {
            name: name.to_owned(),
        })
}

/// The names of the built-in tasks.
pub fn names() -> Vec<&'static str> {
    TASKS.iter().map(|task| task.name()).collect()
}

impl Limits {
    /// Whether `task` may generate at `difficulty`.
    pub(crate) fn admit(
        &self,
        task: &'static str,
        difficulty: Difficulty,
    ) -> Result<(), TaskError> {
        for (dial, value, range) in [
            ("steps", difficulty.steps, &self.steps),
            ("largest", difficulty.largest, &self.largest),
        ] {
            if !range.contains(&value) {
                return Err(TaskError::Difficulty {
                    task,
                    dial,
                    value,
                    range: range.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Splits a response at its answer mark; `None` unless there is exactly one. Several marks would
/// let a response bet on several answers.
pub(crate) fn at_answer_mark(response: &str) -> Option<(&str, &str)> {
    let (steps, answer) = response.split_once(ANSWER_MARK)?;
    (!answer.contains(ANSWER_MARK)).then_some((steps, answer))
}

/// Reads a number of a prompt or of a step: at most six digits, no sign, no leading zero. There is
/// one way to write a value, so equal answers are equal texts.
pub(crate) fn plain_number(text: &str) -> Option<u32> {
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}
