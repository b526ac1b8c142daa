//! Token Hidden Reward: how much a token's update helps the correct responses of its group (THR).

use serde::{Deserialize, Serialize};

use crate::shaping::MethodError;
use crate::{ResponseView, loss};

/// The advantage of a token in a group with right and wrong responses becomes
///
/// ```text
/// Â' = 1[ |THR| > τ ] · ( 1 + p · sign THR ) · Â
/// ```
///
/// with THR of the token from [`hidden_rewards`]. p > 0 strengthens the tokens whose update makes
/// the correct responses likelier (exploitation), p < 0 those that make them unlikelier
/// (exploration), p = 0 only chooses tokens. A group that is right or wrong throughout keeps its
/// advantages.
///
/// The method is known from a note on the paper; its τ from the note on its predecessor (NTHR).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HiddenReward {
    /// p, from −1 to 1.
    pub p: f64,
    /// τ; without one it is −∞ and every token keeps its advantage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<InfluenceThreshold>,
}

impl Default for HiddenReward {
    fn default() -> Self {
        HiddenReward {
            p: 0.1,
            threshold: None,
        }
    }
}

/// τ of a group, from the THR of its correct responses' tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfluenceThreshold {
    /// This β times the smallest mean over the tokens of a correct response: NTHR's.
    LeastMean(f64),
    /// This β times the mean of these means. A variant: the average influence of a correct
    /// response's token on the correct responses, its own among them.
    Mean(f64),
    /// The number itself, in the unit of THR: squared hidden states.
    Value(f64),
}

impl InfluenceThreshold {
    /// τ of a group with a correct response.
    fn of(&self, group: &[ResponseView]) -> f64 {
        let correct = group.iter().filter(|r| r.correct);
        let means = correct.map(|r| {
            let sum: f64 = r.influence.iter().copied().map(f64::from).sum();
            sum / r.influence.len().max(1) as f64
        });
        match self {
            InfluenceThreshold::LeastMean(beta) => beta * means.fold(f64::INFINITY, f64::min),
            InfluenceThreshold::Mean(beta) => {
                let means: Vec<f64> = means.collect();
                beta * means.iter().sum::<f64>() / means.len().max(1) as f64
            }
            InfluenceThreshold::Value(tau) => *tau,
        }
    }
}

impl HiddenReward {
    pub(super) fn apply(&self, group: &[ResponseView], tokens: &mut [Vec<f32>]) {
        if !is_mixed(group.iter().map(|r| r.correct)) {
            return;
        }
        let tau = self.threshold.map(|t| t.of(group));
        for (response, row) in group.iter().zip(tokens) {
            loss::same_length("influence", response.influence.len(), row.len());
            for (a, thr) in row.iter_mut().zip(response.influence) {
                let thr = f64::from(*thr);
                let sign = if thr == 0.0 { 0.0 } else { thr.signum() };
                *a = match tau.is_none_or(|tau| thr.abs() > tau) {
                    true => (f64::from(*a) * (1.0 + self.p * sign)) as f32,
                    false => 0.0,
                };
            }
        }
    }

    pub(super) fn validate(&self) -> Result<(), MethodError> {
        if !(-1.0..=1.0).contains(&self.p) {
            return Err(MethodError {
                key: "hidden_reward.p",
                value: self.p,
                problem: "must lie between -1 and 1, so that no advantage changes its sign",
            });
        }
        let (key, value) = match self.threshold {
            None => return Ok(()),
            Some(InfluenceThreshold::LeastMean(b)) => ("hidden_reward.threshold.least_mean", b),
            Some(InfluenceThreshold::Mean(b)) => ("hidden_reward.threshold.mean", b),
            Some(InfluenceThreshold::Value(t)) => ("hidden_reward.threshold.value", t),
        };
        match value.is_finite() && value >= 0.0 {
            true => Ok(()),
            false => Err(MethodError {
                key,
                value,
                problem: "must be a number of at least 0; leave the threshold out to keep every token",
            }),
        }
    }
}

