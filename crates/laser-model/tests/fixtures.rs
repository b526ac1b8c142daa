//! The decoder against PyTorch, on the checkpoints in `fixtures/`.

use std::path::PathBuf;

use laser_kernels::{Backend, Cpu, Segments};
use laser_model::{
    Decoder, Gathered, Gradients, HeadGradient, Message, Step, Text, Workspace, checkpoint,
};
use serde::Deserialize;

const MODELS: [&str; 3] = ["qwen2", "qwen3", "llama3"];

#[derive(Deserialize)]
struct Reference {
    eos: u32,
    self_reward_token: u32,
    sequences: Vec<Sequence>,
    greedy: Greedy,
    chat: Chat,
    laser: Laser,
}

#[derive(Deserialize)]
struct Sequence {
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    zc_logprob_last: f32,
    entropy_last: f32,
}

#[derive(Deserialize)]
struct Greedy {
    prompt: Vec<u32>,
    output: Vec<u32>,
}

#[derive(Deserialize)]
struct Chat {
    messages: Vec<Message>,
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Laser {
    beta_v: f64,
    c_ref: f64,
    alpha: f64,
    clip: f64,
    samples: Vec<Sample>,
    pg_loss: f64,
    mse_loss: f64,
    loss: f64,
    grad_norm: f64,
    grad_norms: std::collections::BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Sample {
    prompt: Vec<u32>,
    response: Vec<u32>,
    truncated: bool,
    reward: f64,
    advantage: f64,
    weight: Option<f64>,
    old_logprobs: Vec<f64>,
    logprobs: Vec<f32>,
    zc_logprob: Option<f32>,
    self_reward: Option<f64>,
}

fn folder(model: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(model)
}

fn reference(model: &str) -> Reference {
    let text = std::fs::read_to_string(folder(model).join("reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn decoder(model: &str, cpu: &Cpu) -> Decoder<Cpu> {
    let config = checkpoint::load_config(&folder(model)).unwrap();
    let weights = checkpoint::load_weights(&folder(model), &config).unwrap();
    Decoder::new(cpu, config, &weights, 256, true)
}

/// Log-probabilities of every next token of a packed batch.
fn score(cpu: &Cpu, decoder: &Decoder<Cpu>, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
    let mut ws = Workspace::new(cpu, &decoder.config);
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

fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got}, PyTorch says {expected}"
    );
}

#[test]
fn log_probabilities_and_entropy_equal_those_of_pytorch() {
    let cpu = Cpu::new(2).unwrap();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let ids: Vec<&[u32]> = r.sequences.iter().map(|s| s.ids.as_slice()).collect();
        for (i, (got, s)) in score(&cpu, &d, &ids).iter().zip(&r.sequences).enumerate() {
            assert_eq!(got.len(), s.logprobs.len());
            for (t, (a, b)) in got.iter().zip(&s.logprobs).enumerate() {
                assert_close(
                    &format!("{model} sequence {i} token {t}"),
                    *a as f64,
                    *b as f64,
                    1e-4,
                );
            }
        }
        let mut ws = Workspace::new(&cpu, &d.config);
        for (i, s) in r.sequences.iter().enumerate() {
            d.forward(
                &cpu,
                &mut ws,
                &s.ids,
                &Segments::from_lengths([s.ids.len()]),
            );
            let last = s.ids.len() as u32 - 1;
            let g = d.gather(&cpu, &mut ws, vec![last], vec![r.self_reward_token]);
            let at = format!("{model} sequence {i}");
            assert_close(
                &format!("{at} log p(z_c)"),
                g.logp[0] as f64,
                s.zc_logprob_last as f64,
                1e-4,
            );
            assert_close(
                &format!("{at} entropy"),
                g.entropy[0] as f64,
                s.entropy_last as f64,
                1e-4,
            );
        }
    }
}

#[test]
fn a_sequence_scores_the_same_bits_alone_in_a_batch_and_token_by_token() {
    let cpu = Cpu::serial();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let vocab = d.config.vocab_size;
        let ids: Vec<&[u32]> = r.sequences.iter().map(|s| s.ids.as_slice()).collect();
        let batch = score(&cpu, &d, &ids);
        let backwards: Vec<&[u32]> = ids.iter().rev().copied().collect();
        let mut reversed = score(&Cpu::new(3).unwrap(), &d, &backwards);
        reversed.reverse();
        assert_eq!(batch, reversed, "{model}");
        // Token by token, with another sequence in flight beside it.
        let s = ids[0];
        let mut state = d.generation(&cpu, 3, 128);
        let split = 20;
        d.prefill(&cpu, &mut state, 2, &s[..split]);
        d.prefill(&cpu, &mut state, 0, &ids[1][..7]);
        state.share(&cpu, 2, 1, split);
        for t in split..s.len() - 1 {
            let other = Step {
                slot: 0,
                position: 7 + t - split,
                token: ids[1][t],
            };
            let this = Step {
                slot: 1,
                position: t,
                token: s[t],
            };
            d.decode(&cpu, &mut state, &[other, this]);
            let (mut lse, mut entropy) = ([0.0; 2], [0.0; 2]);
            cpu.logits_stats(state.logits(), vocab, &mut lse, &mut entropy);
            let logp = state.logits()[vocab + s[t + 1] as usize] - lse[1];
            assert_eq!(logp.to_bits(), batch[0][t].to_bits(), "{model} token {t}");
        }
    }
}

