use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

const CFG: PpoClip = PpoClip {
    clip_low: 0.2,
    clip_high: 0.3,
    dual_clip: Some(3.0),
};

/// Loss and gradient of one token whose ratio is `ratio`.
fn one_token(cfg: &PpoClip, ratio: f64, advantage: f32) -> (PolicyLossStats, f32) {
    let mut dlogp = [0.0];
    let old = [-1.5f32];
    let logp = [-1.5 + ratio.ln() as f32];
    let stats = ppo_clip(cfg, &logp, &old, advantage, 1.0, &mut dlogp);
    (stats, dlogp[0])
}

/// Central difference in f64 with the step that f32 really took.
fn difference(value: impl Fn(f32) -> f64, at: f32) -> f64 {
    let (low, high) = (at - 1e-3, at + 1e-3);
    (value(high) - value(low)) / (f64::from(high) - f64::from(low))
}

#[test]
fn a_good_token_is_clipped_above_and_only_there() {
    let (stats, grad) = one_token(&CFG, 1.5, 2.0);
    assert_relative_eq!(stats.loss, -2.6, epsilon = 1e-6);
    assert_eq!((stats.clipped, grad), (1, 0.0));
    assert_eq!((stats.clipped_low, stats.clipped_high), (0, 1));

    let (stats, grad) = one_token(&CFG, 0.5, 2.0);
    assert_relative_eq!(stats.loss, -1.0, epsilon = 1e-6);
    assert_relative_eq!(grad, -1.0, epsilon = 1e-6);
    assert_eq!(stats.clipped, 0);
}

#[test]
fn a_bad_token_is_clipped_below_and_by_the_dual_clip() {
    let (stats, grad) = one_token(&CFG, 0.5, -2.0);
    assert_relative_eq!(stats.loss, 1.6, epsilon = 1e-6);
    assert_eq!((stats.clipped, grad), (1, 0.0));
    assert_eq!((stats.clipped_low, stats.clipped_high), (1, 0));

    let (stats, grad) = one_token(&CFG, 2.0, -2.0);
    assert_relative_eq!(stats.loss, 4.0, epsilon = 1e-6);
    assert_relative_eq!(grad, 4.0, epsilon = 1e-6);
    assert_eq!(stats.clipped, 0);

    let (stats, grad) = one_token(&CFG, 5.0, -2.0);
    assert_relative_eq!(stats.loss, 6.0, epsilon = 1e-6);
    assert_eq!((stats.clipped, grad), (1, 0.0));
    assert_eq!((stats.clipped_low, stats.clipped_high), (0, 0));
}

#[test]
fn without_dual_clip_a_bad_token_is_unbounded_above() {
    let cfg = PpoClip {
        dual_clip: None,
        ..CFG
    };
    let (stats, grad) = one_token(&cfg, 5.0, -2.0);
    assert_relative_eq!(stats.loss, 10.0, epsilon = 1e-5);
    assert_relative_eq!(grad, 10.0, epsilon = 1e-5);
    assert_eq!(stats.clipped, 0);
}

#[test]
fn on_policy_the_gradient_is_minus_the_advantage() {
    let logp = [-0.1, -2.0, -7.5];
    let mut dlogp = [0.0; 3];
    let stats = ppo_clip(&CFG, &logp, &logp, 0.75, 1.0, &mut dlogp);
    assert_eq!(dlogp, [-0.75; 3]);
    assert_eq!(stats.loss, -2.25);
    assert_eq!((stats.tokens, stats.clipped), (3, 0));
    assert_eq!((stats.approx_kl_sum, stats.ratio_max), (0.0, 1.0));
}

#[test]
fn the_approximate_kl_is_k3_of_old_against_current() {
    let mut dlogp = [0.0; 2];
    let stats = ppo_clip(&CFG, &[-1.0, -2.0], &[-1.5, -1.0], 1.0, 1.0, &mut dlogp);
    // e^0.5 − 1 − 0.5 and e^−1 − 1 + 1.
    let expected = (0.5f64.exp() - 1.5) + (-1.0f64).exp();
    assert_relative_eq!(stats.approx_kl_sum, expected, epsilon = 1e-12);
    assert_relative_eq!(stats.approx_kl(), expected / 2.0, epsilon = 1e-12);
    assert_relative_eq!(stats.ratio_max, 0.5f32.exp());
    assert_relative_eq!(stats.ratio_min, (-1.0f32).exp());
    let mean = (0.5f64.exp() + (-1.0f64).exp()) / 2.0;
    assert_relative_eq!(stats.ratio_mean(), mean, epsilon = 1e-12);
}

