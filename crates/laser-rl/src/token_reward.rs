//! Rewards of single tokens, beside the reward of the whole response.
//!
//! With a critic each token keeps its own, as it keeps its KL; without one their sum is a part of
//! the reward of the response. Token rewards of a recipe add up.

mod guide;

use serde::{Deserialize, Serialize};

pub use guide::GuideReward;

use crate::{MethodError, Passes, ResponseView};

/// A reward of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenReward {
    /// How much more a guide model likes the token than the base model does.
    Guide(GuideReward),
}

impl TokenReward {
    /// Adds it to `rewards`, one per token of the response.
    ///
    /// # Panics
    /// If `rewards`, or a row of a pass that it [reads](Self::passes), has another length.
    pub fn apply(&self, response: &ResponseView, rewards: &mut [f32]) {
        match self {
            TokenReward::Guide(method) => method.apply(response, rewards),
        }
    }

    /// The passes that it reads.
    pub fn passes(&self) -> Passes {
        match self {
            TokenReward::Guide(_) => Passes {
                reference: true,
                guide: true,
                ..Passes::default()
            },
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        match self {
            TokenReward::Guide(method) => method.validate(),
        }
    }
}

#[cfg(test)]
mod tests;
