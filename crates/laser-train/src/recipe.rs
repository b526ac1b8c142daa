//! What a run does: a TOML file, read, checked, and printed back.

mod about;
mod check;
mod correction;
mod distillation;
mod guide;
mod layers;
mod likelihood;
mod lora;
mod methods;
mod preference;
mod prefix;
mod regularizers;
mod reward;
mod self_reward;
mod settings;
mod supervised;
mod together;

use std::path::Path;

use laser_kernels::Precision;
use laser_model::checkpoint::WeightType;
use laser_rl::{
    AdvantageKind, Aggregation, Credit, ImportanceWeights, PolicyLoss, PpoClip, Preference,
    Shaping, SupervisedLoss, TokenReward,
};
use laser_rollout::score::Prompts;
use laser_rollout::{Cautious, Sampling};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::tasks::Share;
pub use about::{About, METHODS};
pub use correction::Correction;
pub(crate) use correction::QUESTION;
pub use distillation::SelfDistillation;
pub use guide::GuideModel;
pub use layers::{BUILT_IN, built_in};
use layers::{layers, merge};
pub use likelihood::LikelihoodReward;
pub use lora::LoraSettings;
pub use prefix::PrefixSettings;
pub use regularizers::{Critic, EntropyBonus, Kl, KlPlace, ReferenceKind};
pub use reward::{PartKind, RewardPart};
pub use self_reward::{CRef, Measure, SelfRewardLoss, SelfRewarding};
use settings::{apply, place};
pub use supervised::{Method, Supervised};

/// A run. Every key has a default: that of the built-in recipe `laser`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The recipe whose keys hold where this one does not set them: a file, seen from the folder of
    /// this one, or a built-in name. Empty once it is read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// Shown in reports.
    pub name: String,
    /// How the model learns. With `supervised` the tables `policy`, `reward`, `kl`, `entropy` and
    /// `critic` have no part in training.
    pub method: Method,
    /// Of everything random: weights, problems, samples.
    pub seed: u64,
    /// Steps of training, after a warm start if there is one. A run with a constant learning rate may be resumed with
    /// more of them. With one that falls (linear, cosine) it may not: the steps that are done
    /// would have had another learning rate.
    pub steps: u64,
    /// Tokens in a forward and backward pass, but the responses to a problem at least where they
    /// share its prompt; memory grows with it, results do not change.
    pub tokens_per_micro_batch: usize,
    /// Compute a prompt once for all responses to it in training, not once for each; they then stay
    /// in one micro-batch. Less work, other rounding.
    pub share_prompts: bool,
    /// Keep the inputs of the blocks alone and compute each block once more in the backward pass:
    /// less memory, about a third more work in training, the same results.
    pub gradient_checkpointing: bool,
    /// Memory that the run may take, in GiB; 0 asks the system. A run that needs more is refused
    /// before it starts.
    pub memory_gib: f64,
    /// The model that is trained.
    pub model: Model,
    /// An adapter that is trained instead.
    pub lora: LoraSettings,
    /// The supervised warm start that makes a base model.
    pub warm_start: WarmStart,
    /// Imitation, with `method = "supervised"`.
    pub supervised: Supervised,
    /// What is sampled in a step.
    pub rollout: Rollout,
    /// A second turn, in which the model corrects itself; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// What a response is rewarded for: the weighted sum of these parts.
    pub reward: Vec<RewardPart>,
    /// How rewards become gradients.
    pub policy: Policy,
    /// KL to a reference policy.
    pub kl: Kl,
    /// Self-distillation; absent, every response has the policy loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<SelfDistillation>,
    /// A bonus for entropy.
    pub entropy: EntropyBonus,
    /// PPO's critic.
    pub critic: Critic,
    /// Learning from pairs of responses instead of advantages. The tables `kl`, `entropy`, `critic`,
    /// `distillation`, `correction` and `likelihood` are then refused, and of `policy` the keys of
    /// advantages and of their loss have no part. Absent: advantages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// A further model that rates tokens.
    pub guide: GuideModel,
    /// A reward that is the likelihood of the gold answer; absent: none, and no pass for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<LikelihoodReward>,
    /// LaSeR.
    pub self_reward: SelfRewarding,
    /// Of the training, after a warm start if there is one.
    pub optimizer: Optimizer,
    /// Tests before, during and after.
    pub evaluation: Evaluation,
    /// What is written when.
    pub save: Save,
    /// The problems that are made, where none are read from files.
    pub tasks: Vec<Share>,
    /// Problems from files; relative paths are seen from where the program is started.
    pub data: laser_data::Settings,
}

