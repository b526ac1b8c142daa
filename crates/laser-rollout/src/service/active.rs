//! A job that was accepted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Event, Job, Sink};
use crate::engine::{Generation, Request, RolloutError};
use crate::worker::Task;

/// A job with its sink.
pub(super) struct Active {
    pub job: Job,
    /// `None` once the job has ended.
    sink: Mutex<Option<Sink>>,
    /// Cancelled or failed: nobody waits for it any more.
    dead: AtomicBool,
    cancelled: Vec<AtomicBool>,
}

impl Active {
    pub(super) fn new(job: Job, sink: Sink) -> Self {
        let samples = job.request.samples;
        Active {
            job,
            sink: Mutex::new(Some(sink)),
            dead: AtomicBool::new(false),
            cancelled: (0..samples).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Whether anybody waits for a sample.
    pub(super) fn wanted(&self, sample: usize) -> bool {
        !self.dead() && !self.cancelled[sample].load(Ordering::Acquire)
    }

    /// Whether it was cancelled or has failed.
    pub(super) fn dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Ends it without a word.
    pub(super) fn cancel(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// Whether there is such a sample that was not cancelled before.
    pub(super) fn cancel_sample(&self, sample: usize) -> bool {
        let flag = self.cancelled.get(sample);
        flag.is_some_and(|flag| !flag.swap(true, Ordering::AcqRel))
    }

    /// Ends it with an error, unless it has ended already.
    pub(super) fn fail(&self, error: RolloutError) {
        let mut sink = self.sink();
        if !self.dead.swap(true, Ordering::AcqRel) {
            self.call(&mut sink, Event::Failed(error));
        }
    }

    /// Delivers an event of a sample, unless nobody waits for it.
    pub(super) fn tell(&self, sample: usize, event: impl FnOnce() -> Event) {
        let mut sink = self.sink();
        if self.wanted(sample) {
            self.call(&mut sink, event());
        }
    }

    fn call(&self, sink: &mut Option<Sink>, event: Event) {
        let Some(call) = sink else { return };
        if catch_unwind(AssertUnwindSafe(|| call(event))).is_err() {
            self.dead.store(true, Ordering::Release);
            discard(sink.take());
        }
    }

    /// Drops the sink: its owner sees that the job has ended.
    pub(super) fn close(&self) {
        let sink = self.sink().take();
        discard(sink);
    }

    fn sink(&self) -> std::sync::MutexGuard<'_, Option<Sink>> {
        self.sink.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Drops a sink, whose own drop may panic as it may when it is called.
fn discard(sink: Option<Sink>) {
    // The panic hook has reported it, and the job has ended.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
}

impl Task for std::sync::Arc<Active> {
    fn request(&self) -> &Request {
        &self.job.request
    }

    fn generation(&self) -> &Generation {
        &self.job.generation
    }

    fn index(&self) -> usize {
        0
    }
}
