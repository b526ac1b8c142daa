//! The guide: a frozen model beside the policy that rates the tokens of its responses.

use laser_kernels::{Cpu, Precision};
use laser_model::{ModelConfig, Text};

use crate::TrainError;
use crate::model_files::{Adapt, Source};
use crate::recipe::Recipe;
use crate::reference::Reference;

/// A guide that is loaded.
pub(crate) struct Guide {
    pub model: Reference,
    /// Identifies its weights: a run that goes on must go on with the same.
    pub identity: String,
}

/// A guide whose weights are yet to be read: everything else is known to fit.
pub(crate) struct GuideSource(Source);

impl GuideSource {
    /// The guide of a recipe, where it needs one, for a policy with this vocabulary and sequences
    /// of at most `context` tokens.
    ///
    /// # Errors
    /// A model that is missing, or that does not fit.
    pub(crate) fn open(
        recipe: &Recipe,
        config: &ModelConfig,
        text: &Text,
        context: usize,
    ) -> Result<Option<Self>, TrainError> {
        if !recipe.needs_guide() {
            return Ok(None);
        }
        let path = &recipe.guide.path;
        let fail = |problem: String| {
            Err(TrainError::Value {
                place: format!("recipe {}", recipe.name),
                key: "guide.path".into(),
                value: format!("\"{path}\""),
                problem,
            })
        };
        let source = match Source::named(path, "") {
            Ok(source) => source,
            Err(e) => {
                return fail(format!(
                    "no model to guide with: {e}; name a model's folder, such as the last checkpoint of an earlier run (laser train dpo leaves runs/dpo/checkpoints/step-200)"
                ));
            }
        };
        if !matches!(source.adapt, Adapt::No) {
            return fail(
                "is an adapter, and a guide is a whole model; merge it with laser export".into(),
            );
        }
        if source.config.vocab_size != config.vocab_size {
            return fail(format!(
                "has a vocabulary of {} tokens, the policy one of {}; a guide must have the policy's vocabulary",
                source.config.vocab_size, config.vocab_size
            ));
        }
        let differs = |id: &u32| source.text.token(*id) != text.token(*id);
        if let Some(id) = (0..config.vocab_size as u32).find(differs) {
            return fail(format!(
                "token {id} is {} there and {} in the policy's vocabulary; a guide must have the policy's vocabulary",
                named(source.text.token(id)),
                named(text.token(id))
            ));
        }
        if source.config.max_positions < context {
            return fail(format!(
                "reads at most {} tokens, and prompts with responses take up to {context}; take another guide, or lower rollout.max_new_tokens",
                source.config.max_positions
            ));
        }
        Ok(Some(GuideSource(source)))
    }

    /// Its shape.
    pub(crate) fn config(&self) -> &ModelConfig {
        &self.0.config
    }

    /// Reads the weights.
    pub(crate) fn load(self, cpu: &Cpu, context: usize, precision: Precision) -> Guide {
        let Source {
            config, tensors, ..
        } = self.0;
        let mut hash = 0u64;
        let tensors = tensors.inspect(|tensor| {
            for weight in tensor {
                hash = laser_rng::mix(hash ^ u64::from(weight.to_bits()));
            }
            hash = laser_rng::mix(hash.wrapping_add(1));
        });
        let model = Reference::new(cpu, config, tensors, context, precision);
        Guide {
            model,
            identity: format!("{hash:016x}"),
        }
    }
}

fn named(token: Option<String>) -> String {
    token.map_or("absent".into(), |t| format!("{t:?}"))
}
