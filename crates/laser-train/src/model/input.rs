//! Which ids a model can read.

/// Ids that a model cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No ids at all.
    #[error("no tokens; a model needs at least one token to go on from")]
    Empty,
    /// An id outside the model's vocabulary.
    #[error("id {id} at position {position} is outside the vocabulary of {vocab} tokens")]
    UnknownToken {
        /// The id.
        id: u32,
        /// Where it stands, from 0.
        position: usize,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// More tokens than the context has.
    #[error(
        "{tokens} tokens exceed the context of {context}; shorten the text or raise the context"
    )]
    TooLong {
        /// Tokens that were given.
        tokens: usize,
        /// The context, in tokens.
        context: usize,
    },
    /// No room for a response.
    #[error(
        "{tokens} tokens and up to {new} new ones exceed the context of {context}; shorten the prompt, ask for fewer new tokens, or raise the context"
    )]
    NoRoom {
        /// Tokens of the prompt.
        tokens: usize,
        /// Most tokens of the response.
        new: usize,
        /// The context, in tokens.
        context: usize,
    },
}

/// Checks ids for a vocabulary of `vocab` tokens and a context of `context`, `new` of them for a
/// response.
pub(super) fn check(
    ids: &[u32],
    new: usize,
    vocab: usize,
    context: usize,
) -> Result<(), InputError> {
    if ids.is_empty() {
        return Err(InputError::Empty);
    }
    if let Some(position) = ids.iter().position(|id| *id as usize >= vocab) {
        let id = ids[position];
        return Err(InputError::UnknownToken {
            id,
            position,
            vocab,
        });
    }
    let tokens = ids.len();
    match (tokens.saturating_add(new) <= context, new) {
        (true, _) => Ok(()),
        (false, 0) => Err(InputError::TooLong { tokens, context }),
        (false, new) => Err(InputError::NoRoom {
            tokens,
            new,
            context,
        }),
    }
}
