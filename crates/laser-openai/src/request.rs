//! What is asked: bodies of `/v1/chat/completions` and `/v1/completions`.

mod chat;
mod completion;
mod fields;
mod refused;
mod settings;
mod vote;

pub use chat::{Chat, Conversation, Message, chat};
pub use completion::{Completion, Prompt, completion};
pub use settings::{Limits, Settings};
pub use vote::{Rule, Vote};
