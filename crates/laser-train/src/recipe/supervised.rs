//! What kind of training a recipe is, and the keys of imitation.

use laser_rl::SupervisedLoss;
use serde::{Deserialize, Serialize};

/// How the model learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From rewards of its own responses.
    #[default]
    Reinforce,
    /// By imitating written responses (SFT).
    Supervised,
}

/// Imitation: a loss on the tokens of written responses, their end token included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Supervised {
    /// Times that training goes through the problems of `data.train`; they set `steps`, whatever
    /// that says. 0 takes `steps` as it is.
    pub epochs: f64,
    /// Responses in a step.
    pub batch_size: usize,
    /// log π(z_c) after a response that training aims at, in nats, so that it can be c_ref.
    pub self_reward_logp: f32,
    /// Weight of `(log π(z_c) − self_reward_logp)²` beside the cross entropy; 0 leaves z_c alone.
    pub self_reward_weight: f64,
    /// What is minimised. The cross entropy is not written out, so that a run is known again that
    /// was begun before there was another loss.
    #[serde(skip_serializing_if = "SupervisedLoss::is_cross_entropy")]
    pub loss: SupervisedLoss,
}

impl Supervised {
    /// The steps that go through `problems` problems as often as `epochs` says, at least one.
    pub(crate) fn steps(&self, problems: usize) -> u64 {
        let responses = self.epochs * problems as f64;
        (responses / self.batch_size as f64).ceil().max(1.0) as u64
    }
}

impl Default for Supervised {
    fn default() -> Self {
        Supervised {
            epochs: 0.0,
            batch_size: 32,
            self_reward_logp: -15.0,
            self_reward_weight: 0.0,
            loss: SupervisedLoss::CrossEntropy,
        }
    }
}
