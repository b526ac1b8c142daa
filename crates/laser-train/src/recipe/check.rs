//! Values that are out of range or do not go together.

use laser_rl::{AdvantageKind, Aggregation, KlKind, RatioBound};

use super::{ADAPTER_IN_BFLOAT16, CRef, KlPlace, LossKind, ProductDtype, Recipe, SelfRewardLoss};
use crate::TrainError;
use crate::best::Metric;
use crate::tasks::Mixture;

impl Recipe {
    /// Checks ranges and combinations; `place` says where a key was set.
    pub(super) fn check(&self, place: &dyn Fn(&str) -> String) -> Result<(), TrainError> {
        let c = Checker { place };
        let fail = |key: &str, value: String, problem: &str| c.fail(key, value, problem);
        c.at_least("steps", self.steps, 1)?;
        c.at_least(
            "tokens_per_micro_batch",
            self.tokens_per_micro_batch as u64,
            1,
        )?;
        c.at_least("save.max_shard_bytes", self.save.max_shard_bytes, 1)?;
        c.number(
            "memory_gib",
            self.memory_gib,
            self.memory_gib >= 0.0,
            "must not be negative; 0 asks the system",
        )?;
        self.check_lora(&c)?;
        let m = &self.model;
        for (key, value) in [
            ("model.hidden_size", m.hidden_size),
            ("model.layers", m.layers),
            ("model.heads", m.heads),
            ("model.kv_heads", m.kv_heads),
            ("model.intermediate_size", m.intermediate_size),
            ("warm_start.batch_size", self.warm_start.batch_size),
            ("rollout.prompts", self.rollout.prompts),
            ("rollout.samples", self.rollout.samples),
            ("rollout.max_new_tokens", self.rollout.max_new_tokens),
            ("rollout.rows", self.rollout.rows),
            ("evaluation.problems", self.evaluation.problems),
            ("evaluation.samples", self.evaluation.samples),
            ("evaluation.bootstrap", self.evaluation.bootstrap),
            ("save.keep", self.save.keep),
            ("supervised.batch_size", self.supervised.batch_size),
            (
                "self_reward.calibration_pairs",
                self.self_reward.calibration_pairs,
            ),
        ] {
            c.at_least(key, value as u64, 1)?;
        }
        if !m.hidden_size.is_multiple_of(2 * m.heads) {
            let problem = "must divide model.hidden_size into heads of an even width";
            return fail("model.heads", m.heads.to_string(), problem);
        }
        if !m.heads.is_multiple_of(m.kv_heads) {
            return fail(
                "model.kv_heads",
                m.kv_heads.to_string(),
                "must divide model.heads",
            );
        }
        c.number(
            "model.initializer_range",
            m.initializer_range,
            m.initializer_range > 0.0,
            "must be above 0",
        )?;
        if self.lora.rank > 0 && m.dtype == ProductDtype::Bfloat16 {
            return fail("model.dtype", "\"bfloat16\"".into(), ADAPTER_IN_BFLOAT16);
        }
        if m.path.is_empty() {
            if !m.revision.is_empty() {
                let problem = "there is no model.path whose revision it could be";
                return fail("model.revision", format!("\"{}\"", m.revision), problem);
            }
            if !self.data.is_empty() {
                let problem = "files are read by a model that knows their letters: name one, a folder or a name on the hub";
                return fail("model.path", "\"\"".into(), problem);
            }
            c.at_least("model.context", m.context as u64, 1)?;
            if !self.is_supervised() {
                c.at_least("warm_start.steps", self.warm_start.steps, 1)?;
            }
        }
        self.check_data(&c)?;
        self.check_supervised(&c)?;
        let p = &self.policy;
        let alone = self.is_supervised()
            || matches!(
                p.advantage,
                AdvantageKind::NoBaseline | AdvantageKind::ReinforcePlusPlus
            );
        if self.rollout.samples < 2 && !alone {
            let problem = "an advantage within the group needs at least 2 responses to a problem; with one, policy.advantage can be no_baseline or reinforce_plus_plus";
            return fail("rollout.samples", self.rollout.samples.to_string(), problem);
        }
        if self.rollout.refills > 0 && self.rollout.samples < 2 {
            let problem = "looks for groups whose rewards differ, which a group of one never does";
            return fail("rollout.refills", self.rollout.refills.to_string(), problem);
        }
        if !(1..=2).contains(&self.rollout.views) {
            let problem = "must be 1, or 2 for each problem and a paraphrase of it";
            return fail("rollout.views", self.rollout.views.to_string(), problem);
        }
        if self.rollout.views > 1 && self.rollout.refills > 0 {
            let problem = "drops single groups, and the views of a problem belong together; set it to 0, or rollout.views to 1";
            return fail("rollout.refills", self.rollout.refills.to_string(), problem);
        }
        if let Err(e) = self.rollout.sampling.validate() {
            return fail("rollout.sampling", String::from("{…}"), &e.to_string());
        }
        if !self.rollout.sampling.is_on_policy() {
            let problem = "training needs samples of the policy itself: temperature = 1, top_p = 1, top_k = 0, min_p = 0, and no cautious; tests may have evaluation.cautious";
            return fail("rollout.sampling", String::from("{…}"), problem);
        }
        c.number(
            "policy.clip_low",
            p.clip_low as f64,
            p.clip_low > 0.0 && p.clip_low <= 1.0,
            "must be above 0 and at most 1",
        )?;
        c.number(
            "policy.clip_high",
            p.clip_high as f64,
            p.clip_high > 0.0,
            "must be above 0",
        )?;
        let dual_ok = p.dual_clip == 0.0 || p.dual_clip >= 1.0;
        c.number(
            "policy.dual_clip",
            p.dual_clip as f64,
            dual_ok,
            "must be at least 1, or 0 to switch it off",
        )?;
        c.at_least("policy.passes", p.passes, 1)?;
        c.at_least("policy.mini_batches", p.mini_batches as u64, 1)?;
        if p.mini_batches > self.rollout.prompts {
            let problem = format!(
                "cannot be more than rollout.prompts = {}: each takes whole groups",
                self.rollout.prompts
            );
            return fail("policy.mini_batches", p.mini_batches.to_string(), &problem);
        }
        if p.loss == LossKind::Reinforce && (p.passes > 1 || p.mini_batches > 1) {
            let problem = "the plain policy gradient is right only on policy; set policy.passes and policy.mini_batches to 1, or take a loss with a ratio";
            return fail("policy.loss", "\"reinforce\"".into(), problem);
        }
        if let Aggregation::Constant { tokens: 0 } = p.aggregation {
            let problem = "the constant must be at least 1 token";
            return fail(
                "policy.aggregation",
                "{ constant = { tokens = 0 } }".into(),
                problem,
            );
        }
        if p.overlong_tokens > self.rollout.max_new_tokens {
            let problem = "cannot be more than rollout.max_new_tokens";
            return fail(
                "policy.overlong_tokens",
                p.overlong_tokens.to_string(),
                problem,
            );
        }
        self.check_regularizers(&c)?;
        self.check_reward(place)?;
        self.check_self_reward(&c)?;
        for (prefix, o) in [
            ("optimizer", &self.optimizer),
            ("warm_start.optimizer", &self.warm_start.optimizer),
        ] {
            let key = |k: &str| format!("{prefix}.{k}");
            c.number(&key("lr"), o.lr as f64, o.lr > 0.0, "must be above 0")?;
            c.number(
                &key("weight_decay"),
                o.weight_decay as f64,
                o.weight_decay >= 0.0,
                "must not be negative",
            )?;
            c.number(
                &key("beta1"),
                o.beta1 as f64,
                (0.0..1.0).contains(&o.beta1),
                "must lie in [0, 1)",
            )?;
            c.number(
                &key("beta2"),
                o.beta2 as f64,
                (0.0..1.0).contains(&o.beta2),
                "must lie in [0, 1)",
            )?;
            c.number(&key("eps"), o.eps as f64, o.eps > 0.0, "must be above 0")?;
            c.number(
                &key("grad_clip"),
                o.grad_clip,
                o.grad_clip >= 0.0,
                "must not be negative",
            )?;
        }
        let e = &self.evaluation;
        if e.ks.is_empty() || e.ks.contains(&0) || e.ks.iter().any(|k| *k > e.samples) {
            let problem = format!(
                "every k must lie between 1 and evaluation.samples = {}",
                e.samples
            );
            return fail("evaluation.ks", format!("{:?}", e.ks), &problem);
        }
        if let Err(error) = e.sampling().validate() {
            return fail(
                "evaluation.cautious",
                String::from("{…}"),
                &error.to_string(),
            );
        }
        for &power in &e.borda {
            let problem = "must not be negative; 0 is the majority vote";
            c.number("evaluation.borda", power, power >= 0.0, problem)?;
        }
        if e.every > 0 {
            c.at_least("evaluation.quick_problems", e.quick_problems as u64, 1)?;
        }
        let s = &self.save;
        let minutes = s.time_budget_minutes;
        c.number(
            "save.time_budget_minutes",
            minutes,
            minutes >= 0.0,
            "must not be negative; 0 is no limit",
        )?;
        if !s.best.is_empty() {
            let value = format!("\"{}\"", s.best);
            if let Err(problem) = Metric::parse(&s.best, self) {
                return fail("save.best", value, &problem);
            }
            if e.every == 0 {
                let problem = "is found by the tests during training, of which evaluation.every = 0 makes none";
                return fail("save.best", value, problem);
            }
        }
        if e.patience > 0 && s.best.is_empty() {
            let problem = "waits for a better value of save.best; name a metric there";
            return fail("evaluation.patience", e.patience.to_string(), problem);
        }
        if !self.data.is_empty() {
            return Ok(());
        }
        let mixture = match Mixture::new(&self.tasks) {
            Ok(m) => m,
            Err(e) => return fail("tasks", String::from("[…]"), &e.to_string()),
        };
        let longest = mixture.max_chars();
        if m.path.is_empty() {
            // Characters are tokens; a response also has its end token.
            if longest.solution + 1 > self.rollout.max_new_tokens {
                let problem = format!(
                    "solutions of these tasks take up to {} tokens with the end token",
                    longest.solution + 1
                );
                return fail(
                    "rollout.max_new_tokens",
                    self.rollout.max_new_tokens.to_string(),
                    &problem,
                );
            }
            let (mut needed, mut what) = (self.longest_task(longest.prompt), "");
            if self.correction.is_some() {
                what = ", in both turns,";
            }
            if let Some(likelihood) = &self.likelihood {
                let (mark, close) = likelihood.form(false);
                let around = mark.chars().count() + close.chars().count().max(1);
                needed += longest.answer + around;
                what = ", with the gold answers behind them,";
            }
            if needed > m.context {
                let problem = format!(
                    "prompts and rollout.max_new_tokens together{what} take up to {needed} tokens"
                );
                return fail("model.context", m.context.to_string(), &problem);
            }
        }
        Ok(())
    }

