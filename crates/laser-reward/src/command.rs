//! A command: long-lived processes that read responses as JSON lines and write rewards.

mod worker;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Item, Numbered, RewardError, Scorer, TICK, answer};
use worker::{Output, Worker};

/// How a command is run.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSettings {
    /// Name of the part, for messages.
    pub name: String,
    /// The program and its arguments. No shell is involved, and relative paths are seen from the
    /// folder that this program runs in.
    pub command: Vec<String>,
    /// Processes. Item i of a batch goes to process i mod `workers`.
    pub workers: usize,
    /// Time that a process has for its share of a batch; its start is a part of the first.
    pub deadline: Duration,
    /// How often a process that fails may be started again within a batch. It is then asked again
    /// for what it left unanswered.
    pub restarts: u32,
}

/// Scores responses by processes that run as long as this value lives.
pub struct Command {
    settings: CommandSettings,
    /// None after a failure or an interruption: the next batch starts a new one.
    workers: Vec<Option<Worker>>,
    /// No number is used twice, so that a late answer is not taken for one to a later question.
    next_id: u64,
}

impl Command {
    /// Starts the processes.
    ///
    /// # Errors
    /// An empty command, or one that the system cannot start.
    pub fn start(settings: CommandSettings) -> Result<Self, RewardError> {
        let workers = (0..settings.workers.max(1))
            .map(|_| Worker::start(&settings).map(Some))
            .collect::<Result<_, _>>()?;
        Ok(Command {
            settings,
            workers,
            next_id: 0,
        })
    }
}

impl Scorer for Command {
    fn score(
        &mut self,
        batch: &[Item],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, RewardError> {
        let first = self.next_id;
        self.next_id += batch.len() as u64;
        let (settings, count) = (&self.settings, self.workers.len());
        let failed = AtomicBool::new(false);
        // One failure ends the batch: nobody waits for what is thrown away.
        let stopped = || failed.load(Ordering::Relaxed) || cancelled();
        let shares: Vec<Result<Vec<(usize, f64)>, RewardError>> = thread::scope(|scope| {
            let waiting: Vec<_> = self
                .workers
                .iter_mut()
                .enumerate()
                .map(|(number, slot)| {
                    let (stopped, failed) = (&stopped, &failed);
                    let share = (number..batch.len()).step_by(count);
                    let asked = share.map(|i| (first + i as u64, i)).collect();
                    scope.spawn(move || {
                        let task = Share {
                            settings,
                            number,
                            batch,
                            stopped,
                        };
                        task.answers(slot, asked)
                            .inspect_err(|_| failed.store(true, Ordering::Relaxed))
                    })
                })
                .collect();
            waiting
                .into_iter()
                .map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
                .collect()
        });
        let mut rewards = vec![0.0; batch.len()];
        let mut interrupted = None;
        for share in shares {
            match share {
                Ok(answers) => answers.into_iter().for_each(|(i, r)| rewards[i] = r),
                // Those that were stopped because another failed say less than that one.
                Err(RewardError::Cancelled) => interrupted = Some(RewardError::Cancelled),
                Err(error) => return Err(error),
            }
        }
        match interrupted {
            Some(error) => Err(error),
            None => Ok(rewards),
        }
    }
}

/// What one process is to do in a batch.
struct Share<'a> {
    settings: &'a CommandSettings,
    /// Of the process, counted from 0.
    number: usize,
    batch: &'a [Item],
    stopped: &'a (dyn Fn() -> bool + Sync),
}

/// Why a process's answers ended early.
enum Stop {
    Cancelled,
    Failed(String),
}

