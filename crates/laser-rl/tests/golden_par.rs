//! PAR against PyTorch; `golden/README.md` defines the numbers.

mod common;

use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    scale: f64,
    rewards: Vec<f32>,
    references: Vec<f32>,
    shaped: Vec<f64>,
    slope: Vec<f64>,
    grpo: Vec<f64>,
}

fn shaped(case: &Case, rewards: &[f32]) -> Vec<f32> {
    let shaping = Shaping::PreferenceAsReward(PreferenceAsReward {
        references: case.references.len(),
        scale: case.scale,
        of: Compared::Reward,
    });
    let view = ResponseView {
        reference_rewards: &case.references,
        ..ResponseView::default()
    };
    let mut found = [rewards.to_vec()];
    shaping.apply(&[&vec![view; rewards.len()]], &mut found);
    found[0].clone()
}

#[test]
fn preferences_and_the_advantages_of_them_equal_the_golden_ones() {
    for c in cases::<Case>(include_str!("golden/par.json")) {
        let found = shaped(&c, &c.rewards);
        assert_close(&c.name, &found, &c.shaped);
        for (a, expected) in AdvantageKind::Grpo.advantages(&found).iter().zip(&c.grpo) {
            assert!((f64::from(*a) - expected).abs() < 1e-5, "{}", c.name);
        }
        let h = 1.0 / 256.0;
        let moved = |h: f32| shaped(&c, &c.rewards.iter().map(|r| r + h).collect::<Vec<_>>());
        for ((up, down), slope) in moved(h).iter().zip(&moved(-h)).zip(&c.slope) {
            let found = f64::from(up - down) / (2.0 * f64::from(h));
            assert!((found - slope).abs() < 2e-3, "{} {found} {slope}", c.name);
        }
    }
}
