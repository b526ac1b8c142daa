//! Follows a file of JSON lines: each poll reads what is new.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A longer line is none that a run writes; it is skipped without being held.
const LONGEST: usize = 8 << 20;
/// Bytes before the place where reading goes on that must still be the same.
const REMEMBERED: usize = 256;
/// Bytes read at once.
const CHUNK: u64 = 1 << 20;

/// What the lines of a file become.
pub trait Lines: Default {
    /// Takes a line without its end, which begins at byte `offset`; false if it cannot be read.
    fn line(&mut self, line: &[u8], offset: u64) -> bool;
}

/// A file that grows, and what its whole lines have become so far.
///
/// A last line without its end waits until the rest is there. A file that was shortened, replaced
/// or written anew is read from its start.
#[derive(Default)]
pub struct Tail<T> {
    content: T,
    /// Where the next line begins.
    offset: u64,
    /// The bytes before `offset`, at most [`REMEMBERED`].
    before: Vec<u8>,
    /// In the middle of a line that is too long.
    skipping: bool,
    lines: u64,
    unreadable: u64,
    first_unreadable: Option<u64>,
}

impl<T: Lines> Tail<T> {
    /// What the lines have become.
    pub fn content(&self) -> &T {
        &self.content
    }

    /// Whole lines that were no readable objects, and the number of the first of them, from 1.
    pub fn unreadable(&self) -> (u64, Option<u64>) {
        (self.unreadable, self.first_unreadable)
    }

    /// Reads on; without a file everything is forgotten.
    pub fn poll(&mut self, file: Option<File>) -> io::Result<()> {
        let Some(mut file) = file else {
            *self = Tail::default();
            return Ok(());
        };
        let length = file.metadata()?.len();
        if length < self.offset || !self.continues(&mut file)? {
            *self = Tail::default();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        // What is written while this reads is for the next poll, so that every poll ends.
        let mut left = length - self.offset;
        let mut part: Vec<u8> = Vec::new();
        while left > 0 {
            let read = (&mut file).take(left.min(CHUNK)).read_to_end(&mut part)?;
            if read == 0 {
                break;
            }
            left -= read as u64;
            let used = self.take_lines(&part);
            part.drain(..used);
            if part.len() > LONGEST {
                self.skipping = true;
                self.pass(&part);
                part.clear();
            }
        }
        Ok(())
    }

    /// Whether what was read last is still there.
    fn continues(&self, file: &mut File) -> io::Result<bool> {
        let mut now = vec![0; self.before.len()];
        file.seek(SeekFrom::Start(self.offset - self.before.len() as u64))?;
        match file.read_exact(&mut now) {
            Ok(()) => Ok(now == self.before),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Takes the whole lines at the start of `bytes`; returns how many bytes they are.
    fn take_lines(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(end) = bytes[used..].iter().position(|&b| b == b'\n') {
            let line = &bytes[used..used + end];
            self.lines += 1;
            let readable = match std::mem::take(&mut self.skipping) {
                true => false,
                false => line.trim_ascii().is_empty() || self.content.line(line, self.offset),
            };
            if !readable {
                self.unreadable += 1;
                self.first_unreadable.get_or_insert(self.lines);
            }
            self.pass(&bytes[used..=used + end]);
            used += end + 1;
        }
        used
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(REMEMBERED)..];
        self.before.extend_from_slice(kept);
        let surplus = self.before.len().saturating_sub(REMEMBERED);
        self.before.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// The numbers of the lines, with where each began.
    #[derive(Default)]
    struct Numbers(Vec<(u64, u64)>);

    impl Lines for Numbers {
        fn line(&mut self, line: &[u8], offset: u64) -> bool {
            let number = std::str::from_utf8(line).ok().and_then(|l| l.parse().ok());
            number.is_some_and(|n| {
                self.0.push((n, offset));
                true
            })
        }
    }

    fn poll(tail: &mut Tail<Numbers>, path: &Path) -> Vec<u64> {
        tail.poll(File::open(path).ok()).unwrap();
        tail.content().0.iter().map(|n| n.0).collect()
    }

    #[test]
    fn a_growing_file_is_read_line_by_line_and_half_a_line_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut tail = Tail::default();
        assert!(poll(&mut tail, &path).is_empty());
        let mut text = String::new();
        for (more, expected) in [
            ("1\n2\n", vec![1, 2]),
            ("3", vec![1, 2]),
            ("4", vec![1, 2]),
            ("\n5\n6", vec![1, 2, 34, 5]),
        ] {
            text += more;
            fs::write(&path, &text).unwrap();
            assert_eq!(poll(&mut tail, &path), expected);
        }
        assert_eq!(tail.content().0[2], (34, 4));
        assert_eq!(tail.unreadable(), (0, None));
    }

    #[test]
    fn a_file_that_was_shortened_or_written_anew_is_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut tail = Tail::default();
        for (text, expected) in [
            ("1\n2\n3\n", vec![1, 2, 3]),
            ("1\n2\n", vec![1, 2]),
            ("7\n8\n9\n10\n", vec![7, 8, 9, 10]),
            ("7\n8\n9\n10\n11\n", vec![7, 8, 9, 10, 11]),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(poll(&mut tail, &path), expected);
        }
        fs::remove_file(&path).unwrap();
        assert!(poll(&mut tail, &path).is_empty());
    }

    #[test]
    fn unreadable_lines_are_counted_with_the_first_ones_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"1\n\nx\n2\n\xff\n").unwrap();
        let mut tail = Tail::default();
        assert_eq!(poll(&mut tail, &path), [1, 2]);
        assert_eq!(tail.unreadable(), (2, Some(3)));
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_and_the_next_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut bytes = b"1\n".to_vec();
        bytes.resize(LONGEST + (3 << 20), b'9');
        bytes.extend(b"\n2\n");
        fs::write(&path, bytes).unwrap();
        let mut tail = Tail::default();
        assert_eq!(poll(&mut tail, &path), [1, 2]);
        assert_eq!(tail.unreadable(), (1, Some(2)));
    }
}
