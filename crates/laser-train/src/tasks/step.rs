//! One written step of a solution, `12-3=9`.

use std::fmt;

use super::plain_number;

/// An operation on two non-negative integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

impl Op {
    /// All operations.
    pub const ALL: [Self; 3] = [Self::Add, Self::Sub, Self::Mul];

    /// The character that writes it.
    pub fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Sub => '-',
            Self::Mul => '*',
        }
    }

    /// The operation that `symbol` writes.
    pub fn from_symbol(symbol: char) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.symbol() == symbol)
    }

    /// The result; `None` when it is negative or exceeds 32 bits.
    pub fn apply(self, left: u32, right: u32) -> Option<u32> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Sub => left.checked_sub(right),
            Self::Mul => left.checked_mul(right),
        }
    }
}

/// A step as it is written; its result may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// First operand.
    pub left: u32,
    /// Operation.
    pub op: Op,
    /// Second operand.
    pub right: u32,
    /// What the step claims to be the result.
    pub result: u32,
}

impl Step {
    /// The correct step on two operands; `None` when the result is negative or exceeds 32 bits.
    pub fn of(left: u32, op: Op, right: u32) -> Option<Self> {
        let result = op.apply(left, right)?;
        Some(Self {
            left,
            op,
            right,
            result,
        })
    }

    /// Reads `left op right = result`, without spaces; `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (operation, result) = text.split_once('=')?;
        let at = operation.find(|symbol| Op::from_symbol(symbol).is_some())?;
        // Every symbol is one byte long.
        let (left, rest) = operation.split_at(at);
        let op = Op::from_symbol(rest.chars().next()?)?;
        Some(Self {
            left: plain_number(left)?,
            op,
            right: plain_number(&rest[1..])?,
            result: plain_number(result)?,
        })
    }

    /// Whether the result is right.
    pub fn is_right(&self) -> bool {
        self.op.apply(self.left, self.right) == Some(self.result)
    }

    /// The same step with the larger operand first where the order does not matter.
    pub fn ordered(self) -> Self {
        if self.op != Op::Sub && self.left < self.right {
            let Self { left, right, .. } = self;
            return Self {
                left: right,
                right: left,
                ..self
            };
        }
        self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            left,
            op,
            right,
            result,
        } = self;
        write!(f, "{left}{}{right}={result}", op.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_it_is_written() {
        for text in ["12-3=9", "0+0=0", "99*9=891", "1-2=999999"] {
            assert_eq!(Step::parse(text).map(|s| s.to_string()), Some(text.into()));
        }
    }

    #[test]
    fn other_texts_are_not_steps() {
        for text in [
            "",
            "=",
            "1+2",
            "1+2=",
            "+2=2",
            "1+=1",
            "1+2=3=3",
            "1+2+3=6",
            "01+2=3",
            "1 +2=3",
            "1/1=1",
            "-1+2=1",
            "1+2=-3",
            "1234567+0=1",
            "é+1=2",
            "1é2=3",
        ] {
            assert_eq!(Step::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_right_results_are_right() {
        let right = |text| Step::parse(text).is_some_and(|step| step.is_right());
        assert!(right("12-3=9") && right("7*8=56") && right("0+5=5"));
        assert!(!right("12-3=8") && !right("3-12=9") && !right("999999*999999=1"));
    }
}
