//! The training loop.
//!
//! - [`tasks`]: built-in problems with exact labels.
//! - [`Recipe`]: what a run does, read from TOML and checked before anything starts.
//! - [`Run`]: a run in its folder: warm start, reinforcement learning, evaluation, resume.
//! - [`Learner`]: a model to write a loop of one's own around.
//! - [`LanguageModel`]: a model that answers and scores, without training.
//! - [`Observer`]: how a run reports to whoever started it.

mod beside;
mod best;
mod calibrate;
mod critic;
mod demo;
mod error;
mod evaluate;
mod export;
mod files;
mod folder;
mod gold;
mod guide;
mod hint;
mod imitate;
mod label;
mod learner;
mod log;
mod memory;
mod model;
mod model_files;
mod observer;
mod optimizer;
mod plan;
mod problems;
mod punctuation;
mod recipe;
mod reference;
mod replay;
mod reward;
mod rl;
mod run;
mod save;
mod self_judge;
mod smells;
mod snapshot;
pub mod tasks;
mod tensorboard;
mod trainer;
mod unknown_letters;

pub use error::TrainError;
pub use evaluate::{EvalResult, SampleRow, evaluate};
pub use export::{ExportOptions, Exported, export};
pub use files::{append_line, create_folder, write_atomically};
pub use learner::{Learner, Sampled, Terms};
pub use log::peak_memory;
pub use memory::{MemoryPlan, Share, available_memory};
pub use model::{
    Answer, BeamRow, BeamSettings, Candidate, Exchange, InputError, Judge, JudgeHow, Judgement,
    LanguageModel, MAX_PARTITION_EXCESS, MAX_SCORE_NOISE, Origin, Scored, SelfRewardToken, TestSet,
    TokenReference, best_candidate, check_writable,
};
pub use observer::{Observer, Phase, Silent};
pub use optimizer::Moments;
pub use plan::{ImitationPlan, Plan};
pub use recipe::{
    About, BUILT_IN, CRef, Critic, EntropyBonus, Evaluation, GuideModel, Kl, KlPlace, LearningRate,
    LikelihoodReward, LoraSettings, LossKind, METHODS, Measure, Method, Model, Optimizer, PartKind,
    Policy, PrefixSettings, ProductDtype, Recipe, ReferenceKind, RewardPart, Rollout, Save,
    Schedule, SelfRewardLoss, SelfRewarding, Supervised, WarmStart, built_in,
};
pub use reference::Coefficients;
pub use replay::{Replay, replay};
pub use run::{Outcome, Run, RunOptions};
pub use save::Checkpoint;
pub use smells::Warning;
