//! `laser vote`.

mod choices;
mod classes;
mod input;
mod line;
mod measure;

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use laser_rl::{EvalOptions, Method, VoteRules, Weights};

use crate::BadInput;

/// Selects among the answers to each problem, or measures how well that works
///
/// Reads JSON lines {"gold": ..., "answers": [...], "scores": [...]}, or the results.jsonl of
/// `laser eval` (a line per response; those with the same prompt and gold answer are a problem).
/// An answer may be a whole response; null is none. Answers are one vote if they are the same
/// mathematics. Writes one JSON object: for each k what the votes of k answers reach, with 95 %
/// intervals over problems, and how well the score judges.
///
/// With --choose gold answers are not needed: for every problem, a line {"answer", "index",
/// "confidence", "votes"} is written.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser vote --input answers.jsonl --k 1,2,4,8
  laser vote --input evals/step-200/results.jsonl --adaptive 0.05 --precision 0.9
  laser vote --input answers.jsonl --score self_reward --score judge
  laser vote --input answers.jsonl --choose weighted > chosen.jsonl")]
pub struct Args {
    /// JSON lines to read; - is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    input: PathBuf,
    /// The k of the votes [default: powers of two up to the fewest answers of a problem]
    #[arg(
        long,
        value_name = "K,K,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    k: Vec<u32>,
    /// Key of the scores; repeated, the later ones are compared with the first [default: scores,
    /// of a line per response self_reward]
    #[arg(long, value_name = "KEY")]
    score: Vec<String>,
    /// Weights of the weighted vote: scores clamped to [0, 1], or as they are
    #[arg(
        long,
        default_value = "clamped",
        value_parser = PossibleValuesParser::new(["clamped", "raw"]).map(weights)
    )]
    weights: Weights,
    /// Power of the ranks in the Borda vote: 0 is the majority, inf the best
    #[arg(
        long,
        default_value_t = VoteRules::default().borda_power,
        value_name = "P",
        value_parser = power
    )]
    borda_power: f64,
    /// Measure the vote that stops sampling when its result is settled but for this error
    #[arg(long, value_name = "ERROR", value_parser = error)]
    adaptive: Option<f64>,
    /// Look for the confidence above which answers are right this often
    #[arg(long, value_name = "P", value_parser = open_share)]
    precision: Option<f64>,
    /// Probability with which that confidence may be wrong
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = open_share)]
    delta: f64,
    /// CSV file for the risk-coverage curves
    #[arg(long, value_name = "FILE")]
    risk_coverage: Option<PathBuf>,
    /// Resamples of the intervals; 0 leaves them out
    #[arg(
        long,
        default_value_t = 1000,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    bootstrap: u32,
    /// Seed of resamples and of sampled subsets
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Choose an answer for each problem
    #[arg(
        long,
        value_name = "METHOD",
        conflicts_with_all = ["k", "adaptive", "precision", "risk_coverage"],
        value_parser = PossibleValuesParser::new(METHODS.map(|m| m.0)).map(method)
    )]
    choose: Option<Method>,
}

/// Names of the ways of choosing.
const METHODS: [(&str, Method); 4] = [
    ("weighted", Method::Weighted),
    ("majority", Method::Majority),
    ("best", Method::Best),
    ("borda", Method::Borda),
];

/// The method with a name; clap lets only these names through.
fn method(name: String) -> Method {
    let known = METHODS.iter().find(|m| m.0 == name);
    known.map_or(Method::default(), |m| m.1)
}

fn weights(name: String) -> Weights {
    match name.as_str() {
        "raw" => Weights::Raw,
        _ => Weights::Clamped,
    }
}

fn number(text: &str, allowed: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x| allowed(*x));
    number.ok_or_else(|| format!("{expected} is expected"))
}

fn power(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0, "a number of at least 0, or inf,")
}

fn error(text: &str) -> Result<f64, String> {
    let allowed = |x| (0.0..1.0).contains(&x);
    number(text, allowed, "a probability of at least 0 and below 1")
}

fn open_share(text: &str) -> Result<f64, String> {
    let allowed = |x| 0.0 < x && x < 1.0;
    number(text, allowed, "a number between 0 and 1, without these,")
}

impl Args {
    fn options(&self, ks: Vec<usize>) -> EvalOptions {
        let defaults = EvalOptions::default();
        EvalOptions {
            ks,
            bootstrap: self.bootstrap as usize,
            seed: self.seed,
            rules: VoteRules {
                weights: self.weights,
                borda_power: self.borda_power,
            },
            adaptive_error: self.adaptive.unwrap_or(defaults.adaptive_error),
            ..defaults
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    if let Some(name) = repeated(&args.score) {
        return Err(BadInput(format!("--score {name}: given twice")).into());
    }
    if args.choose.is_some() && args.score.len() > 1 {
        let problem = "--choose goes by one score; give --score once";
        return Err(BadInput(problem.into()).into());
    }
    let input = input::read(&args.input, &args.score)?;
    match args.choose {
        Some(method) => choices::write(&input, method, &args.options(Vec::new()).rules),
        None => measure::run(&args, input),
    }
}

/// A name that stands in the list twice.
fn repeated(names: &[String]) -> Option<&String> {
    let earlier = |i: usize| &names[..i];
    let mut numbered = names.iter().enumerate();
    numbered.find_map(|(i, name)| earlier(i).contains(name).then_some(name))
}
