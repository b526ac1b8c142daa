//! Co-Reward against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    answers: Vec<Vec<String>>,
    rewards: Vec<Vec<f32>>,
    advantages: Vec<Vec<f64>>,
}

#[test]
fn labels_by_the_other_view_and_their_advantages_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/co_reward.json")) {
        let groups: Vec<Vec<ResponseView>> = c
            .answers
            .iter()
            .map(|answers| {
                let view = |a: &String| ResponseView {
                    answer: a.parse().ok(),
                    ..ResponseView::default()
                };
                answers.iter().map(view).collect()
            })
            .collect();
        let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
        let mut rewards: Vec<Vec<f32>> = groups.iter().map(|g| vec![0.5; g.len()]).collect();
        Shaping::CoReward(CoReward::default()).apply(&views, &mut rewards);
        assert_eq!(rewards, c.rewards, "{}", c.name);
        for (rewards, expected) in rewards.iter().zip(&c.advantages) {
            let advantages = AdvantageKind::Grpo.advantages(rewards);
            assert_close(&c.name, &advantages, expected);
        }
    }
}
