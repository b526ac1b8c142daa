//! `laser bench`.

use std::time::Instant;

use anyhow::{Result, anyhow};
use laser_kernels::{Cpu, Segments};
use laser_model::{Decoder, Gradients, HeadGradient, ModelConfig, Retain, Workspace, init_weights};
use laser_rollout::{
    Engine, Generation, LocalEngine, Memory, Monitor, Request, Sampling, SelfRewardPosition,
};
use laser_train::{Moments, Optimizer};
use serde_json::{Value, json};

use crate::{BadInput, output};

/// Measures a training step and batched decoding on standard shapes
///
/// Prints a line per measurement: tokens per second, and the median, least and greatest seconds of
/// a repetition. bench/run.sh compares them with PyTorch and transformers in the same run.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser bench --shape tiny --threads 2
  laser bench --shape small --json                for programs")]
pub struct Args {
    /// tiny (hidden 128, 4 layers, vocab 64) or small (hidden 512, 8 layers, vocab 8192)
    #[arg(long, default_value = "tiny")]
    shape: String,
    /// Threads [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
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

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(n) => Ok(n),
        Err(e) => Err(format!("not a number: {e}")),
    }
}

struct Shape {
    hidden: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    ffn: usize,
    vocab: usize,
    train: (usize, usize),
    /// Responses, prompt tokens, new tokens.
    decode: (usize, usize, usize),
}

/// The shapes of the design document.
fn shape(name: &str) -> Result<Shape> {
    Ok(match name {
        "tiny" => Shape {
            hidden: 128,
            layers: 4,
            heads: 4,
            kv_heads: 4,
            ffn: 512,
            vocab: 64,
            train: (64, 64),
            decode: (64, 16, 128),
        },
        "small" => Shape {
            hidden: 512,
            layers: 8,
            heads: 8,
            kv_heads: 2,
            ffn: 1536,
            vocab: 8192,
            train: (8, 256),
            decode: (16, 16, 128),
        },
        _ => {
            return Err(BadInput(format!(
                "--shape {name}: there is no such shape; tiny and small are"
            ))
            .into());
        }
    })
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let s = shape(&args.shape)?;
    let cpu = Cpu::new(args.threads)?;
    let Value::Object(raw) = json!({
        "model_type": "llama", "vocab_size": s.vocab, "hidden_size": s.hidden, "intermediate_size": s.ffn,
        "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads,
        "rms_norm_eps": 1e-6, "max_position_embeddings": 512, "tie_word_embeddings": true,
        "rope_theta": 10000.0, "initializer_range": 0.02
    }) else {
        return Err(anyhow!("json! of an object is an object"));
    };
    let config = ModelConfig::from_json(&raw)?;
    let weights = init_weights(&config, 1);
    let decoder = Decoder::new(&cpu, config, weights, 512, true);
    let threads = cpu.threads();
    let pool = cpu.clone();
    let decoding = decode(&args, &s, &cpu, &decoder)?;
    let training = pool.install(|| train_step(&args, &s, &cpu, decoder))?;
    if args.json {
        return output::data(json!({
            "shape": args.shape, "threads": threads, "dtype": "f32",
            "decode": decoding.json(), "train_step": training.json(),
        }));
    }
    output::data(format_args!(
        "shape {}, {threads} threads, f32, {} repetitions\n{}\n{}",
        args.shape,
        args.reps,
        training.line("train step"),
        decoding.line("decode")
    ))
}

/// Repetitions of the same work.
struct Measurement {
    /// Of each repetition; at least one.
    seconds: Vec<f64>,
    /// That one repetition computes.
    tokens: usize,
}

impl Measurement {
    fn json(&self) -> Value {
        json!({"seconds": self.seconds, "tokens": self.tokens})
    }

