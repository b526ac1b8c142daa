//! Decoder models (Qwen2, Qwen3, Llama, Mistral).
//!
//! - [`ModelConfig`]: `config.json`; [`Layout`]: the weight tensors and their names.
//! - [`Decoder`]: forward over packed batches, [`Decoder::gather`] of log-probabilities,
//!   [`Decoder::backward`]; [`Decoder::prefill`] and [`Decoder::decode`] for generation.
//! - [`Lora`]: low-rank adapters; [`peft`]: their files.
//! - [`checkpoint`]: folders in the Hugging Face layout; [`hub`]: such folders by the name
//!   `org/name`; [`Text`]: tokenizer and chat template; [`GenerationDefaults`]: what the makers
//!   sample with.

mod adapter;
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
pub mod peft;
mod rope;
mod text;
mod workspace;

pub use adapter::{Lora, Projection};
pub use backward::{Gradients, HeadGradient};
pub use config::{Architecture, ModelConfig};
pub use decoder::{Decoder, Gathered};
pub use error::ModelError;
pub use generation::{GenerationState, Step};
pub use generation_defaults::GenerationDefaults;
pub use init::init_weights;
pub use layout::{Init, Layout, Part, TensorSpec};
pub use rope::{Rope, RopeScaling};
pub use text::{Message, Text, TextStream, TextTemplate};
pub use workspace::{Retain, Workspace};
