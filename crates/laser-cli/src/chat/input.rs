//! Lines from the user, or from a pipe.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::BadInput;

/// Where lines come from.
pub enum Input {
    /// A terminal, with editing and the lines before.
    Editor(Box<DefaultEditor>),
    /// Anything else, with the number of the line.
    Lines(usize),
}

impl Input {
    /// Standard input.
    ///
    /// # Errors
    /// A terminal that cannot be set up.
    pub fn open() -> Result<Self> {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Ok(match terminal {
            true => Input::Editor(Box::new(
                DefaultEditor::new().context("could not set up the terminal")?,
            )),
            false => Input::Lines(0),
        })
    }

    /// The next line; `None` at the end, which is Ctrl-D or Ctrl-C in a terminal.
    ///
    /// # Errors
    /// Input that cannot be read or is no text.
    pub fn next(&mut self) -> Result<Option<String>> {
        match self {
            Input::Editor(editor) => match editor.readline("> ") {
                Ok(line) => {
                    // Without history the line is still answered.
                    let _ = editor.add_history_entry(line.as_str());
                    Ok(Some(line))
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
                Err(e) => Err(e).context("could not read from the terminal"),
            },
            Input::Lines(number) => {
                let mut line = Vec::new();
                let read = io::stdin().lock().read_until(b'\n', &mut line);
                *number += 1;
                match read.context("could not read standard input")? {
                    0 => Ok(None),
                    _ => String::from_utf8(line).map(Some).map_err(|e| {
                        BadInput(format!("standard input, line {number}: {e}")).into()
                    }),
                }
            }
        }
    }
}
