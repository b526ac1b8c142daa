//! A training loop of one's own in four calls: sample, accumulate, step, save.
//!
//!     cargo run --release -p laser-train --example custom_loop

use laser_rl::{AdvantageKind, Advantages, Aggregation, PolicyLoss};
use laser_rollout::Sequence;
use laser_train::{Learner, Model, Optimizer, Terms};

pub fn sevens(_prompt: &str, response: &str) -> f32 {
    let sevens = response.chars().filter(|c| *c == '7').count();
    sevens as f32 / response.chars().count().max(1) as f32
}

pub fn grpo(rewards: &[f32]) -> Vec<f32> {
    AdvantageKind::Grpo.advantages(rewards)
}

pub fn ppo_clip(t: Terms, old: &[f32], advantage: f32, scale: f64) -> f64 {
    let (loss, a) = (PolicyLoss::default(), Advantages::Response(advantage));
    loss.apply(t.logp, old, a, None, scale, t.dlogp).loss
}

pub fn train(
    reward: impl Fn(&str, &str) -> f32,
    advantage: impl Fn(&[f32]) -> Vec<f32>,
    loss: impl Fn(Terms, &[f32], f32, f64) -> f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let shape: Model = serde_json::from_str(r#"{"hidden_size": 32, "layers": 1, "context": 32}"#)?;
    let mut learner = Learner::fresh(&shape, 1, 0)?;
    let generation = learner.generation(12);
    let prompts = ["1=", "2=", "3=", "4=", "5=", "6=", "7=", "8="];
    for step in 1..=40 {
        let groups = learner.sample(&prompts, 8, &[1, step], &generation)?;
        let (mut sequences, mut old, mut advantages, mut sum) = (vec![], vec![], vec![], 0.0);
        for (group, prompt) in groups.iter().zip(prompts) {
            let mut rewards = Vec::new();
            for r in &group.responses {
                rewards.push(reward(prompt, &learner.text.decode(&r.ids)?));
                sequences.push(Sequence::plain(&group.prompt, &r.ids));
                old.push(r.logprobs.as_slice());
            }
            sum += rewards.iter().sum::<f32>();
            advantages.extend(advantage(&rewards));
        }
        let lengths: Vec<usize> = old.iter().map(|o| o.len()).collect();
        let scales = Aggregation::TokenMean.scales(&lengths);
        learner.accumulate(&sequences, generation.self_reward_position, 4096, |i, t| {
            loss(t, old[i], advantages[i], scales[i])
        })?;
        learner.step(&Optimizer::default(), 1e-2)?;
        println!("step {step:2}  reward {:.3}", sum / old.len() as f32);
    }
    Ok(learner.save("runs/custom".as_ref())?)
}

#[allow(dead_code)] // the other examples have their own
fn main() -> Result<(), Box<dyn std::error::Error>> {
    train(sevens, grpo, ppo_clip)
}
