//! A response in the making: from the logits after its last token to the next one.

use laser_rng::Rng;

use crate::cautious::entropy;
use crate::engine::{Finish, Generation, Response, SelfRewardPosition};
use crate::fork::Fork;
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
    /// Name its randomness.
    words: Vec<u64>,
    /// Continuations that are being tried.
    fork: Option<Fork>,
    /// What is left of the continuation that was kept, its last token first.
    kept: Vec<u32>,
    /// Tokens drawn, those of other continuations included.
    drawn: usize,
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
            words,
            fork: None,
            kept: Vec::new(),
            drawn: 0,
        }
    }

    /// Tokens so far.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The token to be fed, with its place in the response, once there is one.
    pub(crate) fn next(&self) -> Option<(usize, u32)> {
        let tried = self.fork.as_ref().map_or(&[][..], Fork::current);
        let last = tried.last().or(self.ids.last())?;
        Some((self.ids.len() + tried.len() - 1, *last))
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
        if let Some(fork) = self.fork.take() {
            return self.try_on(g, fork, Some(d), scratch);
        }
        if let Some(id) = self.kept.pop() {
            return Ok(self.take(g, id, d));
        }
        let sampling = &g.sampling;
        let likeliest = sampling.warp(d.logits, g.self_reward_token, scratch)?;
        let trials = sampling.cautious.map_or(1, |c| c.trials(entropy(scratch)));
        if trials > 1 {
            let (at, words) = (self.ids.len(), self.words.clone());
            let fork = Fork::new(words, at, trials, g.max_new_tokens - at, d);
            return self.try_on(g, fork, None, scratch);
        }
        self.drawn += 1;
        let id = sampling.draw(likeliest, &mut self.rng, scratch);
        Ok(self.take(g, id, d))
    }

    /// Goes on with the continuations of a fork; once all are drawn, takes the first token of the
    /// kept one.
    fn try_on(
        &mut self,
        g: &Generation,
        fork: Fork,
        after: Option<Distribution>,
        scratch: &mut Vec<(u32, f32)>,
    ) -> Result<Advance, SamplingError> {
        match fork.advance(g, after, scratch)? {
            Err(fork) => {
                self.fork = Some(fork);
                Ok(Advance::default())
            }
            Ok(mut decided) => {
                self.drawn += decided.drawn;
                self.kept = std::mem::take(&mut decided.kept);
                match self.kept.pop() {
                    Some(id) => Ok(self.take(g, id, decided.from())),
                    // Every continuation has a token.
                    None => Ok(Advance::default()),
                }
            }
        }
    }

    /// Takes a token that follows, drawn from `d`.
    fn take(&mut self, g: &Generation, id: u32, d: Distribution) -> Advance {
        let token = (id, d.logprob(id));
        self.ids.push(id);
        self.logprobs.push(token.1);
        self.certainty += d.certainty();
        if g.stop.contains(&id) {
            let here = match (g.self_reward_token, g.self_reward_position) {
                (Some(_), SelfRewardPosition::AfterEos) => {
                    self.closing = true;
                    return Advance {
                        token: Some(token),
                        response: None,
                    };
                }
                (Some(zc), SelfRewardPosition::AtEos) => Some(d.logprob(zc)),
                (None, _) => None,
            };
            return self.complete(Some(token), Finish::Stop, here);
        }
        if self.ids.len() >= g.max_new_tokens {
            return self.complete(Some(token), Finish::Length, None);
        }
        Advance {
            token: Some(token),
            response: None,
        }
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
            drawn: self.drawn,
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
            punctuation: vec![],
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
