use approx::assert_relative_eq;

use super::*;

const ONE: Gae = Gae {
    gamma: 1.0,
    lambda: 1.0,
};

#[test]
fn without_values_and_discount_advantages_are_the_rewards_to_go() {
    let (advantages, returns) = gae(&ONE, &[-0.5, 0.25, 1.0], &[0.0; 3], 0.0);
    assert_eq!(advantages, [0.75, 1.25, 1.0]);
    assert_eq!(returns, advantages);
}

#[test]
fn lambda_zero_gives_the_temporal_difference() {
    let cfg = Gae {
        gamma: 0.5,
        lambda: 0.0,
    };
    let (advantages, returns) = gae(&cfg, &[0.0, 1.0], &[0.25, 0.5], 0.0);
    // 0 + 0.5·0.5 − 0.25 and 1 + 0 − 0.5.
    assert_eq!(advantages, [0.0, 0.5]);
    assert_eq!(returns, [0.25, 1.0]);
}

#[test]
fn a_truncated_response_is_worth_what_the_critic_says() {
    let (_, returns) = gae(&ONE, &[0.0, 0.0], &[0.1, 0.2], 0.75);
    assert_eq!(returns, [0.75, 0.75]);
    let (_, returns) = gae(&ONE, &[0.0, 0.0], &[0.1, 0.2], 0.0);
    assert_relative_eq!(returns[0], 0.0, epsilon = 1e-7);
}

#[test]
fn no_tokens_give_no_advantages() {
    assert_eq!(gae(&ONE, &[], &[], 1.0), (vec![], vec![]));
}

#[test]
#[should_panic(expected = "length of values does not fit")]
fn a_missing_value_panics() {
    gae(&ONE, &[1.0, 0.0], &[0.5], 0.0);
}

#[test]
fn a_value_is_held_back_only_on_its_way_to_the_return() {
    let run = |value, target| {
        let mut dvalues = [0.0];
        let stats = value_loss(&[value], &[0.0], &[target], Some(0.2), 2.0, &mut dvalues);
        (stats.loss, dvalues[0], stats.clipped)
    };
    // Moved by 0.5 towards 1: the loss stays that of 0.2 and the gradient is gone.
    let (loss, grad, clipped) = run(0.5, 1.0);
    assert_relative_eq!(loss, 0.64, epsilon = 1e-6);
    assert_eq!((grad, clipped), (0.0, 1));
    // Moved by 0.5 away from −1: nothing holds it.
    let (loss, grad, clipped) = run(0.5, -1.0);
    assert_relative_eq!(loss, 2.25, epsilon = 1e-6);
    assert_eq!((grad, clipped), (3.0, 0));
    let (_, grad, clipped) = run(0.1, 1.0);
    assert_relative_eq!(grad, -1.8, epsilon = 1e-6);
    assert_eq!(clipped, 0);
}

#[test]
fn the_value_gradient_equals_finite_differences() {
    for clip in [None, Some(0.3)] {
        for target in [-0.7f32, 0.1, 0.9] {
            for value in [-1.0f32, -0.4, -0.2, 0.0, 0.25, 0.45, 1.3] {
                let run = |value: f32| {
                    let mut dvalues = [0.0];
                    let stats = value_loss(&[value], &[0.05], &[target], clip, 0.7, &mut dvalues);
                    (stats.loss, f64::from(dvalues[0]))
                };
                let (low, high) = (value - 1e-3, value + 1e-3);
                let expected = (run(high).0 - run(low).0) / (f64::from(high) - f64::from(low));
                assert_relative_eq!(run(value).1, expected, epsilon = 1e-6, max_relative = 1e-5);
            }
        }
    }
}

#[test]
fn gradients_are_added() {
    let mut dvalues = [1.0];
    value_loss(&[2.0], &[2.0], &[1.5], None, 1.0, &mut dvalues);
    assert_eq!(dvalues, [1.5]);
}

#[test]
fn explained_variance_is_one_for_a_perfect_critic_and_zero_for_a_constant_one() {
    let returns = [0.0, 1.0, 0.5, -2.0];
    assert_eq!(explained_variance(&returns, &returns), Some(1.0));
    let constant = explained_variance(&[3.0; 4], &returns).unwrap();
    assert_relative_eq!(constant, 0.0, epsilon = 1e-12);
    let opposite = explained_variance(&returns.map(|r| -r), &returns).unwrap();
    assert_relative_eq!(opposite, -3.0, epsilon = 1e-12);
    assert_eq!(explained_variance(&[0.1, 0.2], &[0.7, 0.7]), None);
    assert_eq!(explained_variance(&[], &[]), None);
}
