//! Fresh weights.

use crate::layout::Init;
use crate::{Layout, ModelConfig};

/// Fresh host tensors in the layout's order, the same for the same seed on every machine.
pub fn init_weights(config: &ModelConfig, seed: u64) -> Vec<Vec<f32>> {
    let layout = Layout::new(config);
    let std = config.initializer_range as f64;
    let narrow = std / (2.0 * config.layers as f64).sqrt();
    let mut normal = Normal::new(seed);
    layout
        .tensors
        .iter()
        .map(|t| {
            let n = t.rows * t.cols;
            match t.init {
                Init::Ones => vec![1.0; n],
                Init::Zeros => vec![0.0; n],
                Init::Normal => (0..n).map(|_| (normal.next() * std) as f32).collect(),
                Init::ResidualNormal => (0..n).map(|_| (normal.next() * narrow) as f32).collect(),
            }
        })
        .collect()
}

/// Standard normal numbers: Box–Muller on SplitMix64.
struct Normal {
    state: u64,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64) -> Self {
        Normal { state: seed, spare: None }
    }

    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 0.5 / (1u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        if let Some(x) = self.spare.take() {
            return x;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * self.uniform();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}
