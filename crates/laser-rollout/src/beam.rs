//! Beam search: the likeliest responses that a search of bounded width finds.
//!
//! Prompts are divided over the threads; each thread searches for several of them at once, so that
//! a decoding step has many rows. A beam keeps its place in the cache; only where several
//! continuations of one beam survive are the others given a copy of its keys and values.

mod search;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use laser_kernels::{Backend, Cpu};
use laser_model::{Decoder, GenerationState, Step};

use crate::check::{check_generation, check_request};
use crate::engine::{Generation, Monitor, Request, Response, RolloutError, SelfRewardPosition};
use crate::row::Distribution;
use crate::sampling::Sampling;
use search::Search;

/// Beams in flight on each thread.
const ROWS: usize = 32;

/// What is searched for, and when the search ends.
///
/// In each step the likeliest `width` continuations that go on are kept. A response is found when
/// one of the likeliest `width` continuations of all is a stop token, or the token limit is
/// reached. The search ends when `width` responses are found and the likeliest beam, were it to end
/// now, would not replace the worst of them. That is the rule of transformers'
/// `early_stopping=False`. With a length penalty above 0 it is no proof: a beam may still end better
/// later on.
#[derive(Clone, Debug)]
pub struct BeamSearch {
    /// Beams that are kept, and responses that are returned at most; at least 1. Width 1 is greedy
    /// decoding.
    pub width: usize,
    /// α: responses are compared by Σ log p / length^α, the length with the stop token. At least 0;
    /// 0 compares probabilities and so prefers short responses.
    pub length_penalty: f32,
    /// Most tokens of a response, the stop token included.
    pub max_new_tokens: usize,
    /// Ids that end a response.
    pub stop: Vec<u32>,
    /// z_c: never chosen; its log-probability is read at a stop token.
    pub self_reward_token: Option<u32>,
    /// Where exactly.
    pub self_reward_position: SelfRewardPosition,
}

/// A response that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The response.
    pub response: Response,
    /// Σ log p / length^α, nats.
    pub score: f64,
}

impl BeamSearch {
    /// The responses to each prompt, the best first: `width` of them, fewer only where the
    /// vocabulary does not have so many.
    ///
    /// # Errors
    /// Settings out of range, a prompt that does not fit, logits that are not numbers, and a
    /// cancelled call; no partial results.
    pub fn run(
        &self,
        decoder: &Decoder<Cpu>,
        prompts: &[Vec<u32>],
        threads: usize,
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Hypothesis>>, RolloutError> {
        let capacity = self.check(decoder, prompts)?;
        let next = AtomicUsize::new(0);
        let threads = threads.min(prompts.len()).max(1);
        let run = || {
            Worker {
                search: self,
                decoder,
                prompts,
                next: &next,
                monitor,
            }
            .work(capacity)
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let mine = run();
            let joined = others
                .into_iter()
                .map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
            std::iter::once(mine).chain(joined).collect()
        });
        let mut found = vec![Vec::new(); prompts.len()];
        for part in parts {
            for (request, hypotheses) in part? {
                found[request] = hypotheses;
            }
        }
        Ok(found)
    }

    /// The tokens that the longest prompt needs with its response.
    fn check(&self, decoder: &Decoder<Cpu>, prompts: &[Vec<u32>]) -> Result<usize, RolloutError> {
        let range = |key, value, range| RolloutError::Beam { key, value, range };
        if self.width == 0 {
            return Err(range("width", 0.0, "1 or more"));
        }
        if !(self.length_penalty >= 0.0 && self.length_penalty.is_finite()) {
            return Err(range("length_penalty", self.length_penalty, "0 or more"));
        }
        if self.max_new_tokens == 0 {
            return Err(range("max_new_tokens", 0.0, "1 or more"));
        }
        let generation = Generation {
            sampling: Sampling::default(),
            max_new_tokens: self.max_new_tokens,
            stop: self.stop.clone(),
            self_reward_token: self.self_reward_token,
            self_reward_position: self.self_reward_position,
            punctuation: Vec::new(),
        };
        check_generation(&decoder.config, &generation)?;
        let mut capacity = 1;
        for (i, prompt) in prompts.iter().enumerate() {
            let request = Request {
                prompt: prompt.clone(),
                samples: self.width,
                seed: Vec::new(),
            };
            let context = decoder.context();
            let needed = check_request(&decoder.config, context, &generation, i, &request)?;
            capacity = capacity.max(needed);
        }
        Ok(capacity)
    }
}

