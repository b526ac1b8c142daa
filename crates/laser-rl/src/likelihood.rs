//! Likelihood-based rewards: how likely the policy finds the gold answer after what a response
//! thought (arXiv 2602.03979; `prob` is VeriFree's, `avg_prob` RLPR's, `jepo` JEPO's).

use serde::{Deserialize, Serialize};

/// The reward of a response, from ℓ_t = log π(a*_t | x, z, a*_<t), nats, t = 1 … n: the policy on
/// the gold answer a* after the part z of the response that comes before its own answer.
///
/// ```text
/// log_prob      R = Σ_t ℓ_t                avg_log_prob  R = (1/n) Σ_t ℓ_t
/// prob          R = exp(Σ_t ℓ_t)           avg_prob      R = (1/n) Σ_t exp(ℓ_t)
/// jepo          A_i = log( (1/G) Σ_j p_j ) − log( (1/(G−1)) Σ_{j≠i} p_j ),   p_j = exp(Σ_t ℓ_jt)
/// ```
///
/// R depends on θ, so the gradient of its mean has two terms:
///
/// ```text
/// loss = −[ (R_i − c)^sg · log π(z_i | x) + R_i(θ) ]
/// ```
///
/// The first is a policy gradient, with any advantage for R_i − c; the second is
/// [`loss`](Self::loss). `jepo` is an advantage already, that of the group's common objective
/// log((1/G) Σ_j p_j).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// The log-probability of the answer.
    #[default]
    LogProb,
    /// Its mean over the answer's tokens.
    AvgLogProb,
    /// The probability of the answer.
    Prob,
    /// The mean probability of its tokens.
    AvgProb,
    /// What the response adds to the likelihood of the answer averaged over the group.
    Jepo,
}

impl Likelihood {
    /// The reward of each response of a group, or for `jepo` its advantage, from the
    /// log-probabilities of the answer's tokens after each.
    ///
    /// # Panics
    /// If `jepo` is asked for fewer than two responses.
    pub fn rewards(self, answers: &[&[f32]]) -> Vec<f32> {
        let sums: Vec<f64> = answers.iter().map(|row| sum(row)).collect();
        if self == Likelihood::Jepo {
            assert!(
                sums.len() > 1,
                "jepo leaves a response out of its group: at least 2"
            );
            return jepo(&sums);
        }
        let rows = answers.iter().zip(sums);
        rows.map(|(row, sum)| self.of(row, sum) as f32).collect()
    }

    /// The share of each response in the gradient of the group's objective: 1, but for `jepo`
    /// p_i / Σ_j p_j, because ∇ log((1/G) Σ_j p_j) = Σ_i (p_i / Σ_j p_j) ∇ Σ_t ℓ_it.
    pub fn shares(self, answers: &[&[f32]]) -> Vec<f64> {
        if self != Likelihood::Jepo {
            return vec![1.0; answers.len()];
        }
        let sums: Vec<f64> = answers.iter().map(|row| sum(row)).collect();
        let all = log_sum_exp(sums.iter().copied());
        sums.iter().map(|s| (s - all).exp()).collect()
    }

    /// −`scale` · `share` · R(θ) of one response, with its derivative by each of `logp` added to
    /// `dlogp`. R is Σ_t ℓ_t for `jepo`: with the [`shares`](Self::shares) of the current policy
    /// the derivatives over a group are those of −`scale` · log((1/G) Σ_j p_j), while the value is
    /// that of their surrogate. `scale` is the weight of the loss divided by the responses of the
    /// update.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn loss(self, logp: &[f32], share: f64, scale: f64, dlogp: &mut [f32]) -> f64 {
        crate::loss::same_length("dlogp", dlogp.len(), logp.len());
        let (n, sum) = (logp.len().max(1) as f64, sum(logp));
        let factor = -scale * share;
        for (d, l) in dlogp.iter_mut().zip(logp) {
            let slope = match self {
                Likelihood::LogProb | Likelihood::Jepo => 1.0,
                Likelihood::AvgLogProb => 1.0 / n,
                Likelihood::Prob => sum.exp(),
                Likelihood::AvgProb => f64::from(*l).exp() / n,
            };
            *d += (factor * slope) as f32;
        }
        factor * self.of(logp, sum)
    }

    /// R of a response, Σ_t ℓ_t for `jepo`.
    fn of(self, logp: &[f32], sum: f64) -> f64 {
        let n = logp.len().max(1) as f64;
        match self {
            Likelihood::LogProb | Likelihood::Jepo => sum,
            Likelihood::AvgLogProb => sum / n,
            Likelihood::Prob => sum.exp(),
            Likelihood::AvgProb => logp.iter().map(|l| f64::from(*l).exp()).sum::<f64>() / n,
        }
    }
}

