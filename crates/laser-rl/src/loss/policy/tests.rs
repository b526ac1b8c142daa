use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

const GSPO: PolicyLoss = PolicyLoss::Gspo {
    clip_low: 0.1,
    clip_high: 0.2,
};
const GSPO_TOKEN: PolicyLoss = PolicyLoss::GspoToken {
    clip_low: 0.1,
    clip_high: 0.2,
};
const CISPO: PolicyLoss = PolicyLoss::Cispo {
    clip_low: None,
    clip_high: 0.25,
};

fn all() -> [PolicyLoss; 5] {
    let ppo = PolicyLoss::PpoClip(PpoClip::default());
    [ppo, GSPO, GSPO_TOKEN, CISPO, PolicyLoss::Reinforce]
}

fn run(
    loss: PolicyLoss,
    logp: &[f32],
    old: &[f32],
    advantages: Advantages<'_>,
    weight: Option<&[f32]>,
) -> (PolicyLossStats, Vec<f32>) {
    let mut dlogp = vec![0.0; logp.len()];
    let stats = loss.apply(logp, old, advantages, weight, 0.5, &mut dlogp);
    (stats, dlogp)
}

/// Central differences of the loss by every log-probability.
fn differences(
    loss: PolicyLoss,
    logp: &[f32],
    value: impl Fn(PolicyLoss, &[f32]) -> f64,
) -> Vec<f64> {
    (0..logp.len())
        .map(|t| {
            let at = |step: f32| {
                let mut moved = logp.to_vec();
                moved[t] += step;
                (f64::from(moved[t]), value(loss, &moved))
            };
            let ((x0, low), (x1, high)) = (at(-1e-3), at(1e-3));
            (high - low) / (x1 - x0)
        })
        .collect()
}

#[test]
fn gradients_of_losses_without_a_stopped_one_equal_finite_differences() {
    let old = [-1.0, -2.5, -0.5, -3.0];
    let advantages = [0.7, -1.3, 0.4, 2.0];
    let weight = [1.0, 0.5, 0.0, 1.75];
    for shift in [-0.5, -0.02, 0.05, 0.6, 1.5] {
        let logp: Vec<f32> = old
            .iter()
            .zip([0.03, -0.06, 0.09, 0.0])
            .map(|(o, d)| o + shift + d)
            .collect();
        for loss in [all()[0], GSPO, PolicyLoss::Reinforce] {
            let at = |loss, logp: &[f32]| {
                let advantages = Advantages::Tokens(&advantages);
                run(loss, logp, &old, advantages, Some(&weight))
            };
            let (_, found) = at(loss, &logp);
            let expected = differences(loss, &logp, |loss, x| at(loss, x).0.loss);
            for (&found, expected) in found.iter().zip(expected) {
                assert_relative_eq!(
                    f64::from(found),
                    expected,
                    epsilon = 1e-6,
                    max_relative = 1e-5
                );
            }
        }
    }
}

#[test]
fn a_response_without_tokens_gives_nothing() {
    for loss in all() {
        let (stats, _) = run(loss, &[], &[], Advantages::Response(1.0), None);
        assert_eq!(stats, PolicyLossStats::default());
    }
}

#[test]
fn on_policy_every_loss_has_the_plain_policy_gradient() {
    let logp = [-0.1, -2.0, -7.5];
    for loss in all() {
        let (stats, dlogp) = run(loss, &logp, &logp, Advantages::Response(0.75), None);
        assert_eq!(dlogp, [-0.375; 3], "{loss:?}");
        assert_eq!((stats.tokens, stats.clipped), (3, 0));
    }
}

#[test]
fn gspo_clips_a_whole_response_by_its_mean_log_ratio() {
    // Mean log-ratio 0.3: s = e^0.3 = 1.35 > 1.2, though one token's ratio is below 1.
    let (old, logp) = ([-2.0, -2.0], [-1.0, -2.4]);
    let (stats, dlogp) = run(GSPO, &logp, &old, Advantages::Response(1.0), None);
    assert_relative_eq!(stats.loss, 0.5 * -2.4, epsilon = 1e-6);
    assert_eq!((stats.clipped, dlogp), (2, vec![0.0; 2]));
    assert_eq!((stats.clipped_low, stats.clipped_high), (0, 2));

    // The same move with a negative advantage is not clipped: both tokens get s.
    let (stats, dlogp) = run(GSPO, &logp, &old, Advantages::Response(-1.0), None);
    assert_eq!(stats.clipped, 0);
    for grad in dlogp {
        assert_relative_eq!(grad, 0.5 * 0.3f32.exp(), epsilon = 1e-6);
    }
}

