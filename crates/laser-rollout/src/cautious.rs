//! Cautious next token prediction: where the model is unsure, several continuations are tried
//! (Wang et al., Findings of ACL 2025, arXiv 2507.03038).

use serde::{Deserialize, Serialize};

use crate::sampling::SamplingError;

/// How many continuations are tried at a position, from the entropy H of the distribution that
/// its token is drawn from, after temperature and filters, in nats:
///
/// ```text
/// H = −Σ_i p_i ln(p_i + 1e-10)
/// N = int( N_min + (N_max − N_min) · clamp((H − H_lo)/(H_hi − H_lo), 0, 1) )
/// ```
///
/// N = 1 draws one token as usual. N > 1 draws N continuations from there, each up to its first
/// punctuation token, a stop token or the token limit, keeps the one with the smallest
/// perplexity exp(mean of −ln p over its own tokens), the first of equal ones, and goes on after it.
/// Within a continuation the entropy is not looked at.
///
/// What is kept is not a sample of the policy, but the likeliest of N: off-policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cautious {
    /// N_min, at least 1.
    pub min_trials: u32,
    /// N_max, at least `min_trials`. 1 is the plain sampler, token for token.
    pub max_trials: u32,
    /// H_lo, nats: up to here `min_trials`.
    pub low_entropy: f32,
    /// H_hi, nats: from here on `max_trials`.
    pub high_entropy: f32,
}

impl Default for Cautious {
    fn default() -> Self {
        Cautious {
            min_trials: 1,
            max_trials: 10,
            low_entropy: 0.01,
            high_entropy: 1.5,
        }
    }
}

impl Cautious {
    /// Checks the ranges.
    pub(crate) fn validate(&self) -> Result<(), SamplingError> {
        let check = |key, value: f32, ok: bool, range| match ok {
            true => Ok(()),
            false => Err(SamplingError::OutOfRange { key, value, range }),
        };
        let (least, most) = (self.min_trials, self.max_trials);
        check("cautious.min_trials", least as f32, least >= 1, "1 or more")?;
        let range = "cautious.min_trials to 1024";
        let ok = (least..=1024).contains(&most);
        check("cautious.max_trials", most as f32, ok, range)?;
        let (low, high) = (self.low_entropy, self.high_entropy);
        check("cautious.low_entropy", low, low.is_finite(), "a number")?;
        let ok = high > low && high.is_finite();
        check(
            "cautious.high_entropy",
            high,
            ok,
            "above cautious.low_entropy",
        )
    }

    /// N for an entropy, nats.
    pub fn trials(&self, entropy: f64) -> u32 {
        let (low, high) = (f64::from(self.low_entropy), f64::from(self.high_entropy));
        let share = ((entropy - low) / (high - low)).clamp(0.0, 1.0);
        let (least, most) = (f64::from(self.min_trials), f64::from(self.max_trials));
        (least + (most - least) * share) as u32
    }
}

/// H of weights that need not sum to 1.
pub(crate) fn entropy(candidates: &[(u32, f32)]) -> f64 {
    let total: f64 = candidates.iter().map(|c| f64::from(c.1)).sum();
    let of = |weight: f32| {
        let p = f64::from(weight) / total;
        -p * (p + 1e-10).ln()
    };
    candidates.iter().map(|c| of(c.1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_grow_with_the_entropy_as_the_published_table_says() {
        let rule = Cautious::default();
        for (entropy, trials) in [
            (0.0, 1),
            (0.01, 1),
            (0.3, 2),
            (0.755, 5),
            (1.5, 10),
            (4.0, 10),
        ] {
            assert_eq!(rule.trials(entropy), trials, "{entropy}");
        }
        let plain = Cautious {
            max_trials: 1,
            ..rule
        };
        assert_eq!(plain.trials(9.0), 1);
    }

    #[test]
    fn the_entropy_is_that_of_the_normalized_weights_and_none_of_a_point_mass() {
        assert!((entropy(&[(3, 2.0), (4, 2.0)]) - 2.0f64.ln()).abs() < 1e-8);
        assert!(entropy(&[(3, 0.4)]).abs() < 1e-9);
        assert_eq!(Cautious::default().trials(entropy(&[(3, 0.4)])), 1);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let rule = Cautious::default();
        assert_eq!(rule.validate(), Ok(()));
        for (rule, named) in [
            (
                Cautious {
                    min_trials: 0,
                    ..rule
                },
                "min_trials",
            ),
            (
                Cautious {
                    min_trials: 4,
                    max_trials: 3,
                    ..rule
                },
                "max_trials",
            ),
            (
                Cautious {
                    low_entropy: 2.0,
                    ..rule
                },
                "high_entropy",
            ),
            (
                Cautious {
                    low_entropy: f32::NAN,
                    ..rule
                },
                "low_entropy",
            ),
        ] {
            let error = rule.validate().unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
