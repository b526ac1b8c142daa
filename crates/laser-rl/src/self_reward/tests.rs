use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;
use crate::{AdvantageKind, group_stats};

const SR: SelfReward = SelfReward {
    beta_v: 0.1,
    c_ref: -23.0,
};
const MIX: AdvantageMix = AdvantageMix {
    tau: 0.1,
    std_gate: 0.1,
};

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

/// Log-softmax of the entry `i`.
fn log_softmax(logits: &[f64], i: usize) -> f64 {
    logits[i] - logits.iter().map(|l| l.exp()).sum::<f64>().ln()
}

#[test]
fn the_score_is_zero_at_the_reference_and_one_after_one_over_beta_nats() {
    assert_eq!(SR.score(-23.0), 0.0);
    assert_relative_eq!(SR.score(-13.0), 1.0);
    assert_relative_eq!(SR.score(-18.0), 0.5);
    assert_relative_eq!(SR.score(-28.0), -0.5);
}

#[test]
fn known_logits_give_the_score_of_the_formula() {
    // p(z_c) = e^0 / (e^3 + e^1 + e^0).
    let logp = log_softmax(&[3.0, 1.0, 0.0], 2);
    let expected = 0.1 * (-(3f64.exp() + 1f64.exp() + 1.0).ln() + 23.0);
    assert_relative_eq!(f64::from(SR.score(logp as f32)), expected, epsilon = 1e-6);
}

#[test]
fn class_weights_make_both_classes_count_alike() {
    let labels = [true, false, false, false];
    let w = ClassWeights::from_labels(labels.into_iter());
    assert_eq!((w.correct, w.incorrect), (2.0, 2.0 / 3.0));
    assert_eq!((w.of(true), w.of(false)), (w.correct, w.incorrect));
}

#[test]
fn a_missing_class_weighs_nothing_and_the_other_one_half() {
    let right = ClassWeights::from_labels([true; 5].into_iter());
    assert_eq!((right.correct, right.incorrect), (0.5, 0.0));
    let wrong = ClassWeights::from_labels([false; 5].into_iter());
    assert_eq!((wrong.correct, wrong.incorrect), (0.0, 0.5));
    let none = ClassWeights::from_labels([].into_iter());
    assert_eq!((none.correct, none.incorrect), (0.0, 0.0));
    assert_eq!(
        ClassWeights::unit(),
        ClassWeights {
            correct: 1.0,
            incorrect: 1.0
        }
    );
}

#[test]
fn the_regression_has_its_hand_computed_value_and_gradient() {
    // r_s = 0.5, r_v = 1: error −0.5; 0.25 · 2 · 0.25 and 2 · 0.25 · 2 · −0.5 · 0.1.
    let (loss, dlogp) = self_reward_mse(&SR, -18.0, 1.0, 2.0, 0.25);
    assert_relative_eq!(loss, 0.125, epsilon = 1e-7);
    assert_relative_eq!(dlogp, -0.05, epsilon = 1e-7);
}

#[test]
fn the_regression_gradient_equals_finite_differences() {
    for at in [-40.0f32, -23.0, -18.0, -13.0, -2.0] {
        for reward in [0.0, 1.0] {
            let run = |x: f32| self_reward_mse(&SR, x, reward, 1.3, 0.7);
            let (low, high) = (at - 1e-2, at + 1e-2);
            let step = f64::from(high) - f64::from(low);
            let expected = (run(high).0 - run(low).0) / step;
            assert_relative_eq!(f64::from(run(at).1), expected, epsilon = 1e-7);
        }
    }
}

#[test]
fn alpha_zero_leaves_loss_and_gradient_bit_for_bit() {
    let grad = [-0.25f32, 1e-30, 7.5];
    for g in grad {
        let (loss, dlogp) = self_reward_mse(&SR, -3.0, 0.0, 2.0, 0.0);
        assert_eq!((1.5 + loss).to_bits(), 1.5f64.to_bits());
        assert_eq!((g + dlogp).to_bits(), g.to_bits());
    }
}

#[test]
fn the_score_is_not_clamped_in_the_regression() {
    let (loss, dlogp) = self_reward_mse(&SR, 0.0, 1.0, 1.0, 1.0);
    assert_relative_eq!(loss, 1.3f64.powi(2), epsilon = 1e-6);
    assert!(dlogp > 0.0, "a score above 1 is pulled down");
}

#[test]
fn descent_on_logits_takes_the_score_to_the_label() {
    for (reward, start) in [(1.0f32, -23.0), (0.0, -13.0)] {
        let mut logits = [0.0, -1.0, start];
        for _ in 0..2000 {
            let logp = log_softmax(&logits, 2) as f32;
            let (_, dlogp) = self_reward_mse(&SR, logp, reward, 1.0, 1.0);
            for (i, l) in logits.clone().iter().enumerate() {
                let p = (l - logits.iter().map(|l| l.exp()).sum::<f64>().ln()).exp();
                logits[i] -= 0.5 * f64::from(dlogp) * (f64::from(u8::from(i == 2)) - p);
            }
        }
        let score = SR.score(log_softmax(&logits, 2) as f32);
        assert_relative_eq!(score, reward, epsilon = 1e-3);
    }
}

