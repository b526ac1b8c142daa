//! Where brackets of plain expressions end.

/// The longest bracket that is looked at, and the deepest; the depth bounds how often a byte is
/// read again.
pub(super) const GROUP_BYTES: usize = 1000;
const GROUP_DEPTH: usize = 8;

/// Functions that are written as plain words.
pub(super) const FUNCTIONS: [&str; 14] = [
    "sqrt", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "gcd", "lcm", "arctan",
    "arcsin",
];

/// The end of a bracket that holds mathematics and no prose. Square and round ones may close each
/// other, as intervals are written.
pub(super) fn group(bytes: &[u8], start: usize) -> Option<usize> {
    if !bytes.get(start).is_some_and(|b| b"([{".contains(b)) {
        return None;
    }
    let limit = bytes.len().min(start + GROUP_BYTES);
    let (mut depth, mut at, mut letters) = (0usize, start, 0usize);
    while at < limit {
        let b = bytes[at];
        match b {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > GROUP_DEPTH {
                    return None;
                }
            }
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (at > start + 1).then_some(at + 1);
                }
            }
            b'\n' | b'$' => return None,
            b'\\' => {
                at += 1;
                while at < limit && bytes[at].is_ascii_alphabetic() {
                    at += 1;
                }
                letters = 0;
                continue;
            }
            _ => {}
        }
        letters = if b.is_ascii_alphabetic() {
            letters + 1
        } else {
            0
        };
        // Long words are prose, but for the names of functions.
        if letters > 2 && !FUNCTIONS.iter().any(|name| near(bytes, at, name)) {
            return None;
        }
        at += 1;
    }
    None
}

/// Whether the byte at `at` lies within the word `name`.
fn near(bytes: &[u8], at: usize, name: &str) -> bool {
    let from = at.saturating_sub(name.len());
    let to = bytes.len().min(at + name.len());
    bytes[from..to]
        .windows(name.len())
        .any(|window| window == name.as_bytes())
}

/// The end of `\left( … \right)`, from behind `\left`.
pub(super) fn group_right(bytes: &[u8], start: usize) -> Option<usize> {
    let limit = bytes.len().min(start + GROUP_BYTES);
    let mut depth = 0usize;
    let mut at = start;
    while at < limit {
        let rest = &bytes[at..];
        if rest.starts_with(b"\\left") {
            depth += 1;
            if depth > GROUP_DEPTH {
                return None;
            }
        } else if rest.starts_with(b"\\right") && !rest.get(6).is_some_and(u8::is_ascii_alphabetic)
        {
            let close = at + 6;
            if depth == 0 {
                let length = if bytes.get(close) == Some(&b'\\') {
                    2
                } else {
                    1
                };
                return bytes
                    .get(close..close + length)
                    .filter(|close| close.is_ascii())
                    .map(|_| close + length);
            }
            depth -= 1;
        } else if rest[0] == b'\n' || rest[0] == b'$' {
            return None;
        }
        at += 1;
    }
    None
}
