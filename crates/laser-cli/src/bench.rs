//! `laser bench`.

mod shape;
mod work;

use std::cell::LazyCell;
use std::time::Instant;

use anyhow::Result;
use laser_kernels::Cpu;
use laser_train::ProductDtype;
use serde_json::{Map, Value, json};

use crate::answer::dtype;
use crate::{BadInput, output};
use shape::Shape;
use work::Bench;

/// Measures training, decoding and whole GRPO steps on standard shapes
///
/// Prints a line per measurement: tokens per second, the median, least and greatest seconds of a
/// repetition, and how much of what this machine can do at most that is. bench/run.sh compares them
/// with PyTorch, transformers and TRL in the same run.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser bench --shape tiny --threads 2
  laser bench --shape small --only decode --dtype bfloat16
  laser bench --shape small --only grpo_step --json       for programs")]
pub struct Args {
    /// tiny (hidden 128, 4 layers, vocab 64), small (hidden 512, 8 layers, vocab 8192) or
    /// qwen2.5-0.5b (hidden 896, 24 layers, vocab 151936; 9 GiB to train)
    #[arg(long, default_value = "tiny")]
    shape: String,
    /// One measurement
    ///
    /// train_step: forward, cross entropy, backward, clipping, AdamW. decode: sampling a batch.
    /// grpo_step: sampling groups, advantages, the update. laser_step: the same with LaSeR's
    /// self-reward, in turns with grpo_step. limits: multiply-adds and reading memory, alone.
    #[arg(long, value_name = "MEASUREMENT")]
    only: Option<Only>,
    /// How the weight matrices of products are stored; sums are float32
    #[arg(long, default_value = "float32", value_name = "float32|bfloat16", value_parser = dtype)]
    dtype: ProductDtype,
    /// Threads [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Sequences or responses instead of the shape's number
    #[arg(long, value_parser = at_least_one)]
    batch: Option<usize>,
    /// Tokens of a trained sequence, or new tokens of a response, instead of the shape's
    #[arg(long, value_parser = at_least_one)]
    length: Option<usize>,
    /// Tokens of a prompt instead of the shape's
    #[arg(long, value_parser = at_least_one)]
    prompt: Option<usize>,
    /// Measured repetitions
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    reps: usize,
    /// Repetitions before measuring
    #[arg(long, default_value_t = 2)]
    warmup: usize,
    /// Print one JSON object: seconds of each repetition, and the tokens that one computes
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Only {
    TrainStep,
    Decode,
    GrpoStep,
    LaserStep,
    Limits,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(n) => Ok(n),
        Err(e) => Err(format!("not a number: {e}")),
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let mut s = Shape::named(&args.shape).ok_or_else(|| {
        let names = Shape::NAMES.join(", ");
        BadInput(format!(
            "--shape {}: there is no such shape; there are {names}",
            args.shape
        ))
    })?;
    s.change(args.batch, args.length, args.prompt);
    let cpu = Cpu::new(args.threads)?;
    let dtype = match args.dtype {
        ProductDtype::Float32 => "float32",
        ProductDtype::Bfloat16 => "bfloat16",
    };
    let mut found = Map::new();
    let mut report = |name: &str, value: Value, line: &dyn Fn() -> String| {
        found.insert(name.into(), value);
        match args.json {
            true => Ok(()),
            false => output::data(line()),
        }
    };
    if !args.json {
        output::data(format_args!(
            "shape {}, {} threads, {dtype}, {} repetitions",
            args.shape,
            cpu.threads(),
            args.reps
        ))?;
    }
    let wanted = |m: Only| args.only.is_none_or(|only| only == m);
    // Measured when first asked for: the memory that is read must not be part of another
    // measurement's largest memory.
    let limits = {
        let cpu = cpu.clone();
        LazyCell::new(move || Limits {
            flops: cpu.peak_flops(5),
            bandwidth: cpu.read_bandwidth(READ, 3),
        })
    };
    let mut bench = Bench::new(&s, cpu, args.dtype.precision())?;
    let time = |f: &mut dyn FnMut() -> Result<()>| measure(args.warmup, args.reps, f);
    if wanted(Only::Decode) {
        let m = Measurement::new(s.decode.new_tokens(), time(&mut || bench.decode())?);
        let read = bench.bytes_decoded() as f64 / m.median();
        report("decode", m.json(json!({"bytes_per_second": read})), &|| {
            let share = 100.0 * read / limits.bandwidth;
            format!("{}   {share:.0} % of the bandwidth", m.line("decode"))
        })?;
    }
    if wanted(Only::TrainStep) {
        let m = Measurement::new(s.train.0 * s.train.1, time(&mut || bench.train())?);
        let rate = bench.train_flops() / m.median();
        report(
            "train_step",
            m.json(json!({"flops_per_second": rate})),
            &|| {
                let share = 100.0 * rate / limits.flops;
                format!("{}   {share:.0} % of the peak", m.line("train step"))
            },
        )?;
    }
    if wanted(Only::GrpoStep) {
        let m = Measurement::new(s.grpo.new_tokens(), time(&mut || bench.policy_step(false))?);
        report("grpo_step", m.json(json!({})), &|| m.line("grpo step"))?;
    }
    if wanted(Only::LaserStep) {
        // In turns, so that a noisy machine hits both alike.
        let [mut with, mut without] = [Vec::new(), Vec::new()];
        time(&mut || {
            for (laser, seconds) in [(false, &mut without), (true, &mut with)] {
                let started = Instant::now();
                bench.policy_step(laser)?;
                seconds.push(started.elapsed().as_secs_f64());
            }
            Ok(())
        })?;
        let [with, without] = [with, without].map(|mut seconds| {
            seconds.drain(..args.warmup);
            Measurement::new(s.grpo.new_tokens(), seconds)
        });
        let mut extra: Vec<f64> = with
            .seconds
            .iter()
            .zip(&without.seconds)
            .map(|(a, b)| a / b - 1.0)
            .collect();
        extra.sort_by(f64::total_cmp);
        let more = json!({"grpo_seconds": without.seconds, "extra": median(&extra)});
        report("laser_step", with.json(more), &|| {
            format!(
                "{}   {:+.1} % over grpo step [{:+.1}, {:+.1}]",
                with.line("laser step"),
                100.0 * median(&extra),
                100.0 * extra[0],
                100.0 * extra[extra.len() - 1]
            )
        })?;
    }
    if wanted(Only::Limits) {
        let (flops, bandwidth) = (limits.flops, limits.bandwidth);
        report(
            "limits",
            json!({"flops": flops, "read_bandwidth": bandwidth}),
            &|| {
                format!(
                    "limits      {:.0} GFLOP/s of multiply-adds, {:.1} GB/s read from memory",
                    flops / 1e9,
                    bandwidth / 1e9
                )
            },
        )?;
    }
    if args.json {
        found.insert("shape".into(), json!(args.shape));
        found.insert("threads".into(), json!(bench.threads()));
        found.insert("dtype".into(), json!(dtype));
        return output::data(Value::Object(found));
    }
    Ok(())
}

/// What the machine does at most.
struct Limits {
    /// Floating-point operations per second.
    flops: f64,
    /// Bytes per second.
    bandwidth: f64,
}

/// Bytes that the bandwidth is measured on: more than caches hold.
const READ: usize = 1 << 29;

/// Of numbers in ascending order.
fn median(sorted: &[f64]) -> f64 {
    let (last, half) = (sorted.len() - 1, sorted.len() / 2);
    (sorted[half] + sorted[last - half]) / 2.0
}

/// Repetitions of the same work.
struct Measurement {
    /// Of each repetition; at least one.
    seconds: Vec<f64>,
    /// The same in ascending order.
    sorted: Vec<f64>,
    /// That one repetition computes.
    tokens: usize,
}

impl Measurement {
    fn new(tokens: usize, seconds: Vec<f64>) -> Self {
        let mut sorted = seconds.clone();
        sorted.sort_by(f64::total_cmp);
        Measurement {
            seconds,
            sorted,
            tokens,
        }
    }

