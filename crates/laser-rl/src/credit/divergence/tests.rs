use proptest::prelude::*;

use super::*;

const VOCABULARY: usize = 3;

/// Log-softmax of random logits, in f32.
fn distribution() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-9.0f64..9.0, VOCABULARY).prop_map(|logits| {
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        logits.iter().map(|z| (z - sum.ln()) as f32).collect()
    })
}

/// Responses of up to 5 positions, a distribution at each.
fn group() -> impl Strategy<Value = Vec<Vec<Vec<f32>>>> {
    prop::collection::vec(prop::collection::vec(distribution(), 1..6), 2..6)
}

/// The weights of the tokens of a group.
fn weights(group: &[Vec<Vec<f32>>], alpha: f64) -> Vec<Vec<f32>> {
    let longest = group.iter().map(Vec::len).max().unwrap();
    let positions: Vec<f32> = (0..longest)
        .map(|t| {
            let rows: Vec<Vec<f32>> = group.iter().filter_map(|r| r.get(t).cloned()).collect();
            position_divergence(&rows.concat(), VOCABULARY, group.len()) as f32
        })
        .collect();
    let view = |r: &Vec<Vec<f32>>| ResponseView {
        divergence: &positions[..r.len()],
        ..ResponseView::default()
    };
    let views: Vec<ResponseView> = group.iter().map(view).collect();
    let mut tokens: Vec<Vec<f32>> = group.iter().map(|r| vec![1.0; r.len()]).collect();
    DivergenceWeight { alpha }.apply(&views, &mut tokens);
    tokens
}

proptest! {
    #[test]
    fn responses_that_agree_everywhere_have_the_weight_one(
        response in prop::collection::vec(distribution(), 1..6),
        size in 1usize..6,
    ) {
        for row in weights(&vec![response; size], 1.7) {
            prop_assert!(row.iter().all(|w| *w == 1.0));
        }
    }

    #[test]
    fn weights_reach_from_one_to_alpha(group in group()) {
        let found = weights(&group, 1.7).concat();
        let low = found.iter().copied().fold(f32::INFINITY, f32::min);
        let high = found.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        prop_assert!(low == 1.0 && high <= 1.7);
        // Unless it is constant, up to the 1e-8 beside the range.
        let longest = group.iter().map(Vec::len).max().unwrap();
        prop_assert!(high > 1.699 || longest == 1);
    }

    #[test]
    fn the_order_of_the_responses_does_not_matter(group in group()) {
        let mut turned = group.clone();
        turned.reverse();
        let found = weights(&turned, 1.7);
        for (a, b) in weights(&group, 1.7).iter().zip(found.iter().rev()) {
            for (a, b) in a.iter().zip(b) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn the_divergence_of_two_distributions_equals_the_one_worked_out_by_hand() {
    let rows = [[0.75f32, 0.25], [0.25, 0.75]].map(|row| row.map(f32::ln));
    // m − L is ±½ ln 3 at every id of both: 2 cosh(½ ln 3) − 2 for each pair of signs.
    let x = 0.5 * 3f64.ln();
    let expected = x.exp() + (-x).exp() - 2.0;
    let found = position_divergence(rows.as_flattened(), 2, 2);
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn a_response_that_has_ended_counts_as_uniform() {
    let row = [0.5f32, 0.25, 0.25].map(f32::ln);
    let uniform = [(1.0f32 / 3.0).ln(); 3];
    let both = position_divergence(&[row, uniform].concat(), 3, 2);
    let ended = position_divergence(&row, 3, 2);
    assert!((both - ended).abs() < 1e-6 && ended > 0.01);
    assert_eq!(position_divergence(&[], 3, 4), 0.0);
}

#[test]
fn differences_of_log_probabilities_are_bounded() {
    let rows = [[0.0f32, -1000.0], [-1000.0, 0.0]];
    let found = position_divergence(rows.as_flattened(), 2, 2);
    let expected = 11f64.exp() + (-11f64).exp() - 2.0;
    assert!((found / expected - 1.0).abs() < 1e-12);
}

#[test]
fn an_alpha_below_one_is_named() {
    let named = |alpha| DivergenceWeight { alpha }.validate().err().map(|e| e.key);
    assert_eq!(named(1.0), None);
    for alpha in [0.5, f64::NAN, f64::INFINITY] {
        assert_eq!(named(alpha), Some("divergence.alpha"));
    }
}
