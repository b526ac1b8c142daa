use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;
use laser_rng::Rng;

/// "7" is right. A key of "" stands for no extracted answer.
fn answers<'a>(rows: &[(&'a str, Option<f32>)]) -> Vec<Answer<'a>> {
    rows.iter()
        .map(|&(key, score)| Answer {
            key: (!key.is_empty()).then_some(key),
            correct: key == "7",
            score,
        })
        .collect()
}

#[test]
fn majority_takes_the_most_frequent_key() {
    let a = answers(&[("3", None), ("7", None), ("5", None), ("7", None)]);
    assert_eq!(majority(&a), Some(1));
}

#[test]
fn a_tie_goes_to_the_answer_that_appears_first() {
    let a = answers(&[("5", Some(0.2)), ("7", Some(0.2)), ("7", None), ("5", None)]);
    assert_eq!(majority(&a), Some(0));
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(0));
    assert_eq!(best_of(&a), Some(0));
}

#[test]
fn answers_without_a_key_have_no_vote() {
    let a = answers(&[("", Some(1.0)), ("", Some(1.0)), ("7", Some(0.1))]);
    assert_eq!(majority(&a), Some(2));
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(2));
    let none = answers(&[("", None), ("", None)]);
    assert_eq!(majority(&none), Some(0));
    assert_eq!(weighted_majority(&none, Weights::Raw), Some(0));
}

#[test]
fn no_answers_select_nothing() {
    assert_eq!(majority(&[]), None);
    assert_eq!(weighted_majority(&[], Weights::Clamped), None);
    assert_eq!(best_of(&[]), None);
    assert!(!pass(&[]));
}

#[test]
fn a_confident_minority_outweighs_a_doubtful_majority() {
    let a = answers(&[("5", Some(0.2)), ("5", Some(0.3)), ("7", Some(0.9))]);
    assert_eq!(majority(&a), Some(0));
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(2));
}

#[test]
fn clamped_weights_cut_at_zero_and_one_and_raw_ones_do_not() {
    let a = answers(&[("5", Some(1.5)), ("7", Some(0.6)), ("7", Some(0.6))]);
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(1));
    assert_eq!(weighted_majority(&a, Weights::Raw), Some(0));
    let a = answers(&[("5", Some(0.9)), ("5", Some(-0.8)), ("7", Some(0.3))]);
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(0));
    assert_eq!(weighted_majority(&a, Weights::Raw), Some(2));
}

#[test]
fn without_any_weight_the_vote_is_a_plain_majority() {
    let a = answers(&[("5", Some(-1.0)), ("7", None), ("7", Some(f32::NAN))]);
    assert_eq!(weighted_majority(&a, Weights::Clamped), Some(1));
    let a = answers(&[("5", None), ("7", None), ("7", None)]);
    assert_eq!(weighted_majority(&a, Weights::Raw), Some(1));
}

#[test]
fn best_of_takes_the_highest_score_and_never_a_missing_one() {
    let a = answers(&[
        ("5", None),
        ("3", Some(-2.0)),
        ("7", Some(-1.0)),
        ("5", Some(f32::NAN)),
    ]);
    assert_eq!(best_of(&a), Some(2));
    assert_eq!(best_of(&answers(&[("5", None), ("7", None)])), Some(0));
}

#[test]
fn infinite_scores_select_without_panic() {
    let a = answers(&[
        ("5", Some(f32::NEG_INFINITY)),
        ("5", Some(f32::INFINITY)),
        ("7", Some(0.5)),
    ]);
    assert_eq!(best_of(&a), Some(1));
    assert_eq!(weighted_majority(&a, Weights::Raw), Some(2));
}

#[test]
fn pass_at_k_has_its_textbook_values() {
    assert_eq!(pass_at_k(4, 1, 1), Some(0.25));
    // 1 − C(3,2)/C(4,2) = 1 − 3/6.
    assert_relative_eq!(pass_at_k(4, 1, 2).unwrap(), 0.5);
    // 1 − C(7,4)/C(10,4) = 1 − 35/210.
    assert_relative_eq!(pass_at_k(10, 3, 4).unwrap(), 5.0 / 6.0, epsilon = 1e-12);
    assert_eq!(pass_at_k(4, 0, 4), Some(0.0));
    assert_eq!(pass_at_k(4, 2, 3), Some(1.0));
    assert_relative_eq!(pass_at_k(100_000, 1, 50_000).unwrap(), 0.5, epsilon = 1e-9);
}

