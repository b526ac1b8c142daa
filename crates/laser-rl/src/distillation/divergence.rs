//! How far a student's distribution lies from a teacher's, over some ids.

use serde::{Deserialize, Serialize};

use crate::MethodError;

/// A divergence of the student's p from the teacher's q.
///
/// ```text
/// forward         KL(q‖p) = Σ q ln(q/p)
/// reverse         KL(p‖q) = Σ p ln(p/q)
/// jensen_shannon  (1−α) KL(p‖m) + α KL(q‖m),  m = (1−α) p + α q
/// sampled         sg( ln p(y) − ln q(y) ) · ln p(y)   of the drawn token y alone
/// ```
///
/// The gradient of `reverse` is the expectation of that of `sampled` over y ∼ p. The gradients are
/// by ln p; because the probabilities of a support sum to one, a constant may be added to ∂D/∂p,
/// and is chosen so that p = q gives exactly 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// Between the two, bounded.
    JensenShannon {
        /// α, between 0 and 1, neither included: at both ends the divergence is 0.
        alpha: f64,
    },
    /// KL(q‖p): p must cover what the teacher finds likely.
    Forward,
    /// KL(p‖q): p must avoid what the teacher finds unlikely.
    Reverse,
    /// The unbiased estimate of `reverse` from the drawn token; reads no other id.
    Sampled,
}

impl Default for Divergence {
    fn default() -> Self {
        Divergence::JensenShannon { alpha: 0.5 }
    }
}

/// What the given ids are of the vocabulary, and what becomes of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// They are all of it.
    Whole,
    /// The rest is one more outcome, of probability 1 − Σ p.
    Tail,
    /// The rest is left out, and both distributions divided by what is left.
    Renormalised,
}

/// Upper bound of the logarithm of the mass of the given ids, so that a tail has a logarithm.
const MOST_MASS: f64 = -1e-7;

impl Divergence {
    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        match *self {
            Divergence::JensenShannon { alpha } if !(alpha > 0.0 && alpha < 1.0) => {
                Err(MethodError {
                    key: "divergence.jensen_shannon.alpha",
                    value: alpha,
                    problem: "must lie between 0 and 1, and be neither: there the divergence is 0; take \"forward\" or \"reverse\"",
                })
            }
            _ => Ok(()),
        }
    }

    /// D over the ids with these log-probabilities, nats, in the student and the teacher. `slope`
    /// gets the place of each id with ∂D/∂ ln p.
    ///
    /// `Sampled` has no such sum; it is 0 here.
    pub(super) fn value_and_slopes(
        &self,
        support: Support,
        student: &[f32],
        teacher: &[f32],
        mut slope: impl FnMut(usize, f64),
    ) -> f64 {
        let (ps, qs) = (Mass::of(student), Mass::of(teacher));
        let (lift_p, lift_q) = match support {
            Support::Renormalised => (-ps.log, -qs.log),
            Support::Whole | Support::Tail => (0.0, 0.0),
        };
        let pairs = student.iter().zip(teacher);
        let pairs = pairs.map(|(p, q)| (f64::from(*p) + lift_p, f64::from(*q) + lift_q));
        // What a change of Σ p does to the rest, in units of p.
        let (mut value, rest) = match support {
            Support::Whole => (0.0, 0.0),
            Support::Tail => {
                let (value, slope) = self.outcome(ps.tail(), qs.tail());
                match ps.is_bounded() {
                    true => (value, 0.0),
                    false => (value, slope / ps.tail().exp()),
                }
            }
            Support::Renormalised => (0.0, pairs.clone().map(|(p, q)| self.outcome(p, q).1).sum()),
        };
        for (j, (p, q)) in pairs.enumerate() {
            let (part, own) = self.outcome(p, q);
            value += part;
            slope(j, own - p.exp() * rest);
        }
        value
    }

    /// The part of one outcome in D, and p ∂D/∂p up to a multiple of p, from ln p and ln q.
    fn outcome(&self, lp: f64, lq: f64) -> (f64, f64) {
        let (p, q) = (lp.exp(), lq.exp());
        match *self {
            Divergence::Forward => (q * (lq - lp), p - q),
            Divergence::Reverse => (p * (lp - lq), p * (lp - lq)),
            Divergence::JensenShannon { alpha } => {
                // Relative to the larger of the two, so that nothing underflows.
                let (a, b) = ((1.0 - alpha).ln() + lp, alpha.ln() + lq);
                let lm = a.max(b) + (-(a - b).abs()).exp().ln_1p();
                // Exactly 0 where the two are the same, whatever the rounding of lm.
                let (to_p, to_q) = if lp == lq {
                    (0.0, 0.0)
                } else {
                    (lp - lm, lq - lm)
                };
                let from_p = (1.0 - alpha) * p * to_p;
                (from_p + alpha * q * to_q, from_p)
            }
            Divergence::Sampled => (0.0, 0.0),
        }
    }
}

/// The probability of some ids together.
#[derive(Clone, Copy)]
struct Mass {
    /// Its logarithm.
    log: f64,
}

impl Mass {
    fn of(logp: &[f32]) -> Self {
        let sum: f64 = logp.iter().map(|l| f64::from(*l).exp()).sum();
        Mass { log: sum.ln() }
    }

    /// Whether the tail is that of the bound, which no longer moves.
    fn is_bounded(self) -> bool {
        self.log > MOST_MASS
    }

    /// ln(1 − Σ).
    fn tail(self) -> f64 {
        (-self.log.min(MOST_MASS).exp_m1()).ln()
    }
}
