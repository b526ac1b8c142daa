use proptest::prelude::*;

use super::*;

fn views<'a>(ids: &'a [Vec<u32>]) -> Vec<ResponseView<'a>> {
    let view = |ids: &'a Vec<u32>| ResponseView {
        ids,
        ..ResponseView::default()
    };
    ids.iter().map(view).collect()
}

/// The advantages of the kind, and then the credit's.
fn credited(
    credit: Credit,
    kind: AdvantageKind,
    ids: &[Vec<u32>],
    rewards: &[f32],
) -> Vec<Vec<f32>> {
    let advantages = kind.advantages(rewards);
    let rows = ids.iter().zip(advantages);
    let mut tokens: Vec<Vec<f32>> = rows.map(|(ids, a)| vec![a; ids.len()]).collect();
    credit.apply(kind, &views(ids), rewards, &mut tokens);
    tokens
}

const TEMPO: Credit = Credit::Tempo(Tempo {
    scale: TempoScale::Rewards,
});

#[test]
fn tempo_equals_the_example_worked_out_by_hand() {
    let ids = [[1, 2, 3], [1, 2, 4], [1, 5, 6], [1, 5, 7]].map(Vec::from);
    let rewards = [1.0, 0.0, 1.0, 1.0];
    let refs: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let values = prefix_values(&refs, &rewards);
    assert_eq!(values[0], [0.75, 0.75, 0.5, 1.0]);
    assert_eq!(values[1], [0.75, 0.75, 0.5, 0.0]);
    assert_eq!(values[2], [0.75, 0.75, 1.0, 1.0]);
    assert_eq!(values[3], values[2]);
    let found = credited(TEMPO, AdvantageKind::GrpoPopulation, &ids, &rewards);
    let expected = [
        [0.57735, 0.0, 1.73205],
        [-1.73205, -2.3094, -2.88675],
        [0.57735, 1.1547, 0.57735],
        [0.57735, 1.1547, 0.57735],
    ];
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 2e-5, "{found} {expected}");
    }
}

#[test]
fn tempo_leaves_groups_without_a_difference_alone() {
    let ids = [vec![1, 2], vec![1, 3]];
    for scale in [TempoScale::Rewards, TempoScale::Differences] {
        let credit = Credit::Tempo(Tempo { scale });
        let found = credited(credit, AdvantageKind::Grpo, &ids, &[1.0, 1.0]);
        assert_eq!(found, [[0.0; 2]; 2]);
    }
}

#[test]
fn tempo_on_responses_that_share_nothing_credits_the_first_token_alone() {
    let ids = [vec![1, 9, 9], vec![2, 9], vec![3, 9]];
    let rewards = [1.0, 0.0, 0.0];
    let kind = AdvantageKind::DrGrpo;
    let found = credited(TEMPO, kind, &ids, &rewards);
    let plain = kind.advantages(&rewards);
    for (row, a) in found.iter().zip(plain) {
        assert!((row[0] - 2.0 * a).abs() < 1e-6);
        assert!(row[1..].iter().all(|x| *x == a));
    }
}

#[test]
fn tempo_can_divide_by_the_spread_of_the_differences() {
    let ids = [vec![1, 3], vec![1, 4]];
    let credit = Credit::Tempo(Tempo {
        scale: TempoScale::Differences,
    });
    let found = credited(credit, AdvantageKind::DrGrpo, &ids, &[1.0, 0.0]);
    // Differences ½ and −½: spread 1/√2.
    let step = 0.5 / (0.5f32.sqrt() + 1e-6);
    assert_eq!(found[0][0], 0.5);
    assert!((found[0][1] - 0.5 - step).abs() < 1e-6);
    assert!((found[1][1] + 0.5 + step).abs() < 1e-6);
}

#[test]
fn a_response_that_is_the_beginning_of_another_ends_in_their_common_value() {
    // Without its stop token the first one cannot be told from the second's beginning.
    let values = prefix_values(&[&[1, 2], &[1, 2, 3]], &[1.0, 0.0]);
    assert_eq!(values, [vec![0.5, 0.5, 0.5], vec![0.5, 0.5, 0.5, 0.0]]);
    assert_eq!(prefix_values(&[&[]], &[0.25]), [[0.25]]);
    assert!(prefix_values(&[], &[]).is_empty());
}

