use approx::assert_relative_eq;

use super::*;

#[test]
fn straight_through_kinds_have_the_gradient_of_k2() {
    for d in [-3.0f32, -0.01, 0.0, 0.4, 2.0] {
        let mut expected = [0.0];
        kl_penalty(KlKind::K2, &[d], &[0.0], 0.3, &mut expected);
        for (kind, plain) in [(KlKind::K1Plus, KlKind::K1), (KlKind::K3Plus, KlKind::K3)] {
            let mut dlogp = [0.0];
            let value = kl_penalty(kind, &[d], &[0.0], 0.3, &mut dlogp);
            assert_eq!(dlogp, expected);
            assert_eq!(value, kl_penalty(plain, &[d], &[0.0], 0.3, &mut dlogp));
        }
    }
}

#[test]
fn the_reward_falls_where_the_policy_leaves_the_reference() {
    let rewards = kl_in_reward(KlKind::K1, &[-1.0, -2.0], &[-1.5, -1.0], 0.5);
    assert_eq!(rewards, [-0.25, 0.5]);
    let rewards = kl_in_reward(KlKind::K3, &[-1.0, -2.0], &[-1.5, -2.0], 0.5);
    assert_relative_eq!(rewards[0], -0.5 * ((-0.5f32).exp() - 0.5), epsilon = 1e-7);
    assert_eq!(rewards[1], 0.0);
}

#[test]
fn the_adaptive_coefficient_follows_the_kl_by_at_most_a_fifth_per_horizon() {
    let start = AdaptiveKl {
        coefficient: 0.2,
        target: 6.0,
        horizon: 10_000.0,
    };
    for (kl, responses, expected) in [
        (6.0, 512, 0.2),
        (6.6, 1000, 0.2 * 1.01),
        (60.0, 1000, 0.2 * 1.02),
        (f64::INFINITY, 1000, 0.2 * 1.02),
        (0.0, 1000, 0.2 * 0.98),
        (f64::NAN, 1000, 0.2),
        (0.0, 1_000_000, 0.0),
    ] {
        let mut kl_control = start;
        kl_control.update(kl, responses);
        assert_relative_eq!(kl_control.coefficient, expected, epsilon = 1e-12);
    }
}
