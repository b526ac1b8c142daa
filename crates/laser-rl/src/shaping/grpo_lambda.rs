//! GRPO-λ: shorter responses to the problems that the model masters (Dai, Liu, Si,
//! arXiv 2505.18086; not the λ-returns of arXiv 2510.00194).

use serde::{Deserialize, Serialize};

use super::MethodError;
use crate::ResponseView;

/// In the λ share of the step's problems with the most right responses, a right response of length
/// L loses
///
/// ```text
/// α · σ((L − μ) / s)
/// ```
///
/// of its reward, with μ and s the mean and the standard deviation (divisor n) of the lengths of
/// the *right* responses to that problem; where s = 0 all of them lose α/2. Wrong responses, and
/// all responses to the other problems, keep their reward. With rewards 0 and 1 and α < 1 a right
/// response is always worth more than a wrong one.
///
/// Known from secondary sources only: that problems are ranked (rather than compared with a
/// threshold), and that ⌈λ · problems⌉ of them are taken. Ours: ties in rank go to the earlier
/// problem; a problem without a right response is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpoLambda {
    /// λ: share of the problems, from 0 (none) to 1.
    pub share: f64,
    /// α: the most that a right response may lose.
    pub alpha: f64,
}

impl Default for GrpoLambda {
    fn default() -> Self {
        GrpoLambda {
            share: 0.2,
            alpha: 0.6,
        }
    }
}

impl GrpoLambda {
    pub(super) fn apply(&self, groups: &[&[ResponseView]], rewards: &mut [Vec<f32>]) {
        let right = |g: &&[ResponseView]| g.iter().filter(|r| r.correct).count();
        let share = |g: &&[ResponseView]| right(g) as f64 / g.len().max(1) as f64;
        let mut ranked: Vec<usize> = (0..groups.len()).collect();
        // Stable: the earlier of two equal problems comes first.
        ranked.sort_by(|&a, &b| share(&groups[b]).total_cmp(&share(&groups[a])));
        ranked.truncate((self.share * groups.len() as f64).ceil() as usize);
        for g in ranked {
            let lengths = || {
                let right = groups[g].iter().filter(|r| r.correct);
                right.map(|r| r.ids.len() as f64)
            };
            let n = lengths().count().max(1) as f64;
            let mean = lengths().sum::<f64>() / n;
            let std = (lengths().map(|l| (l - mean).powi(2)).sum::<f64>() / n).sqrt();
            for (response, reward) in groups[g].iter().zip(&mut rewards[g]) {
                if response.correct {
                    let z = match std > 0.0 {
                        true => (response.ids.len() as f64 - mean) / std,
                        false => 0.0,
                    };
                    let loss = self.alpha / (1.0 + (-z).exp());
                    *reward = (f64::from(*reward) - loss) as f32;
                }
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        let problem = "is outside 0 to 1";
        for (key, value) in [
            ("grpo_lambda.share", self.share),
            ("grpo_lambda.alpha", self.alpha),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(MethodError {
                    key,
                    value,
                    problem,
                });
            }
        }
        Ok(())
    }
}
