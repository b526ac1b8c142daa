//! Decoder models (Qwen2, Qwen3, Llama, Mistral).
//!
//! - [`ModelConfig`]: `config.json`; [`Layout`]: the weight tensors and their names.
//! - [`Decoder`]: forward over packed batches, [`Decoder::gather`] of log-probabilities,
//!   [`Decoder::backward`]; [`Decoder::prefill`] and [`Decoder::decode`] for generation.
//! - [`checkpoint`]: folders in the Hugging Face layout; [`hub`]: such folders by the name
//!   `org/name`; [`Text`]: tokenizer and chat template; [`GenerationDefaults`]: what the makers
//!   sample with.

mod backward;
pub mod checkpoint;
mod config;
mod decoder;
mod error;
mod generation;
mod generation_defaults;
pub mod hub;
mod init;
mod json;
mod layout;
mod rope;
mod text;

pub use backward::HeadGradient;
pub use config::{Architecture, ModelConfig, StoredDtype};
pub use decoder::{Decoder, Gathered, Gradients, Workspace};
pub use error::ModelError;
pub use generation::{GenerationState, Step};
pub use generation_defaults::GenerationDefaults;
pub use init::init_weights;
pub use layout::{Init, Layout, Part, TensorSpec};
pub use rope::{Rope, RopeScaling};
pub use text::{Message, Text};
