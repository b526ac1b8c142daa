//! A chain of operations that is worked out from left to right, as on a pocket calculator:
//! `17+5*3-6` is ((17+5)*3)-6. The tasks [`arithmetic`](super::arithmetic) and
//! [`peak`](super::peak) ask different questions about it.
//!
//! Every value of a generated chain is in `0..=99`.

use std::borrow::Cow;

use laser_verify::verify;

use super::step::{Op, Step};
use super::{ANSWER_MARK, Difficulty, Limits, MaxChars, Problem, at_answer_mark, plain_number};
use laser_rng::Rng;

/// The largest value that a generated chain takes.
const MAX_VALUE: u32 = 99;

/// A start value and the operations applied to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    start: u32,
    operations: Vec<(Op, u32)>,
}

impl Chain {
    /// Reads `17+5*3-6`; `None` when it is anything else or has no operation.
    pub fn parse(text: &str) -> Option<Self> {
        let is_operator = |symbol| Op::from_symbol(symbol).is_some();
        let first = text.find(is_operator)?;
        let start = plain_number(&text[..first])?;
        let mut operations = Vec::new();
        let mut rest = &text[first..];
        while let Some(op) = rest.chars().next().and_then(Op::from_symbol) {
            let operand = &rest[1..];
            let end = operand.find(is_operator).unwrap_or(operand.len());
            operations.push((op, plain_number(&operand[..end])?));
            rest = &operand[end..];
        }
        Some(Self { start, operations })
    }

    /// The chain as a prompt writes it.
    pub fn expression(&self) -> String {
        let mut text = self.start.to_string();
        for (op, operand) in &self.operations {
            text.push(op.symbol());
            text.push_str(&operand.to_string());
        }
        text
    }

    /// The steps that work the chain out; `None` when a value is negative or exceeds 32 bits.
    pub fn steps(&self) -> Option<Vec<Step>> {
        let mut value = self.start;
        self.operations
            .iter()
            .map(|&(op, operand)| {
                let step = Step::of(value, op, operand)?;
                value = step.result;
                Some(step)
            })
            .collect()
    }

    /// The chain with its first two numbers in the other order, where that is another chain with
    /// the same values after every operation.
    pub fn swapped(&self) -> Option<Self> {
        let &(op, operand) = self.operations.first()?;
        if op == Op::Sub || operand == self.start {
            return None;
        }
        let mut other = self.clone();
        (other.start, other.operations[0].1) = (operand, self.start);
        Some(other)
    }

    /// A form shared by chains that differ only in the order of neighbouring additions and
    /// subtractions, or of neighbouring multiplications: `5+3-1*2` and `3-1+5*2`.
    ///
    /// Chains under different questions share it too, so that no chain is trained on in one task
    /// and tested in another.
    pub fn canonical(&self) -> String {
        let is_product = |op: Op| op == Op::Mul;
        // The start value counts as the first member of the first run.
        let starts_as = match self.operations.first() {
            Some((Op::Mul, _)) => Op::Mul,
            _ => Op::Add,
        };
        let mut members = vec![(starts_as, self.start)];
        members.extend(&self.operations);
        let mut text = String::new();
        for run in members.chunk_by_mut(|a, b| is_product(a.0) == is_product(b.0)) {
            run.sort_unstable();
            for (op, operand) in run {
                text.push(op.symbol());
                text.push_str(&operand.to_string());
            }
        }
        text
    }
}

/// What the chain tasks can generate: 1 to 8 operations on numbers up to 9 to 99.
pub(super) fn limits() -> Limits {
    Limits {
        steps: 1..=8,
        largest: 9..=MAX_VALUE,
    }
}

/// `99` and `+99` per operation and the question; `99+99=99;` per operation and `#99`.
pub(super) fn max_chars(steps: u32) -> MaxChars {
    let steps = steps as usize;
    MaxChars {
        prompt: 3 * steps + 3,
        solution: 9 * steps + 3,
        answer: 2,
    }
}