/// The model that is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// A model to start from instead of a warm start: a folder in the Hugging Face layout, an
    /// adapter folder of PEFT, or a name on the hub such as `Qwen/Qwen2.5-0.5B`; empty for a fresh
    /// model of the shape below with a vocabulary of characters.
    pub path: String,
    /// Branch, tag or commit of a model on the hub; empty for the main one.
    pub revision: String,
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
    /// Longest sequence, in tokens; 0, for a model that is there, as many as the prompts and
    /// `rollout.max_new_tokens` need.
    pub context: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// How products read the weight matrices, in training, sampling and scoring alike. The weights
    /// that the optimizer changes, activations, sums and gradients are float32 in either case. Not
    /// written out where it is float32, so that older runs are known again.
    #[serde(skip_serializing_if = "ProductDtype::is_float32")]
    pub dtype: ProductDtype,
}

/// Why an adapter is not trained on weights in bfloat16.
pub(crate) const ADAPTER_IN_BFLOAT16: &str = "products read an adapter merged into its matrices, where bfloat16 rounds away most of what it changes: leave float32, or train all weights (lora.rank = 0)";

/// How products read weight matrices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductDtype {
    /// As they are.
    #[default]
    Float32,
    /// Rounded to bfloat16: half the memory, and faster sampling where the weights do not fit into
    /// a cache.
    Bfloat16,
}

impl ProductDtype {
    fn is_float32(&self) -> bool {
        *self == ProductDtype::Float32
    }

    /// What the engine calls it.
    pub fn precision(self) -> Precision {
        match self {
            ProductDtype::Float32 => Precision::F32,
            ProductDtype::Bfloat16 => Precision::Bf16,
        }
    }
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
    /// What is minimised on the solutions. The cross entropy is not written out, so that a base
    /// model is known again that was made before there was another loss.
    #[serde(skip_serializing_if = "SupervisedLoss::is_cross_entropy")]
    pub loss: SupervisedLoss,
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
    /// Forms of each problem that are sampled, each a group of its own: 2 adds a paraphrase. Files
    /// have it in a column; of a built-in task it is the same problem in another order.
    pub views: usize,
    /// Rounds of further problems in place of those whose responses are all right or all wrong
    /// (DAPO's dynamic sampling); 0 trains on what the first round gives.
    pub refills: u32,
    /// Other ends that are sampled to the prefix of each response; those that are right are added
    /// to its reward. 0 samples none.
    pub continuations: usize,
    /// The prefix of a response.
    pub prefix: PrefixSettings,
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
    /// Changes to the rewards of a step before they become advantages, in this order.
    pub shaping: Vec<Shaping>,
    /// Rewards of single tokens: with a critic those of the tokens, else their sum is a part of the
    /// reward of the response.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_rewards: Vec<TokenReward>,
    /// From the rewards of a step to advantages.
    pub advantage: AdvantageKind,
    /// From the advantage of a response to those of its tokens, in this order.
    pub credit: Vec<Credit>,
    /// The surrogate.
    pub loss: LossKind,
    /// The ratio is clipped below 1 − this; 1 leaves that side open.
    pub clip_low: f32,
    /// The ratio is clipped above 1 + this.
    pub clip_high: f32,
    /// Bound of `ppo_clip` for negative advantages, at least 1; 0 switches it off.
    pub dual_clip: f32,
    /// What the loss of a step is the mean of.
    pub aggregation: Aggregation,
    /// Passes over the responses of a step.
    pub passes: u64,
    /// Optimizer updates in a pass, each on its share of the problems.
    pub mini_batches: usize,
    /// Truncated responses carry no policy loss (DAPO's over-long filtering).
    pub overlong_filter: bool,
    /// Tokens before `rollout.max_new_tokens` over which the reward falls by one (DAPO's soft
    /// over-long penalty); 0 switches it off.
    pub overlong_tokens: usize,
    /// Weights that correct for a difference between the log-probabilities of sampler and trainer;
    /// the ratios of the surrogate are then taken to the trainer's. Absent: no correction, and no
    /// pass for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<ImportanceWeights>,
}

