//! `[rollout.prefix]`: which tokens begin a response.

use laser_rl::{Aggregation, Credit, PrefixSchedule, ResponseView};
use serde::{Deserialize, Serialize};

use super::Recipe;
use super::check::Checker;
use crate::TrainError;

/// How much of a response is its prefix, and how that grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrefixSettings {
    /// η at first, above 0 and at most 1.
    pub share: f64,
    /// What η grows by at a test during training that is no better than the one before; 0 keeps it.
    pub step: f64,
    /// Upper end of η.
    pub max: f64,
    /// Whether every response has a prefix of at least one token.
    pub at_least_one: bool,
}

impl Default for PrefixSettings {
    fn default() -> Self {
        let s = PrefixSchedule::default();
        PrefixSettings {
            share: s.share,
            step: s.step,
            max: s.max,
            at_least_one: s.at_least_one,
        }
    }
}

impl PrefixSettings {
    /// Before the first test.
    pub(crate) fn schedule(&self) -> PrefixSchedule {
        PrefixSchedule {
            share: self.share,
            step: self.step,
            max: self.max,
            at_least_one: self.at_least_one,
            last: None,
        }
    }
}

impl Recipe {
    /// Whether anything reads the prefixes of responses.
    pub(crate) fn uses_prefixes(&self) -> bool {
        let credit = |c: &Credit| matches!(c, Credit::Prefix(_));
        !self.is_supervised()
            && (self.rollout.continuations > 0 || self.policy.credit.iter().any(credit))
    }

    pub(super) fn check_prefix(&self, c: &Checker) -> Result<(), TrainError> {
        let p = &self.rollout.prefix;
        if !self.uses_prefixes() {
            if *p == PrefixSettings::default() || self.is_supervised() {
                return Ok(());
            }
            let problem = "nothing reads the prefixes of responses; set rollout.continuations, or add { prefix = {} } to policy.credit";
            return c.fail("rollout.prefix", String::from("{…}"), problem);
        }
        for (key, value, ok, problem) in [
            (
                "rollout.prefix.share",
                p.share,
                p.share > 0.0 && p.share <= 1.0,
                "must be above 0 and at most 1: it is a share of a response",
            ),
            (
                "rollout.prefix.step",
                p.step,
                p.step >= 0.0 && p.step.is_finite(),
                "must be a number of at least 0; 0 keeps rollout.prefix.share",
            ),
            (
                "rollout.prefix.max",
                p.max,
                p.step == 0.0 || p.max >= p.share && p.max <= 1.0,
                "must be no less than rollout.prefix.share and at most 1",
            ),
        ] {
            if !ok {
                return c.fail(key, value.to_string(), problem);
            }
        }
        if p.step > 0.0 && self.evaluation.every == 0 {
            let problem = "grows after tests during training, of which evaluation.every = 0 makes none; set that, or this to 0";
            return c.fail("rollout.prefix.step", p.step.to_string(), problem);
        }
        let aggregation = self.policy.aggregation;
        let by_length = matches!(
            aggregation,
            Aggregation::TokenMean | Aggregation::SequenceMeanTokenMean
        );
        for credit in &self.policy.credit {
            let fail = |problem| c.fail("policy.credit", format!("{credit:?}"), problem);
            if credit.carrying(&ResponseView::default()).is_some() && !by_length {
                return fail(
                    "divides by the tokens that are left, and this policy.aggregation divides by no length; take denominator = \"all\"",
                );
            }
        }
        Ok(())
    }
}
