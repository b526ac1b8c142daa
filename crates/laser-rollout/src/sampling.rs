//! From the logits of a step to a token.

use std::cmp::Ordering;

use laser_rng::Rng;
use serde::{Deserialize, Serialize};

use crate::cautious::Cautious;

/// How a token is drawn. Filters apply in the order temperature, top-k, top-p, min-p.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Logits are divided by it; 0 takes the likeliest token.
    pub temperature: f32,
    /// Keep the smallest set of likeliest tokens whose mass reaches this; 1 keeps all.
    pub top_p: f32,
    /// Keep this many likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep tokens at least this times as likely as the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Try several continuations where the model is unsure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cautious: Option<Cautious>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            cautious: None,
        }
    }
}

/// Logits or settings that nothing can be drawn from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// A setting outside its range.
    #[error("{key} = {value} is outside {range}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: f32,
        /// What is allowed.
        range: &'static str,
    },
    /// The model's numbers broke down.
    #[error("the logits hold no finite number: the weights have diverged")]
    NotFinite,
}

impl Sampling {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let check = |key, value: f32, ok: bool, range| match ok {
            true => Ok(()),
            false => Err(SamplingError::OutOfRange { key, value, range }),
        };
        let t = self.temperature;
        check("temperature", t, t >= 0.0 && t.is_finite(), "0 or more")?;
        check(
            "top_p",
            self.top_p,
            self.top_p > 0.0 && self.top_p <= 1.0,
            "0 < top_p <= 1",
        )?;
        check(
            "min_p",
            self.min_p,
            (0.0..=1.0).contains(&self.min_p),
            "0 <= min_p <= 1",
        )?;
        self.cautious.as_ref().map_or(Ok(()), Cautious::validate)
    }

    /// Whether tokens are drawn from the policy itself, untouched.
    pub fn is_on_policy(&self) -> bool {
        *self == Sampling::default()
    }

    /// Draws a token id; `banned` is never drawn. `scratch` is kept by the caller so that a step
    /// allocates nothing. A token alone is never [cautious](Self::cautious).
    pub fn sample(
        &self,
        logits: &[f32],
        banned: Option<u32>,
        rng: &mut Rng,
        scratch: &mut Vec<(u32, f32)>,
    ) -> Result<u32, SamplingError> {
        let likeliest = self.warp(logits, banned, scratch)?;
        Ok(self.draw(likeliest, rng, scratch))
    }

    /// Fills `candidates` with the ids that may be drawn and their weights, and returns the
    /// likeliest id; with temperature 0 it is the only one.
    pub(crate) fn warp(
        &self,
        logits: &[f32],
        banned: Option<u32>,
        candidates: &mut Vec<(u32, f32)>,
    ) -> Result<u32, SamplingError> {
        let allowed = |id: usize| banned.is_none_or(|b| b as usize != id);
        let (mut best, mut max) = (None, f32::NEG_INFINITY);
        for (id, &x) in logits.iter().enumerate() {
            if x.is_nan() {
                return Err(SamplingError::NotFinite);
            }
            if x > max && allowed(id) {
                (best, max) = (Some(id as u32), x);
            }
        }
        let Some(best) = best.filter(|_| max.is_finite()) else {
            return Err(SamplingError::NotFinite);
        };
        candidates.clear();
        if self.temperature == 0.0 {
            candidates.push((best, 1.0));
            return Ok(best);
        }
        let inverse = 1.0 / self.temperature;
        candidates.extend(
            logits
                .iter()
                .enumerate()
                .filter(|(id, _)| allowed(*id))
                .map(|(id, x)| (id as u32, ((x - max) * inverse).exp())),
        );
        self.filter(candidates);
        Ok(best)
    }

    /// Draws from candidates; greedy takes the likeliest and no random number.
    pub(crate) fn draw(&self, likeliest: u32, rng: &mut Rng, candidates: &[(u32, f32)]) -> u32 {
        if self.temperature == 0.0 {
            return likeliest;
        }
        let total: f64 = candidates.iter().map(|c| c.1 as f64).sum();
        let mut left = rng.uniform() * total;
        for &(id, p) in candidates {
            left -= p as f64;
            if left < 0.0 {
                return id;
            }
        }
        // Rounding left a sliver: the last token with any mass.
        let last = candidates.iter().rev().find(|c| c.1 > 0.0);
        last.map_or(likeliest, |c| c.0)
    }

    /// Applies top-k, top-p and min-p to `(id, weight)`; the largest weight is 1.
    fn filter(&self, candidates: &mut Vec<(u32, f32)>) {
        if self.top_k > 0 && self.top_k < candidates.len() {
            candidates.select_nth_unstable_by(self.top_k - 1, likelier);
            candidates.truncate(self.top_k);
            candidates.sort_unstable_by(likelier);
        }
        if self.top_p < 1.0 {
            nucleus(self.top_p, candidates);
        }
        if self.min_p > 0.0 {
            candidates.retain(|c| c.1 >= self.min_p);
        }
    }
}

