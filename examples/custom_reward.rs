//! A reward of one's own: any function of prompt and response.
//!
//!     cargo run --release -p laser-train --example custom_reward

#[path = "custom_loop.rs"]
mod custom_loop;

/// The share of neighbouring characters that ascend, as in `1359`.
fn ascending(_prompt: &str, response: &str) -> f32 {
    let characters: Vec<char> = response.chars().collect();
    let ascending = characters.windows(2).filter(|pair| pair[0] < pair[1]);
    ascending.count() as f32 / characters.len().max(1) as f32
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    custom_loop::train(ascending, custom_loop::grpo, custom_loop::ppo_clip)
}
