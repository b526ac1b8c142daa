//! Rigorous evaluation of an expression at a point.
//!
//! [`evaluate`] gives a [`Ball`]: a midpoint and a radius that bounds the distance to the exact
//! value, round-off and propagation included. Two expressions whose balls do not overlap at some
//! point are different; balls that overlap prove nothing, except where both are exact.
//!
//! Nothing here panics or runs on: each operation is paid from a [`Budget`], sizes are bounded
//! before anything is computed, and the recursion has a depth.
//!
//! | file | what |
//! |---|---|
//! | `mag` | radii: upper and lower bounds with a large exponent |
//! | `float` | midpoints: binary floating point with explicit errors |
//! | `kernel` | exp, ln, sin, cos, atan in fixed point |
//! | `real` | real numbers, exact or a ball: arithmetic |
//! | `elementary` | real functions |
//! | `ball` | complex numbers: arithmetic |
//! | `functions` | complex functions, domains, branch cuts |
//! | `discrete` | functions of integers, rounding, order |
//! | `eval` | the tree |
//! | `walk` | variables and features of a tree |

mod ball;
mod discrete;
mod elementary;
mod eval;
mod float;
mod functions;
mod kernel;
mod mag;
mod real;
mod walk;

pub use ball::Ball;
pub use real::Real;
pub use walk::{Features, features, variables};

use crate::ast::Expr;
use crate::limits::{Budget, Exhausted};
use dashu_ratio::RBig;
use std::collections::HashMap;

/// Why an expression has no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumericError {
    /// Outside the domain: the logarithm of zero, a division by a ball that contains zero, a
    /// tangent at a pole, a root of a negative in the real domain. Also where the precision does
    /// not tell whether it is: a floor at an integer, a ball across a branch cut.
    #[error("undefined, or not known to be defined, at this point")]
    Undefined,
    /// A magnitude beyond what is evaluated, exponents of about `±2^20` bits.
    #[error("too large or too small to evaluate")]
    OutOfRange,
    /// The step budget is used up, or the tree is too deep.
    #[error(transparent)]
    Budget(#[from] Exhausted),
    /// The node is no number (a set, a relation, text …), or a function or argument that is not
    /// evaluated.
    #[error("no number: {0}")]
    NotANumber(&'static str),
}

/// Which branches multivalued functions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Roots, logarithms, non-integer powers and inverse functions outside their real domain are
    /// undefined; odd roots of negatives are the real ones; all variables are real.
    Real,
    /// Principal branches everywhere.
    Complex,
}

/// Values of variables.
#[derive(Clone, Debug, Default)]
pub struct Point<'a> {
    values: HashMap<&'a str, (RBig, RBig)>,
}

impl<'a> Point<'a> {
    /// No variable has a value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a variable an exact complex value, real part and imaginary part.
    pub fn set(&mut self, name: &'a str, re: RBig, im: RBig) {
        self.values.insert(name, (re, im));
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&(RBig, RBig)> {
        self.values.get(name)
    }
}

impl<'a> FromIterator<(&'a str, (RBig, RBig))> for Point<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, (RBig, RBig))>>(values: T) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

/// Evaluates `expr` at `point` with about `precision` significant bits (taken as at least 16 and
/// at most 16384). The same arguments give the same ball on every machine.
///
/// # Errors
///
/// See [`NumericError`]. A variable without a value is [`NumericError::NotANumber`].
pub fn evaluate(
    expr: &Expr,
    point: &Point,
    domain: Domain,
    precision: usize,
    budget: &mut Budget,
) -> Result<Ball, NumericError> {
    // A few digits beyond the request absorb the round-off of an ordinary expression.
    let bits = precision.clamp(16, kernel::MAX_BITS) + 10;
    eval::run(
        expr,
        point,
        real::Work {
            bits,
            domain,
            budget,
        },
    )
}
