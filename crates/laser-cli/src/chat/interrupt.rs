//! Ctrl-C: it stops an answer, and ends the program where none is being written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};

const IDLE: u8 = 0;
const ANSWERING: u8 = 1;
const STOP: u8 = 2;

/// Watches for interrupts.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<AtomicU8>);

/// An answer is being written while this lives.
pub struct Answering<'a>(&'a Interrupts);

impl Interrupts {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system refuses.
    pub fn watch() -> Result<Self> {
        let interrupts = Interrupts::default();
        let state = interrupts.0.clone();
        ctrlc::set_handler(move || {
            let stop =
                state.compare_exchange(ANSWERING, STOP, Ordering::Relaxed, Ordering::Relaxed);
            if stop.is_err() {
                std::process::exit(130);
            }
        })
        .context("could not watch for interrupts")?;
        Ok(interrupts)
    }

    /// From now on an interrupt stops the answer.
    pub fn answering(&self) -> Answering<'_> {
        self.0.store(ANSWERING, Ordering::Relaxed);
        Answering(self)
    }
}

impl Answering<'_> {
    /// Whether it is to stop.
    pub fn stopped(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) == STOP
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::Relaxed);
    }
}
