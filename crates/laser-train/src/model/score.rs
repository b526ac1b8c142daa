//! What a model says of given responses.

use laser_model::{Retain, Workspace};
use laser_rollout::SelfRewardPosition;
use laser_rollout::score::{Sequence, score};

use super::{InputError, LanguageModel};
use crate::TrainError;

/// A prompt with a response to it, as ids.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Not empty.
    pub prompt: &'a [u32],
    /// Its stop token included, if it ended; may be empty.
    pub response: &'a [u32],
}

/// What a model says of a given response.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// log p of each id of the response, nats.
    pub logprobs: Vec<f32>,
    /// log p(z_c) at the last id, nats; `None` unless that is a stop token and the model has a
    /// self-reward.
    pub self_logprob: Option<f32>,
    /// r_s, where there is a log p(z_c).
    pub self_reward: Option<f32>,
}

impl LanguageModel {
    /// Scores given responses, at most `max_tokens` tokens at a time, which changes no number.
    ///
    /// # Errors
    /// Ids that [`check_ids`](Self::check_ids) refuses, and weights that are not numbers.
    pub fn score(
        &self,
        exchanges: &[Exchange],
        max_tokens: usize,
    ) -> Result<Vec<Scored>, TrainError> {
        let token = self.self_reward.as_ref();
        let position = token.map(|t| t.position).unwrap_or_default();
        let sequences = exchanges.iter().map(|e| {
            let ids = if e.response.is_empty() {
                e.prompt
            } else {
                e.response
            };
            // Before the first token there is no distribution that could be read.
            let readable = position == SelfRewardPosition::AfterEos || !e.response.is_empty();
            Sequence {
                self_reward_token: token
                    .map(|t| t.token_id)
                    .filter(|_| readable && self.ends(ids)),
                ..Sequence::plain(e.prompt, e.response)
            }
        });
        let sequences: Vec<Sequence> = sequences.collect();
        self.check_exchanges(exchanges)?;
        let mut ws = Workspace::new(&self.cpu, &self.decoder.config, Retain::Nothing);
        let (cpu, decoder) = (&self.cpu, &self.decoder);
        let scores = score(cpu, decoder, &mut ws, &sequences, position, max_tokens);
        let scored = scores.into_iter().map(|s| {
            self.check_numbers(s.logprobs.iter().chain(&s.self_logprob))?;
            Ok(Scored {
                self_reward: self.self_reward_of(s.self_logprob),
                logprobs: s.logprobs,
                self_logprob: s.self_logprob,
            })
        });
        scored.collect()
    }

    pub(super) fn check_exchanges(&self, exchanges: &[Exchange]) -> Result<(), TrainError> {
        for e in exchanges {
            if e.prompt.is_empty() {
                return Err(InputError::Empty.into());
            }
            self.check_ids(&[e.prompt, e.response].concat(), 0)?;
        }
        Ok(())
    }

    pub(super) fn check_numbers<'a>(
        &self,
        mut logps: impl Iterator<Item = &'a f32>,
    ) -> Result<(), TrainError> {
        match logps.find(|l| !l.is_finite()) {
            None => Ok(()),
            Some(l) => Err(TrainError::file(
                &self.dir,
                format!("a log-probability is {l}: the weights of the model have diverged"),
            )),
        }
    }
}
