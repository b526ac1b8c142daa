//! Which of several answers are the same.

use crate::Verifier;
use crate::verify::Gold;

/// Groups of mathematically equal answers.
///
/// Every answer joins the first group whose first answer it equals, in the order in which they
/// come, or begins one. Equality with rounding is not transitive, so the order is part of the
/// definition.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    verifier: Verifier,
    first: Vec<First>,
}

#[derive(Clone, Debug)]
struct First {
    answer: String,
    /// `None` for one that cannot be read, which equals its own text alone.
    read: Option<Gold>,
}

impl Groups {
    /// No groups yet.
    pub fn new(verifier: Verifier) -> Self {
        Groups {
            verifier,
            first: Vec::new(),
        }
    }

    /// The group of an answer, numbered from 0 in order of appearance.
    pub fn add(&mut self, answer: &str) -> usize {
        let same = |first: &First| {
            first.answer == answer
                || first
                    .read
                    .as_ref()
                    .is_some_and(|gold| self.verifier.verify_read(gold, answer).verdict.is_equal())
        };
        if let Some(group) = self.first.iter().position(same) {
            return group;
        }
        self.first.push(First {
            answer: answer.to_owned(),
            read: self.verifier.read_gold(answer).ok(),
        });
        self.first.len() - 1
    }

    /// The first answer of each group.
    pub fn answers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.first.iter().map(|f| f.answer.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_answers_meet_in_one_group_however_they_are_written() {
        let mut groups = Groups::default();
        let answers = [
            "0.5",
            "2",
            r"\frac{1}{2}",
            "1/2",
            "two words",
            "2.0",
            "two words",
            "",
        ];
        let found = answers.map(|a| groups.add(a));
        assert_eq!(found, [0, 1, 0, 0, 2, 1, 2, 3]);
        let first: Vec<&str> = groups.answers().collect();
        assert_eq!(first, ["0.5", "2", "two words", ""]);
    }
}
