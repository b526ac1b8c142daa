//! Self-certainty and the votes by its ranks against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::voting::{borda, borda_votes};
use laser_rl::{Answer, mean_self_certainty, self_certainty};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    power: f64,
    logits: Vec<Vec<Vec<f64>>>,
    certainty: Vec<f64>,
    answers: Vec<Option<String>>,
    votes: Vec<f64>,
    winner: String,
}

fn position(logits: &[f64]) -> f64 {
    let logsumexp = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    self_certainty(logsumexp, mean, logits.len())
}

#[test]
fn certainties_and_the_votes_by_their_ranks_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/certainty.json")) {
        let mut answers = Vec::new();
        for ((rows, expected), key) in c.logits.iter().zip(&c.certainty).zip(&c.answers) {
            let positions: Vec<f64> = rows.iter().map(|row| position(row)).collect();
            let score = mean_self_certainty(&positions).unwrap();
            assert!((score - expected).abs() < 1e-12, "{score} {expected}");
            answers.push(Answer {
                key: key.as_deref(),
                correct: false,
                score: Some(score as f32),
            });
        }
        let votes = borda_votes(&answers, c.power);
        let votes: Vec<f32> = votes.into_iter().map(|v| v as f32).collect();
        assert_close(&format!("power {}", c.power), &votes, &c.votes);
        let chosen = borda(&answers, c.power).unwrap();
        assert_eq!(answers[chosen].key, Some(c.winner.as_str()));
    }
}
