//! Continuous batching in this process.
//!
//! Each thread owns a share of the rows and runs whole tokens for them without waiting for the
//! others; a row that finishes is given the next sample at once. Because a row's numbers depend
//! on no other row, the split changes no response.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use laser_kernels::{Backend, Cpu};
use laser_model::{Decoder, GenerationState, Step};
use laser_rng::Rng;

use crate::engine::{
    Engine, Finish, Generation, Monitor, Request, Response, RolloutError, SelfRewardPosition,
};

/// Generates with a decoder on the CPU.
pub struct LocalEngine<'a> {
    decoder: &'a Decoder<Cpu>,
    memory: &'a Memory,
    threads: usize,
}

/// Caches kept between calls, so that a training step does not allocate them anew.
pub struct Memory {
    rows: usize,
    states: Mutex<Vec<GenerationState<Cpu>>>,
}

impl Memory {
    /// Room for `rows` responses in flight on each thread.
    pub fn new(rows: usize) -> Self {
        Memory {
            rows: rows.max(1),
            states: Mutex::new(Vec::new()),
        }
    }

    fn take(&self) -> Option<GenerationState<Cpu>> {
        self.states.lock().unwrap_or_else(|e| e.into_inner()).pop()
    }

    fn give(&self, state: GenerationState<Cpu>) {
        self.states
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(state);
    }
}

/// A response in the making.
struct Row {
    slot: usize,
    request: usize,
    sample: usize,
    rng: Rng,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    /// The stop token is being fed to read log p(z_c) after it.
    closing: bool,
}

/// The prompt whose samples are being started.
struct Group {
    request: usize,
    next_sample: usize,
    /// Logits after the prompt, shared by its samples.
    logits: Vec<f32>,
    lse: f32,
}

type Answer = (usize, usize, Response);

impl<'a> LocalEngine<'a> {
    /// An engine on `threads` threads.
    pub fn new(decoder: &'a Decoder<Cpu>, memory: &'a Memory, threads: usize) -> Self {
        LocalEngine {
            decoder,
            memory,
            threads: threads.max(1),
        }
    }

    fn check(&self, requests: &[Request], g: &Generation) -> Result<usize, RolloutError> {
        let vocab = self.decoder.config.vocab_size;
        let known = |what, id: u32| match (id as usize) < vocab {
            true => Ok(()),
            false => Err(RolloutError::UnknownToken { what, id, vocab }),
        };
        for &id in &g.stop {
            known("stop token", id)?;
        }
        if let Some(zc) = g.self_reward_token {
            known("self-reward token", zc)?;
            if g.stop.contains(&zc) {
                return Err(RolloutError::SelfRewardStops(zc));
            }
        }
        g.sampling
            .validate()
            .map_err(|what| RolloutError::Sampling {
                request: 0,
                position: 0,
                what,
            })?;
        let mut capacity = 1;
        for (request, r) in requests.iter().enumerate() {
            if r.prompt.is_empty() {
                return Err(RolloutError::EmptyPrompt { request });
            }
            for &id in &r.prompt {
                known("prompt token", id)?;
            }
            let needed = r.prompt.len() + g.max_new_tokens;
            if needed > self.decoder.context() {
                return Err(RolloutError::TooLong {
                    request,
                    prompt: r.prompt.len(),
                    new: g.max_new_tokens,
                    context: self.decoder.context(),
                });
            }
            capacity = capacity.max(needed);
        }
        Ok(capacity)
    }

    /// One thread's work: takes requests from `next` until none is left.
    fn work(
        &self,
        state: &mut GenerationState<Cpu>,
        most_rows: usize,
        requests: &[Request],
        g: &Generation,
        next: &AtomicUsize,
        monitor: &Monitor,
    ) -> Result<Vec<Answer>, RolloutError> {
        let cpu = Cpu::serial();
        let vocab = self.decoder.config.vocab_size;
        // Slot 0 holds the prompt of the current group.
        let mut free: Vec<usize> = (1..=most_rows).rev().collect();
        let mut rows: Vec<Row> = Vec::new();
        let mut group: Option<Group> = None;
        let mut answers = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        let (mut lse, mut entropy) = (Vec::new(), Vec::new());
        let mut scratch = Vec::new();
        loop {
            while let Some(&slot) = free.last() {
                if group
                    .as_ref()
                    .is_none_or(|o| o.next_sample == requests[o.request].samples)
                {
                    let request = next.fetch_add(1, Ordering::Relaxed);
                    let Some(r) = requests.get(request) else {
                        break;
                    };
                    group = Some(self.open(&cpu, state, request, &r.prompt));
                    continue;
                }
                let Some(open) = group.as_mut() else { break };
                let r = &requests[open.request];
                let mut seed = r.seed.clone();
                seed.push(open.next_sample as u64);
                let mut row = Row {
                    slot,
                    request: open.request,
                    sample: open.next_sample,
                    rng: Rng::from_words(&seed),
                    ids: Vec::with_capacity(g.max_new_tokens),
                    logprobs: Vec::with_capacity(g.max_new_tokens),
                    closing: false,
                };
                open.next_sample += 1;
                match advance(&mut row, g, &open.logits, open.lse, &mut scratch)? {
                    Some(response) => answers.push((row.request, row.sample, response)),
                    None => {
                        state.share(&cpu, 0, slot, r.prompt.len());
                        free.pop();
                        rows.push(row);
                    }
                }
            }
            if rows.is_empty() {
                return Ok(answers);
            }
            if monitor.cancelled() {
                return Err(RolloutError::Cancelled);
            }
            steps.clear();
            steps.extend(rows.iter().map(|row| Step {
                slot: row.slot,
                position: requests[row.request].prompt.len() + row.ids.len() - 1,
                token: row.ids[row.ids.len() - 1],
            }));
            self.decoder.decode(&cpu, state, &steps);
            lse.resize(rows.len(), 0.0);
            entropy.resize(rows.len(), 0.0);
            cpu.logits_stats(state.logits(), vocab, &mut lse, &mut entropy);
            monitor
                .tokens
                .fetch_add(rows.len() as u64, Ordering::Relaxed);
            // Backwards, so that swapping the last row into a finished one's place is safe.
            for i in (0..rows.len()).rev() {
                let logits = &state.logits()[i * vocab..(i + 1) * vocab];
                if let Some(response) = advance(&mut rows[i], g, logits, lse[i], &mut scratch)? {
                    let row = rows.swap_remove(i);
                    free.push(row.slot);
                    answers.push((row.request, row.sample, response));
                }
            }
        }
    }

