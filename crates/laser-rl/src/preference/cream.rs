//! CREAM: a preference counts as far as two iterates of the policy agree on the ranking
//! (*Consistency Regularized Self-Rewarding Language Models*).

use serde::{Deserialize, Serialize};

/// Whose agreement a pair is trusted by. With τ the rank correlation of a prompt's implicit
/// rewards under the current and the previous iterate, C = (τ + 1)/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// That of the step: the mean of C over its prompts.
    Average,
    /// That of each prompt; where its τ is undefined, the mean.
    Prompt,
}

impl Consistency {
    /// C of every prompt, in their order, from the τ of each; `None` is a τ that is undefined. If
    /// all are, nothing speaks against the pairs and C is 1.
    pub fn rates(self, taus: &[Option<f64>]) -> Vec<f64> {
        let rate = |tau: f64| 0.5 * (tau + 1.0);
        let known: Vec<f64> = taus.iter().flatten().copied().map(rate).collect();
        let mean = match known.len() {
            0 => 1.0,
            n => known.iter().sum::<f64>() / n as f64,
        };
        let of = |tau: &Option<f64>| match (self, tau) {
            (Consistency::Prompt, Some(tau)) => rate(*tau),
            _ => mean,
        };
        taus.iter().map(of).collect()
    }
}

/// Kendall's τ-b of two score lists, in \[−1, 1\]:
///
/// ```text
/// τ = (concordant − discordant) / √( (pairs − ties in a) (pairs − ties in b) )
/// ```
///
/// `None` where one list is constant, or has fewer than two scores.
///
/// # Panics
/// If the two lengths differ.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Option<f64> {
    crate::loss::same_length("the second scores", b.len(), a.len());
    let (mut both, mut in_a, mut in_b) = (0i64, 0i64, 0i64);
    for i in 0..a.len() {
        for j in 0..i {
            let (x, y) = (order(a[i], a[j]), order(b[i], b[j]));
            both += x * y;
            in_a += x * x;
            in_b += y * y;
        }
    }
    (in_a > 0 && in_b > 0).then(|| both as f64 / (in_a as f64 * in_b as f64).sqrt())
}

/// 1, 0 or −1.
fn order(a: f64, b: f64) -> i64 {
    i64::from(a > b) - i64::from(a < b)
}

/// The loss of a margin m that is trusted to C, and its derivative by m:
///
/// ```text
/// L = C (−log σ(m)) + (1 − C) (−log σ(−m)),   L' = (1 − C) σ(m) − C σ(−m)
/// ```
///
/// C = 1 is DPO, any other C DPO with label smoothing 1 − C. The minimum is at m = log(C/(1 − C)),
/// where L is the entropy of C: an uncertain preference asks for a small margin.
pub fn regularised(margin: f64, consistency: f64) -> (f64, f64) {
    let doubt = 1.0 - consistency;
    let loss = consistency * softplus(-margin) + doubt * softplus(margin);
    let slope = doubt * sigmoid(margin) - consistency * sigmoid(-margin);
    (loss, slope)
}

/// log(1 + eˣ) = −log σ(−x), finite for every finite x.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ˣ), without a loss of digits on either side.
fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    match x >= 0.0 {
        true => 1.0 / (1.0 + small),
        false => small / (1.0 + small),
    }
}
