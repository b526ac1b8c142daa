//! Why there is no reward.

/// Why there is no reward. Each message names the part, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RewardError {
    /// The caller asked to stop.
    #[error("the wait for rewards was interrupted")]
    Cancelled,
    /// A program that cannot be started.
    #[error("reward part `{part}`: {program} cannot be started: {source}; {remedy}")]
    Start {
        /// The part.
        part: String,
        /// First word of the command.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A worker that failed more often than it may be started again.
    #[error("reward part `{part}`, worker {worker} of {workers}: {problem}{restarts}{stderr}")]
    Worker {
        /// The part.
        part: String,
        /// Counted from 1.
        worker: usize,
        /// How many there are.
        workers: usize,
        /// What it did, what was expected and what to do.
        problem: String,
        /// How often it had been started again, as a clause.
        restarts: String,
        /// The last lines of its standard error, on lines of their own.
        stderr: String,
    },
    /// An endpoint that gave no reward.
    #[error("reward part `{part}`, {url}: {problem}")]
    Endpoint {
        /// The part.
        part: String,
        /// The address.
        url: String,
        /// What it did, what was expected and what to do.
        problem: String,
    },
    /// A setting that cannot work.
    #[error("reward part `{part}`: {key}: {problem}")]
    Setting {
        /// The part.
        part: String,
        /// The key of the recipe.
        key: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl RewardError {
    /// Whether the user's settings are at fault, as opposed to what happened later.
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            RewardError::Setting { .. } | RewardError::Start { .. }
        )
    }
}