    fn median(&self) -> f64 {
        median(&self.sorted)
    }

    /// With `more` beside, and the largest memory of the process so far.
    fn json(&self, more: Value) -> Value {
        let mut m = json!({"seconds": self.seconds, "tokens": self.tokens});
        m["peak_bytes"] = json!(laser_train::peak_memory());
        for (key, value) in more.as_object().into_iter().flatten() {
            m[key] = value.clone();
        }
        m
    }

    fn line(&self, name: &str) -> String {
        let median = self.median();
        format!(
            "{name:<10}  {:>8.0} tokens/s   median {median:.4} s of {} tokens   [{:.4}, {:.4}] s",
            self.tokens as f64 / median,
            self.tokens,
            self.sorted[0],
            self.sorted[self.sorted.len() - 1]
        )
    }
}

/// Seconds of each repetition.
fn measure(warmup: usize, reps: usize, f: &mut dyn FnMut() -> Result<()>) -> Result<Vec<f64>> {
    (0..warmup).try_for_each(|_| f())?;
    (0..reps)
        .map(|_| {
            let started = Instant::now();
            f()?;
            Ok(started.elapsed().as_secs_f64())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_a_line_with_its_median() {
        let line = |seconds: &[f64]| Measurement::new(100, seconds.to_vec()).line("decode");
        let odd = line(&[4.0, 1.0, 2.0]);
        assert!(
            odd.contains("50 tokens/s") && odd.contains("median 2.0000 s of 100 tokens"),
            "{odd}"
        );
        assert!(odd.ends_with("[1.0000, 4.0000] s"), "{odd}");
        assert!(line(&[4.0, 1.0]).contains("median 2.5000 s"));
    }
}