#[test]
fn a_group_whose_advantages_are_not_negative_is_masked_entirely() {
    let credit = Credit::NegativeOnly {};
    let ids = [vec![1, 2], vec![3]];
    let found = credited(credit, AdvantageKind::NoBaseline, &ids, &[1.0, 0.0]);
    assert!(found.iter().flatten().all(|a| *a == 0.0));
    let found = credited(credit, AdvantageKind::DrGrpo, &ids, &[1.0, 0.0]);
    assert_eq!(found, [vec![0.0, 0.0], vec![-0.5]]);
}

#[test]
fn whitened_advantages_have_no_spread_that_tempo_could_divide_by() {
    assert!(!TEMPO.suits(AdvantageKind::ReinforcePlusPlus));
    assert!(TEMPO.suits(AdvantageKind::Rloo));
    assert!(Credit::NegativeOnly {}.suits(AdvantageKind::ReinforcePlusPlus));
}

/// V by its definition.
fn slow_values(ids: &[Vec<u32>], rewards: &[f32]) -> Vec<Vec<f64>> {
    let value = |i: usize, t: usize| {
        let shares = |j: &usize| ids[*j].len() >= t && ids[*j][..t] == ids[i][..t];
        let members: Vec<usize> = (0..ids.len()).filter(shares).collect();
        members.iter().map(|&j| f64::from(rewards[j])).sum::<f64>() / members.len() as f64
    };
    let rows = 0..ids.len();
    rows.map(|i| (0..=ids[i].len()).map(|t| value(i, t)).collect())
        .collect()
}

fn group() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<f32>)> {
    let ids = prop::collection::vec(prop::collection::vec(0u32..3, 0..7), 1..9);
    ids.prop_flat_map(|ids| {
        let n = ids.len();
        let rewards = prop::collection::vec(prop::sample::select(vec![0.0f32, 0.5, 1.0]), n);
        (Just(ids), rewards)
    })
}

proptest! {
    #[test]
    fn prefix_values_follow_their_definition((ids, rewards) in group()) {
        let refs: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let (found, expected) = (prefix_values(&refs, &rewards), slow_values(&ids, &rewards));
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            prop_assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn the_differences_of_a_response_add_up_and_those_of_a_depth_cancel((mut ids, rewards) in group()) {
        // Ended by stop tokens of their own, responses of one length.
        for (i, row) in ids.iter_mut().enumerate() {
            row.resize(7, 3);
            row.push(10 + i as u32);
        }
        let refs: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let values = prefix_values(&refs, &rewards);
        let mean = values[0][0];
        for (v, r) in values.iter().zip(&rewards) {
            let sum: f64 = v.windows(2).map(|w| w[1] - w[0]).sum();
            prop_assert!((sum - (f64::from(*r) - mean)).abs() < 1e-9);
        }
        for t in 0..8 {
            let sum: f64 = values.iter().map(|v| v[t + 1] - v[t]).sum();
            prop_assert!(sum.abs() < 1e-9, "depth {}", t);
        }
    }
}

#[test]
fn only_the_prefix_keeps_its_advantage() {
    let ids = [[1, 2, 3, 4], [5, 6, 7, 8]];
    let prefixes = [1, 4];
    let group: Vec<ResponseView> = ids
        .iter()
        .zip(prefixes)
        .map(|(ids, prefix)| ResponseView {
            ids,
            prefix,
            ..ResponseView::default()
        })
        .collect();
    let mut tokens = vec![vec![0.5; 4], vec![-0.5; 4]];
    let credit = Credit::Prefix(PrefixOnly::default());
    credit.apply(AdvantageKind::Grpo, &group, &[1.0, 0.0], &mut tokens);
    assert_eq!(tokens, [[0.5, 0.0, 0.0, 0.0], [-0.5; 4]]);
    assert_eq!(credit.carrying(&group[0]), None);
    let kept = Credit::Prefix(PrefixOnly {
        denominator: Denominator::Kept,
    });
    assert_eq!(kept.carrying(&group[0]), Some(1));
}