/// One thread's share.
struct Worker<'a> {
    search: &'a BeamSearch,
    decoder: &'a Decoder<Cpu>,
    prompts: &'a [Vec<u32>],
    /// The next prompt that nobody has begun with.
    next: &'a AtomicUsize,
    monitor: &'a Monitor,
}

impl Worker<'_> {
    fn work(&self, capacity: usize) -> Result<Vec<(usize, Vec<Hypothesis>)>, RolloutError> {
        let cpu = Cpu::serial();
        let width = self.search.width;
        let at_once = (ROWS / width).clamp(1, self.prompts.len().max(1));
        let mut state = self.decoder.generation(&cpu, at_once * width, capacity);
        let mut free: Vec<usize> = (0..at_once).map(|i| i * width).collect();
        let mut searches: Vec<Search> = Vec::new();
        let mut found = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        loop {
            while let Some(&first) = free.last() {
                let request = self.next.fetch_add(1, Ordering::Relaxed);
                let Some(prompt) = self.prompts.get(request) else {
                    break;
                };
                free.pop();
                let mut search = Search::new(self.search, request, prompt.len(), first);
                self.decoder.prefill(&cpu, &mut state, first, prompt);
                let rows = Rows::new(&cpu, &state, self.decoder.config.vocab_size, 1);
                search.advance(|i| rows.get(&state, i))?;
                searches.push(search);
            }
            self.close(&cpu, &mut state, &mut searches);
            for search in &mut searches {
                for (from, to, len) in search.take_forks() {
                    state.share(&cpu, from, to, len);
                }
            }
            for search in searches.extract_if(.., |s| s.is_done()) {
                free.push(search.first_slot());
                found.push((search.request(), search.into_found()));
            }
            if searches.is_empty() {
                match self.next.load(Ordering::Relaxed) < self.prompts.len() {
                    true => continue,
                    false => return Ok(found),
                }
            }
            if self.monitor.cancelled() {
                return Err(RolloutError::Cancelled);
            }
            steps.clear();
            steps.extend(searches.iter().flat_map(Search::steps));
            self.decoder.decode(&cpu, &mut state, &steps);
            self.count(steps.len());
            let rows = Rows::new(&cpu, &state, self.decoder.config.vocab_size, steps.len());
            let mut first = 0;
            for search in &mut searches {
                let beams = search.steps().count();
                search.advance(|i| rows.get(&state, first + i))?;
                first += beams;
            }
        }
    }

    /// Feeds the stop tokens of the responses that were just found, and reads log p(z_c) after
    /// them. A beam's place in the cache is written over by its next token afterwards.
    fn close(&self, cpu: &Cpu, state: &mut GenerationState<Cpu>, searches: &mut [Search]) {
        let Some(zc) = self.search.self_reward_token else {
            return;
        };
        loop {
            let mut steps = Vec::new();
            for search in searches.iter() {
                search.closings(&mut steps);
            }
            if steps.is_empty() {
                return;
            }
            self.decoder.decode(cpu, state, &steps);
            self.count(steps.len());
            let rows = Rows::new(cpu, state, self.decoder.config.vocab_size, steps.len());
            let mut read = (0..steps.len()).map(|i| rows.get(state, i));
            for search in searches.iter_mut() {
                search.closed(&mut read, zc);
            }
        }
    }

    fn count(&self, tokens: usize) {
        let tokens = tokens as u64;
        self.monitor.tokens.fetch_add(tokens, Ordering::Relaxed);
    }
}

/// The normalisers of the logits of a step.
struct Rows {
    vocab: usize,
    lse: Vec<f32>,
}

impl Rows {
    fn new(cpu: &Cpu, state: &GenerationState<Cpu>, vocab: usize, rows: usize) -> Self {
        let (mut lse, mut entropy) = (vec![0.0; rows], vec![0.0; rows]);
        cpu.logits_stats(state.logits(), vocab, &mut lse, &mut entropy);
        Rows { vocab, lse }
    }

    fn get<'s>(&self, state: &'s GenerationState<Cpu>, i: usize) -> Distribution<'s> {
        Distribution {
            logits: &state.logits()[i * self.vocab..(i + 1) * self.vocab],
            lse: self.lse[i],
        }
    }
}
