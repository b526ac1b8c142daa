//! From the rewards of a step to other rewards, before they become advantages.
//!
//! A shaping sees all groups of the step: what one group's rewards become may depend on how the
//! others fared. Shapings of a recipe are applied in their order.

mod endogenous;
mod grpo_lambda;
mod self_aligned;
mod win_rate;

use serde::{Deserialize, Serialize};

pub use endogenous::Endogenous;
pub use grpo_lambda::GrpoLambda;
pub use self_aligned::{SelfAligned, self_aligned_reward};
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
    /// How much the question explains the response.
    SelfAligned(SelfAligned),
    /// How likely the frozen base model finds the response.
    Endogenous(Endogenous),
}

/// Passes of a model over given responses beside the one that sampled them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// The frozen base model on the same prompt.
    pub reference: bool,
    /// The policy on the prompt with an empty question.
    pub blank: bool,
    /// The guide model on the same prompt.
    pub guide: bool,
    /// The policy as it was at the start of the step before.
    pub previous: bool,
}

impl Passes {
    /// What either of two needs.
    pub fn or(self, other: Passes) -> Passes {
        Passes {
            reference: self.reference || other.reference,
            blank: self.blank || other.blank,
            guide: self.guide || other.guide,
            previous: self.previous || other.previous,
        }
    }
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
            Shaping::WinRate(m) => each(groups, rewards, |g, r| m.apply(g, r)),
            Shaping::SelfAligned(m) => each(groups, rewards, |g, r| m.apply(g, r)),
            Shaping::Endogenous(m) => each(groups, rewards, |g, r| m.apply(g, r)),
        }
    }

    /// The passes that it reads.
    pub fn passes(&self) -> Passes {
        Passes {
            reference: matches!(self, Shaping::Endogenous(_)),
            blank: matches!(self, Shaping::SelfAligned(_)),
            ..Passes::default()
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
            Shaping::SelfAligned(method) => method.validate(),
            Shaping::Endogenous(method) => method.validate(),
        }
    }
}

/// Group by group, for what does not look beyond one.
fn each(
    groups: &[&[ResponseView]],
    rewards: &mut [Vec<f32>],
    apply: impl Fn(&[ResponseView], &mut [f32]),
) {
    for (group, rewards) in groups.iter().zip(rewards) {
        apply(group, rewards);
    }
}

#[cfg(test)]
mod tests;
