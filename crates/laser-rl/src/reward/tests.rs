use super::*;

#[test]
fn the_soft_penalty_falls_over_the_cache_only() {
    for (length, expected) in [
        (0, 0.0),
        (80, 0.0),
        (85, -0.25),
        (90, -0.5),
        (100, -1.0),
        (101, -1.0),
    ] {
        assert_eq!(soft_overlong_penalty(length, 100, 20), expected, "{length}");
    }
}

#[test]
fn without_a_cache_only_the_end_remains() {
    assert_eq!(soft_overlong_penalty(100, 100, 0), 0.0);
    assert_eq!(soft_overlong_penalty(101, 100, 0), -1.0);
}

#[test]
fn a_cache_beyond_the_length_still_ends_at_minus_one() {
    assert_eq!(soft_overlong_penalty(10, 10, 40), -1.0);
    assert_eq!(soft_overlong_penalty(0, 10, 40), -0.75);
}

#[test]
fn short_correct_responses_are_rewarded_and_short_wrong_ones_are_not() {
    let rewards = length_reward(
        &[100, 200, 300, 100, 250],
        &[true, true, true, false, false],
    );
    assert_eq!(rewards, [0.5, 0.0, -0.5, 0.0, -0.25]);
}

#[test]
fn equally_long_responses_get_nothing() {
    assert_eq!(length_reward(&[7, 7], &[true, false]), [0.0, 0.0]);
    assert_eq!(length_reward(&[], &[]), [0.0; 0]);
}
