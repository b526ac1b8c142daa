use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

fn rule(level: RatioLevel, bound: RatioBound) -> ImportanceWeights {
    ImportanceWeights { level, bound }
}

const MASK: RatioBound = RatioBound::Mask {
    low: 0.5,
    high: 2.0,
};

#[test]
fn equal_log_probabilities_give_weights_of_one() {
    let logp = [-0.5, -3.0, -12.0];
    for level in [
        RatioLevel::Token,
        RatioLevel::Product,
        RatioLevel::GeometricMean,
    ] {
        for bound in [
            RatioBound::Truncate { max: 1.0 },
            MASK,
            RatioBound::Reject {
                low: 1.0,
                high: 1.0,
            },
        ] {
            let (weights, stats) = rule(level, bound).weights(&logp, &logp);
            assert_eq!(weights, [1.0; 3]);
            assert_eq!(stats.effective_sample_size(), 3.0);
            assert_eq!((stats.bounded_fraction(), stats.mismatch()), (0.0, 0.0));
        }
    }
}

#[test]
fn each_level_sees_its_own_ratio() {
    // Log-ratios 1 and −1: the product is 1, no token's ratio is.
    let (trainer, sampler) = ([-1.0, -3.0], [-2.0, -2.0]);
    let (weights, stats) = rule(RatioLevel::Token, MASK).weights(&trainer, &sampler);
    assert_eq!((weights, stats.bounded), (vec![0.0; 2], 2));
    for level in [RatioLevel::Product, RatioLevel::GeometricMean] {
        let (weights, stats) = rule(level, MASK).weights(&trainer, &sampler);
        assert_eq!((weights, stats.bounded), (vec![1.0; 2], 0));
        assert_eq!((stats.mismatch(), stats.mismatch_max), (1.0, 1.0));
    }
    // Log-ratios 0.5 each: e^1 is out of bounds, e^0.5 is not.
    let trainer = [-1.5, -1.5];
    let (weights, _) = rule(RatioLevel::Product, MASK).weights(&trainer, &sampler);
    assert_eq!(weights, [0.0; 2]);
    let (weights, _) = rule(RatioLevel::GeometricMean, MASK).weights(&trainer, &sampler);
    assert_relative_eq!(weights[0], 0.5f32.exp());
}

#[test]
fn a_long_product_neither_overflows_nor_leaves_its_bound() {
    let (trainer, sampler) = (vec![-1.0; 4000], vec![-9.0; 4000]);
    let bound = RatioBound::Truncate { max: 2.0 };
    let (weights, stats) = rule(RatioLevel::Product, bound).weights(&trainer, &sampler);
    assert!(weights.iter().all(|&w| w == 2.0));
    assert_eq!(stats.bounded_fraction(), 1.0);
    let open = RatioBound::Truncate { max: f32::INFINITY };
    let (weights, _) = rule(RatioLevel::Product, open).weights(&trainer, &sampler);
    assert!(weights[0].is_finite());
    let (weights, stats) = rule(RatioLevel::Product, MASK).weights(&sampler, &trainer);
    assert!(weights.iter().all(|&w| w == 0.0));
    assert_eq!(stats.effective_sample_size(), 0.0);
}

#[test]
fn a_ratio_that_is_not_a_number_is_masked_or_shown_but_never_truncated_into_one() {
    let (trainer, sampler) = ([f32::NAN], [-1.0]);
    let (weights, _) = rule(RatioLevel::Token, MASK).weights(&trainer, &sampler);
    assert_eq!(weights, [0.0]);
    let bound = RatioBound::Truncate { max: 2.0 };
    let (weights, _) = rule(RatioLevel::Token, bound).weights(&trainer, &sampler);
    assert!(weights[0].is_nan());
}

#[test]
fn no_tokens_have_statistics_of_zero() {
    let (weights, stats) = ImportanceWeights::default().weights(&[], &[]);
    assert_eq!((weights, stats), (vec![], ImportanceStats::default()));
    assert_eq!((stats.mean(), stats.effective_sample_size()), (0.0, 0.0));
}

proptest! {
    #[test]
    fn statistics_do_not_depend_on_the_micro_batches(
        rows in prop::collection::vec((-6.0f32..0.0, -6.0f32..0.0), 1..20),
        cut in 0usize..20,
    ) {
        let (trainer, sampler): (Vec<f32>, Vec<f32>) = rows.into_iter().unzip();
        let cut = cut.min(trainer.len());
        let rule = ImportanceWeights::default();
        let (_, whole) = rule.weights(&trainer, &sampler);
        let (_, mut parts) = rule.weights(&trainer[..cut], &sampler[..cut]);
        parts.merge(rule.weights(&trainer[cut..], &sampler[cut..]).1);
        prop_assert_eq!((parts.tokens, parts.bounded), (whole.tokens, whole.bounded));
        prop_assert_eq!((parts.weight_max, parts.weight_min), (whole.weight_max, whole.weight_min));
        prop_assert_eq!(parts.mismatch_max, whole.mismatch_max);
        assert_relative_eq!(parts.mean(), whole.mean(), max_relative = 1e-12);
        let (found, expected) = (parts.effective_sample_size(), whole.effective_sample_size());
        assert_relative_eq!(found, expected, max_relative = 1e-12);
        prop_assert!(expected <= whole.tokens as f64 * (1.0 + 1e-12));
    }
}
