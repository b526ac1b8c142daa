//! A response in the making: from the logits after its last token to the next one.

use laser_rng::Rng;

use crate::engine::{Finish, Generation, Response, SelfRewardPosition};
use crate::sampling::SamplingError;

/// What is known of the distribution after a token.
#[derive(Clone, Copy)]
pub(crate) struct Distribution<'a> {
    /// Un-tempered, `[vocab]`.
    pub logits: &'a [f32],
    /// Their logsumexp.
    pub lse: f32,
}

impl Distribution<'_> {
    pub(crate) fn logprob(&self, id: u32) -> f32 {
        self.logits[id as usize] - self.lse
    }

    /// KL(uniform ‖ p) = logsumexp(z) − mean(z) − log V, nats.
    pub(crate) fn certainty(&self) -> f64 {
        const LANES: usize = 16;
        // Independent sums, so that the compiler can add them at once.
        let mut sums = [0.0f64; LANES];
        let chunks = self.logits.chunks_exact(LANES);
        let rest: f64 = chunks.remainder().iter().map(|z| f64::from(*z)).sum();
        for chunk in chunks {
            for (sum, z) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(*z);
            }
        }
        let vocab = self.logits.len() as f64;
        f64::from(self.lse) - (sums.iter().sum::<f64>() + rest) / vocab - vocab.ln()
    }

    /// The `n` likeliest ids with their log-probabilities, the likeliest first, equal ones by id.
    pub(crate) fn top(&self, n: usize) -> Vec<(u32, f32)> {
        let n = n.min(self.logits.len());
        let mut top: Vec<(u32, f32)> = Vec::with_capacity(n + 1);
        if n == 0 {
            return top;
        }
        for (id, &z) in self.logits.iter().enumerate() {
            if top.len() == n && z <= top[n - 1].1 {
                continue;
            }
            let place = top.partition_point(|t| t.1 >= z);
            top.insert(place, (id as u32, z));
            top.truncate(n);
        }
        for t in &mut top {
            t.1 -= self.lse;
        }
        top
    }
}

/// A response in the making.
pub(crate) struct Row {
    rng: Rng,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    /// Sum over the tokens.
    certainty: f64,
    /// The stop token is being fed to read log p(z_c) after it.
    closing: bool,
}

/// What the logits after a row's last token lead to.
#[derive(Default)]
pub(crate) struct Advance {
    /// The next token with its log-probability, where there is one.
    pub token: Option<(u32, f32)>,
    /// The response, where it is complete.
    pub response: Option<Response>,
}

impl Row {
    /// Sample `sample` of a request whose randomness is named by `seed`, with room for `tokens`.
    pub(crate) fn new(seed: &[u64], sample: usize, tokens: usize) -> Self {
        let mut words = seed.to_vec();
        words.push(sample as u64);
        Row {
            rng: Rng::from_words(&words),
            ids: Vec::with_capacity(tokens),
            logprobs: Vec::with_capacity(tokens),
            certainty: 0.0,
            closing: false,
        }
    }

    /// Tokens so far.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The last token, once there is one.
    pub(crate) fn last(&self) -> Option<u32> {
        self.ids.last().copied()
    }

    /// Takes the distribution after the row's last token.
    pub(crate) fn advance(
        &mut self,
        g: &Generation,
        d: Distribution,
        scratch: &mut Vec<(u32, f32)>,
    ) -> Result<Advance, SamplingError> {
        if let (true, Some(zc)) = (self.closing, g.self_reward_token) {
            return Ok(self.complete(None, Finish::Stop, Some(d.logprob(zc))));
        }
        if self.ids.len() >= g.max_new_tokens {
            return Ok(self.complete(None, Finish::Length, None));
        }
        let id = g
            .sampling
            .sample(d.logits, g.self_reward_token, &mut self.rng, scratch)?;
        let token = (id, d.logprob(id));
        self.ids.push(id);
        self.logprobs.push(token.1);
        self.certainty += d.certainty();
        if g.stop.contains(&id) {
            let here = match (g.self_reward_token, g.self_reward_position) {
                (Some(_), SelfRewardPosition::AfterEos) => {
                    self.closing = true;
                    return Ok(Advance {
                        token: Some(token),
                        response: None,
                    });
                }
                (Some(zc), SelfRewardPosition::AtEos) => Some(d.logprob(zc)),
                (None, _) => None,
            };
            return Ok(self.complete(Some(token), Finish::Stop, here));
        }
        if self.ids.len() >= g.max_new_tokens {
            return Ok(self.complete(Some(token), Finish::Length, None));
        }
        Ok(Advance {
            token: Some(token),
            response: None,
        })
    }

    fn complete(
        &mut self,
        token: Option<(u32, f32)>,
        finish: Finish,
        self_logprob: Option<f32>,
    ) -> Advance {
        let tokens = self.ids.len();
        let response = Response {
            ids: std::mem::take(&mut self.ids),
            logprobs: std::mem::take(&mut self.logprobs),
            finish,
            self_logprob,
            self_certainty: (tokens > 0).then(|| (self.certainty / tokens as f64) as f32),
        };
        Advance {
            token,
            response: Some(response),
        }
    }
}
