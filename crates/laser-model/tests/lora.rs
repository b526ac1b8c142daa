//! Adapters against PEFT: `fixtures/lora`.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::*;
use laser_kernels::Cpu;
use laser_model::checkpoint::Stored;
use laser_model::{Decoder, Lora, ModelConfig, Projection, Retain, checkpoint, peft};
use serde::Deserialize;
use serde_json::{Value, json};

const ADAPTERS: [&str; 4] = ["qwen2", "llama3", "qwen3", "qwen2_row"];

#[derive(Deserialize)]
struct Adapted {
    base: String,
    sequences: Vec<Sequence>,
    laser: AdaptedStep,
}

#[derive(Deserialize)]
struct AdaptedStep {
    samples: Vec<AdaptedSample>,
    pg_loss: f64,
    mse_loss: f64,
    grad_norm: f64,
    grad_norms: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct AdaptedSample {
    logprobs: Vec<f32>,
    zc_logprob: Option<f32>,
}

fn path(adapter: &str) -> PathBuf {
    folder("lora").join(adapter)
}

fn adapted(adapter: &str) -> Adapted {
    let text = std::fs::read_to_string(path(adapter).join("reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The base model with the adapter of a fixture.
fn load(adapter: &str, cpu: &Cpu) -> (Adapted, Decoder<Cpu>) {
    let a = adapted(adapter);
    let base = peft::base_model(&path(adapter)).unwrap().unwrap();
    assert_eq!((base.name, base.revision), (a.base.clone(), String::new()));
    let mut d = decoder(&a.base, cpu);
    let stored = peft::read(&path(adapter), &d.config).unwrap();
    d.adapt(cpu, stored.lora, &stored.values);
    (a, d)
}

#[test]
fn log_probabilities_and_the_step_equal_those_of_peft() {
    let cpu = Cpu::new(2).unwrap();
    for adapter in ADAPTERS {
        let (a, d) = load(adapter, &cpu);
        let ids: Vec<&[u32]> = a.sequences.iter().map(|s| s.ids.as_slice()).collect();
        for (got, s) in score(&cpu, &d, &ids).iter().zip(&a.sequences) {
            for (x, y) in got.iter().zip(&s.logprobs) {
                assert_close(&format!("{adapter} logprob"), *x as f64, *y as f64, 1e-4);
            }
        }
        let base = reference(&a.base);
        let step = laser_step(&cpu, &d, &base, 3, Retain::Inputs);
        let samples = step.logprobs.iter().zip(&step.zc).zip(&a.laser.samples);
        for ((got, zc), s) in samples {
            for (x, y) in got.iter().zip(&s.logprobs) {
                assert_close(&format!("{adapter} logprob"), *x as f64, *y as f64, 1e-4);
            }
            assert_eq!(zc.is_some(), s.zc_logprob.is_some());
            if let (Some(x), Some(y)) = (zc, s.zc_logprob) {
                assert_close(&format!("{adapter} log p(z_c)"), *x as f64, y as f64, 1e-4);
            }
        }
        let l = &a.laser;
        assert_close(adapter, step.pg_loss, l.pg_loss, 1e-5);
        assert_close(adapter, step.mse_loss, l.mse_loss, 1e-5);
        let norm = step.gradients.norm(&cpu);
        assert_close(adapter, norm, l.grad_norm, 1e-4 * l.grad_norm);

        let want = Stored::file(
            &path(adapter).join("gradients.safetensors"),
            d.trained().to_vec(),
        );
        let mut checked = 0;
        for ((spec, got), want) in d
            .trained()
            .iter()
            .zip(&step.gradients.tensors)
            .zip(want.unwrap().tensors())
        {
            let name = &spec.parts[0].name;
            let scale = l.grad_norms[name];
            for (x, y) in got.iter().zip(&want) {
                let what = format!("{adapter} {name}");
                assert_close(&what, *x as f64, *y as f64, 1e-4 * scale + 1e-9);
            }
            checked += 1;
        }
        assert_eq!(checked, l.grad_norms.len(), "{adapter}: every parameter");
    }
}

#[test]
fn adapter_gradients_are_the_same_bits_however_the_work_is_cut() {
    for adapter in ADAPTERS {
        let serial = Cpu::serial();
        let (a, d) = load(adapter, &serial);
        let base = reference(&a.base);
        let whole = bits(&laser_step(&serial, &d, &base, 8, Retain::Everything).gradients);
        for (cpu, micro, retain) in [
            (Cpu::serial(), 1, Retain::Everything),
            (Cpu::new(3).unwrap(), 3, Retain::Inputs),
        ] {
            let parts = bits(&laser_step(&cpu, &d, &base, micro, retain).gradients);
            assert!(whole == parts, "{adapter}, {micro} at a time");
        }
    }
}

#[test]
fn an_adapter_comes_back_from_its_files_bit_for_bit() {
    for adapter in ADAPTERS {
        let config = checkpoint::load_config(&folder(&adapted(adapter).base)).unwrap();
        let stored = peft::read(&path(adapter), &config).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let value = |i: usize| stored.values[i].clone();
        let base = peft::BaseModel {
            name: "some/base".into(),
            revision: "abc".into(),
        };
        peft::write(dir.path(), &stored.lora, &config, &base, value).unwrap();
        let again = peft::read(dir.path(), &config).unwrap();
        assert_eq!(again.lora, stored.lora);
        assert_eq!(again.values, stored.values);
        assert_eq!(peft::base_model(dir.path()).unwrap(), Some(base));
    }
    assert_eq!(peft::base_model(&folder("qwen2")).unwrap(), None);
}

#[test]
fn merged_weights_are_the_same_model() {
    let cpu = Cpu::serial();
    for adapter in ADAPTERS {
        let (a, d) = load(adapter, &cpu);
        let merged = Decoder::new(&cpu, d.config.clone(), d.merged(&cpu), 256, false);
        let ids: Vec<&[u32]> = a.sequences.iter().map(|s| s.ids.as_slice()).collect();
        assert_eq!(score(&cpu, &merged, &ids), score(&cpu, &d, &ids));
    }
}

#[test]
fn weights_merged_one_by_one_are_those_of_the_decoder() {
    let cpu = Cpu::serial();
    for adapter in ADAPTERS {
        let (a, d) = load(adapter, &cpu);
        let stored = peft::read(&path(adapter), &d.config).unwrap();
        let base = Stored::weights(&folder(&a.base), &d.config).unwrap();
        for (i, whole) in d.merged(&cpu).enumerate() {
            let (lora, values) = (&stored.lora, &stored.values);
            let one = lora.merge(&cpu, &d.layout, values, i, base.tensor(i));
            assert!(one == whole, "{adapter} tensor {i}");
        }
    }
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    let cpu = Cpu::serial();
    for (model, token) in [("qwen2", Some(766)), ("qwen3", Some(766)), ("llama3", None)] {
        let (r, mut d) = (reference(model), decoder(model, &cpu));
        let ids: Vec<&[u32]> = r.sequences.iter().map(|s| s.ids.as_slice()).collect();
        let before = score(&cpu, &d, &ids);
        let lora = Lora {
            rank: 5,
            alpha: 10.0,
            rank_stabilised: false,
            targets: Projection::ALL.to_vec(),
            token,
        };
        let row = token.map(|t| d.head_row(&cpu, t)).unwrap_or_default();
        let values = lora.init(&d.config, &row, 7);
        assert!(values[0].iter().any(|x| *x != 0.0));
        assert!(values[1].iter().all(|x| *x == 0.0));
        d.adapt(&cpu, lora, &values);
        assert_eq!(score(&cpu, &d, &ids), before, "{model}");
        assert_eq!(d.download(&cpu), values);
    }
}

#[test]
fn an_adapter_that_is_not_computed_is_refused_by_its_key() {
    let config = checkpoint::load_config(&folder("qwen3")).unwrap();
    let text = std::fs::read_to_string(path("qwen3").join(peft::CONFIG)).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    let message = |key: &str, value: Value, config: &ModelConfig| {
        let dir = tempfile::tempdir().unwrap();
        let mut changed = whole.clone();
        changed[key] = value;
        std::fs::write(dir.path().join(peft::CONFIG), changed.to_string()).unwrap();
        std::fs::copy(
            path("qwen3").join(peft::WEIGHTS),
            dir.path().join(peft::WEIGHTS),
        )
        .unwrap();
        match peft::read(dir.path(), config) {
            Ok(_) => String::new(),
            Err(e) => e.to_string(),
        }
    };
    assert_eq!(message("r", json!(4), &config), "");
    for (key, value) in [
        ("peft_type", json!("IA3")),
        ("r", json!(0)),
        ("lora_alpha", json!(null)),
        ("use_dora", json!(true)),
        ("rank_pattern", json!({"q_proj": 8})),
        ("layers_to_transform", json!([0])),
        ("bias", json!("all")),
        ("target_modules", json!(".*q_proj")),
        ("target_modules", json!(["router"])),
        ("target_modules", json!(["model.layers.0.self_attn.q_proj"])),
        ("target_modules", json!([])),
        ("trainable_token_indices", json!([766])),
        ("trainable_token_indices", json!({"lm_head": [1, 2]})),
        ("trainable_token_indices", json!({"lm_head": [1_u64 << 40]})),
    ] {
        let message = message(key, value.clone(), &config);
        assert!(
            message.contains("adapter_config.json") && message.contains(key),
            "{key} = {value}: {message}"
        );
    }
    // The tensors are then of other shapes than the settings say.
    let message = message("r", json!(8), &config);
    assert!(
        message.contains("lora_A") && message.contains("[8, "),
        "{message}"
    );
}