    fn check_data(&self, c: &Checker) -> Result<(), TrainError> {
        let d = &self.data;
        if d.is_empty() {
            return Ok(());
        }
        if let Err(laser_data::DataError::Setting {
            key,
            value,
            problem,
        }) = d.check()
        {
            return c.fail(&format!("data.{key}"), value, problem);
        }
        if d.train.is_empty() {
            let problem = "names no file to train on";
            return c.fail("data.train", "[]".into(), problem);
        }
        if d.test.is_empty() && d.test_fraction == 0.0 {
            let problem = "the tests need problems: name files, or hold some out of data.train with data.test_fraction = 0.05";
            return c.fail("data.test", "[]".into(), problem);
        }
        Ok(())
    }

    fn check_supervised(&self, c: &Checker) -> Result<(), TrainError> {
        let s = &self.supervised;
        let (key, epochs) = ("supervised.epochs", s.epochs);
        c.number(
            key,
            epochs,
            epochs >= 0.0,
            "must not be negative; 0 takes steps",
        )?;
        if epochs > 0.0 && !self.is_supervised() {
            let problem = "only method = \"supervised\" counts epochs; set steps";
            return c.fail(key, epochs.to_string(), problem);
        }
        if epochs > 0.0 && self.data.is_empty() {
            let problem = "the built-in tasks have no end, so there is no epoch; set steps, or name files in data.train";
            return c.fail(key, epochs.to_string(), problem);
        }
        let (key, target) = ("supervised.self_reward_logp", s.self_reward_logp);
        let problem = "must be negative: it is a log-probability";
        c.number(key, target as f64, target < 0.0, problem)?;
        let (key, weight) = ("supervised.self_reward_weight", s.self_reward_weight);
        c.number(key, weight, weight >= 0.0, "must not be negative")?;
        if self.is_supervised() && weight > 0.0 && self.self_reward.token.is_empty() {
            let problem = "there is no token to prepare; name self_reward.token, or set this to 0";
            return c.fail(key, weight.to_string(), problem);
        }
        for (table, loss) in [
            ("supervised", &s.loss),
            ("warm_start", &self.warm_start.loss),
        ] {
            if let Err(e) = loss.validate() {
                let key = format!("{table}.loss.{}", e.key);
                return c.fail(&key, e.value.to_string(), e.problem);
            }
        }
        if !self.warm_start.loss.is_cross_entropy()
            && (self.is_supervised() || !self.model.path.is_empty())
        {
            let problem = "there is no warm start whose loss it could be: take model.path = \"\", or train by method = \"supervised\" with supervised.loss first";
            return c.fail(
                "warm_start.loss",
                format!("{:?}", self.warm_start.loss),
                problem,
            );
        }
        Ok(())
    }