/// Whether some responses of a group are right and some wrong, so that THR is defined.
pub fn is_mixed(correct: impl IntoIterator<Item = bool>) -> bool {
    let mut correct = correct.into_iter();
    correct
        .next()
        .is_some_and(|first| correct.any(|c| c != first))
}

/// The positions of a response from which its tokens were predicted.
#[derive(Clone, Copy, Debug)]
pub struct TokenStates<'a> {
    /// g: the prediction error of every token, [`prediction_errors`] row after row, `[T, V*]`.
    pub errors: &'a [f32],
    /// h: the hidden state that the head read, `[T, d]`.
    pub hidden: &'a [f32],
    /// The verifier's label.
    pub correct: bool,
}

/// Appends g = onehot(`drawn`) − π of one position, at the ids `columns` of the vocabulary, to
/// `errors`. `logp` is log π over the vocabulary, nats. The probabilities are those of the whole
/// distribution, whatever the columns.
///
/// # Panics
/// If a column is outside the vocabulary.
pub fn prediction_errors(logp: &[f32], columns: &[u32], drawn: u32, errors: &mut Vec<f32>) {
    errors.extend(columns.iter().map(|&id| {
        let logp = f64::from(logp[id as usize]);
        match id == drawn {
            // 1 − π, without cancellation where π is near 1.
            true => -logp.exp_m1() as f32,
            false => -logp.exp() as f32,
        }
    }));
}

/// THR of every token of a group, `[n]` rows of `T_j`: with r_j = 1 for correct responses, else 0,
///
/// ```text
/// THR[j, k'] = (2 r_j − 1) · Σ_{i correct} 1/T_i · Σ_k ⟨g[i, k], g[j, k']⟩ ⟨h[i, k], h[j, k']⟩
///            = (2 r_j − 1) · gᵀ M h,     M = Σ_{i correct} 1/T_i · Σ_k g[i, k] h[i, k]ᵀ
/// ```
///
/// which is, up to the sign, the inner product of the head's gradients of log π of the token and
/// of the correct responses' mean log π. With V* = `columns` ids instead of the vocabulary the sums
/// leave the others out; those that occur in the group carry nearly all of g. `width` is d. Takes
/// `columns · width` numbers and twice as many products a token, instead of one per pair of tokens.
///
/// # Panics
/// If the shapes differ.
pub fn hidden_rewards(group: &[TokenStates], columns: usize, width: usize) -> Vec<Vec<f32>> {
    assert!(columns > 0 && width > 0, "no columns");
    for r in group {
        let rows = r.hidden.len() / width;
        loss::same_length("hidden", r.hidden.len(), rows * width);
        loss::same_length("errors", r.errors.len(), rows * columns);
    }
    let mut m = vec![0.0f64; columns * width];
    for r in group.iter().filter(|r| r.correct) {
        let share = 1.0 / (r.hidden.len() / width).max(1) as f64;
        for (g, h) in rows(r, columns, width) {
            for (g, m) in g.iter().zip(m.chunks_exact_mut(width)) {
                let g = share * f64::from(*g);
                for (m, h) in m.iter_mut().zip(h) {
                    *m += g * f64::from(*h);
                }
            }
        }
    }
    let of = |r: &TokenStates| {
        let sign = if r.correct { 1.0 } else { -1.0 };
        let thr = rows(r, columns, width).map(|(g, h)| {
            let terms = g.iter().zip(m.chunks_exact(width)).map(|(g, m)| {
                let dot: f64 = m.iter().zip(h).map(|(m, h)| m * f64::from(*h)).sum();
                f64::from(*g) * dot
            });
            (sign * terms.sum::<f64>()) as f32
        });
        thr.collect()
    };
    group.iter().map(of).collect()
}

/// g and h of the tokens of a response.
fn rows<'a>(
    r: &TokenStates<'a>,
    columns: usize,
    width: usize,
) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
    let errors = r.errors.chunks_exact(columns);
    errors.zip(r.hidden.chunks_exact(width))
}

#[cfg(test)]
mod tests;
