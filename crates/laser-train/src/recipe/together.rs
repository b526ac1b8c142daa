//! Pieces that do not go together: one would be paid for and not read, or be read as what it is not.

use laser_rl::{Compared, PairBy, PreferenceAsReward, Shaping};

use super::check::Checker;
use super::{KlPlace, LossKind, Recipe};
use crate::TrainError;

const THROWN_AWAY: &str = "counts in a reward that a shaping throws away (co_reward with share = 1, endogenous with keep = 0, preference_as_reward of the self-reward); leave one of the two out, or set kl.place to \"loss\"";
const UNREAD: &str = "counts in rewards, which preference.pair = \"implicit\" does not read; leave one of the two out";

/// What is refused: whether it is there, its key and value, and why.
type Refusal<'a> = (bool, &'a str, String, &'a str);

impl Recipe {
    /// Refuses pairs of pieces, each of which is right on its own.
    pub(super) fn check_together(&self, c: &Checker) -> Result<(), TrainError> {
        if self.is_supervised() {
            return match &self.correction {
                Some(_) => c.fail(
                    "correction",
                    "{…}".into(),
                    "adds a turn to sampled responses, of which method = \"supervised\" has none; leave the table out",
                ),
                None => Ok(()),
            };
        }
        for credit in &self.policy.credit {
            if credit.needs_token_ratio() && self.policy.loss == LossKind::Gspo {
                let problem = "gives tokens of a response different weights, and the ratio of policy.loss = \"gspo\" reaches them all alike; take gspo_token, ppo_clip or cispo";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
        }
        let all = [
            self.beside_likelihood(),
            self.beside_shapings(),
            self.beside_pairs_by_ranking(),
            self.beside_other_tables(),
        ];
        for (set, key, value, problem) in all.into_iter().flatten() {
            if set {
                return c.fail(key, value, problem);
            }
        }
        Ok(())
    }

    /// What a reward that is the likelihood of the gold answer cannot stand beside.
    fn beside_likelihood(&self) -> Vec<Refusal<'static>> {
        let Some(likelihood) = &self.likelihood else {
            return Vec::new();
        };
        let (r, loss) = (&self.rollout, self.policy.loss);
        vec![
            (
                likelihood.spares_answer() && loss == LossKind::Gspo,
                "policy.loss",
                "gspo".into(),
                "has one ratio for all tokens of a response, and those of its own answer are to have no loss with [likelihood]; take gspo_token, ppo_clip or cispo",
            ),
            (
                r.continuations > 0,
                "rollout.continuations",
                r.continuations.to_string(),
                "adds right ends to the reward of [[reward]], in whose place [likelihood] puts another; set it to 0",
            ),
            (
                r.refills > 0,
                "rollout.refills",
                r.refills.to_string(),
                "replaces groups by their reward of [[reward]], in whose place [likelihood] puts another; set it to 0",
            ),
        ]
    }

    /// What shapings cannot compare, or throw away.
    fn beside_shapings(&self) -> Vec<Refusal<'static>> {
        let (p, r) = (&self.policy, &self.rollout);
        let of_reward = |s: &Shaping| {
            let Shaping::PreferenceAsReward(PreferenceAsReward { of, .. }) = s else {
                return false;
            };
            *of == Compared::Reward
        };
        let compares = p.shaping.iter().any(of_reward);
        let replaces = p.shaping.iter().any(Shaping::replaces_reward);
        let kl = self.kl.coefficient > 0.0 && self.kl.place == KlPlace::Reward;
        let (likelihood, tokens) = (self.likelihood.is_some(), !p.token_rewards.is_empty());
        vec![
            (
                compares && likelihood,
                "likelihood",
                "{…}".into(),
                "rewards the policy's responses alone, which preference_as_reward compares with the base model's; leave one of the two out",
            ),
            (
                compares && tokens,
                "policy.token_rewards",
                "[…]".into(),
                "rewards the policy's responses alone, which preference_as_reward compares with the base model's; set it to []",
            ),
            (
                p.shaping.iter().skip(1).any(of_reward),
                "policy.shaping",
                "[…]".into(),
                "changes the policy's rewards before preference_as_reward compares them with the base model's, which stay as they are; put that first",
            ),
            (
                replaces && likelihood,
                "likelihood",
                "{…}".into(),
                THROWN_AWAY,
            ),
            (
                replaces && tokens,
                "policy.token_rewards",
                "[…]".into(),
                THROWN_AWAY,
            ),
            (replaces && kl, "kl.place", "\"reward\"".into(), THROWN_AWAY),
            (
                replaces && r.continuations > 0,
                "rollout.continuations",
                r.continuations.to_string(),
                THROWN_AWAY,
            ),
        ]
    }

    /// What pairs by the policy's own ranking do not read.
    fn beside_pairs_by_ranking(&self) -> Vec<Refusal<'static>> {
        if self
            .preference
            .is_none_or(|preference| preference.pair != PairBy::Implicit)
        {
            return Vec::new();
        }
        let (p, r) = (&self.policy, &self.rollout);
        vec![
            (
                !p.token_rewards.is_empty(),
                "policy.token_rewards",
                "[…]".into(),
                UNREAD,
            ),
            (
                r.continuations > 0,
                "rollout.continuations",
                r.continuations.to_string(),
                UNREAD,
            ),
            (
                p.overlong_tokens > 0,
                "policy.overlong_tokens",
                p.overlong_tokens.to_string(),
                UNREAD,
            ),
            (
                r.refills > 0,
                "rollout.refills",
                r.refills.to_string(),
                UNREAD,
            ),
        ]
    }

    /// What second attempts and teachers exclude.
    fn beside_other_tables(&self) -> Vec<Refusal<'static>> {
        let (p, r) = (&self.policy, &self.rollout);
        let turns = self.correction.is_some();
        vec![
            (
                turns && r.continuations > 0,
                "rollout.continuations",
                r.continuations.to_string(),
                "would count in what second attempts improve; set it to 0, or leave [correction] out",
            ),
            (
                turns && !p.token_rewards.is_empty(),
                "policy.token_rewards",
                "[…]".into(),
                "would count in what second attempts improve; set it to [], or leave [correction] out",
            ),
            (
                self.distillation.is_some() && r.views > 1,
                "rollout.views",
                r.views.to_string(),
                "samples paraphrases, for which [distillation] has no question to put behind a hint; set it to 1",
            ),
        ]
    }
}