#[test]
fn the_mix_has_its_hand_computed_value() {
    // Scores 1, 0, 0 (clamped): mean 1/3, std sqrt(1/3).
    let a_v = [0.5, -1.0, 2.0];
    let scores = [Some(1.4), Some(-0.2), Some(0.0)];
    let std = (1.0f32 / 3.0).sqrt();
    let mixed = mix_advantages(&MIX, &a_v, &scores);
    assert_relative_eq!(mixed[0], 0.45 + 0.1 * (2.0 / 3.0) / std, epsilon = 1e-6);
    assert_relative_eq!(mixed[1], -0.9 - 0.1 * (1.0 / 3.0) / std, epsilon = 1e-6);
    assert_relative_eq!(mixed[2], 1.8 - 0.1 * (1.0 / 3.0) / std, epsilon = 1e-6);
}

#[test]
fn constant_scores_leave_the_advantages_bit_for_bit() {
    let a_v = AdvantageKind::Grpo.advantages(&[1.0, 0.0, 0.0, 1.0, 0.0]);
    for score in [-3.0, 0.0, 0.37, 1.0, 8.0] {
        let mixed = mix_advantages(&MIX, &a_v, &[Some(score); 5]);
        assert_eq!(bits(&mixed), bits(&a_v));
    }
    // Different scores beyond the clamp are constant too.
    let mixed = mix_advantages(&MIX, &a_v, &[1.0, 1.5, 2.0, 9.0, 1.1].map(Some));
    assert_eq!(bits(&mixed), bits(&a_v));
}

#[test]
fn the_gate_is_closed_at_exactly_the_threshold() {
    // Mean 0.5, squared deviations 0.25 + 0 + 0.25 over 2: std is 0.5 without rounding.
    let scores = [Some(0.0), Some(0.5), Some(1.0)];
    let a_v = [1.0, 0.0, -1.0];
    let gated = |std_gate| mix_advantages(&AdvantageMix { tau: 0.5, std_gate }, &a_v, &scores);
    assert_eq!(gated(0.5), a_v);
    assert_eq!(gated(0.499), [0.0, 0.0, 0.0]);
}

#[test]
fn a_group_of_equal_rewards_still_gets_the_scores_signal() {
    let mixed = mix_advantages(&MIX, &[0.0, 0.0], &[Some(1.0), Some(0.0)]);
    let expected = 0.1 * 0.5 / 0.5f32.sqrt();
    assert_relative_eq!(mixed[0], expected, epsilon = 1e-7);
    assert_relative_eq!(mixed[1], -expected, epsilon = 1e-7);
}

#[test]
fn truncated_responses_keep_their_advantage_and_do_not_move_the_others() {
    let with = mix_advantages(&MIX, &[1.0, -3.0, -1.0], &[Some(0.9), None, Some(0.1)]);
    let without = mix_advantages(&MIX, &[1.0, -1.0], &[Some(0.9), Some(0.1)]);
    assert_eq!(with[1], -3.0);
    assert_eq!([with[0], with[2]], without[..]);
}

#[test]
fn fewer_than_two_finished_responses_leave_the_advantages() {
    let a_v = [0.3, -0.1, 0.2];
    let open = AdvantageMix {
        tau: 1.0,
        std_gate: 0.0,
    };
    assert_eq!(mix_advantages(&open, &a_v, &[None; 3]), a_v);
    assert_eq!(mix_advantages(&open, &a_v, &[None, Some(0.5), None]), a_v);
    assert!(mix_advantages(&open, &[], &[]).is_empty());
}

#[test]
fn a_nan_score_or_a_negative_gate_never_makes_an_advantage_non_finite() {
    let a_v = [0.3, -0.1];
    let open = AdvantageMix {
        tau: 0.5,
        std_gate: -1.0,
    };
    assert_eq!(mix_advantages(&open, &a_v, &[Some(0.5), Some(0.5)]), a_v);
    assert_eq!(
        mix_advantages(&open, &a_v, &[Some(f32::NAN), Some(0.5)]),
        a_v
    );
    let infinite = mix_advantages(&open, &a_v, &[Some(f32::NEG_INFINITY), Some(1.0)]);
    assert!(infinite.iter().all(|a| a.is_finite()));
}

#[test]
fn the_partition_excess_has_the_values_of_the_papers_setting() {
    assert_relative_eq!(partition_excess(-23.0, 0.1), 2.26e-6, max_relative = 2e-3);
    assert_relative_eq!(partition_excess(-23.0, 0.2), 1.51e-8, max_relative = 2e-3);
    assert_relative_eq!(partition_excess(-23.0, 0.05), 0.0498, max_relative = 2e-3);
    let direct = (-2.0f64).exp() * (0.25f64.exp() - 1.0);
    assert_relative_eq!(partition_excess(-2.0, 4.0), direct, max_relative = 1e-12);
}

