use super::*;
use approx::assert_relative_eq;

const KINDS: [Divergence; 3] = [
    Divergence::JensenShannon { alpha: 0.5 },
    Divergence::Forward,
    Divergence::Reverse,
];

fn ln(p: &[f64]) -> Vec<f32> {
    p.iter().map(|p| p.ln() as f32).collect()
}

/// D and its slopes.
fn of(d: Divergence, support: Support, p: &[f32], q: &[f32]) -> (f64, Vec<f64>) {
    let mut slopes = vec![0.0; p.len()];
    let value = d.value_and_slopes(support, p, q, |j, s| slopes[j] = s);
    (value, slopes)
}

/// The gradient by the logits of the ids of a whole distribution.
fn by_logits(p: &[f32], slopes: &[f64]) -> Vec<f64> {
    let total: f64 = slopes.iter().sum();
    let rows = p.iter().zip(slopes);
    rows.map(|(l, s)| s - f64::from(*l).exp() * total).collect()
}

#[test]
fn the_divergences_of_two_coins_are_the_worked_ones() {
    let (p, q) = (ln(&[0.5, 0.5]), ln(&[0.9, 0.1]));
    for (kind, expected) in [
        (Divergence::Reverse, 0.510826),
        (Divergence::Forward, 0.368064),
        (Divergence::JensenShannon { alpha: 0.5 }, 0.101749),
    ] {
        let value = of(kind, Support::Whole, &p, &q).0;
        assert_relative_eq!(value, expected, epsilon = 5e-7);
    }
}

#[test]
fn a_teacher_that_says_the_same_has_no_loss_and_no_gradient() {
    let p = ln(&[0.4, 0.35, 0.05]);
    for support in [Support::Tail, Support::Renormalised, Support::Whole] {
        for kind in [&KINDS[..], &[Divergence::JensenShannon { alpha: 0.3 }]].concat() {
            let (value, slopes) = of(kind, support, &p, &p);
            assert_eq!(value, 0.0, "{kind:?} {support:?}");
            assert!(slopes.iter().all(|s| *s == 0.0), "{kind:?} {slopes:?}");
        }
    }
    let rule = Distillation {
        divergence: Divergence::Sampled,
        support: Support::Whole,
        importance_cap: 2.0,
    };
    let lesson = Lesson {
        student: &p,
        teacher: &p,
        old: &[-1.0, -2.0, -3.0],
        weights: &[],
    };
    let mut d = [0.0; 3];
    assert_eq!((rule.apply(&lesson, 1.0, &mut d), d), (0.0, [0.0; 3]));
}

#[test]
fn the_gradient_of_the_reverse_kl_is_the_expectation_of_the_sampled_one() {
    let (p, q) = (ln(&[0.2, 0.5, 0.3]), ln(&[0.6, 0.1, 0.3]));
    let rule = Distillation {
        divergence: Divergence::Sampled,
        support: Support::Whole,
        importance_cap: 2.0,
    };
    let mut expected = [0.0; 3];
    for a in 0..3 {
        let lesson = Lesson {
            student: &p[a..=a],
            teacher: &q[a..=a],
            old: &p[a..=a],
            weights: &[],
        };
        let mut d = [0.0];
        rule.apply(&lesson, 1.0, &mut d);
        for (v, expected) in expected.iter_mut().enumerate() {
            let (pa, pv) = (f64::from(p[a]).exp(), f64::from(p[v]).exp());
            let drawn = f64::from(u8::from(v == a));
            *expected += pa * f64::from(d[0]) * (drawn - pv);
        }
    }
    let slopes = of(Divergence::Reverse, Support::Whole, &p, &q).1;
    for (found, expected) in by_logits(&p, &slopes).iter().zip(expected) {
        assert_relative_eq!(*found, expected, epsilon = 1e-7);
    }
}

#[test]
fn ids_that_are_the_whole_vocabulary_give_the_full_form_with_and_without_a_tail() {
    let (p, q) = (ln(&[0.2, 0.5, 0.3]), ln(&[0.6, 0.1, 0.3]));
    for kind in KINDS {
        let (value, slopes) = of(kind, Support::Whole, &p, &q);
        let full = by_logits(&p, &slopes);
        for support in [Support::Tail, Support::Renormalised] {
            let (same, slopes) = of(kind, support, &p, &q);
            assert_relative_eq!(value, same, epsilon = 1e-6);
            for (a, b) in full.iter().zip(by_logits(&p, &slopes)) {
                assert_relative_eq!(*a, b, epsilon = 1e-6);
            }
        }
    }
}

