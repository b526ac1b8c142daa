//! How a model samples.

use laser_model::GenerationDefaults;
use laser_rollout::{Sampling, SamplingError};

use crate::BadInput;

/// Where settings that are not given come from.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Defaults {
    /// The model's own distribution: temperature 1, nothing filtered
    Policy,
    /// Its generation_config.json; greedy where that says no do_sample
    Model,
}

/// Settings of sampling.
#[derive(clap::Args)]
pub struct SamplingArgs {
    /// Most tokens of a response, its end token included
    #[arg(
        long,
        value_name = "TOKENS",
        default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max_new_tokens: u32,
    /// Logits are divided by it; 0 takes the likeliest token [default: 1]
    #[arg(long, allow_negative_numbers = true, conflicts_with = "greedy")]
    temperature: Option<f32>,
    /// Keep the likeliest tokens whose mass reaches this [default: 1, all]
    #[arg(long, allow_negative_numbers = true, conflicts_with = "greedy")]
    top_p: Option<f32>,
    /// Keep so many likeliest tokens [default: 0, all]
    #[arg(long, conflicts_with = "greedy")]
    top_k: Option<usize>,
    /// Keep tokens at least this times as likely as the likeliest [default: 0, all]
    #[arg(long, allow_negative_numbers = true, conflicts_with = "greedy")]
    min_p: Option<f32>,
    /// Always take the likeliest token
    #[arg(long, conflicts_with = "defaults")]
    greedy: bool,
    /// Where the settings above come from if they are not given
    #[arg(long, value_enum, default_value = "policy")]
    defaults: Defaults,
    /// Seed of the sampling
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl SamplingArgs {
    /// Most tokens of a response.
    pub fn max_new_tokens(&self) -> usize {
        self.max_new_tokens as usize
    }

    /// The settings for a model whose makers sample with `model`.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn sampling(&self, model: &GenerationDefaults) -> Result<Sampling, BadInput> {
        let base = match (self.greedy, self.defaults) {
            (true, _) => GREEDY,
            (_, Defaults::Policy) => Sampling::default(),
            (_, Defaults::Model) => of_makers(model),
        };
        let sampling = Sampling {
            temperature: self.temperature.unwrap_or(base.temperature),
            top_p: self.top_p.unwrap_or(base.top_p),
            top_k: self.top_k.unwrap_or(base.top_k),
            min_p: self.min_p.unwrap_or(base.min_p),
        };
        sampling.validate().map_err(|e| {
            BadInput(match e {
                SamplingError::OutOfRange { key, value, range } => {
                    format!("--{} {value}: {range} is expected", key.replace('_', "-"))
                }
                SamplingError::NotFinite => e.to_string(),
            })
        })?;
        Ok(sampling)
    }
}

const GREEDY: Sampling = Sampling {
    temperature: 0.0,
    top_p: 1.0,
    top_k: 0,
    min_p: 0.0,
};

/// What a `generation_config.json` says; without `do_sample` it is greedy, as in transformers.
fn of_makers(model: &GenerationDefaults) -> Sampling {
    let usual = Sampling::default();
    match model.do_sample {
        Some(true) => Sampling {
            temperature: model.temperature.map_or(usual.temperature, |t| t as f32),
            top_p: model.top_p.map_or(usual.top_p, |p| p as f32),
            top_k: model.top_k.unwrap_or(usual.top_k),
            min_p: usual.min_p,
        },
        _ => GREEDY,
    }
}

/// The settings in words.
pub fn words(s: &Sampling) -> String {
    if s.temperature == 0.0 {
        return "greedy".into();
    }
    let mut words = format!("temperature {}", s.temperature);
    for (name, value, off) in [
        ("top-p", s.top_p, 1.0),
        ("top-k", s.top_k as f32, 0.0),
        ("min-p", s.min_p, 0.0),
    ] {
        if value != off {
            words += &format!(", {name} {value}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: SamplingArgs,
    }

    fn sampling(words: &[&str]) -> Result<Sampling, String> {
        let makers = GenerationDefaults {
            do_sample: Some(true),
            temperature: Some(0.6),
            top_p: Some(0.95),
            top_k: Some(20),
        };
        let args = Wrapper::try_parse_from([&["x"], words].concat()).map_err(|e| e.to_string())?;
        args.args.sampling(&makers).map_err(|e| e.to_string())
    }

    #[test]
    fn the_policy_itself_is_the_default_and_the_makers_settings_are_asked_for() {
        assert_eq!(sampling(&[]), Ok(Sampling::default()));
        assert_eq!(sampling(&["--greedy"]), Ok(GREEDY));
        let makers = sampling(&["--defaults", "model", "--top-k", "5"]).unwrap();
        assert_eq!(words(&makers), "temperature 0.6, top-p 0.95, top-k 5");
        assert_eq!(of_makers(&GenerationDefaults::default()), GREEDY);
    }

    #[test]
    fn settings_out_of_range_are_named_by_their_flag() {
        for (flag, value) in [("--top-p", "0"), ("--min-p", "2"), ("--temperature", "-1")] {
            let error = sampling(&[flag, value]).unwrap_err();
            assert!(
                error.starts_with(flag) && error.contains("expected"),
                "{error}"
            );
        }
        assert!(
            sampling(&["--greedy", "--top-p", "0.5"])
                .unwrap_err()
                .contains("--greedy")
        );
    }
}
