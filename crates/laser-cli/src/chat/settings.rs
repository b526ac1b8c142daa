//! What `/set` changes.

use laser_rollout::{Sampling, SamplingError};

use crate::answer::words;

/// How answers are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// From logits to tokens.
    pub sampling: Sampling,
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
    /// Seed of the sampling.
    pub seed: u64,
}

impl Settings {
    /// Changes one.
    ///
    /// # Errors
    /// A key that there is not, a value that is wrong.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = |expected: &str| format!("/set {key}={value}: {expected} is expected");
        let real = || value.parse::<f32>().map_err(|_| wrong("a number"));
        let mut new = *self;
        match key {
            "temperature" => new.sampling.temperature = real()?,
            "top_p" => new.sampling.top_p = real()?,
            "min_p" => new.sampling.min_p = real()?,
            "top_k" => {
                new.sampling.top_k = value
                    .parse()
                    .map_err(|_| wrong("a whole number, 0 for all"))?;
            }
            "max_new_tokens" => {
                let tokens = value.parse().ok().filter(|n| *n > 0);
                new.max_new_tokens = tokens.ok_or_else(|| wrong("a whole number of at least 1"))?;
            }
            "seed" => {
                new.seed = value
                    .parse()
                    .map_err(|_| wrong("a whole number of at least 0"))?;
            }
            _ => {
                return Err(format!(
                    "/set {key}: there is no such setting; there are temperature, top_p, top_k, min_p, max_new_tokens and seed"
                ));
            }
        }
        new.sampling.validate().map_err(|e| match e {
            SamplingError::OutOfRange { range, .. } => wrong(range),
            SamplingError::NotFinite => e.to_string(),
        })?;
        *self = new;
        Ok(())
    }

    /// All of them.
    pub fn words(&self) -> String {
        format!(
            "{}, at most {} tokens, seed {}",
            words(&self.sampling),
            self.max_new_tokens,
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_change_one_by_one_and_wrong_ones_change_nothing() {
        let mut settings = Settings {
            sampling: Sampling::default(),
            max_new_tokens: 512,
            seed: 0,
        };
        for (key, value) in [("temperature", "0.7"), ("top_k", "5"), ("seed", "3")] {
            settings.set(key, value).unwrap();
        }
        settings.set("max_new_tokens", "9").unwrap();
        let words = "temperature 0.7, top-k 5, at most 9 tokens, seed 3";
        assert_eq!(settings.words(), words);
        for (key, value, expected) in [
            (
                "temperature",
                "-1",
                "/set temperature=-1: 0 or more is expected",
            ),
            ("top_p", "x", "/set top_p=x: a number is expected"),
            ("max_new_tokens", "0", "at least 1"),
            ("warmth", "1", "there is no such setting"),
        ] {
            let error = settings.set(key, value).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert_eq!(settings.words(), words);
        }
    }
}
