//! A tiny model and requests to it.

use std::path::PathBuf;

use laser_kernels::Cpu;
use laser_model::{Decoder, checkpoint};
use laser_rollout::{Generation, Request, Sampling, SelfRewardPosition};

/// Never sampled.
pub const ZC: u32 = 766;

/// The model for sequences of at most `context` tokens.
pub fn decoder(context: usize) -> Decoder<Cpu> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/qwen3");
    let config = checkpoint::load_config(&dir).unwrap();
    let weights = checkpoint::Stored::weights(&dir, &config).unwrap();
    Decoder::new(&Cpu::serial(), config, weights.tensors(), context, true)
}

pub fn requests() -> Vec<Request> {
    (0..5u64)
        .map(|p| Request {
            prompt: (0..3 + 9 * p as u32)
                .map(|i| (i * 37 + p as u32) % 700)
                .collect(),
            samples: 6,
            seed: vec![7, 1, p],
        })
        .collect()
}

/// A random model stops rarely; many stop ids make responses of very different lengths.
pub fn generation() -> Generation {
    Generation {
        sampling: Sampling::default(),
        max_new_tokens: 40,
        stop: (0..48).chain([763]).collect(),
        self_reward_token: Some(ZC),
        self_reward_position: SelfRewardPosition::AfterEos,
        punctuation: Vec::new(),
    }
}