#[test]
fn greedy_decoding_gives_the_ids_of_pytorch() {
    let cpu = Cpu::serial();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let mut state = d.generation(&cpu, 1, 128);
        let prompt = &r.greedy.prompt;
        d.prefill(&cpu, &mut state, 0, prompt);
        let mut output = Vec::new();
        while output.len() < r.greedy.output.len() {
            let logits = &state.logits()[..d.config.vocab_size];
            let token = (0..logits.len())
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                .unwrap() as u32;
            let position = prompt.len() + output.len();
            output.push(token);
            d.decode(
                &cpu,
                &mut state,
                &[Step {
                    slot: 0,
                    position,
                    token,
                }],
            );
        }
        assert_eq!(output, r.greedy.output, "{model}");
    }
}

#[test]
fn chat_text_and_ids_equal_those_of_transformers() {
    for model in MODELS {
        let r = reference(model);
        let text = Text::load(&folder(model)).unwrap();
        let rendered = text.render(&r.chat.messages, true).unwrap();
        assert_eq!(rendered, r.chat.text, "{model}");
        assert_eq!(text.encode(&rendered).unwrap(), r.chat.ids, "{model}");
    }
}

struct StepResult {
    pg_loss: f64,
    mse_loss: f64,
    gradients: Gradients<Cpu>,
    logprobs: Vec<Vec<f32>>,
    zc: Vec<Option<f32>>,
}

