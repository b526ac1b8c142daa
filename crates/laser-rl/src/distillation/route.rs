//! Which responses learn from the teacher, and from whose solution.

use serde::{Deserialize, Serialize};

/// Which responses of a group a teacher scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Every response with a correct sibling; the others carry no loss (SDPO).
    #[default]
    All,
    /// Failed responses with a correct sibling; the others keep the policy loss (SRPO).
    Failed,
}

/// What a response learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The teacher that has seen this sibling's response.
    Teacher(usize),
    /// Its advantage.
    Policy,
    /// Neither.
    Nothing,
}

impl Route {
    /// The branch of each response of a group, from what is `correct` among them: the teacher sees
    /// the first correct sibling, never the response itself, for which `fits(response, sibling)`.
    pub fn branches(
        &self,
        correct: &[bool],
        mut fits: impl FnMut(usize, usize) -> bool,
    ) -> Vec<Branch> {
        let otherwise = match self {
            Route::All => Branch::Nothing,
            Route::Failed => Branch::Policy,
        };
        (0..correct.len())
            .map(|i| match (self, correct[i]) {
                (Route::Failed, true) => Branch::Policy,
                _ => (0..correct.len())
                    .find(|j| *j != i && correct[*j] && fits(i, *j))
                    .map_or(otherwise, Branch::Teacher),
            })
            .collect()
    }
}
