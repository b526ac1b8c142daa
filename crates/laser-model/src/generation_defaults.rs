//! What a checkpoint's makers sample with: the numbers of `generation_config.json`.

use serde_json::{Map, Value};

use crate::ModelError;
use crate::json::Reader;

/// Sampling settings of `generation_config.json`; `None` where the file says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GenerationDefaults {
    /// Whether to sample at all; greedy decoding otherwise.
    pub do_sample: Option<bool>,
    /// Divides the logits; at least 0.
    pub temperature: Option<f64>,
    /// Probability mass that nucleus sampling keeps, in (0, 1].
    pub top_p: Option<f64>,
    /// Number of most likely tokens that are kept; 0 keeps all.
    pub top_k: Option<usize>,
}

impl GenerationDefaults {
    /// Reads the contents of `generation_config.json`.
    ///
    /// # Errors
    /// When it is no JSON object, or names the key whose value is out of its range.
    pub fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let raw: Map<String, Value> = serde_json::from_slice(json).map_err(|e| {
            ModelError::Text(format!("generation_config.json: not a JSON object: {e}"))
        })?;
        let reader = Reader::nested(&raw, "generation_config.json: ");
        let within = |key: &str, ok: fn(f64) -> bool, rule: &str| match reader.number(key)? {
            Some(x) if !ok(x) => Err(reader.error(key, format!("{x} is not {rule}"))),
            x => Ok(x),
        };
        let whole = |x: f64| x >= 0.0 && x.fract() == 0.0;
        Ok(GenerationDefaults {
            do_sample: reader.boolean("do_sample")?,
            temperature: within("temperature", |t| t >= 0.0, "a number of at least 0")?,
            top_p: within("top_p", |p| p > 0.0 && p <= 1.0, "in (0, 1]")?,
            top_k: within("top_k", whole, "a whole number of at least 0")?.map(|k| k as usize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sampling_settings_are_read_and_absent_ones_are_none() {
        let read = |json: &str| GenerationDefaults::from_json(json.as_bytes());
        let all = r#"{"do_sample": true, "temperature": 0.6, "top_p": 0.95, "top_k": 20,
            "eos_token_id": [1, 2], "transformers_version": "4.51.0"}"#;
        let expected = GenerationDefaults {
            do_sample: Some(true),
            temperature: Some(0.6),
            top_p: Some(0.95),
            top_k: Some(20),
        };
        assert_eq!(read(all).unwrap(), expected);
        let none = GenerationDefaults::default();
        assert_eq!(read(r#"{"top_p": null}"#).unwrap(), none);
        let zero = read(r#"{"temperature": 0, "top_k": 0}"#).unwrap();
        assert_eq!((zero.temperature, zero.top_k), (Some(0.0), Some(0)));
    }

    #[test]
    fn a_setting_out_of_range_is_refused_by_its_key() {
        for (json, expected) in [
            ("[]", "not a JSON object"),
            (
                r#"{"temperature": -1}"#,
                "temperature: -1 is not a number of at least 0",
            ),
            (
                r#"{"temperature": "hot"}"#,
                "temperature: \"hot\" is not a number",
            ),
            (r#"{"top_p": 0}"#, "top_p: 0 is not in (0, 1]"),
            (r#"{"top_p": 1.5}"#, "top_p: 1.5 is not in (0, 1]"),
            (
                r#"{"top_k": 2.5}"#,
                "top_k: 2.5 is not a whole number of at least 0",
            ),
            (r#"{"do_sample": 1}"#, "do_sample: 1 is not true or false"),
        ] {
            let error = GenerationDefaults::from_json(json.as_bytes()).unwrap_err();
            let expected = format!("generation_config.json: {expected}");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}