    fn check_lora(&self, c: &Checker) -> Result<(), TrainError> {
        let l = &self.lora;
        c.number("lora.alpha", l.alpha, l.alpha > 0.0, "must be above 0")?;
        if l.rank == 0 {
            return Ok(());
        }
        if l.targets.is_empty() {
            let problem = "name the matrices to adapt, such as \"q_proj\" and \"v_proj\"";
            return c.fail("lora.targets", "[]".into(), problem);
        }
        if l.train_token && !self.uses_self_reward_token() {
            let problem = match self.is_supervised() {
                true => {
                    "there is no token whose row could be trained; name self_reward.token and set supervised.self_reward_weight"
                }
                false => "there is no self_reward.token whose row could be trained",
            };
            return c.fail("lora.train_token", "true".into(), problem);
        }
        Ok(())
    }

    fn check_regularizers(&self, c: &Checker) -> Result<(), TrainError> {
        let fail = |key: &str, value: String, problem: &str| c.fail(key, value, problem);
        let (k, e, v) = (&self.kl, &self.entropy, &self.critic);
        for (key, value) in [
            ("kl.coefficient", k.coefficient),
            ("kl.target", k.target),
            ("entropy.coefficient", e.coefficient),
            ("entropy.target", e.target),
            ("entropy.step", e.step),
            ("critic.coefficient", v.coefficient),
            ("critic.clip", f64::from(v.clip)),
            ("critic.lr_scale", f64::from(v.lr_scale)),
        ] {
            c.number(key, value, value >= 0.0, "must not be negative")?;
        }
        for (key, value) in [
            ("kl.ema_decay", k.ema_decay),
            ("critic.gamma", f64::from(v.gamma)),
            ("critic.lambda", f64::from(v.lambda)),
        ] {
            let ok = (0.0..=1.0).contains(&value);
            c.number(key, value, ok, "must lie between 0 and 1")?;
        }
        c.number("kl.horizon", k.horizon, k.horizon > 0.0, "must be above 0")?;
        c.at_least("kl.sync_every", k.sync_every, 1)?;
        if k.coefficient == 0.0 && k.target > 0.0 {
            let problem = "an adapted coefficient is multiplied, and never leaves 0; set kl.coefficient to where it begins";
            return fail("kl.target", k.target.to_string(), problem);
        }
        if k.coefficient > 0.0 && k.place == KlPlace::Loss && k.kind == KlKind::K1 {
            let problem = "as a loss its gradient has the mean 0 and does nothing; take k2 or k3, or kl.place = \"reward\"";
            return fail("kl.kind", "\"k1\"".into(), problem);
        }
        if self.reference_moves() && self.self_reward.may_be_per_response() {
            let problem = "self_reward.c_ref = \"reference\" (or \"auto\") needs the frozen base model, and one reference is kept; set kl.reference to \"base\"";
            return fail("kl.reference", "not \"base\"".into(), problem);
        }
        c.number(
            "entropy.max",
            e.max,
            e.target == 0.0 || e.max >= e.coefficient && e.max > 0.0,
            "must be above 0 and no less than entropy.coefficient",
        )?;
        if v.coefficient > 0.0 {
            if self.policy.advantage != AdvantageKind::NoBaseline {
                let problem = "the critic takes the place of every baseline; set policy.advantage = \"no_baseline\"";
                return fail("critic.coefficient", v.coefficient.to_string(), problem);
            }
            if self.self_reward.tau > 0.0 {
                let problem = "the self-reward's advantage is one per response and has no place among those of a critic; set it to 0";
                return fail("self_reward.tau", self.self_reward.tau.to_string(), problem);
            }
        }
        self.check_together(c)?;
        self.check_methods(c)?;
        self.check_correction(c)?;
        self.check_distillation(c)?;
        self.check_likelihood(c)?;
        if let Some(w) = self.policy.importance {
            let ok = match w.bound {
                RatioBound::Truncate { max } => max > 0.0 && max.is_finite(),
                RatioBound::Mask { low, high } | RatioBound::Reject { low, high } => {
                    low >= 0.0 && low < high && high.is_finite()
                }
            };
            if !ok {
                let problem = "needs max above 0, or low below high and neither negative";
                return fail("policy.importance.bound", format!("{:?}", w.bound), problem);
            }
        }
        Ok(())
    }

