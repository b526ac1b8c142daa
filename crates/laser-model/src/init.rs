//! Fresh weights.

use laser_rng::Rng;

use crate::layout::Init;
use crate::{Layout, ModelConfig};

/// Fresh host tensors in the layout's order, the same for the same seed on every machine.
pub fn init_weights(config: &ModelConfig, seed: u64) -> Vec<Vec<f32>> {
    let layout = Layout::new(config);
    let std = config.initializer_range as f64;
    let narrow = std / (2.0 * config.layers as f64).sqrt();
    let mut rng = Rng::from_words(&[seed]);
    let mut normal = |n: usize, std: f64| -> Vec<f32> {
        let pairs = std::iter::repeat_with(|| rng.normal_pair());
        pairs.flatten().take(n).map(|x| (x * std) as f32).collect()
    };
    layout
        .tensors
        .iter()
        .map(|t| {
            let n = t.rows * t.cols;
            match t.init {
                Init::Ones => vec![1.0; n],
                Init::Zeros => vec![0.0; n],
                Init::Normal => normal(n, std),
                Init::ResidualNormal => normal(n, narrow),
            }
        })
        .collect()
}