/// One GRPO + LaSeR step, written directly from the definition in `fixtures/README.md`,
/// `micro` samples at a time.
fn laser_step(cpu: &Cpu, d: &Decoder<Cpu>, r: &Reference, micro: usize) -> StepResult {
    let l = &r.laser;
    let tokens: usize = l.samples.iter().map(|s| s.response.len()).sum();
    let finished = l.samples.iter().filter(|s| !s.truncated).count();
    let mut gradients = Gradients::zeros(cpu, &d.layout);
    let mut ws = Workspace::new(cpu, &d.config);
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

#[test]
fn the_grpo_and_laser_step_has_the_losses_and_gradient_norms_of_pytorch() {
    let cpu = Cpu::new(2).unwrap();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let step = laser_step(&cpu, &d, &r, 8);
        let l = &r.laser;
        for ((got, zc), s) in step.logprobs.iter().zip(&step.zc).zip(&l.samples) {
            for (a, b) in got.iter().zip(&s.logprobs) {
                assert_close(&format!("{model} logprob"), *a as f64, *b as f64, 1e-4);
            }
            assert_eq!(zc.is_some(), s.zc_logprob.is_some());
            if let (Some(a), Some(b), Some(score)) = (zc, s.zc_logprob, s.self_reward) {
                assert_close(&format!("{model} log p(z_c)"), *a as f64, b as f64, 1e-4);
                assert_close(
                    &format!("{model} score"),
                    l.beta_v * (*a as f64 - l.c_ref),
                    score,
                    1e-5,
                );
            }
        }
        assert_close(
            &format!("{model} policy loss"),
            step.pg_loss,
            l.pg_loss,
            1e-5,
        );
        assert_close(&format!("{model} MSE"), step.mse_loss, l.mse_loss, 1e-5);
        let loss = step.pg_loss + l.alpha * step.mse_loss;
        assert_close(&format!("{model} loss"), loss, l.loss, 1e-5);
        let norm = step.gradients.norm(&cpu);
        assert_close(
            &format!("{model} gradient norm"),
            norm,
            l.grad_norm,
            1e-3 * l.grad_norm,
        );
        let mut checked = 0;
        for (spec, g) in d.layout.tensors.iter().zip(&step.gradients.tensors) {
            for part in &spec.parts {
                let sum: f64 = g[spec.part_range(part)]
                    .iter()
                    .map(|x| (*x as f64).powi(2))
                    .sum();
                let expected = l.grad_norms[&part.name];
                assert_close(
                    &format!("{model} {}", part.name),
                    sum.sqrt(),
                    expected,
                    1e-3 * expected + 1e-9,
                );
                checked += 1;
            }
        }
        assert_eq!(
            checked,
            l.grad_norms.len(),
            "{model}: every parameter is checked"
        );
    }
}

#[test]
fn gradients_are_the_same_bits_for_every_micro_batch_size_and_thread_count() {
    for model in MODELS {
        let serial = Cpu::serial();
        let (r, d) = (reference(model), decoder(model, &serial));
        let whole = laser_step(&serial, &d, &r, 8);
        for (cpu, micro) in [
            (Cpu::serial(), 1),
            (Cpu::serial(), 3),
            (Cpu::new(3).unwrap(), 8),
            (Cpu::new(2).unwrap(), 5),
        ] {
            let parts = laser_step(&cpu, &d, &r, micro);
            for ((spec, a), b) in d
                .layout
                .tensors
                .iter()
                .zip(&whole.gradients.tensors)
                .zip(&parts.gradients.tensors)
            {
                assert!(
                    a.iter()
                        .zip(b.iter())
                        .all(|(x, y)| x.to_bits() == y.to_bits()),
                    "{model} {} differs at micro-batches of {micro} and {} threads",
                    spec.parts[0].name,
                    cpu.threads()
                );
            }
        }
    }
}

#[test]
fn saved_weights_are_read_back_bit_for_bit() {
    for model in MODELS {
        let cpu = Cpu::serial();
        let d = decoder(model, &cpu);
        let dir = tempfile::tempdir().unwrap();
        let tensors = d.download(&cpu);
        let bytes = checkpoint::weights_to_bytes(&d.config, &tensors).unwrap();
        std::fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
        assert_eq!(
            checkpoint::load_weights(dir.path(), &d.config).unwrap(),
            tensors,
            "{model}"
        );
    }
}

#[test]
fn an_unsupported_option_is_refused_by_its_key() {
    for (key, value) in [
        ("model_type", serde_json::json!("gpt2")),
        ("hidden_act", serde_json::json!("gelu")),
        ("attention_bias", serde_json::json!(true)),
        (
            "rope_parameters",
            serde_json::json!({"rope_type": "longrope", "factor": 4.0}),
        ),
        ("num_key_value_heads", serde_json::json!(3)),
        ("hidden_size", serde_json::json!(-1)),
        ("quantization_config", serde_json::json!({"bits": 4})),
    ] {
        let mut raw = checkpoint::load_config(&folder("qwen3")).unwrap().raw;
        raw.insert(key.into(), value);
        let message = laser_model::ModelConfig::from_json(&raw)
            .unwrap_err()
            .to_string();
        assert!(message.contains(key), "{message}");
    }
}
