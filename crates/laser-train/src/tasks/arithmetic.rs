//! A chain of operations and its final value: `17+5*3-6=` → `17+5=22;22*3=66;66-6=60;#60`.

use std::borrow::Cow;

use super::chain::{self, Chain};
use super::split::{Request, Split, first_on_side};
use super::step::Step;
use super::{Difficulty, Limits, MaxChars, Problem, Task, TaskError};

const NAME: &str = "arithmetic";
const QUESTION: char = '=';

/// The task; see the module.
#[derive(Debug, Clone, Copy)]
pub struct Arithmetic;

/// The final value.
fn end(steps: &[Step]) -> Option<u32> {
    Some(steps.last()?.result)
}

impl Task for Arithmetic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "work out a chain of +, - and * from left to right"
    }

    fn limits(&self) -> Limits {
        chain::limits()
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
            let end = end(&steps)?;
            Some((chain, steps, end))
        };
        let (chain, steps, end) = first_on_side(&request, candidate, |c| c.0.canonical())?;
        Ok(Problem {
            task: NAME,
            prompt: format!("{}{QUESTION}", chain.expression()),
            gold: end.to_string(),
            solution: chain::solution(&steps, end),
            difficulty: difficulty.steps,
        })
    }

    fn canonical(&self, prompt: &str) -> Option<String> {
        Chain::parse(prompt.strip_suffix(QUESTION)?).map(|chain| chain.canonical())
    }

    fn paraphrase(&self, problem: &Problem) -> Problem {
        chain::paraphrase(problem, QUESTION, end)
    }

    fn extract<'a>(&self, response: &'a str) -> Option<Cow<'a, str>> {
        chain::extract(response)
    }

    fn check(&self, _prompt: &str, gold: &str, response: &str) -> bool {
        chain::check(gold, response)
    }
}
