//! A chain of operations and the largest value on the way, the start included:
//! `17+5*3-6^` → `17+5=22;22*3=66;66-6=60;#66`.
//!
//! The final value is never the largest, so that the answer cannot be copied from the last step.

use std::borrow::Cow;

use super::chain::{self, Chain};
use super::split::{Request, Split, first_on_side};
use super::step::Step;
use super::{Difficulty, Limits, MaxChars, Problem, Task, TaskError};

const NAME: &str = "peak";
const QUESTION: char = '^';

/// The task; see the module.
#[derive(Debug, Clone, Copy)]
pub struct Peak;

/// The largest value on the way.
fn peak(steps: &[Step]) -> Option<u32> {
    let start = steps.first()?.left;
    Some(steps.iter().map(|step| step.result).fold(start, u32::max))
}

impl Task for Peak {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "work out a chain of +, - and * and give its largest value"
    }

    fn limits(&self) -> Limits {
        // With a single operation the answer would always be the start value.
        Limits {
            steps: 2..=8,
            ..chain::limits()
        }
    }

    fn max_chars(&self, steps: u32) -> MaxChars {
        chain::max_chars(steps)
    }

    fn generate(
        &self,
        split: Split,
        seed: u64,
        index: u64,
        difficulty: Difficulty,
    ) -> Result<Problem, TaskError> {
        self.limits().admit(NAME, difficulty)?;
        let request = Request {
            task: NAME,
            split,
            seed,
            index,
            difficulty,
        };
        let candidate = |rng: &mut _| {
            let chain = chain::random(rng, difficulty)?;
            let steps = chain.steps()?;
            let peak = peak(&steps)?;
            (steps.last()?.result < peak).then_some((chain, steps, peak))
        };
        let (chain, steps, peak) = first_on_side(&request, candidate, |c| c.0.canonical())?;
        Ok(Problem {
            task: NAME,
            prompt: format!("{}{QUESTION}", chain.expression()),
            gold: peak.to_string(),
            solution: chain::solution(&steps, peak),
            difficulty: difficulty.steps,
        })
    }

    fn canonical(&self, prompt: &str) -> Option<String> {
        Chain::parse(prompt.strip_suffix(QUESTION)?).map(|chain| chain.canonical())
    }

    fn paraphrase(&self, problem: &Problem) -> Problem {
        chain::paraphrase(problem, QUESTION, peak)
    }

    fn extract<'a>(&self, response: &'a str) -> Option<Cow<'a, str>> {
        chain::extract(response)
    }

    fn check(&self, _prompt: &str, gold: &str, response: &str) -> bool {
        chain::check(gold, response)
    }
}