    fn line(&self, name: &str) -> String {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let (last, half) = (sorted.len() - 1, sorted.len() / 2);
        let median = (sorted[half] + sorted[last - half]) / 2.0;
        format!(
            "{name:<10}  {:>8.0} tokens/s   median {median:.4} s of {} tokens   [{:.4}, {:.4}] s",
            self.tokens as f64 / median,
            self.tokens,
            sorted[0],
            sorted[last]
        )
    }
}

fn train_step(args: &Args, s: &Shape, cpu: &Cpu, mut decoder: Decoder<Cpu>) -> Result<Measurement> {
    let (sequences, length) = s.train;
    let tokens = sequences * length;
    let ids: Vec<u32> = (0..tokens).map(|i| (i * 7919 % s.vocab) as u32).collect();
    let segments = Segments::from_lengths(std::iter::repeat_n(length, sequences));
    let rows: Vec<u32> = (0..tokens as u32).collect();
    let targets: Vec<u32> = (0..tokens).map(|i| ids[(i + 1) % tokens]).collect();
    let mut ws = Workspace::new(cpu, &decoder.config, Retain::Everything);
    let mut gradients = Gradients::zeros(cpu, &decoder);
    let mut moments = Moments::new(cpu, &decoder);
    let optimizer = Optimizer::default();
    let dlogp = vec![-1.0 / tokens as f32; tokens];
    let seconds = time(args, || {
        decoder.forward(cpu, &mut ws, &ids, &segments);
        let g = decoder.gather(cpu, &mut ws, rows.clone(), targets.clone());
        decoder.backward(
            cpu,
            &mut ws,
            &g,
            HeadGradient::of_logp(&dlogp),
            &mut gradients,
        );
        decoder.finish(cpu, &mut gradients);
        let norm = moments.update(cpu, &mut decoder, &gradients, &optimizer, 1e-4);
        gradients.clear(cpu);
        norm.map(|_| ())
            .map_err(|n| anyhow!("the gradient's norm is {n}"))
    })?;
    Ok(Measurement { seconds, tokens })
}

fn decode(args: &Args, s: &Shape, cpu: &Cpu, decoder: &Decoder<Cpu>) -> Result<Measurement> {
    let (responses, prompt, new) = s.decode;
    let memory = Memory::new(responses.div_ceil(cpu.threads()));
    let engine = LocalEngine::new(decoder, &memory, cpu.threads());
    // Different prompts, as a peer's batch has: no shared prefill.
    let requests: Vec<Request> = (0..responses)
        .map(|r| Request {
            prompt: (0..prompt)
                .map(|i| ((r * 31 + i * 17) % s.vocab) as u32)
                .collect(),
            samples: 1,
            seed: vec![r as u64],
        })
        .collect();
    let generation = Generation {
        sampling: Sampling::default(),
        max_new_tokens: new,
        stop: Vec::new(),
        self_reward_token: None,
        self_reward_position: SelfRewardPosition::default(),
        punctuation: Vec::new(),
    };
    let seconds = time(args, || {
        let answers = engine.generate(&requests, &generation, &Monitor::default())?;
        let sampled: usize = answers.iter().flatten().map(|r| r.ids.len()).sum();
        match sampled == responses * new {
            true => Ok(()),
            false => Err(anyhow!(
                "sampled {sampled} tokens instead of {}",
                responses * new
            )),
        }
    })?;
    Ok(Measurement {
        seconds,
        tokens: responses * new,
    })
}

fn time(args: &Args, mut f: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    (0..args.warmup).try_for_each(|_| f())?;
    (0..args.reps)
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
        let line = |seconds: &[f64]| {
            Measurement {
                seconds: seconds.to_vec(),
                tokens: 100,
            }
            .line("decode")
        };
        let odd = line(&[4.0, 1.0, 2.0]);
        assert!(
            odd.contains("50 tokens/s") && odd.contains("median 2.0000 s of 100 tokens"),
            "{odd}"
        );
        assert!(odd.ends_with("[1.0000, 4.0000] s"), "{odd}");
        assert!(line(&[4.0, 1.0]).contains("median 2.5000 s"));
    }
}
