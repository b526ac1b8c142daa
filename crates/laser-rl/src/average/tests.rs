use super::*;

#[test]
fn a_decay_of_zero_copies_and_of_one_keeps() {
    let mut target = [1.0, -2.5];
    ema(&mut target, &[0.1, 7.0], 1.0);
    assert_eq!(target, [1.0, -2.5]);
    ema(&mut target, &[0.1, 7.0], 0.0);
    assert_eq!(target, [0.1, 7.0]);
}

#[test]
fn the_target_moves_by_a_part_of_the_distance() {
    let mut target = [0.0, 8.0];
    ema(&mut target, &[4.0, 0.0], 0.75);
    assert_eq!(target, [1.0, 6.0]);
}

#[test]
fn equal_parameters_do_not_drift() {
    let source = [0.1f32, -3.3e-9, 1e20];
    let mut target = source;
    for _ in 0..1000 {
        ema(&mut target, &source, 0.999);
    }
    assert_eq!(target, source);
}

#[test]
#[should_panic(expected = "length of source does not fit")]
fn another_number_of_parameters_panics() {
    ema(&mut [0.0], &[], 0.5);
}
