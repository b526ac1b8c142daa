//! Keys of a low-rank adapter.

use laser_model::{Lora, Projection};
use serde::{Deserialize, Serialize};

/// LoRA: the weights are frozen, and low-rank updates of some matrices are trained instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraSettings {
    /// Rank of the updates; 0 trains all weights instead.
    pub rank: usize,
    /// The update is scaled by `alpha / rank`.
    pub alpha: f64,
    /// Scales it by `alpha / √rank` instead (rsLoRA).
    pub rank_stabilised: bool,
    /// The adapted matrices of every block, by their names in checkpoints.
    pub targets: Vec<Projection>,
    /// Whether the output row of z_c is trained as well.
    pub train_token: bool,
}

impl LoraSettings {
    /// The adapter; `token` is z_c.
    pub(crate) fn adapter(&self, token: Option<u32>) -> Option<Lora> {
        (self.rank > 0).then(|| Lora {
            rank: self.rank,
            alpha: self.alpha,
            rank_stabilised: self.rank_stabilised,
            targets: self.targets.clone(),
            token: token.filter(|_| self.train_token),
        })
    }
}

impl Default for LoraSettings {
    fn default() -> Self {
        LoraSettings {
            rank: 0,
            alpha: 32.0,
            rank_stabilised: false,
            targets: Projection::ALL.to_vec(),
            train_token: false,
        }
    }
}
