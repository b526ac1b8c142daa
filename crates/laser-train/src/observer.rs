//! How a run reports to whoever started it.

use laser_rl::Evaluation;
use serde_json::{Map, Value};

use crate::evaluate::SampleRow;
use crate::smells::Warning;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Supervised warm start.
    WarmStart,
    /// Test of the base model.
    TestBase,
    /// Reinforcement learning.
    Train,
    /// Test of the final model.
    TestFinal,
}

/// Follows a run. Every method does nothing by default.
pub trait Observer {
    /// A phase of `total` steps begins, `done` of which are done.
    fn begin(&mut self, _phase: Phase, _done: u64, _total: u64) {}
    /// A step is complete; `metrics` is its line of `metrics.jsonl`.
    fn step(&mut self, _phase: Phase, _metrics: &Map<String, Value>) {}
    /// The step's metrics show a bad sign.
    fn warning(&mut self, _step: u64, _warning: &Warning) {}
    /// A step whose responses are to be shown (`save.table_every`) is complete; `rows` are all of
    /// them, problem by problem.
    fn responses(&mut self, _step: u64, _rows: &[SampleRow]) {}
    /// A test is complete.
    fn tested(&mut self, _step: u64, _metrics: &Evaluation) {}
    /// The phase is complete.
    fn end(&mut self, _phase: Phase) {}
    /// Something the user should know.
    fn note(&mut self, _text: &str) {}
}

/// Follows nothing.
pub struct Silent;

impl Observer for Silent {}
