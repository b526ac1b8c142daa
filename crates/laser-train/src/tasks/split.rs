//! Train and test problems, disjoint by construction.
//!
//! The split is a function of the prompt's content: a fixed hash of its canonical form. A prompt,
//! and whatever is trivially equivalent to it, is therefore on one side whatever the seed, the
//! index, the difficulty or the version of the generator, and [`Split::of`] can audit any data set.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TaskError;
use laser_rng::{Rng, mix};

/// The side a problem belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Seven eighths of all problems.
    Train,
    /// One eighth of all problems, never trained on.
    Test,
}

impl Split {
    /// The side of a canonical form (see [`Task::canonical`](super::Task::canonical)).
    pub fn of(canonical: &str) -> Self {
        // The low bits of FNV-1a depend on the low bits of the text alone; `mix` spreads them.
        if mix(fnv1a(canonical)).is_multiple_of(8) {
            Self::Test
        } else {
            Self::Train
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// Which problem of which stream is wanted.
pub(crate) struct Request {
    pub task: &'static str,
    pub split: Split,
    pub seed: u64,
    pub index: u64,
    pub difficulty: super::Difficulty,
}

/// How many candidates are tried. One in eight is a test problem, and the choosiest task and
/// difficulty (`peak`, two steps, small operands) rejects two thirds for other reasons; at one
/// success in thirty, all fail with a probability below 1e-60.
const TRIES: u64 = 4096;

/// The first candidate that exists and whose canonical form is on the wanted side.
///
/// Every try has a generator of its own, so a problem does not depend on how many random numbers
/// an earlier try, or an earlier problem, consumed.
pub(crate) fn first_on_side<T>(
    request: &Request,
    candidate: impl Fn(&mut Rng) -> Option<T>,
    canonical: impl Fn(&T) -> String,
) -> Result<T, TaskError> {
    let &Request {
        task,
        split,
        seed,
        index,
        difficulty,
    } = request;
    let dials = u64::from(difficulty.steps) << 32 | u64::from(difficulty.largest);
    let stream = [fnv1a(task), split as u64, seed, index, dials];
    for attempt in 0..TRIES {
        let [a, b, c, d, e] = stream;
        let mut rng = Rng::from_words(&[a, b, c, d, e, attempt]);
        if let Some(found) = candidate(&mut rng)
            && Split::of(&canonical(&found)) == split
        {
            return Ok(found);
        }
    }
    Err(TaskError::NoCandidate {
        task,
        split,
        tries: TRIES,
    })
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo).
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_fnv1a() {
        assert_eq!(fnv1a(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a("a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn one_form_in_eight_is_a_test_problem() {
        let tests = (0..80_000)
            .filter(|n| Split::of(&format!("+{n}")) == Split::Test)
            .count();
        // The standard deviation is 94.
        assert!(tests.abs_diff(10_000) < 500, "{tests}");
    }
}
