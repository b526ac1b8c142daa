//! Losses of written responses against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    beta: f64,
    near: f64,
    far: f64,
    top_k: usize,
    logp: Vec<Vec<f32>>,
    targets: Vec<u32>,
    loss: f64,
    dlogits: Vec<Vec<f64>>,
}

#[test]
fn shaped_losses_and_their_gradients_by_the_logits_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/supervised.json")) {
        let loss = SupervisedLoss::Shaped(ShapedNll {
            beta: c.beta,
            near: c.near,
            far: c.far,
            top_k: c.top_k,
        });
        let (mut ids, mut logp) = (Vec::new(), Vec::new());
        for (row, target) in c.logp.iter().zip(&c.targets) {
            let near = likeliest(row, loss.likeliest());
            for id in [*target].into_iter().chain(near) {
                ids.push(id);
                logp.push(row[id as usize]);
            }
        }
        let mut d = vec![0.0; logp.len()];
        let positions = c.targets.len();
        let scale = 1.0 / positions as f64;
        let found = loss.apply(&ids, &logp, positions, scale, &mut d);
        assert_close(&c.name, &[found as f32], &[c.loss]);
        let width = ids.len() / positions;
        for (t, expected) in c.dlogits.iter().enumerate() {
            let own = &ids[t * width..(t + 1) * width];
            let d = &d[t * width..(t + 1) * width];
            let total: f64 = d.iter().map(|d| f64::from(*d)).sum();
            for (v, expected) in expected.iter().enumerate() {
                let direct = own.iter().zip(d).filter(|(id, _)| **id == v as u32);
                let direct: f64 = direct.map(|(_, d)| f64::from(*d)).sum();
                let found = direct - f64::from(c.logp[t][v]).exp() * total;
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{} {t} {v}: {found} {expected}",
                    c.name
                );
            }
        }
    }
}
