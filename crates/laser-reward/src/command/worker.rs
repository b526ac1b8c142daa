//! One process: its pipes are served by threads, so that nothing it does or omits blocks us.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::CommandSettings;
use crate::RewardError;
use crate::answer::excerpt;

/// Longest line of an answer, in bytes.
pub(super) const LONGEST_LINE: usize = 1 << 20;
/// Answers that may wait to be read; a worker that writes more waits itself.
const PENDING: usize = 1024;
/// Last lines of standard error that are kept.
const KEPT: usize = 20;
/// How long a worker has to end by itself once its input has ended.
const GRACE: Duration = Duration::from_millis(500);

/// What a process wrote.
pub(super) enum Output {
    /// A line with its end.
    Line(Vec<u8>),
    /// A line beyond [`LONGEST_LINE`].
    TooLong,
    /// Nothing in the given time.
    Nothing,
    /// There will be nothing more.
    Closed,
}

/// What is known of a process that is no more.
#[derive(Default)]
pub(super) struct Last {
    /// How it ended, if it did so by itself.
    pub status: Option<String>,
    /// The last lines of its standard error.
    pub stderr: Vec<String>,
}

/// A running process; ended and reaped when dropped, with the processes that it started.
pub(super) struct Worker {
    child: Child,
    /// Dropped to end its input.
    input: Option<Sender<String>>,
    output: Option<Receiver<Output>>,
    errors: Arc<Mutex<VecDeque<String>>>,
    /// Disconnected when standard error has ended.
    errors_end: Option<Receiver<()>>,
    /// Afterwards its number, and that of its group, may be another's.
    reaped: bool,
}

impl Worker {
    pub(super) fn start(settings: &CommandSettings) -> Result<Self, RewardError> {
        let fail = |source, remedy| RewardError::Start {
            part: settings.name.clone(),
            program: settings
                .command
                .first()
                .map_or_else(String::new, |p| format!("`{p}`")),
            source,
            remedy,
        };
        let Some((program, arguments)) = settings.command.split_first() else {
            let empty = std::io::Error::other("the command is empty");
            return Err(fail(empty, "name a program and its arguments in `command`"));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A group of its own: Ctrl-C at the terminal is ours to handle, and what the process
        // starts ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|e| {
            fail(e, "`command` names the program and each argument as a string of its own, is not read by a shell, and is looked up in PATH or from the folder that laser runs in")
        })?;
        let mut worker = Worker {
            child,
            input: None,
            output: None,
            errors: Arc::default(),
            errors_end: None,
            reaped: false,
        };
        // From here on a failure drops the worker, which ends the process.
        worker
            .serve()
            .map_err(|e| fail(e, "close other programs: the system gives no more threads"))?;
        Ok(worker)
    }

    /// Starts the threads that serve its pipes. They end with the pipes and are not joined: a
    /// process that outlives the kill may hold a pipe open.
    fn serve(&mut self) -> std::io::Result<()> {
        let spawn = |name: &str| thread::Builder::new().name(format!("reward-{name}"));
        if let Some(mut stdin) = self.child.stdin.take() {
            let (input, texts) = channel::<String>();
            spawn("stdin").spawn(move || {
                for text in texts {
                    // A closed pipe shows on the other side too, with more to say about it.
                    if stdin.write_all(text.as_bytes()).is_err() || stdin.flush().is_err() {
                        break;
                    }
                }
            })?;
            self.input = Some(input);
        }
        if let Some(stdout) = self.child.stdout.take() {
            let (lines, output) = sync_channel(PENDING);
            spawn("stdout").spawn(move || read_lines(BufReader::new(stdout), &lines))?;
            self.output = Some(output);
        }
        if let Some(stderr) = self.child.stderr.take() {
            let (end, errors_end) = channel::<()>();
            let errors = self.errors.clone();
            spawn("stderr").spawn(move || {
                keep_last(BufReader::new(stderr), &errors);
                drop(end);
            })?;
            self.errors_end = Some(errors_end);
        }
        Ok(())
    }

    /// Hands over text for its input; never waits.
    pub(super) fn send(&self, text: String) {
        if let Some(input) = &self.input {
            // Nobody listens any more: its output has ended too, or will be late.
            let _ = input.send(text);
        }
    }

    /// The next of its output, waiting no longer than `wait`.
    pub(super) fn receive(&self, wait: Duration) -> Output {
        let Some(output) = &self.output else {
            return Output::Closed;
        };
        match output.recv_timeout(wait) {
            Ok(output) => output,
            Err(RecvTimeoutError::Timeout) => Output::Nothing,
            Err(RecvTimeoutError::Disconnected) => Output::Closed,
        }
    }

    /// Ends it at once, and tells what it left.
    pub(super) fn kill(mut self) -> Last {
        // One that closed its output is about to end, and then says how.
        let closed = matches!(self.receive(Duration::ZERO), Output::Closed);
        let by_itself = if closed { self.ends() } else { self.ended() };
        let status = self.reap();
        if let Some(end) = &self.errors_end {
            let _ = end.recv_timeout(GRACE);
        }
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        Last {
            status: status.filter(|_| by_itself),
            stderr: errors.iter().cloned().collect(),
        }
    }

    /// Whether it ends within the grace period.
    fn ends(&mut self) -> bool {
        let started = Instant::now();
        while !self.ended() {
            if started.elapsed() > GRACE {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Whether it has ended. It is not reaped yet, so that its number, which is that of its group,
    /// cannot belong to another process.
    #[cfg(unix)]
    pub(super) fn ended(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is nothing to wait for.
        !matches!(
            waitid(WaitId::Pid(Pid::from_child(&self.child)), options),
            Ok(None)
        )
    }

    #[cfg(not(unix))]
    pub(super) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills what is left of it and takes its status, so that no zombie stays.
    fn reap(&mut self) -> Option<String> {
        self.reaped = true;
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            // Fails when the group is empty.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        // Fails when it has ended.
        let _ = self.child.kill();
        self.child.wait().ok().map(|status| status.to_string())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.reaped {
            self.input = None;
            self.ends();
            self.reap();
        }
    }
}

/// Sends the lines of a pipe until it ends or nobody wants them.
fn read_lines(mut from: impl BufRead, lines: &SyncSender<Output>) {
    loop {
        let mut line = Vec::new();
        let most = LONGEST_LINE as u64 + 1;
        let output = match from.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(n) if n > LONGEST_LINE => Output::TooLong,
            Ok(_) => Output::Line(line),
        };
        let last = matches!(output, Output::TooLong);
        if lines.send(output).is_err() || last {
            return;
        }
    }
}

/// Keeps the last lines of a pipe, shortened, until it ends.
fn keep_last(mut from: impl BufRead, kept: &Mutex<VecDeque<String>>) {
    loop {
        let mut line = Vec::new();
        // A bound, because a process may write for days without the end of a line.
        match from.by_ref().take(4096).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(excerpt(&String::from_utf8_lossy(&line)));
    }
}
