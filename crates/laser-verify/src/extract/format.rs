//! The strict gate on the format of a response.

use super::boxed;

/// Why a response fails the strict format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("there is no \\boxed{{…}}")]
    None,
    #[error("there are {0} boxes where exactly one is wanted")]
    Several(usize),
    #[error("the box is empty")]
    Empty,
    #[error("the box has no braces, or they are not balanced")]
    Unbalanced,
}

/// Accepts exactly one `\boxed{…}` (or `\fbox{…}`) with a balanced content that is not empty, in
/// the whole of `response`, reasoning included, and returns the content. A caller that wants the
/// reasoning left out passes [`after_thinking`](super::after_thinking) of the response.
pub fn strict_boxed(response: &str) -> Result<&str, FormatError> {
    let scan = boxed::scan(response);
    match scan.commands {
        0 => return Err(FormatError::None),
        1 => {}
        n => return Err(FormatError::Several(n)),
    }
    if scan.unbalanced > 0 {
        return Err(FormatError::Unbalanced);
    }
    let part = scan
        .group
        .and_then(|group| group.parts.into_iter().next())
        .ok_or(FormatError::Empty)?;
    let inner = response[part].trim();
    Ok(inner)
}
