//! What the HTTP services share: listening, who may ask, headers, limits of connections, shutdown.
//!
//! A service is an [`axum::Router`] that knows nothing of this. [`Listener::bind`] takes an
//! address, [`guard`] wraps the router, [`serve`] answers until it is told to stop.
//!
//! HTTP/1.1 without TLS: a service is for this machine or stands behind a proxy that does TLS.

mod guard;
mod listener;
mod serve;

pub use guard::guard;
pub use listener::{Address, BindError, Hosts, Listener};
pub use serve::{Limits, serve, signal};