    fn open(
        &self,
        cpu: &Cpu,
        state: &mut GenerationState<Cpu>,
        request: usize,
        prompt: &[u32],
    ) -> Group {
        let vocab = self.decoder.config.vocab_size;
        self.decoder.prefill(cpu, state, 0, prompt);
        let (mut lse, mut entropy) = ([0.0], [0.0]);
        cpu.logits_stats(state.logits(), vocab, &mut lse, &mut entropy);
        let logits = state.logits()[..vocab].to_vec();
        Group {
            request,
            next_sample: 0,
            logits,
            lse: lse[0],
        }
    }
}

/// Takes the logits after a row's last token; the response when that completes it.
fn advance(
    row: &mut Row,
    g: &Generation,
    logits: &[f32],
    lse: f32,
    scratch: &mut Vec<(u32, f32)>,
) -> Result<Option<Response>, RolloutError> {
    if let (true, Some(zc)) = (row.closing, g.self_reward_token) {
        return Ok(Some(complete(
            row,
            Finish::Stop,
            Some(logits[zc as usize] - lse),
        )));
    }
    if row.ids.len() >= g.max_new_tokens {
        return Ok(Some(complete(row, Finish::Length, None)));
    }
    let id = g
        .sampling
        .sample(logits, g.self_reward_token, &mut row.rng, scratch)
        .map_err(|what| RolloutError::Sampling {
            request: row.request,
            position: row.ids.len(),
            what,
        })?;
    row.ids.push(id);
    row.logprobs.push(logits[id as usize] - lse);
    if g.stop.contains(&id) {
        let here = match (g.self_reward_token, g.self_reward_position) {
            (Some(_), SelfRewardPosition::AfterEos) => {
                row.closing = true;
                return Ok(None);
            }
            (Some(zc), SelfRewardPosition::AtEos) => Some(logits[zc as usize] - lse),
            (None, _) => None,
        };
        return Ok(Some(complete(row, Finish::Stop, here)));
    }
    let full = row.ids.len() >= g.max_new_tokens;
    Ok(full.then(|| complete(row, Finish::Length, None)))
}

fn complete(row: &mut Row, finish: Finish, self_logprob: Option<f32>) -> Response {
    Response {
        ids: std::mem::take(&mut row.ids),
        logprobs: std::mem::take(&mut row.logprobs),
        finish,
        self_logprob,
    }
}

impl Engine for LocalEngine<'_> {
    fn generate(
        &self,
        requests: &[Request],
        generation: &Generation,
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Response>>, RolloutError> {
        let capacity = self.check(requests, generation)?;
        let next = AtomicUsize::new(0);
        let threads = self.threads.min(requests.len()).max(1);
        // A cache for rows that are never used would only take memory.
        let samples: usize = requests.iter().map(|r| r.samples).sum();
        let rows = self.memory.rows.min(samples).max(1);
        let run = || -> Result<Vec<Answer>, RolloutError> {
            let mut state = self
                .memory
                .take()
                .filter(|s| s.capacity() >= capacity && s.slots() > rows)
                .unwrap_or_else(|| self.decoder.generation(&Cpu::serial(), rows + 1, capacity));
            let answers = self.work(&mut state, rows, requests, generation, &next, monitor);
            self.memory.give(state);
            answers
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let mine = run();
            let joined = others
                .into_iter()
                .map(|h| h.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
            std::iter::once(mine).chain(joined).collect()
        });
        let mut all = Vec::new();
        for part in parts {
            all.extend(part?);
        }
        all.sort_unstable_by_key(|a| (a.0, a.1));
        let mut responses: Vec<Vec<Response>> = requests
            .iter()
            .map(|r| Vec::with_capacity(r.samples))
            .collect();
        for (request, _, response) in all {
            responses[request].push(response);
        }
        Ok(responses)
    }
}
