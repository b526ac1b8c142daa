//! `laser eval`.

mod parts;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use laser_data::Wanted;
use laser_rl::{Calibration, EvalOptions, Evaluation};
use laser_rollout::Sampling;
use laser_train::{
    EvalResult, LanguageModel, SampleRow, SelfRewardToken, TestSet, create_folder, evaluate,
    write_atomically,
};
use serde::Serialize;

use crate::answer::{DataArgs, ModelArgs, SamplingArgs, bad_input, progress, words};
use crate::{BadInput, output, summary};
use parts::{Parts, parts};

/// Responses for each thread that are sampled at once.
const RESPONSES: usize = 128;
const RESULTS: &str = "results.jsonl";
const SUMMARY: &str = "summary.json";

/// Accuracy, votes and self-verification of a model on problems of files
///
/// Answers every problem n times, checks the answers against the gold answers as mathematics, and
/// writes one JSON object to standard output: {"model", "data", "problems", "n", "metrics", ...};
/// "metrics" are those of a run's summary.json. With --out DIR that object is also summary.json in
/// it, and results.jsonl has a line for every response. Tables go to standard error, by source and
/// level too where the files have several.
///
/// A problem without an answer, or whose prompt leaves no room for a response in the context, is
/// left out, and reported. Tokens are sampled from the model itself (temperature 1, nothing
/// filtered) unless other settings are given.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser eval --model runs/laser/checkpoints/step-200 --data test.jsonl --out evals/step-200
  laser eval --model org/name --data gsm8k.parquet --format gsm8k --n 16 --max-new-tokens 1024
  laser eval --model org/name --data math500.jsonl --format math500 --limit 100 \\
      --template '{prompt} Put the final answer in \\boxed{}.' --defaults model
  laser eval --model org/name --data my.jsonl --column prompt=question --column answer=gold")]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Responses to each problem
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    n: u32,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// The k of pass@k, maj@k and so on [default: powers of two up to n]
    #[arg(
        long,
        value_name = "K,K,...",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    ks: Vec<u32>,
    /// Resamples of the intervals; 0 leaves them out
    #[arg(
        long,
        default_value_t = 1000,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    bootstrap: u32,
    /// Folder for results.jsonl and summary.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is written to standard output and to summary.json.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    revision: Option<&'a str>,
    data: &'a [String],
    problems: usize,
    n: usize,
    seed: u64,
    sampling: Sampling,
    max_new_tokens: usize,
    chat: bool,
    left_out: LeftOut,
    self_reward: Option<&'a SelfRewardToken>,
    metrics: &'a Evaluation,
    calibration: &'a Calibration,
    by_source: &'a Parts,
    by_level: &'a Parts,
    seconds: f64,
    tokens: usize,
    tokens_per_second: f64,
}

/// Rows of the files that were not asked, by why.
#[derive(Serialize)]
struct LeftOut {
    empty_prompt: usize,
    no_answer: usize,
    too_long: usize,
}

/// A line of results.jsonl.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    row: &'a SampleRow,
    source: &'a str,
    level: Option<&'a str>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let options = options(&args)?;
    if let Some(out) = &args.out {
        check_free(out)?;
    }
    let model = args.model.load()?;
    let sampling = args.sampling.sampling(&model.defaults)?;
    let new = args.sampling.max_new_tokens();
    let set = args.data.load(&model, Wanted::ANSWER, new)?;
    let samples = args.n as usize;
    output::log(format_args!(
        "{samples} responses each, {}",
        words(&sampling)
    ));
    let started = Instant::now();
    let groups = answers(&args, &model, &set, sampling)?;
    let seconds = started.elapsed().as_secs_f64();
    let sources = parts(&set, &groups, &options, |o| Some(o.source.as_str()));
    let levels = parts(&set, &groups, &options, |o| o.level.as_deref());
    let result = evaluate(groups, &options);
    let tokens: usize = result.rows.iter().map(|r| r.length).sum();
    let left_out = &set.report.test;
    let summary = Summary {
        model: &args.model.model,
        revision: args.model.revision.as_deref(),
        data: &args.data.data,
        problems: set.len(),
        n: samples,
        seed: args.sampling.seed,
        sampling,
        max_new_tokens: new,
        chat: set.chat,
        left_out: LeftOut {
            empty_prompt: left_out.empty_prompt.count,
            no_answer: left_out.missing_answer.count,
            too_long: left_out.too_long.count,
        },
        self_reward: model.self_reward.as_ref(),
        metrics: &result.metrics,
        calibration: &result.calibration,
        by_source: &sources,
        by_level: &levels,
        seconds,
        tokens,
        tokens_per_second: tokens as f64 / seconds.max(1e-9),
    };
    show(
        &result.metrics,
        &sources,
        &levels,
        model.self_reward.is_some(),
    );
    let text = serde_json::to_string_pretty(&summary)?;
    if let Some(out) = &args.out {
        save(out, &result, &set, samples, &text)?;
        output::log(format_args!("numbers {}", out.join(SUMMARY).display()));
    }
    output::data(text)
}