#[test]
fn the_partition_excess_only_overflows_if_z_does() {
    // e^{1/β_v} alone would be e^1024.
    let tiny = 1.0 / 1024.0;
    assert_relative_eq!(
        partition_excess(-1023.0, tiny),
        1f64.exp(),
        max_relative = 1e-9
    );
    assert!(partition_excess(-1.0, tiny).is_infinite());
    assert_eq!(partition_excess(f32::NEG_INFINITY, 0.1), 0.0);
}

#[test]
fn no_beta_satisfies_a_bound_of_zero() {
    assert_eq!(smallest_beta_v(-23.0, 0.0), f64::INFINITY);
    assert_eq!(smallest_beta_v(-23.0, -1.0), f64::INFINITY);
}

#[test]
fn warm_ups_add_up_and_end_after_their_last_step() {
    let warm_up = WarmUp {
        reasoning: 200,
        self_reward: 200,
    };
    assert_eq!([200, 201].map(|s| warm_up.mse_active(s)), [false, true]);
    assert_eq!([400, 401].map(|s| warm_up.mix_active(s)), [false, true]);
    let none = WarmUp::default();
    assert!(none.mse_active(1) && none.mix_active(1));
    let forever = WarmUp {
        reasoning: u64::MAX,
        self_reward: u64::MAX,
    };
    assert!(!forever.mse_active(u64::MAX) && !forever.mix_active(u64::MAX));
}

prop_compose! {
    fn group()(rows in prop::collection::vec(
        (-2.0f32..2.0, prop::option::weighted(0.8, -1.0f32..2.0)), 0..16,
    )) -> (Vec<f32>, Vec<Option<f32>>) {
        rows.into_iter().unzip()
    }
}

proptest! {
    #[test]
    fn tau_zero_leaves_the_advantages_bit_for_bit((a_v, scores) in group()) {
        let off = AdvantageMix { tau: 0.0, std_gate: 0.0 };
        prop_assert_eq!(bits(&mix_advantages(&off, &a_v, &scores)), bits(&a_v));
    }

    #[test]
    fn at_tau_one_the_finished_are_normalised_and_the_truncated_untouched(
        (a_v, scores) in group(),
    ) {
        let full = AdvantageMix { tau: 1.0, std_gate: 0.1 };
        let mixed = mix_advantages(&full, &a_v, &scores);
        let clamped: Vec<f32> =
            scores.iter().flatten().map(|s| s.clamp(0.0, 1.0)).collect();
        for i in 0..a_v.len() {
            if scores[i].is_none() {
                prop_assert_eq!(mixed[i].to_bits(), a_v[i].to_bits());
            }
        }
        if group_stats(&clamped).std > 0.101 {
            let finished: Vec<f32> = (0..a_v.len())
                .filter(|&i| scores[i].is_some())
                .map(|i| mixed[i])
                .collect();
            let stats = group_stats(&finished);
            prop_assert!(stats.mean.abs() < 1e-5 && (stats.std - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn class_weights_average_to_one_and_balance(labels in prop::collection::vec(any::<bool>(), 1..200)) {
        let w = ClassWeights::from_labels(labels.iter().copied());
        let sum = |class| -> f64 {
            labels.iter().filter(|&&l| l == class).map(|&l| f64::from(w.of(l))).sum()
        };
        let n = labels.len() as f64;
        for class in [true, false] {
            if labels.contains(&class) {
                prop_assert!((sum(class) - n / 2.0).abs() < 1e-4 * n);
            }
        }
    }

    #[test]
    fn the_smallest_beta_meets_its_bound(logp in -40.0f32..-1.0, exponent in -8i32..1) {
        let bound = 10f64.powi(exponent);
        let beta = smallest_beta_v(logp, bound) as f32;
        prop_assert!((partition_excess(logp, beta) / bound - 1.0).abs() < 1e-4);
    }

    #[test]
    fn scores_grow_with_the_log_probability(a in -60.0f32..0.0, b in -60.0f32..0.0) {
        prop_assert!(SR.score(a.min(b)) <= SR.score(a.max(b)));
    }
}

#[test]
fn the_cross_entropy_is_the_likelihood_of_the_label_token() {
    let (loss, slope) = self_reward_cross_entropy(-0.75, 2.0, 0.125);
    assert_eq!((loss, slope), (0.1875, -0.25));
    // Down to the end of what f32 holds, and at probability 1.
    assert_eq!(self_reward_cross_entropy(0.0, 1.0, 1.0).0, 0.0);
    assert_eq!(self_reward_cross_entropy(-100.0, 0.5, 1.0), (50.0, -0.5));
}