impl Evaluation {
    /// How tests sample.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            cautious: self.cautious,
            ..Sampling::default()
        }
    }
}

impl Policy {
    /// The surrogate with its bounds.
    pub(crate) fn loss(&self) -> PolicyLoss {
        let (clip_low, clip_high) = (self.clip_low, self.clip_high);
        match self.loss {
            LossKind::PpoClip => PolicyLoss::PpoClip(PpoClip {
                clip_low,
                clip_high,
                dual_clip: (self.dual_clip > 0.0).then_some(self.dual_clip),
            }),
            LossKind::Gspo => PolicyLoss::Gspo {
                clip_low,
                clip_high,
            },
            LossKind::GspoToken => PolicyLoss::GspoToken {
                clip_low,
                clip_high,
            },
            LossKind::Cispo => PolicyLoss::Cispo {
                clip_low: Some(clip_low),
                clip_high,
            },
            LossKind::Reinforce => PolicyLoss::Reinforce,
        }
    }
}

/// A surrogate of the policy's gain; the formulas are those of [`laser_rl::PolicyLoss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// A clipped ratio per token (PPO, GRPO, DAPO).
    #[default]
    PpoClip,
    /// A clipped ratio per response.
    Gspo,
    /// The same value, a gradient per token.
    GspoToken,
    /// A clipped weight that keeps every token's gradient.
    Cispo,
    /// The plain policy gradient.
    Reinforce,
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
    /// Steps in a row that may be skipped because a number in them is not finite, before the run
    /// stops; 0 stops at the first.
    pub max_skipped: u64,
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

impl Schedule {
    /// Whether the learning rate of a step depends on how many there are.
    pub(crate) fn falls(self) -> bool {
        match self {
            Schedule::Constant => false,
            Schedule::Linear | Schedule::Cosine => true,
        }
    }
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
    /// Tests during training in a row without a better value of `save.best` after which training
    /// ends early; 0 never ends it.
    pub patience: u64,
    /// Tests try several continuations where the model is unsure; absent: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cautious: Option<Cautious>,
    /// Powers of Borda votes over the self-certainty, beside the usual one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub borda: Vec<f64>,
}

/// What is written when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Save {
    /// Steps between checkpoints; 0 only writes the last.
    pub every: u64,
    /// Checkpoints kept, the newest ones.
    pub keep: usize,
    /// Type of the weights in a checkpoint's model. Where it is not `float32`, what training goes
    /// on from lies beside it, exact.
    pub dtype: WeightType,
    /// Bytes after which weights are cut into a further file.
    pub max_shard_bytes: u64,
    /// Metric of the tests during training, as it is named in `evals.jsonl` (`accuracy`,
    /// `weighted_at.8`, `self_verification.auroc`), whose best checkpoint is kept too; empty for
    /// none.
    pub best: String,
    /// Steps of the warm start between checkpoints; 0 for none.
    pub warm_start_every: u64,
    /// Minutes after which the run saves and stops, to be continued with `--resume`; 0 for no
    /// limit. They count from each start of the program.
    pub time_budget_minutes: f64,
    /// Steps between files of sampled responses; 0 for none.
    pub samples_every: u64,
    /// Steps between tables of a few responses on the terminal; 0 for none.
    pub table_every: u64,
    /// Whether the metrics are also written as TensorBoard event files.
    pub tensorboard: bool,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            base: String::new(),
            name: "laser".into(),
            method: Method::Reinforce,
            seed: 1,
            steps: 200,
            tokens_per_micro_batch: 8192,
            share_prompts: true,
            gradient_checkpointing: false,
            memory_gib: 0.0,
            model: Model::default(),
            lora: LoraSettings::default(),
            warm_start: WarmStart::default(),
            supervised: Supervised::default(),
            rollout: Rollout::default(),
            correction: None,
            reward: vec![RewardPart::new(PartKind::Verifier)],
            policy: Policy::default(),
            kl: Kl::default(),
            distillation: None,
            entropy: EntropyBonus::default(),
            critic: Critic::default(),
            preference: None,
            guide: GuideModel::default(),
            likelihood: None,
            self_reward: SelfRewarding::default(),
            optimizer: Optimizer::default(),
            evaluation: Evaluation::default(),
            save: Save::default(),
            tasks: [
                ("countdown", 4, [2, 3], 10),
                ("arithmetic", 1, [3, 5], 15),
                ("peak", 1, [3, 5], 15),
            ]
            .map(|(task, weight, steps, largest)| Share {
                task: task.into(),
                weight,
                steps,
                largest,
            })
            .to_vec(),
            data: laser_data::Settings::default(),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Model {
            path: String::new(),
            revision: String::new(),
            hidden_size: 128,
            layers: 6,
            heads: 4,
            kv_heads: 2,
            intermediate_size: 256,
            context: 128,
            initializer_range: 0.02,
            dtype: ProductDtype::default(),
        }
    }
}

