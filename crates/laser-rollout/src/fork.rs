//! A position of a response from which several continuations are tried.
//!
//! The continuations run one after the other in the row's own place of the cache: what one wrote
//! beyond the position, the next writes over. The kept one is fed once more at the end, like any
//! token, so that the row needs no copy of keys and values, and its numbers are those of a response
//! that was never forked.

use laser_rng::Rng;

use crate::engine::Generation;
use crate::row::Distribution;
use crate::sampling::SamplingError;

/// The continuations of a row from one position on.
pub(crate) struct Fork {
    /// Of the distribution at the position.
    logits: Vec<f32>,
    lse: f32,
    trials: Trials,
}

struct Trials {
    /// Words that name the randomness of the position; a trial adds its number.
    words: Vec<u64>,
    count: u32,
    /// Most tokens of a continuation.
    room: usize,
    rng: Rng,
    /// The number of the continuation that is being drawn.
    current: u32,
    ids: Vec<u32>,
    /// Σ −ln p over `ids`, of the distributions that they were drawn from.
    surprise: f64,
    best: Vec<u32>,
    /// Mean −ln p of `best`: the logarithm of its perplexity.
    least: f64,
    drawn: usize,
}

/// A fork whose continuations are all drawn.
pub(crate) struct Decided {
    /// The kept one, its last token first.
    pub kept: Vec<u32>,
    /// Tokens of all of them.
    pub drawn: usize,
    logits: Vec<f32>,
    lse: f32,
}

impl Decided {
    /// The distribution at the position.
    pub fn from(&self) -> Distribution<'_> {
        Distribution {
            logits: &self.logits,
            lse: self.lse,
        }
    }
}

impl Fork {
    /// `count` continuations from the distribution `d`, of at most `room` tokens each.
    pub fn new(
        mut words: Vec<u64>,
        position: usize,
        count: u32,
        room: usize,
        d: Distribution,
    ) -> Self {
        words.push(position as u64);
        let rng = random(&words, 0);
        Fork {
            logits: d.logits.to_vec(),
            lse: d.lse,
            trials: Trials {
                words,
                count,
                room,
                rng,
                current: 0,
                ids: Vec::new(),
                surprise: 0.0,
                best: Vec::new(),
                least: f64::INFINITY,
                drawn: 0,
            },
        }
    }

    /// Tokens of the continuation that is being drawn, the last of which is to be fed.
    pub fn current(&self) -> &[u32] {
        &self.trials.ids
    }

    /// Draws on, from the distribution after the last token of the current continuation or, where
    /// there is none yet, from that at the position: until a token must be fed, or all are drawn.
    pub fn advance(
        mut self,
        g: &Generation,
        after: Option<Distribution>,
        scratch: &mut Vec<(u32, f32)>,
    ) -> Result<Result<Decided, Fork>, SamplingError> {
        let mut after = after;
        loop {
            let here = Distribution {
                logits: &self.logits,
                lse: self.lse,
            };
            if !self.trials.draw(g, after.take().unwrap_or(here), scratch)? {
                return Ok(Err(self));
            }
            if self.trials.current == self.trials.count {
                let mut kept = self.trials.best;
                kept.reverse();
                return Ok(Ok(Decided {
                    kept,
                    drawn: self.trials.drawn,
                    logits: self.logits,
                    lse: self.lse,
                }));
            }
        }
    }
}

impl Trials {
    /// Draws the next token of the current continuation; whether that ended it.
    fn draw(
        &mut self,
        g: &Generation,
        d: Distribution,
        scratch: &mut Vec<(u32, f32)>,
    ) -> Result<bool, SamplingError> {
        let likeliest = g.sampling.warp(d.logits, g.self_reward_token, scratch)?;
        let id = g.sampling.draw(likeliest, &mut self.rng, scratch);
        let total: f64 = scratch.iter().map(|c| f64::from(c.1)).sum();
        let weight = scratch.iter().find(|c| c.0 == id).map_or(0.0, |c| c.1);
        self.surprise -= (f64::from(weight) / total).ln();
        self.ids.push(id);
        self.drawn += 1;
        let ends = g.punctuation.contains(&id) || g.stop.contains(&id);
        if !ends && self.ids.len() < self.room {
            return Ok(false);
        }
        let mean = self.surprise / self.ids.len() as f64;
        // The first of equal ones; one always.
        if mean < self.least || self.best.is_empty() {
            self.least = mean;
            self.best.clone_from(&self.ids);
        }
        self.ids.clear();
        self.surprise = 0.0;
        self.current += 1;
        self.rng = random(&self.words, self.current);
        Ok(true)
    }
}

fn random(words: &[u64], trial: u32) -> Rng {
    Rng::from_words(&[words, &[u64::from(trial)]].concat())
}
