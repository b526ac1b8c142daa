//! The algorithms beside GRPO against PyTorch; `golden/README.md` defines the numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

type Rows<T> = Vec<Vec<T>>;

#[test]
fn advantages_over_a_batch_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        rewards: Rows<f32>,
        lengths: Rows<usize>,
        reinforce_plus_plus: Rows<f64>,
        reinforce_plus_plus_per_response: Rows<f64>,
        reinforce_plus_plus_baseline: Rows<f64>,
        reinforce_plus_plus_baseline_per_response: Rows<f64>,
    }
    for c in cases::<Case>(include_str!("golden/batch_advantages.json")) {
        let rewards: Vec<&[f32]> = c.rewards.iter().map(Vec::as_slice).collect();
        let lengths: Vec<&[usize]> = c.lengths.iter().map(Vec::as_slice).collect();
        let plain = AdvantageKind::ReinforcePlusPlus;
        let baseline = AdvantageKind::ReinforcePlusPlusBaseline;
        for (kind, lengths, expected) in [
            (plain, Some(lengths.as_slice()), &c.reinforce_plus_plus),
            (plain, None, &c.reinforce_plus_plus_per_response),
            (
                baseline,
                Some(lengths.as_slice()),
                &c.reinforce_plus_plus_baseline,
            ),
            (baseline, None, &c.reinforce_plus_plus_baseline_per_response),
        ] {
            let found = batch_advantages(kind, &rewards, lengths);
            for (found, expected) in found.iter().zip(expected) {
                assert_close(&format!("{} {kind:?}", c.name), found, expected);
            }
            assert_eq!(found.len(), expected.len());
        }
    }
}

#[derive(Deserialize)]
struct CriticCase {
    name: String,
    gamma: f32,
    lambda: f32,
    clip: Option<f32>,
    rewards: Rows<f32>,
    old_values: Rows<f32>,
    bootstrap: Vec<f32>,
    advantages: Rows<f64>,
    returns: Rows<f64>,
    given: Rows<f32>,
    mask: Rows<bool>,
    whitened: Rows<f64>,
    whitened_within_mask: Rows<f64>,
    targets: Rows<f32>,
    values: Rows<f32>,
    loss: f64,
    dvalues: Rows<f64>,
    clipped: usize,
    explained_variance: f64,
}

fn critic_cases() -> Vec<CriticCase> {
    cases(include_str!("golden/critic.json"))
}

#[test]
fn generalized_advantages_and_returns_equal_the_golden_ones() {
    for c in critic_cases() {
        let cfg = Gae {
            gamma: c.gamma,
            lambda: c.lambda,
        };
        for (i, rewards) in c.rewards.iter().enumerate() {
            let (advantages, returns) = gae(&cfg, rewards, &c.old_values[i], c.bootstrap[i]);
            for (found, expected) in [(&advantages, &c.advantages[i]), (&returns, &c.returns[i])] {
                assert_close(&format!("{} response {i}", c.name), found, expected);
            }
        }
    }
}

#[test]
fn whitened_advantages_equal_the_golden_ones() {
    for c in critic_cases() {
        for (mask, expected) in [
            (None, &c.whitened),
            (Some(c.mask.as_slice()), &c.whitened_within_mask),
        ] {
            let mut advantages = c.given.clone();
            whiten(&mut advantages, mask);
            for (found, expected) in advantages.iter().zip(expected) {
                assert_close(&c.name, found, expected);
            }
        }
    }
}

#[test]
fn the_value_loss_and_its_gradient_equal_the_golden_ones() {
    for c in critic_cases() {
        let tokens: usize = c.values.iter().map(Vec::len).sum();
        let mut stats = ValueLossStats::default();
        for (i, values) in c.values.iter().enumerate() {
            let mut dvalues = vec![0.0; values.len()];
            stats.merge(value_loss(
                values,
                &c.old_values[i],
                &c.targets[i],
                c.clip,
                1.0 / tokens as f64,
                &mut dvalues,
            ));
            assert_close(&format!("{} response {i}", c.name), &dvalues, &c.dvalues[i]);
        }
        assert_relative_eq!(stats.loss, c.loss, max_relative = 1e-9);
        assert_eq!((stats.tokens, stats.clipped), (tokens, c.clipped));
        let explained = explained_variance(&c.values.concat(), &c.targets.concat());
        assert_relative_eq!(
            explained.unwrap(),
            c.explained_variance,
            max_relative = 1e-9
        );
    }
}

