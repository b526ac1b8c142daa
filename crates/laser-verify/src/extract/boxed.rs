//! `\boxed{…}`: the last one, or the last several that belong together.

use std::ops::Range;

use super::text::{joins_boxes, trim_inner};

/// More pieces than this are no answer; it also bounds the search for repeated ones.
const MOST_PARTS: usize = 64;

/// Boxes that make one answer.
#[derive(Debug)]
pub(super) struct Group {
    /// The contents, in order.
    pub parts: Vec<Range<usize>>,
    /// From the first command to the last closing brace.
    pub span: Range<usize>,
}

/// A box that is still open: where its command and its content start, and how many plain braces
/// are open inside it.
struct Open {
    command: u32,
    inner: u32,
    depth: u32,
}

/// What a scan for boxes found.
#[derive(Default)]
pub(super) struct Scan {
    /// The last group with a content.
    pub group: Option<Group>,
    /// How many box commands there are.
    pub commands: usize,
    /// How many of them have an opening brace that was never closed, or no brace at all.
    pub unbalanced: usize,
    /// How many closed ones are empty.
    pub empty: usize,
}

/// The end of a box command that starts at `at`.
fn command(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let length = if rest.starts_with(b"\\boxed") {
        6
    } else if rest.starts_with(b"\\fbox") {
        5
    } else {
        return None;
    };
    (!rest.get(length).is_some_and(u8::is_ascii_alphabetic)).then_some(at + length)
}

/// Finds the boxes of `text` in one pass.
pub(super) fn scan(text: &str) -> Scan {
    let bytes = text.as_bytes();
    let mut found = Scan::default();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    if memchr::memmem::find(bytes, b"box").is_none() {
        return found;
    }
    // Texts are limited to less than 4 GiB long before; beyond that there is no box to find.
    if u32::try_from(bytes.len()).is_err() {
        return found;
    }
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let Some(mut after) = command(bytes, at) else {
                    // A doubled backslash may be a box that was escaped once too often; any other
                    // escaped character, a brace among them, means nothing here.
                    at += if bytes.get(at + 1) == Some(&b'\\') && command(bytes, at + 1).is_some() {
                        1
                    } else {
                        2
                    };
                    continue;
                };
                found.commands += 1;
                while bytes
                    .get(after)
                    .is_some_and(|b| matches!(b, b' ' | b'\n' | b'\t'))
                {
                    after += 1;
                }
                if bytes.get(after) == Some(&b'{') {
                    after += 1;
                    open.push(Open {
                        command: at as u32,
                        inner: after as u32,
                        depth: 0,
                    });
                    at = after;
                } else {
                    found.unbalanced += 1;
                    let end = token_end(bytes, after);
                    found.record(text, at..end, after..end);
                    at = end.max(at + 1);
                }
            }
            b'{' => {
                if let Some(top) = open.last_mut() {
                    top.depth += 1;
                }
                at += 1;
            }
            b'}' => {
                match open.last_mut() {
                    Some(top) if top.depth > 0 => top.depth -= 1,
                    Some(top) => {
                        let (start, inner) = (top.command as usize, top.inner as usize);
                        open.pop();
                        found.record(text, start..at + 1, inner..at);
                    }
                    None => {}
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    found.unbalanced += open.len();
    if let Some(last) = open.last() {
        found.recover(text, last.command as usize, last.inner as usize);
    }
    found
}

/// The end of the argument of a box without braces: `\boxed 5`.
fn token_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&b) = bytes.get(at) {
        let closes = b == b'\\'
            && bytes
                .get(at + 1)
                .is_some_and(|c| matches!(c, b')' | b']' | b'\\'));
        if b.is_ascii_whitespace() || b == b'$' || closes {
            break;
        }
        at += 1;
    }
    at
}

impl Scan {
    fn record(&mut self, text: &str, span: Range<usize>, inner: Range<usize>) {
        let content = &text[inner.clone()];
        if content.trim().is_empty() {
            self.empty += 1;
            return;
        }
        let Some(group) = &mut self.group else {
            self.group = Some(Group {
                parts: vec![inner],
                span,
            });
            return;
        };
        // A box around a box: the inner one says more precisely what the answer is.
        if group.span.end > span.start {
            return;
        }
        if group.parts.len() < MOST_PARTS && joins_boxes(&text[group.span.end..span.start]) {
            group.span.end = span.end;
            let new = trim_inner(content);
            if group
                .parts
                .iter()
                .all(|part| trim_inner(&text[part.clone()]) != new)
            {
                group.parts.push(inner);
            }
        } else {
            *group = Group {
                parts: vec![inner],
                span,
            };
        }
    }

    /// A last box that was never closed, `\boxed{x = 1`, counts when its line is otherwise in
    /// order: a response that was cut off in the middle of a formula is not.
    fn recover(&mut self, text: &str, start: usize, inner: usize) {
        let bytes = text.as_bytes();
        let mut balance = 0i64;
        let mut at = inner;
        while at < bytes.len() {
            match bytes[at] {
                b'\n' | b'$' => break,
                b'\\' => {
                    if bytes.get(at + 1).is_some_and(|b| matches!(b, b')' | b']')) {
                        break;
                    }
                    at += 1;
                }
                b'{' | b'(' | b'[' => balance += 1,
                b'}' | b')' | b']' => balance -= 1,
                _ => {}
            }
            at += 1;
        }
        let end = at.min(bytes.len());
        let end = (end..=bytes.len())
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(bytes.len());
        if balance == 0 && !text[inner..end].trim().is_empty() {
            self.record(text, start..end, inner..end);
        }
    }
}
