//! The server as a client sees it.

mod answers;
mod official;
mod refusals;
mod sockets;
mod streams;
mod support;
mod votes;
