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

#[cfg(test)]
mod tests {
    use super::*;

    fn certainty(logits: &[f32]) -> f64 {
        let sum: f64 = logits.iter().map(|z| f64::from(*z).exp()).sum();
        let lse = sum.ln() as f32;
        Distribution { logits, lse }.certainty()
    }

    /// KL(uniform ‖ p), term by term.
    fn reference(logits: &[f32]) -> f64 {
        let sum: f64 = logits.iter().map(|z| f64::from(*z).exp()).sum();
        let u = 1.0 / logits.len() as f64;
        let terms = logits
            .iter()
            .map(|z| u * (u / (f64::from(*z).exp() / sum)).ln());
        terms.sum()
    }

    #[test]
    fn self_certainty_is_the_divergence_of_the_distribution_from_the_uniform_one() {
        assert!(certainty(&[3.0; 5]).abs() < 1e-6);
        // ln(0.5/0.9)/2 + ln(0.5/0.1)/2 = -ln(0.6)
        assert!((certainty(&[0.9f32.ln(), 0.1f32.ln()]) - 0.510826).abs() < 1e-6);
        for n in [1, 15, 16, 17, 700] {
            let logits: Vec<f32> = (0..n).map(|i| (i * i % 37) as f32 / 9.0).collect();
            let expected = reference(&logits);
            assert!((certainty(&logits) - expected).abs() < 1e-6, "{n}");
            let moved: Vec<f32> = logits.iter().map(|z| z + 8.0).collect();
            assert!((certainty(&moved) - expected).abs() < 2e-6, "{n}");
        }
    }

    #[test]
    fn a_response_carries_the_mean_over_its_tokens() {
        let g = Generation {
            sampling: crate::Sampling {
                temperature: 0.0,
                ..Default::default()
            },
            max_new_tokens: 2,
            stop: vec![],
            self_reward_token: None,
            self_reward_position: SelfRewardPosition::AfterEos,
        };
        let mut row = Row::new(&[1], 0, 2);
        let mut scratch = Vec::new();
        let steps = [[0.0f32, 0.0], [0.9f32.ln(), 0.1f32.ln()]];
        let mut response = None;
        for (logits, lse) in steps.iter().zip([2.0f32.ln(), 0.0]) {
            let d = Distribution { logits, lse };
            response = row.advance(&g, d, &mut scratch).unwrap().response;
        }
        let mean = response.unwrap().self_certainty.unwrap();
        assert!((mean - 0.510826 / 2.0).abs() < 1e-6, "{mean}");
        let nothing = Generation {
            max_new_tokens: 0,
            ..g
        };
        let (logits, lse) = (&steps[0][..], 2.0f32.ln());
        let d = Distribution { logits, lse };
        let empty = Row::new(&[1], 0, 0).advance(&nothing, d, &mut scratch);
        assert_eq!(empty.unwrap().response.unwrap().self_certainty, None);
    }

    #[test]
    fn the_likeliest_tokens_come_first_and_equal_ones_by_id() {
        let logits = [1.0f32, 3.0, 2.0, 3.0, 2.0, 0.0];
        let d = Distribution {
            logits: &logits,
            lse: 4.0,
        };
        assert_eq!(d.top(0), []);
        assert_eq!(d.top(3), [(1, -1.0), (3, -1.0), (2, -2.0)]);
        let all: Vec<u32> = d.top(9).iter().map(|t| t.0).collect();
        assert_eq!(all, [1, 3, 2, 4, 0, 5]);
    }
}
