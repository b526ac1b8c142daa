//! Who gets the next free row.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::active::Active;
use super::{Load, Refused};

/// The jobs of a service, and the rows that they have.
pub(super) struct Queue {
    state: Mutex<State>,
    /// There may be something to do for a thread.
    work: Condvar,
    /// The last job has ended.
    empty: Condvar,
    /// Rows of all threads.
    rows: usize,
    /// Requests that may wait beyond the free rows.
    longest: usize,
}

struct State {
    /// In order of arrival.
    jobs: Vec<Entry>,
    /// Rows of each client that has any.
    clients: HashMap<u64, usize>,
    /// Samples in flight on each thread.
    busy: Vec<usize>,
    accepting: bool,
    stopped: bool,
}

/// A job with samples that have not ended.
struct Entry {
    job: Arc<Active>,
    /// Samples without a row.
    waiting: VecDeque<usize>,
    /// Samples in flight.
    rows: usize,
    /// Last events that are being delivered, of samples without a row.
    ending: usize,
    /// Whether a sample ever had a row.
    started: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.jobs.iter().map(|e| e.waiting.len()).sum()
    }

    fn waiting_requests(&self) -> usize {
        self.jobs.iter().filter(|e| !e.started).count()
    }

    fn running(&self) -> usize {
        self.busy.iter().sum()
    }

    fn entry(&mut self, job: &Arc<Active>) -> Option<&mut Entry> {
        self.jobs.iter_mut().find(|e| Arc::ptr_eq(&e.job, job))
    }

    /// The next sample for a thread with `rows` rows in flight, in a fair order.
    fn pick(&self) -> Option<usize> {
        let of = |client| self.clients.get(&client).copied().unwrap_or(0);
        let entries = self.jobs.iter().enumerate();
        // The first of equals: jobs are in order of arrival.
        let waiting = entries.filter(|(_, e)| !e.waiting.is_empty());
        let least = waiting.min_by_key(|(_, e)| (of(e.job.job.client), e.rows));
        least.map(|(i, _)| i)
    }

    /// Takes a job out when nothing of it is left; it is to be closed without the lock.
    fn settle(&mut self, job: &Arc<Active>) -> Option<Arc<Active>> {
        let at = self.jobs.iter().position(|e| Arc::ptr_eq(&e.job, job))?;
        let e = &self.jobs[at];
        let ended = e.waiting.is_empty() && e.rows == 0 && e.ending == 0;
        ended.then(|| self.jobs.remove(at).job)
    }
}

impl Queue {
    pub(super) fn new(threads: usize, rows: usize, longest: usize) -> Self {
        Queue {
            state: Mutex::new(State {
                jobs: Vec::new(),
                clients: HashMap::new(),
                busy: vec![0; threads],
                accepting: true,
                stopped: false,
            }),
            work: Condvar::new(),
            empty: Condvar::new(),
            rows: threads * rows,
            longest,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes a job.
    pub(super) fn push(&self, job: &Arc<Active>) -> Result<(), Refused> {
        let mut state = self.lock();
        if !state.accepting {
            return Err(Refused::Stopping);
        }
        let (running, waiting) = (state.running(), state.waiting_requests());
        if waiting >= self.longest.saturating_add(self.rows - running) {
            return Err(Refused::Full { running, waiting });
        }
        state.jobs.push(Entry {
            job: job.clone(),
            waiting: (0..job.job.request.samples).collect(),
            rows: 0,
            ending: 0,
            started: false,
        });
        drop(state);
        self.work.notify_all();
        Ok(())
    }

    /// The next sample for a thread. A thread that is idle waits for one; `None` ends it.
    pub(super) fn take(&self, thread: usize, idle: bool) -> Option<(Arc<Active>, usize)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            // No thread takes more than its share: the others will come for theirs.
            let samples = state.running() + state.waiting();
            let share = samples.div_ceil(state.busy.len());
            let next = (state.busy[thread] < share).then(|| state.pick()).flatten();
            if let Some(i) = next {
                let e = &mut state.jobs[i];
                if let Some(sample) = e.waiting.pop_front() {
                    e.rows += 1;
                    e.started = true;
                    let job = e.job.clone();
                    *state.clients.entry(job.job.client).or_default() += 1;
                    state.busy[thread] += 1;
                    return Some((job, sample));
                }
            }
            if !idle {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(|e| e.into_inner());
        }
    }

    /// A sample gives its row back. Its last event may follow; then [`Queue::ended`].
    pub(super) fn release(&self, thread: usize, job: &Arc<Active>) {
        let mut state = self.lock();
        state.busy[thread] -= 1;
        let client = job.job.client;
        if let Some(rows) = state.clients.get_mut(&client) {
            *rows -= 1;
            if *rows == 0 {
                state.clients.remove(&client);
            }
        }
        if let Some(e) = state.entry(job) {
            e.rows -= 1;
            e.ending += 1;
        }
    }

    /// A last event was delivered.
    pub(super) fn ended(&self, job: &Arc<Active>) {
        let mut state = self.lock();
        if let Some(e) = state.entry(job) {
            e.ending -= 1;
        }
        self.settle(state, job);
    }

    /// Nobody waits for a job's samples that have no row yet.
    pub(super) fn forget_waiting(&self, job: &Arc<Active>) {
        let mut state = self.lock();
        if let Some(e) = state.entry(job) {
            e.waiting.clear();
        }
        self.settle(state, job);
    }

    /// Nobody waits for one of them.
    pub(super) fn forget_sample(&self, job: &Arc<Active>, sample: usize) {
        let mut state = self.lock();
        if let Some(e) = state.entry(job) {
            e.waiting.retain(|s| *s != sample);
        }
        self.settle(state, job);
    }

    fn settle(&self, mut state: MutexGuard<'_, State>, job: &Arc<Active>) {
        let Some(job) = state.settle(job) else { return };
        if state.jobs.is_empty() {
            self.empty.notify_all();
        }
        drop(state);
        job.close();
    }

    /// Takes no more jobs and waits until none is left; whether that came before the deadline.
    pub(super) fn drain(&self, deadline: Duration) -> bool {
        let started = Instant::now();
        let mut state = self.lock();
        state.accepting = false;
        while !state.jobs.is_empty() {
            let Some(left) = deadline.checked_sub(started.elapsed()) else {
                return false;
            };
            state = match self.empty.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(e) => e.into_inner().0,
            };
        }
        true
    }

    /// Ends the threads; the jobs that are left are to be told, then [`Queue::ended`].
    pub(super) fn stop(&self) -> Vec<Arc<Active>> {
        let mut state = self.lock();
        state.accepting = false;
        state.stopped = true;
        for e in &mut state.jobs {
            e.waiting.clear();
            e.ending += 1;
        }
        let jobs = state.jobs.iter().map(|e| e.job.clone()).collect();
        drop(state);
        self.work.notify_all();
        jobs
    }

    /// How busy it is; without the counts of tokens.
    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            running: state.running(),
            waiting: state.waiting(),
            waiting_requests: state.waiting_requests(),
            rows: self.rows,
            ..Load::default()
        }
    }
}
