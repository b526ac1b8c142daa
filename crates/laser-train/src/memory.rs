//! What a run will hold in memory, worked out before anything is read.

use laser_model::{Layout, Lora, ModelConfig, Retain};
use laser_rollout::score::Prompts;

use crate::TrainError;
use crate::recipe::{ProductDtype, Recipe};

/// Bytes of a float.
const FLOAT: u64 = 4;
/// Columns to which the layout for products fills matrices up.
const PANEL: u64 = 32;
/// Floats of logits that the head holds at a time, at least this many rows of them.
const LOGITS: (u64, u64) = (1 << 22, 8);

/// One thing that takes memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What it is.
    pub name: &'static str,
    /// Bytes.
    pub bytes: u64,
    /// What lowers it.
    pub remedy: &'static str,
}

/// The memory of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPlan {
    /// Its parts, those of none left out.
    pub shares: Vec<Share>,
    /// What there is, in bytes; `None` where the system does not tell.
    pub available: Option<u64>,
}

impl MemoryPlan {
    /// Of a recipe with a model, on `threads` threads.
    pub(crate) fn new(
        recipe: &Recipe,
        config: &ModelConfig,
        lora: Option<&Lora>,
        context: usize,
        threads: usize,
    ) -> Self {
        let layout = Layout::new(config);
        let sum = |tensors: &[laser_model::TensorSpec]| {
            tensors.iter().map(|t| t.len() as u64).sum::<u64>()
        };
        let weights = sum(&layout.tensors);
        // Of every product's matrix one copy for the forward pass and one for the backward pass.
        let head = if config.tied { 0 } else { 1 };
        let matrices = layout.tensors.iter().skip(head).filter(|t| t.matrix);
        let fill = |n: usize| (n as u64).next_multiple_of(PANEL);
        let [forward, backward] = [0, 1].map(|way| {
            let packed = matrices.clone().map(|t| match way {
                0 => fill(t.rows) * t.cols as u64,
                _ => t.rows as u64 * fill(t.cols),
            });
            packed.sum::<u64>()
        });
        let trained = lora.map_or(weights, |l| sum(&l.tensors(config)));
        let adapter = match lora {
            // The values, their layouts for products, and one matrix that is being merged.
            Some(l) => {
                let laid_out = l
                    .tensors(config)
                    .iter()
                    .map(|t| fill(t.rows) * t.cols as u64 + t.rows as u64 * fill(t.cols))
                    .sum::<u64>();
                let largest = layout.tensors.iter().skip(1).map(|t| t.len() as u64).max();
                trained + laid_out + 2 * largest.unwrap_or(0)
            }
            None => 0,
        };
        let r = &recipe.rollout;
        let context = context as u64;
        let responses = recipe.responses() as u64;
        let micro = micro_batch(recipe, context);
        let retain = match recipe.gradient_checkpointing {
            true => Retain::Inputs,
            false => Retain::Everything,
        };
        let (kept, working) = retain.floats_per_token(config);
        let (_, scoring) = Retain::Nothing.floats_per_token(config);
        // A tied embedding's lookups wait for the end of an update.
        let lookups = match (config.tied, lora) {
            (true, None) => responses * context * config.hidden_size as u64,
            _ => 0,
        };
        let vocab = config.vocab_size as u64;
        let logits = LOGITS.0.max(LOGITS.1 * vocab);
        // Of every id beside the drawn one: itself, its log-probability, the gradient of that, and
        // where a teacher reads it the first two once more.
        let copies = if recipe.distillation.is_some() { 5 } else { 3 };
        let beside = copies * micro * (recipe.beside() as u64).min(vocab);
        let a = config.attention;
        let token = 2 * (config.layers * a.kv_heads * a.head_dim) as u64;
        // What is sampled at once: a step's responses, or where none are, a test's.
        let e = &recipe.evaluation;
        let (prompts, samples) = match recipe.is_supervised() {
            true => (e.problems, e.samples),
            false => (recipe.groups(), r.samples),
        };
        // A continued response is a prompt of its own.
        let (prompts, samples) = match recipe.is_supervised() || r.continuations == 0 {
            true => (prompts, samples),
            false => (prompts * samples, r.continuations),
        };
        let threads = (threads as u64).min(prompts as u64).max(1);
        let rows = (r.rows as u64).min((prompts * samples) as u64);
        // Rows keep the logits after their prompts, of which one more may be just ending.
        let held = rows.min(rows / samples.max(1) as u64 + 2);
        let decoding = rows * (vocab + scoring as u64) + held * vocab + context * scoring as u64;
        let reference = match recipe.needs_reference() {
            true => frozen(recipe, config, micro),
            false => 0,
        };
        // A copy on the host waits for the end of the step.
        let previous = match recipe.needs_previous() {
            true => frozen(recipe, config, micro) + weights,
            false => 0,
        };
        let shares = [
            ("weights", weights, "take a smaller model"),
            (
                "weights laid out for products",
                (forward + backward) / per_float(recipe),
                "take a smaller model",
            ),
            (
                "adapter",
                adapter,
                "lower lora.rank, or name fewer lora.targets",
            ),
            (
                "gradients",
                trained + lookups,
                "train an adapter: lora.rank = 16",
            ),
            ("optimizer", 2 * trained, "train an adapter: lora.rank = 16"),
            (
                "weights and optimizer at the start of a step",
                if recipe.updates() > 1 { 3 * trained } else { 0 },
                "make one update in a step: policy.passes = 1, policy.mini_batches = 1",
            ),
            (
                "reference model",
                reference,
                "set kl.coefficient = 0 and a constant self_reward.c_ref",
            ),
            (
                "states of a group",
                group_states(recipe, config, micro),
                "lower rollout.samples or rollout.max_new_tokens",
            ),
            (
                "the policy of the step before",
                previous,
                "leave preference.consistency out",
            ),
            (
                "activations kept for the backward pass",
                micro * kept as u64,
                match recipe.prompts() {
                    Prompts::Own => {
                        "set gradient_checkpointing = true, or lower tokens_per_micro_batch"
                    }
                    Prompts::Shared => {
                        "set gradient_checkpointing = true, lower tokens_per_micro_batch, or set share_prompts = false"
                    }
                },
            ),
            (
                "activations at work",
                micro * working as u64 + logits,
                match recipe.prompts() {
                    Prompts::Own => "lower tokens_per_micro_batch",
                    Prompts::Shared => "lower tokens_per_micro_batch, or set share_prompts = false",
                },
            ),
            (
                "log-probabilities beside those of the drawn tokens",
                beside,
                "lower top_k of the loss that looks at them, or tokens_per_micro_batch",
            ),
            (
                "KV cache",
                threads * rows * (context.next_multiple_of(PANEL)) * token,
                "lower rollout.rows or model.context",
            ),
            ("decoding", threads * decoding, "lower rollout.rows"),
        ];
        let shares = shares
            .into_iter()
            .filter(|s| s.1 > 0)
            .map(|(name, floats, remedy)| Share {
                name,
                bytes: floats * FLOAT,
                remedy,
            })
            .collect();
        let available = match recipe.memory_gib > 0.0 {
            true => Some((recipe.memory_gib * (1u64 << 30) as f64) as u64),
            false => available_memory(),
        };
        MemoryPlan { shares, available }
    }

