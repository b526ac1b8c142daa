//! A reward of one's own: any function of prompt and response.
//!
//!     cargo run --release -p laser-train --example custom_reward

#[path = "custom_loop.rs"]
mod custom_loop;

/// The response begins with the digit after that of the prompt: `1=` → `2`.
fn successor(prompt: &str, response: &str) -> f32 {
    let digit = prompt.chars().next().and_then(|c| c.to_digit(10));
    let wanted = digit.and_then(|d| char::from_digit(d + 1, 10));
    let found = wanted.is_some_and(|wanted| response.starts_with(wanted));
    f32::from(u8::from(found))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    custom_loop::train(successor, custom_loop::grpo, custom_loop::ppo_clip)
}
