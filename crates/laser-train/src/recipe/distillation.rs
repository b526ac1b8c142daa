//! Keys of self-distillation.

use laser_rl::{Distillation, Divergence, Route, Support};
use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::{Recipe, ReferenceKind};
use crate::TrainError;

/// Self-distillation (SDPO, SRPO): responses with a correct sibling learn from what a teacher, who
/// has read that sibling's response, would have written in their place. The teacher is the
/// reference of `kl`: with `kl.reference = "ema"` a moving average of the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfDistillation {
    /// Which responses learn from the teacher in place of the policy loss.
    pub route: Route,
    /// From the student's distribution to the teacher's.
    pub divergence: Divergence,
    /// The student's likeliest ids over which the divergence is taken; 0, and any number that is
    /// no less than the vocabulary's size, takes the whole vocabulary.
    pub top_k: usize,
    /// Whether the ids that are left are one more outcome; else both distributions are divided by
    /// what the taken ids have of them.
    pub tail: bool,
    /// Bound of π/π_old of the drawn token, which weighs its loss.
    pub importance_cap: f64,
    /// Rewards from here on are a success.
    pub success: f64,
    /// β of the weights exp(−β H) of tokens, H the teacher's entropy, nats; 0 weighs all alike, and
    /// saves a pass of the teacher.
    pub entropy_weight: f64,
    /// The teacher's prompt, in Jinja over `question` and `solution`: of a chat the last message of
    /// the user. Empty for the program's own.
    pub template: String,
}

impl Default for SelfDistillation {
    fn default() -> Self {
        SelfDistillation {
            route: Route::All,
            divergence: Divergence::default(),
            top_k: 100,
            tail: true,
            importance_cap: 2.0,
            success: 1.0,
            entropy_weight: 0.0,
            template: String::new(),
        }
    }
}

impl SelfDistillation {
    /// How many of a position's likeliest ids it reads, of no more than the vocabulary has.
    pub(crate) fn likeliest(&self) -> usize {
        match (self.divergence, self.top_k) {
            (Divergence::Sampled, _) => 0,
            (_, 0) => usize::MAX,
            (_, k) => k,
        }
    }

    /// The loss, for a vocabulary of this size.
    pub(crate) fn loss(&self, vocabulary: usize) -> Distillation {
        Distillation {
            divergence: self.divergence,
            support: match self.likeliest() >= vocabulary {
                true => Support::Whole,
                false if self.tail => Support::Tail,
                false => Support::Renormalised,
            },
            importance_cap: self.importance_cap,
        }
    }
}

impl Recipe {
    /// Whether the reference changes while training goes on.
    pub(crate) fn reference_moves(&self) -> bool {
        self.kl.reference != ReferenceKind::Base
            && (self.kl.coefficient > 0.0 || self.distillation.is_some())
    }

    pub(super) fn check_distillation(&self, c: &Checker) -> Result<(), TrainError> {
        let Some(d) = &self.distillation else {
            return Ok(());
        };
        if self.is_supervised() {
            let problem = "learns from sampled responses, of which method = \"supervised\" has none; take method = \"reinforce\"";
            return c.fail("distillation", "{…}".into(), problem);
        }
        if self.rollout.samples < 2 {
            let problem = "the teacher reads the response of a correct sibling: with [distillation] there must be at least 2";
            return c.fail("rollout.samples", self.rollout.samples.to_string(), problem);
        }
        if self.critic.coefficient > 0.0 {
            let problem = "a critic learns from the policy loss of all responses, and distilled ones leave it; set critic.coefficient to 0";
            return c.fail("distillation", "{…}".into(), problem);
        }
        if let Err(e) = d.divergence.validate() {
            let key = format!("distillation.{}", e.key);
            return c.fail(&key, e.value.to_string(), e.problem);
        }
        let cap = d.importance_cap;
        let problem = "must be above 0";
        c.number("distillation.importance_cap", cap, cap > 0.0, problem)?;
        c.number("distillation.success", d.success, true, "must be a number")?;
        let (key, beta) = ("distillation.entropy_weight", d.entropy_weight);
        let problem = "must not be negative; 0 weighs all tokens alike";
        c.number(key, beta, beta >= 0.0, problem)
    }
}
