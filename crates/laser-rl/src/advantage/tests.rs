use approx::assert_relative_eq;
use proptest::prelude::*;

use super::AdvantageKind::*;
use super::*;

const ALL: [AdvantageKind; 3] = [Grpo, DrGrpo, Rloo];

#[test]
fn the_standard_deviation_is_unbiased() {
    // Squared deviations 2.25 + 0.25 + 0.25 + 2.25 = 5, divided by 3.
    let stats = group_stats(&[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(stats.mean, 2.5);
    assert_relative_eq!(stats.std, (5.0f32 / 3.0).sqrt());
}

#[test]
fn groups_without_spread_have_standard_deviation_zero() {
    assert_eq!(
        group_stats(&[]),
        GroupStats {
            mean: 0.0,
            std: 0.0
        }
    );
    assert_eq!(
        group_stats(&[0.3]),
        GroupStats {
            mean: 0.3,
            std: 0.0
        }
    );
    assert_eq!(
        group_stats(&[0.1; 7]),
        GroupStats {
            mean: 0.1,
            std: 0.0
        }
    );
}

#[test]
fn statistics_of_large_nearly_equal_values_do_not_cancel() {
    let stats = group_stats(&[1_000_000.0, 1_000_001.0, 1_000_002.0]);
    assert_eq!(
        stats,
        GroupStats {
            mean: 1_000_001.0,
            std: 1.0
        }
    );
}

#[test]
fn grpo_divides_by_the_standard_deviation_plus_epsilon() {
    // One of four right: mean 0.25, std = sqrt(0.75/3) = 0.5.
    let a = Grpo.advantages(&[1.0, 0.0, 0.0, 0.0]);
    assert_relative_eq!(a[0], 0.75 / 0.500_001, epsilon = 1e-7);
    assert_relative_eq!(a[1], -0.25 / 0.500_001, epsilon = 1e-7);
}

#[test]
fn dr_grpo_only_subtracts_the_mean() {
    assert_eq!(
        DrGrpo.advantages(&[1.0, 0.0, 0.0, 0.0]),
        [0.75, -0.25, -0.25, -0.25]
    );
}

#[test]
fn rloo_compares_with_the_mean_of_the_others() {
    assert_eq!(Rloo.advantages(&[1.0, 0.0, 0.0]), [1.0, -0.5, -0.5]);
}

#[test]
fn a_group_of_one_has_no_advantage() {
    for kind in ALL {
        assert_eq!(kind.advantages(&[0.7]), [0.0]);
        assert!(kind.advantages(&[]).is_empty());
    }
}

#[test]
fn names_in_configuration_are_snake_case() {
    assert_eq!(serde_json::to_string(&DrGrpo).unwrap(), "\"dr_grpo\"");
    assert_eq!(
        serde_json::from_str::<AdvantageKind>("\"grpo\"").unwrap(),
        Grpo
    );
    assert_eq!(
        serde_json::from_str::<AdvantageKind>("\"rloo\"").unwrap(),
        Rloo
    );
}

proptest! {
    #[test]
    fn equal_rewards_give_exactly_zero(reward in -1e6f32..1e6, n in 1usize..40) {
        for kind in ALL {
            prop_assert!(kind.advantages(&vec![reward; n]).iter().all(|&a| a == 0.0));
        }
    }

    #[test]
    fn advantages_sum_to_zero(rewards in prop::collection::vec(-2.0f32..2.0, 2..32)) {
        for kind in ALL {
            let sum: f64 = kind.advantages(&rewards).iter().copied().map(f64::from).sum();
            prop_assert!(sum.abs() < 1e-4, "{kind:?}: {sum}");
        }
    }

    #[test]
    fn a_constant_added_to_all_rewards_changes_nothing(
        rewards in prop::collection::vec((0u8..2).prop_map(f32::from), 2..16),
        shift in -8i8..8,
    ) {
        let shifted: Vec<f32> = rewards.iter().map(|r| r + f32::from(shift)).collect();
        for kind in ALL {
            for (a, b) in kind.advantages(&rewards).iter().zip(kind.advantages(&shifted)) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn rloo_equals_its_definition(rewards in prop::collection::vec(-2.0f32..2.0, 2..16)) {
        let n = rewards.len();
        for (i, a) in Rloo.advantages(&rewards).iter().enumerate() {
            let others: f64 = (0..n).filter(|&j| j != i).map(|j| f64::from(rewards[j])).sum();
            let expected = f64::from(rewards[i]) - others / (n - 1) as f64;
            prop_assert!((f64::from(*a) - expected).abs() < 1e-5);
        }
    }
}

fn slices<T>(rows: &[Vec<T>]) -> Vec<&[T]> {
    rows.iter().map(Vec::as_slice).collect()
}

#[test]
fn kinds_within_a_group_do_not_depend_on_the_batch() {
    let groups = [vec![1.0, 0.0, 0.0], vec![1.0, 1.0]];
    for kind in [Grpo, DrGrpo, Rloo, NoBaseline] {
        let found = batch_advantages(kind, &slices(&groups), None);
        let expected: Vec<_> = groups.iter().map(|g| kind.advantages(g)).collect();
        assert_eq!(found, expected);
    }
    assert_eq!(NoBaseline.advantages(&groups[0]), groups[0]);
}

#[test]
#[should_panic(expected = "ReinforcePlusPlus needs the whole batch")]
fn one_group_is_not_taken_for_a_batch() {
    ReinforcePlusPlus.advantages(&[1.0, 0.0]);
}

#[test]
fn whitening_weights_responses_by_their_tokens() {
    // Tokens 1, 1, 1, 0: mean 0.75, variance (3·0.0625 + 0.5625) / 3 = 0.25.
    let found = batch_advantages(ReinforcePlusPlus, &[&[1.0], &[0.0]], Some(&[&[3], &[1]]));
    assert_relative_eq!(found[0][0], 0.5, epsilon = 1e-6);
    assert_relative_eq!(found[1][0], -1.5, epsilon = 1e-6);
    // Without lengths: mean 0.5, variance 0.5.
    let found = batch_advantages(ReinforcePlusPlus, &[&[1.0], &[0.0]], None);
    assert_relative_eq!(found[0][0], 0.5f32.sqrt(), epsilon = 1e-6);
}

#[test]
fn a_batch_without_spread_has_no_advantages() {
    let groups = [vec![0.1f32; 3], vec![0.1; 7], vec![0.1]];
    let lengths = [vec![17usize, 923, 4], vec![31; 7], vec![0]];
    for kind in [ReinforcePlusPlus, ReinforcePlusPlusBaseline] {
        for lengths in [None, Some(slices(&lengths))] {
            let found = batch_advantages(kind, &slices(&groups), lengths.as_deref());
            assert!(found.concat().iter().all(|&a| a == 0.0), "{found:?}");
        }
        assert!(batch_advantages(kind, &[], None).is_empty());
    }
    // With the baseline, groups that differ only from each other carry no signal either.
    let found = batch_advantages(ReinforcePlusPlusBaseline, &[&[1.0; 3], &[0.0; 2]], None);
    assert_eq!(found.concat(), [0.0; 5]);
}

#[test]
#[should_panic(expected = "lengths of another shape")]
fn lengths_of_another_shape_panic() {
    batch_advantages(ReinforcePlusPlus, &[&[1.0], &[0.0]], Some(&[&[3, 1], &[]]));
}

#[test]
fn whitened_tokens_have_mean_zero_and_masked_ones_are_zero() {
    let mut advantages = vec![vec![1.0, 3.0], vec![f32::NAN, 5.0]];
    let mask = [vec![true, true], vec![false, true]];
    whiten(&mut advantages, Some(&mask));
    assert_relative_eq!(advantages[0][0], -1.0, epsilon = 1e-6);
    assert_eq!((advantages[0][1], advantages[1][0]), (0.0, 0.0));
    assert_relative_eq!(advantages[1][1], 1.0, epsilon = 1e-6);
}

#[test]
fn equal_tokens_become_zero() {
    let mut advantages = vec![vec![0.7f32; 3], vec![], vec![0.7]];
    whiten(&mut advantages, None);
    assert_eq!(advantages, [vec![0.0; 3], vec![], vec![0.0]]);
}

proptest! {
    #[test]
    fn the_sum_over_tokens_of_a_whitened_batch_is_zero(
        rows in prop::collection::vec(prop::collection::vec((-5.0f32..5.0, 0usize..40), 1..6), 1..6),
    ) {
        let part = |f: &dyn Fn(&(f32, usize)) -> f32| -> Vec<Vec<f32>> {
            rows.iter().map(|g| g.iter().map(f).collect()).collect()
        };
        let rewards = part(&|r| r.0);
        let lengths: Vec<Vec<usize>> = rows.iter().map(|g| g.iter().map(|r| r.1).collect()).collect();
        for kind in [ReinforcePlusPlus, ReinforcePlusPlusBaseline] {
            let found = batch_advantages(kind, &slices(&rewards), Some(&slices(&lengths)));
            let tokens: usize = lengths.iter().flatten().sum();
            let sum: f64 = found.iter().flatten().zip(lengths.iter().flatten())
                .map(|(&a, &n)| f64::from(a) * n as f64)
                .sum();
            prop_assert!(sum.abs() <= 1e-5 * tokens as f64);
        }
    }
}
