//! What a method may know of a response beside its reward.

/// A sampled response, as the methods of [`shaping`](crate::shaping) and
/// [`credit`](crate::credit) see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseView<'a> {
    /// Its tokens, the stop token included.
    pub ids: &'a [u32],
    /// The verifier's label.
    pub correct: bool,
    /// Self-rewarding score r_s; `None` if truncated. NaN counts as `None`.
    pub score: Option<f32>,
}

impl ResponseView<'_> {
    /// The score, where there is a number.
    pub(crate) fn known_score(&self) -> Option<f64> {
        self.score.map(f64::from).filter(|s| !s.is_nan())
    }
}
