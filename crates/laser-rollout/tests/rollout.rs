//! The local engine on the tiny checkpoints in `fixtures/`.

mod common;

use std::sync::atomic::Ordering;

use common::{ZC, decoder, generation, requests};
use laser_kernels::Cpu;
use laser_model::{GenerationState, Retain, Workspace};
use laser_rollout::{
    Engine, Finish, Generation, LocalEngine, Memory, Monitor, Request, Response, RolloutError,
    Sampling, SelfRewardPosition, Sequence, score,
};

fn run(rows: usize, threads: usize, requests: &[Request]) -> Vec<Vec<Response>> {
    run_with(rows, threads, requests, &generation())
}

fn run_with(
    rows: usize,
    threads: usize,
    requests: &[Request],
    generation: &Generation,
) -> Vec<Vec<Response>> {
    let (decoder, memory) = (decoder(256), Memory::new(rows));
    let cpu = Cpu::new(threads).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    engine
        .generate(requests, generation, &Monitor::default())
        .unwrap()
}

#[test]
fn responses_do_not_depend_on_rows_threads_or_order() {
    let all = requests();
    let expected = run(30, 1, &all);
    assert_eq!(expected, run(1, 1, &all));
    assert_eq!(expected, run(4, 3, &all));
    let mut reversed: Vec<Request> = all.iter().rev().cloned().collect();
    reversed.remove(1);
    let mut got = run(2, 2, &reversed);
    got.insert(1, expected[3].clone());
    got.reverse();
    assert_eq!(expected, got);
}

#[test]
fn one_prompt_has_the_same_responses_when_threads_share_its_operations() {
    for request in requests().into_iter().take(2) {
        let alone = run(4, 1, std::slice::from_ref(&request));
        assert_eq!(alone, run(2, 3, &[request]));
    }
}

#[test]
fn samples_differ_between_seeds_and_within_a_group() {
    let all = requests();
    let first = run(8, 1, &all);
    assert!(
        first
            .iter()
            .all(|group| group.len() == 6 && group[0].ids != group[1].ids)
    );
    let other: Vec<Request> = all
        .into_iter()
        .map(|r| Request { seed: vec![8], ..r })
        .collect();
    assert_ne!(first, run(8, 1, &other));
}

#[test]
fn sampled_log_probabilities_are_the_recomputed_ones_to_the_last_bit() {
    let after = recomputed(SelfRewardPosition::AfterEos);
    let at = recomputed(SelfRewardPosition::AtEos);
    // The position decides what is read, not what is sampled.
    for (after, at) in after.iter().zip(&at) {
        assert_eq!((&after.ids, &after.logprobs), (&at.ids, &at.logprobs));
        assert_eq!(after.finished(), after.self_logprob != at.self_logprob);
    }
}

/// Samples that were compared with their recomputed log-probabilities.
fn recomputed(position: SelfRewardPosition) -> Vec<Response> {
    let (decoder, all) = (decoder(256), requests());
    let generation = Generation {
        self_reward_position: position,
        ..generation()
    };
    let groups = run_with(4, 2, &all, &generation);
    let cpu = Cpu::new(2).unwrap();
    let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Nothing);
    let sequences: Vec<Sequence> = all
        .iter()
        .zip(&groups)
        .flat_map(|(r, group)| {
            group.iter().map(|s| Sequence {
                prompt: &r.prompt,
                response: &s.ids,
                self_reward_token: s.finished().then_some(ZC),
            })
        })
        .collect();
    let scores = score::score(&cpu, &decoder, &mut ws, &sequences, position, 300);
    let mut finished = 0;
    for (response, score) in groups.iter().flatten().zip(&scores) {
        assert_eq!(response.logprobs, score.logprobs);
        assert_eq!(response.self_logprob, score.self_logprob);
        assert_eq!(response.finished(), response.self_logprob.is_some());
        finished += response.finished() as usize;
    }
    assert!(
        finished > 5 && finished < scores.len(),
        "both kinds occur: {finished}"
    );
    groups.into_iter().flatten().collect()
}

