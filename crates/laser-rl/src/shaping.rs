//! From the rewards of a step to other rewards, before they become advantages.
//!
//! A shaping sees all groups of the step: what one group's rewards become may depend on how the
//! others fared. Shapings of a recipe are applied in their order.

mod grpo_lambda;
mod win_rate;

use serde::{Deserialize, Serialize};

pub use grpo_lambda::GrpoLambda;
pub use win_rate::{Compared, WinRate};

use crate::ResponseView;

/// A shaping of rewards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shaping {
    /// Brevity where the model is right anyway.
    GrpoLambda(GrpoLambda),
    /// How often a response beats its siblings.
    WinRate(WinRate),
}

/// A setting that a method cannot work with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key} = {value} {problem}")]
pub struct MethodError {
    /// The setting, from the method's name on.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Shaping {
    /// Changes `rewards`, one list per group in the shape of `groups`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn apply(&self, groups: &[&[ResponseView]], rewards: &mut [Vec<f32>]) {
        assert_eq!(groups.len(), rewards.len(), "rewards of another shape");
        for (group, rewards) in groups.iter().zip(rewards.iter()) {
            assert_eq!(group.len(), rewards.len(), "rewards of another shape");
        }
        match self {
            Shaping::GrpoLambda(method) => method.apply(groups, rewards),
            Shaping::WinRate(method) => {
                for (group, rewards) in groups.iter().zip(rewards) {
                    method.apply(group, rewards);
                }
            }
        }
    }

    /// Whether it reads the self-rewarding scores.
    pub fn needs_scores(&self) -> bool {
        matches!(
            self,
            Shaping::WinRate(WinRate {
                of: Compared::SelfReward,
                ..
            })
        )
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        match self {
            Shaping::GrpoLambda(method) => method.validate(),
            Shaping::WinRate(method) => method.validate(),
        }
    }
}

#[cfg(test)]
mod tests;
