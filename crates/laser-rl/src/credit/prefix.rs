//! PPPO: only the first tokens of a response learn (Sun et al., AAAI 2026, arXiv 2512.15274).

use serde::{Deserialize, Serialize};

use crate::ResponseView;

/// With P_i the tokens of the [prefix](crate::PrefixSchedule) of response i,
///
/// ```text
/// Â[i, t] = Â_i for t ≤ P_i, else 0,     t = 1 .. T_i
/// ```
///
/// so that the surrogate has no gradient at a token after the prefix. A credit that comes later in
/// the recipe's list may give such tokens an advantage again.
///
/// Whether the method divides by all tokens is known from a secondary source alone; to divide by
/// those left makes the step larger by about 1/η.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrefixOnly {
    /// The tokens that the policy loss is a mean of.
    pub denominator: Denominator,
}

/// Tokens that count in the denominator of the policy loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denominator {
    /// All tokens, those without an advantage too.
    #[default]
    All,
    /// Those of the prefixes.
    Kept,
}

impl PrefixOnly {
    pub(super) fn apply(&self, group: &[ResponseView], tokens: &mut [Vec<f32>]) {
        for (response, row) in group.iter().zip(tokens) {
            for a in row.iter_mut().skip(response.prefix) {
                *a = 0.0;
            }
        }
    }
}
