//! What can stop a run.

use std::path::{Path, PathBuf};

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A recipe that cannot be read, is not TOML, has an unknown key, or a value of the wrong type.
    #[error("{file}: {message}")]
    Syntax {
        /// The recipe.
        file: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A value that is out of range or does not go together with another.
    #[error("{place}: {key} = {value}: {problem}")]
    Value {
        /// File and line, or the flag that set it.
        place: String,
        /// The key, with its tables.
        key: String,
        /// The value as given.
        value: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file of a run folder that is not what it should be.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A model that cannot be exported as asked.
    #[error("{path}: {problem}")]
    Export {
        /// The model's folder, or the one to be made.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The numbers broke down.
    #[error("{phase} step {step}: {what}; {remedy}")]
    Diverged {
        /// Which part of the run.
        phase: &'static str,
        /// The step.
        step: u64,
        /// What was not finite.
        what: String,
        /// Where the last good weights are and what to change.
        remedy: String,
    },
    /// The condition under which the self-reward means something does not hold.
    #[error("{0}")]
    SelfReward(String),
    /// The run would not fit into the memory.
    #[error("{0}")]
    Memory(String),
    /// The user asked to stop; everything is saved.
    #[error(
        "interrupted in {phase} after step {step}; everything up to there is saved in {dir}. To go on: {command}"
    )]
    Interrupted {
        /// Which part of the run.
        phase: &'static str,
        /// Last complete step.
        step: u64,
        /// The run folder.
        dir: PathBuf,
        /// The command that continues.
        command: String,
    },
    /// The reward cannot be worked out.
    #[error(transparent)]
    Reward(#[from] laser_reward::RewardError),
    /// A step whose rewards did not come; the steps before it are saved.
    #[error(
        "training step {step} has no rewards; everything before it is saved in {dir}, and once the cause is gone this goes on: {command}\n{source}"
    )]
    NoRewards {
        /// The step.
        step: u64,
        /// The run folder.
        dir: PathBuf,
        /// The command that continues.
        command: String,
        /// Why.
        source: Box<laser_reward::RewardError>,
    },
    /// The time that the run may take is over; everything is saved.
    #[error(
        "the time budget of {minutes} minutes is used up in {phase} after step {step}; everything up to there is saved in {dir}. To go on: {command}"
    )]
    OutOfTime {
        /// `save.time_budget_minutes`.
        minutes: f64,
        /// Which part of the run.
        phase: &'static str,
        /// Last complete step.
        step: u64,
        /// The run folder.
        dir: PathBuf,
        /// The command that continues.
        command: String,
    },
    /// The checkpoint or the tokenizer.
    #[error(transparent)]
    Model(#[from] laser_model::ModelError),
    /// Ids that the model cannot read.
    #[error(transparent)]
    Input(#[from] crate::model::InputError),
    /// The sampler.
    #[error(transparent)]
    Rollout(#[from] laser_rollout::RolloutError),
    /// The hub.
    #[error(transparent)]
    Hub(#[from] laser_model::hub::HubError),
    /// The problems' files.
    #[error(transparent)]
    Data(#[from] laser_data::DataError),
    /// The tasks.
    #[error(transparent)]
    Task(#[from] crate::tasks::TaskError),
    /// The threads.
    #[error(transparent)]
    Backend(#[from] laser_kernels::BackendError),
}

impl TrainError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        TrainError::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        TrainError::File {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// Whether the user's input is at fault, as opposed to the run.
    pub fn is_bad_input(&self) -> bool {
        if let TrainError::Reward(error) = self {
            return error.is_bad_input();
        }
        if let TrainError::Model(error) = self {
            return !matches!(error, laser_model::ModelError::Io { .. });
        }
        matches!(
            self,
            TrainError::Syntax { .. }
                | TrainError::Value { .. }
                | TrainError::SelfReward(_)
                | TrainError::Memory(_)
                | TrainError::Data(_)
                | TrainError::Input(_)
                | TrainError::Hub(_)
                | TrainError::Task(_)
                | TrainError::Export { .. }
        )
    }
}