#[test]
fn a_response_without_tokens_does_not_become_the_smallest_ratio() {
    let ratios = |logp: &[f32]| {
        let old = vec![-1.0; logp.len()];
        ppo_clip(&CFG, logp, &old, 1.0, 1.0, &mut vec![0.0; logp.len()])
    };
    let (empty, one) = (ratios(&[]), ratios(&[-0.5]));
    assert_eq!((empty.ratio_min, empty.ratio_mean()), (0.0, 1.0));
    for (first, second) in [(empty, one), (one, empty)] {
        let mut merged = first;
        merged.merge(second);
        assert_eq!(merged.ratio_min, one.ratio_min);
    }
}

#[test]
fn a_zero_advantage_leaves_the_gradient_bit_for_bit() {
    let before = [0.25f32, -0.0, -3.5];
    let mut dlogp = before;
    let stats = ppo_clip(
        &CFG,
        &[-1.0, -9.0, -0.1],
        &[-2.0, -1.0, -30.0],
        0.0,
        0.1,
        &mut dlogp,
    );
    assert_eq!(dlogp.map(f32::to_bits), before.map(f32::to_bits));
    assert_eq!((stats.loss, stats.clipped), (0.0, 0));
}

#[test]
fn the_policy_gradient_equals_finite_differences_on_both_sides_of_every_clip() {
    for dual_clip in [None, Some(3.0)] {
        let cfg = PpoClip { dual_clip, ..CFG };
        for advantage in [-1.7f32, 0.9] {
            for ratio in [
                0.3, 0.7, 0.79, 0.81, 1.0, 1.2, 1.29, 1.31, 2.0, 2.9, 3.1, 6.0,
            ] {
                let at = -2.0 + f64::ln(ratio) as f32;
                let run = |x: f32| {
                    let mut dlogp = [0.0];
                    let stats = ppo_clip(&cfg, &[x], &[-2.0], advantage, 0.37, &mut dlogp);
                    (stats.loss, f64::from(dlogp[0]))
                };
                let expected = difference(|x| run(x).0, at);
                assert_relative_eq!(run(at).1, expected, epsilon = 1e-6, max_relative = 1e-5);
            }
        }
    }
}

#[test]
fn the_loss_has_no_jump_at_a_clip() {
    for advantage in [-1.0, 1.0] {
        for edge in [0.8, 1.3, 3.0] {
            let below = one_token(&CFG, edge - 1e-5, advantage).0.loss;
            let above = one_token(&CFG, edge + 1e-5, advantage).0.loss;
            assert!((below - above).abs() < 1e-4);
        }
    }
}

#[test]
fn enormous_log_ratios_stay_finite() {
    for (new, old) in [(-1.0, -1e30), (-1e30, -1.0)] {
        for advantage in [-1.0, 1.0] {
            let cfg = PpoClip {
                dual_clip: None,
                ..CFG
            };
            let mut dlogp = [0.0];
            let stats = ppo_clip(&cfg, &[new], &[old], advantage, 1.0, &mut dlogp);
            assert!(stats.loss.is_finite() && dlogp[0].is_finite());
            assert!(stats.approx_kl_sum.is_finite());
        }
        let mut dlogp = [0.0];
        assert!(kl_penalty(KlKind::K3, &[new], &[old], 1.0, &mut dlogp).is_finite());
        assert!(dlogp[0].is_finite());
    }
}

#[test]
fn kl_estimators_have_their_defining_values() {
    let value = |kind| kl_penalty(kind, &[-1.0], &[-1.5], 2.0, &mut [0.0]);
    assert_eq!(value(KlKind::K1), 1.0);
    assert_eq!(value(KlKind::K2), 0.25);
    assert_relative_eq!(
        value(KlKind::K3),
        2.0 * ((-0.5f64).exp() - 0.5),
        epsilon = 1e-12
    );
    assert_eq!(value(KlKind::Abs), 1.0);
}

#[test]
fn kl_gradients_equal_finite_differences() {
    for kind in [KlKind::K1, KlKind::K2, KlKind::K3, KlKind::Abs] {
        // 25 nats apart lies beyond the point where exp continues as its tangent.
        for at in [-27.0f32, -4.0, -2.1, -1.9, -0.5] {
            let run = |x: f32| {
                let mut dlogp = [0.0];
                let value = kl_penalty(kind, &[x], &[-2.0], 0.21, &mut dlogp);
                (value, f64::from(dlogp[0]))
            };
            let expected = difference(|x| run(x).0, at);
            assert_relative_eq!(run(at).1, expected, epsilon = 1e-6, max_relative = 1e-5);
        }
    }
}

