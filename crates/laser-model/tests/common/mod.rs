//! The checkpoints in `fixtures/`, their reference numbers, and the step that is compared.

// Each test program uses some of it.
#![allow(dead_code)]

use std::path::PathBuf;

use laser_kernels::{Cpu, Segments};
use laser_model::{
    Decoder, Gathered, Gradients, HeadGradient, Message, Retain, Workspace, checkpoint,
};
use serde::Deserialize;

pub const MODELS: [&str; 3] = ["qwen2", "qwen3", "llama3"];

#[derive(Deserialize)]
pub struct Reference {
    pub eos: u32,
    pub self_reward_token: u32,
    pub sequences: Vec<Sequence>,
    pub greedy: Greedy,
    pub chat: Chat,
    pub laser: Laser,
}

#[derive(Deserialize)]
pub struct Sequence {
    pub ids: Vec<u32>,
    pub logprobs: Vec<f32>,
    pub zc_logprob_last: f32,
    pub entropy_last: f32,
}

#[derive(Deserialize)]
pub struct Greedy {
    pub prompt: Vec<u32>,
    pub output: Vec<u32>,
}

#[derive(Deserialize)]
pub struct Chat {
    pub messages: Vec<Message>,
    pub text: String,
    pub ids: Vec<u32>,
}

#[derive(Deserialize)]
pub struct Laser {
    pub beta_v: f64,
    pub c_ref: f64,
    pub alpha: f64,
    pub clip: f64,
    pub samples: Vec<Sample>,
    pub pg_loss: f64,
    pub mse_loss: f64,
    pub loss: f64,
    pub grad_norm: f64,
    pub grad_norms: std::collections::BTreeMap<String, f64>,
}

#[derive(Deserialize)]
pub struct Sample {
    pub prompt: Vec<u32>,
    pub response: Vec<u32>,
    pub truncated: bool,
    pub reward: f64,
    pub advantage: f64,
    pub weight: Option<f64>,
    pub old_logprobs: Vec<f64>,
    pub logprobs: Vec<f32>,
    pub zc_logprob: Option<f32>,
    pub self_reward: Option<f64>,
}

pub fn folder(model: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(model)
}

pub fn reference(model: &str) -> Reference {
    let text = std::fs::read_to_string(folder(model).join("reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn decoder(model: &str, cpu: &Cpu) -> Decoder<Cpu> {
    let config = checkpoint::load_config(&folder(model)).unwrap();
    let weights = checkpoint::Stored::weights(&folder(model), &config).unwrap();
    Decoder::new(cpu, config, weights.tensors(), 256, true)
}

/// The bits of gradients.
pub fn bits(gradients: &Gradients<Cpu>) -> Vec<Vec<u32>> {
    let tensors = gradients.tensors.iter();
    tensors
        .map(|g| g.iter().map(|x| x.to_bits()).collect())
        .collect()
}

/// Log-probabilities of every next token of a packed batch.
pub fn score(cpu: &Cpu, decoder: &Decoder<Cpu>, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
    let mut ws = Workspace::new(cpu, &decoder.config, Retain::Everything);
    let ids = sequences.concat();
    let segments = Segments::from_lengths(sequences.iter().map(|s| s.len()));
    decoder.forward(cpu, &mut ws, &ids, &segments);
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    for i in 0..segments.count() {
        for row in segments.range(i).skip(1) {
            rows.push(row as u32 - 1);
            targets.push(ids[row]);
        }
    }
    let g = decoder.gather(cpu, &mut ws, rows, targets);
    let mut logp = g.logp.into_iter();
    sequences
        .iter()
        .map(|s| logp.by_ref().take(s.len() - 1).collect())
        .collect()
}

pub fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got}, PyTorch says {expected}"
    );
}

pub struct StepResult {
    pub pg_loss: f64,
    pub mse_loss: f64,
    pub gradients: Gradients<Cpu>,
    pub logprobs: Vec<Vec<f32>>,
    pub zc: Vec<Option<f32>>,
}

/// One GRPO + LaSeR step, written directly from the definition in `fixtures/README.md`,
/// `micro` samples at a time.
pub fn laser_step(
    cpu: &Cpu,
    d: &Decoder<Cpu>,
    r: &Reference,
    micro: usize,
    retain: Retain,
) -> StepResult {
    let l = &r.laser;
    let tokens: usize = l.samples.iter().map(|s| s.response.len()).sum();
    let finished = l.samples.iter().filter(|s| !s.truncated).count();
    let mut gradients = Gradients::zeros(cpu, d);
    let mut ws = Workspace::new(cpu, &d.config, retain);
    let (mut pg_loss, mut mse_loss) = (0.0, 0.0);
    let (mut logprobs, mut zc) = (Vec::new(), Vec::new());
    for samples in l.samples.chunks(micro) {
        let sequences: Vec<Vec<u32>> = samples
            .iter()
            .map(|s| [&s.prompt[..], &s.response].concat())
            .collect();
        let segments = Segments::from_lengths(sequences.iter().map(Vec::len));
        d.forward(cpu, &mut ws, &sequences.concat(), &segments);
        let (mut rows, mut ids) = (Vec::new(), Vec::new());
        for (i, s) in samples.iter().enumerate() {
            let start = segments.range(i).start + s.prompt.len() - 1;
            for (t, &id) in s.response.iter().enumerate() {
                rows.push((start + t) as u32);
                ids.push(id);
            }
            if !s.truncated {
                assert_eq!(s.response.last(), Some(&r.eos));
                rows.push((start + s.response.len()) as u32);
                ids.push(r.self_reward_token);
            }
        }
        let g: Gathered = d.gather(cpu, &mut ws, rows, ids);
        let mut dlogp = vec![0.0f32; g.logp.len()];
        let mut at = 0;
        for s in samples {
            logprobs.push(g.logp[at..at + s.response.len()].to_vec());
            for t in 0..s.response.len() {
                let ratio = (g.logp[at] as f64 - s.old_logprobs[t]).exp();
                let clipped = ratio.clamp(1.0 - l.clip, 1.0 + l.clip);
                let (a, b) = (-s.advantage * ratio, -s.advantage * clipped);
                pg_loss += a.max(b) / tokens as f64;
                if a >= b {
                    dlogp[at] = (a / tokens as f64) as f32;
                }
                at += 1;
            }
            zc.push(None);
            if !s.truncated {
                let score = l.beta_v * (g.logp[at] as f64 - l.c_ref);
                let (w, n) = (s.weight.unwrap(), finished as f64);
                mse_loss += w * (score - s.reward).powi(2) / n;
                dlogp[at] = (l.alpha * w * 2.0 * (score - s.reward) * l.beta_v / n) as f32;
                *zc.last_mut().unwrap() = Some(g.logp[at]);
                at += 1;
            }
        }
        d.backward(
            cpu,
            &mut ws,
            &g,
            HeadGradient::of_logp(&dlogp),
            &mut gradients,
        );
    }
    d.finish(cpu, &mut gradients);
    StepResult {
        pg_loss,
        mse_loss,
        gradients,
        logprobs,
        zc,
    }
}
