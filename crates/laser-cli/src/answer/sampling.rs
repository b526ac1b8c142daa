//! How a model samples.

use laser_model::GenerationDefaults;
use laser_rollout::{Cautious, Sampling, SamplingError};
use laser_train::BeamSettings;

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
    /// Most tokens of a response, its end token included [default: 512]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: Option<u32>,
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
    /// Where the model is unsure, try up to 10 continuations to the next punctuation and keep the
    /// one of the least perplexity (cautious next token prediction)
    #[arg(long, conflicts_with = "greedy")]
    cautious: bool,
    /// Where the settings above come from if they are not given
    #[arg(long, value_enum, default_value = "policy")]
    defaults: Defaults,
    /// Seed of the sampling [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

/// Search in place of sampling.
#[derive(clap::Args)]
pub struct BeamArgs {
    /// Beam search of this width: the likeliest responses, so many to each prompt, instead of
    /// sampled ones
    #[arg(
        long,
        value_name = "WIDTH",
        value_parser = clap::value_parser!(u32).range(1..=1024),
        conflicts_with_all = ["temperature", "top_p", "top_k", "min_p", "greedy", "cautious", "defaults", "seed", "n"]
    )]
    beam: Option<u32>,
    /// Beams are compared by their log-probability / length^A; 0 prefers short responses
    /// [default: 1]
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    length_penalty: Option<f32>,
}

impl BeamArgs {
    /// The settings of the search, if it is asked for; `others` says whether there are searches
    /// beside it.
    ///
    /// # Errors
    /// A setting out of its range, and one for a search that there is not.
    pub fn settings(
        &self,
        max_new_tokens: usize,
        others: bool,
    ) -> Result<Option<BeamSettings>, BadInput> {
        if self.beam.is_none() && self.length_penalty.is_some() && !others {
            let problem = "--length-penalty: there is no beam search; --beam WIDTH asks for one";
            return Err(BadInput(problem.into()));
        }
        let width = self.beam.map(|b| b as usize);
        width
            .map(|width| self.of_width(width, max_new_tokens))
            .transpose()
    }

    /// The settings of a search of another width.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn of_width(&self, width: usize, max_new_tokens: usize) -> Result<BeamSettings, BadInput> {
        let alpha = self.length_penalty.unwrap_or(1.0);
        match alpha >= 0.0 && alpha.is_finite() {
            true => Ok(BeamSettings {
                width,
                length_penalty: alpha,
                max_new_tokens,
            }),
            false => Err(BadInput(format!(
                "--length-penalty {alpha}: a number of 0 or more is expected"
            ))),
        }
    }
}

impl SamplingArgs {
    /// Most tokens of a response.
    pub fn max_new_tokens(&self) -> usize {
        self.max_new_tokens_or(512)
    }

    /// The same where something else says how many there are by default.
    pub fn max_new_tokens_or(&self, default: usize) -> usize {
        self.max_new_tokens.map_or(default, |n| n as usize)
    }

    /// Seed of the sampling.
    pub fn seed(&self) -> u64 {
        self.seed_or(0)
    }

    /// The same where something else says which it is by default.
    pub fn seed_or(&self, default: u64) -> u64 {
        self.seed.unwrap_or(default)
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
            cautious: self.cautious.then(Cautious::default),
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
    cautious: None,
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
            cautious: None,
        },
        _ => GREEDY,
    }
}

/// The settings of a search in words.
pub fn beam_words(b: &BeamSettings) -> String {
    let (width, alpha) = (b.width, b.length_penalty);
    format!("the likeliest by beam search of width {width}, length penalty {alpha}")
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
    if let Some(cautious) = &s.cautious {
        words += &format!(", cautious with up to {} trials", cautious.max_trials);
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
        let cautious = sampling(&["--cautious", "--top-p", "0.9"]).unwrap();
        assert_eq!(
            words(&cautious),
            "temperature 1, top-p 0.9, cautious with up to 10 trials"
        );
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
