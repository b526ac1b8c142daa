//! Continuous batching: one thread's rows, from their prompts to their ends.
//!
//! A thread owns its rows and runs whole tokens for them without waiting for other threads; a row
//! that finishes is given the next sample at once. Because a row's numbers depend on no other row,
//! neither the split over threads nor what else is in flight changes a response.

use std::cell::RefCell;
use std::rc::Rc;

use laser_kernels::{Backend, Cpu};
use laser_model::{Decoder, GenerationState, Step};

use crate::engine::{Generation, Request, Response, RolloutError};
use crate::row::{Advance, Distribution, Row};
use crate::sampling::SamplingError;

/// The request that a sample belongs to. Rows that share a thread's operations draw in parallel.
pub(crate) trait Task: Clone + Send + Sync {
    fn request(&self) -> &Request;
    fn generation(&self) -> &Generation;
    /// Its number in errors.
    fn index(&self) -> usize;
}

/// Where a thread's samples come from and where they go.
pub(crate) trait Feed {
    type Task: Task;

    /// The next sample to start. `None`: there is none now, or, where `idle` says that the thread
    /// has nothing else to do, never again.
    fn next(&mut self, idle: bool) -> Option<(Self::Task, usize)>;

    /// A prompt is about to be read.
    fn prefill(&mut self, prompt: &[u32]);

    /// `rows` tokens are about to be decoded. An error ends the thread's work.
    fn step(&mut self, rows: usize) -> Result<(), RolloutError>;

    /// Whether anybody still waits for a sample.
    fn wanted(&self, task: &Self::Task, sample: usize) -> bool;

    /// A sample that nobody waits for was dropped; [`Feed::done`] is not called for it.
    fn dropped(&mut self, task: &Self::Task, sample: usize);

    /// A token was sampled, with its log-probability and the distribution it was drawn from.
    fn token(&mut self, task: &Self::Task, sample: usize, token: (u32, f32), from: Distribution);

    /// A sample is complete or cannot go on. An error ends the thread's work.
    fn done(
        &mut self,
        task: &Self::Task,
        sample: usize,
        response: Result<Response, RolloutError>,
    ) -> Result<(), RolloutError>;
}

/// A prompt that was read.
struct Prompt {
    ids: Vec<u32>,
    /// After its last token.
    logits: Vec<f32>,
    lse: f32,
}

/// A row of the cache. It remembers the prompt whose keys and values it begins with, also after its
/// sample has ended, so that the next sample of that prompt need not read it again.
#[derive(Default)]
struct Slot {
    prompt: Option<Rc<Prompt>>,
    live: bool,
    /// When a sample last began here.
    used: u64,
}

/// A sample in flight.
struct Running<T> {
    task: T,
    sample: usize,
    slot: usize,
    row: Row,
}

/// One thread's rows.
pub(crate) struct Worker<'a, F: Feed> {
    decoder: &'a Decoder<Cpu>,
    state: &'a mut GenerationState<Cpu>,
    cpu: Cpu,
    feed: &'a mut F,
    /// Most prompts that are read between two decoding steps while rows are in flight.
    prefills: usize,
    slots: Vec<Slot>,
    rows: Vec<Running<F::Task>>,
    /// A sample that waits for its prompt's turn to be read.
    pending: Option<(F::Task, usize)>,
    clock: u64,
}

impl<'a, F: Feed> Worker<'a, F> {
    /// A worker with `rows` rows of `state`, whose operations run on `cpu`.
    pub(crate) fn new(
        decoder: &'a Decoder<Cpu>,
        cpu: Cpu,
        state: &'a mut GenerationState<Cpu>,
        rows: usize,
        prefills: usize,
        feed: &'a mut F,
    ) -> Self {
        Worker {
            decoder,
            state,
            cpu,
            feed,
            prefills,
            slots: (0..rows).map(|_| Slot::default()).collect(),
            rows: Vec::with_capacity(rows),
            pending: None,
            clock: 0,
        }
    }

    /// Works until the feed has nothing more.
    pub(crate) fn run(mut self) -> Result<(), RolloutError> {
        let vocab = self.decoder.config.vocab_size;
        let (mut lse, mut entropy) = (Vec::new(), Vec::new());
        let mut steps: Vec<Step> = Vec::new();
        while self.fill()? {
            self.feed.step(self.rows.len())?;
            self.drop_unwanted();
            steps.clear();
            steps.extend(self.rows.iter().filter_map(|r| {
                let (at, token) = r.row.next()?;
                let position = r.task.request().prompt.len() + at;
                Some(Step {
                    slot: r.slot,
                    position,
                    token,
                })
            }));
            if steps.is_empty() {
                continue;
            }
            self.decoder.decode(&self.cpu, self.state, &steps);
            lse.resize(steps.len(), 0.0);
            entropy.resize(steps.len(), 0.0);
            self.cpu
                .logits_stats(self.state.logits(), vocab, &mut lse, &mut entropy);
            let logits = self.state.logits().chunks_exact(vocab).zip(&lse);
            let from = logits.map(|(logits, lse)| Distribution { logits, lse: *lse });
            let rows = self.rows.iter_mut().zip(from);
            let mut drawing: Vec<Drawing<F::Task>> = rows
                .map(|(running, from)| Drawing::new(running, from))
                .collect();
            self.cpu.for_each(&mut drawing, Drawing::draw);
            let mut ended = Vec::new();
            for (i, drawing) in drawing.into_iter().enumerate() {
                if !drawing.tell(self.feed)? {
                    ended.push(i);
                }
            }
            // Backwards, so that swapping the last row into a finished one's place is safe.
            for i in ended.into_iter().rev() {
                self.free(i);
            }
        }
        Ok(())
    }

