//! Beam search on the tiny checkpoints in `fixtures/`, against transformers and against sampling.

use std::path::PathBuf;

use laser_kernels::Cpu;
use laser_model::{Decoder, Retain, Workspace, checkpoint};
use laser_rollout::{
    BeamSearch, Engine, Finish, Generation, Hypothesis, LocalEngine, Memory, Monitor, Request,
    RolloutError, Sampling, SelfRewardPosition, Sequence, score,
};
use serde::Deserialize;

const ZC: u32 = 766;

fn decoder(name: &str) -> Decoder<Cpu> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let dir = dir.join(name);
    let config = checkpoint::load_config(&dir).unwrap();
    let weights = checkpoint::Stored::weights(&dir, &config).unwrap();
    Decoder::new(&Cpu::serial(), config, weights.tensors(), 256, true)
}

fn search(width: usize) -> BeamSearch {
    BeamSearch {
        width,
        length_penalty: 1.0,
        max_new_tokens: 14,
        stop: (0..60).map(|i| i * 12 + 3).chain([763]).collect(),
        self_reward_token: Some(ZC),
        self_reward_position: SelfRewardPosition::AfterEos,
    }
}

fn prompts() -> Vec<Vec<u32>> {
    let prompt = |p: u32| (0..3 + 7 * p).map(|i| (i * 37 + p) % 700).collect();
    (0..9).map(prompt).collect()
}

fn run(decoder: &Decoder<Cpu>, s: &BeamSearch, threads: usize) -> Vec<Vec<Hypothesis>> {
    s.run(decoder, &prompts(), threads, &Monitor::default())
        .unwrap()
}

#[derive(Deserialize)]
struct Golden {
    max_new_tokens: usize,
    stop: Vec<u32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    zc: u32,
    prompt: Vec<u32>,
    width: usize,
    length_penalty: f32,
    found: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    ids: Vec<u32>,
    score: f64,
    /// log p(z_c) after the stop token.
    zc: Option<f32>,
}

#[test]
fn ids_scores_and_self_rewards_are_those_of_transformers() {
    let golden: Golden = serde_json::from_str(include_str!("beam/golden.json")).unwrap();
    let mut ended = 0;
    for cases in golden.cases.chunk_by(|a, b| a.model == b.model) {
        let decoder = decoder(&cases[0].model);
        for c in cases {
            let search = BeamSearch {
                width: c.width,
                length_penalty: c.length_penalty,
                max_new_tokens: golden.max_new_tokens,
                stop: golden.stop.clone(),
                self_reward_token: Some(c.zc),
                self_reward_position: SelfRewardPosition::AfterEos,
            };
            let prompts = std::slice::from_ref(&c.prompt);
            let found = search.run(&decoder, prompts, 1, &Monitor::default());
            let found = found.unwrap().remove(0);
            assert_eq!(found.len(), c.found.len());
            for (f, e) in found.iter().zip(&c.found) {
                let place = format!("{}, width {}, prompt {:?}", c.model, c.width, c.prompt);
                assert_eq!(f.response.ids, e.ids, "{place}");
                assert!((f.score - e.score).abs() < 1e-4, "{place}");
                assert_eq!(f.response.finish == Finish::Stop, e.zc.is_some());
                let close = |(a, b): (f32, f32)| (a - b).abs() < 2e-4;
                assert!(f.response.self_logprob.zip(e.zc).is_none_or(close));
                assert_eq!(f.response.self_logprob.is_some(), e.zc.is_some());
                ended += usize::from(e.zc.is_some());
            }
        }
    }
    assert!(ended > 10, "responses that end are among them: {ended}");
}

