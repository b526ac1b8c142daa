//! What learning from pairs needs of the rest of a recipe, and which keys have no part in it.

use laser_rl::{Aggregation, PairBy};

use super::check::Checker;
use super::{LossKind, Recipe, ReferenceKind};
use crate::TrainError;

impl Recipe {
    pub(super) fn check_preference(&self, c: &Checker) -> Result<(), TrainError> {
        let Some(preference) = &self.preference else {
            return Ok(());
        };
        if let Err(e) = preference.validate() {
            let key = format!("preference.{}", e.key);
            return c.fail(&key, e.value.to_string(), e.problem);
        }
        if self.is_supervised() {
            let problem = "learns from written responses, which make no pairs; set it to \"reinforce\", or leave the table preference out";
            return c.fail("method", "\"supervised\"".into(), problem);
        }
        if self.rollout.samples < 2 {
            let problem = "a pair is two responses to one problem: it must be at least 2";
            return c.fail("rollout.samples", self.rollout.samples.to_string(), problem);
        }
        if preference.consistency.is_some() && preference.pair != PairBy::Implicit {
            let problem = "compares how two iterates of the policy rank a group, and rewards are the same for both; set preference.pair = \"implicit\"";
            let value = format!("{:?}", preference.consistency);
            return c.fail("preference.consistency", value, problem);
        }
        if preference.pair == PairBy::Implicit && !self.policy.shaping.is_empty() {
            let problem = "changes rewards, which preference.pair = \"implicit\" does not read; set it to [], or take pair = \"reward\"";
            return c.fail("policy.shaping", "[…]".into(), problem);
        }
        if preference.passes().reference && self.kl.reference != ReferenceKind::Base {
            let problem = "pairs are measured from the frozen base model, and one reference is kept; set kl.reference to \"base\"";
            return c.fail("kl.reference", "not \"base\"".into(), problem);
        }
        self.check_without_advantages(c)
    }

    /// Refuses what would be read and ignored.
    fn check_without_advantages(&self, c: &Checker) -> Result<(), TrainError> {
        let p = &self.policy;
        let (kl, tau) = (self.kl.coefficient, self.self_reward.tau);
        let (critic, entropy) = (self.critic.coefficient, self.entropy.active());
        let unused = [
            (
                !p.credit.is_empty(),
                "policy.credit",
                "[…]".into(),
                "distributes advantages; set it to []",
            ),
            (
                p.loss != LossKind::PpoClip,
                "policy.loss",
                format!("{:?}", p.loss),
                "is a loss of advantages; leave it at \"ppo_clip\"",
            ),
            (
                p.aggregation != Aggregation::TokenMean,
                "policy.aggregation",
                format!("{:?}", p.aggregation),
                "divides a loss of tokens, and that of pairs is their mean; leave it at \"token_mean\"",
            ),
            (
                p.overlong_filter,
                "policy.overlong_filter",
                "true".into(),
                "leaves truncated responses out of a loss of tokens; set it to false, and policy.overlong_tokens if they are to be rejected",
            ),
            (
                p.importance.is_some(),
                "policy.importance",
                "{…}".into(),
                "weighs a loss of advantages; leave it out",
            ),
            (
                tau > 0.0,
                "self_reward.tau",
                tau.to_string(),
                "mixes advantages; set it to 0, and policy.shaping = [{ win_rate = {} }] for pairs by the self-reward",
            ),
            (
                kl > 0.0,
                "kl.coefficient",
                kl.to_string(),
                "the loss of pairs has its own reference, preference.reference; set it to 0",
            ),
            (
                entropy,
                "entropy.coefficient",
                self.entropy.coefficient.to_string(),
                "the loss of pairs has no bonus; set it and entropy.target to 0",
            ),
            (
                self.distillation.is_some(),
                "distillation",
                "{…}".into(),
                "stands in for the policy loss of responses; leave one of the two tables out",
            ),
            (
                self.correction.is_some(),
                "correction",
                "{…}".into(),
                "gives every second attempt a prompt of its own, and a pair has one; leave one of the two tables out",
            ),
            (
                critic > 0.0,
                "critic.coefficient",
                critic.to_string(),
                "makes advantages; set it to 0",
            ),
        ];
        for (set, key, value, problem) in unused {
            if set {
                let problem = format!("has no part in learning from pairs (preference): {problem}");
                return c.fail(key, value, &problem);
            }
        }
        Ok(())
    }
}
