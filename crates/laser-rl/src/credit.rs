//! From the advantage of a response to advantages of its tokens.
//!
//! A credit starts from what the advantage kind, and LaSeR's mix, gave the response, so it
//! composes with every one of them. Credits of a recipe are applied in their order.

mod divergence;
mod hidden_reward;
mod prefix;
mod prefix_tree;
mod tempo;

use serde::{Deserialize, Serialize};

pub use divergence::{DivergenceWeight, position_divergence};
pub use hidden_reward::{
    HiddenReward, InfluenceThreshold, TokenStates, hidden_rewards, is_mixed, prediction_errors,
};
pub use prefix::{Denominator, PrefixOnly};
pub use prefix_tree::prefix_values;
pub use tempo::{Tempo, TempoScale};

use crate::shaping::{MethodError, Passes};
use crate::{AdvantageKind, ResponseView};

/// A way to distribute the advantage of a response over its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credit {
    /// What a token changes in the mean reward of the siblings that share its prefix is added.
    Tempo(Tempo),
    /// Only tokens with a negative advantage keep it: 1\[Â < 0\] · Â. The mask of GRPO-N in the
    /// study of the capability boundary of RLVR, known before as negative sample reinforcement.
    /// Whether its loss is divided by all tokens or by those left is unverified; here by all.
    NegativeOnly {},
    /// Only the first tokens of a response keep their advantage.
    Prefix(PrefixOnly),
    /// By what a token's update does to the correct responses.
    HiddenReward(HiddenReward),
    /// By how much the distributions of the group differ at its position.
    Divergence(DivergenceWeight),
}

impl Credit {
    /// Changes the advantages `tokens` of one group, a row per response in the lengths of its ids.
    /// `rewards` are those that the advantages of `kind` were made of.
    ///
    /// # Panics
    /// If the shapes differ, or if the credit does not [work with](Self::suits) `kind`.
    pub fn apply(
        &self,
        kind: AdvantageKind,
        group: &[ResponseView],
        rewards: &[f32],
        tokens: &mut [Vec<f32>],
    ) {
        assert_eq!(group.len(), rewards.len(), "rewards of another shape");
        assert_eq!(group.len(), tokens.len(), "advantages of another shape");
        for (response, row) in group.iter().zip(tokens.iter()) {
            assert_eq!(response.ids.len(), row.len(), "advantages of another shape");
        }
        match self {
            Credit::Tempo(tempo) => tempo.apply(kind, group, rewards, tokens),
            Credit::Prefix(prefix) => prefix.apply(group, tokens),
            Credit::NegativeOnly {} => {
                for a in tokens.iter_mut().flatten() {
                    *a = a.min(0.0);
                }
            }
            Credit::HiddenReward(method) => method.apply(group, tokens),
            Credit::Divergence(method) => method.apply(group, tokens),
        }
    }

    /// Whether it compares responses token by token, which needs one prompt for all of a group.
    pub fn compares_tokens(&self) -> bool {
        matches!(self, Credit::Tempo(_)) || self.compares()
    }

    /// Whether it works with the advantages of a kind.
    pub fn suits(&self, kind: AdvantageKind) -> bool {
        match self {
            Credit::Tempo(_) => !kind.needs_batch(),
            Credit::NegativeOnly {}
            | Credit::Prefix(_)
            | Credit::HiddenReward(_)
            | Credit::Divergence(_) => true,
        }
    }

    /// The passes that it reads.
    pub fn passes(&self) -> Passes {
        Passes {
            influence: matches!(self, Credit::HiddenReward(_)),
            divergence: matches!(self, Credit::Divergence(_)),
            ..Passes::default()
        }
    }

    /// Whether it compares the responses to a problem, so that there must be two.
    pub fn compares(&self) -> bool {
        matches!(self, Credit::HiddenReward(_) | Credit::Divergence(_))
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        match self {
            Credit::Tempo(_) | Credit::NegativeOnly {} | Credit::Prefix(_) => Ok(()),
            Credit::HiddenReward(method) => method.validate(),
            Credit::Divergence(method) => method.validate(),
        }
    }

    /// The tokens of a response that the policy loss is a mean of, where it is not all of them.
    pub fn carrying(&self, response: &ResponseView) -> Option<usize> {
        match self {
            Credit::Prefix(PrefixOnly {
                denominator: Denominator::Kept,
            }) => Some(response.prefix),
            _ => None,
        }
    }

    /// Whether it weighs tokens, which a loss whose ratio is the response's moves all alike.
    pub fn needs_token_ratio(&self) -> bool {
        matches!(self, Credit::Prefix(_)) || self.compares()
    }
}

#[cfg(test)]
mod tests;
