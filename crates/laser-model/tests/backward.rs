//! The whole backward pass against finite differences.

use laser_kernels::{Cpu, Segments};
use laser_model::{Decoder, Gradients, HeadGradient, ModelConfig, Retain, Workspace, init_weights};
use serde_json::json;

/// Two sequences with nothing in common, and two that continue what they have in common.
fn batches() -> [Segments; 2] {
    let mut shared = Segments::default();
    shared.begin(4);
    shared.continue_stem(5);
    shared.continue_stem(3);
    [Segments::from_lengths([5, 7]), shared]
}

/// Row 4 twice: its own token and z_c in one distribution.
const ROWS: [u32; 6] = [1, 3, 4, 4, 8, 11];
const IDS: [u32; 6] = [2, 9, 0, 15, 7, 3];

fn config() -> ModelConfig {
    let raw = json!({
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": 16, "hidden_size": 12,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
        "intermediate_size": 20, "max_position_embeddings": 16, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "tie_word_embeddings": false, "eos_token_id": 0, "initializer_range": 0.4, "hidden_act": "silu",
    });
    let serde_json::Value::Object(raw) = raw else {
        unreachable!()
    };
    ModelConfig::from_json(&raw).unwrap()
}

fn number(i: usize) -> f32 {
    (i as f32 * 1.7).sin()
}

/// What the loss multiplies log-probabilities, entropies and hidden states with.
fn factors(width: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let numbers = |n: usize, from: usize| (from..from + n).map(number).collect();
    let n = ROWS.len();
    (numbers(n, 0), numbers(n, 50), numbers(n * width, 100))
}

fn loss(cpu: &Cpu, weights: &[Vec<f32>], segments: &Segments) -> f64 {
    let config = config();
    let (dlogp, dentropy, dhidden) = factors(config.hidden_size);
    let decoder = Decoder::new(cpu, config, weights.to_vec(), 16, true);
    let mut ws = Workspace::new(cpu, &decoder.config, Retain::Everything);
    let g = forward(cpu, &decoder, &mut ws, segments);
    let hidden = decoder.hidden(cpu, &ws, ROWS.len());
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    dot(&g.logp, &dlogp) + dot(&g.entropy, &dentropy) + dot(&hidden, &dhidden)
}

fn forward(
    cpu: &Cpu,
    decoder: &Decoder<Cpu>,
    ws: &mut Workspace<Cpu>,
    segments: &Segments,
) -> laser_model::Gathered {
    let ids: Vec<u32> = (0..12).map(|i| (i * 5 + 3) % 16).collect();
    decoder.forward(cpu, ws, &ids, segments);
    decoder.gather(cpu, ws, ROWS.to_vec(), IDS.to_vec())
}

#[test]
fn gradients_of_log_probabilities_entropies_and_hidden_states_agree_with_finite_differences() {
    for segments in batches() {
        check(&segments);
    }
}

fn check(segments: &Segments) {
    let cpu = Cpu::serial();
    let config = config();
    let weights = init_weights(&config, 3);
    let (dlogp, dentropy, dhidden) = factors(config.hidden_size);
    let decoder = Decoder::new(&cpu, config, weights.clone(), 16, true);
    let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Everything);
    let g = forward(&cpu, &decoder, &mut ws, segments);
    let mut gradients = Gradients::zeros(&cpu, &decoder);
    let head = HeadGradient {
        logp: &dlogp,
        entropy: Some(&dentropy),
        hidden: Some(&dhidden),
    };
    decoder.backward(&cpu, &mut ws, &g, head, &mut gradients);
    decoder.finish(&cpu, &mut gradients);
    let got = decoder.download_like(&cpu, &gradients.tensors);
    // Noise of f32 in the loss over 2 · eps, and the next order of the difference.
    let (eps, tolerance) = (1.0 / 256.0, 4e-3);
    for (tensor, spec) in decoder.layout.tensors.iter().enumerate() {
        let size = weights[tensor].len();
        let largest = got[tensor].iter().fold(0.0f32, |m, g| m.max(g.abs()));
        for i in (0..size).step_by(size.div_ceil(11)) {
            let at = |e: f32| {
                let mut moved = weights.clone();
                moved[tensor][i] += e;
                loss(&cpu, &moved, segments)
            };
            let expected = (at(eps) - at(-eps)) / (2.0 * f64::from(eps));
            let found = f64::from(got[tensor][i]);
            assert!(
                (found - expected).abs() < tolerance * (1.0 + f64::from(largest)),
                "{} [{i}]: {found}, expected {expected}",
                spec.parts[0].name
            );
        }
        assert!(largest > 1e-3, "{}: no gradient", spec.parts[0].name);
    }
}