#[test]
fn at_k_is_undefined_outside_one_to_n() {
    let a = answers(&[("7", None), ("5", None)]);
    assert_eq!(at_k(&a, 0, Weights::Clamped, 0), None);
    assert_eq!(at_k(&a, 3, Weights::Clamped, 0), None);
    assert_eq!(at_k(&[], 1, Weights::Clamped, 0), None);
    assert_eq!(pass_at_k(2, 3, 1), None);
}

#[test]
fn at_one_everything_is_the_mean_accuracy() {
    let a = answers(&[("7", Some(0.1)), ("5", Some(0.8)), ("", None), ("7", None)]);
    let expected = AtK {
        pass: 0.5,
        maj: 0.5,
        weighted: 0.5,
        best: 0.5,
    };
    assert_eq!(at_k(&a, 1, Weights::Clamped, 0), Some(expected));
}

#[test]
fn at_two_of_three_has_its_hand_computed_values() {
    // Pairs (5,7), (5,7'), (7,7'): plain majority takes the first of a tie.
    let a = answers(&[("5", Some(0.5)), ("7", Some(0.9)), ("7", Some(0.1))]);
    let r = at_k(&a, 2, Weights::Clamped, 0).unwrap();
    assert_relative_eq!(r.pass, 1.0);
    assert_relative_eq!(r.maj, 1.0 / 3.0);
    assert_relative_eq!(r.weighted, 2.0 / 3.0);
    assert_relative_eq!(r.best, 2.0 / 3.0);
}

#[test]
fn subsets_are_counted_without_overflow() {
    assert!(subsets_at_most(16, 8, 12_870));
    assert!(!subsets_at_most(16, 8, 12_869));
    assert!(!subsets_at_most(10_000, 5_000, MAX_ENUMERATED));
    assert!(subsets_at_most(10_000, 10_000, 1));
}

#[test]
fn every_subset_is_visited_once_in_order() {
    let mut seen = Vec::new();
    for_each_subset(4, 2, &mut |s: &[usize]| seen.push(s.to_vec()));
    assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
    let mut count = 0;
    for_each_subset(16, 8, &mut |_: &[usize]| count += 1);
    assert_eq!(count, 12_870);
}

#[test]
fn drawn_subsets_are_ascending_and_uniform() {
    let mut rng = Rng::from_words(&[5]);
    let mut subset = Vec::new();
    let mut counts = HashMap::new();
    for _ in 0..10_000 {
        draw_subset(&mut rng, 5, 3, &mut subset);
        assert!(subset.len() == 3 && subset.is_sorted());
        *counts.entry(subset.clone()).or_insert(0u32) += 1;
    }
    // 1,000 each of the ten, standard deviation 30.
    assert_eq!(counts.len(), 10);
    assert!(
        counts.values().all(|c| c.abs_diff(1000) < 150),
        "{counts:?}"
    );
}

#[test]
fn random_subsets_estimate_the_exact_mean_and_depend_on_the_seed_only() {
    // C(20, 6) = 38,760 is beyond enumeration; maj@6 of two keys follows from a hypergeometric.
    let rows: Vec<(&str, Option<f32>)> = (0..20)
        .map(|i| (if i < 8 { "7" } else { "5" }, Some(0.5)))
        .collect();
    let a = answers(&rows);
    let first = at_k(&a, 6, Weights::Clamped, 11).unwrap();
    assert_eq!(first, at_k(&a, 6, Weights::Clamped, 11).unwrap());
    assert_ne!(first.maj, at_k(&a, 6, Weights::Clamped, 12).unwrap().maj);
    // "7" comes first and wins ties: 3 or more of its 8. C(8,i)·C(12,6−i), i = 3..6.
    let exact = (56.0 * 220.0 + 70.0 * 66.0 + 56.0 * 12.0 + 28.0) / 38_760.0;
    assert!((first.maj - exact).abs() < 0.03, "{} {exact}", first.maj);
    assert_eq!(first.maj, first.weighted);
}

/// Owned form of random answers; few keys and scores, so that ties are common.
fn any_rows() -> impl Strategy<Value = Vec<(u8, Option<i8>)>> {
    prop::collection::vec((0u8..4, prop::option::weighted(0.8, -2i8..8)), 1..9)
}

fn from_rows(rows: &[(u8, Option<i8>)]) -> Vec<Answer<'static>> {
    let rows: Vec<(&str, Option<f32>)> = rows
        .iter()
        .map(|&(key, s)| {
            (
                ["", "7", "5", "3"][key as usize],
                s.map(|s| f32::from(s) / 4.0),
            )
        })
        .collect();
    answers(&rows)
}

