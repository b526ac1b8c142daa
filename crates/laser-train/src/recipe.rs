//! What a run does: a TOML file, read, checked, and printed back.

use std::path::Path;

use laser_rl::AdvantageKind;
use laser_rollout::Sampling;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::tasks::{Mixture, Share};

/// A run. Every key has a default: that of the built-in recipe `laser`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Shown in reports.
    pub name: String,
    /// Of everything random: weights, problems, samples.
    pub seed: u64,
    /// Steps of reinforcement learning.
    pub steps: u64,
    /// Tokens in a forward and backward pass; memory grows with it, results do not change.
    pub micro_batch_tokens: usize,
    /// The model that is trained.
    pub model: Model,
    /// The supervised warm start that makes a base model.
    pub warm_start: WarmStart,
    /// What is sampled in a step.
    pub rollout: Rollout,
    /// How rewards become gradients.
    pub policy: Policy,
    /// LaSeR.
    pub self_reward: SelfRewarding,
    /// Of the reinforcement learning.
    pub optimizer: Optimizer,
    /// Tests before, during and after.
    pub evaluation: Evaluation,
    /// What is written when.
    pub save: Save,
    /// The problems.
    pub tasks: Vec<Share>,
}

/// The model that is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// A checkpoint in the Hugging Face layout to start from instead of a warm start; empty for a
    /// fresh model of the shape below with a vocabulary of characters.
    pub path: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Longest sequence, in tokens.
    pub context: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
}

/// Supervised training on written-out solutions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarmStart {
    /// Optimizer steps.
    pub steps: u64,
    /// Solutions in a step.
    pub batch_size: usize,
    /// log π(z_c) after a solution that the warm start aims at, in nats: it becomes c_ref. A small
    /// model gives an unused token far more than e^−23, which breaks log Z ≈ 0.
    pub self_reward_logp: f32,
    /// Weight of `(log π(z_c) − self_reward_logp)²` beside the cross entropy; 0 leaves z_c alone.
    pub self_reward_weight: f64,
    /// Optimizer.
    pub optimizer: Optimizer,
}

/// What is sampled in a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// Problems in a step.
    pub prompts: usize,
    /// Responses to each: the group.
    pub samples: usize,
    /// Longest response, in tokens.
    pub max_new_tokens: usize,
    /// Responses in flight on each thread.
    pub rows: usize,
    /// How tokens are drawn. Training needs the policy itself: temperature 1 and no filter.
    pub sampling: Sampling,
}

/// How rewards become gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// From the rewards of a group to advantages.
    pub advantage: AdvantageKind,
    /// The ratio is clipped below 1 − this.
    pub clip_low: f32,
    /// The ratio is clipped above 1 + this.
    pub clip_high: f32,
    /// Bound of the loss for negative advantages, at least 1; 0 switches it off.
    pub dual_clip: f32,
}

/// LaSeR: the last-token self-reward r_s = β_v (log π(z_c) − c_ref).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfRewarding {
    /// z_c: an unused token of the vocabulary. Empty switches the self-reward off altogether.
    pub token: String,
    /// β_v.
    pub beta_v: f32,
    /// The constant: `"measure"` for the mean over on-policy responses of the base, or a number.
    pub c_ref: CRef,
    /// Weight of the MSE beside the policy loss; 0 only measures, which is plain GRPO.
    pub alpha: f64,
    /// Whether right and wrong responses count equally in the MSE.
    pub class_weights: bool,
    /// Share of the self-reward's advantage.
    pub tau: f32,
    /// Groups whose clamped scores spread less than this keep the verifier's advantage.
    pub std_gate: f32,
    /// Steps before the MSE begins.
    pub reasoning_warmup: u64,
    /// Further steps before the advantage mix begins.
    pub mix_warmup: u64,
    /// Largest allowed π_ref(z_c) · e^(1/β_v), which is Z − 1 of the verification objective.
    pub max_partition_excess: f64,
    /// Go on although that bound is broken.
    pub allow_partition_excess: bool,
}

/// The reference constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CRef {
    /// Given, in nats.
    Given(f32),
    /// Measured on the base model.
    Measured(Measure),
}

/// The word `"measure"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Measure it.
    Measure,
}

/// AdamW and its schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// Peak learning rate.
    pub lr: f32,
    /// Course of the learning rate after its warm-up.
    pub schedule: Schedule,
    /// Steps over which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// Decoupled weight decay of matrices (norms and biases are not decayed).
    pub weight_decay: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Largest norm of the gradient; 0 does not clip.
    pub grad_clip: f64,
}

/// Course of the learning rate after its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls to zero in a straight line.
    Linear,
    /// Falls to zero along a half cosine.
    Cosine,
}

