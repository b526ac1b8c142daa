use super::*;
use crate::AdvantageKind;

fn shaped(scale: f64, rewards: &[f32], references: &[f32]) -> Vec<f32> {
    let method = PreferenceAsReward {
        references: references.len(),
        scale,
        ..PreferenceAsReward::default()
    };
    let view = ResponseView {
        reference_rewards: references,
        ..ResponseView::default()
    };
    let mut shaped = rewards.to_vec();
    method.apply(&vec![view; rewards.len()], &mut shaped);
    shaped
}

#[test]
fn equal_rewards_are_worth_a_half_and_all_lie_between_0_and_1() {
    assert_eq!(shaped(1.0, &[0.3, 0.3], &[0.3]), [0.5, 0.5]);
    let r = shaped(1.0, &[1.0, 0.0], &[0.0, 1.0]);
    // (σ(1) + σ(0)) / 2 and (σ(0) + σ(−1)) / 2.
    assert!((r[0] - 0.615_529).abs() < 1e-6 && (r[1] - 0.384_471).abs() < 1e-6);
    assert_eq!(shaped(2.0, &[1e6, -1e6], &[0.0]), [1.0, 0.0]);
}

#[test]
fn the_preference_rises_with_the_reward_by_at_most_a_quarter_of_the_scale() {
    let rewards: Vec<f32> = (-40..=40).map(|i| i as f32 * 0.125).collect();
    for scale in [0.5, 1.0, 3.0] {
        let shaped = shaped(scale, &rewards, &[0.25, -1.0]);
        for (r, s) in rewards.windows(2).zip(shaped.windows(2)) {
            let slope = f64::from(s[1] - s[0]) / f64::from(r[1] - r[0]);
            assert!(
                slope > 0.0 && slope <= scale / 4.0 + 1e-6,
                "{scale} {slope}"
            );
        }
    }
}

#[test]
fn a_constant_added_to_every_reward_changes_nothing() {
    let (rewards, references) = ([0.5, -1.0, 2.25], [0.25, 1.5]);
    let moved = |c: f32| {
        let add = |x: &[f32]| x.iter().map(|x| x + c).collect::<Vec<f32>>();
        shaped(1.0, &add(&rewards), &add(&references))
    };
    assert_eq!(moved(0.0), moved(8.0));
    assert_eq!(moved(0.0), moved(-0.5));
}

#[test]
fn linear_centring_leaves_the_advantages_of_grpo_as_they_are_and_a_preference_does_not() {
    let (rewards, reference) = ([1.0, 0.25, -2.0, 0.5f32], 0.75);
    let kind = AdvantageKind::Grpo;
    let plain = kind.advantages(&rewards);
    let centred = kind.advantages(&rewards.map(|r| r - reference));
    let preferred = kind.advantages(&shaped(1.0, &rewards, &[reference]));
    let differs = |a: &[f32]| a.iter().zip(&plain).any(|(a, p)| (a - p).abs() > 1e-2);
    assert_eq!(centred, plain);
    assert!(differs(&preferred));
    // Of a verifier's rewards, a map of two points: the division by the spread takes it back.
    let (verified, preferred) = ([1.0, 0.0, 0.0, 1.0], &[0.0]);
    let advantages = kind.advantages(&shaped(1.0, &verified, preferred));
    for (a, plain) in advantages.iter().zip(kind.advantages(&verified)) {
        assert!((a - plain).abs() < 1e-4);
    }
}

#[test]
fn a_response_without_a_score_loses_to_one_with_a_score() {
    let method = PreferenceAsReward {
        references: 2,
        of: Compared::SelfReward,
        ..PreferenceAsReward::default()
    };
    let references = [Some(0.5), None];
    let scores = [Some(0.5), None, Some(f32::NAN)];
    let group = scores.map(|score| ResponseView {
        score,
        reference_scores: &references,
        ..ResponseView::default()
    });
    let mut rewards = [9.0; 3];
    method.apply(&group, &mut rewards);
    assert_eq!(rewards, [0.75, 0.25, 0.25]);
}
