//! Reach a target with `+`, `-` and `*`, using every number exactly once:
//! `3,7,12>16:` → `12-3=9;9+7=16;#16`.
//!
//! Any derivation that works is correct, not only the one the generator wrote. Values are
//! non-negative integers throughout.

use std::borrow::Cow;

use super::split::{Request, Split, first_on_side};
use super::step::{Op, Step};
use super::{
    ANSWER_MARK, Difficulty, Limits, MaxChars, Problem, Task, TaskError, at_answer_mark,
    plain_number,
};
use laser_rng::Rng;

const NAME: &str = "countdown";

/// The largest value in a generated derivation.
const MAX_VALUE: u32 = 99;

/// The task; see the module.
#[derive(Debug, Clone, Copy)]
pub struct Countdown;

impl Task for Countdown {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> &'static str {
        "reach a target with +, - and *, using every number exactly once"
    }

    fn limits(&self) -> Limits {
        // One more number than steps.
        Limits {
            steps: 2..=4,
            largest: 9..=25,
        }
    }

    /// `99,` per number, `>99:` less one comma; `99+99=99;` per step and `#99`.
    fn max_chars(&self, steps: u32) -> MaxChars {
        let steps = steps as usize;
        MaxChars {
            prompt: 3 * (steps + 1) + 3,
            solution: 9 * steps + 3,
            answer: 2,
        }
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
        let (puzzle, steps) = first_on_side(
            &request,
            |rng| random(rng, difficulty),
            |(puzzle, _)| puzzle.canonical(),
        )?;
        let gold = puzzle.target.to_string();
        let steps: String = steps.iter().map(|step| format!("{step};")).collect();
        Ok(Problem {
            task: NAME,
            prompt: puzzle.prompt(),
            solution: format!("{steps}{ANSWER_MARK}{gold}"),
            gold,
            difficulty: difficulty.steps,
        })
    }

    /// The numbers in increasing order, and the target.
    fn canonical(&self, prompt: &str) -> Option<String> {
        Puzzle::parse(prompt).map(|puzzle| puzzle.canonical())
    }

    /// The numbers in another order: the first goes to the end.
    fn paraphrase(&self, problem: &Problem) -> Problem {
        let prompt = match Puzzle::parse(&problem.prompt) {
            Some(mut puzzle) => {
                puzzle.numbers.rotate_left(1);
                puzzle.prompt()
            }
            None => problem.prompt.clone(),
        };
        Problem {
            prompt,
            ..problem.clone()
        }
    }

    /// The steps, each with its larger operand first where the order does not matter, in
    /// alphabetical order, and the answer: derivations that differ only in order are one key.
    /// Steps may be wrong; a response that is not a list of steps and an answer has no key.
    fn extract<'a>(&self, response: &'a str) -> Option<Cow<'a, str>> {
        let (steps, answer) = parse_response(response)?;
        let mut steps: Vec<String> = steps
            .into_iter()
            .map(|step| format!("{};", step.ordered()))
            .collect();
        steps.sort_unstable();
        Some(Cow::Owned(format!(
            "{}{ANSWER_MARK}{answer}",
            steps.concat()
        )))
    }

    /// Every step must be right and use numbers that are still there, the given ones or results of
    /// earlier steps; at the end only the target may be left, and it must be the final answer.
    fn check(&self, prompt: &str, gold: &str, response: &str) -> bool {
        let (Some(puzzle), Some((steps, answer))) =
            (Puzzle::parse(prompt), parse_response(response))
        else {
            return false;
        };
        if plain_number(gold) != Some(puzzle.target) || answer != puzzle.target {
            return false;
        }
        let mut pool = puzzle.numbers;
        for step in steps {
            if !(step.is_right() && take(&mut pool, step.left) && take(&mut pool, step.right)) {
                return false;
            }
            pool.push(step.result);
        }
        pool == [puzzle.target]
    }
}

/// Removes one occurrence of `value`; false when there is none.
fn take(pool: &mut Vec<u32>, value: u32) -> bool {
    let found = pool.iter().position(|&number| number == value);
    found.map(|at| pool.swap_remove(at)).is_some()
}

/// What a prompt asks.
struct Puzzle {
    numbers: Vec<u32>,
    target: u32,
}

impl Puzzle {
    fn parse(prompt: &str) -> Option<Self> {
        let (numbers, target) = prompt.strip_suffix(':')?.split_once('>')?;
        Some(Self {
            numbers: numbers
                .split(',')
                .map(plain_number)
                .collect::<Option<_>>()?,
            target: plain_number(target)?,
        })
    }

    fn prompt(&self) -> String {
        let numbers: Vec<_> = self.numbers.iter().map(u32::to_string).collect();
        format!("{}>{}:", numbers.join(","), self.target)
    }

