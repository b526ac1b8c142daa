//! The decoder against PyTorch, on the checkpoints in `fixtures/`.

mod common;

use common::*;
use laser_kernels::{Backend, Cpu, Segments};
use laser_model::{Retain, Step, Text, Workspace, checkpoint};

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
        let mut ws = Workspace::new(&cpu, &d.config, Retain::Everything);
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
fn whole_distributions_hold_the_bits_that_are_gathered() {
    let cpu = Cpu::new(2).unwrap();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let ids = &r.sequences[0].ids;
        let mut ws = Workspace::new(&cpu, &d.config, Retain::Nothing);
        d.forward(&cpu, &mut ws, ids, &Segments::from_lengths([ids.len()]));
        let vocab = d.config.vocab_size;
        let rows = [3, 0, ids.len() as u32 - 1];
        let mut seen = Vec::new();
        d.distributions(&cpu, &mut ws, &rows, |i, logp| {
            assert_eq!((i, logp.len()), (seen.len(), vocab), "{model}");
            seen.push(logp.to_vec());
        });
        assert_eq!(seen.len(), rows.len(), "{model}");
        let all: Vec<u32> = (0..rows.len()).flat_map(|_| 0..vocab as u32).collect();
        let gathered = d.gather(&cpu, &mut ws, rows.to_vec(), all);
        let hidden = d.hidden(&cpu, &ws, rows.len());
        d.distributions_of(&cpu, &hidden, |i, logp| {
            assert_eq!(logp, seen[i], "{model}, after states on the host");
        });
        for (i, (a, b)) in seen.concat().iter().zip(&gathered.logp).enumerate() {
            assert_eq!(a.to_bits(), b.to_bits(), "{model} {i}");
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

#[test]
fn the_grpo_and_laser_step_has_the_losses_and_gradient_norms_of_pytorch() {
    let cpu = Cpu::new(2).unwrap();
    for model in MODELS {
        let (r, d) = (reference(model), decoder(model, &cpu));
        let step = laser_step(&cpu, &d, &r, 8, Retain::Everything);
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
fn gradients_are_the_same_bits_however_the_work_is_cut() {
    for model in MODELS {
        let serial = Cpu::serial();
        let (r, d) = (reference(model), decoder(model, &serial));
        let whole = bits(&laser_step(&serial, &d, &r, 8, Retain::Everything).gradients);
        for (cpu, micro, retain) in [
            (Cpu::serial(), 1, Retain::Everything),
            (Cpu::serial(), 3, Retain::Everything),
            (Cpu::new(3).unwrap(), 8, Retain::Everything),
            (Cpu::new(2).unwrap(), 5, Retain::Everything),
            (Cpu::serial(), 8, Retain::Inputs),
            (Cpu::new(2).unwrap(), 3, Retain::Inputs),
        ] {
            let parts = bits(&laser_step(&cpu, &d, &r, micro, retain).gradients);
            for ((spec, a), b) in d.layout.tensors.iter().zip(&whole).zip(&parts) {
                assert!(
                    a == b,
                    "{model} {} differs at micro-batches of {micro}, {} threads and {retain:?} kept",
                    spec.parts[0].name,
                    cpu.threads()
                );
            }
        }
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