fn options(args: &Args) -> Result<EvalOptions, BadInput> {
    let n = args.n as usize;
    let ks = match args.ks.is_empty() {
        true => (0..usize::BITS)
            .map(|p| 1 << p)
            .take_while(|k| *k <= n)
            .collect(),
        false => args.ks.iter().map(|k| *k as usize).collect::<Vec<_>>(),
    };
    if let Some(k) = ks.iter().find(|k| **k > n) {
        let problem = format!("--ks {k}: only --n {n} responses are sampled; raise --n");
        return Err(BadInput(problem));
    }
    Ok(EvalOptions {
        ks,
        bootstrap: args.bootstrap as usize,
        ..EvalOptions::default()
    })
}

/// A folder with results is left alone: it may be that of a run.
fn check_free(out: &Path) -> Result<(), BadInput> {
    let taken = [SUMMARY, RESULTS].map(|name| out.join(name));
    match taken.iter().find(|path| path.exists()) {
        Some(path) => Err(BadInput(format!(
            "--out {}: {} is there already; name another folder, or remove it",
            out.display(),
            path.display()
        ))),
        None if out.is_file() => Err(BadInput(format!(
            "--out {}: a file, not a folder; name another",
            out.display()
        ))),
        None => Ok(()),
    }
}

fn answers(
    args: &Args,
    model: &LanguageModel,
    set: &TestSet,
    sampling: Sampling,
) -> Result<Vec<Vec<SampleRow>>> {
    let samples = args.n as usize;
    let generation = model.generation(sampling, args.sampling.max_new_tokens());
    let at_once = (RESPONSES * model.cpu.threads()).div_ceil(samples);
    let bar = progress(set.len(), "problems");
    let mut groups = Vec::with_capacity(set.len());
    for first in (0..set.len()).step_by(at_once) {
        let range = first..set.len().min(first + at_once);
        let seed = args.sampling.seed;
        let answered = model.test(set, range, samples, seed, &generation);
        groups.extend(answered.map_err(bad_input)?);
        bar.set_position(groups.len() as u64);
    }
    bar.finish_and_clear();
    Ok(groups)
}

fn show(metrics: &Evaluation, sources: &Parts, levels: &Parts, self_reward: bool) {
    output::log(summary::of_model(metrics, self_reward));
    for (title, parts) in [("source", sources), ("level", levels)] {
        if !parts.is_empty() {
            let rows = parts
                .iter()
                .map(|(name, p)| (name.as_str(), p.problems, &p.metrics));
            output::log(summary::by_part(title, rows));
        }
    }
}

fn save(out: &Path, result: &EvalResult, set: &TestSet, samples: usize, text: &str) -> Result<()> {
    create_folder(out)?;
    let mut lines = String::new();
    let groups = result.rows.chunks(samples);
    ensure!(
        groups.len() == set.len(),
        "a problem has not its {samples} responses"
    );
    for (origin, row) in set
        .origins()
        .zip(groups)
        .flat_map(|(o, g)| g.iter().map(move |r| (o, r)))
    {
        let row = Row {
            row,
            source: &origin.source,
            level: origin.level.as_deref(),
        };
        lines += &serde_json::to_string(&row)?;
        lines.push('\n');
    }
    write_atomically(&out.join(RESULTS), lines.as_bytes())?;
    Ok(write_atomically(
        &out.join(SUMMARY),
        format!("{text}\n").as_bytes(),
    )?)
}
