//! The training loop.
//!
//! - [`tasks`]: built-in problems with exact labels.
//! - [`Recipe`]: what a run does, read from TOML and checked before anything starts.
//! - [`Run`]: a run in its folder: warm start, reinforcement learning, evaluation, resume.
//! - [`Observer`]: how a run reports to whoever started it.

mod best;
mod calibrate;
mod demo;
mod error;
mod evaluate;
mod files;
mod folder;
mod label;
mod observer;
mod optimizer;
mod plan;
mod recipe;
mod replay;
mod rl;
mod run;
mod save;
mod snapshot;
pub mod tasks;
mod trainer;
mod warm_start;

pub use error::TrainError;
pub use evaluate::{EvalResult, SampleRow, evaluate};
pub use files::{append_line, create_folder, write_atomically};
pub use observer::{Observer, Phase, Silent};
pub use optimizer::Moments;
pub use plan::Plan;
pub use recipe::{
    BUILT_IN, CRef, Evaluation, LearningRate, LossKind, Measure, Model, Optimizer, Policy, Recipe,
    Rollout, Save, Schedule, SelfRewarding, WarmStart, built_in,
};
pub use replay::{Replay, replay};
pub use run::{Outcome, Run, RunOptions};
pub use save::Checkpoint;
