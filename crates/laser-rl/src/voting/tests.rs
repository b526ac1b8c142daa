use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

const RULES: VoteRules = VoteRules {
    weights: Weights::Clamped,
    borda_power: BORDA_POWER,
};

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
    assert_eq!(at_k(&a, 0, &RULES, 0), None);
    assert_eq!(at_k(&a, 3, &RULES, 0), None);
    assert_eq!(at_k(&[], 1, &RULES, 0), None);
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
        borda: 0.5,
        errors: SubsetErrors::default(),
    };
    assert_eq!(at_k(&a, 1, &RULES, 0), Some(expected));
}

#[test]
fn at_two_of_three_has_its_hand_computed_values() {
    // Pairs (5,7), (5,7'), (7,7'): plain majority takes the first of a tie.
    let a = answers(&[("5", Some(0.5)), ("7", Some(0.9)), ("7", Some(0.1))]);
    let r = at_k(&a, 2, &RULES, 0).unwrap();
    assert_relative_eq!(r.pass, 1.0);
    assert_relative_eq!(r.maj, 1.0 / 3.0);
    assert_relative_eq!(r.weighted, 2.0 / 3.0);
    assert_relative_eq!(r.best, 2.0 / 3.0);
}

#[test]
fn beyond_enumeration_maj_is_counted_and_the_rest_estimated_with_a_stated_error() {
    // C(20, 6) = 38,760 is beyond enumeration; maj@6 of two keys follows from a hypergeometric.
    let mut rows: Vec<(&str, Option<f32>)> = (0..20)
        .map(|i| (if i < 8 { "7" } else { "5" }, Some(0.5)))
        .collect();
    // "7" comes first and wins ties: 3 or more of its 8. C(8,i)·C(12,6−i), i = 3..6.
    let exact = (56.0 * 220.0 + 70.0 * 66.0 + 56.0 * 12.0 + 28.0) / 38_760.0;
    let equal = at_k(&answers(&rows), 6, &RULES, 11).unwrap();
    assert_relative_eq!(equal.maj, exact, epsilon = 1e-12);
    assert_eq!((equal.weighted, equal.errors.weighted), (equal.maj, 0.0));

    for (i, row) in rows.iter_mut().enumerate() {
        row.1 = Some((i * 7 % 20) as f32 / 20.0);
    }
    let a = answers(&rows);
    let first = at_k(&a, 6, &RULES, 11).unwrap();
    assert_eq!(first, at_k(&a, 6, &RULES, 11).unwrap());
    let other = at_k(&a, 6, &RULES, 12).unwrap();
    assert_eq!(first.maj, other.maj);
    assert_ne!(first.weighted, other.weighted);
    assert!(first.errors.maj == 0.0 && first.errors.weighted > 0.0 && first.errors.borda > 0.0);

    // The true values, from every subset.
    let ballot = Ballot::new(&a, RULES.weights);
    let (mut tally, mut ranks) = (
        Tally::new(&ballot),
        borda::Borda::new(&a, RULES.borda_power),
    );
    let mut sums = [0.0; 2];
    subsets::for_each(20, 6, &mut |s: &[usize]| {
        let weighted = tally.count(s).weighted;
        for (sum, i) in sums
            .iter_mut()
            .zip([weighted, ranks.winner(&ballot, &mut tally, s)])
        {
            *sum += f64::from(u8::from(a[i].correct)) / 38_760.0;
        }
    });
    for r in [first, other] {
        for (found, error, exact) in [
            (r.weighted, r.errors.weighted, sums[0]),
            (r.borda, r.errors.borda, sums[1]),
        ] {
            assert!(error < 0.008, "{error}");
            assert!(
                (found - exact).abs() < 4.0 * error,
                "{found} ± {error}: {exact}"
            );
        }
    }
}