/// Votes by the definition: for every answer, the weight of all answers that agree with it.
fn obvious_vote(answers: &[Answer], weight: impl Fn(&Answer) -> f64) -> usize {
    let support =
        |a: &Answer| -> f64 { answers.iter().filter(|b| b.key == a.key).map(&weight).sum() };
    let mut best: Option<usize> = None;
    for (i, a) in answers.iter().enumerate().filter(|(_, a)| a.key.is_some()) {
        if best.is_none_or(|b| support(a) > support(&answers[b])) {
            best = Some(i);
        }
    }
    best.unwrap_or(0)
}

fn obvious_weighted(answers: &[Answer]) -> usize {
    let weight = |a: &Answer| f64::from(a.score.unwrap_or(0.0).clamp(0.0, 1.0));
    let keyed = || answers.iter().filter(|a| a.key.is_some());
    if keyed().all(|a| weight(a) == 0.0) {
        obvious_vote(answers, |_| 1.0)
    } else {
        obvious_vote(answers, weight)
    }
}

proptest! {
    #[test]
    fn votes_equal_their_definition(rows in any_rows()) {
        let a = from_rows(&rows);
        prop_assert_eq!(majority(&a), Some(obvious_vote(&a, |_| 1.0)));
        prop_assert_eq!(weighted_majority(&a, Weights::Clamped), Some(obvious_weighted(&a)));
    }

    #[test]
    fn at_k_equals_the_mean_over_every_bit_mask(rows in any_rows(), k in 1usize..9) {
        let a = from_rows(&rows);
        let k = k.min(a.len());
        let (mut sums, mut total) = ([0.0; 4], 0.0);
        for mask in (0u32..1 << a.len()).filter(|m| m.count_ones() as usize == k) {
            let subset: Vec<Answer> =
                (0..a.len()).filter(|i| mask >> i & 1 == 1).map(|i| a[i]).collect();
            let hits = [
                pass(&subset),
                subset[obvious_vote(&subset, |_| 1.0)].correct,
                subset[obvious_weighted(&subset)].correct,
                subset[best_of(&subset).unwrap()].correct,
            ];
            for (sum, hit) in sums.iter_mut().zip(hits) {
                *sum += f64::from(u8::from(hit));
            }
            total += 1.0;
        }
        let r = at_k(&a, k, Weights::Clamped, 0).unwrap();
        for (fast, sum) in [r.pass, r.maj, r.weighted, r.best].into_iter().zip(sums) {
            prop_assert!((fast - sum / total).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_scores_make_the_weighted_vote_a_majority(rows in any_rows(), score in 0.0f32..2.0) {
        let mut a = from_rows(&rows);
        for answer in &mut a {
            answer.score = Some(score);
        }
        for weights in [Weights::Clamped, Weights::Raw] {
            prop_assert_eq!(weighted_majority(&a, weights), majority(&a));
        }
    }

    #[test]
    fn renaming_the_keys_changes_no_vote(rows in any_rows()) {
        let a = from_rows(&rows);
        let mut renamed = a.clone();
        for answer in &mut renamed {
            answer.key = answer.key.map(|k| match k { "7" => "zwei", "5" => "", _ => "7" });
        }
        prop_assert_eq!(majority(&a), majority(&renamed));
        prop_assert_eq!(
            weighted_majority(&a, Weights::Raw),
            weighted_majority(&renamed, Weights::Raw)
        );
    }

    #[test]
    fn pass_at_k_grows_with_k_and_with_the_correct_answers(n in 1usize..60, c in 0usize..60) {
        let c = c.min(n);
        for k in 1..n {
            prop_assert!(pass_at_k(n, c, k + 1).unwrap() >= pass_at_k(n, c, k).unwrap() - 1e-12);
            if c < n {
                prop_assert!(pass_at_k(n, c + 1, k).unwrap() >= pass_at_k(n, c, k).unwrap() - 1e-12);
            }
        }
        prop_assert!((pass_at_k(n, c, 1).unwrap() - c as f64 / n as f64).abs() < 1e-12);
    }

    #[test]
    fn no_selection_beats_pass(rows in any_rows(), k in 1usize..9) {
        let a = from_rows(&rows);
        let r = at_k(&a, k.min(a.len()), Weights::Clamped, 0).unwrap();
        for x in [r.maj, r.weighted, r.best] {
            prop_assert!(x <= r.pass + 1e-12);
        }
    }
}
