//! `laser eval`.

mod answers;
mod asked;
mod judged;
mod parts;
mod sweep;
mod written;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::answer::{BeamArgs, DataArgs, ModelArgs, SamplingArgs, beam_words, words};
use crate::{output, summary};
use answers::{Answers, How};
use asked::Asked;
use judged::{Judged, VerifyArgs};
use parts::{Parts, parts};
use sweep::Sweep;
pub use sweep::{Point, charts};
use written::{Written, check_free};

/// Accuracy, votes and self-verification of a model on problems
///
/// Answers every problem n times, checks the answers, and writes one JSON object to standard
/// output: {"model", "data", "problems", "n", "metrics", ...}; "metrics" are those of a run's
/// summary.json. Problems come from files, whose answers are checked as mathematics, or from the
/// test problems of a recipe, whose answers are checked as its runs do. With --out DIR the object is
/// also summary.json in it, and results.jsonl has a line for every response. Tables go to standard
/// error, by source and level too where there are several.
///
/// A problem without an answer, or whose prompt leaves no room for a response in the context, is
/// left out, and reported. Tokens are sampled from the model itself (temperature 1, nothing
/// filtered) unless other settings are given.
///
/// With --recipe the problems, n, the seed, the most tokens, the k, the resamples, evaluation.cautious
/// and evaluation.borda are those of the recipe unless others are given, so that the checkpoint of a run gives the numbers of the
/// run's own summary.json.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser eval --model runs/laser/checkpoints/step-200 --data test.jsonl --out evals/step-200
  laser eval --model runs/laser/checkpoints/step-200 --recipe laser --n 32 --sweep k=1..32
  laser eval --model org/name --data gsm8k.parquet --format gsm8k --n 16 --max-new-tokens 1024
  laser eval --model org/name --data math500.jsonl --format math500 --limit 100 \\
      --template '{prompt} Put the final answer in \\boxed{}.' --defaults model
  laser eval --model org/name --data my.jsonl --column prompt=question --column answer=gold
  laser eval --model org/name --data aime.jsonl,format=aime,n=32 \\
      --data math500.jsonl,format=math500,n=2
  laser eval --model org/name --data my.jsonl --beam 4
  laser eval --model org/name --data my.jsonl --self-verify prompt
  laser eval --model org/name --data my.jsonl --n 32 --out evals/name \\
      --sweep k=1..32 --sweep temperature=0.6,1.0 --sweep beam=1,2,4")]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Take the test problems of a recipe instead of files: its file, or the name of a built-in
    /// recipe
    #[arg(
        long,
        value_name = "RECIPE",
        conflicts_with_all = ["data", "format", "columns", "template", "system", "chat", "arguments", "limit"]
    )]
    recipe: Option<String>,
    /// Problems of the recipe [default: evaluation.problems]
    #[arg(
        long,
        value_name = "N",
        requires = "recipe",
        conflicts_with = "data",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    problems: Option<u32>,
    /// Responses to each problem [default: 8, or those of the recipe]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    n: Option<u32>,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    beam: BeamArgs,
    #[command(flatten)]
    verify: VerifyArgs,
    /// Measure again at several values of k, temperature or beam: KEY=V,V,... or KEY=A..B for A, 2A,
    /// 4A, ..., B; may be repeated. k is counted from the same responses
    #[arg(long, value_name = "KEY=VALUES", value_parser = Sweep::parse, conflicts_with = "beam")]
    sweep: Vec<Sweep>,
    /// The k of pass@k, maj@k and so on [default: powers of two up to n, or those of the recipe]
    #[arg(
        long,
        value_name = "K,K,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    ks: Vec<u32>,
    /// Resamples of the intervals; 0 leaves them out [default: 1000, or those of the recipe]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    bootstrap: Option<u32>,
    /// Folder for results.jsonl and summary.json, and of a sweep sweep.csv and sweep.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    if let Some(out) = &args.out {
        check_free(out)?;
    }
    sweep::check(&args.sweep)?;
    let judge = args.verify.judge()?;
    let recipe = asked::recipe(&args)?;
    let model = args.model.load()?;
    let asked = Asked::load(&args, recipe.as_ref(), &model)?;
    let mut sampling = args.sampling.sampling(&model.defaults)?;
    if sampling.cautious.is_none() && sampling.temperature > 0.0 {
        sampling.cautious = recipe.as_ref().and_then(|r| r.evaluation.cautious);
    }
    let searches = args.sweep.iter().any(Sweep::is_beam);
    let beam = args.beam.settings(asked.max_new_tokens, searches)?;
    let how = match beam {
        Some(beam) => How::Beam(beam),
        None => How::Sampled(sampling),
    };
    output::log(format_args!(
        "{} responses each, {}",
        asked.count_words(&how),
        match &how {
            How::Beam(beam) => beam_words(beam),
            How::Sampled(sampling) => words(sampling),
        }
    ));
    let options = asked.options_of(&how);
    let answers = Answers::of(&model, &asked, &how)?;
    let judged = match &judge {
        Some(judge) => Some(Judged::of(&model, &asked, &answers, judge, &options)?),
        None => None,
    };
    let groups = answers.rows();
    let sources = parts(&asked.set, &groups, &options, |o| Some(o.source.as_str()));
    let levels = parts(&asked.set, &groups, &options, |o| o.level.as_deref());
    let started = Instant::now();
    let measured = answers.measured(&options);
    let swept = sweep::run(&args, &model, &asked, &sampling, &answers, &measured)?;
    if !swept.is_empty() {
        let seconds = started.elapsed().as_secs_f64();
        output::log(format_args!("the sweep took {seconds:.0} s"));
    }
    let written = Written {
        args: &args,
        model: &model,
        asked: &asked,
        how: &how,
        answers: &answers,
        measured: &measured,
        judged: judged.as_ref(),
        sources: &sources,
        levels: &levels,
        sweep: &swept,
    };
    show(&written);
    let text = serde_json::to_string_pretty(&written.summary())?;
    if let Some(out) = &args.out {
        written.save(out, &text)?;
    }
    output::data(text)
}

fn show(w: &Written) {
    let self_reward = w.model.self_reward.is_some();
    output::log(summary::of_model(&w.measured.metrics, self_reward));
    if let Some(first) = &w.measured.first {
        let share = summary::percent(Some(first));
        output::log(format_args!("the likeliest response is right: {share}"));
    }
    for (title, parts) in [("source", w.sources), ("level", w.levels)] {
        if !parts.is_empty() {
            let rows = parts
                .iter()
                .map(|(name, p)| (name.as_str(), p.problems, &p.metrics));
            output::log(summary::by_part(title, rows));
        }
    }
    if let Some(judged) = w.judged {
        output::log(judged.table(w));
    }
    if !w.sweep.is_empty() {
        output::log(sweep::table(w.sweep));
    }
}
