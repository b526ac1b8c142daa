//! Extracts the final answer of a response and decides whether it equals the gold answer.
//!
//! | file | what it does |
//! |---|---|
//! | [`extract`] | text → the final answer inside it |
//! | [`number`] | text → an exact number |
//! | [`compare`](mod@compare) | two answers → equal, different, or why it cannot be told |
//!
//! Nothing here uses floating point: `0.1` is one tenth, and a number of a thousand digits
//! differs from its neighbour. Everything is linear in the length of its input, and inputs of
//! more than [`MAX_BYTES`] are refused, so that a hostile response cannot stall a training step.

pub mod compare;
pub mod extract;
pub mod number;

pub use compare::{MAX_BYTES, Side, Undecided, Verdict, compare, verify};
pub use extract::{GSM8K_MARKER, extract_after, extract_boxed};
pub use number::{Number, NumberError};
