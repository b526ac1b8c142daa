use laser_kernels::Segments;
use laser_rollout::score::{Batch, Prompts};
use laser_rollout::{Response, SelfRewardPosition};

use super::*;
use crate::Learner;

fn labelled(response: Response, correct: bool) -> Labelled {
    Labelled::new(response, String::new(), None, correct)
}

/// A fresh model with a group of its responses, and their last hidden states.
fn group() -> (Learner, Vec<u32>, Vec<Labelled>, Rows) {
    let shape = r#"{"hidden_size": 16, "layers": 1, "heads": 2, "kv_heads": 1, "context": 24, "initializer_range": 0.3}"#;
    let mut learner = Learner::fresh(&serde_json::from_str(shape).unwrap(), 5, 1).unwrap();
    let generation = learner.generation(7);
    let sampled = learner.sample(&["1="], 4, &[3], &generation).unwrap();
    let sampled = sampled.into_iter().next().unwrap();
    let labels = [true, false, true, false];
    let mut group: Vec<Labelled> = sampled
        .responses
        .into_iter()
        .zip(labels)
        .map(|(r, c)| labelled(r, c))
        .collect();
    // A response that ends early, so that positions lack a response.
    group[1].response.ids.truncate(3);
    let position = SelfRewardPosition::AfterEos;
    let states = group.iter().map(|l| {
        let sequence = Sequence::plain(&sampled.prompt, &l.response.ids);
        let (_, g) = learner
            .forward(&[sequence], position, TrainError::Memory)
            .unwrap();
        let decoder = &learner.decoder;
        decoder.hidden(&learner.cpu, &learner.ws, g.rows.len())
    });
    let states = states.collect();
    (learner, sampled.prompt, group, states)
}

/// log π over the vocabulary before every token, by a pass over the response alone.
fn distributions(learner: &mut Learner, prompt: &[u32], l: &Labelled) -> Rows {
    let sequence = Sequence::plain(prompt, &l.response.ids);
    let batch = Batch::new(&[sequence], SelfRewardPosition::AfterEos, Prompts::Own);
    let segments = Segments::from_lengths([batch.ids.len()]);
    let (cpu, ws) = (&learner.cpu, &mut learner.ws);
    learner.decoder.forward(cpu, ws, &batch.ids, &segments);
    let mut rows = Rows::new();
    let see = |_, row: &[f32]| rows.push(row.to_vec());
    learner.decoder.distributions(cpu, ws, &batch.rows, see);
    rows
}

#[test]
fn the_influence_of_tokens_is_the_sum_over_pairs_with_the_ids_of_the_group() {
    let (mut learner, prompt, group, states) = group();
    let found = influence(&learner.cpu, &learner.decoder, &group, &states);
    let width = learner.decoder.config.hidden_size;
    let rows: Vec<Rows> = group
        .iter()
        .map(|l| distributions(&mut learner, &prompt, l))
        .collect();
    let used = |id: u32| group.iter().any(|l| l.response.ids.contains(&id));
    let error = |i: usize, k: usize, id: usize| {
        let drawn = group[i].response.ids[k] as usize == id;
        f64::from(u8::from(drawn)) - f64::from(rows[i][k][id]).exp()
    };
    let h = |i: usize, k: usize| &states[i][k * width..(k + 1) * width];
    for (j, l) in group.iter().enumerate() {
        assert_eq!(found[j].len(), l.response.ids.len());
        for (k, found) in found[j].iter().enumerate() {
            let mut sum = 0.0;
            for i in (0..group.len()).filter(|&i| group[i].correct) {
                for t in 0..rows[i].len() {
                    let ids = (0..rows[i][t].len()).filter(|id| used(*id as u32));
                    let errors: f64 = ids.map(|id| error(i, t, id) * error(j, k, id)).sum();
                    let pairs = h(i, t).iter().zip(h(j, k));
                    let hidden: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    sum += errors * hidden / rows[i].len() as f64;
                }
            }
            let expected = if l.correct { sum } else { -sum };
            let difference = (f64::from(*found) - expected).abs();
            assert!(difference < 1e-5 * (1.0 + sum.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn the_divergence_of_positions_is_that_of_the_responses_that_reach_them() {
    let (mut learner, prompt, group, states) = group();
    let found = divergence(&learner.cpu, &learner.decoder, &group, &states);
    let vocabulary = learner.decoder.config.vocab_size;
    let rows: Vec<Rows> = group
        .iter()
        .map(|l| distributions(&mut learner, &prompt, l))
        .collect();
    let longest = rows.iter().map(Vec::len).max().unwrap();
    assert!(rows.iter().any(|r| r.len() < longest));
    for t in 0..longest {
        let there: Rows = rows.iter().filter_map(|r| r.get(t).cloned()).collect();
        let expected = position_divergence(&there.concat(), vocabulary, group.len()) as f32;
        for (found, rows) in found.iter().zip(&rows) {
            assert_eq!(found.len(), rows.len());
            assert!(found.get(t).is_none_or(|d| *d == expected), "position {t}");
        }
    }
}