/// The likelier first. Equal weights keep the order of ids: the result is a function of the logits
/// alone.
fn likelier(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Keeps the likeliest candidates that together have `top_p` of the weight, in order. Most of a
/// large vocabulary is never sorted: the likeliest are, in parts that grow until they are enough.
fn nucleus(top_p: f32, candidates: &mut Vec<(u32, f32)>) {
    const FIRST: usize = 256;
    let wanted = f64::from(top_p) * candidates.iter().map(|c| f64::from(c.1)).sum::<f64>();
    let (mut mass, mut sorted, mut part) = (0.0, 0, FIRST);
    while sorted < candidates.len() {
        let rest = &mut candidates[sorted..];
        if part < rest.len() {
            rest.select_nth_unstable_by(part - 1, likelier);
        }
        let end = part.min(rest.len());
        rest[..end].sort_unstable_by(likelier);
        for (i, c) in rest[..end].iter().enumerate() {
            mass += f64::from(c.1);
            if mass >= wanted {
                return candidates.truncate(sorted + i + 1);
            }
        }
        (sorted, part) = (sorted + end, 4 * part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frequencies(sampling: Sampling, logits: &[f32], banned: Option<u32>) -> Vec<f64> {
        let mut counts = vec![0.0; logits.len()];
        let (mut rng, mut scratch) = (Rng::from_words(&[1]), Vec::new());
        for _ in 0..20_000 {
            let id = sampling
                .sample(logits, banned, &mut rng, &mut scratch)
                .unwrap();
            counts[id as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    /// Logits of the probabilities 0.4, 0.3, 0.2, 0.1.
    fn logits() -> Vec<f32> {
        [0.2f32, 0.4, 0.1, 0.3]
            .iter()
            .map(|p| p.ln() + 3.0)
            .collect()
    }

    fn assert_frequencies(sampling: Sampling, banned: Option<u32>, expected: [f64; 4]) {
        let got = frequencies(sampling, &logits(), banned);
        for (a, b) in got.iter().zip(expected) {
            assert!(
                (a - b).abs() < 0.015 && (b > 0.0 || *a == 0.0),
                "{got:?} instead of {expected:?}"
            );
        }
    }

    #[test]
    fn tokens_are_drawn_with_their_probabilities() {
        assert_frequencies(Sampling::default(), None, [0.2, 0.4, 0.1, 0.3]);
    }

    #[test]
    fn temperature_sharpens_and_zero_is_greedy() {
        let z = 0.04 + 0.16 + 0.01 + 0.09;
        let half = Sampling {
            temperature: 0.5,
            ..Default::default()
        };
        assert_frequencies(half, None, [0.04 / z, 0.16 / z, 0.01 / z, 0.09 / z]);
        let zero = Sampling {
            temperature: 0.0,
            ..Default::default()
        };
        assert_frequencies(zero, None, [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn filters_keep_the_likeliest_tokens() {
        let top_k = Sampling {
            top_k: 2,
            ..Default::default()
        };
        assert_frequencies(top_k, None, [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        let top_p = Sampling {
            top_p: 0.75,
            ..Default::default()
        };
        assert_frequencies(top_p, None, [2.0 / 9.0, 4.0 / 9.0, 0.0, 3.0 / 9.0]);
        let min_p = Sampling {
            min_p: 0.6,
            ..Default::default()
        };
        assert_frequencies(min_p, None, [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        let tiny = Sampling {
            top_p: 1e-9,
            ..Default::default()
        };
        assert_frequencies(tiny, None, [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn filters_of_a_large_vocabulary_keep_what_sorting_all_of_it_keeps() {
        let mut rng = Rng::from_words(&[3]);
        // Few levels, so that many weights are equal.
        let logits: Vec<f32> = (0..5000).map(|_| (rng.uniform() * 40.0) as f32).collect();
        let rounded: Vec<f32> = logits.iter().map(|z| (z * 0.2).round()).collect();
        for logits in [logits, rounded] {
            for (top_k, top_p) in [(0, 0.02), (0, 0.6), (0, 0.999), (700, 1.0), (700, 0.97)] {
                let sampling = Sampling {
                    top_k,
                    top_p,
                    ..Default::default()
                };
                let (mut got, mut all) = (Vec::new(), Vec::new());
                sampling.warp(&logits, None, &mut got).unwrap();
                Sampling::default().warp(&logits, None, &mut all).unwrap();
                all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                all.truncate(if top_k > 0 { top_k } else { all.len() });
                let total: f64 = all.iter().map(|c| f64::from(c.1)).sum();
                let (mut mass, mut keep) = (0.0, 0);
                while keep < all.len() && mass < f64::from(top_p) * total {
                    mass += f64::from(all[keep].1);
                    keep += 1;
                }
                assert!(top_p == 1.0 || keep < all.len(), "the filter filters");
                assert_eq!(got, all[..keep], "top_k {top_k}, top_p {top_p}");
            }
        }
    }

    #[test]
    fn a_banned_token_is_never_drawn_even_when_it_is_the_likeliest() {
        assert_frequencies(
            Sampling::default(),
            Some(1),
            [2.0 / 6.0, 0.0, 1.0 / 6.0, 3.0 / 6.0],
        );
        let zero = Sampling {
            temperature: 0.0,
            ..Default::default()
        };
        assert_frequencies(zero, Some(1), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn broken_logits_are_an_error() {
        let (mut rng, mut scratch) = (Rng::from_words(&[1]), Vec::new());
        let mut draw = |l: &[f32]| Sampling::default().sample(l, Some(1), &mut rng, &mut scratch);
        assert_eq!(draw(&[0.0, f32::NAN]), Err(SamplingError::NotFinite));
        assert_eq!(
            draw(&[f32::NEG_INFINITY, 0.0]),
            Err(SamplingError::NotFinite)
        );
        assert_eq!(draw(&[0.0, 9.0]), Ok(0));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (sampling, key) in [
            (
                Sampling {
                    temperature: -1.0,
                    ..Default::default()
                },
                "temperature",
            ),
            (
                Sampling {
                    top_p: 0.0,
                    ..Default::default()
                },
                "top_p",
            ),
            (
                Sampling {
                    min_p: 1.5,
                    ..Default::default()
                },
                "min_p",
            ),
        ] {
            assert!(sampling.validate().unwrap_err().to_string().contains(key));
        }
    }
}
