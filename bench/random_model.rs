//! Writes a model folder with random weights, to measure what training or serving a model of that
//! shape takes without fetching one: Qwen2.5-0.5B's (494 M parameters, tied head, a vocabulary of
//! 151,936 of which a small tokenizer uses 768), or `small`: 24 M, every id of which has a text.
//!
//!     cargo run --release -p laser-train --example random_model -- DIR [small]

use std::path::Path;

use laser_model::checkpoint::{Source, WeightType, write_weights};
use laser_model::{Init, Layout, ModelConfig};
use laser_rng::Rng;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: random_model DIR [small]";
    let dir = std::env::args().nth(1).ok_or(usage)?;
    let dir = Path::new(&dir);
    let (vocab, hidden, ffn, layers, heads) = match std::env::args().nth(2).as_deref() {
        None => (151_936u32, 896, 4864, 24, 14),
        Some("small") => (768, 512, 1536, 8, 8),
        Some(_) => return Err(usage.into()),
    };
    std::fs::create_dir_all(dir)?;
    let config = json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": vocab,
        "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": 2, "hidden_act": "silu",
        "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0,
        "tie_word_embeddings": true, "initializer_range": 0.02, "torch_dtype": "bfloat16",
        "use_sliding_window": false, "eos_token_id": 763
    });
    std::fs::write(dir.join("config.json"), format!("{config:#}\n"))?;
    // Random weights would hardly ever draw one token of so many: many ids end a response here.
    let many = vocab / 3 * 2..vocab / 3 * 2 + vocab / 50;
    let eos: Vec<u32> = many.chain([763]).collect();
    let generation = json!({"eos_token_id": eos}).to_string();
    std::fs::write(dir.join("generation_config.json"), generation)?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/qwen2");
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture.join(name), dir.join(name))?;
    }
    let config = ModelConfig::from_json(config.as_object().ok_or("an object")?)?;
    let specs = Layout::new(&config).tensors;
    let source = Source::new(&specs, |i| {
        let spec = &specs[i];
        let mut rng = Rng::from_words(&[1, i as u64]);
        match spec.init {
            Init::Ones => vec![1.0; spec.len()],
            Init::Zeros => vec![0.0; spec.len()],
            Init::Normal | Init::ResidualNormal => std::iter::repeat_with(|| rng.normal_pair())
                .flatten()
                .take(spec.len())
                .map(|x| (x * 0.02) as f32)
                .collect(),
        }
    });
    write_weights(dir, &source, WeightType::Bfloat16, u64::MAX)?;
    println!("{}: {} parameters", dir.display(), config.parameters());
    Ok(())
}
