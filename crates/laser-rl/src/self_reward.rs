//! LaSeR: the last-token self-rewarding score and what training does with it
//! (arXiv 2510.14943; "the code" below is the authors' released implementation).
//!
//! z_c is an otherwise unused token. Its log-probability at the position of the end-of-sequence
//! token, log π_θ(z_c | x, y), is one number in nats per response that ended by itself; a
//! truncated response has none and takes no part in anything here.

use serde::{Deserialize, Serialize};

use crate::advantage::moments;

/// r_s = β_v · (log π_θ(z_c | x, y) − c_ref).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfReward {
    /// β_v, the KL coefficient of the verification objective; the paper uses 0.1.
    pub beta_v: f32,
    /// Mean of log π_ref(z_c | x, y) in nats, measured before training; negative.
    pub c_ref: f32,
}

impl SelfReward {
    /// Score of a response from its `zc_logprob` = log π_θ(z_c | x, y) (nats).
    ///
    /// 1 means "correct", 0 "incorrect", judged at 0.5. It is unbounded on both sides; votes and
    /// the advantage mix clamp it to \[0, 1\], the regression does not.
    pub fn score(&self, zc_logprob: f32) -> f32 {
        self.exact(zc_logprob) as f32
    }

    fn exact(&self, zc_logprob: f32) -> f64 {
        f64::from(self.beta_v) * (f64::from(zc_logprob) - f64::from(self.c_ref))
    }
}

/// Weights w_c, w_i that make correct and incorrect responses count alike in the regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassWeights {
    /// w_c, of a response that the verifier accepts.
    pub correct: f32,
    /// w_i, of a response that it rejects.
    pub incorrect: f32,
}

impl ClassWeights {
    /// w = N / (2 N_class) from the labels of *all finished responses of the step*.
    ///
    /// A class without a member gets 0; the other one then gets 0.5, so that a step with a single
    /// class does not pull twice as hard.
    pub fn from_labels(labels: impl Iterator<Item = bool>) -> Self {
        let (mut correct, mut incorrect) = (0u64, 0u64);
        for label in labels {
            if label {
                correct += 1;
            } else {
                incorrect += 1;
            }
        }
        let total = (correct + incorrect) as f64;
        let weight = |n: u64| {
            if n == 0 {
                0.0
            } else {
                (total / (2.0 * n as f64)) as f32
            }
        };
        Self {
            correct: weight(correct),
            incorrect: weight(incorrect),
        }
    }

    /// 1 for both classes: the ablation without re-weighting.
    pub fn unit() -> Self {
        Self {
            correct: 1.0,
            incorrect: 1.0,
        }
    }

    /// Weight of a response with this label.
    pub fn of(&self, correct: bool) -> f32 {
        if correct {
            self.correct
        } else {
            self.incorrect
        }
    }
}

/// The self-rewarding regression of one finished response:
/// loss = scale · weight · (r_s − r_v)², and its derivative by `zc_logprob`,
/// 2 · scale · weight · (r_s − r_v) · β_v.
///
/// `scale` = α / N with N the finished responses of the whole step (the paper's N_c + N_i; the
/// code divides by all rows of a micro-batch, which lets truncation change α's meaning).
/// r_s is not clamped, so that a score beyond 0 or 1 is pulled back.
pub fn self_reward_mse(
    sr: &SelfReward,
    zc_logprob: f32,
    reward: f32,
    weight: f32,
    scale: f64,
) -> (f64, f32) {
    let error = sr.exact(zc_logprob) - f64::from(reward);
    let factor = scale * f64::from(weight);
    let dlogp = 2.0 * factor * error * f64::from(sr.beta_v);
    (factor * error * error, dlogp as f32)
}

/// The ablation "SFT/BCE" of one finished response: −scale · weight · log π(label token), where the
/// label token is z_c of a right response and z_i of a wrong one, and its derivative by that
/// log-probability.
///
/// It drives π(z_c) to 0 or 1, so that π(z_c) itself is the score; the paper finds that this
/// disturbs the reasoning.
pub fn self_reward_cross_entropy(label_logprob: f32, weight: f32, scale: f64) -> (f64, f32) {
    let factor = scale * f64::from(weight);
    (-factor * f64::from(label_logprob), -factor as f32)
}

