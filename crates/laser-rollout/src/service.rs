//! Answers requests that arrive while others are in flight.

mod active;
mod queue;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use laser_kernels::Cpu;
use laser_model::Decoder;

use crate::check::{check_generation, check_request};
use crate::engine::{Generation, Request, Response, RolloutError};
use crate::local::together;
use active::Active;
use queue::Queue;

/// The size of a [`Service`]. Its caches hold `threads × rows × capacity` tokens and are allocated
/// when it starts.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOptions {
    /// Threads that sample; 0 is one per core. Each has rows of its own, or, with weights that no
    /// cache holds, all work on every row.
    pub threads: usize,
    /// Responses in flight for each thread, at least 1.
    pub rows: usize,
    /// Tokens of a row, prompt and response; 0 is the decoder's context.
    pub capacity: usize,
    /// Requests that may wait for their first row, beyond those that free rows can take at once.
    pub queue: usize,
}

/// A request to a [`Service`].
#[derive(Clone, Debug)]
pub struct Job {
    /// The prompt, how many responses, and the words of their randomness.
    pub request: Request,
    /// How they are sampled.
    pub generation: Generation,
    /// Likeliest tokens that come with each token.
    pub top_logprobs: usize,
    /// Who asks: clients share the rows equally.
    pub client: u64,
}

/// What a [`Service`] tells of a job. The events of a sample come in order; those of different
/// samples of a job are mixed, but never two at a time.
#[derive(Debug)]
pub enum Event {
    /// A token was sampled; the stop token is one.
    Token {
        /// Which sample, from 0.
        sample: usize,
        /// The token.
        id: u32,
        /// Its log-probability under the un-tempered policy, nats.
        logprob: f32,
        /// The likeliest tokens in its place with their log-probabilities, as many as the job asks
        /// for, the likeliest first, equal ones by id.
        top: Vec<(u32, f32)>,
    },
    /// A sample is complete; its last event.
    Done {
        /// Which sample, from 0.
        sample: usize,
        /// The whole response.
        response: Response,
    },
    /// The job cannot be completed; its last event.
    Failed(RolloutError),
}

/// Where the events of a job go. It is called on the threads that sample, so it must be quick, such
/// as the sending end of an unbounded channel, and must not wait for the service. One that panics
/// ends its job. It is dropped when the job has ended.
pub type Sink = Box<dyn FnMut(Event) + Send>;

/// Why a job was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The queue is full.
    #[error(
        "the service is full: {running} responses are in flight and {waiting} requests wait; try again later"
    )]
    Full {
        /// Responses in flight.
        running: usize,
        /// Requests that wait for their first row.
        waiting: usize,
    },
    /// The service takes no more jobs.
    #[error("the service is stopping and takes no more requests")]
    Stopping,
    /// The job could never be answered.
    #[error(transparent)]
    Invalid(#[from] RolloutError),
}

/// How busy a [`Service`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Responses in flight.
    pub running: usize,
    /// Responses that wait for a row.
    pub waiting: usize,
    /// Requests none of whose responses has a row yet.
    pub waiting_requests: usize,
    /// Rows in all.
    pub rows: usize,
    /// Tokens sampled since the start.
    pub tokens: u64,
    /// Tokens of prompts read since the start; a prompt whose keys and values a row still holds is
    /// not read again.
    pub prompt_tokens: u64,
}

