//! From the rewards of a step to other rewards, before they become advantages.
//!
//! A shaping sees all groups of the step: what one group's rewards become may depend on how the
//! others fared. Shapings of a recipe are applied in their order.

mod co_reward;
mod endogenous;
mod grpo_lambda;
mod preference_as_reward;
mod self_aligned;
mod self_correction;
mod win_rate;

use serde::{Deserialize, Serialize};

pub use co_reward::{CoReward, majority};
pub use endogenous::Endogenous;
pub use grpo_lambda::GrpoLambda;
pub use preference_as_reward::PreferenceAsReward;
pub use self_aligned::{SelfAligned, self_aligned_reward};
pub use self_correction::{LossWeights, SelfCorrection};
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
    /// The chance of beating the frozen base model's own response.
    PreferenceAsReward(PreferenceAsReward),
    /// Whether it agrees with the vote on a paraphrase of its question.
    CoReward(CoReward),
    /// Whether a second attempt improves on the first.
    SelfCorrection(SelfCorrection),
}

/// What a step must find out beside its own responses: passes of a model over them, and other
/// responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// The frozen base model on the same prompt.
    pub reference: bool,
    /// The policy on the prompt with an empty question.
    pub blank: bool,
    /// Responses of the frozen base model to each problem, with their rewards.
    pub reference_rewards: usize,
    /// The policy's self-rewarding scores of those.
    pub reference_scores: bool,
    /// The policy before the step's first update: what each token does to the correct responses,
    /// from the last hidden states of a group.
    pub influence: bool,
    /// The same pass: how much a group's distributions differ at each position.
    pub divergence: bool,
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
            reference_rewards: self.reference_rewards.max(other.reference_rewards),
            reference_scores: self.reference_scores || other.reference_scores,
            influence: self.influence || other.influence,
            divergence: self.divergence || other.divergence,
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
            Shaping::PreferenceAsReward(m) => each(groups, rewards, |g, r| m.apply(g, r)),
            Shaping::CoReward(method) => method.apply(groups, rewards),
            Shaping::SelfCorrection(method) => method.apply(groups, rewards),
        }
    }

    /// The passes that it reads.
    pub fn passes(&self) -> Passes {
        Passes {
            reference: matches!(self, Shaping::Endogenous(_)),
            blank: matches!(self, Shaping::SelfAligned(_)),
            reference_rewards: match self {
                Shaping::PreferenceAsReward(m) => m.references,
                _ => 0,
            },
            reference_scores: matches!(self, Shaping::PreferenceAsReward(_)) && self.needs_scores(),
            ..Passes::default()
        }
    }

    /// Whether nothing is left of the rewards that it is given.
    pub fn replaces_reward(&self) -> bool {
        match self {
            Shaping::CoReward(m) => m.share == 1.0,
            Shaping::Endogenous(m) => m.keep == 0.0,
            Shaping::PreferenceAsReward(m) => m.of == Compared::SelfReward,
            _ => false,
        }
    }

    /// Whether it reads the self-rewarding scores.
    pub fn needs_scores(&self) -> bool {
        matches!(
            self,
            Shaping::WinRate(WinRate {
                of: Compared::SelfReward,
                ..
            }) | Shaping::PreferenceAsReward(PreferenceAsReward {
                of: Compared::SelfReward,
                ..
            })
        )
    }

    /// Whether it reads two views of each problem, as groups next to each other, and the numbers
    /// of the answers.
    pub fn needs_views(&self) -> bool {
        matches!(self, Shaping::CoReward(_))
    }

    /// Whether it reads first and second attempts, as groups next to each other.
    pub fn needs_attempts(&self) -> bool {
        matches!(self, Shaping::SelfCorrection(_))
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
            Shaping::PreferenceAsReward(method) => method.validate(),
            Shaping::CoReward(method) => method.validate(),
            Shaping::SelfCorrection(method) => method.validate(),
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
