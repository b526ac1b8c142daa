//! Self-distillation: a teacher that knows a solution scores the student's own response.
//!
//! The teacher reads another prompt, with a sibling's correct response in it, and then the same
//! tokens; the student moves towards what the teacher would have written at each position.

mod divergence;
mod route;
mod weight;

pub use divergence::{Divergence, Support};
pub use route::{Branch, Route};
pub use weight::dynamic_weights;

use crate::loss::{MAX_LOG_RATIO, same_length};

/// The loss of a response that a teacher has scored (SDPO; SRPO, arXiv 2604.02288).
///
/// ```text
/// L = scale · Σ_t w_t · min(π(y_t)/π_old(y_t), cap) · D(p_t, q_t)
/// ```
///
/// p_t is the student's distribution at token t, q_t the teacher's, w_t a weight of the caller's
/// ([`dynamic_weights`]); the ratio is constant for the gradient, its logarithm within ±20 nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// D.
    pub divergence: Divergence,
    /// What D is taken over.
    pub support: Support,
    /// Bound of the ratio to the policy that sampled, above 0.
    pub importance_cap: f64,
}

/// What student and teacher say of one response of T tokens.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// log p of the student, `[T, 1 + k]`, nats: of each token the one that was drawn, then k ids.
    pub student: &'a [f32],
    /// log q of the teacher for the same ids.
    pub teacher: &'a [f32],
    /// log π of the drawn tokens under the policy that sampled them, `[T]`, nats.
    pub old: &'a [f32],
    /// w, `[T]`; empty for 1 everywhere.
    pub weights: &'a [f32],
}

impl Distillation {
    /// Adds the gradient of the loss by `student` to `dlogp`, and returns the loss. The gradient
    /// leaves terms out that vanish at the logits ([`Divergence`]).
    ///
    /// # Panics
    /// If lengths do not fit.
    pub fn apply(&self, lesson: &Lesson, scale: f64, dlogp: &mut [f32]) -> f64 {
        let (student, teacher) = (lesson.student, lesson.teacher);
        same_length("teacher", teacher.len(), student.len());
        same_length("dlogp", dlogp.len(), student.len());
        let tokens = lesson.old.len();
        if tokens == 0 {
            return 0.0;
        }
        let width = student.len() / tokens;
        same_length("student", student.len(), width * tokens);
        if !lesson.weights.is_empty() {
            same_length("weights", lesson.weights.len(), tokens);
        }
        let mut loss = 0.0;
        for (t, old) in lesson.old.iter().enumerate() {
            let row = t * width..(t + 1) * width;
            let (student, teacher) = (&student[row.clone()], &teacher[row.clone()]);
            let moved = f64::from(student[0]) - f64::from(*old);
            let ratio = moved.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp();
            let weight = lesson.weights.get(t).map_or(1.0, |w| f64::from(*w));
            let weight = scale * weight * ratio.min(self.importance_cap);
            let d = &mut dlogp[row];
            loss += match self.divergence {
                Divergence::Sampled => {
                    let gap = f64::from(student[0]) - f64::from(teacher[0]);
                    d[0] += (weight * gap) as f32;
                    weight * gap * f64::from(student[0])
                }
                divergence => {
                    let value = divergence.value_and_slopes(
                        self.support,
                        &student[1..],
                        &teacher[1..],
                        |j, slope| d[1 + j] += (weight * slope) as f32,
                    );
                    weight * value
                }
            };
        }
        loss
    }
}

#[cfg(test)]
mod tests;
