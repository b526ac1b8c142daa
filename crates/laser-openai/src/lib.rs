//! OpenAI's completions on the wire.
//!
//! - [`request`]: from the bytes of a body to a [`request::Chat`] or [`request::Completion`] whose
//!   every field is in range, or to an error that names the field.
//! - [`response`]: what is answered, whole and in chunks, with the self-reward of every choice.
//! - [`ApiError`]: every refusal, in OpenAI's form.
//! - [`StopText`]: stop strings in a text that comes piece by piece.
//!
//! Nothing here knows a model, a tokenizer or a socket.

mod error;
pub mod request;
pub mod response;
mod stop;

pub use error::ApiError;
pub use stop::StopText;
