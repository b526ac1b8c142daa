//! What the commands that ask a model share: which model, which prompts, how it samples.

mod data;
mod model;
mod prompt;
mod sampling;

pub use data::DataArgs;
pub use model::{ModelArgs, bad_input, bar, dtype, progress};
pub use prompt::{Template, a_string, ids, prompt};
pub use sampling::{BeamArgs, SamplingArgs, beam_words, words};