#[test]
fn gspo_spreads_the_advantages_and_gspo_token_keeps_them_apart() {
    let logp = [-1.0, -2.0];
    let advantages = Advantages::Tokens(&[3.0, -1.0]);
    let (spread, dlogp) = run(GSPO, &logp, &logp, advantages, None);
    assert_eq!(dlogp, [-0.5, -0.5]);
    let (apart, dlogp) = run(GSPO_TOKEN, &logp, &logp, advantages, None);
    assert_eq!(dlogp, [-1.5, 0.5]);
    assert_eq!(spread.loss, apart.loss);
}

#[test]
fn cispo_bounds_the_weight_of_a_token_and_keeps_its_gradient() {
    let old = [-3.0, -3.0];
    let logp = [-1.0, -5.0]; // ratios e² and e⁻²
    let (stats, dlogp) = run(CISPO, &logp, &old, Advantages::Response(1.0), None);
    assert_relative_eq!(dlogp[0], -0.5 * 1.25);
    assert_relative_eq!(dlogp[1], -0.5 * (-2.0f32).exp(), epsilon = 1e-7);
    assert_eq!(stats.clipped, 1);
    let expected = 0.5 * (1.25 * 1.0 + (-2.0f64).exp() * 5.0);
    assert_relative_eq!(stats.loss, expected, epsilon = 1e-9);

    let both = PolicyLoss::Cispo {
        clip_low: Some(0.5),
        clip_high: 0.25,
    };
    let (stats, dlogp) = run(both, &logp, &old, Advantages::Response(1.0), None);
    assert_eq!((stats.clipped, dlogp[1]), (2, -0.25));
    assert_eq!((stats.clipped_low, stats.clipped_high), (1, 1));
}

#[test]
fn enormous_log_ratios_stay_finite_in_every_loss() {
    for (new, old) in [(-1.0, -1e30), (-1e30, -1.0)] {
        for loss in all() {
            let (stats, dlogp) = run(loss, &[new; 2], &[old; 2], Advantages::Response(-1.0), None);
            assert!(stats.loss.is_finite() && dlogp[0].is_finite(), "{loss:?}");
        }
    }
}

#[test]
fn settings_read_as_names() {
    let read = |json| serde_json::from_str::<PolicyLoss>(json).unwrap();
    assert_eq!(read("\"reinforce\""), PolicyLoss::Reinforce);
    assert_eq!(
        read(r#"{"gspo": {"clip_low": 0.1, "clip_high": 0.2}}"#),
        GSPO
    );
}

#[test]
#[should_panic(expected = "length of weight does not fit")]
fn a_weight_of_another_length_panics() {
    run(GSPO, &[-1.0], &[-1.0], Advantages::Response(1.0), Some(&[]));
}

proptest! {
    #[test]
    fn the_general_form_of_ppo_equals_the_special_one(
        rows in prop::collection::vec((-6.0f32..0.0, -6.0f32..0.0), 0..12),
        advantage in -2.0f32..2.0,
        clip in (0.0f32..0.5, 0.0f32..0.5, prop::option::of(1.0f32..4.0)),
    ) {
        let (logp, old): (Vec<f32>, Vec<f32>) = rows.into_iter().unzip();
        let cfg = PpoClip { clip_low: clip.0, clip_high: clip.1, dual_clip: clip.2 };
        let mut dlogp = vec![0.0; logp.len()];
        let stats = ppo_clip(&cfg, &logp, &old, advantage, 0.5, &mut dlogp);
        let same = vec![advantage; logp.len()];
        let ones = vec![1.0; logp.len()];
        let general = run(PolicyLoss::PpoClip(cfg), &logp, &old, Advantages::Tokens(&same), Some(&ones));
        prop_assert_eq!((stats, dlogp), general);
    }

    #[test]
    fn a_weight_on_all_tokens_acts_as_a_factor_of_the_scale(
        rows in prop::collection::vec((-6.0f32..0.0, -6.0f32..0.0, -2.0f32..2.0), 1..12),
    ) {
        let (logp, old): (Vec<f32>, Vec<f32>) = rows.iter().map(|r| (r.0, r.1)).unzip();
        let advantages: Vec<f32> = rows.iter().map(|r| r.2).collect();
        for loss in all() {
            let half = vec![0.5; logp.len()];
            let (weighted, dlogp) = run(loss, &logp, &old, Advantages::Tokens(&advantages), Some(&half));
            let mut expected = vec![0.0; logp.len()];
            let scaled = loss.apply(&logp, &old, Advantages::Tokens(&advantages), None, 0.25, &mut expected);
            prop_assert_eq!(weighted, scaled);
            prop_assert_eq!(dlogp, expected);
        }
    }
}
