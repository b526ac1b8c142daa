//! Requests that cannot be answered are refused before any work.

use laser_model::ModelConfig;

use crate::engine::{Generation, Request, RolloutError};

fn known(vocab: usize, what: &'static str, id: u32) -> Result<(), RolloutError> {
    match (id as usize) < vocab {
        true => Ok(()),
        false => Err(RolloutError::UnknownToken { what, id, vocab }),
    }
}

/// Settings that no request could be answered with.
pub(crate) fn check_generation(config: &ModelConfig, g: &Generation) -> Result<(), RolloutError> {
    for &id in &g.stop {
        known(config.vocab_size, "stop token", id)?;
    }
    if let Some(zc) = g.self_reward_token {
        known(config.vocab_size, "self-reward token", zc)?;
        if g.stop.contains(&zc) {
            return Err(RolloutError::SelfRewardStops(zc));
        }
    }
    for &id in &g.punctuation {
        known(config.vocab_size, "punctuation token", id)?;
    }
    g.sampling
        .validate()
        .map_err(|what| RolloutError::Sampling {
            request: 0,
            position: 0,
            what,
        })
}

/// The tokens of a row that request number `request` needs, at most `context`.
pub(crate) fn check_request(
    config: &ModelConfig,
    context: usize,
    g: &Generation,
    request: usize,
    r: &Request,
) -> Result<usize, RolloutError> {
    if r.prompt.is_empty() {
        return Err(RolloutError::EmptyPrompt { request });
    }
    for &id in &r.prompt {
        known(config.vocab_size, "prompt token", id)?;
    }
    let needed = r.prompt.len().saturating_add(g.max_new_tokens);
    if needed > context {
        return Err(RolloutError::TooLong {
            request,
            prompt: r.prompt.len(),
            new: g.max_new_tokens,
            context,
        });
    }
    Ok(needed)
}
