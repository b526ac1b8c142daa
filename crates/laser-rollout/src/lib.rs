//! Sampling responses and scoring given ones, with the last-token self-reward of each.
//!
//! - [`Sampling`]: from the logits of a step to a token.
//! - [`Cautious`]: trials where the model is unsure.
//! - [`Engine`]: who answers prompts; [`LocalEngine`] does so in this process by continuous
//!   batching.
//! - [`Service`]: the same for requests that arrive while it runs.
//! - [`BeamSearch`]: the likeliest responses instead of sampled ones.
//! - [`score`]: log-probabilities of given responses; [`Batch`]: how responses become packed rows.

mod beam;
mod cautious;
mod check;
mod engine;
mod fork;
mod local;
mod row;
mod sampling;
pub mod score;
mod service;
mod worker;

pub use beam::{BeamSearch, Hypothesis};
pub use cautious::Cautious;
pub use engine::{
    Engine, Finish, Generation, Monitor, Request, Response, RolloutError, SelfRewardPosition,
};
pub use local::{LocalEngine, Memory};
pub use sampling::{Sampling, SamplingError};
pub use score::{Batch, Sequence};
pub use service::{Event, Job, Load, Refused, Service, ServiceOptions, Sink, Ticket};
