//! What shapings and credits need of the rest of a recipe.

use laser_rl::{Passes, Preference, Shaping, TokenReward};

use super::Recipe;
use super::ReferenceKind;
use super::check::Checker;
use crate::TrainError;

impl Recipe {
    /// The passes over given responses that its methods read.
    pub(crate) fn passes(&self) -> Passes {
        let shapings = self.policy.shaping.iter().map(Shaping::passes);
        let token_rewards = self.policy.token_rewards.iter().map(TokenReward::passes);
        let preference = self.preference.iter().map(Preference::passes);
        let all = shapings.chain(token_rewards).chain(preference);
        all.fold(Passes::default(), Passes::or)
    }

    pub(super) fn check_methods(&self, c: &Checker) -> Result<(), TrainError> {
        let p = &self.policy;
        for shaping in &p.shaping {
            if let Err(e) = shaping.validate() {
                let key = format!("policy.shaping.{}", e.key);
                return c.fail(&key, e.value.to_string(), e.problem);
            }
            if shaping.needs_scores()
                && (self.self_reward.token.is_empty() || !self.self_reward.trains())
            {
                let problem = "compares self-rewarding scores, and nothing trains them; set self_reward.token and self_reward.alpha, or win_rate.of = \"reward\"";
                return c.fail("policy.shaping", "win_rate".into(), problem);
            }
            if shaping.passes().reference
                && self.kl.coefficient > 0.0
                && self.kl.reference != ReferenceKind::Base
            {
                let problem = "needs the frozen base model, and one reference is kept; set kl.reference to \"base\"";
                return c.fail("kl.reference", "not \"base\"".into(), problem);
            }
            if self.rollout.samples < 2 {
                let problem =
                    "compares the responses to a problem: rollout.samples must be at least 2";
                return c.fail("policy.shaping", format!("{shaping:?}"), problem);
            }
        }
        for credit in &p.credit {
            if self.critic.coefficient > 0.0 {
                let problem = "gives tokens their advantages, which a critic does already; take one of the two";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
            if !credit.suits(p.advantage) {
                let problem = "takes its scale from the group, and this policy.advantage whitens over the step; take grpo, grpo_population, dr_grpo, rloo or no_baseline";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
        }
        if !p.shaping.is_empty() && self.critic.coefficient > 0.0 {
            let problem = "changes the rewards of groups; a critic learns from single responses";
            return c.fail("policy.shaping", format!("{:?}", p.shaping[0]), problem);
        }
        self.check_token_rewards(c)?;
        self.check_guide(c)?;
        self.check_preference(c)
    }
}
