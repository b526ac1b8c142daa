//! Likelihood-based rewards against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::{AdvantageKind, Advantages, Aggregation, Likelihood, PolicyLoss};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    kind: Likelihood,
    weight: f64,
    table: Vec<Vec<f64>>,
    thoughts: Vec<Vec<usize>>,
    answer: Vec<usize>,
    rewards: Vec<f64>,
    advantages: Vec<f64>,
    second: f64,
    dtable: Vec<Vec<f64>>,
}

impl Case {
    fn log_softmax(&self, before: usize) -> Vec<f64> {
        let row = &self.table[before];
        let lse = row.iter().map(|z| z.exp()).sum::<f64>().ln();
        row.iter().map(|z| z - lse).collect()
    }

    /// log p of each token of a path, and the token before each.
    fn read(&self, mut before: usize, tokens: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let (mut logp, mut rows) = (Vec::new(), Vec::new());
        for &token in tokens {
            logp.push(self.log_softmax(before)[token] as f32);
            rows.push(before);
            before = token;
        }
        (logp, rows)
    }

    /// Adds what derivatives by log p mean for the table of logits.
    fn back(&self, rows: &[usize], tokens: &[usize], dlogp: &[f32], dtable: &mut [Vec<f64>]) {
        for ((&row, &token), d) in rows.iter().zip(tokens).zip(dlogp) {
            for (id, logp) in self.log_softmax(row).into_iter().enumerate() {
                let one = f64::from(u8::from(id == token));
                dtable[row][id] += f64::from(*d) * (one - logp.exp());
            }
        }
    }
}

#[test]
fn the_loss_of_two_terms_has_the_gradient_of_autograd() {
    for c in cases::<Case>(include_str!("golden/likelihood.json")) {
        let name = format!("{:?}", c.kind);
        let answers: Vec<(Vec<f32>, Vec<usize>)> = c
            .thoughts
            .iter()
            .map(|z| c.read(*z.last().unwrap(), &c.answer))
            .collect();
        let rows: Vec<&[f32]> = answers.iter().map(|a| a.0.as_slice()).collect();
        let rewards = c.kind.rewards(&rows);
        assert_close(&name, &rewards, &c.rewards);
        let advantages = match c.kind {
            Likelihood::Jepo => rewards,
            _ => AdvantageKind::Rloo.advantages(&rewards),
        };
        for (a, expected) in advantages.iter().zip(&c.advantages) {
            assert!((f64::from(*a) - expected).abs() < 2e-6, "{name}");
        }
        let size = c.thoughts.len();
        let lengths: Vec<usize> = c.thoughts.iter().map(Vec::len).collect();
        let scales = Aggregation::SequenceMeanTokenSum.scales(&lengths);
        let shares = c.kind.shares(&rows);
        let mut dtable = vec![vec![0.0; c.table.len()]; c.table.len()];
        let mut second = 0.0;
        for i in 0..size {
            let (logp, rows) = c.read(0, &c.thoughts[i]);
            let mut dlogp = vec![0.0; logp.len()];
            let a = Advantages::Response(advantages[i]);
            PolicyLoss::Reinforce.apply(&logp, &logp, a, None, scales[i], &mut dlogp);
            c.back(&rows, &c.thoughts[i], &dlogp, &mut dtable);
            let (logp, rows) = &answers[i];
            let mut dlogp = vec![0.0; logp.len()];
            let scale = c.weight / size as f64;
            second += c.kind.loss(logp, shares[i], scale, &mut dlogp);
            c.back(rows, &c.answer, &dlogp, &mut dtable);
        }
        // Of jepo the value is that of a surrogate.
        if c.kind != Likelihood::Jepo {
            assert!((second - c.second).abs() < 1e-6, "{name}");
        }
        for (found, expected) in dtable.iter().flatten().zip(c.dtable.iter().flatten()) {
            assert!((found - expected).abs() < 2e-6, "{name} {found} {expected}");
        }
    }
}