    fn check_self_reward(&self, c: &Checker) -> Result<(), TrainError> {
        let s = &self.self_reward;
        c.number(
            "self_reward.beta_v",
            s.beta_v as f64,
            s.beta_v > 0.0,
            "must be above 0",
        )?;
        c.number(
            "self_reward.alpha",
            s.alpha,
            s.alpha >= 0.0,
            "must not be negative",
        )?;
        c.number(
            "self_reward.tau",
            s.tau as f64,
            (0.0..=1.0).contains(&s.tau),
            "must lie between 0 and 1",
        )?;
        c.number(
            "self_reward.std_gate",
            s.std_gate as f64,
            s.std_gate >= 0.0,
            "must not be negative",
        )?;
        let bound = s.max_partition_excess;
        c.number(
            "self_reward.max_partition_excess",
            bound,
            bound > 0.0,
            "must be above 0",
        )?;
        c.number(
            "self_reward.initial_score",
            s.initial_score as f64,
            (0.0..1.0).contains(&s.initial_score),
            "must lie in [0, 1)",
        )?;
        if let CRef::Given(x) = s.c_ref {
            c.number(
                "self_reward.c_ref",
                x as f64,
                x < 0.0,
                "must be negative: it is a log-probability",
            )?;
        }
        let w = &self.warm_start;
        let target = w.self_reward_logp;
        c.number(
            "warm_start.self_reward_logp",
            target as f64,
            target < 0.0,
            "must be negative: it is a log-probability",
        )?;
        let weight = w.self_reward_weight;
        c.number(
            "warm_start.self_reward_weight",
            weight,
            weight >= 0.0,
            "must not be negative",
        )?;
        let cross_entropy = s.loss == SelfRewardLoss::CrossEntropy && !self.is_supervised();
        let token = &s.incorrect_token;
        if cross_entropy && (token.is_empty() || *token == s.token) {
            let problem = "the cross entropy needs a second unused token, for wrong responses";
            return c.fail(
                "self_reward.incorrect_token",
                format!("\"{token}\""),
                problem,
            );
        }
        if s.token.is_empty() && s.trains() && !self.is_supervised() {
            let problem = "alpha and tau need a token; name one or set both to 0";
            return c.fail("self_reward.token", "\"\"".into(), problem);
        }
        Ok(())
    }
}

pub(super) struct Checker<'a> {
    place: &'a dyn Fn(&str) -> String,
}

impl Checker<'_> {
    pub(super) fn fail(&self, key: &str, value: String, problem: &str) -> Result<(), TrainError> {
        Err(TrainError::Value {
            place: (self.place)(key),
            key: key.into(),
            value,
            problem: problem.into(),
        })
    }

    pub(super) fn number(
        &self,
        key: &str,
        value: f64,
        ok: bool,
        problem: &str,
    ) -> Result<(), TrainError> {
        match ok && value.is_finite() {
            true => Ok(()),
            false => self.fail(key, value.to_string(), problem),
        }
    }

    fn at_least(&self, key: &str, value: u64, least: u64) -> Result<(), TrainError> {
        self.number(
            key,
            value as f64,
            value >= least,
            &format!("must be at least {least}"),
        )
    }
}
