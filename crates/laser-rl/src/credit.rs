//! From the advantage of a response to advantages of its tokens.
//!
//! A credit starts from what the advantage kind, and LaSeR's mix, gave the response, so it
//! composes with every one of them. Credits of a recipe are applied in their order.

mod prefix_tree;
mod tempo;

use serde::{Deserialize, Serialize};

pub use prefix_tree::prefix_values;
pub use tempo::{Tempo, TempoScale};

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
            Credit::NegativeOnly {} => {
                for a in tokens.iter_mut().flatten() {
                    *a = a.min(0.0);
                }
            }
        }
    }

    /// Whether it compares responses token by token, which needs one prompt for all of a group.
    pub fn compares_tokens(&self) -> bool {
        matches!(self, Credit::Tempo(_))
    }

    /// Whether it works with the advantages of a kind.
    pub fn suits(&self, kind: AdvantageKind) -> bool {
        match self {
            Credit::Tempo(_) => !kind.needs_batch(),
            Credit::NegativeOnly {} => true,
        }
    }
}

#[cfg(test)]
mod tests;
