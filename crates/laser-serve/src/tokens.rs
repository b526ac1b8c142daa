//! Tokens as answers tell them.

use laser_model::Text;
use laser_openai::response::{ChatLogprobs, ContentLogprob, TextLogprobs, TokenLogprob};
use serde_json::Map;

use crate::choice::Token;

/// The bytes of a token, and as text.
fn spelled(text: &Text, id: u32) -> (String, Vec<u8>) {
    let bytes = text.token_bytes(id).unwrap_or_default();
    (String::from_utf8_lossy(&bytes).into_owned(), bytes)
}

/// `logprobs` of a chat choice.
pub(crate) fn chat_logprobs(text: &Text, tokens: &[Token]) -> ChatLogprobs {
    let one = |id: u32, logprob: f32| {
        let (token, bytes) = spelled(text, id);
        TokenLogprob {
            token,
            logprob,
            bytes,
        }
    };
    let content = tokens.iter().map(|t| ContentLogprob {
        token: one(t.id, t.logprob),
        top_logprobs: t.top.iter().map(|(id, p)| one(*id, *p)).collect(),
    });
    ChatLogprobs {
        content: content.collect(),
        refusal: (),
    }
}

/// `logprobs` of a text choice with the `top` likeliest tokens. Tokens of the same text share an
/// entry, which has the larger of their log-probabilities.
pub(crate) fn text_logprobs(text: &Text, tokens: &[Token], top: usize) -> TextLogprobs {
    let likeliest = |t: &Token| {
        let mut map = Map::new();
        map.insert(spelled(text, t.id).0, t.logprob.into());
        for (id, logprob) in t.top.iter().rev() {
            map.insert(spelled(text, *id).0, (*logprob).into());
        }
        map
    };
    TextLogprobs {
        tokens: tokens.iter().map(|t| spelled(text, t.id).0).collect(),
        token_logprobs: tokens.iter().map(|t| t.logprob).collect(),
        top_logprobs: (top > 0).then(|| tokens.iter().map(likeliest).collect()),
        text_offset: tokens.iter().map(|t| t.offset).collect(),
    }
}
