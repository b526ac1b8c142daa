//! The table `[correction]`: a second turn for every response.

use laser_rl::{Credit, LossWeights, Shaping};
use serde::{Deserialize, Serialize};

use super::check::Checker;
use super::{KlPlace, Recipe};
use crate::TrainError;
use crate::tasks::ALPHABET;

/// What stands for the question in [`Correction::instruction`].
pub(crate) const QUESTION: &str = "{prompt}";

/// Every response is followed by an instruction, and that by one second attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Correction {
    /// What the user says after the first attempt. Without a chat template it is put right behind
    /// that, and `{prompt}` in it stands for the question.
    pub instruction: String,
    /// Steps of the first stage, in which first attempts have no policy loss and no shaping
    /// compares the two.
    pub stage_one_steps: u64,
    /// β of the KL of first attempts in the first stage, in place of `kl.coefficient`.
    pub first_turn_kl: f64,
}

impl Default for Correction {
    fn default() -> Self {
        Correction {
            instruction: "Check your answer above. If anything in it is wrong, solve the problem again; then give the final answer.".into(),
            stage_one_steps: 0,
            first_turn_kl: 0.1,
        }
    }
}

impl Correction {
    /// Characters that a second turn takes after a prompt of so many: instruction and response.
    pub(crate) fn chars(&self, prompt: usize, response: usize) -> usize {
        let slots = self.instruction.matches(QUESTION).count();
        let said = self.instruction.replace(QUESTION, "").chars().count();
        said + slots * prompt + response
    }

    /// Whether a step, counted from 1, is of the first stage.
    pub(crate) fn in_stage_one(&self, step: u64) -> bool {
        step <= self.stage_one_steps
    }

    /// What the losses of first attempts count in a step.
    pub(crate) fn first_turn(&self, step: u64) -> LossWeights {
        match self.in_stage_one(step) {
            true => LossWeights::held(self.first_turn_kl),
            false => LossWeights::default(),
        }
    }
}

impl Recipe {
    pub(super) fn check_correction(&self, c: &Checker) -> Result<(), TrainError> {
        let shaping = &self.policy.shaping;
        let Some(k) = &self.correction else {
            if shaping.iter().any(Shaping::needs_attempts) {
                let problem = "compares second attempts with first ones, and there are none; add a table [correction]";
                return c.fail("policy.shaping", "self_correction".into(), problem);
            }
            return Ok(());
        };
        let fail = |key: &str, value: String, problem: &str| c.fail(key, value, problem);
        let instruction = format!("{:?}", k.instruction);
        if k.instruction.trim().is_empty() {
            let problem = "the model must be told that it is its turn again";
            return fail("correction.instruction", instruction, problem);
        }
        let said = k.instruction.replace(QUESTION, "");
        if self.data.is_empty() && !said.chars().all(|c| ALPHABET.contains(c)) {
            let problem = format!("the built-in tasks are written in the characters {ALPHABET:?}");
            return fail("correction.instruction", instruction, &problem);
        }
        if !(k.first_turn_kl.is_finite() && k.first_turn_kl >= 0.0) {
            let problem = "must be a number, and not negative";
            return fail(
                "correction.first_turn_kl",
                k.first_turn_kl.to_string(),
                problem,
            );
        }
        if k.stage_one_steps > 0 && k.first_turn_kl > 0.0 && self.kl.coefficient == 0.0 {
            let problem = "the KL of first attempts needs a reference, which 0 does not keep; set it above 0 (it is the β of all else), or correction.first_turn_kl to 0";
            return fail("kl.coefficient", "0".into(), problem);
        }
        if self.kl.coefficient > 0.0 && self.kl.place == KlPlace::Reward {
            let problem = "a KL in the reward of first attempts would count in what second ones improve; set it to \"loss\"";
            return fail("kl.place", "\"reward\"".into(), problem);
        }
        if self.rollout.views > 1 || self.rollout.refills > 0 {
            let (key, value) = match self.rollout.views {
                1 => ("rollout.refills", u64::from(self.rollout.refills)),
                views => ("rollout.views", views as u64),
            };
            let problem = "pairs groups in another way than first and second attempts; leave it or [correction] out";
            return fail(key, value.to_string(), problem);
        }
        if self.critic.coefficient > 0.0 {
            let problem = "the two turns have baselines of their groups; set it to 0";
            return fail(
                "critic.coefficient",
                self.critic.coefficient.to_string(),
                problem,
            );
        }
        if self.passes().blank {
            let problem = "reads responses after an empty question, and second attempts come after a first one; leave it or [correction] out";
            return fail("policy.shaping", "self_aligned".into(), problem);
        }
        if self.policy.credit.iter().any(Credit::compares_tokens) {
            let problem = "compares the responses to one prompt, and each second attempt has its own; leave it or [correction] out";
            let credit = format!("{:?}", self.policy.credit);
            return fail("policy.credit", credit, problem);
        }
        if self.passes().reference_rewards > 0 {
            let problem = "compares responses with the base model's to the same prompt, and each second attempt has its own; leave it or [correction] out";
            return fail("policy.shaping", "preference_as_reward".into(), problem);
        }
        if self.judgement_tokens() > 0 {
            let problem = "asks about one answer to the problem, and there are two; leave it or [correction] out";
            return fail("reward", "self_judge".into(), problem);
        }
        if self.distillation.is_some() {
            let problem = "a teacher reads a sibling's response to the same prompt, and each second attempt has its own; leave it or [correction] out";
            return fail("distillation", "{…}".into(), problem);
        }
        Ok(())
    }
}