fn sum(row: &[f32]) -> f64 {
    row.iter().copied().map(f64::from).sum()
}

/// From log p_j; probabilities of long answers are below every float.
fn jepo(sums: &[f64]) -> Vec<f32> {
    let mean = |rest: Vec<f64>| log_sum_exp(rest.iter().copied()) - (rest.len() as f64).ln();
    let all = mean(sums.to_vec());
    let without = |i: usize| [&sums[..i], &sums[i + 1..]].concat();
    let each = 0..sums.len();
    each.map(|i| (all - mean(without(i))) as f32).collect()
}

fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    max + terms.map(|t| (t - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Likelihood; 5] = [
        Likelihood::LogProb,
        Likelihood::AvgLogProb,
        Likelihood::Prob,
        Likelihood::AvgProb,
        Likelihood::Jepo,
    ];

    fn close(found: &[f32], expected: &[f64], within: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() < within, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn the_worked_example_has_its_values() {
        let answers: [&[f32]; 4] = [&[-0.25, -0.75], &[-2.0], &[-1.0, -1.0, -2.0], &[-3.0]];
        let rewards = Likelihood::LogProb.rewards(&answers);
        close(&rewards, &[-1.0, -2.0, -4.0, -3.0], 1e-6);
        let rloo = crate::AdvantageKind::Rloo.advantages(&rewards);
        close(&rloo, &[2.0, 0.66667, -2.0, -0.66667], 1e-5);
        assert!(rloo.iter().sum::<f32>().abs() < 1e-6);
        let jepo = Likelihood::Jepo.rewards(&answers);
        close(&jepo, &[0.7449, -0.0173, -0.2551, -0.1965], 5e-5);
    }

    #[test]
    fn the_kinds_are_related_as_their_formulas_say() {
        let answers: [&[f32]; 3] = [&[-0.5, -1.5, -0.1], &[-2.0], &[-0.7, -0.7]];
        let of = |kind: Likelihood| kind.rewards(&answers);
        let (log, mean) = (of(Likelihood::LogProb), of(Likelihood::AvgLogProb));
        let (prob, avg) = (of(Likelihood::Prob), of(Likelihood::AvgProb));
        for (i, row) in answers.iter().enumerate() {
            assert!((log[i].exp() - prob[i]).abs() < 1e-6);
            assert!((row.len() as f32 * mean[i] - log[i]).abs() < 1e-6);
            // Jensen: the mean of the logarithms lies below the logarithm of the mean.
            assert!(mean[i] <= avg[i].ln() + 1e-6);
        }
        let of_mean = log.iter().map(|l| l.exp()).sum::<f32>() / 3.0;
        assert!(log.iter().sum::<f32>() / 3.0 <= of_mean.ln());
        let shares = Likelihood::Jepo.shares(&answers);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let ratio = f64::from(prob[0]) / f64::from(prob[1]);
        assert!((shares[0] / shares[1] - ratio).abs() < 1e-6);
    }

    #[test]
    fn answers_that_no_float_can_weigh_still_have_an_advantage() {
        let long = [-30.0f32; 60];
        let longer = [-30.0f32; 61];
        let jepo = Likelihood::Jepo.rewards(&[&long, &longer]);
        close(&jepo, &[30.0 - 2.0f64.ln(), -(2.0f64.ln())], 1e-4);
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        let logp = [-0.5f32, -1.25, -0.0625];
        for kind in KINDS {
            let mut dlogp = [0.0; 3];
            kind.loss(&logp, 0.5, 0.25, &mut dlogp);
            for t in 0..3 {
                let h = 2f32.powi(-8);
                let at = |h: f32| {
                    let mut moved = logp;
                    moved[t] += h;
                    kind.loss(&moved, 0.5, 0.25, &mut [0.0; 3])
                };
                let slope = (at(h) - at(-h)) / f64::from(2.0 * h);
                assert!((slope - f64::from(dlogp[t])).abs() < 1e-5, "{kind:?} {t}");
            }
        }
    }
}