    /// Adds a guide model of a shape.
    pub(crate) fn add_guide(&mut self, recipe: &Recipe, config: &ModelConfig, context: usize) {
        self.shares.push(Share {
            name: "guide model",
            bytes: frozen(recipe, config, micro_batch(recipe, context as u64)) * FLOAT,
            remedy: "take a smaller guide",
        });
    }

    /// Bytes of all parts.
    pub fn total(&self) -> u64 {
        self.shares.iter().map(|s| s.bytes).sum()
    }

    /// Refuses what cannot fit.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let Some(available) = self.available.filter(|a| self.total() > *a) else {
            return Ok(());
        };
        let gib = |bytes: u64| format!("{:.2} GiB", bytes as f64 / (1u64 << 30) as f64);
        let mut largest: Vec<&Share> = self.shares.iter().collect();
        largest.sort_by_key(|s| std::cmp::Reverse(s.bytes));
        let lines: String = largest
            .iter()
            .take(5)
            .map(|s| format!("\n  {:>10}  {}: {}", gib(s.bytes), s.name, s.remedy))
            .collect();
        Err(TrainError::Memory(format!(
            "the run needs about {} of memory, and there are {}; its largest parts, and what lowers them:{lines}\n(if the system says too little, memory_gib says how much there is)",
            gib(self.total()),
            gib(available)
        )))
    }
}

