//! Rotary embeddings and whole models under other configurations against transformers
//! (`golden/rope.py`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use laser_kernels::{Cpu, Segments};
use laser_model::{Architecture, Decoder, ModelConfig, Retain, Workspace, checkpoint};
use serde::Deserialize;
use serde_json::{Map, Value};

fn read<T: serde::de::DeserializeOwned>(path: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Case {
    config: Map<String, Value>,
    inverse_frequencies: Vec<f64>,
    attention_factor: f64,
    positions: Vec<usize>,
    cos: Vec<Vec<f64>>,
    sin: Vec<Vec<f64>>,
}

#[test]
fn frequencies_attention_factors_and_tables_equal_those_of_transformers() {
    let cases: Vec<Case> = read("tests/golden/rope.json");
    assert_eq!(cases.len(), 19);
    for case in cases {
        let at = Value::Object(case.config.clone()).to_string();
        let config = ModelConfig::from_json(&case.config).unwrap();
        let head_dim = config.attention.head_dim;
        let frequencies = config.rope.inverse_frequencies(head_dim);
        assert_eq!(frequencies.len(), case.inverse_frequencies.len(), "{at}");
        for (got, expected) in frequencies.iter().zip(&case.inverse_frequencies) {
            // transformers rounds to f32 in every step, here once.
            let error = (*got as f64 / expected - 1.0).abs();
            assert!(error < 5e-7, "{at}: {got}, {expected}");
        }
        let factor = config.rope.attention_factor();
        assert!((factor - case.attention_factor).abs() < 1e-12, "{at}");
        assert_eq!(config.max_positions, case.positions[5] + 1, "{at}");
        let table = config.rope.table(head_dim, config.max_positions);
        for (row, position) in case.positions.iter().enumerate() {
            let got = &table[position * head_dim..][..head_dim];
            let (cos, sin) = got.split_at(head_dim / 2);
            for i in 0..head_dim / 2 {
                let tolerance = 1e-6 + 6e-7 * *position as f64 * case.inverse_frequencies[i];
                for (got, expected) in [(cos[i], case.cos[row][i]), (sin[i], case.sin[row][i])] {
                    let error = (got as f64 - expected).abs();
                    assert!(
                        error < tolerance,
                        "{at} position {position} pair {i}: {got}, {expected}"
                    );
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Variant {
    change: Map<String, Value>,
    logprobs: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Reference {
    sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    ids: Vec<u32>,
}

#[test]
fn a_checkpoint_under_other_rotary_keys_and_as_mistral_scores_as_in_transformers() {
    let cpu = Cpu::new(2).unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/llama3");
    let raw: Map<String, Value> = read("../../fixtures/llama3/config.json");
    let reference: Reference = read("../../fixtures/llama3/reference.json");
    let variants: BTreeMap<String, Variant> = read("tests/golden/variants.json");
    assert_eq!(
        variants.keys().collect::<Vec<_>>(),
        ["dynamic", "linear", "mistral", "yarn"]
    );
    for (name, variant) in variants {
        let mut raw = raw.clone();
        raw.extend(variant.change);
        let config = ModelConfig::from_json(&raw).unwrap();
        let mistral = name == "mistral";
        assert_eq!(config.architecture == Architecture::Mistral, mistral);
        assert_eq!(config.max_positions, if mistral { 91 } else { 512 });
        let weights = checkpoint::Stored::weights(&folder, &config).unwrap();
        let decoder = Decoder::new(&cpu, config, weights.tensors(), 128, true);
        let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Nothing);
        for (sequence, expected) in reference.sequences.iter().zip(&variant.logprobs) {
            let ids = &sequence.ids;
            decoder.forward(&cpu, &mut ws, ids, &Segments::from_lengths([ids.len()]));
            let rows = (0..ids.len() as u32 - 1).collect();
            let got = decoder.gather(&cpu, &mut ws, rows, ids[1..].to_vec()).logp;
            assert_eq!(got.len(), expected.len());
            for (t, (a, b)) in got.iter().zip(expected).enumerate() {
                assert!((a - b).abs() < 1e-4, "{name} token {t}: {a}, {b}");
            }
        }
    }
}
