use approx::assert_relative_eq;
use proptest::prelude::*;

use super::Aggregation::*;
use super::*;

#[test]
fn each_mean_weights_sequences_as_it_says() {
    let lengths = [2, 0, 6];
    assert_eq!(TokenMean.scales(&lengths), [0.125, 0.0, 0.125]);
    assert_eq!(
        SequenceMeanTokenMean.scales(&lengths),
        [0.25, 0.0, 1.0 / 12.0]
    );
    assert_eq!(SequenceMeanTokenSum.scales(&lengths), [0.5, 0.0, 0.5]);
    let third = 1.0 / 30.0;
    assert_eq!(
        Constant { tokens: 10 }.scales(&lengths),
        [third, 0.0, third]
    );
}

#[test]
fn a_step_without_tokens_has_scales_of_zero() {
    for mode in [TokenMean, SequenceMeanTokenMean, SequenceMeanTokenSum] {
        assert_eq!(mode.scales(&[0, 0]), [0.0, 0.0]);
        assert_eq!(mode.scales(&[]), [0.0; 0]);
    }
}

#[test]
#[should_panic(expected = "0 tokens")]
fn a_constant_of_zero_panics() {
    Constant { tokens: 0 }.scales(&[1]);
}

#[test]
fn modes_read_as_names() {
    let read = |json| serde_json::from_str::<Aggregation>(json).unwrap();
    assert_eq!(read("\"sequence_mean_token_mean\""), SequenceMeanTokenMean);
    assert_eq!(
        read(r#"{"constant": {"tokens": 7}}"#),
        Constant { tokens: 7 }
    );
}

proptest! {
    #[test]
    fn every_partition_into_micro_batches_sums_to_the_same_loss(
        losses in prop::collection::vec(prop::collection::vec(-2.0f32..0.0, 0..9), 1..12),
        cuts in prop::collection::vec(any::<bool>(), 12),
    ) {
        let lengths: Vec<usize> = losses.iter().map(Vec::len).collect();
        for mode in [TokenMean, SequenceMeanTokenMean, SequenceMeanTokenSum, Constant { tokens: 16 }] {
            let scales = mode.scales(&lengths);
            let one = |i: usize| crate::nll(&losses[i], scales[i], &mut vec![0.0; lengths[i]]);
            let whole: f64 = (0..losses.len()).map(one).sum();
            let mut parts = vec![0.0];
            for (i, &cut) in cuts.iter().enumerate().take(losses.len()) {
                if cut {
                    parts.push(0.0);
                }
                *parts.last_mut().unwrap() += one(i);
            }
            assert_relative_eq!(parts.iter().sum::<f64>(), whole, max_relative = 1e-12);
        }
    }

    #[test]
    fn means_of_a_constant_are_that_constant(lengths in prop::collection::vec(0usize..50, 1..20)) {
        prop_assume!(lengths.iter().any(|&n| n > 0));
        for mode in [TokenMean, SequenceMeanTokenMean] {
            let scales = mode.scales(&lengths);
            let total: f64 = scales.iter().zip(&lengths).map(|(s, &n)| s * n as f64).sum();
            assert_relative_eq!(total, 1.0, max_relative = 1e-12);
        }
    }
}
