//! PPPO against PyTorch; `golden/README.md` defines the numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Outcome {
    loss: f64,
    dlogp: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    share: f64,
    lengths: Vec<usize>,
    prefixes: Vec<usize>,
    correct: Vec<u8>,
    continued: Vec<u8>,
    rewards: Vec<f32>,
    advantages: Vec<f64>,
    logp: Vec<Vec<f32>>,
    old_logp: Vec<Vec<f32>>,
    all: Outcome,
    kept: Outcome,
}

#[test]
fn the_loss_on_prefixes_and_its_gradient_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/prefix.json")) {
        let schedule = PrefixSchedule {
            share: c.share,
            ..PrefixSchedule::default()
        };
        let prefixes: Vec<usize> = c.lengths.iter().map(|n| schedule.tokens(*n)).collect();
        assert_eq!(prefixes, c.prefixes, "{}", c.name);
        let counts = c.correct.iter().zip(&c.continued);
        let rewards: Vec<f32> = counts.map(|(r, g)| f32::from(r + g)).collect();
        assert_eq!(rewards, c.rewards, "{}", c.name);
        let kind = AdvantageKind::Grpo;
        let advantages = kind.advantages(&rewards);
        assert_close(&c.name, &advantages, &c.advantages);
        let ids = [1; 64];
        let view = |(n, prefix): (&usize, &usize)| ResponseView {
            ids: &ids[..*n],
            prefix: *prefix,
            ..ResponseView::default()
        };
        let group: Vec<ResponseView> = c.lengths.iter().zip(&prefixes).map(view).collect();
        for (denominator, expected) in [(Denominator::All, &c.all), (Denominator::Kept, &c.kept)] {
            let credit = Credit::Prefix(PrefixOnly { denominator });
            let rows = c.lengths.iter().zip(&advantages);
            let mut tokens: Vec<Vec<f32>> = rows.map(|(n, a)| vec![*a; *n]).collect();
            credit.apply(kind, &group, &rewards, &mut tokens);
            let carrying = group.iter().map(|r| credit.carrying(r));
            let carrying: Vec<usize> = carrying
                .zip(&c.lengths)
                .map(|(kept, all)| kept.unwrap_or(*all))
                .collect();
            let scales = Aggregation::TokenMean.scales(&carrying);
            let surrogate = PolicyLoss::PpoClip(PpoClip {
                clip_low: 0.2,
                clip_high: 0.28,
                dual_clip: None,
            });
            let mut loss = 0.0;
            for (i, scale) in scales.iter().enumerate() {
                let mut dlogp = vec![0.0; c.lengths[i]];
                let advantages = Advantages::Tokens(&tokens[i]);
                let (new, old) = (&c.logp[i], &c.old_logp[i]);
                loss += surrogate
                    .apply(new, old, advantages, None, *scale, &mut dlogp)
                    .loss;
                for (t, (found, expected)) in dlogp.iter().zip(&expected.dlogp[i]).enumerate() {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error < 1e-6 * (1.0 + expected.abs()), "{}", c.name);
                    assert!(t < prefixes[i] || *found == 0.0, "{}", c.name);
                }
            }
            assert_relative_eq!(loss, expected.loss, epsilon = 1e-6);
        }
    }
}
