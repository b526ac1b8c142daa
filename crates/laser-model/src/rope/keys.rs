//! The keys of `config.json` that say how positions are rotated, in the old and the new spelling.

use serde_json::{Map, Value};

use super::{Rope, RopeScaling};
use crate::ModelError;
use crate::json::Reader;

/// Keys that say nothing about the scaling.
const COMMON: [&str; 4] = ["rope_theta", "rope_type", "type", "partial_rotary_factor"];

impl Rope {
    /// Reads `rope_parameters`, or `rope_scaling` with `rope_theta` beside it.
    ///
    /// # Errors
    /// Names the key and the value that is malformed or not computed. A key that the type of
    /// scaling does not read is refused, not ignored.
    pub(crate) fn from_json(raw: &Map<String, Value>) -> Result<Self, ModelError> {
        let top = Reader::new(raw);
        whole_head(top)?;
        let given = |key| Ok(top.object(key)?.filter(|o| !o.is_empty()));
        match (given("rope_parameters")?, given("rope_scaling")?) {
            (None, None) => Ok(Rope {
                theta: theta(top)?.unwrap_or(THETA),
                scaling: RopeScaling::Default,
            }),
            (Some(new), None) => Self::spelled(top, Reader::nested(new, "rope_parameters.")),
            (None, Some(old)) => Self::spelled(top, Reader::nested(old, "rope_scaling.")),
            (Some(new), Some(old)) => {
                let new = Self::spelled(top, Reader::nested(new, "rope_parameters."))?;
                match Self::spelled(top, Reader::nested(old, "rope_scaling."))? == new {
                    true => Ok(new),
                    false => Err(top.error(
                        "rope_scaling",
                        "it contradicts rope_parameters; remove one of the two",
                    )),
                }
            }
        }
    }

    fn spelled(top: Reader, keys: Reader) -> Result<Self, ModelError> {
        whole_head(keys)?;
        for key in keys.keys() {
            if keys.value(key).is_some_and(Value::is_object) {
                return Err(keys.error(key, "rotary parameters by layer are not supported"));
            }
        }
        let theta = match theta(keys)? {
            Some(given) => given,
            None => theta(top)?.unwrap_or(THETA),
        };
        let named =
            |key| -> Result<_, ModelError> { Ok(keys.string(key)?.map(|kind| (key, kind))) };
        let (key, kind) = match named("rope_type")? {
            Some(named) => named,
            None => named("type")?.unwrap_or(("rope_type", "default")),
        };
        let required = |name: &str| {
            let missing = || keys.error(name, format!("rope type '{kind}' needs this number"));
            keys.positive(name)?.ok_or_else(missing)
        };
        let (scaling, read): (_, &[&str]) = match kind {
            "default" => (RopeScaling::Default, &[]),
            "linear" => {
                let factor = required("factor")?;
                (RopeScaling::Linear { factor }, &["factor"])
            }
            "dynamic" => {
                required("factor")?;
                (RopeScaling::Dynamic, &["factor"])
            }
            "llama3" => {
                let (low, high) = (required("low_freq_factor")?, required("high_freq_factor")?);
                if high <= low {
                    let what = format!("{high} must be more than low_freq_factor = {low}");
                    return Err(keys.error("high_freq_factor", what));
                }
                let scaling = RopeScaling::Llama3 {
                    factor: required("factor")?,
                    low_freq_factor: low,
                    high_freq_factor: high,
                    original_max_positions: original(top, keys)?,
                };
                let read = &[
                    "factor",
                    "low_freq_factor",
                    "high_freq_factor",
                    "original_max_position_embeddings",
                ];
                (scaling, read)
            }
            "yarn" => (yarn(top, keys)?, &YARN),
            other => {
                let what = format!(
                    "'{other}' is not supported; default, linear, dynamic, llama3 and yarn are"
                );
                return Err(keys.error(key, what));
            }
        };
        for key in keys.keys() {
            if !COMMON.contains(&key) && !read.contains(&key) {
                let what = format!("rope type '{kind}' does not read this key; remove it");
                return Err(keys.error(key, what));
            }
        }
        Ok(Rope { theta, scaling })
    }
}

/// Base of the frequencies where none is given.
const THETA: f64 = 10_000.0;

fn theta(keys: Reader) -> Result<Option<f64>, ModelError> {
    match keys.number("rope_theta")? {
        Some(theta) if theta <= 1.0 => {
            Err(keys.error("rope_theta", format!("{theta} must be more than 1")))
        }
        theta => Ok(theta),
    }
}

/// Refuses heads of which only a part is rotated.
fn whole_head(keys: Reader) -> Result<(), ModelError> {
    let one = |v: &Value| v.as_f64() == Some(1.0);
    keys.must_be("partial_rotary_factor", one, "only 1 is")
}

/// The context length of pre-training: beside the rotary keys, among them, or the model's.
fn original(top: Reader, keys: Reader) -> Result<f64, ModelError> {
    let key = "original_max_position_embeddings";
    Ok(match (top.positive(key)?, keys.positive(key)?) {
        (Some(n), _) | (None, Some(n)) => n,
        (None, None) => top.size("max_position_embeddings")? as f64,
    })
}

/// The keys that YaRN reads.
const YARN: [&str; 8] = [
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
];

fn yarn(top: Reader, keys: Reader) -> Result<RopeScaling, ModelError> {
    let original_max_positions = original(top, keys)?;
    let factor = match keys.positive("factor")? {
        Some(factor) => factor,
        // A factor that is null stands for the ratio of the contexts, one that is missing does not.
        None if keys.given("factor") => {
            top.size("max_position_embeddings")? as f64 / original_max_positions
        }
        None => return Err(keys.error("factor", "rope type 'yarn' needs this number")),
    };
    // 0 counts as not given, as it does in Python's `x or default`.
    let nonzero = |key: &str| Ok(keys.number(key)?.filter(|x| *x != 0.0));
    let turns = |key: &str, default: f64| match nonzero(key)? {
        Some(x) if x < 0.0 => Err(keys.error(key, format!("{x} is negative"))),
        x => Ok(x.unwrap_or(default)),
    };
    let magnitude = |weight: f64| match factor <= 1.0 {
        true => 1.0,
        false => 0.1 * weight * factor.ln() + 1.0,
    };
    let attention_factor = match (
        keys.positive("attention_factor")?,
        nonzero("mscale")?,
        nonzero("mscale_all_dim")?,
    ) {
        (Some(given), _, _) => given,
        (None, Some(one), Some(all)) => magnitude(one) / magnitude(all),
        _ => magnitude(1.0),
    };
    if !(attention_factor.is_finite() && attention_factor > 0.0) {
        let what = format!("it makes the attention factor {attention_factor}");
        return Err(keys.error("mscale_all_dim", what));
    }
    Ok(RopeScaling::Yarn {
        factor,
        beta_fast: turns("beta_fast", 32.0)?,
        beta_slow: turns("beta_slow", 1.0)?,
        original_max_positions,
        truncate: keys.boolean("truncate")?.unwrap_or(true),
        attention_factor,
    })
}