#[test]
fn a_tail_is_one_more_outcome() {
    let (p, q) = ([0.5, 0.2, 0.3], [0.1, 0.3, 0.6]);
    for kind in KINDS {
        let whole = of(kind, Support::Whole, &ln(&p), &ln(&q)).0;
        let tail = of(kind, Support::Tail, &ln(&p[..2]), &ln(&q[..2])).0;
        assert_relative_eq!(whole, tail, epsilon = 1e-6);
    }
}

#[test]
fn the_ratio_is_bounded_and_constant_for_the_gradient() {
    let (p, q) = (ln(&[0.5, 0.5]), ln(&[0.9, 0.1]));
    let (student, teacher) = ([p[0], p[0], p[1]], [q[0], q[0], q[1]]);
    let rule = Distillation {
        divergence: Divergence::Reverse,
        support: Support::Whole,
        importance_cap: 2.0,
    };
    let run = |old: f32, weight: f32| {
        let lesson = Lesson {
            student: &student,
            teacher: &teacher,
            old: &[old],
            weights: &[weight],
        };
        let mut d = [0.0; 3];
        (rule.apply(&lesson, 0.5, &mut d), d)
    };
    let (on_policy, slopes) = run(p[0], 1.0);
    assert_relative_eq!(on_policy, 0.5 * 0.510826, epsilon = 1e-6);
    assert_eq!(slopes[0], 0.0, "the drawn token is only looked at");
    for (old, weight, factor) in [
        (p[0] - 5.0, 1.0, 2.0),
        (f32::MIN, 1.0, 2.0),
        (p[0] + 2f32.ln(), 1.0, 0.5),
        (p[0], 3.0, 3.0),
        (p[0] - 5.0, 3.0, 6.0),
    ] {
        let (loss, d) = run(old, weight);
        assert_relative_eq!(loss, factor * on_policy, epsilon = 1e-6);
        for (d, slope) in d.iter().zip(slopes) {
            assert_relative_eq!(f64::from(*d), factor * f64::from(slope), epsilon = 1e-6);
        }
    }
}

#[test]
fn the_branch_follows_from_own_success_and_that_of_a_sibling() {
    use Branch::{Nothing, Policy, Teacher};
    let branches = |route: Route, correct: &[bool]| route.branches(correct, |_, _| true);
    // (own, sibling's): (1,1) (1,0) (0,1) (0,0)
    assert_eq!(branches(Route::Failed, &[true, true]), [Policy, Policy]);
    assert_eq!(
        branches(Route::Failed, &[true, false]),
        [Policy, Teacher(0)]
    );
    assert_eq!(branches(Route::Failed, &[false, false]), [Policy, Policy]);
    assert_eq!(
        branches(Route::All, &[true, true]),
        [Teacher(1), Teacher(0)]
    );
    assert_eq!(branches(Route::All, &[true, false]), [Nothing, Teacher(0)]);
    assert_eq!(branches(Route::All, &[false, false]), [Nothing, Nothing]);
    assert_eq!(branches(Route::Failed, &[false]), [Policy]);
}

#[test]
fn a_hint_that_does_not_fit_gives_way_to_the_next_one() {
    let correct = [true, false, true, false];
    let branches = Route::Failed.branches(&correct, |i, j| i == 1 && j == 2);
    let expected = [
        Branch::Policy,
        Branch::Teacher(2),
        Branch::Policy,
        Branch::Policy,
    ];
    assert_eq!(branches, expected);
}

#[test]
fn a_sure_teacher_counts_more_and_the_mean_weight_is_one() {
    let h = [vec![0.0, 2f32.ln()], vec![4f32.ln()]];
    let weights = dynamic_weights(1.0, &h);
    for (found, expected) in weights.concat().iter().zip([1.7143, 0.8571, 0.4286]) {
        assert!((found - expected).abs() < 5e-5, "{found} {expected}");
    }
    assert_relative_eq!(weights.concat().iter().sum::<f32>(), 3.0, epsilon = 1e-6);
    assert_eq!(dynamic_weights(0.0, &h).concat(), [1.0; 3]);
    assert!(dynamic_weights(1.0, &[]).is_empty());
}

#[test]
fn an_alpha_at_which_nothing_is_left_is_refused() {
    for alpha in [0.0, 1.0, -0.5, f64::NAN] {
        let error = Divergence::JensenShannon { alpha }.validate().unwrap_err();
        assert!(
            error.to_string().contains("jensen_shannon.alpha"),
            "{error}"
        );
    }
    assert!(KINDS.iter().all(|kind| kind.validate().is_ok()));
}
