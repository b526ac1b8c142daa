//! SCoRe's two stages against PyTorch; `golden/README.md` defines the numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

type Rows<T> = Vec<Vec<T>>;

#[derive(Deserialize)]
struct Case {
    name: String,
    stage: u32,
    alpha: f64,
    beta_1: f64,
    beta_2: f64,
    first: Vec<f32>,
    second: Vec<f32>,
    shaped: Vec<f64>,
    advantages: Rows<f64>,
    logp: Rows<f32>,
    old_logp: Rows<f32>,
    reference: Rows<f32>,
    loss: f64,
    dlogp: Rows<f64>,
}

#[test]
fn both_stages_and_their_gradients_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/self_correction.json")) {
        let size = c.first.len();
        let views = vec![ResponseView::default(); size];
        let mut rewards = [c.first.clone(), c.second.clone()];
        if c.stage == 2 {
            let shaping = Shaping::SelfCorrection(SelfCorrection { alpha: c.alpha });
            shaping.apply(&[&views, &views], &mut rewards);
        }
        assert_eq!(rewards[0], c.first, "{}", c.name);
        assert_close(&c.name, &rewards[1], &c.shaped);
        let advantages = rewards.map(|r| AdvantageKind::Grpo.advantages(&r));
        for (found, expected) in advantages.iter().zip(&c.advantages) {
            assert_close(&c.name, found, expected);
        }
        let lengths: Vec<usize> = c.logp.iter().map(Vec::len).collect();
        let scales = Aggregation::TokenMean.scales(&lengths);
        let policy = PolicyLoss::PpoClip(PpoClip::default());
        let mut loss = 0.0;
        for (i, advantage) in advantages.iter().flatten().enumerate() {
            let weights = match c.stage == 1 && i < size {
                true => LossWeights::held(c.beta_2),
                false => LossWeights::default(),
            };
            let mut dlogp = vec![0.0; lengths[i]];
            let advantage = Advantages::Response(*advantage);
            let scale = scales[i] * weights.policy;
            let (logp, old) = (&c.logp[i], &c.old_logp[i]);
            loss += policy
                .apply(logp, old, advantage, None, scale, &mut dlogp)
                .loss;
            let beta = weights.kl.unwrap_or(c.beta_1);
            let scale = beta * scales[i];
            loss += kl_penalty(KlKind::K3, logp, &c.reference[i], scale, &mut dlogp);
            for (found, expected) in dlogp.iter().zip(&c.dlogp[i]) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 1e-6 * (1.0 + expected.abs()), "{} {i}", c.name);
            }
            if c.stage == 1 && c.beta_2 == 0.0 && i < size {
                assert!(dlogp.iter().all(|d| *d == 0.0), "{}", c.name);
            }
        }
        assert_relative_eq!(loss, c.loss, epsilon = 1e-6);
    }
}
