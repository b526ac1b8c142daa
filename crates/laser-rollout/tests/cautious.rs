//! Cautious sampling against a slow reference that draws every continuation on its own.

mod common;

use std::collections::BTreeSet;

use common::{ZC, decoder, generation, requests};
use laser_kernels::Cpu;
use laser_model::{Decoder, Retain, Workspace};
use laser_rng::Rng;
use laser_rollout::{
    Cautious, Engine, Generation, LocalEngine, Memory, Monitor, Request, Response, Sampling,
    Sequence, score,
};

fn run(rows: usize, threads: usize, g: &Generation) -> Vec<Vec<Response>> {
    let (decoder, memory) = (decoder(256), Memory::new(rows));
    let cpu = Cpu::new(threads).unwrap();
    let engine = LocalEngine::new(&decoder, &memory, &cpu);
    engine
        .generate(&requests(), g, &Monitor::default())
        .unwrap()
}

/// A random model is unsure almost everywhere: the bounds are put where its entropies lie.
fn cautious() -> Generation {
    Generation {
        sampling: Sampling {
            temperature: 0.4,
            top_p: 0.9,
            cautious: Some(Cautious {
                min_trials: 1,
                max_trials: 5,
                low_entropy: 4.8,
                high_entropy: 5.1,
            }),
            ..Sampling::default()
        },
        punctuation: (48..200).collect(),
        ..generation()
    }
}

#[test]
fn one_trial_at_most_is_the_plain_sampler_token_for_token() {
    let mut one = cautious();
    one.sampling.cautious = Some(Cautious {
        max_trials: 1,
        ..Cautious::default()
    });
    let mut plain = one.clone();
    plain.sampling.cautious = None;
    assert_eq!(run(4, 2, &one), run(4, 1, &plain));
}

#[test]
fn point_masses_never_fork() {
    for (temperature, top_k) in [(0.0, 0), (1.0, 1)] {
        let mut g = cautious();
        g.sampling = Sampling {
            temperature,
            top_k,
            cautious: Some(Cautious::default()),
            ..Sampling::default()
        };
        for response in run(4, 1, &g).iter().flatten() {
            assert_eq!(response.drawn, response.ids.len());
        }
    }
}

#[test]
fn responses_do_not_depend_on_rows_or_threads_and_hold_the_policys_log_probabilities() {
    let g = cautious();
    let all = run(30, 1, &g);
    assert_eq!(all, run(1, 1, &g));
    assert_eq!(all, run(3, 2, &g));
    let (decoder, cpu, requests) = (decoder(256), Cpu::serial(), requests());
    let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Nothing);
    let groups = requests.iter().zip(&all);
    let sequences: Vec<Sequence> = groups
        .flat_map(|(r, group)| {
            group.iter().map(|s| Sequence {
                prompt: &r.prompt,
                response: &s.ids,
                self_reward_token: s.finished().then_some(ZC),
            })
        })
        .collect();
    let position = g.self_reward_position;
    let scores = score::score(&cpu, &decoder, &mut ws, &sequences, position, 300);
    let (mut finished, mut drawn, mut kept) = (0, 0, 0);
    for (response, score) in all.iter().flatten().zip(&scores) {
        assert_eq!(response.logprobs, score.logprobs);
        assert_eq!(response.self_logprob, score.self_logprob);
        finished += usize::from(response.finished());
        drawn += response.drawn;
        kept += response.ids.len();
    }
    assert!(finished > 2 && finished < scores.len(), "{finished}");
    assert!(drawn > 2 * kept, "{drawn} {kept}");
}

/// The whole text anew for each token; distributions, entropies and perplexities by their
/// definitions.
struct Reference<'a> {
    decoder: &'a Decoder<Cpu>,
    g: &'a Generation,
    request: &'a Request,
    sample: u64,
    /// Numbers of trials that occurred.
    trials: BTreeSet<u32>,
    drawn: usize,
}