/// Floats that credits hold which compare the states of a group, at most: every token may be
/// another id.
fn group_states(recipe: &Recipe, config: &ModelConfig, micro: u64) -> u64 {
    let passes = recipe.passes();
    if recipe.is_supervised() || !(passes.influence || passes.divergence) {
        return 0;
    }
    let r = &recipe.rollout;
    let (width, vocab) = (config.hidden_size as u64, config.vocab_size as u64);
    let tokens = (r.samples * r.max_new_tokens) as u64;
    let ids = tokens.min(vocab);
    // Prediction errors, and a matrix of f64; one position's distributions, and the states in its
    // order.
    let influence = tokens * ids + 2 * ids * width;
    let divergence = tokens * width + r.samples as u64 * vocab;
    let most = match (passes.influence, passes.divergence) {
        (true, true) => influence.max(divergence),
        (true, false) => influence,
        (false, _) => divergence,
    };
    (micro + tokens) * width + most
}

/// Tokens of the largest micro-batch: one sequence at least, one pair, or all responses that share
/// a prompt, and no more than an update has.
fn micro_batch(recipe: &Recipe, context: u64) -> u64 {
    let r = &recipe.rollout;
    let least = match (&recipe.preference, recipe.prompts()) {
        (Some(_), _) => 2 * context,
        (None, Prompts::Own) => context,
        (None, Prompts::Shared) => context + (r.samples as u64 - 1) * r.max_new_tokens as u64,
    };
    (recipe.tokens_per_micro_batch as u64)
        .max(least)
        .min(recipe.responses() as u64 * context)
}

/// Numbers of a laid-out matrix in the place of a float.
fn per_float(recipe: &Recipe) -> u64 {
    match recipe.model.dtype {
        ProductDtype::Float32 => 1,
        ProductDtype::Bfloat16 => 2,
    }
}

/// Floats of a model that only scores micro-batches of so many tokens.
fn frozen(recipe: &Recipe, config: &ModelConfig, micro: u64) -> u64 {
    let layout = Layout::new(config);
    let head = if config.tied { 0 } else { 1 };
    let sizes = layout.tensors.iter().map(|t| t.len() as u64);
    let laid_out = layout.tensors.iter().skip(head).filter(|t| t.matrix);
    let laid_out = laid_out.map(|t| (t.rows as u64).next_multiple_of(PANEL) * t.cols as u64);
    let (_, scoring) = Retain::Nothing.floats_per_token(config);
    sizes.sum::<u64>() + laid_out.sum::<u64>() / per_float(recipe) + micro * scoring as u64
}