#[test]
fn every_policy_loss_and_its_gradient_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Outcome {
        loss: PolicyLoss,
        per_token: bool,
        value: f64,
        clipped: usize,
        dlogp: Rows<f64>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        logp: Rows<f32>,
        old_logp: Rows<f32>,
        outcome: Vec<f32>,
        per_token: Rows<f32>,
        weight: Rows<f32>,
        results: Vec<Outcome>,
    }
    for c in cases::<Case>(include_str!("golden/policy_losses.json")) {
        let tokens: usize = c.logp.iter().map(Vec::len).sum();
        for r in &c.results {
            let name = format!("{} {:?}, per token: {}", c.name, r.loss, r.per_token);
            let mut stats = PolicyLossStats::default();
            for (i, logp) in c.logp.iter().enumerate() {
                let (advantages, weight) = if r.per_token {
                    let weight = Some(c.weight[i].as_slice());
                    (Advantages::Tokens(&c.per_token[i]), weight)
                } else {
                    (Advantages::Response(c.outcome[i]), None)
                };
                let mut dlogp = vec![0.0; logp.len()];
                let (old, scale) = (&c.old_logp[i], 1.0 / tokens as f64);
                stats.merge(
                    r.loss
                        .apply(logp, old, advantages, weight, scale, &mut dlogp),
                );
                assert_close(&name, &dlogp, &r.dlogp[i]);
            }
            assert_relative_eq!(stats.loss, r.value, max_relative = 1e-9);
            assert_eq!((stats.tokens, stats.clipped), (tokens, r.clipped), "{name}");
        }
    }
}

#[test]
fn straight_through_kl_and_kl_in_the_reward_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Form {
        value: f64,
        dlogp: Rows<f64>,
        rewards: Rows<f64>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        logp: Rows<f32>,
        ref_logp: Rows<f32>,
        coefficient: f64,
        k1_plus: Form,
        k3_plus: Form,
    }
    for c in cases::<Case>(include_str!("golden/kl_forms.json")) {
        for (kind, plain, expected) in [
            (KlKind::K1Plus, KlKind::K1, &c.k1_plus),
            (KlKind::K3Plus, KlKind::K3, &c.k3_plus),
        ] {
            let mut value = 0.0;
            for (i, logp) in c.logp.iter().enumerate() {
                let name = format!("{} {kind:?} response {i}", c.name);
                let mut dlogp = vec![0.0; logp.len()];
                value += kl_penalty(kind, logp, &c.ref_logp[i], 1.0, &mut dlogp);
                assert_close(&name, &dlogp, &expected.dlogp[i]);
                for kind in [kind, plain] {
                    let rewards = kl_in_reward(kind, logp, &c.ref_logp[i], c.coefficient);
                    assert_close(&name, &rewards, &expected.rewards[i]);
                }
            }
            assert_relative_eq!(value, expected.value, max_relative = 1e-9, epsilon = 1e-12);
        }
    }
}

#[test]
fn importance_weights_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Outcome {
        rule: ImportanceWeights,
        weights: Rows<f64>,
        bounded: usize,
        mean: f64,
        max: f64,
        min: f64,
        effective_sample_size: f64,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        trainer: Rows<f32>,
        sampler: Rows<f32>,
        mismatch: f64,
        mismatch_max: f64,
        results: Vec<Outcome>,
    }
    for c in cases::<Case>(include_str!("golden/importance_weights.json")) {
        for r in &c.results {
            let name = format!("{} {:?}", c.name, r.rule);
            let mut stats = ImportanceStats::default();
            for (i, trainer) in c.trainer.iter().enumerate() {
                let (weights, more) = r.rule.weights(trainer, &c.sampler[i]);
                assert_close(&name, &weights, &r.weights[i]);
                stats.merge(more);
            }
            assert_eq!(stats.bounded, r.bounded, "{name}");
            for (found, expected) in [
                (stats.mean(), r.mean),
                (stats.weight_max, r.max),
                (stats.weight_min, r.min),
                (stats.effective_sample_size(), r.effective_sample_size),
                (stats.mismatch(), c.mismatch),
                (stats.mismatch_max, c.mismatch_max),
            ] {
                assert_relative_eq!(found, expected, max_relative = 1e-9, epsilon = 1e-12);
            }
        }
    }
}

#[test]
fn scales_equal_the_golden_derivatives_of_the_mean() {
    #[derive(Deserialize)]
    struct Scales {
        mode: Aggregation,
        values: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Case {
        lengths: Vec<usize>,
        scales: Vec<Scales>,
    }
    for c in cases::<Case>(include_str!("golden/aggregation.json")) {
        for s in &c.scales {
            let found = s.mode.scales(&c.lengths);
            assert_relative_eq!(found[..], s.values[..], max_relative = 1e-12);
        }
    }
}

#[test]
fn the_entropy_of_a_row_and_its_gradient_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Outcome {
        entropy: f64,
        gradient: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Case {
        logits: Rows<f32>,
        results: Vec<Outcome>,
    }
    for c in cases::<Case>(include_str!("golden/entropy.json")) {
        for (logits, r) in c.logits.iter().zip(&c.results) {
            let (entropy, gradient) = entropy_row(logits);
            assert_relative_eq!(entropy, r.entropy, max_relative = 1e-9, epsilon = 1e-12);
            let close = gradient.iter().zip(&r.gradient);
            for (&found, &expected) in close {
                assert_relative_eq!(found, expected, max_relative = 1e-9, epsilon = 1e-12);
            }
            assert_eq!(gradient.len(), r.gradient.len());
        }
    }
}