    fn canonical(&self) -> String {
        let mut numbers = self.numbers.clone();
        numbers.sort_unstable();
        let target = self.target;
        Self { numbers, target }.prompt()
    }
}

/// The steps and the final answer of `12-3=9;9+7=16;#16`; `None` when it has another form.
fn parse_response(response: &str) -> Option<(Vec<Step>, u32)> {
    let (steps, answer) = at_answer_mark(response)?;
    let steps = steps
        .strip_suffix(';')?
        .split(';')
        .map(Step::parse)
        .collect::<Option<_>>()?;
    Some((steps, plain_number(answer.trim())?))
}

/// Random numbers and a random derivation from them: two numbers of the pool and an operation,
/// until one is left. `None` when a value leaves `1..=99`, or a step multiplies by one (it would
/// be a step in name only).
fn random(rng: &mut Rng, difficulty: Difficulty) -> Option<(Puzzle, Vec<Step>)> {
    let numbers: Vec<u32> = (0..=difficulty.steps)
        .map(|_| rng.between(1, difficulty.largest))
        .collect();
    let mut pool = numbers.clone();
    let mut steps = Vec::new();
    while pool.len() > 1 {
        let mut draw = || {
            let at = rng.below(pool.len() as u64);
            pool.swap_remove(at as usize)
        };
        let (a, b) = (draw(), draw());
        // The larger operand first: one way to write a step is easier to learn than two.
        let (left, right) = (a.max(b), a.min(b));
        let feasible: Vec<_> = Op::ALL
            .into_iter()
            .filter_map(|op| Step::of(left, op, right))
            .filter(|step| (1..=MAX_VALUE).contains(&step.result))
            .filter(|step| !(step.op == Op::Mul && step.right == 1))
            .collect();
        let &step = rng.choose(&feasible)?;
        pool.push(step.result);
        steps.push(step);
    }
    let target = steps.last()?.result;
    Some((Puzzle { numbers, target }, steps))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "3,7,12>16:";

    fn correct(response: &str) -> bool {
        Countdown.check(PROMPT, "16", response)
    }

    #[test]
    fn any_derivation_that_works_is_correct() {
        assert!(correct("12-3=9;9+7=16;#16"));
        assert!(correct("7+12=19;19-3=16;#16"));
        assert!(correct("12+7=19;19-3=16;# 16 "));
    }

    #[test]
    fn a_derivation_that_breaks_a_rule_is_wrong() {
        for response in [
            "12-3=9;9+8=17;#16",          // an 8 that is not there, a wrong end
            "12-3=8;8+8=16;#16",          // wrong arithmetic
            "12+3=15;15+1=16;#16",        // a number that is not there
            "12+7=19;#19",                // unused number
            "12+7=19;#16",                // answer without a derivation
            "12-3=9;9+7=16;16+0=16;#16",  // a zero that is not there
            "12-3=9;9+7=16;#15",          // another answer
            "12-3=9;12+7=19;19-3=16;#16", // a number used twice
            "3-12=9;9+7=16;#16",          // negative
            "#16",
            "12-3=9;9+7=16;",
            "12-3=9;9+7=16;#16#16",
            "12-3=9;9+7=16#16",
            "12-3=9;;9+7=16;#16",
            "12-3=9; 9+7=16;#16",
            "",
        ] {
            assert!(!correct(response), "{response:?}");
        }
    }

    #[test]
    fn gold_and_prompt_must_agree() {
        assert!(!Countdown.check(PROMPT, "17", "12-3=9;9+7=16;#16"));
        assert!(!Countdown.check("3,7,12", "16", "12-3=9;9+7=16;#16"));
    }

    #[test]
    fn equal_numbers_are_as_many_as_are_given() {
        assert!(Countdown.check("5,5,2>20:", "20", "5+5=10;10*2=20;#20"));
        assert!(!Countdown.check("5,4,2>20:", "20", "5+5=10;10*2=20;#20"));
    }

    #[test]
    fn derivations_that_differ_in_order_share_a_key() {
        let key = |response| Countdown.extract(response);
        assert!(key("2+3=5;4*1=4;5+4=9;#9").is_some());
        assert_eq!(key("2+3=5;4*1=4;5+4=9;#9"), key("1*4=4;3+2=5;4+5=9;#9"));
        assert_ne!(key("12-3=9;9+7=16;#16"), key("7+12=19;19-3=16;#16"));
        assert_eq!(key("12-3=9;9+7=16"), None);
        assert_eq!(key("so #16"), None);
    }

    #[test]
    fn the_order_of_the_numbers_does_not_matter_to_the_split() {
        assert_eq!(
            Countdown.canonical("12,3,7>16:"),
            Countdown.canonical(PROMPT)
        );
        assert_ne!(
            Countdown.canonical("12,3,7>15:"),
            Countdown.canonical(PROMPT)
        );
    }
}
