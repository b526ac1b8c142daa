//! Learning from pairs of responses to one prompt: which pair a group gives, and the loss on it.
//!
//! A step samples groups as always. Instead of an advantage for each response, a group gives one
//! pair (chosen, rejected) or none, and the updates of the step minimise a loss on the pairs.

mod cream;
mod dpo;
mod pair;
mod tgdpo;

use serde::{Deserialize, Serialize};

pub use cream::{Consistency, kendall_tau, regularised};
pub use dpo::{PairLoss, Side, margin, pair_loss};
pub use pair::{Pair, best_and_worst, implicit_rewards};
pub use tgdpo::TokenWeight;

use crate::{MethodError, Passes, ResponseView};

/// How pairs are found and learned from. By itself this is DPO (Rafailov et al.,
/// arXiv 2305.18290) on pairs of the policy's own responses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preference {
    /// What the best and the worst response of a group are found by.
    pub pair: PairBy,
    /// β: how far log-ratios to the reference are stretched into the margin; above 0.
    pub beta: f64,
    /// The policy that the margin is measured from.
    pub reference: PairReference,
    /// How far a pair is trusted, from how two iterates rank the group. Absent: wholly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// Weights of tokens by a guide model. Absent: 1 throughout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_weight: Option<TokenWeight>,
}

/// What the best and the worst response of a group are found by; equal ones give no pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairBy {
    /// The total reward, after every shaping.
    #[default]
    Reward,
    /// The policy's own [implicit reward](implicit_rewards): no verifier.
    Implicit,
}

/// The policy that the margin is measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairReference {
    /// The policy at the start of the step: the one that sampled.
    #[default]
    Sampled,
    /// The frozen base model.
    Base,
}

impl Default for Preference {
    fn default() -> Self {
        Preference {
            pair: PairBy::Reward,
            beta: 0.1,
            reference: PairReference::Sampled,
            consistency: None,
            token_weight: None,
        }
    }
}

impl Preference {
    /// The passes that it reads.
    pub fn passes(&self) -> Passes {
        Passes {
            reference: self.reference == PairReference::Base || self.pair == PairBy::Implicit,
            guide: self.token_weight.is_some(),
            previous: self.consistency.is_some(),
            ..Passes::default()
        }
    }

    /// The pair of every group, in their order, with how far it is trusted; `None` where the best
    /// and the worst response are equal. `rewards` have the shape of `groups`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn pairs(&self, groups: &[&[ResponseView]], rewards: &[Vec<f32>]) -> Vec<Option<Pair>> {
        assert_eq!(groups.len(), rewards.len(), "rewards of another shape");
        let by = |(group, rewards): (&&[ResponseView], &Vec<f32>)| -> Vec<f64> {
            assert_eq!(group.len(), rewards.len(), "rewards of another shape");
            match self.pair {
                PairBy::Reward => rewards.iter().copied().map(f64::from).collect(),
                PairBy::Implicit => implicit_rewards(group, |r| r.logprobs),
            }
        };
        let scores: Vec<Vec<f64>> = groups.iter().zip(rewards).map(by).collect();
        let rates = match self.consistency {
            None => vec![1.0; groups.len()],
            Some(kind) => {
                let both = groups.iter().zip(&scores);
                let tau = |(group, now): (&&[ResponseView], &Vec<f64>)| {
                    kendall_tau(now, &implicit_rewards(group, |r| r.previous))
                };
                kind.rates(&both.map(tau).collect::<Vec<_>>())
            }
        };
        let pair = |(scores, consistency): (&Vec<f64>, f64)| {
            let (chosen, rejected) = best_and_worst(scores)?;
            Some(Pair {
                chosen,
                rejected,
                consistency,
            })
        };
        scores.iter().zip(rates).map(pair).collect()
    }

    /// The reference's log-probabilities of a response, `[tokens]`, nats.
    pub fn reference_of<'a>(&self, response: &ResponseView<'a>) -> &'a [f32] {
        match self.reference {
            PairReference::Sampled => response.logprobs,
            PairReference::Base => response.reference,
        }
    }

    /// The loss of a pair, times `scale`, for the log-probabilities `logp` that the policy gives
    /// the chosen and the rejected response now; their derivatives are *added* to `dlogp`. All
    /// rows are `[tokens]` of their response, in nats.
    ///
    /// # Panics
    /// If lengths differ, or if a row of a pass that it [reads](Self::passes) is missing.
    pub fn loss(
        &self,
        consistency: f64,
        responses: [&ResponseView; 2],
        logp: [&[f32]; 2],
        scale: f64,
        dlogp: [&mut [f32]; 2],
    ) -> PairLoss {
        let references = responses.map(|r| self.reference_of(r));
        let weights = match self.token_weight {
            None => [Vec::new(), Vec::new()],
            Some(w) => [(0, 1.0), (1, -1.0)]
                .map(|(i, sign)| w.weights(self.beta, sign, responses[i].guide, references[i])),
        };
        let side = |i: usize| Side {
            logp: logp[i],
            reference: references[i],
            weights: &weights[i],
        };
        pair_loss(self.beta, consistency, side(0), side(1), scale, dlogp)
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn validate(&self) -> Result<(), MethodError> {
        let fail = |key, value, problem| {
            Err(MethodError {
                key,
                value,
                problem,
            })
        };
        if !(self.beta > 0.0 && self.beta.is_finite()) {
            return fail("beta", self.beta, "must be above 0");
        }
        match self.token_weight {
            Some(w) if !(w.alpha >= 0.0 && w.alpha.is_finite()) => {
                fail("token_weight.alpha", w.alpha, "must not be negative")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
