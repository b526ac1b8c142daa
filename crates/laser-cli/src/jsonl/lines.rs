//! The lines of a file, some at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::ops::Range;
use std::path::Path;

use crate::{BadInput, output};

/// A chunk ends with the line that exceeds this.
const CHUNK_BYTES: usize = 16 << 20;
/// Longest line, so that a file of another kind is not read into memory as one.
const LINE_BYTES: u64 = 64 << 20;

/// A file that is read in chunks.
pub struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    /// Lines that were read.
    read: u64,
    /// The first of the empty lines that were read last: fine at the end alone.
    empty: Option<u64>,
}

/// Lines that follow each other.
#[derive(Default)]
pub struct Chunk {
    /// Number of the first line, from 1.
    pub first: u64,
    /// The text of all.
    pub bytes: Vec<u8>,
    /// Where each lies in `bytes`.
    pub lines: Vec<Range<usize>>,
    /// Nothing more comes: the input has ended, or cannot be read further.
    pub end: Option<Result<(), BadInput>>,
}

impl Lines {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// There is no such file, or it may not be read.
    pub fn open(path: &Path) -> Result<Self, BadInput> {
        let (reader, name): (Box<dyn BufRead>, String) = if path == Path::new("-") {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                output::log("reading JSON lines from the terminal; --input names a file");
            }
            (Box::new(stdin.lock()), "standard input".into())
        } else {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|e| unreadable(&name, &e))?;
            (Box::new(BufReader::with_capacity(1 << 16, file)), name)
        };
        Ok(Lines {
            reader,
            name,
            read: 0,
            empty: None,
        })
    }

    /// What the file is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The error of a bad line.
    pub fn bad(&self, number: u64, problem: &str) -> BadInput {
        BadInput(format!("{}, line {number}: {problem}", self.name))
    }

    /// Reads on, at most so many lines.
    pub fn next_chunk(&mut self, most: usize) -> Chunk {
        let mut chunk = Chunk {
            first: self.read + 1,
            ..Chunk::default()
        };
        while chunk.end.is_none() && chunk.lines.len() < most && chunk.bytes.len() <= CHUNK_BYTES {
            match self.line(&mut chunk.bytes) {
                Ok(Some(line)) => chunk.lines.extend(line),
                Ok(None) => chunk.end = Some(Ok(())),
                Err(bad) => chunk.end = Some(Err(bad)),
            }
        }
        chunk
    }

    /// Adds a line to `bytes`; its range unless it is empty, `None` at the end.
    fn line(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Option<Range<usize>>>, BadInput> {
        let start = bytes.len();
        let mut reader = (&mut self.reader).take(LINE_BYTES);
        let length = reader
            .read_until(b'\n', bytes)
            .map_err(|e| unreadable(&self.name, &e))?;
        if length == 0 {
            return Ok(None);
        }
        self.read += 1;
        if length as u64 == LINE_BYTES && bytes.last() != Some(&b'\n') {
            let limit = LINE_BYTES >> 20;
            let problem = format!("longer than {limit} MiB; a JSON object per line is expected");
            return Err(self.bad(self.read, &problem));
        }
        if bytes[start..].trim_ascii().is_empty() {
            bytes.truncate(start);
            self.empty.get_or_insert(self.read);
            return Ok(Some(None));
        }
        match self.empty {
            Some(number) => Err(self.bad(number, "empty; a JSON object is expected")),
            None => Ok(Some(Some(start..bytes.len()))),
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> BadInput {
    BadInput(format!("{name}: cannot be read: {error}"))
}
