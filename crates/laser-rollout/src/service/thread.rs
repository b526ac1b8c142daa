//! A thread of the service.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::active::Active;
use super::{Event, Shared};
use crate::engine::{Response, RolloutError};
use crate::row::Distribution;
use crate::worker::{Feed, Worker};

/// Works until the service stops.
pub(super) fn run(shared: &Shared, thread: usize) {
    let mut feed = Requests {
        shared,
        thread,
        running: Vec::with_capacity(shared.rows),
    };
    loop {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let (decoder, cpu, rows) = (&*shared.decoder, &shared.cpu, shared.rows);
            cpu.install(|| {
                let mut state = decoder.generation(cpu, rows, shared.capacity);
                // Prompts take turns with tokens, so that responses do not stop for a queue of
                // prompts.
                Worker::new(decoder, cpu.clone(), &mut state, rows, 1, &mut feed).run()
            })
        }));
        let error = match ended {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(panic) => Some(words(&*panic)),
        };
        // The error of one sample ends its job alone. What ends the thread's work has no one job
        // to blame, so it ends all that are in flight here; the others go on with new caches.
        for (job, _) in std::mem::take(&mut feed.running) {
            if let Some(what) = &error {
                job.fail(RolloutError::Worker { what: what.clone() });
            }
            shared.queue.release(thread, &job);
            shared.queue.forget_waiting(&job);
            shared.queue.ended(&job);
        }
        if error.is_none() {
            return;
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".into())
}

/// The service's requests as the feed of one thread.
struct Requests<'a> {
    shared: &'a Shared,
    thread: usize,
    /// Samples in flight here.
    running: Vec<(Arc<Active>, usize)>,
}

impl Requests<'_> {
    /// Ends a sample that is in flight here.
    fn end(&mut self, job: &Arc<Active>, sample: usize, last: impl FnOnce()) {
        let queue = &self.shared.queue;
        queue.release(self.thread, job);
        last();
        // Only now: a panic before must find the sample here.
        self.running
            .retain(|(j, s)| !(Arc::ptr_eq(j, job) && *s == sample));
        if job.dead() {
            queue.forget_waiting(job);
        }
        queue.ended(job);
    }
}

impl Feed for Requests<'_> {
    type Task = Arc<Active>;

    fn next(&mut self, idle: bool) -> Option<(Arc<Active>, usize)> {
        let next = self.shared.queue.take(self.thread, idle)?;
        self.running.push(next.clone());
        Some(next)
    }

    fn prefill(&mut self, prompt: &[u32]) {
        let tokens = &self.shared.prompt_tokens;
        tokens.fetch_add(prompt.len() as u64, Ordering::Relaxed);
    }

    fn step(&mut self, _rows: usize) -> Result<(), RolloutError> {
        Ok(())
    }

    fn wanted(&self, job: &Arc<Active>, sample: usize) -> bool {
        job.wanted(sample)
    }

    fn dropped(&mut self, job: &Arc<Active>, sample: usize) {
        self.end(job, sample, || {});
    }

    fn token(
        &mut self,
        job: &Arc<Active>,
        sample: usize,
        (id, logprob): (u32, f32),
        from: Distribution,
    ) {
        self.shared.tokens.fetch_add(1, Ordering::Relaxed);
        job.tell(sample, || Event::Token {
            sample,
            id,
            logprob,
            top: from.top(job.job.top_logprobs),
        });
    }

    fn done(
        &mut self,
        job: &Arc<Active>,
        sample: usize,
        response: Result<Response, RolloutError>,
    ) -> Result<(), RolloutError> {
        self.end(job, sample, || match response {
            Ok(response) => job.tell(sample, || Event::Done { sample, response }),
            Err(e) => job.fail(e),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use laser_kernels::Cpu;
    use std::path::PathBuf;
    use std::sync::mpsc::channel;

    use laser_model::{Decoder, checkpoint};

    use super::super::{Job, Service, ServiceOptions, Ticket};
    use super::*;
    use crate::{Generation, Request, Sampling, SelfRewardPosition};

    #[test]
    fn a_thread_that_panics_fails_its_jobs_and_goes_on() {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/qwen3");
        let config = checkpoint::load_config(&dir).unwrap();
        let weights = checkpoint::Stored::weights(&dir, &config).unwrap();
        let decoder = Decoder::new(&Cpu::serial(), config, weights.tensors(), 64, false);
        let options = ServiceOptions {
            threads: 1,
            rows: 2,
            capacity: 16,
            queue: 4,
        };
        let service = Service::start(Arc::new(decoder), options).unwrap();
        let job = |prompt: usize| Job {
            request: Request {
                prompt: vec![1; prompt],
                samples: 3,
                seed: vec![],
            },
            generation: Generation {
                sampling: Sampling::default(),
                max_new_tokens: 8,
                stop: vec![],
                self_reward_token: None,
                self_reward_position: SelfRewardPosition::AfterEos,
                punctuation: vec![],
            },
            top_logprobs: 0,
            client: 0,
        };
        // Past the check that every job goes through, a prompt that its row cannot hold.
        let (sender, events) = channel();
        let bad = Active::new(job(60), Box::new(move |e| sender.send(e).unwrap()));
        let bad = Arc::new(bad);
        service.shared.queue.push(&bad).unwrap();
        let _ticket = Ticket {
            shared: service.shared.clone(),
            job: bad,
        };
        let events: Vec<Event> = events.iter().collect();
        let [Event::Failed(RolloutError::Worker { what })] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(!what.is_empty());
        let (sender, events) = channel();
        let sink = Box::new(move |e| sender.send(e).unwrap());
        let _ticket = service.submit(job(3), sink).unwrap();
        let done = events.iter().filter(|e| matches!(e, Event::Done { .. }));
        assert_eq!(done.count(), 3);
        assert_eq!(service.load().running, 0);
    }
}
