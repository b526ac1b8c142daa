//! Words to the terminal. A reader that has gone away (`laser … | head`) is no failure, and must
//! not end a run as `println!` would.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes a line of data to standard output.
pub fn data(line: impl Display) -> Result<()> {
    write_line(&mut std::io::stdout().lock(), line).context("could not write to standard output")
}

/// Writes a line of the log to standard error. Where that fails there is nobody to tell.
pub fn log(line: impl Display) {
    let _ = write_line(&mut std::io::stderr().lock(), line);
}

/// Writes a part of a line of data to standard output at once.
pub fn piece(text: impl Display) -> Result<()> {
    write(&mut std::io::stdout().lock(), text).context("could not write to standard output")
}

fn write_line(out: &mut impl Write, line: impl Display) -> std::io::Result<()> {
    write(out, format_args!("{line}\n"))
}

fn write(out: &mut impl Write, text: impl Display) -> std::io::Result<()> {
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
