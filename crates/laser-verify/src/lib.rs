//! Finds the final answer of a response and decides whether it is the same mathematics as the
//! gold answer.
//!
//! ```
//! use laser_verify::{Verdict, verify};
//!
//! let outcome = verify(r"\frac{\sqrt 3}{3}", r"… so the distance is $\boxed{1/\sqrt{3}}$.");
//! assert_eq!(outcome.verdict, Verdict::Equal);
//! assert_eq!(outcome.extracted.as_deref(), Some(r"1/\sqrt{3}"));
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`extract`] | response → the answer inside it |
//! | [`parse`] | answer, LaTeX or plain → expression |
//! | [`ast`] | the expression tree |
//! | [`compare`] | two expressions → equal or not |
//! | [`algebra`] | exact arithmetic of formulas |
//! | [`numeric`] | evaluation with error bounds |
//! | [`limits`] | how much work a check may cost |
//!
//! There are three outcomes, and "it cannot be said" is one of them with its reason. Nothing here
//! waits for a clock: budgets of bytes, depth, digits and steps bound the work, so a verdict is
//! the same on every machine and thread. What counts as equal is written in `docs/verifier.md`.

pub mod algebra;
pub mod ast;
pub mod compare;
pub mod extract;
mod groups;
pub mod limits;
pub mod numeric;
pub mod parse;
mod verify;

pub use compare::Rules;
pub use groups::Groups;
pub use limits::Limits;
pub use verify::{Gold, Outcome, Reason, Verdict, Verifier, verify};
