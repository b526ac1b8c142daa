//! The guide: a further model that rates tokens, and what reads it.

use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::{Recipe, ReferenceKind};
use crate::TrainError;

/// A frozen model whose log-probabilities of the responses some methods read. It may have another
/// shape than the policy, but must have its vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuideModel {
    /// A model folder in the Hugging Face layout, such as a checkpoint of an earlier run, or a name
    /// on the hub; empty for none.
    pub path: String,
}

impl Recipe {
    pub(super) fn check_guide(&self, c: &Checker) -> Result<(), TrainError> {
        let (key, path) = ("guide.path", &self.guide.path);
        match (self.passes().guide, path.is_empty()) {
            (true, true) => {
                let problem = "preference.token_weight and policy.token_rewards read a guide model; name its folder, such as the last checkpoint of a run: laser train dpo leaves runs/dpo/checkpoints/step-200";
                c.fail(key, "\"\"".into(), problem)
            }
            (false, false) => {
                let problem = "nothing in this recipe reads a guide model; set it to \"\", or set preference.token_weight or policy.token_rewards";
                c.fail(key, format!("\"{path}\""), problem)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_token_rewards(&self, c: &Checker) -> Result<(), TrainError> {
        for reward in &self.policy.token_rewards {
            if let Err(e) = reward.validate() {
                let key = format!("policy.token_rewards.{}", e.key);
                return c.fail(&key, e.value.to_string(), e.problem);
            }
            if reward.passes().reference && self.kl.reference != ReferenceKind::Base {
                let problem = "a reward of tokens is measured from the frozen base model, and one reference is kept; set kl.reference to \"base\"";
                return c.fail("kl.reference", "not \"base\"".into(), problem);
            }
        }
        Ok(())
    }
}
