//! Keys of LaSeR.

use laser_rollout::SelfRewardPosition;
use serde::{Deserialize, Serialize};

/// LaSeR: the last-token self-reward r_s = β_v (log π(z_c) − c_ref).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfRewarding {
    /// z_c: an unused token of the vocabulary. Empty switches the self-reward off altogether.
    pub token: String,
    /// β_v.
    pub beta_v: f32,
    /// The constant: `"measure"` for the mean over on-policy responses of the base, or a number.
    pub c_ref: CRef,
    /// On-policy responses of the base model on which log π_ref(z_c) is measured.
    pub calibration_pairs: usize,
    /// Score of the untrained model: a measured c_ref is lowered by `initial_score / beta_v`. The
    /// paper's is 0, which calls every response wrong at first; at 0.5 training starts undecided
    /// and need not first move all scores up.
    pub initial_score: f32,
    /// Weight of the self-reward's loss beside the policy loss; 0 only measures, which is plain
    /// GRPO.
    pub alpha: f64,
    /// The self-reward's loss.
    pub loss: SelfRewardLoss,
    /// z_i, the token of wrong responses: `cross_entropy` only.
    pub incorrect_token: String,
    /// The distribution in which log π(z_c) is read.
    pub position: SelfRewardPosition,
    /// Whether right and wrong responses count equally in the MSE.
    pub class_weights: bool,
    /// Share of the self-reward's advantage.
    pub tau: f32,
    /// Groups whose clamped scores spread less than this keep the verifier's advantage.
    pub std_gate: f32,
    /// Steps before the MSE begins.
    pub reasoning_warmup: u64,
    /// Further steps before the advantage mix begins.
    pub mix_warmup: u64,
    /// Largest allowed π_ref(z_c) · e^(1/β_v), which is Z − 1 of the verification objective.
    pub max_partition_excess: f64,
    /// Go on although that bound is broken.
    pub allow_partition_excess: bool,
}

impl SelfRewarding {
    /// Whether the score has a part in training, or is only measured.
    pub(crate) fn trains(&self) -> bool {
        self.alpha > 0.0 || self.tau > 0.0
    }

    /// Whether the score is taken against the base model's log π_ref(z_c) of each response.
    pub(crate) fn per_response(&self) -> bool {
        self.c_ref == CRef::Measured(Measure::Reference) && self.loss == SelfRewardLoss::Mse
    }

    /// Whether it may turn out to be.
    pub(crate) fn may_be_per_response(&self) -> bool {
        self.per_response() || self.is_open() && self.loss == SelfRewardLoss::Mse
    }

    /// Whether what c_ref is depends on a measurement.
    pub(crate) fn is_open(&self) -> bool {
        self.c_ref == CRef::Measured(Measure::Auto)
    }
}

/// What trains log π(z_c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfRewardLoss {
    /// (r_s − r_v)², LaSeR's.
    #[default]
    Mse,
    /// −log π(z_c) of right responses and −log π(z_i) of wrong ones: the paper's ablation
    /// "SFT/BCE". The score is then π(z_c) itself.
    CrossEntropy,
}

/// The reference of the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CRef {
    /// A constant, in nats.
    Given(f32),
    /// From the base model.
    Measured(Measure),
}

/// How the base model gives the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The mean of log π_ref(z_c), measured once.
    Measure,
    /// The mean, unless log π_ref(z_c) varies so much that a constant would put a noise of more
    /// than 0.05 on the score; then the reference's own.
    Auto,
    /// log π_ref(z_c) of each response: one pass of the base model over every response (the paper's
    /// ablation "true reference").
    Reference,
}

impl Default for SelfRewarding {
    fn default() -> Self {
        SelfRewarding {
            token: crate::demo::SELF_REWARD.into(),
            beta_v: 0.2,
            c_ref: CRef::Measured(Measure::Measure),
            calibration_pairs: 512,
            initial_score: 0.5,
            alpha: 1.5,
            loss: SelfRewardLoss::Mse,
            incorrect_token: String::new(),
            position: SelfRewardPosition::AfterEos,
            class_weights: true,
            tau: 0.0,
            std_gate: 0.1,
            reasoning_warmup: 0,
            mix_warmup: 50,
            max_partition_excess: 1e-3,
            allow_partition_excess: false,
        }
    }
}