/// Learning rate of a step.
pub trait LearningRate {
    /// Of step `step`, counted from 1, of `steps`.
    fn at(&self, step: u64, steps: u64) -> f32;
}

impl LearningRate for Optimizer {
    fn at(&self, step: u64, steps: u64) -> f32 {
        if step <= self.warmup_steps {
            return self.lr * step as f32 / self.warmup_steps as f32;
        }
        let span = steps.saturating_sub(self.warmup_steps).max(1) as f32;
        // The last step still learns: progress counts the steps done before this one.
        let done = (step - self.warmup_steps - 1) as f32 / span;
        let factor = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - done,
            Schedule::Cosine => 0.5 * (1.0 + (std::f32::consts::PI * done).cos()),
        };
        self.lr * factor.max(0.0)
    }
}

/// Tests before, during and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// Test problems before and after.
    pub problems: usize,
    /// Responses to each.
    pub samples: usize,
    /// K of pass@k, maj@k and so on.
    pub ks: Vec<usize>,
    /// Resamples of the 95 % intervals.
    pub bootstrap: usize,
    /// Steps between tests during training; 0 for none.
    pub every: u64,
    /// Test problems of those.
    pub quick_problems: usize,
}

/// What is written when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Save {
    /// Steps between checkpoints; 0 only writes the last.
    pub every: u64,
    /// Checkpoints kept, the newest ones.
    pub keep: usize,
    /// Steps between files of sampled responses; 0 for none.
    pub samples_every: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            name: "laser".into(),
            seed: 1,
            steps: 200,
            micro_batch_tokens: 8192,
            model: Model::default(),
            warm_start: WarmStart::default(),
            rollout: Rollout::default(),
            policy: Policy::default(),
            self_reward: SelfRewarding::default(),
            optimizer: Optimizer::default(),
            evaluation: Evaluation::default(),
            save: Save::default(),
            tasks: vec![Share {
                task: "arithmetic".into(),
                weight: 1,
                steps: [3, 5],
                largest: 20,
            }],
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Model {
            path: String::new(),
            hidden_size: 128,
            layers: 4,
            heads: 4,
            kv_heads: 2,
            intermediate_size: 512,
            context: 128,
            initializer_range: 0.02,
        }
    }
}

impl Default for WarmStart {
    fn default() -> Self {
        WarmStart {
            steps: 400,
            batch_size: 128,
            self_reward_logp: -15.0,
            self_reward_weight: 0.001,
            optimizer: Optimizer {
                lr: 3e-3,
                schedule: Schedule::Cosine,
                warmup_steps: 20,
                ..Optimizer::default()
            },
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Rollout {
            prompts: 32,
            samples: 8,
            max_new_tokens: 64,
            rows: 32,
            sampling: Sampling::default(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            advantage: AdvantageKind::Grpo,
            clip_low: 0.2,
            clip_high: 0.2,
            dual_clip: 3.0,
        }
    }
}

impl Default for SelfRewarding {
    fn default() -> Self {
        SelfRewarding {
            token: crate::demo::SELF_REWARD.into(),
            beta_v: 0.2,
            c_ref: CRef::Measured(Measure::Measure),
            alpha: 1.0,
            class_weights: true,
            tau: 0.1,
            std_gate: 0.1,
            reasoning_warmup: 0,
            mix_warmup: 50,
            max_partition_excess: 1e-3,
            allow_partition_excess: false,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer {
            lr: 1e-3,
            schedule: Schedule::Constant,
            warmup_steps: 5,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            grad_clip: 1.0,
        }
    }
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            problems: 256,
            samples: 16,
            ks: vec![1, 2, 4, 8, 16],
            bootstrap: 1000,
            every: 25,
            quick_problems: 64,
        }
    }
}

impl Default for Save {
    fn default() -> Self {
        Save {
            every: 100,
            keep: 2,
            samples_every: 25,
        }
    }
}

impl Recipe {
    /// Reads a recipe, applies `a.b=value` settings, and checks it.
    ///
    /// # Errors
    /// Names file and line, or the setting, and the key.
    pub fn parse(file: &str, text: &str, settings: &[String]) -> Result<Self, TrainError> {
        // First the file alone, so that its errors carry its lines.
        let syntax = |message: String| TrainError::Syntax {
            file: file.into(),
            message,
        };
        toml::from_str::<Recipe>(text).map_err(|e| syntax(e.to_string()))?;
        let mut table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| syntax(e.to_string()))?;
        for setting in settings {
            apply(&mut table, setting)?;
        }
        let recipe: Recipe = table
            .try_into()
            .map_err(|e: toml::de::Error| TrainError::Syntax {
                file: format!("--set {}", settings.join(" --set ")),
                message: e.to_string(),
            })?;
        recipe.check(&|key| place(file, text, settings, key))?;
        Ok(recipe)
    }

