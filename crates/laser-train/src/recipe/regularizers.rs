//! Keys of what holds the policy back: KL to a reference, an entropy bonus, a critic.

use laser_rl::KlKind;
use serde::{Deserialize, Serialize};

/// KL to a reference policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kl {
    /// β; 0 leaves the KL out.
    pub coefficient: f64,
    /// The estimator.
    pub kind: KlKind,
    /// What it is a part of.
    pub place: KlPlace,
    /// The policy it is held against.
    pub reference: ReferenceKind,
    /// Share of the old reference that `ema` keeps at a step.
    pub ema_decay: f64,
    /// Steps after which `sync` copies the policy.
    pub sync_every: u64,
    /// Mean KL per token to hold, nats: β is adapted to it. 0 leaves β as it is.
    pub target: f64,
    /// Responses over which an adapted β moves by at most a fifth.
    pub horizon: f64,
}

/// What the KL is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlace {
    /// β · KL is added to each token's loss (GRPO).
    #[default]
    Loss,
    /// β · KL is taken from the reward: from that of each token with a critic, else their sum from
    /// that of the response (PPO, REINFORCE++; verl's `use_kl_in_reward`).
    Reward,
}

/// The policy that KL is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// The base model, frozen.
    #[default]
    Base,
    /// A moving average of the policy.
    Ema,
    /// The policy as it was at the last multiple of `sync_every` steps.
    Sync,
}

/// A bonus for entropy: the loss has −coefficient · H for every token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntropyBonus {
    /// The coefficient, or where an adapted one begins; 0 without a target leaves the bonus out.
    pub coefficient: f64,
    /// Mean entropy per token to hold, nats: the coefficient is adapted to it. 0 leaves it.
    pub target: f64,
    /// By which an adapted coefficient moves at a step.
    pub step: f64,
    /// Upper end of an adapted coefficient.
    pub max: f64,
}

impl EntropyBonus {
    pub(crate) fn active(&self) -> bool {
        self.coefficient > 0.0 || self.target > 0.0
    }
}

/// PPO's critic: a value head on the policy's last hidden state. The advantages of a step are then
/// those of generalized advantage estimation, whitened over its tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Critic {
    /// Weight of the value loss; 0 leaves the critic out.
    pub coefficient: f64,
    /// γ, the discount per token.
    pub gamma: f32,
    /// λ: 0 trusts the critic alone, 1 the rewards alone.
    pub lambda: f32,
    /// A value may move by so much from its old one before its loss is clipped; 0 does not clip.
    pub clip: f32,
    /// Learning rate of the value head, as a multiple of the policy's.
    pub lr_scale: f32,
}

impl Default for Kl {
    fn default() -> Self {
        Kl {
            coefficient: 0.0,
            kind: KlKind::K3,
            place: KlPlace::Loss,
            reference: ReferenceKind::Base,
            ema_decay: 0.99,
            sync_every: 50,
            target: 0.0,
            horizon: 10_000.0,
        }
    }
}

impl Default for EntropyBonus {
    fn default() -> Self {
        EntropyBonus {
            coefficient: 0.0,
            target: 0.0,
            step: 1e-4,
            max: 0.01,
        }
    }
}

impl Default for Critic {
    fn default() -> Self {
        Critic {
            coefficient: 0.0,
            gamma: 1.0,
            lambda: 0.95,
            clip: 0.2,
            lr_scale: 1.0,
        }
    }
}
