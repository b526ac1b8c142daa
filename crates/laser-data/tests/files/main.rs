//! Loading from files, as the trainer does it.

mod common;
mod errors;
mod formats;
mod load;