    /// Reads a recipe file.
    pub fn load(path: &Path, settings: &[String]) -> Result<Self, TrainError> {
        Self::parse(
            &path.display().to_string(),
            &crate::files::read(path)?,
            settings,
        )
    }

    /// The recipe with every key, as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a recipe is plain data: {e}"))
    }

    /// Checks ranges and combinations; `place` says where a key was set.
    fn check(&self, place: &dyn Fn(&str) -> String) -> Result<(), TrainError> {
        let fail = |key: &str, value: String, problem: &str| {
            Err(TrainError::Value {
                place: place(key),
                key: key.into(),
                value,
                problem: problem.into(),
            })
        };
        let c = Checker { place };
        c.at_least("steps", self.steps, 1)?;
        c.at_least("micro_batch_tokens", self.micro_batch_tokens as u64, 1)?;
        let m = &self.model;
        for (key, value) in [
            ("model.hidden_size", m.hidden_size),
            ("model.layers", m.layers),
            ("model.heads", m.heads),
            ("model.kv_heads", m.kv_heads),
            ("model.intermediate_size", m.intermediate_size),
            ("model.context", m.context),
            ("warm_start.batch_size", self.warm_start.batch_size),
            ("rollout.prompts", self.rollout.prompts),
            ("rollout.samples", self.rollout.samples),
            ("rollout.max_new_tokens", self.rollout.max_new_tokens),
            ("rollout.rows", self.rollout.rows),
            ("evaluation.problems", self.evaluation.problems),
            ("evaluation.samples", self.evaluation.samples),
            ("evaluation.bootstrap", self.evaluation.bootstrap),
            ("save.keep", self.save.keep),
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
        if m.path.is_empty() {
            c.at_least("warm_start.steps", self.warm_start.steps, 1)?;
        }
        if self.rollout.samples < 2 && self.policy.advantage != AdvantageKind::DrGrpo {
            let problem = "an advantage within the group needs at least 2 responses to a problem";
            return fail("rollout.samples", self.rollout.samples.to_string(), problem);
        }
        if let Err(e) = self.rollout.sampling.validate() {
            return fail("rollout.sampling", String::from("{…}"), &e.to_string());
        }
        if !self.rollout.sampling.is_on_policy() {
            let problem = "training needs samples of the policy itself: temperature = 1, top_p = 1, top_k = 0, min_p = 0";
            return fail("rollout.sampling", String::from("{…}"), problem);
        }
        let p = &self.policy;
        c.number(
            "policy.clip_low",
            p.clip_low as f64,
            p.clip_low > 0.0 && p.clip_low < 1.0,
            "must lie between 0 and 1",
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
        self.check_self_reward(&c, place)?;
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
        if e.every > 0 {
            c.at_least("evaluation.quick_problems", e.quick_problems as u64, 1)?;
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
            let needed = longest.prompt + self.rollout.max_new_tokens;
            if needed > m.context {
                let problem = format!(
                    "prompts and rollout.max_new_tokens together take up to {needed} tokens"
                );
                return fail("model.context", m.context.to_string(), &problem);
            }
        }
        Ok(())
    }

    fn check_self_reward(
        &self,
        c: &Checker,
        place: &dyn Fn(&str) -> String,
    ) -> Result<(), TrainError> {
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
        if s.token.is_empty() && (s.alpha > 0.0 || s.tau > 0.0) {
            return Err(TrainError::Value {
                place: place("self_reward.token"),
                key: "self_reward.token".into(),
                value: "\"\"".into(),
                problem: "alpha and tau need a token; name one or set both to 0".into(),
            });
        }
        Ok(())
    }
}

struct Checker<'a> {
    place: &'a dyn Fn(&str) -> String,
}

impl Checker<'_> {
    fn number(&self, key: &str, value: f64, ok: bool, problem: &str) -> Result<(), TrainError> {
        if ok && value.is_finite() {
            return Ok(());
        }
        Err(TrainError::Value {
            place: (self.place)(key),
            key: key.into(),
            value: value.to_string(),
            problem: problem.into(),
        })
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

/// Applies `a.b=value`; the value is TOML, or a bare string.
fn apply(table: &mut toml::Table, setting: &str) -> Result<(), TrainError> {
    let bad = |problem: &str| TrainError::Value {
        place: "--set".into(),
        key: setting.split('=').next().unwrap_or_default().trim().into(),
        value: setting
            .split_once('=')
            .map_or(String::new(), |s| s.1.into()),
        problem: problem.into(),
    };
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| bad("expected key=value, as in steps=100"))?;
    let value = value.trim();
    let parsed = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.into()));
    let mut path: Vec<&str> = key.split('.').map(str::trim).collect();
    let last = path
        .pop()
        .filter(|k| !k.is_empty())
        .ok_or_else(|| bad("the key is empty"))?;
    let mut here = table;
    for part in path {
        here = here
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| bad(&format!("'{part}' is not a table")))?;
    }
    here.insert(last.into(), value);
    Ok(())
}

