use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

#[test]
fn equal_logits_have_the_largest_entropy_and_no_gradient() {
    let (entropy, gradient) = entropy_row(&[0.5; 8]);
    assert_relative_eq!(entropy, 8f64.ln(), epsilon = 1e-12);
    assert!(gradient.iter().all(|g| g.abs() < 1e-12));
}

#[test]
fn impossible_tokens_take_no_part() {
    let (entropy, gradient) = entropy_row(&[1.0, f32::NEG_INFINITY, 0.0]);
    let (expected, without) = entropy_row(&[1.0, 0.0]);
    assert_eq!(entropy, expected);
    assert_eq!(gradient, [without[0], 0.0, without[1]]);
    assert_eq!(entropy_row(&[f32::NEG_INFINITY]), (0.0, vec![0.0]));
    assert_eq!(entropy_row(&[]), (0.0, vec![]));
    let (entropy, gradient) = entropy_row(&[0.0, -1e5]);
    assert_eq!((entropy, gradient), (0.0, vec![0.0, 0.0]));
}

#[test]
fn the_coefficient_rises_below_the_target_and_rests_above() {
    let mut control = EntropyController {
        coefficient: 0.004,
        target: 0.2,
        step: 0.005,
        min: 0.0,
        max: 0.01,
    };
    assert_relative_eq!(control.update(0.1), 0.009);
    assert_relative_eq!(control.update(0.2), 0.01);
    assert_eq!(control.update(0.3), 0.0);
    assert_relative_eq!(control.coefficient, 0.005);
    assert_eq!(control.update(f64::NAN), 0.0);
    assert_relative_eq!(control.coefficient, 0.005);
    assert_eq!((control.update(0.3), control.update(0.3)), (0.0, 0.0));
    assert_eq!(control.coefficient, 0.0);
}

proptest! {
    #[test]
    fn the_entropy_gradient_equals_finite_differences(logits in prop::collection::vec(-4.0f32..4.0, 1..10)) {
        let (_, gradient) = entropy_row(&logits);
        for v in 0..logits.len() {
            let at = |step: f32| {
                let mut moved = logits.clone();
                moved[v] += step;
                (f64::from(moved[v]), entropy_row(&moved).0)
            };
            let ((x0, low), (x1, high)) = (at(-1e-3), at(1e-3));
            assert_relative_eq!(gradient[v], (high - low) / (x1 - x0), epsilon = 1e-6);
        }
        // A shift of all logits changes nothing.
        prop_assert!(gradient.iter().sum::<f64>().abs() < 1e-12);
    }
}