impl Default for WarmStart {
    fn default() -> Self {
        WarmStart {
            steps: 2000,
            batch_size: 40,
            self_reward_logp: -15.0,
            self_reward_weight: 0.001,
            loss: SupervisedLoss::CrossEntropy,
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
            prompts: 64,
            samples: 8,
            views: 1,
            refills: 0,
            continuations: 0,
            prefix: PrefixSettings::default(),
            max_new_tokens: 64,
            rows: 32,
            sampling: Sampling::default(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            shaping: Vec::new(),
            token_rewards: Vec::new(),
            advantage: AdvantageKind::Grpo,
            credit: Vec::new(),
            clip_low: 0.2,
            clip_high: 0.2,
            dual_clip: 3.0,
            loss: LossKind::PpoClip,
            aggregation: Aggregation::TokenMean,
            passes: 1,
            mini_batches: 1,
            overlong_filter: false,
            overlong_tokens: 0,
            importance: None,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer {
            lr: 5e-4,
            schedule: Schedule::Linear,
            warmup_steps: 20,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            grad_clip: 1.0,
            max_skipped: 3,
        }
    }
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            problems: 512,
            samples: 16,
            ks: vec![1, 2, 4, 8, 16],
            bootstrap: 1000,
            every: 50,
            quick_problems: 64,
            patience: 0,
            cautious: None,
            borda: Vec::new(),
        }
    }
}

impl Default for Save {
    fn default() -> Self {
        Save {
            every: 100,
            keep: 2,
            dtype: WeightType::Float32,
            max_shard_bytes: 5_000_000_000,
            best: String::new(),
            warm_start_every: 250,
            time_budget_minutes: 0.0,
            samples_every: 25,
            table_every: 50,
            tensorboard: true,
        }
    }
}

impl Recipe {
    /// Whether the model learns from written responses.
    pub(crate) fn is_supervised(&self) -> bool {
        self.method == Method::Supervised
    }

    /// Whether the run has to do with z_c: one that learns from written responses only where it
    /// prepares it.
    pub(crate) fn uses_self_reward_token(&self) -> bool {
        let prepared = !self.is_supervised() || self.supervised.self_reward_weight > 0.0;
        !self.self_reward.token.is_empty() && prepared
    }

    /// Optimizer updates in a step.
    pub(crate) fn updates(&self) -> u64 {
        match self.method {
            Method::Supervised => 1,
            Method::Reinforce => self.policy.passes * self.policy.mini_batches as u64,
        }
    }

    /// Responses that a step trains on.
    pub(crate) fn responses(&self) -> usize {
        match self.method {
            Method::Supervised => self.supervised.batch_size,
            Method::Reinforce => self.groups() * self.rollout.samples,
        }
    }