/// Where a key was set: the flag, or file and line; the nearest enclosing table otherwise.
fn place(file: &str, text: &str, settings: &[String], key: &str) -> String {
    if settings
        .iter()
        .any(|s| s.split('=').next().is_some_and(|k| k.trim() == key))
    {
        return "--set".into();
    }
    let Ok(table) = toml::de::DeTable::parse(text) else {
        return file.into();
    };
    let mut here = table.get_ref();
    let mut at = None;
    for part in key.split('.') {
        let Some((k, v)) = here.iter().find(|(k, _)| k.get_ref() == part) else {
            break;
        };
        at = Some(k.span().start);
        match v.get_ref() {
            toml::de::DeValue::Table(t) => here = t,
            _ => break,
        }
    }
    match at {
        Some(at) => format!(
            "{file}, line {}",
            text[..at].lines().count().max(1) + usize::from(text[..at].ends_with('\n'))
        ),
        None => format!("{file} (by default)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, settings: &[&str]) -> String {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        Recipe::parse("r.toml", text, &settings)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_empty_recipe_is_the_built_in_one_and_survives_a_round_trip() {
        let recipe = Recipe::parse("r.toml", "", &[]).unwrap();
        assert_eq!(recipe, Recipe::default());
        assert_eq!(
            Recipe::parse("r.toml", &recipe.to_toml(), &[]).unwrap(),
            recipe
        );
    }

    #[test]
    fn settings_override_the_file() {
        let settings = [
            "self_reward.alpha=0".into(),
            "name = x y".into(),
            "evaluation.ks=[1, 2]".into(),
        ];
        let recipe = Recipe::parse("r.toml", "[self_reward]\nalpha = 5.0\n", &settings).unwrap();
        assert_eq!(
            (recipe.self_reward.alpha, recipe.name.as_str()),
            (0.0, "x y")
        );
        assert_eq!(recipe.evaluation.ks, [1, 2]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let e = error("seed = 1\n\n[self_reward]\nbeta = 0.1\n", &[]);
        assert!(
            e.contains("r.toml") && e.contains("line 4") && e.contains("beta"),
            "{e}"
        );
        let e = error("", &["rollout.sample=3"]);
        assert!(e.contains("--set") && e.contains("sample"), "{e}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_line_and_key() {
        let e = error("seed = 1\n[self_reward]\n# why\nbeta_v = -0.1\n", &[]);
        assert!(
            e.contains("r.toml, line 4") && e.contains("self_reward.beta_v = -0.1"),
            "{e}"
        );
        let e = error("steps = 0\n", &[]);
        assert!(e.contains("line 1") && e.contains("steps = 0"), "{e}");
        let e = error("", &["optimizer.lr=0"]);
        assert!(e.starts_with("--set: optimizer.lr = 0"), "{e}");
        for (text, key) in [
            ("[rollout]\nsamples = 1", "rollout.samples"),
            ("[rollout.sampling]\ntemperature = 0.7", "rollout.sampling"),
            ("[rollout]\nmax_new_tokens = 10", "rollout.max_new_tokens"),
            ("[model]\ncontext = 70", "model.context"),
            ("[model]\nheads = 3", "model.heads"),
            ("[model]\nkv_heads = 3", "model.kv_heads"),
            ("[self_reward]\nc_ref = 3.0", "self_reward.c_ref"),
            ("[self_reward]\ntoken = \"\"", "self_reward.token"),
            ("[evaluation]\nks = [32]", "evaluation.ks"),
            (
                "tasks = [{task = \"chess\", steps = [1, 2], largest = 9}]",
                "tasks",
            ),
            ("[optimizer]\nlr = nan", "optimizer.lr"),
        ] {
            let e = error(text, &[]);
            assert!(e.contains(key), "{e}");
        }
    }

    #[test]
    fn the_learning_rate_warms_up_and_falls_to_zero_after_the_last_step() {
        let at = |schedule, step| {
            Optimizer {
                lr: 2.0,
                warmup_steps: 4,
                schedule,
                ..Default::default()
            }
            .at(step, 12)
        };
        assert_eq!(
            [
                at(Schedule::Linear, 1),
                at(Schedule::Linear, 4),
                at(Schedule::Linear, 5)
            ],
            [0.5, 2.0, 2.0]
        );
        assert_eq!(
            [at(Schedule::Linear, 9), at(Schedule::Linear, 12)],
            [1.0, 0.25]
        );
        assert!((at(Schedule::Cosine, 9) - 1.0).abs() < 1e-6);
        assert_eq!(at(Schedule::Constant, 12), 2.0);
    }
}
