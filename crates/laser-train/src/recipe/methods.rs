//! What shapings and credits need of the rest of a recipe.

use laser_rl::{Compared, Credit, Passes, Preference, PreferenceAsReward, Shaping, TokenReward};

use super::check::Checker;
use super::{PartKind, Recipe, ReferenceKind, RewardPart};
use crate::TrainError;

impl Recipe {
    /// The passes over given responses that its methods read.
    pub(crate) fn passes(&self) -> Passes {
        let shapings = self.policy.shaping.iter().map(Shaping::passes);
        let credits = self.policy.credit.iter().map(Credit::passes);
        let token_rewards = self.policy.token_rewards.iter().map(TokenReward::passes);
        let preference = self.preference.iter().map(Preference::passes);
        let all = shapings
            .chain(credits)
            .chain(token_rewards)
            .chain(preference);
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
                let problem = "compares self-rewarding scores, and nothing trains them; set self_reward.token and self_reward.alpha, or of = \"reward\"";
                return c.fail("policy.shaping", format!("{shaping:?}"), problem);
            }
            // Without a KL too: a recipe must not name a moving reference and get the base model.
            let passes = shaping.passes();
            if (passes.reference || passes.reference_rewards > 0)
                && self.kl.reference != ReferenceKind::Base
            {
                let problem = "needs the frozen base model, and one reference is kept; set kl.reference to \"base\"";
                return c.fail("kl.reference", "not \"base\"".into(), problem);
            }
            if let Shaping::PreferenceAsReward(PreferenceAsReward {
                of: Compared::Reward,
                ..
            }) = shaping
            {
                self.check_rewards_of_the_base_model(c)?;
            }
            if shaping.needs_views() && self.rollout.views < 2 {
                let problem = "two views of a problem label each other; set rollout.views to 2";
                return c.fail("rollout.views", self.rollout.views.to_string(), problem);
            }
            if self.rollout.samples < 2 {
                let problem =
                    "compares the responses to a problem: rollout.samples must be at least 2";
                return c.fail("policy.shaping", format!("{shaping:?}"), problem);
            }
        }
        for credit in &p.credit {
            if let Err(e) = credit.validate() {
                let key = format!("policy.credit.{}", e.key);
                return c.fail(&key, e.value.to_string(), e.problem);
            }
            if credit.compares() && self.rollout.samples < 2 {
                let problem =
                    "compares the responses to a problem: rollout.samples must be at least 2";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
            if self.critic.coefficient > 0.0 {
                let problem = "gives tokens their advantages, which a critic does already; take one of the two";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
            if !credit.suits(p.advantage) {
                let problem = "takes its scale from the group, and this policy.advantage whitens over the step; take grpo, grpo_population, dr_grpo, rloo or no_baseline";
                return c.fail("policy.credit", format!("{credit:?}"), problem);
            }
        }
        self.check_prefix(c)?;
        if !p.shaping.is_empty() && self.critic.coefficient > 0.0 {
            let problem = "changes the rewards of groups; a critic learns from single responses";
            return c.fail("policy.shaping", format!("{:?}", p.shaping[0]), problem);
        }
        self.check_token_rewards(c)?;
        self.check_guide(c)?;
        self.check_preference(c)
    }
    /// What a reward of the base model's responses cannot be compared with.
    fn check_rewards_of_the_base_model(&self, c: &Checker) -> Result<(), TrainError> {
        let ranks = |p: &&RewardPart| p.part == PartKind::Length && p.weight != 0.0;
        if let Some(part) = self.reward.iter().find(ranks) {
            let problem = "ranks the lengths of a group, and the base model's responses are none of the policy's; take policy.overlong_tokens, which looks at one response, or weight = 0";
            let key = format!("reward.{}.weight", part.name());
            return c.fail(&key, part.weight.to_string(), problem);
        }
        let continuations = self.rollout.continuations;
        if continuations > 0 {
            let problem = "adds to the rewards of the policy's responses alone, which preference_as_reward compares with the base model's; set it to 0, or of = \"self_reward\"";
            return c.fail("rollout.continuations", continuations.to_string(), problem);
        }
        Ok(())
    }
}
