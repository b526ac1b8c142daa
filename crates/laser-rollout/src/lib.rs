//! Sampling responses and scoring given ones, with the last-token self-reward of each.
//!
//! - [`Sampling`]: from the logits of a step to a token.
//! - [`Engine`]: who answers prompts; [`LocalEngine`] does so in this process by continuous
//!   batching.
//! - [`BeamSearch`]: the likeliest responses instead of sampled ones.
//! - [`score`]: log-probabilities of given responses; [`Batch`]: how responses become packed rows.

mod beam;
mod engine;
mod local;
mod sampling;
pub mod score;

pub use beam::{BeamSearch, Hypothesis};
pub use engine::{
    Engine, Finish, Generation, Monitor, Request, Response, RolloutError, SelfRewardPosition,
};
pub use local::{LocalEngine, Memory};
pub use sampling::{Sampling, SamplingError};
pub use score::{Batch, Sequence};
