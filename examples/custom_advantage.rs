//! An advantage of one's own: from the rewards of a group to a number per response.
//!
//!     cargo run --release -p laser-train --example custom_advantage

#[path = "custom_loop.rs"]
mod custom_loop;

/// By rank in the group, from −1 to 1; equal rewards share their mean rank. Outliers do not count.
fn rank(rewards: &[f32]) -> Vec<f32> {
    let below = |r: f32| rewards.iter().filter(|other| **other < r).count() as f32;
    let equal = |r: f32| rewards.iter().filter(|other| **other == r).count() as f32;
    let most = (rewards.len() as f32 - 1.0).max(1.0);
    let rank = |r: &f32| below(*r) + (equal(*r) - 1.0) / 2.0;
    rewards.iter().map(|r| 2.0 * rank(r) / most - 1.0).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    custom_loop::train(custom_loop::sevens, rank, custom_loop::ppo_clip)
}
