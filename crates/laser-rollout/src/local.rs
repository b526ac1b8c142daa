//! Answers a list of requests in this process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use laser_kernels::Cpu;
use laser_model::{Decoder, GenerationState};

use crate::check::{check_generation, check_request};
use crate::engine::{Engine, Generation, Monitor, Request, Response, RolloutError};
use crate::row::Distribution;
use crate::worker::{Feed, Task, Worker};

/// Generates with a decoder on the CPU.
pub struct LocalEngine<'a> {
    decoder: &'a Decoder<Cpu>,
    memory: &'a Memory,
    cpu: &'a Cpu,
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

/// A request of the list.
#[derive(Clone, Copy)]
struct Listed<'a> {
    index: usize,
    request: &'a Request,
    generation: &'a Generation,
}

impl Task for Listed<'_> {
    fn request(&self) -> &Request {
        self.request
    }

    fn generation(&self) -> &Generation {
        self.generation
    }

    fn index(&self) -> usize {
        self.index
    }
}

/// One thread's part of a list: all samples of a request, then the next request that no thread has
/// taken.
struct List<'a> {
    requests: &'a [Request],
    /// One for each request, or one for all.
    generations: &'a [Generation],
    next: &'a AtomicUsize,
    monitor: &'a Monitor,
    /// The request whose samples are being started, and the next of them.
    current: Option<(usize, usize)>,
    answers: Vec<Answer>,
}

type Answer = (usize, usize, Response);

/// The settings of a request.
fn of(generations: &[Generation], request: usize) -> &Generation {
    match generations {
        [shared] => shared,
        each => &each[request],
    }
}

impl<'a> Feed for List<'a> {
    type Task = Listed<'a>;

    fn next(&mut self, _idle: bool) -> Option<(Listed<'a>, usize)> {
        loop {
            let (index, sample) = match self.current {
                Some(current) => current,
                None => (self.next.fetch_add(1, Ordering::Relaxed), 0),
            };
            let request = self.requests.get(index)?;
            if sample < request.samples {
                self.current = Some((index, sample + 1));
                let listed = Listed {
                    index,
                    request,
                    generation: of(self.generations, index),
                };
                return Some((listed, sample));
            }
            self.current = None;
        }
    }

    fn prefill(&mut self, _prompt: &[u32]) {}

    fn step(&mut self, rows: usize) -> Result<(), RolloutError> {
        if self.monitor.cancelled() {
            return Err(RolloutError::Cancelled);
        }
        self.monitor
            .tokens
            .fetch_add(rows as u64, Ordering::Relaxed);
        Ok(())
    }

    fn wanted(&self, _task: &Listed<'a>, _sample: usize) -> bool {
        true
    }

    fn dropped(&mut self, _task: &Listed<'a>, _sample: usize) {}

    fn token(&mut self, _task: &Listed<'a>, _sample: usize, _token: (u32, f32), _: Distribution) {}

    fn done(
        &mut self,
        task: &Listed<'a>,
        sample: usize,
        response: Result<Response, RolloutError>,
    ) -> Result<(), RolloutError> {
        self.answers.push((task.index, sample, response?));
        Ok(())
    }
}

/// Weights that a step of one thread may read again and again from its own cache.
const CACHED_WEIGHTS: usize = 8 << 20;

/// Whether threads share each operation instead of each having rows of its own, which needs no
/// waiting inside a token. It pays where the weights come from far away, once instead of once for
/// each thread, and where there are fewer prompts than threads.
pub(crate) fn together(decoder: &Decoder<Cpu>, threads: usize, prompts: usize) -> bool {
    threads > 1 && (prompts < threads || decoder.bytes_per_step() > CACHED_WEIGHTS)
}

impl<'a> LocalEngine<'a> {
    /// An engine on the threads of `cpu`.
    pub fn new(decoder: &'a Decoder<Cpu>, memory: &'a Memory, cpu: &'a Cpu) -> Self {
        LocalEngine {
            decoder,
            memory,
            cpu,
        }
    }

    /// The tokens that a row must hold.
    fn check(
        &self,
        requests: &[Request],
        generations: &[Generation],
    ) -> Result<usize, RolloutError> {
        let (config, context) = (&self.decoder.config, self.decoder.context());
        for generation in generations {
            check_generation(config, generation)?;
        }
        let mut capacity = 1;
        for (index, request) in requests.iter().enumerate() {
            let g = of(generations, index);
            capacity = capacity.max(check_request(config, context, g, index, request)?);
        }
        Ok(capacity)
    }

    /// As [`generate`](Engine::generate), with settings of its own for each request.
    ///
    /// # Errors
    /// Those of [`generate`](Engine::generate).
    ///
    /// # Panics
    /// If there are not as many settings as requests.
    pub fn generate_each(
        &self,
        requests: &[Request],
        generations: &[Generation],
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Response>>, RolloutError> {
        assert_eq!(
            requests.len(),
            generations.len(),
            "settings for other requests"
        );
        self.run(requests, generations, monitor)
    }

    fn run(
        &self,
        requests: &[Request],
        generations: &[Generation],
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Response>>, RolloutError> {
        let capacity = self.check(requests, generations)?;
        let next = AtomicUsize::new(0);
        let samples: usize = requests.iter().map(|r| r.samples).sum();
        let threads = self.cpu.threads();
        let together = together(self.decoder, threads, requests.len());
        let workers = threads.min(requests.len()).max(1);
        // As many rows in either case: what a run was found to need does not change.
        let (workers, rows) = match together {
            true => (1, self.memory.rows * workers),
            false => (workers, self.memory.rows),
        };
        // A cache for rows that are never used would only take memory.
        let rows = rows.min(samples).max(1);
        let run = |cpu: Cpu| -> Result<Vec<Answer>, RolloutError> {
            let mut state = self
                .memory
                .take()
                .filter(|s| s.capacity() >= capacity && s.slots() >= rows)
                .unwrap_or_else(|| self.decoder.generation(&cpu, rows, capacity));
            let mut list = List {
                requests,
                generations,
                next: &next,
                monitor,
                current: None,
                answers: Vec::new(),
            };
            // Nobody watches single tokens, so prompts need not wait for each other.
            let worker = Worker::new(self.decoder, cpu, &mut state, rows, usize::MAX, &mut list);
            let result = worker.run();
            self.memory.give(state);
            result.map(|()| list.answers)
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers)
                .map(|_| scope.spawn(|| run(Cpu::serial())))
                .collect();
            let mine = match together {
                true => self.cpu.install(|| run(self.cpu.clone())),
                false => run(Cpu::serial()),
            };
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

impl Engine for LocalEngine<'_> {
    fn generate(
        &self,
        requests: &[Request],
        generation: &Generation,
        monitor: &Monitor,
    ) -> Result<Vec<Vec<Response>>, RolloutError> {
        self.run(requests, std::slice::from_ref(generation), monitor)
    }
}
