//! Shapings and credits against PyTorch; `golden/README.md` defines the numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

type Rows<T> = Vec<Vec<T>>;

#[derive(Deserialize)]
struct CreditCase {
    name: String,
    by: TempoScale,
    ids: Rows<u32>,
    rewards: Vec<f32>,
    advantages: Rows<f64>,
    negative_only: Rows<f64>,
    logp: Rows<f32>,
    old_logp: Rows<f32>,
    loss: f64,
    dlogp: Rows<f64>,
}

#[test]
fn credits_and_the_loss_on_them_equal_the_golden_ones() {
    for c in cases::<CreditCase>(include_str!("golden/credit.json")) {
        let kind = AdvantageKind::GrpoPopulation;
        let group: Vec<ResponseView> = c
            .ids
            .iter()
            .map(|ids| ResponseView {
                ids,
                correct: false,
                ..ResponseView::default()
            })
            .collect();
        let rows = c.ids.iter().zip(kind.advantages(&c.rewards));
        let mut tokens: Rows<f32> = rows.map(|(ids, a)| vec![a; ids.len()]).collect();
        let tempo = Credit::Tempo(Tempo { scale: c.by });
        tempo.apply(kind, &group, &c.rewards, &mut tokens);
        for (found, expected) in tokens.iter().zip(&c.advantages) {
            for (f, e) in found.iter().zip(expected) {
                // Two roundings to f32 of numbers that may cancel.
                assert!(
                    (f64::from(*f) - e).abs() < 1e-6 * (1.0 + e.abs()),
                    "{} {f} {e}",
                    c.name
                );
            }
            assert_eq!(found.len(), expected.len());
        }
        let lengths: Vec<usize> = c.ids.iter().map(Vec::len).collect();
        let scales = Aggregation::TokenMean.scales(&lengths);
        let mut loss = 0.0;
        for (i, scale) in scales.iter().enumerate() {
            let mut dlogp = vec![0.0; lengths[i]];
            let surrogate = PolicyLoss::PpoClip(PpoClip::default());
            let advantages = Advantages::Tokens(&tokens[i]);
            loss += surrogate
                .apply(
                    &c.logp[i],
                    &c.old_logp[i],
                    advantages,
                    None,
                    *scale,
                    &mut dlogp,
                )
                .loss;
            for (found, expected) in dlogp.iter().zip(&c.dlogp[i]) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 1e-6 * (1.0 + expected.abs()), "{}", c.name);
            }
        }
        assert_relative_eq!(loss, c.loss, epsilon = 1e-6);
        Credit::NegativeOnly {}.apply(kind, &group, &c.rewards, &mut tokens);
        for (found, expected) in tokens.iter().zip(&c.negative_only) {
            for (f, e) in found.iter().zip(expected) {
                assert!(
                    (f64::from(*f) - e).abs() < 1e-6 * (1.0 + e.abs()),
                    "{}",
                    c.name
                );
            }
        }
    }
}

#[derive(Deserialize)]
struct ShapingCase {
    name: String,
    share: f64,
    alpha: f64,
    temperature: f64,
    correct: Rows<bool>,
    lengths: Rows<usize>,
    scores: Rows<f32>,
    grpo_lambda: Rows<f64>,
    win_rate: Rows<f64>,
    policy: Rows<f32>,
    blank: Rows<f32>,
    reference: Rows<f32>,
    self_aligned: Vec<f64>,
    endogenous: Vec<f64>,
}

#[test]
fn shaped_rewards_equal_the_golden_ones() {
    let ids = [1; 64];
    for c in cases::<ShapingCase>(include_str!("golden/shaping.json")) {
        let problems = 0..c.correct.len();
        let groups: Vec<Vec<ResponseView>> = problems
            .map(|p| {
                let responses = 0..c.correct[p].len();
                responses
                    .map(|i| ResponseView {
                        ids: &ids[..c.lengths[p][i]],
                        correct: c.correct[p][i],
                        score: Some(c.scores[p][i]),
                        ..ResponseView::default()
                    })
                    .collect()
            })
            .collect();
        let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
        let rewards: Rows<f32> = c
            .correct
            .iter()
            .map(|g| g.iter().map(|r| f32::from(u8::from(*r))).collect())
            .collect();
        let lambda = Shaping::GrpoLambda(GrpoLambda {
            share: c.share,
            alpha: c.alpha,
        });
        let rate = Shaping::WinRate(WinRate {
            of: Compared::SelfReward,
            temperature: c.temperature,
        });
        for (shaping, expected) in [(lambda, &c.grpo_lambda), (rate, &c.win_rate)] {
            let mut found = rewards.clone();
            shaping.apply(&views, &mut found);
            for (found, expected) in found.iter().zip(expected) {
                assert_close(&format!("{} {shaping:?}", c.name), found, expected);
            }
        }
        let passes = c.policy.iter().zip(&c.blank).zip(&c.reference);
        let group: Vec<ResponseView> = passes
            .map(|((logprobs, blank), reference)| ResponseView {
                logprobs,
                blank,
                reference,
                ..ResponseView::default()
            })
            .collect();
        for (shaping, expected) in [
            (
                Shaping::SelfAligned(SelfAligned { alpha: 1.0 }),
                &c.self_aligned,
            ),
            (Shaping::Endogenous(Endogenous::default()), &c.endogenous),
        ] {
            let mut found = [vec![0.0; group.len()]];
            shaping.apply(&[&group], &mut found);
            assert_close(&format!("{} {shaping:?}", c.name), &found[0], expected);
        }
    }
}