#[test]
fn equal_policies_have_no_kl_and_only_k1_pulls_on_them() {
    for kind in [KlKind::K2, KlKind::K3, KlKind::Abs] {
        let mut dlogp = [0.0];
        assert_eq!(kl_penalty(kind, &[-3.0], &[-3.0], 1.0, &mut dlogp), 0.0);
        assert_eq!(dlogp, [0.0]);
    }
    let mut dlogp = [0.0];
    assert_eq!(
        kl_penalty(KlKind::K1, &[-3.0], &[-3.0], 1.0, &mut dlogp),
        0.0
    );
    assert_eq!(dlogp, [1.0]);
}

#[test]
fn nll_is_the_scaled_negative_sum_with_a_constant_gradient() {
    let mut dlogp = [1.0, 0.0];
    assert_eq!(nll(&[-1.0, -2.5], 0.5, &mut dlogp), 1.75);
    assert_eq!(dlogp, [0.5, -0.5]);
    let expected = difference(|x| nll(&[x], 0.5, &mut [0.0]), -1.0);
    assert_relative_eq!(expected, -0.5, epsilon = 1e-9);
}

#[test]
fn empty_responses_add_nothing() {
    assert_eq!(
        ppo_clip(&CFG, &[], &[], 1.0, 1.0, &mut []),
        PolicyLossStats::default()
    );
    assert_eq!(kl_penalty(KlKind::K3, &[], &[], 1.0, &mut []), 0.0);
    assert_eq!(nll(&[], 1.0, &mut []), 0.0);
    assert_eq!(PolicyLossStats::default().clip_fraction(), 0.0);
}

#[test]
fn a_non_finite_number_is_reported_with_its_place() {
    assert!(check_finite("logp", &[-1.0, 0.0, f32::MAX]).is_ok());
    let error = check_finite("logp", &[-1.0, f32::NEG_INFINITY, f32::NAN]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "logp[1] is -inf, expected a finite number"
    );
    assert_eq!(check_finite("x", &[f32::NAN]).unwrap_err().index, 0);
}

#[test]
#[should_panic(expected = "length of old does not fit")]
fn a_wrong_length_is_refused() {
    ppo_clip(&CFG, &[-1.0], &[], 1.0, 1.0, &mut [0.0]);
}

proptest! {
    #[test]
    fn micro_batches_add_up_to_the_whole(
        tokens in prop::collection::vec((-8.0f32..0.0, -8.0f32..0.0), 1..40),
        cut in 0usize..40,
        advantage in -2.0f32..2.0,
    ) {
        let (logp, old): (Vec<f32>, Vec<f32>) = tokens.into_iter().unzip();
        let cut = cut.min(logp.len());
        let scale = 1.0 / logp.len() as f64;

        let mut whole_grad = vec![0.0; logp.len()];
        let whole = ppo_clip(&CFG, &logp, &old, advantage, scale, &mut whole_grad);

        let mut grad = vec![0.0; logp.len()];
        let (left, right) = grad.split_at_mut(cut);
        let mut parts = ppo_clip(&CFG, &logp[..cut], &old[..cut], advantage, scale, left);
        parts.merge(ppo_clip(&CFG, &logp[cut..], &old[cut..], advantage, scale, right));

        prop_assert_eq!(grad, whole_grad);
        prop_assert_eq!((parts.clipped, parts.tokens), (whole.clipped, whole.tokens));
        prop_assert_eq!(parts.clipped_low, whole.clipped_low);
        prop_assert_eq!(parts.clipped_high, whole.clipped_high);
        prop_assert_eq!((parts.ratio_min, parts.ratio_max), (whole.ratio_min, whole.ratio_max));
        prop_assert_eq!(parts.ratio_max, whole.ratio_max);
        prop_assert!((parts.loss - whole.loss).abs() <= 1e-12 * whole.loss.abs().max(1.0));
    }

    #[test]
    fn k3_is_never_negative(logp in -50.0f32..0.0, reference in -50.0f32..0.0) {
        prop_assert!(kl_penalty(KlKind::K3, &[logp], &[reference], 1.0, &mut [0.0]) >= 0.0);
    }

    #[test]
    fn the_loss_is_never_below_the_unclipped_one_unless_the_dual_clip_acts(
        log_ratio in -3.0f32..3.0,
        advantage in -2.0f32..2.0,
    ) {
        let cfg = PpoClip { dual_clip: None, ..CFG };
        let loss = ppo_clip(&cfg, &[log_ratio], &[0.0], advantage, 1.0, &mut [0.0]).loss;
        let plain = -f64::from(advantage) * f64::from(log_ratio).exp();
        prop_assert!(loss >= plain - 1e-12);
        let dual = ppo_clip(&CFG, &[log_ratio], &[0.0], advantage, 1.0, &mut [0.0]).loss;
        prop_assert!(dual <= loss);
    }
}
