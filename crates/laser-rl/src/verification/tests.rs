use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

fn judged(rows: &[(f32, bool)]) -> Vec<Judged> {
    rows.iter()
        .map(|&(score, correct)| Judged {
            score,
            correct,
            length: 1,
        })
        .collect()
}

#[test]
fn f1_is_the_harmonic_mean_of_the_two_rates() {
    // 3 of 4 correct ones above 0.5, 1 of 2 incorrect ones not above.
    let samples = judged(&[
        (0.9, true),
        (1.8, true),
        (0.6, true),
        (0.1, true),
        (0.7, false),
        (-2.0, false),
    ]);
    assert_eq!(tpr(&samples), Some(0.75));
    assert_eq!(tnr(&samples), Some(0.5));
    assert_relative_eq!(self_verification_f1(&samples).unwrap(), 0.6);
}

#[test]
fn a_score_of_exactly_one_half_is_judged_incorrect() {
    let samples = judged(&[(0.5, true), (0.5, false)]);
    assert_eq!((tpr(&samples), tnr(&samples)), (Some(0.0), Some(1.0)));
    assert_eq!(self_verification_f1(&samples), Some(0.0));
}

#[test]
fn f1_is_zero_if_both_rates_are() {
    let samples = judged(&[(0.0, true), (1.0, false)]);
    assert_eq!(self_verification_f1(&samples), Some(0.0));
}

#[test]
fn a_missing_class_leaves_its_metrics_undefined() {
    let right = judged(&[(0.9, true), (0.2, true)]);
    assert_eq!((tpr(&right), tnr(&right)), (Some(0.5), None));
    assert_eq!((self_verification_f1(&right), auroc(&right)), (None, None));
    let wrong = judged(&[(0.9, false)]);
    assert_eq!((tpr(&wrong), tnr(&wrong)), (None, Some(0.0)));
    assert_eq!(JudgeMetrics::of(&[], 15), JudgeMetrics::default());
}

#[test]
fn auroc_counts_ties_half() {
    // Pairs (correct, incorrect): 0.8>0.3, 0.8>0.5, 0.5>0.3, 0.5=0.5: 3.5 of 4.
    let samples = judged(&[(0.8, true), (0.5, true), (0.3, false), (0.5, false)]);
    assert_eq!(auroc(&samples), Some(0.875));
    assert_eq!(auroc(&judged(&[(1.0, true), (1.0, false)])), Some(0.5));
    // The two zeros are one score.
    assert_eq!(auroc(&judged(&[(0.0, true), (-0.0, false)])), Some(0.5));
}

#[test]
fn auroc_is_one_for_a_perfect_order_and_zero_for_its_reverse() {
    assert_eq!(
        auroc(&judged(&[(2.0, true), (0.1, false), (-1.0, false)])),
        Some(1.0)
    );
    assert_eq!(
        auroc(&judged(&[(-2.0, true), (0.1, false), (1.0, false)])),
        Some(0.0)
    );
}

#[test]
fn ece_weighs_the_gap_of_each_bin_by_its_size() {
    // Bins of 0.5: {0.2 wrong, 0.4 right}: |0.5 − 0.3|; {0.5 right, 1.7→1 right}: |1 − 0.75|.
    let samples = judged(&[(0.2, false), (0.4, true), (0.5, true), (1.7, true)]);
    assert_relative_eq!(ece(&samples, 2).unwrap(), 0.225, epsilon = 1e-7);
    assert_eq!(ece(&[], 2), None);
}

#[test]
fn a_perfectly_calibrated_judge_has_no_calibration_error() {
    let samples = judged(&[(0.25, true), (0.25, false), (0.25, false), (0.25, false)]);
    assert_eq!(ece(&samples, 15), Some(0.0));
}

#[test]
fn reliability_bins_cover_the_unit_interval_and_clamp_what_is_outside() {
    let samples = judged(&[(-4.0, false), (0.25, true), (1.0, true), (7.0, true)]);
    let bins = reliability_bins(&samples, 4);
    assert_eq!(bins.len(), 4);
    assert_eq!((bins[0].low, bins[3].high), (0.0, 1.0));
    assert_eq!(
        bins.iter().map(|b| b.count).collect::<Vec<_>>(),
        [1, 1, 0, 2]
    );
    assert_eq!(
        (bins[0].mean_score, bins[0].accuracy),
        (Some(0.0), Some(0.0))
    );
    assert_eq!((bins[2].mean_score, bins[2].accuracy), (None, None));
    assert_eq!(
        (bins[3].mean_score, bins[3].accuracy),
        (Some(1.0), Some(1.0))
    );
}

#[test]
fn zero_bins_are_taken_as_one() {
    assert_eq!(reliability_bins(&judged(&[(0.3, true)]), 0).len(), 1);
}