    /// Starts samples while rows are free; whether any is in flight afterwards.
    fn fill(&mut self) -> Result<bool, RolloutError> {
        let mut prefills = 0;
        while self.rows.len() < self.slots.len() {
            let idle = self.rows.is_empty();
            let next = self.pending.take().or_else(|| self.feed.next(idle));
            let Some((task, sample)) = next else { break };
            if !self.feed.wanted(&task, sample) {
                self.feed.dropped(&task, sample);
                continue;
            }
            let holder = self.holder(&task.request().prompt);
            if holder.is_none() && !idle && prefills >= self.prefills {
                self.pending = Some((task, sample));
                break;
            }
            prefills += usize::from(holder.is_none());
            self.start(task, sample, holder)?;
        }
        Ok(!self.rows.is_empty())
    }

    /// A slot that begins with a prompt, a free one where possible.
    fn holder(&self, prompt: &[u32]) -> Option<usize> {
        let holds = |s: &Slot| s.prompt.as_ref().is_some_and(|p| p.ids == prompt);
        let free = self.slots.iter().position(|s| !s.live && holds(s));
        free.or_else(|| self.slots.iter().position(holds))
    }

    /// The free slot whose prompt is missed the least: none, or the one not used for longest.
    fn victim(&self) -> usize {
        let free = self.slots.iter().enumerate().filter(|(_, s)| !s.live);
        let least = free.min_by_key(|(_, s)| (s.prompt.is_some(), s.used));
        least.map(|(i, _)| i).expect("fewer rows than slots")
    }

    fn start(
        &mut self,
        task: F::Task,
        sample: usize,
        holder: Option<usize>,
    ) -> Result<(), RolloutError> {
        let ids = &task.request().prompt;
        let (slot, prompt) = match holder.and_then(|h| Some((h, self.slots[h].prompt.clone()?))) {
            Some((holder, prompt)) if !self.slots[holder].live => (holder, prompt),
            Some((holder, prompt)) => {
                let slot = self.victim();
                self.state.share(&self.cpu, holder, slot, ids.len());
                (slot, prompt)
            }
            None => {
                let slot = self.victim();
                self.feed.prefill(ids);
                (slot, self.read(slot, ids))
            }
        };
        self.clock += 1;
        self.slots[slot] = Slot {
            prompt: Some(prompt.clone()),
            live: false,
            used: self.clock,
        };
        let request = task.request();
        let row = Row::new(&request.seed, sample, task.generation().max_new_tokens);
        let mut running = Running {
            task,
            sample,
            slot,
            row,
        };
        let from = Distribution {
            logits: &prompt.logits,
            lse: prompt.lse,
        };
        let mut drawing = Drawing::new(&mut running, from);
        drawing.draw();
        if drawing.tell(self.feed)? {
            self.slots[slot].live = true;
            self.rows.push(running);
        }
        Ok(())
    }

    /// Reads a prompt into a slot.
    fn read(&mut self, slot: usize, ids: &[u32]) -> Rc<Prompt> {
        let vocab = self.decoder.config.vocab_size;
        self.decoder.prefill(&self.cpu, self.state, slot, ids);
        let (mut lse, mut entropy) = ([0.0], [0.0]);
        self.cpu
            .logits_stats(self.state.logits(), vocab, &mut lse, &mut entropy);
        Rc::new(Prompt {
            ids: ids.to_vec(),
            logits: self.state.logits()[..vocab].to_vec(),
            lse: lse[0],
        })
    }

    fn drop_unwanted(&mut self) {
        for i in (0..self.rows.len()).rev() {
            let running = &self.rows[i];
            if !self.feed.wanted(&running.task, running.sample) {
                self.feed.dropped(&running.task, running.sample);
                self.free(i);
            }
        }
    }

    fn free(&mut self, row: usize) {
        let running = self.rows.swap_remove(row);
        self.slots[running.slot].live = false;
    }
}

/// A sample that is given the distribution after its last token.
struct Drawing<'a, T> {
    running: &'a mut Running<T>,
    from: Distribution<'a>,
    /// Tokens before.
    position: usize,
    advance: Result<Advance, SamplingError>,
}

impl<'a, T: Task> Drawing<'a, T> {
    fn new(running: &'a mut Running<T>, from: Distribution<'a>) -> Self {
        Drawing {
            position: running.row.len(),
            running,
            from,
            advance: Ok(Advance::default()),
        }
    }

    /// Draws, which depends on nothing but the sample.
    fn draw(&mut self) {
        thread_local! {
            static CANDIDATES: RefCell<Vec<(u32, f32)>> = const { RefCell::new(Vec::new()) };
        }
        let r = &mut *self.running;
        self.advance = CANDIDATES.with_borrow_mut(|candidates| {
            r.row.advance(r.task.generation(), self.from, candidates)
        });
    }

    /// Tells what came out; whether the sample goes on.
    fn tell<F: Feed<Task = T>>(self, feed: &mut F) -> Result<bool, RolloutError> {
        let r = self.running;
        match self.advance {
            Ok(advance) => {
                if let Some(token) = advance.token {
                    feed.token(&r.task, r.sample, token, self.from);
                }
                let Some(response) = advance.response else {
                    return Ok(true);
                };
                feed.done(&r.task, r.sample, Ok(response))?;
            }
            Err(what) => {
                let error = RolloutError::Sampling {
                    request: r.task.index(),
                    position: self.position,
                    what,
                };
                feed.done(&r.task, r.sample, Err(error))?;
            }
        }
        Ok(false)
    }
}
