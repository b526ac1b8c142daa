use super::*;

const GUIDE: [f32; 4] = [-0.5, -4.0, -1.0, -0.25];
const BASE: [f32; 4] = [-1.0, -1.0, -1.0, -3.0];

fn rewards(beta: f64, clip: f64, guide: &[f32]) -> Vec<f32> {
    let response = ResponseView {
        guide,
        reference: &BASE[..guide.len()],
        ..ResponseView::default()
    };
    let mut rewards = vec![0.0; guide.len()];
    TokenReward::Guide(GuideReward { beta, clip }).apply(&response, &mut rewards);
    rewards
}

#[test]
fn without_a_clamp_the_sum_is_the_implicit_reward_of_the_response() {
    let sum: f32 = rewards(0.25, 0.0, &GUIDE).iter().sum();
    let ratio: f32 = GUIDE.iter().zip(BASE).map(|(g, b)| g - b).sum();
    assert_eq!(sum, 0.25 * ratio);
}

#[test]
fn with_a_clamp_every_token_stays_within_it() {
    let found = rewards(0.05, 0.05, &GUIDE);
    assert_eq!(found, [0.025, -0.05, 0.0, 0.05]);
}

#[test]
fn a_guide_that_is_the_base_model_or_has_no_weight_adds_nothing() {
    assert_eq!(rewards(0.05, 0.05, &BASE), [0.0; 4]);
    assert_eq!(rewards(0.0, 0.05, &GUIDE), [0.0; 4]);
}

#[test]
fn what_is_there_is_added_to() {
    let response = ResponseView {
        guide: &GUIDE[..1],
        reference: &BASE[..1],
        ..ResponseView::default()
    };
    let mut rewards = [1.5];
    TokenReward::Guide(GuideReward::default()).apply(&response, &mut rewards);
    assert_eq!(rewards, [1.525]);
}

#[test]
fn settings_outside_their_range_are_named() {
    for (beta, clip, key) in [(-1.0, 0.0, "guide.beta"), (0.0, f64::NAN, "guide.clip")] {
        let reward = TokenReward::Guide(GuideReward { beta, clip });
        assert_eq!(reward.validate().unwrap_err().key, key);
    }
}