impl Reference<'_> {
    fn logits(&self, response: &[u32]) -> Vec<f32> {
        let cpu = Cpu::serial();
        let mut state = self.decoder.generation(&cpu, 1, 256);
        let text = [&self.request.prompt[..], response].concat();
        self.decoder.prefill(&cpu, &mut state, 0, &text);
        state.logits()[..self.decoder.config.vocab_size].to_vec()
    }

    /// Probabilities after temperature and top-p.
    fn warped(&self, logits: &[f32]) -> Vec<f64> {
        let s = &self.g.sampling;
        let tempered = |(id, z): (usize, &f32)| match id == ZC as usize {
            true => 0.0,
            false => (f64::from(*z) / f64::from(s.temperature)).exp(),
        };
        let mut p: Vec<f64> = logits.iter().enumerate().map(tempered).collect();
        let total: f64 = p.iter().sum();
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
        let (mut mass, mut kept) = (0.0, 0.0);
        for id in order {
            if mass >= f64::from(s.top_p) * total {
                p[id] = 0.0;
            }
            mass += p[id];
            kept += p[id];
        }
        p.iter_mut().for_each(|p| *p /= kept);
        p
    }

    fn draw(&self, response: &[u32], rng: &mut Rng) -> u32 {
        let (logits, mut scratch) = (self.logits(response), Vec::new());
        let sampling = Sampling {
            cautious: None,
            ..self.g.sampling
        };
        sampling
            .sample(&logits, Some(ZC), rng, &mut scratch)
            .unwrap()
    }

    fn words(&self, rest: &[u64]) -> Rng {
        Rng::from_words(&[&self.request.seed[..], &[self.sample], rest].concat())
    }

    /// One continuation with its perplexity.
    fn trial(&mut self, response: &[u32], trial: u32) -> (f64, Vec<u32>) {
        let mut rng = self.words(&[response.len() as u64, u64::from(trial)]);
        let (mut ids, mut surprise) = (Vec::new(), 0.0);
        loop {
            let text = [response, &ids[..]].concat();
            let id = self.draw(&text, &mut rng);
            surprise -= self.warped(&self.logits(&text))[id as usize].ln();
            ids.push(id);
            self.drawn += 1;
            let ends = self.g.punctuation.contains(&id) || self.g.stop.contains(&id);
            if ends || response.len() + ids.len() == self.g.max_new_tokens {
                return ((surprise / ids.len() as f64).exp(), ids);
            }
        }
    }

    fn response(&mut self) -> Vec<u32> {
        let mut rng = self.words(&[]);
        let mut ids = Vec::new();
        while ids.len() < self.g.max_new_tokens
            && ids.last().is_none_or(|id| !self.g.stop.contains(id))
        {
            let p = self.warped(&self.logits(&ids));
            let entropy: f64 = p.iter().map(|p| -p * (p + 1e-10).ln()).sum();
            let trials = self.g.sampling.cautious.unwrap().trials(entropy);
            self.trials.insert(trials);
            if trials == 1 {
                ids.push(self.draw(&ids, &mut rng));
                self.drawn += 1;
                continue;
            }
            let all: Vec<_> = (0..trials).map(|t| self.trial(&ids, t)).collect();
            let least = all.iter().map(|t| t.0).fold(f64::INFINITY, f64::min);
            let kept = all.into_iter().find(|t| t.0 == least).unwrap();
            ids.extend(kept.1);
        }
        ids
    }
}

#[test]
fn the_continuation_of_the_least_perplexity_of_all_trials_is_kept() {
    let (g, decoder, requests) = (cautious(), decoder(256), requests());
    let all = run(4, 1, &g);
    let mut trials = BTreeSet::new();
    for (request, group) in requests.iter().zip(&all).take(3) {
        let mut reference = Reference {
            decoder: &decoder,
            g: &g,
            request,
            sample: 1,
            trials: BTreeSet::new(),
            drawn: 0,
        };
        assert_eq!(reference.response(), group[1].ids);
        assert_eq!(reference.drawn, group[1].drawn);
        trials.extend(reference.trials);
    }
    assert!(trials.contains(&1) && trials.len() > 2, "{trials:?}");
}