/// A random chain with `difficulty.steps` operations. The operation is uniform among those that
/// keep the value in `0..=99` (`+` also needs room for half of its operands), then the operand
/// uniform among those that do: `1..=largest` for `+` and `-`, `2..=9` for `*`.
pub(super) fn random(rng: &mut Rng, difficulty: Difficulty) -> Option<Chain> {
    let start = rng.between(1, difficulty.largest);
    let mut value = start;
    let mut operations = Vec::new();
    for _ in 0..difficulty.steps {
        let room = MAX_VALUE.saturating_sub(value);
        let choices = Op::ALL.map(|op| {
            let (low, high) = match op {
                // Not where little room is left: chains would end up at 99, a guess that pays.
                Op::Add if 2 * room < difficulty.largest => (1, 0),
                Op::Add => (1, difficulty.largest.min(room)),
                Op::Sub => (1, difficulty.largest.min(value)),
                Op::Mul => (2, 9.min(MAX_VALUE.checked_div(value).unwrap_or(0))),
            };
            (op, low, high)
        });
        let feasible: Vec<_> = choices
            .into_iter()
            .filter(|(_, low, high)| low <= high)
            .collect();
        let &(op, low, high) = rng.choose(&feasible)?;
        let operand = rng.between(low, high);
        value = op.apply(value, operand)?;
        operations.push((op, operand));
    }
    Some(Chain { start, operations })
}

/// The written-out solution.
pub(super) fn solution(steps: &[Step], answer: u32) -> String {
    let mut text: String = steps.iter().map(|step| format!("{step};")).collect();
    text.push(ANSWER_MARK);
    text.push_str(&answer.to_string());
    text
}

/// The problem with its first two numbers in the other order; itself where the first operation is
/// a subtraction, where the numbers are equal, and where `answer` would be another.
pub(super) fn paraphrase(
    problem: &Problem,
    question: char,
    answer: impl Fn(&[Step]) -> Option<u32>,
) -> Problem {
    let other = || {
        let chain = Chain::parse(problem.prompt.strip_suffix(question)?)?.swapped()?;
        let steps = chain.steps()?;
        let answer = answer(&steps).filter(|a| a.to_string() == problem.gold)?;
        Some(Problem {
            prompt: format!("{}{question}", chain.expression()),
            solution: solution(&steps, answer),
            ..problem.clone()
        })
    };
    other().unwrap_or_else(|| problem.clone())
}

/// The number after the only `#`. It must be written plainly (no sign, no leading zero), so that
/// equal answers are equal keys.
pub(super) fn extract(response: &str) -> Option<Cow<'_, str>> {
    let (_, answer) = at_answer_mark(response)?;
    let answer = answer.trim();
    plain_number(answer)?;
    Some(Cow::Borrowed(answer))
}

/// Whether the final answer is `gold`. The steps are not looked at: a reward for the outcome alone.
pub(super) fn check(gold: &str, response: &str) -> bool {
    extract(response).is_some_and(|answer| verify(gold, &answer).verdict.is_equal())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        Chain::parse(text).map(|chain| chain.canonical())
    }

    #[test]
    fn a_chain_is_worked_out_from_left_to_right() {
        let steps = Chain::parse("17+5*3-6").and_then(|chain| chain.steps());
        let text = steps.map(|steps| solution(&steps, 60));
        assert_eq!(text.as_deref(), Some("17+5=22;22*3=66;66-6=60;#60"));
        assert_eq!(Chain::parse("1-2").and_then(|chain| chain.steps()), None);
    }

    #[test]
    fn other_texts_are_not_chains() {
        for text in [
            "", "5", "5+", "+5", "5++3", "5+3=", "5/3", "05+3", "5+3 ", "é+1",
        ] {
            assert_eq!(Chain::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn reordered_neighbours_have_one_canonical_form() {
        assert_eq!(canonical("5+3-1*2"), canonical("3-1+5*2"));
        assert_eq!(canonical("2*3+4"), canonical("3*2+4"));
        assert_eq!(canonical("9+1*2*3"), canonical("1+9*3*2"));
    }

    #[test]
    fn other_chains_have_other_canonical_forms() {
        assert_ne!(canonical("5+3*2"), canonical("5*2+3"));
        assert_ne!(canonical("5+3"), canonical("5-3"));
        assert_ne!(canonical("2+3*4+5"), canonical("2+5*4+3"));
        assert_ne!(canonical("1+12"), canonical("11+2"));
    }

    #[test]
    fn the_answer_is_the_plain_number_after_the_only_mark() {
        assert_eq!(extract("1+2=3;#3").as_deref(), Some("3"));
        assert_eq!(extract("# 3 ").as_deref(), Some("3"));
        for response in [
            "", "3", "#", "#3#3", "#3;#3", "#03", "#-3", "#3.0", "#6/2", "#3;",
        ] {
            assert_eq!(extract(response), None, "{response:?}");
        }
    }
}