#[test]
fn standard_errors_are_those_of_repeated_estimates() {
    let rows: Vec<(&str, Option<f32>)> = (0..24)
        .map(|i| (["7", "5", "3"][i % 3], Some((i * 11 % 24) as f32 / 24.0)))
        .collect();
    let a = answers(&rows);
    let all: Vec<AtK> = (0..40).map(|s| at_k(&a, 10, &RULES, s).unwrap()).collect();
    let mean = all.iter().map(|r| r.weighted).sum::<f64>() / 40.0;
    let spread = all.iter().map(|r| (r.weighted - mean).powi(2)).sum::<f64>() / 39.0;
    let ratio = spread.sqrt() / all[0].errors.weighted;
    // The standard deviation of such a ratio is about 0.11.
    assert!((0.6..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn what_is_too_much_to_count_is_sampled_with_its_error() {
    let rows: Vec<(&str, Option<f32>)> = (0..400)
        .map(|i| (["7", "5"][usize::from(i % 20 > 9)], None))
        .collect();
    let r = at_k(&answers(&rows), 100, &RULES, 1).unwrap();
    assert!(r.errors.maj > 0.0 && r.errors.maj < 0.009);
    assert_eq!((r.maj, r.errors.maj), (r.weighted, r.errors.weighted));
    assert!((r.maj - 0.5).abs() < 0.1, "{}", r.maj);
}

#[test]
fn borda_votes_are_powers_of_the_ranks() {
    let a = answers(&[("5", Some(0.1)), ("7", Some(0.9)), ("3", Some(0.4))]);
    let votes = borda_votes(&a, 0.5);
    for (found, expected) in votes.iter().zip([1.0, 3f64.sqrt(), 2f64.sqrt()]) {
        assert_relative_eq!(*found, expected, epsilon = 1e-12);
    }
    // No key, no vote, but a rank; no score, the last ranks, in order of appearance.
    let a = answers(&[
        ("5", None),
        ("", Some(0.9)),
        ("3", Some(f32::NAN)),
        ("7", Some(0.4)),
    ]);
    assert_eq!(borda_votes(&a, 1.0), [2.0, 0.0, 1.0, 3.0]);
    // Equal scores rank in order of appearance.
    let a = answers(&[("5", Some(0.5)), ("3", Some(0.5))]);
    assert_eq!(borda_votes(&a, 1.0), [2.0, 1.0]);
}

#[test]
fn borda_lies_between_the_majority_and_the_best() {
    let a = answers(&[("5", Some(0.1)), ("5", Some(0.2)), ("7", Some(0.9))]);
    assert_eq!(borda(&a, 0.0), Some(0));
    // 1 + √2 against √3; 1 + 2 against 3, a tie; 1 + 4 against 9.
    assert_eq!(
        [0.5, 1.0, 2.0].map(|p| borda(&a, p)),
        [Some(0), Some(0), Some(2)]
    );
    assert_eq!(borda(&a, f64::INFINITY), Some(2));
    assert_eq!(borda(&[], 1.0), None);
    assert_eq!(
        borda(&answers(&[("", Some(1.0)), ("", None)]), 1.0),
        Some(0)
    );
    // The best has no key: the best that has one.
    let a = answers(&[("5", Some(0.1)), ("", Some(0.9)), ("7", Some(0.2))]);
    assert_eq!(borda(&a, f64::INFINITY), Some(2));
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

/// Borda by the definition of ranks, with the default power.
fn obvious_borda(answers: &[Answer]) -> usize {
    let n = answers.len();
    let score = |i: usize| answers[i].number().unwrap_or(f32::NEG_INFINITY);
    let above = |i: usize, j: usize| score(j) > score(i) || (score(j) == score(i) && j < i);
    let rank = |i: usize| 1 + (0..n).filter(|&j| j != i && above(i, j)).count();
    let votes: Vec<f64> = (0..n).map(|i| ((n - rank(i) + 1) as f64).sqrt()).collect();
    let support = |key| -> f64 {
        (0..n)
            .filter(|&i| answers[i].key == key)
            .map(|i| votes[i])
            .sum()
    };
    let mut best: Option<usize> = None;
    for i in (0..n).filter(|&i| answers[i].key.is_some()) {
        // Sums in different orders differ by rounding.
        if best.is_none_or(|b| support(answers[i].key) > support(answers[b].key) + 1e-9) {
            best = Some(i);
        }
    }
    best.unwrap_or(0)
}

#[test]
fn the_winning_answer_is_told_by_the_response_that_is_trusted_most() {
    let answer = |key, score| Answer {
        key,
        correct: false,
        score,
    };
    let answers = [
        answer(Some("a"), Some(0.2)),
        answer(Some("b"), Some(0.9)),
        answer(Some("a"), Some(0.7)),
        answer(Some("a"), Some(0.7)),
        answer(None, Some(2.0)),
        answer(Some("a"), Some(f32::NAN)),
    ];
    assert_eq!(most_trusted(&answers, 0), 2);
    assert_eq!(most_trusted(&answers, 5), 2);
    assert_eq!(most_trusted(&answers, 1), 1);
    assert_eq!(most_trusted(&answers, 4), 4);
}

proptest! {
    #[test]
    fn counted_majorities_equal_enumerated_ones(
        keys in prop::collection::vec(0u8..5, 1..11),
        labels in prop::collection::vec(any::<bool>(), 11),
        k in 1usize..11,
    ) {
        // Labels of their own: what is right need not depend on the key alone.
        let names = ["", "a", "b", "c", "d"];
        let a: Vec<Answer> = keys
            .iter()
            .zip(labels)
            .map(|(&key, correct)| Answer {
                key: Some(names[key as usize]).filter(|k| !k.is_empty()),
                correct,
                score: None,
            })
            .collect();
        let k = k.min(a.len());
        let ballot = Ballot::new(&a, Weights::Clamped);
        let counted = exact::majority_at_k(&a, &ballot, k).unwrap();
        let enumerated = at_k(&a, k, &RULES, 0).unwrap().maj;
        prop_assert!((counted - enumerated).abs() < 1e-12, "{counted} {enumerated}");
    }

    #[test]
    fn borda_with_power_zero_is_the_majority_and_without_end_the_best(rows in any_rows()) {
        let a = from_rows(&rows);
        prop_assert_eq!(borda(&a, 0.0), majority(&a));
        let keyed: Vec<Answer> = a.iter().copied().filter(|a| a.key.is_some()).collect();
        if let (Some(i), Some(best)) = (borda(&a, f64::INFINITY), best_of(&keyed)) {
            prop_assert_eq!(a[i].key, keyed[best].key);
        }
    }

    #[test]
    fn votes_equal_their_definition(rows in any_rows()) {
        let a = from_rows(&rows);
        prop_assert_eq!(majority(&a), Some(obvious_vote(&a, |_| 1.0)));
        prop_assert_eq!(weighted_majority(&a, Weights::Clamped), Some(obvious_weighted(&a)));
        prop_assert_eq!(borda(&a, 0.5), Some(obvious_borda(&a)));
    }

    #[test]
    fn at_k_equals_the_mean_over_every_bit_mask(rows in any_rows(), k in 1usize..9) {
        let a = from_rows(&rows);
        let k = k.min(a.len());
        let (mut sums, mut total) = ([0.0; 5], 0.0);
        for mask in (0u32..1 << a.len()).filter(|m| m.count_ones() as usize == k) {
            let subset: Vec<Answer> =
                (0..a.len()).filter(|i| mask >> i & 1 == 1).map(|i| a[i]).collect();
            let hits = [
                pass(&subset),
                subset[obvious_vote(&subset, |_| 1.0)].correct,
                subset[obvious_weighted(&subset)].correct,
                subset[best_of(&subset).unwrap()].correct,
                subset[obvious_borda(&subset)].correct,
            ];
            for (sum, hit) in sums.iter_mut().zip(hits) {
                *sum += f64::from(u8::from(hit));
            }
            total += 1.0;
        }
        let r = at_k(&a, k, &RULES, 0).unwrap();
        for (fast, sum) in [r.pass, r.maj, r.weighted, r.best, r.borda].into_iter().zip(sums) {
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
        let r = at_k(&a, k.min(a.len()), &RULES, 0).unwrap();
        for x in [r.maj, r.weighted, r.best, r.borda] {
            prop_assert!(x <= r.pass + 1e-12);
        }
    }
}