#[test]
fn width_one_is_greedy_decoding_to_the_last_bit() {
    let decoder = decoder("qwen3");
    let (s, memory) = (search(1), Memory::new(4));
    let greedy = Generation {
        sampling: Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        max_new_tokens: s.max_new_tokens,
        stop: s.stop.clone(),
        self_reward_token: s.self_reward_token,
        self_reward_position: s.self_reward_position,
        punctuation: Vec::new(),
    };
    let requests: Vec<Request> = prompts()
        .into_iter()
        .map(|prompt| Request {
            prompt,
            samples: 1,
            seed: vec![1],
        })
        .collect();
    let cpu = Cpu::new(1).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    let expected = engine.generate(&requests, &greedy, &Monitor::default());
    let found = run(&decoder, &s, 1);
    for (found, expected) in found.iter().zip(expected.unwrap()) {
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].response, expected[0]);
        let sum: f64 = expected[0].logprobs.iter().map(|l| f64::from(*l)).sum();
        assert!((found[0].score - sum / expected[0].ids.len() as f64).abs() < 1e-6);
    }
}

#[test]
fn numbers_are_those_of_scoring_to_the_last_bit_and_depend_on_no_thread() {
    let decoder = decoder("qwen3");
    for position in [SelfRewardPosition::AfterEos, SelfRewardPosition::AtEos] {
        let s = BeamSearch {
            self_reward_position: position,
            ..search(5)
        };
        let found = run(&decoder, &s, 1);
        assert_eq!(found, run(&decoder, &s, 3));
        let all = prompts();
        let sequences: Vec<Sequence> = all
            .iter()
            .zip(&found)
            .flat_map(|(prompt, found)| {
                found.iter().map(move |f| Sequence {
                    prompt,
                    response: &f.response.ids,
                    self_reward_token: f.response.finished().then_some(ZC),
                })
            })
            .collect();
        let cpu = Cpu::new(1).unwrap();
        let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Nothing);
        let scores = score::score(&cpu, &decoder, &mut ws, &sequences, position, 300);
        let mut ended = 0;
        for (f, score) in found.iter().flatten().zip(scores) {
            assert_eq!(f.response.logprobs, score.logprobs);
            assert_eq!(f.response.self_logprob, score.self_logprob);
            ended += usize::from(f.response.finished());
            assert!(!f.response.ids.contains(&ZC));
        }
        assert!(ended > 3 && ended < 45, "both kinds occur: {ended}");
    }
}

#[test]
fn hypotheses_are_distinct_and_the_best_comes_first() {
    for found in run(&decoder("qwen2"), &search(4), 2) {
        assert_eq!(found.len(), 4);
        assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
        for (i, a) in found.iter().enumerate() {
            assert!(found[..i].iter().all(|b| a.response.ids != b.response.ids));
        }
    }
}

#[test]
fn impossible_searches_are_refused() {
    let decoder = decoder("qwen2");
    let fails = |s: BeamSearch, prompts: &[Vec<u32>]| {
        let error = s.run(&decoder, prompts, 1, &Monitor::default());
        error.unwrap_err().to_string()
    };
    let one = [vec![1]];
    assert!(fails(search(0), &one).contains("width = 0 is outside 1 or more"));
    for length_penalty in [-1.0, f32::NAN] {
        let s = BeamSearch {
            length_penalty,
            ..search(2)
        };
        assert!(fails(s, &one).contains("length_penalty"));
    }
    let none = BeamSearch {
        max_new_tokens: 0,
        ..search(2)
    };
    assert!(fails(none, &one).contains("max_new_tokens"));
    let ended = BeamSearch {
        self_reward_token: Some(763),
        ..search(2)
    };
    assert!(fails(ended, &one).contains("763"));
    assert!(fails(search(2), &[vec![1], vec![]]).contains("request 1"));
    assert!(fails(search(2), &[vec![9000]]).contains("9000"));
    assert!(fails(search(2), &[vec![1; 250]]).contains("context of 256"));
    let cancelled = Monitor::default();
    cancelled
        .cancel
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let result = search(2).run(&decoder, &one, 1, &cancelled);
    assert!(matches!(result, Err(RolloutError::Cancelled)));
}
