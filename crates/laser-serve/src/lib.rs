//! An OpenAI-compatible server whose answers carry their self-reward.
//!
//! [`Server`] joins a model, a [`laser_rollout::Service`] and [`Options`]; [`router`] gives the
//! routes, to be mounted wherever it listens. What is taken, refused and answered is written in
//! `docs/serving.md`.
//!
//! | module | what it does |
//! |---|---|
//! | `routes` | who answers what |
//! | `auth`, `body`, `reply` | keys and clients, bodies, answers of one piece |
//! | `ask` | from a request to jobs for the sampler |
//! | `generation`, `choice` | the samples of a request while they are sampled; one of them |
//! | `form`, `tokens`, `stream` | the answer as the endpoints tell it, whole and in chunks |
//! | `vote` | several samples, of which one is answered |
//! | `metrics` | numbers for Prometheus |

mod ask;
mod auth;
mod body;
mod choice;
mod form;
mod generation;
mod metrics;
mod reply;
mod routes;
mod server;
mod stream;
mod tokens;
mod vote;

pub use auth::Keys;
pub use routes::router;
pub use server::{Options, Server};
