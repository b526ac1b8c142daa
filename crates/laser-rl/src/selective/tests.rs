use proptest::prelude::*;

use super::*;

fn predictions(rows: &[(f64, bool)]) -> Vec<Prediction> {
    let make = |&(confidence, correct)| Prediction {
        confidence,
        correct,
    };
    rows.iter().map(make).collect()
}

#[test]
fn the_curve_has_a_point_for_every_confidence() {
    let p = predictions(&[(0.2, false), (0.9, true), (0.5, false), (0.9, true)]);
    let found: Vec<[f64; 3]> = risk_coverage(&p)
        .iter()
        .map(|r| [r.threshold, r.coverage, r.risk])
        .collect();
    assert_eq!(
        found,
        [[0.9, 0.5, 0.0], [0.5, 0.75, 1.0 / 3.0], [0.2, 1.0, 0.5]]
    );
    assert_eq!(risk_coverage(&[]), []);
}

#[test]
fn the_area_has_its_hand_computed_value() {
    // Risks 0, 1/2, 1/3, 2/4; the oracle's 0, 0, 1/3, 2/4.
    let p = predictions(&[(0.9, true), (0.8, false), (0.7, true), (0.1, false)]);
    let found = area(&p).unwrap();
    assert!((found.aurc - (0.5 + 1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-12);
    assert!((found.excess - 0.5 / 4.0).abs() < 1e-12);
    assert_eq!(found.risk, 0.5);
    assert_eq!(area(&[]), None);
}

#[test]
fn an_oracle_has_no_excess_and_a_constant_confidence_has_its_risk() {
    let oracle = predictions(&[(0.9, true), (0.8, true), (0.3, false)]);
    assert!(area(&oracle).unwrap().excess.abs() < 1e-12);
    let constant = predictions(&[(0.5, true), (0.5, false), (0.5, false), (0.5, true)]);
    assert!((area(&constant).unwrap().aurc - 0.5).abs() < 1e-12);
}

#[test]
fn what_is_no_number_is_answered_last() {
    let p = predictions(&[(f64::NAN, false), (0.1, true), (f64::NAN, true)]);
    let curve = risk_coverage(&p);
    assert_eq!(curve.len(), 2);
    assert_eq!((curve[0].threshold, curve[0].risk), (0.1, 0.0));
}

#[test]
fn the_risk_at_a_coverage_is_that_of_the_most_confident() {
    let p = predictions(&[(0.9, true), (0.8, false), (0.7, true), (0.1, false)]);
    let sorted = Sorted::new(&p);
    let at = |coverage| sorted.counted(&[1; 4]).risk_at(coverage).unwrap();
    assert_eq!([at(0.25), at(0.5), at(1.0)], [0.0, 0.5, 0.5]);
    // At least one is answered, and half of three is two.
    assert_eq!(at(0.0), 0.0);
    assert_eq!(sorted.counted(&[1, 1, 1, 0]).risk_at(0.5), Some(0.5));
    assert_eq!(sorted.counted(&[0; 4]).risk_at(0.5), None);
    // Half of a tie of a right and a wrong one is half wrong.
    let tie = predictions(&[(0.5, true), (0.5, false)]);
    assert_eq!(Sorted::new(&tie).counted(&[1; 2]).risk_at(0.5), Some(0.5));
}

proptest! {
    #[test]
    fn counts_are_repetitions(
        rows in prop::collection::vec((0u8..4, any::<bool>(), 0u32..3), 1..8)
    ) {
        let p: Vec<Prediction> = rows
            .iter()
            .map(|&(c, correct, _)| Prediction { confidence: f64::from(c), correct })
            .collect();
        let counts: Vec<u32> = rows.iter().map(|r| r.2).collect();
        let repeated: Vec<Prediction> = p
            .iter()
            .zip(&counts)
            .flat_map(|(p, &times)| std::iter::repeat_n(*p, times as usize))
            .collect();
        let (counted, repeated) = (Sorted::new(&p).counted(&counts).area(), area(&repeated));
        match (counted, repeated) {
            (Some(a), Some(b)) => {
                prop_assert!((a.aurc - b.aurc).abs() < 1e-12);
                prop_assert!((a.excess - b.excess).abs() < 1e-12);
            }
            (a, b) => prop_assert!(a.is_none() && b.is_none()),
        }
    }

    #[test]
    fn the_order_of_the_problems_changes_nothing_and_no_confidence_beats_the_oracle(
        rows in prop::collection::vec((0u8..4, any::<bool>()), 1..9)
    ) {
        let mut p: Vec<Prediction> = rows
            .iter()
            .map(|&(c, correct)| Prediction { confidence: f64::from(c), correct })
            .collect();
        let forwards = area(&p).unwrap();
        p.reverse();
        let backwards = area(&p).unwrap();
        prop_assert!((forwards.aurc - backwards.aurc).abs() < 1e-12);
        prop_assert!(forwards.excess > -1e-12);
    }
}
