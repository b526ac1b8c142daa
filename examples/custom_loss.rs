//! A loss of one's own: a value, and its derivative by each log-probability.
//!
//!     cargo run --release -p laser-train --example custom_loss

use laser_train::Terms;

#[path = "custom_loop.rs"]
mod custom_loop;

/// −A · log π of each token, with a quadratic pull to the log-probabilities it was sampled with
/// instead of a clip.
fn pulled_back(terms: Terms, old: &[f32], advantage: f32, scale: f64) -> f64 {
    let (scale, pull) = (scale as f32, 0.1);
    let mut loss = 0.0;
    for ((logp, old), dlogp) in terms.logp.iter().zip(old).zip(terms.dlogp) {
        let moved = logp - old;
        loss += scale * (-advantage * logp + pull * moved * moved);
        *dlogp += scale * (-advantage + 2.0 * pull * moved);
    }
    f64::from(loss)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    custom_loop::train(custom_loop::sevens, custom_loop::grpo, pulled_back)
}