    /// What becomes of the prompt of a group in training. In a supervised run prompts seldom repeat
    /// beside each other, and nothing bounds how often they do.
    pub(crate) fn prompts(&self) -> Prompts {
        match self.share_prompts && !self.is_supervised() {
            true => Prompts::Shared,
            false => Prompts::Own,
        }
    }

    /// Most tokens that a step can sample: responses, continuations, those of the base model,
    /// judgements.
    pub(crate) fn sampled_tokens(&self) -> usize {
        let r = &self.rollout;
        let own = self.responses() * (1 + r.continuations);
        let judged = self.responses() * self.judgement_tokens();
        (own + self.groups() * self.passes().reference_rewards) * r.max_new_tokens + judged
    }

    /// Groups of responses in a step.
    pub(crate) fn groups(&self) -> usize {
        let attempts = 1 + usize::from(self.correction.is_some());
        self.rollout.prompts * self.rollout.views * attempts
    }

    /// Tokens of a built-in problem, where each character is one: its prompt and every turn.
    pub(crate) fn longest_task(&self, prompt: usize) -> usize {
        let response = self.rollout.max_new_tokens;
        let second = self.correction.as_ref().map(|c| c.chars(prompt, response));
        prompt + response + second.unwrap_or(0)
    }

    /// Ids of a position beside the drawn one whose log-probabilities a loss reads, at most.
    pub(crate) fn beside(&self) -> usize {
        match self.is_supervised() {
            true => self.supervised.loss.likeliest(),
            false => {
                let distilled = self.distillation.as_ref().map_or(0, |d| d.likeliest());
                distilled.max(self.warm_start.loss.likeliest())
            }
        }
    }

    /// Whether a second set of weights is kept to hold the policy against.
    pub(crate) fn needs_reference(&self) -> bool {
        !self.is_supervised()
            && (self.kl.coefficient > 0.0
                || self.self_reward.may_be_per_response()
                || self.passes().reference
                || self.distillation.is_some()
                || self.passes().reference_rewards > 0)
    }

    /// Whether the policy as it was at the start of the step before is kept.
    pub(crate) fn needs_previous(&self) -> bool {
        !self.is_supervised() && self.passes().previous
    }

    /// Whether a guide model is kept.
    pub(crate) fn needs_guide(&self) -> bool {
        !self.is_supervised() && self.passes().guide
    }

    /// Reads a recipe with those that it is based on, applies `a.b=value` settings, and checks it.
    ///
    /// # Errors
    /// Names file and line, or the setting, and the key.
    pub fn parse(file: &str, text: &str, settings: &[String]) -> Result<Self, TrainError> {
        let syntax = |file: &str, error: toml::de::Error| TrainError::Syntax {
            file: file.into(),
            message: error.to_string(),
        };
        // First every file alone, so that its errors carry its lines.
        toml::from_str::<Recipe>(text).map_err(|e| syntax(file, e))?;
        let layers = layers(file, text)?;
        let mut table = toml::Table::new();
        for layer in &layers {
            toml::from_str::<Recipe>(&layer.text).map_err(|e| syntax(&layer.file, e))?;
            merge(
                &mut table,
                layer.text.parse().map_err(|e| syntax(&layer.file, e))?,
            );
        }
        table.remove("base");
        for setting in settings {
            apply(&mut table, setting)?;
        }
        let recipe: Recipe = table
            .try_into()
            .map_err(|e| syntax(&format!("--set {}", settings.join(" --set ")), e))?;
        recipe.check(&|key| place(&layers, settings, key))?;
        Ok(recipe)
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// Those of [`Recipe::parse`], and a file that is no text or cannot be read.
    pub fn load(path: &Path, settings: &[String]) -> Result<Self, TrainError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| TrainError::Syntax {
            file: file.clone(),
            message: match e.kind() {
                _ if path.is_dir() => "a folder, not a recipe file".into(),
                std::io::ErrorKind::InvalidData => "not a recipe: not UTF-8 text".into(),
                _ => format!("the recipe cannot be read: {e}"),
            },
        })?;
        Self::parse(&file, &text, settings)
    }

    /// The recipe with every key, as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a recipe is plain data: {e}"))
    }
}

#[cfg(test)]
mod tests;