#[test]
fn self_certainty_is_the_mean_divergence_from_the_uniform_distribution() {
    let (decoder, all, cpu) = (decoder(256), requests(), Cpu::serial());
    let groups = run(4, 2, &all);
    let mut state = decoder.generation(&cpu, 1, 256);
    let vocab = decoder.config.vocab_size;
    for (request, group) in all.iter().zip(&groups) {
        let response = &group[0];
        // The slow way: the whole text anew for each token, in double precision.
        let divergence = |t: usize, state: &mut GenerationState<Cpu>| {
            let text = [&request.prompt[..], &response.ids[..t]].concat();
            decoder.prefill(&cpu, state, 0, &text);
            let logits = state.logits()[..vocab].iter().map(|z| f64::from(*z));
            let sum: f64 = logits.clone().map(f64::exp).sum();
            let uniform = 1.0 / vocab as f64;
            let terms = logits.map(|z| uniform * (uniform / (z.exp() / sum)).ln());
            terms.sum::<f64>()
        };
        let tokens = response.ids.len();
        let sum: f64 = (0..tokens).map(|t| divergence(t, &mut state)).sum();
        let expected = sum / tokens as f64;
        let got = f64::from(response.self_certainty.unwrap());
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    }
}

#[test]
fn responses_end_at_the_first_stop_token_or_at_the_limit() {
    let g = generation();
    for response in run(4, 1, &requests()).iter().flatten() {
        let stop = response.ids.iter().position(|id| g.stop.contains(id));
        match response.finish {
            Finish::Stop => assert_eq!(stop, Some(response.ids.len() - 1)),
            Finish::Length => assert_eq!((stop, response.ids.len()), (None, g.max_new_tokens)),
        }
        assert!(!response.ids.contains(&ZC));
        assert_eq!(response.ids.len(), response.logprobs.len());
    }
}

#[test]
fn requests_with_limits_of_their_own_are_answered_as_if_they_were_alone() {
    let (decoder, memory, monitor) = (decoder(256), Memory::new(4), Monitor::default());
    let cpu = Cpu::new(2).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    let requests = requests();
    let limits: Vec<Generation> = [40, 1, 7, 20, 3]
        .map(|max_new_tokens| Generation {
            max_new_tokens,
            ..generation()
        })
        .to_vec();
    let together = engine.generate_each(&requests, &limits, &monitor).unwrap();
    for ((request, limit), responses) in requests.iter().zip(&limits).zip(together) {
        let alone = std::slice::from_ref(request);
        let alone = engine.generate(alone, limit, &monitor).unwrap();
        assert_eq!(alone, [responses]);
    }
}

#[test]
fn impossible_requests_are_refused_with_their_index() {
    let (decoder, memory) = (decoder(256), Memory::new(2));
    let cpu = Cpu::new(1).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    let ask = |prompt: Vec<u32>, g: Generation| {
        let good = Request {
            prompt: vec![1],
            samples: 1,
            seed: vec![],
        };
        let bad = Request {
            prompt,
            samples: 1,
            seed: vec![],
        };
        engine
            .generate(&[good, bad], &g, &Monitor::default())
            .unwrap_err()
    };
    let g = generation;
    assert!(matches!(
        ask(vec![], g()),
        RolloutError::EmptyPrompt { request: 1 }
    ));
    assert!(matches!(
        ask(vec![1; 250], g()),
        RolloutError::TooLong { request: 1, .. }
    ));
    assert!(matches!(
        ask(vec![9999], g()),
        RolloutError::UnknownToken { id: 9999, .. }
    ));
    let stops = Generation {
        self_reward_token: Some(763),
        ..g()
    };
    assert!(matches!(
        ask(vec![1], stops),
        RolloutError::SelfRewardStops(763)
    ));
    let hot = Generation {
        sampling: Sampling {
            temperature: -1.0,
            ..Default::default()
        },
        ..g()
    };
    assert!(matches!(ask(vec![1], hot), RolloutError::Sampling { .. }));
}

#[test]
fn a_cancelled_call_returns_no_partial_results() {
    let (decoder, memory) = (decoder(256), Memory::new(2));
    let cpu = Cpu::new(1).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    let monitor = Monitor::default();
    monitor.cancel.store(true, Ordering::Relaxed);
    let result = engine.generate(&requests(), &generation(), &monitor);
    assert!(matches!(result, Err(RolloutError::Cancelled)));
}
