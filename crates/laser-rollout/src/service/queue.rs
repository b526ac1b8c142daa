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

#[cfg(test)]
mod tests {
    use super::super::Job;
    use super::*;
    use crate::{Generation, Request, Sampling, SelfRewardPosition};

    fn job(queue: &Queue, client: u64, samples: usize) -> Arc<Active> {
        let job = Job {
            request: Request {
                prompt: vec![1],
                samples,
                seed: vec![],
            },
            generation: Generation {
                sampling: Sampling::default(),
                max_new_tokens: 1,
                stop: vec![],
                self_reward_token: None,
                self_reward_position: SelfRewardPosition::AfterEos,
                punctuation: vec![],
            },
            top_logprobs: 0,
            client,
        };
        let job = Arc::new(Active::new(job, Box::new(|_| {})));
        queue.push(&job).unwrap();
        job
    }

    /// Takes a sample for a thread; the place of its job in `jobs`.
    fn take(queue: &Queue, thread: usize, jobs: &[&Arc<Active>]) -> Option<usize> {
        let (job, _) = queue.take(thread, false)?;
        jobs.iter().position(|j| Arc::ptr_eq(j, &job))
    }

    fn end(queue: &Queue, thread: usize, job: &Arc<Active>) {
        queue.release(thread, job);
        queue.ended(job);
    }

    #[test]
    fn a_free_row_goes_to_the_client_then_to_the_request_with_the_fewest_rows() {
        let queue = Queue::new(1, 9, 9);
        let (a, b) = (job(&queue, 1, 64), job(&queue, 1, 64));
        let c = job(&queue, 2, 64);
        let jobs = [&a, &b, &c];
        let order: Vec<_> = (0..6).map(|_| take(&queue, 0, &jobs)).collect();
        // Ties in order of arrival; client 2 gets as many rows as client 1.
        assert_eq!(order, [0, 2, 1, 2, 0, 2].map(Some));
        end(&queue, 0, &a);
        assert_eq!(take(&queue, 0, &jobs), Some(0));
    }

    #[test]
    fn no_thread_takes_more_than_its_share() {
        let queue = Queue::new(2, 4, 9);
        let a = job(&queue, 1, 4);
        let taken = |thread| std::iter::from_fn(|| queue.take(thread, false)).count();
        assert_eq!([taken(0), taken(1), taken(0)], [2, 2, 0]);
        // Thread 1 is idle, so the next sample is for it.
        end(&queue, 1, &a);
        end(&queue, 1, &a);
        let b = job(&queue, 1, 1);
        assert_eq!(take(&queue, 0, &[&b]), None);
        assert_eq!(take(&queue, 1, &[&b]), Some(0));
    }

    #[test]
    fn what_was_forgotten_gets_no_row_and_leaves_nothing_behind() {
        let queue = Queue::new(1, 2, 9);
        let (a, b) = (job(&queue, 1, 3), job(&queue, 2, 1));
        queue.forget_sample(&a, 0);
        queue.forget_waiting(&b);
        assert_eq!(queue.load().waiting, 2);
        assert_eq!(queue.take(0, false).unwrap().1, 1);
        queue.forget_waiting(&a);
        assert!(queue.take(0, false).is_none());
        end(&queue, 0, &a);
        assert!(queue.drain(Duration::ZERO));
        assert_eq!((queue.load().running, queue.lock().clients.len()), (0, 0));
    }

    #[test]
    fn as_many_requests_may_wait_as_were_asked_for_beyond_the_free_rows() {
        let queue = Queue::new(1, 2, 1);
        let jobs: Vec<_> = (0..3).map(|i| job(&queue, i, 1)).collect();
        let refused = queue.push(&jobs[0]);
        assert!(matches!(
            refused,
            Err(Refused::Full {
                running: 0,
                waiting: 3
            })
        ));
        assert!(queue.take(0, false).is_some());
        let full = queue.push(&jobs[0]).unwrap_err().to_string();
        assert!(full.contains("1 responses are in flight and 2 requests wait"));
    }
}
