//! The search alone, on distributions from a table.

use super::search::Search;
use super::*;
use crate::Finish;
use crate::row::Distribution;

const STOP: u32 = 0;
/// Most tokens of a response.
const LONGEST: usize = 4;

/// Logits after some tokens: any function that has no equal values.
fn logits(ids: &[u32]) -> [f32; 3] {
    let seen = ids.iter().fold(0xC0FF_EE12_3456_789B_u64, |h, id| {
        (h ^ u64::from(*id + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    [8, 24, 40].map(|shift| ((seen >> shift) & 0xFFFF) as f32 / 20_000.0)
}

fn lse(logits: &[f32]) -> f32 {
    logits.iter().map(|x| x.exp()).sum::<f32>().ln()
}

fn settings(width: usize, length_penalty: f32) -> BeamSearch {
    BeamSearch {
        width,
        length_penalty,
        max_new_tokens: LONGEST,
        stop: vec![STOP],
        self_reward_token: None,
        self_reward_position: SelfRewardPosition::AfterEos,
    }
}

/// What a search finds; its beams' tokens are followed from the steps that it asks for.
fn found(settings: &BeamSearch) -> Vec<Hypothesis> {
    let mut search = Search::new(settings, 0, 1, 0);
    let mut texts = vec![Vec::new(); settings.width];
    let mut slots = vec![0];
    loop {
        let rows: Vec<[f32; 3]> = slots.iter().map(|s| logits(&texts[*s])).collect();
        let row = |i: usize| Distribution {
            logits: &rows[i],
            lse: lse(&rows[i]),
        };
        search.advance(row).unwrap();
        for (from, to, len) in search.take_forks() {
            assert_eq!(len, 1 + texts[from].len(), "prompt and beam");
            texts[to] = texts[from].clone();
        }
        if search.is_done() {
            return search.into_found();
        }
        let steps: Vec<Step> = search.steps().collect();
        slots = steps.iter().map(|s| s.slot).collect();
        for step in steps {
            assert_eq!(step.position, 1 + texts[step.slot].len());
            texts[step.slot].push(step.token);
        }
    }
}

/// Every response there is, with its Σ log p.
fn all(ids: &[u32], sum: f64, out: &mut Vec<(Vec<u32>, f64)>) {
    let row = logits(ids);
    for id in 0..3 {
        let longer = [ids, &[id]].concat();
        let sum = sum + f64::from(row[id as usize]) - f64::from(lse(&row));
        match id == STOP || longer.len() == LONGEST {
            true => out.push((longer, sum)),
            false => all(&longer, sum, out),
        }
    }
}

#[test]
fn a_search_wide_enough_for_everything_finds_the_best_of_all_responses_in_order() {
    let mut every = Vec::new();
    all(&[], 0.0, &mut every);
    assert_eq!(every.len(), 1 + 2 + 4 + 8 + 16);
    for alpha in [0.0f32, 0.7, 1.0, 2.0] {
        let score = |(ids, sum): &(Vec<u32>, f64)| sum / (ids.len() as f64).powf(alpha.into());
        every.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let found = found(&settings(every.len(), alpha));
        assert_eq!(found.len(), every.len());
        for (f, e) in found.iter().zip(&every) {
            assert_eq!(f.response.ids, e.0, "α = {alpha}");
            assert!((f.score - score(e)).abs() < 1e-9);
            let stops = f.response.ids.last() == Some(&STOP);
            assert_eq!(f.response.finish == Finish::Stop, stops);
        }
    }
}

#[test]
fn width_one_takes_the_likeliest_token_until_it_stops() {
    let mut greedy: Vec<u32> = Vec::new();
    while greedy.len() < LONGEST && greedy.last() != Some(&STOP) {
        let row = logits(&greedy);
        let best = (0..3u32).max_by(|a, b| row[*a as usize].total_cmp(&row[*b as usize]));
        greedy.push(best.unwrap());
    }
    for alpha in [0.0, 1.0] {
        let found = found(&settings(1, alpha));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].response.ids, greedy);
    }
}

#[test]
fn a_search_ends_when_the_likeliest_beam_is_no_better_than_the_worst_response_found() {
    // 0 stops; two responses of probability 0.6 and 0.3·0.9 are found in two steps.
    let first = [0.6f32.ln(), 0.3f32.ln(), 0.1f32.ln()];
    let then = [0.9f32.ln(), 0.06f32.ln(), 0.04f32.ln()];
    let s = settings(2, 0.0);
    let mut search = Search::new(&s, 0, 1, 0);
    search
        .advance(|_| Distribution {
            logits: &first,
            lse: 0.0,
        })
        .unwrap();
    assert!(!search.is_done(), "one response is found");
    search
        .advance(|_| Distribution {
            logits: &then,
            lse: 0.0,
        })
        .unwrap();
    assert!(search.is_done());
    let found = search.into_found();
    let ids: Vec<_> = found.iter().map(|f| &f.response.ids[..]).collect();
    assert_eq!(ids, [&[0][..], &[1, 0]]);
    assert!((found[1].score - f64::from(0.27f32.ln())).abs() < 1e-6);
}

#[test]
fn broken_logits_are_an_error_with_request_and_position() {
    let s = settings(2, 1.0);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut search = Search::new(&s, 3, 1, 0);
        let logits = [0.0, bad, 0.0];
        let error = search
            .advance(|_| Distribution {
                logits: &logits,
                lse: lse(&logits),
            })
            .unwrap_err();
        assert!(error.to_string().contains("request 3, token 0"), "{error}");
    }
}