/// Bytes that this process may still take: what the system has left, or what its group may; `None`
/// where neither can be told.
pub fn available_memory() -> Option<u64> {
    let system = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
    let read = |file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse().ok()
    };
    let group = match (read("memory.max"), read("memory.current")) {
        (Some(max), Some(used)) => Some(max.saturating_sub(used)),
        _ => None,
    };
    match (system.map(|k| k * 1024), group) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use laser_model::Projection;
    use serde_json::json;

    /// The shape of Qwen2.5-0.5B.
    fn half_billion() -> ModelConfig {
        let raw = json!({
            "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4864,
            "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
            "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
            "tie_word_embeddings": true, "hidden_act": "silu"
        });
        ModelConfig::from_json(raw.as_object().unwrap()).unwrap()
    }

    fn recipe(settings: &[&str]) -> Recipe {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        Recipe::parse("test", "", &settings).unwrap()
    }

    fn share(plan: &MemoryPlan, name: &str) -> u64 {
        plan.shares
            .iter()
            .find(|s| s.name == name)
            .map_or(0, |s| s.bytes)
    }

    #[test]
    fn a_full_model_has_gradients_and_two_moments_for_every_weight() {
        let config = half_billion();
        assert_eq!(config.parameters(), 494_032_768);
        let plan = MemoryPlan::new(&recipe(&[]), &config, None, 128, 2);
        let weights = share(&plan, "weights");
        assert_eq!(weights, 4 * 494_032_768);
        assert_eq!(share(&plan, "optimizer"), 2 * weights);
        assert!(share(&plan, "gradients") >= weights);
        let laid_out = share(&plan, "weights laid out for products");
        assert!(
            (2 * weights - laid_out) * 1000 < weights,
            "biases and norms alone are missing"
        );
        assert_eq!(share(&plan, "adapter") + share(&plan, "reference model"), 0);
    }

    #[test]
    fn an_adapter_and_recomputed_activations_take_little() {
        let config = half_billion();
        let lora = Lora {
            rank: 16,
            alpha: 32.0,
            rank_stabilised: false,
            targets: Projection::ALL.to_vec(),
            token: None,
        };
        let kept = "activations kept for the backward pass";
        let full = MemoryPlan::new(&recipe(&[]), &config, None, 128, 2);
        let small = recipe(&["gradient_checkpointing=true"]);
        let small = MemoryPlan::new(&small, &config, Some(&lora), 128, 2);
        assert!(share(&small, "optimizer") * 50 < share(&full, "optimizer"));
        assert!(share(&small, kept) * 10 < share(&full, kept));
        // A constant number of tokens is kept, whatever the number of responses.
        let more = recipe(&["gradient_checkpointing=true", "rollout.prompts=512"]);
        let more = MemoryPlan::new(&more, &config, Some(&lora), 128, 2);
        assert_eq!(share(&small, kept), share(&more, kept));
    }

    #[test]
    fn credits_that_compare_states_hold_those_of_one_group() {
        let config = half_billion();
        let bytes = |settings: &[&str]| {
            let plan = MemoryPlan::new(&recipe(settings), &config, None, 128, 2);
            share(&plan, "states of a group")
        };
        assert_eq!(bytes(&[]), 0);
        for credit in ["hidden_reward={}", "divergence={}"] {
            let credit = format!("policy.credit=[{{{credit}}}]");
            let one = bytes(&[&credit]);
            assert!(one > 0);
            assert_eq!(bytes(&[&credit, "rollout.prompts=512"]), one, "{credit}");
            assert!(bytes(&[&credit, "rollout.samples=16"]) > one, "{credit}");
        }
    }

    #[test]
    fn models_that_only_score_count_with_their_own_shape() {
        let config = half_billion();
        let cream = "preference={pair='implicit',consistency='prompt'}";
        let cream = recipe(&[cream, "self_reward.tau=0"]);
        let mut plan = MemoryPlan::new(&cream, &config, None, 128, 2);
        let weights = share(&plan, "weights");
        let reference = share(&plan, "reference model");
        assert!(reference > 2 * weights - weights / 100);
        let before = share(&plan, "the policy of the step before");
        assert_eq!(before, reference + weights);
        let total = plan.total();
        let small = ModelConfig {
            layers: 1,
            ..config
        };
        plan.add_guide(&cream, &small, 128);
        let guide = share(&plan, "guide model");
        assert!(guide > 0 && guide < reference);
        assert_eq!(plan.total(), total + guide);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_the_keys_that_lower_it() {
        let message = |gib: &str| {
            let plan = MemoryPlan::new(&recipe(&[gib]), &half_billion(), None, 128, 2);
            plan.check().map_err(|e| e.to_string())
        };
        let refused = message("memory_gib=4").unwrap_err();
        for part in [
            "there are 4.00 GiB",
            "optimizer",
            "lora.rank",
            "gradient_checkpointing",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        assert_eq!(message("memory_gib=1000"), Ok(()));
    }
}
