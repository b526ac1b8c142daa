//! How much work a comparison may cost. Budgets of steps take the place of time-outs: the same
//! input gives the same verdict on every machine, thread and day.

/// Bounds on the work of one call. The defaults suit answers of language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest response that is searched for an answer, bytes.
    pub response_bytes: usize,
    /// Longest answer that is parsed, bytes.
    pub answer_bytes: usize,
    /// Deepest nesting of brackets, commands and exponents.
    pub depth: usize,
    /// Most nodes of an expression tree.
    pub nodes: usize,
    /// Largest exact integer, bits.
    pub bits: usize,
    /// Elementary operations (a term of a polynomial, a function at a point) of one comparison.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_bytes: 4 << 20,
            answer_bytes: 16 << 10,
            depth: 64,
            nodes: 4096,
            bits: 1 << 14,
            steps: 1 << 17,
        }
    }
}

/// The budget of [`Limits::steps`] is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the comparison needs more steps than its limit allows")]
pub struct Exhausted;

/// Steps that are left of [`Limits::steps`].
#[derive(Debug)]
pub struct Budget {
    remaining: u64,
}

impl Budget {
    pub fn new(steps: u64) -> Self {
        Self { remaining: steps }
    }

    /// How many steps are left.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Takes `steps` off.
    ///
    /// # Errors
    /// Fewer are left; none are taken then, and none will be given later either.
    pub fn spend(&mut self, steps: u64) -> Result<(), Exhausted> {
        match self.remaining.checked_sub(steps) {
            Some(left) => {
                self.remaining = left;
                Ok(())
            }
            None => {
                self.remaining = 0;
                Err(Exhausted)
            }
        }
    }
}
