use proptest::prelude::*;

use super::*;

#[test]
fn a_group_is_informative_if_its_rewards_differ() {
    assert!(is_informative(&[0.0, 1.0, 1.0]));
    assert!(is_informative(&[0.1, 0.1 + f32::EPSILON]));
    for flat in [&[][..], &[1.0], &[0.1; 7], &[0.0; 4], &[0.0, f32::NAN]] {
        assert!(!is_informative(flat), "{flat:?}");
    }
}

#[test]
fn truncated_responses_carry_no_loss() {
    let kept = without_truncated(&[5, 9, 2], &[true, false, true]);
    assert_eq!(kept, [5, 0, 2]);
    let scales = crate::Aggregation::SequenceMeanTokenMean.scales(&kept);
    assert_eq!(scales, [0.1, 0.0, 0.25]);
}

const REFILL: Refill = Refill {
    groups: 8,
    at_least: 3,
    max_refills: 2,
};

#[test]
fn refilling_stops_when_there_is_enough_or_no_round_is_left() {
    for (informative, refills, expected) in [
        (8, 0, RefillStep::Train(8)),
        (11, 1, RefillStep::Train(8)),
        (5, 0, RefillStep::More(3)),
        (0, 1, RefillStep::More(8)),
        (5, 2, RefillStep::Train(5)),
        (3, 2, RefillStep::Train(3)),
        (2, 2, RefillStep::Fail),
    ] {
        assert_eq!(REFILL.next(informative, refills), expected);
    }
}

proptest! {
    #[test]
    fn refilling_always_ends(found in prop::collection::vec(0usize..4, 10)) {
        let (mut informative, mut refills) = (found[0], 0);
        while let RefillStep::More(missing) = REFILL.next(informative, refills) {
            prop_assert!(missing > 0);
            refills += 1;
            informative += found[refills as usize];
        }
        prop_assert!(refills <= REFILL.max_refills);
    }
}
