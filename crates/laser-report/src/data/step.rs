//! A line of `metrics.jsonl` or `evals.jsonl`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Metrics;
use super::lenient::{number, or_default};

/// A bad sign, in plain words.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Warning {
    /// What it is, why it is bad, and what to try.
    pub text: String,
}

macro_rules! step {
    ($($(#[$doc:meta])* $field:ident = $key:literal,)*) => {
        /// One training step; a metric that was not measured is `None`.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub struct Step {
            /// From 1; a line without it follows the line before.
            pub step: Option<u64>,
            /// `"sft"` for the supervised warm start.
            pub phase: Option<String>,
            /// Wall time by phase, seconds.
            #[serde(deserialize_with = "or_default")]
            pub seconds: BTreeMap<String, Value>,
            /// Bad signs that were told at this step.
            #[serde(deserialize_with = "or_default")]
            pub warnings: Vec<Warning>,
            /// Why the step was skipped, if it was.
            #[serde(rename = "optim/skipped_because")]
            pub skipped_because: Option<String>,
            $($(#[$doc])* #[serde(rename = $key, deserialize_with = "number")] pub $field: Option<f64>,)*
        }
    };
}

step! {
    /// Mean of the reward the policy is trained on.
    reward_mean = "reward/mean",
    /// Mean of the verifier's 0-or-1 reward.
    reward_verifier = "reward/verifier",
    self_reward_f1 = "self_reward/f1",
    self_reward_tpr = "self_reward/tpr",
    self_reward_tnr = "self_reward/tnr",
    self_reward_auroc = "self_reward/auroc",
    /// log p(z_c) after responses that are right, nats.
    logp_correct = "self_reward/logp_correct",
    /// log p(z_c) after responses that are wrong, nats.
    logp_incorrect = "self_reward/logp_incorrect",
    clip_fraction = "policy/clip_fraction",
    /// Nats per token.
    entropy = "policy/entropy",
    /// Nats per token.
    kl = "policy/kl",
    grad_norm = "optim/grad_norm",
    learning_rate = "optim/lr",
    /// Tokens.
    length_mean = "rollout/length_mean",
    /// Share of responses that ran into the length limit.
    truncated = "rollout/truncated",
    /// Nats per token.
    sft_loss = "sft/loss",
    /// log p(z_c) after a written response, nats, where it is prepared.
    sft_self_logp = "sft/self_logp",
    sft_accuracy = "sft/accuracy",
}

impl Step {
    pub(super) fn is_warm_start(&self) -> bool {
        self.phase.as_deref() == Some("sft")
    }

    /// The step's number; 0 only before the lines were numbered.
    pub fn number(&self) -> f64 {
        self.step.unwrap_or(0) as f64
    }

    /// Seconds of one phase.
    pub fn seconds_of(&self, phase: &str) -> Option<f64> {
        let seconds = self.seconds.get(phase)?.as_f64()?;
        (0.0..=1e9).contains(&seconds).then_some(seconds)
    }
}

/// Numbers the lines that carry no step: one more than the line before in the same phase.
pub(super) fn number_steps(steps: &mut [Step]) {
    let mut last = [0_u64; 2];
    for step in steps {
        let last = &mut last[usize::from(step.is_warm_start())];
        *last = step.step.unwrap_or(last.saturating_add(1));
        step.step = Some(*last);
    }
}

/// An evaluation on held-out problems during training.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub step: u64,
    pub metrics: Metrics,
}

impl<'de> Deserialize<'de> for Evaluation {
    // Not `flatten`: it buffers the object, and the buffer has no integer keys ("8" in `pass_at`).
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        #[derive(Deserialize)]
        struct At {
            step: u64,
        }
        let value = Value::deserialize(deserializer)?;
        let At { step } = At::deserialize(&value).map_err(D::Error::custom)?;
        let metrics = serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(Evaluation { step, metrics })
    }
}
