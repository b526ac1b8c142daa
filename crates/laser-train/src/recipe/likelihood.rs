//! `[likelihood]`: the reward is the likelihood of the gold answer.

use laser_rl::{AdvantageKind, Likelihood};
use serde::{Deserialize, Serialize};

use super::Recipe;
use super::check::Checker;
use crate::TrainError;
use crate::tasks::ALPHABET;
use crate::tasks::ANSWER_MARK;

/// A reward that is the policy's own log π of the gold answer in the place of a response's, and the
/// loss that trains the answer. The formulas are those of [`Likelihood`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LikelihoodReward {
    /// From log π of the answer's tokens to R.
    pub kind: Likelihood,
    /// Share of the reward's parts that stays: reward = keep · r + weight · R, and what
    /// `policy.overlong_tokens` and a KL in the reward take off.
    pub keep: f64,
    /// Weight of R in the reward. Unless it is 0, the tokens of the response's own answer carry no
    /// policy loss.
    pub weight: f64,
    /// Weight of −R(θ) in the loss, a mean over the responses of an update; 0 leaves it out.
    pub loss_weight: f64,
    /// The text after which a response's own answer begins, at its last occurrence; empty for
    /// `#` of the built-in tasks, `\boxed{` of files.
    pub cut: String,
    /// The text that closes the gold answer; empty for the stop token. Where `cut` is empty: that
    /// of files is `}`.
    pub close: String,
}

impl Default for LikelihoodReward {
    fn default() -> Self {
        LikelihoodReward {
            kind: Likelihood::LogProb,
            keep: 0.0,
            weight: 1.0,
            loss_weight: 1.0,
            cut: String::new(),
            close: String::new(),
        }
    }
}

impl LikelihoodReward {
    /// What stands before and behind an answer; nothing behind it is the stop token.
    pub(crate) fn form(&self, files: bool) -> (String, String) {
        match (self.cut.is_empty(), files) {
            (false, _) => (self.cut.clone(), self.close.clone()),
            (true, true) => ("\\boxed{".into(), "}".into()),
            (true, false) => (ANSWER_MARK.into(), String::new()),
        }
    }

    /// Whether the reward says nothing of the response's own answer.
    pub(crate) fn spares_answer(&self) -> bool {
        self.weight != 0.0
    }
}

impl Recipe {
    pub(super) fn check_likelihood(&self, c: &Checker) -> Result<(), TrainError> {
        let Some(l) = &self.likelihood else {
            return Ok(());
        };
        for (key, value, least) in [
            ("likelihood.keep", l.keep, f64::NEG_INFINITY),
            ("likelihood.weight", l.weight, f64::NEG_INFINITY),
            ("likelihood.loss_weight", l.loss_weight, 0.0),
        ] {
            let problem = match least {
                0.0 => "must not be negative",
                _ => "must be a number",
            };
            c.number(key, value, value >= least, problem)?;
        }
        if self.is_supervised() {
            let problem = "rewards what the policy sampled; method = \"supervised\" samples nothing in training. Leave the table out";
            return c.fail("likelihood", "{…}".into(), problem);
        }
        if self.critic.coefficient > 0.0 {
            let problem = "gives the tokens before the answer an advantage; a critic gives every token one. Set critic.coefficient = 0";
            return c.fail("likelihood", "{…}".into(), problem);
        }
        for (key, words) in [("likelihood.cut", &l.cut), ("likelihood.close", &l.close)] {
            if self.data.is_empty() && !words.chars().all(|c| ALPHABET.contains(c)) {
                let problem =
                    format!("the built-in tasks are written in the characters {ALPHABET:?}");
                return c.fail(key, format!("{words:?}"), &problem);
            }
        }
        for (set, table, does) in [
            (self.preference.is_some(), "preference", "learns from pairs"),
            (
                self.distillation.is_some(),
                "distillation",
                "stands in for the policy loss",
            ),
            (
                self.correction.is_some(),
                "correction",
                "gives a response a second turn",
            ),
        ] {
            if set {
                let problem = format!(
                    "rewards single responses through the policy loss, and [{table}] {does}; leave one of the two tables out"
                );
                return c.fail("likelihood", "{…}".into(), &problem);
            }
        }
        let jepo = l.kind == Likelihood::Jepo;
        if jepo && self.rollout.samples < 2 {
            let problem = "leaves a response out of its group: rollout.samples must be at least 2";
            return c.fail("likelihood.kind", "\"jepo\"".into(), problem);
        }
        if jepo && l.weight != 0.0 && self.policy.advantage != AdvantageKind::NoBaseline {
            let problem = "is an advantage already, with its own baseline; set policy.advantage = \"no_baseline\"";
            return c.fail("likelihood.kind", "\"jepo\"".into(), problem);
        }
        if l.cut.is_empty() && !l.close.is_empty() {
            let problem = "closes an answer that begins after likelihood.cut; set that as well";
            return c.fail("likelihood.close", format!("{:?}", l.close), problem);
        }
        Ok(())
    }
}
