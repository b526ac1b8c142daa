use proptest::prelude::*;

use super::*;
use crate::{AdvantageKind, Credit};

/// A group with random states: errors `[T, 3]`, hidden `[T, 2]`, labels.
fn group() -> impl Strategy<Value = Vec<(Vec<f32>, Vec<f32>, bool)>> {
    let response = (0usize..5, any::<bool>()).prop_flat_map(|(tokens, correct)| {
        let numbers = |n| prop::collection::vec(-1.0f32..1.0, n);
        (numbers(3 * tokens), numbers(2 * tokens), Just(correct))
    });
    prop::collection::vec(response, 1..6)
}

fn states(group: &[(Vec<f32>, Vec<f32>, bool)]) -> Vec<TokenStates<'_>> {
    let rows = group.iter();
    rows.map(|(errors, hidden, correct)| TokenStates {
        errors,
        hidden,
        correct: *correct,
    })
    .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

proptest! {
    #[test]
    fn the_matrix_form_is_the_sum_over_pairs_of_tokens(group in group()) {
        let found = hidden_rewards(&states(&group), 3, 2);
        for ((errors, hidden, right), found) in group.iter().zip(&found) {
            prop_assert_eq!(found.len(), hidden.len() / 2);
            for (k, found) in found.iter().enumerate() {
                let (g, h) = (&errors[3 * k..3 * k + 3], &hidden[2 * k..2 * k + 2]);
                let mut sum = 0.0;
                for (errors, hidden, _) in group.iter().filter(|r| r.2) {
                    let pairs = errors.chunks(3).zip(hidden.chunks(2));
                    let own: f64 = pairs.map(|(a, b)| dot(a, g) * dot(b, h)).sum();
                    sum += own / (hidden.len() / 2).max(1) as f64;
                }
                let expected = if *right { sum } else { -sum };
                prop_assert!((f64::from(*found) - expected).abs() < 1e-6 * (1.0 + expected.abs()));
            }
        }
    }

    #[test]
    fn without_a_threshold_and_with_p_zero_every_advantage_keeps_its_bits(
        influence in prop::collection::vec(-2.0f32..2.0, 4),
        advantages in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO, 4),
    ) {
        let plain = HiddenReward { p: 0.0, threshold: None };
        let found = credited(plain, [&influence[..2], &influence[2..]], &advantages);
        let bits = |row: &[f32]| row.iter().map(|a| a.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&advantages));
    }
}

/// A right and a wrong response of two tokens.
fn credited(method: HiddenReward, influence: [&[f32]; 2], advantages: &[f32]) -> Vec<f32> {
    let view = |(influence, correct)| ResponseView {
        ids: &[1, 2],
        correct,
        influence,
        ..ResponseView::default()
    };
    let group: Vec<ResponseView> = influence.into_iter().zip([true, false]).map(view).collect();
    let mut tokens = vec![advantages[..2].to_vec(), advantages[2..].to_vec()];
    let kind = AdvantageKind::Grpo;
    Credit::HiddenReward(method).apply(kind, &group, &[1.0, 0.0], &mut tokens);
    tokens.concat()
}

#[test]
fn tokens_of_little_influence_lose_their_advantage_and_the_sign_decides_for_the_others() {
    let influence: [&[f32]; 2] = [&[0.5, -1.5], &[-3.0, 0.25]];
    let found = |p, threshold| {
        let method = HiddenReward { p, threshold };
        credited(method, influence, &[1.0, 1.0, -1.0, -1.0])
    };
    assert_eq!(found(0.5, None), [1.5, 0.5, -0.5, -1.5]);
    let half = Some(InfluenceThreshold::Value(0.5));
    assert_eq!(found(0.5, half), [0.0, 0.5, -0.5, 0.0]);
    assert_eq!(found(-0.5, half), [0.0, 1.5, -1.5, 0.0]);
    // The mean of the only right response is −½: no |THR| lies below it.
    let mean = Some(InfluenceThreshold::LeastMean(1.0));
    assert_eq!(found(0.0, mean), [1.0, 1.0, -1.0, -1.0]);
}

#[test]
fn the_threshold_is_the_smallest_or_the_mean_influence_of_right_responses() {
    let view = |influence, correct| ResponseView {
        correct,
        influence,
        ..ResponseView::default()
    };
    let group = [
        view(&[1.0, 3.0], true),
        view(&[9.0], false),
        view(&[4.0], true),
    ];
    assert_eq!(InfluenceThreshold::LeastMean(0.5).of(&group), 1.0);
    assert_eq!(InfluenceThreshold::Mean(0.5).of(&group), 1.5);
    assert_eq!(InfluenceThreshold::Value(0.5).of(&group), 0.5);
}

#[test]
fn groups_that_are_right_or_wrong_throughout_stay_as_they_are() {
    let view = ResponseView {
        ids: &[1],
        ..ResponseView::default()
    };
    let strict = HiddenReward {
        p: 0.5,
        threshold: Some(InfluenceThreshold::Value(1e9)),
    };
    for correct in [false, true] {
        let group = [ResponseView { correct, ..view }; 3];
        let mut tokens = vec![vec![0.25]; 3];
        strict.apply(&group, &mut tokens);
        assert_eq!(tokens, vec![vec![0.25]; 3]);
    }
    assert!(!is_mixed([]) && !is_mixed([true]) && is_mixed([false, false, true]));
}

#[test]
fn errors_keep_their_digits_where_a_token_was_nearly_certain() {
    let mut errors = Vec::new();
    prediction_errors(&[-1e-9, -20.0, -3.0], &[0, 2], 0, &mut errors);
    assert_eq!(errors, [1e-9, -(-3f64).exp() as f32]);
}

#[test]
fn settings_outside_their_range_are_named() {
    let named = |p, threshold| {
        let method = HiddenReward { p, threshold };
        method.validate().err().map(|e| e.key)
    };
    assert_eq!(named(-1.0, None), None);
    assert_eq!(named(1.5, None), Some("hidden_reward.p"));
    assert_eq!(named(f64::NAN, None), Some("hidden_reward.p"));
    let least = Some(InfluenceThreshold::LeastMean(-1.0));
    assert_eq!(
        named(0.1, least),
        Some("hidden_reward.threshold.least_mean")
    );
    let value = Some(InfluenceThreshold::Value(f64::INFINITY));
    assert_eq!(named(0.1, value), Some("hidden_reward.threshold.value"));
}