/// How far self-reward advantages replace the verifier's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdvantageMix {
    /// τ in \[0, 1\]: share of the self-reward advantage.
    pub tau: f32,
    /// T: a group whose clamped scores have a standard deviation of at most this keeps the
    /// verifier's advantages, because flat scores are noise.
    pub std_gate: f32,
}

impl Default for AdvantageMix {
    /// τ = T = 0.1, as in the paper.
    fn default() -> Self {
        Self {
            tau: 0.1,
            std_gate: 0.1,
        }
    }
}

/// Â = (1 − τ) A_v + τ A_s for one group, A_s = (s − mean) / std (unbiased, no epsilon).
///
/// `verifier_adv` and `scores` are `[n]`; a score of `None` marks a truncated response. s is the
/// score clamped to \[0, 1\] (without the clamp, inflating z_c everywhere would pay), and mean and
/// std run over the finished responses only. Truncated responses keep A_v.
///
/// Returns `verifier_adv` bit for bit if τ = 0, if fewer than two responses finished, if
/// std ≤ T, or if a score is NaN. A group of equal rewards (A_v = 0) does get A_s when its scores
/// differ: that is intended.
///
/// # Panics
/// If the two lengths differ.
pub fn mix_advantages(
    mix: &AdvantageMix,
    verifier_adv: &[f32],
    scores: &[Option<f32>],
) -> Vec<f32> {
    assert_eq!(
        scores.len(),
        verifier_adv.len(),
        "length of scores differs from verifier_adv's"
    );
    let finished: Vec<f32> = scores.iter().flatten().map(|s| s.clamp(0.0, 1.0)).collect();
    let (mean, std) = moments(&finished);
    // moments() gives 0 for fewer than two, so that the gate covers them; a negative gate must
    // not open the way to a division by zero.
    let gate = f64::from(mix.std_gate.max(0.0));
    if mix.tau == 0.0 || std.is_nan() || std <= gate {
        return verifier_adv.to_vec();
    }
    let tau = f64::from(mix.tau);
    verifier_adv
        .iter()
        .zip(scores)
        .map(|(&a_v, score)| match score {
            None => a_v,
            Some(s) => {
                let a_s = (f64::from(s.clamp(0.0, 1.0)) - mean) / std;
                ((1.0 - tau) * f64::from(a_v) + tau * a_s) as f32
            }
        })
        .collect()
}

/// Z(x, y) − 1 = π_ref(z_c | x, y) · (e^{1/β_v} − 1): the error of taking the partition function
/// for 1. The score is trustworthy while this is far below 1 (2.3e-6 at −23 nats, β_v = 0.1).
///
/// `zc_ref_logprob` in nats, `beta_v` > 0. May be infinite, but only if Z really leaves f64.
pub fn partition_excess(zc_ref_logprob: f32, beta_v: f32) -> f64 {
    let inverse = 1.0 / f64::from(beta_v);
    // e^{a+b}(1 − e^{−b}): neither factor overflows alone, and small 1/β_v loses no digits.
    (f64::from(zc_ref_logprob) + inverse).exp() * -(-inverse).exp_m1()
}

/// The smallest β_v for which [`partition_excess`] stays within `bound`:
/// 1 / ln(1 + bound / π_ref(z_c)). Infinite if `bound` ≤ 0, which no β_v satisfies.
pub fn smallest_beta_v(zc_ref_logprob: f32, bound: f64) -> f64 {
    // ln(1 + e^a) without overflow.
    let a = bound.max(0.0).ln() - f64::from(zc_ref_logprob);
    1.0 / (a.max(0.0) + (-a.abs()).exp().ln_1p())
}

/// When the two parts of LaSeR switch on. Steps count from 1.
///
/// The warm-ups *add up* (as in the code): `self_reward` counts from the end of `reasoning`. With
/// the paper's 200 + 200, the regression runs from step 201 and the mix from step 401.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// w_r: steps with the verifier's reward alone.
    pub reasoning: u64,
    /// w_sr: further steps with the regression but without the mix, while scores are still noise.
    pub self_reward: u64,
}

impl WarmUp {
    /// Whether the regression ([`self_reward_mse`]) is part of this step's loss.
    pub fn mse_active(&self, step: u64) -> bool {
        step > self.reasoning
    }

    /// Whether [`mix_advantages`] is applied in this step.
    pub fn mix_active(&self, step: u64) -> bool {
        step > self.reasoning.saturating_add(self.self_reward)
    }
}

#[cfg(test)]
mod tests;