impl Share<'_> {
    /// Asks for the items, from their number to their place in the batch, and starts the process
    /// again where it may be.
    fn answers(
        &self,
        slot: &mut Option<Worker>,
        mut open: BTreeMap<u64, usize>,
    ) -> Result<Vec<(usize, f64)>, RewardError> {
        let mut answers = Vec::with_capacity(open.len());
        let mut restarts = 0;
        while !open.is_empty() {
            let worker = match slot {
                Some(worker) => worker,
                None => slot.insert(Worker::start(self.settings)?),
            };
            match self.ask(worker, &mut open, &mut answers) {
                Ok(()) => {}
                Err(stop) => {
                    // What it would still say belongs to no question any more.
                    let last = slot.take().map(Worker::kill).unwrap_or_default();
                    let problem = match stop {
                        Stop::Cancelled => return Err(RewardError::Cancelled),
                        Stop::Failed(problem) => problem,
                    };
                    if restarts == self.settings.restarts {
                        return Err(self.error(problem, restarts, &last.status, &last.stderr));
                    }
                    restarts += 1;
                }
            }
        }
        Ok(answers)
    }

    /// Asks for what is open, and takes the answers in any order.
    fn ask(
        &self,
        worker: &mut Worker,
        open: &mut BTreeMap<u64, usize>,
        answers: &mut Vec<(usize, f64)>,
    ) -> Result<(), Stop> {
        let mut lines = String::new();
        for (&id, &i) in open.iter() {
            let item = &self.batch[i];
            lines += &Numbered { id, item }.line();
            lines.push('\n');
        }
        let asked = open.len();
        let unanswered = |left: usize| {
            format!(
                "it ended with {left} of {asked} responses unanswered; a worker must read until its input ends"
            )
        };
        worker.send(lines);
        let started = Instant::now();
        let mut ended = false;
        while !open.is_empty() {
            if (self.stopped)() {
                return Err(Stop::Cancelled);
            }
            let left = self.settings.deadline.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(Stop::Failed(format!(
                    "{} of {asked} answers had not come after {} s; raise deadline_seconds or workers, or see what it waits for (does it read lines as they come, and flush each answer?)",
                    open.len(),
                    self.settings.deadline.as_secs_f64()
                )));
            }
            let line = match worker.receive(left.min(TICK)) {
                // It has ended, and what it had written has been read; another process may hold its
                // pipe open, so that the end of the output may never come.
                Output::Nothing if ended => return Err(Stop::Failed(unanswered(open.len()))),
                Output::Nothing => {
                    ended = worker.ended();
                    continue;
                }
                Output::Line(line) => line,
                Output::TooLong => {
                    return Err(Stop::Failed(format!(
                        "it wrote more than {} bytes without the end of a line; {EXPECTED}",
                        worker::LONGEST_LINE
                    )));
                }
                Output::Closed => return Err(Stop::Failed(unanswered(open.len()))),
            };
            let (id, reward) = read(&line).map_err(|e| Stop::Failed(format!("{e}; {EXPECTED}")))?;
            let Some(i) = open.remove(&id) else {
                return Err(Stop::Failed(format!(
                    "it answered with id {id}, which it was not asked for or has answered before; {EXPECTED}"
                )));
            };
            answers.push((i, reward));
        }
        Ok(())
    }

    fn error(
        &self,
        problem: String,
        restarts: u32,
        status: &Option<String>,
        stderr: &[String],
    ) -> RewardError {
        let ended = status.iter().map(|s| format!("; it had ended: {s}"));
        let restarts = match restarts {
            0 => String::new(),
            1 => "; it had been started again once".into(),
            n => format!("; it had been started again {n} times"),
        };
        let stderr = match stderr {
            [] => ". It wrote nothing to standard error".into(),
            lines => format!(
                ". Last lines of its standard error:\n  {}",
                lines.join("\n  ")
            ),
        };
        RewardError::Worker {
            part: self.settings.name.clone(),
            worker: self.number + 1,
            workers: self.settings.workers,
            problem: problem + &ended.collect::<String>(),
            restarts,
            stderr,
        }
    }
}

const EXPECTED: &str = "expected one line {\"id\": …, \"reward\": number} for each line read, and nothing else on standard output (messages belong on standard error)";

/// Number and reward of a line.
fn read(line: &[u8]) -> Result<(u64, f64), String> {
    let text = std::str::from_utf8(line).map_err(|_| "its line is not UTF-8 text".to_owned())?;
    let object = answer::object(text)?;
    let id = object
        .get("id")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| format!("`{}` has no id that was asked for", answer::excerpt(text)))?;
    Ok((id, answer::reward(&object)?))
}

#[cfg(test)]
mod tests;