#[test]
fn spearman_of_a_monotone_relation_is_one_however_curved() {
    let x = [1.0, 2.0, 3.0, 4.0];
    assert_relative_eq!(spearman(&x, &[1.0, 8.0, 9.0, 1e9]).unwrap(), 1.0);
    assert_relative_eq!(spearman(&x, &[4.0, 3.0, 0.5, -7.0]).unwrap(), -1.0);
}

#[test]
fn spearman_gives_ties_their_average_rank() {
    // Ranks (1, 2.5, 2.5, 4) and (1, 2, 3, 4): covariance 4.5, squares 4.5 and 5.
    let rho = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_relative_eq!(rho, 4.5 / (4.5f64 * 5.0).sqrt(), epsilon = 1e-12);
}

#[test]
fn spearman_is_undefined_for_a_constant_or_a_single_value() {
    assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    assert_eq!(spearman(&[1.0], &[1.0]), None);
    assert_eq!(spearman(&[], &[]), None);
}

#[test]
fn infinite_and_nan_scores_do_not_panic() {
    let samples = judged(&[
        (f32::NEG_INFINITY, false),
        (f32::INFINITY, true),
        (f32::NAN, true),
        (f32::NAN, false),
        (0.2, false),
    ]);
    let _ = JudgeMetrics::of(&samples, 15);
    assert_eq!(auroc(&samples[..2]), Some(1.0));
    assert_eq!(ece(&samples[..2], 15), Some(0.0));
}

pub(crate) fn any_samples() -> impl Strategy<Value = Vec<Judged>> {
    // Few distinct values, so that ties are common.
    let row = (-4i8..12, any::<bool>(), 0u32..6).prop_map(|(s, correct, length)| Judged {
        score: f32::from(s) / 8.0,
        correct,
        length,
    });
    prop::collection::vec(row, 0..40)
}

proptest! {
    #[test]
    fn auroc_equals_the_share_of_ordered_pairs(samples in any_samples()) {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for p in samples.iter().filter(|s| s.correct) {
            for n in samples.iter().filter(|s| !s.correct) {
                pairs += 1.0;
                wins += f64::from(u8::from(p.score > n.score))
                    + 0.5 * f64::from(u8::from(p.score == n.score));
            }
        }
        match auroc(&samples) {
            None => prop_assert_eq!(pairs, 0.0),
            Some(a) => prop_assert!((a - wins / pairs).abs() < 1e-12),
        }
    }

    #[test]
    fn ranks_ignore_a_monotone_transform_of_the_score(samples in any_samples()) {
        let mut transformed = samples.clone();
        for s in &mut transformed {
            s.score = (2.0 * s.score).exp() - 7.0;
        }
        prop_assert_eq!(auroc(&samples), auroc(&transformed));
        prop_assert_eq!(spearman_length(&samples), spearman_length(&transformed));
    }

    #[test]
    fn negating_the_score_mirrors_auroc_and_spearman(samples in any_samples()) {
        let mut negated = samples.clone();
        for s in &mut negated {
            s.score = -s.score;
        }
        if let (Some(a), Some(b)) = (auroc(&samples), auroc(&negated)) {
            prop_assert!((a + b - 1.0).abs() < 1e-12);
        }
        if let (Some(a), Some(b)) = (spearman_length(&samples), spearman_length(&negated)) {
            prop_assert!((a + b).abs() < 1e-12);
        }
    }

    #[test]
    fn every_metric_lies_in_its_range_and_ignores_order(samples in any_samples()) {
        let m = JudgeMetrics::of(&samples, 15);
        for value in [m.f1, m.tpr, m.tnr, m.auroc, m.ece].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&value));
        }
        prop_assert!(m.spearman_length.unwrap_or(0.0).abs() <= 1.0 + 1e-12);
        let mut reversed = samples.clone();
        reversed.reverse();
        let r = JudgeMetrics::of(&reversed, 15);
        prop_assert_eq!((m.f1, m.auroc), (r.f1, r.auroc));
        prop_assert!((m.ece.unwrap_or(0.0) - r.ece.unwrap_or(0.0)).abs() < 1e-12);
    }

    #[test]
    fn clamping_the_score_changes_no_threshold_metric(samples in any_samples()) {
        let mut clamped = samples.clone();
        for s in &mut clamped {
            s.score = s.score.clamp(0.0, 1.0);
        }
        prop_assert_eq!(self_verification_f1(&samples), self_verification_f1(&clamped));
        prop_assert_eq!(ece(&samples, 15), ece(&clamped, 15));
    }

    #[test]
    fn reliability_bins_hold_every_sample_once(samples in any_samples(), n in 1usize..20) {
        let bins = reliability_bins(&samples, n);
        prop_assert_eq!(bins.iter().map(|b| b.count).sum::<usize>(), samples.len());
        for b in bins {
            if let Some(mean) = b.mean_score {
                prop_assert!(b.low - 1e-6 <= mean && mean <= b.high + 1e-6);
            }
        }
    }
}