/// Samples responses to requests that arrive while others are in flight, by continuous batching.
///
/// A response depends on its prompt, its settings, the words of its seed and its sample's index
/// alone, and has the bits that [`LocalEngine`](crate::LocalEngine) gives it, whatever else is in
/// flight. A free row goes to the client with the fewest rows, then to the request with the fewest,
/// then to the one that came first. Between two tokens of the responses in flight on a thread at
/// most one prompt is read; it is read as a whole, so that a long prompt holds the thread's
/// responses up for as long as it takes.
///
/// Dropping the service ends the jobs that are left with [`RolloutError::Stopped`].
pub struct Service {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Shared {
    decoder: Arc<Decoder<Cpu>>,
    /// What the operations of a sampling thread run on.
    cpu: Cpu,
    /// Rows of each sampling thread.
    rows: usize,
    /// Tokens of a row.
    capacity: usize,
    queue: Queue,
    tokens: AtomicU64,
    prompt_tokens: AtomicU64,
}

/// A job that was accepted. Dropping it cancels what is left of the job.
#[must_use = "dropping the ticket cancels the job"]
pub struct Ticket {
    shared: Arc<Shared>,
    job: Arc<Active>,
}

impl Service {
    /// Starts the threads.
    ///
    /// # Errors
    /// A capacity beyond the decoder's context; threads that the system refuses.
    pub fn start(
        decoder: Arc<Decoder<Cpu>>,
        options: ServiceOptions,
    ) -> Result<Service, RolloutError> {
        let context = decoder.context();
        let capacity = match options.capacity {
            0 => context,
            n if n <= context => n,
            capacity => return Err(RolloutError::Capacity { capacity, context }),
        };
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        let refused = |reason: String| RolloutError::Threads { threads, reason };
        let rows = options.rows.max(1);
        let (workers, rows, cpu) = match together(&decoder, threads, usize::MAX) {
            true => {
                let cpu = Cpu::new(threads).map_err(|e| refused(e.to_string()))?;
                (1, rows * threads, cpu)
            }
            false => (threads, rows, Cpu::serial()),
        };
        let shared = Arc::new(Shared {
            decoder,
            cpu,
            rows,
            capacity,
            queue: Queue::new(workers, rows, options.queue),
            tokens: AtomicU64::new(0),
            prompt_tokens: AtomicU64::new(0),
        });
        let mut service = Service {
            shared,
            threads: Vec::with_capacity(workers),
        };
        for thread in 0..workers {
            let shared = service.shared.clone();
            let started = std::thread::Builder::new()
                .name(format!("sampler-{thread}"))
                .spawn(move || thread::run(&shared, thread));
            // Those that run already end with `service`.
            let started = started.map_err(|e| refused(e.to_string()))?;
            service.threads.push(started);
        }
        Ok(service)
    }

    /// Takes a job; `sink` gets its events.
    ///
    /// # Errors
    /// When the queue is full, the service is stopping, or the job could never be answered.
    pub fn submit(&self, job: Job, sink: Sink) -> Result<Ticket, Refused> {
        let (config, capacity) = (&self.shared.decoder.config, self.shared.capacity);
        check_generation(config, &job.generation)?;
        check_request(config, capacity, &job.generation, 0, &job.request)?;
        if job.request.samples == 0 {
            return Err(RolloutError::NoSamples { request: 0 }.into());
        }
        let job = Arc::new(Active::new(job, sink));
        self.shared.queue.push(&job)?;
        Ok(Ticket {
            shared: self.shared.clone(),
            job,
        })
    }

    /// How busy it is now.
    pub fn load(&self) -> Load {
        Load {
            tokens: self.shared.tokens.load(Ordering::Relaxed),
            prompt_tokens: self.shared.prompt_tokens.load(Ordering::Relaxed),
            ..self.shared.queue.load()
        }
    }

    /// Tokens of a row: the most that prompt and response may have.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Takes no more jobs, waits at most `deadline` for those it has, ends the rest with
    /// [`RolloutError::Stopped`]; whether all were completed. Blocks the calling thread, which must
    /// not be that of a sink. It can be called while other threads hold the service.
    pub fn drain(&self, deadline: Duration) -> bool {
        let drained = self.shared.queue.drain(deadline);
        self.stop();
        drained
    }

    /// Ends everything that is left.
    fn stop(&self) {
        for job in self.shared.queue.stop() {
            job.fail(RolloutError::Stopped);
            self.shared.queue.ended(&job);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
        let here = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A sink that owns the service drops it on one of the threads themselves.
            if thread.thread().id() != here {
                // A thread catches its panics, and its jobs have been told of them.
                let _ = thread.join();
            }
        }
    }
}

impl Ticket {
    /// Ends the job: its rows are free after their next token, and no further event is delivered
    /// but one that is on its way already.
    pub fn cancel(&self) {
        self.job.cancel();
        self.shared.queue.forget_waiting(&self.job);
    }

    /// The same for one sample; of one that has ended, or never was, nothing is left to end.
    pub fn cancel_sample(&self, sample: usize) {
        if self.job.cancel_sample(sample) {
            self.shared.queue.forget_sample(&self.job, sample);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel();
    }
}
