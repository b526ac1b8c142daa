//! Rotary position embeddings: frequencies and tables.
//!
//! The formulas are those of transformers' `modeling_rope_utils`, version 5.23.

mod keys;

use std::f64::consts::PI;

/// How rotary angles depend on the position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the geometric frequencies.
    pub theta: f64,
    /// Rescaling for contexts longer than those of pre-training.
    pub scaling: RopeScaling,
}

/// Rescaling of rotary frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// None.
    Default,
    /// Every frequency is divided by `factor` (position interpolation, arXiv 2306.15595).
    Linear {
        /// Stretch of every wavelength.
        factor: f64,
    },
    /// NTK-aware frequencies that change with the length of the sequence beyond the model's
    /// context. Within it they are the default ones, and longer sequences are out of bounds here:
    /// there a token's log-probability would depend on the tokens after it.
    Dynamic,
    /// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between
    /// interpolated.
    Llama3 {
        /// Stretch of long wavelengths.
        factor: f64,
        /// Wavelengths above `original_max_positions / low_freq_factor` are stretched.
        low_freq_factor: f64,
        /// Wavelengths below `original_max_positions / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Context length of pre-training.
        original_max_positions: f64,
    },
    /// YaRN (arXiv 2309.00071): pairs that turn more than `beta_fast` times within the original
    /// context keep their frequency, those that turn less than `beta_slow` times are stretched by
    /// `factor`, those between are interpolated by their index.
    Yarn {
        /// Stretch of long wavelengths.
        factor: f64,
        /// Turns above which a pair is kept.
        beta_fast: f64,
        /// Turns below which a pair is stretched.
        beta_slow: f64,
        /// Context length of pre-training.
        original_max_positions: f64,
        /// Whether the bounds of the interpolation are whole indices.
        truncate: bool,
        /// Multiplies cosines and sines, so attention logits by its square.
        attention_factor: f64,
    },
}

impl Rope {
    /// Angle per position of each of the `head_dim / 2` pairs, in radians.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let interpolated = self.interpolated(head_dim);
        (0..head_dim / 2)
            .map(|i| {
                let f = 1.0 / self.theta.powf(2.0 * i as f64 / head_dim as f64);
                (match self.scaling {
                    RopeScaling::Default | RopeScaling::Dynamic => f,
                    RopeScaling::Linear { factor } => f / factor,
                    RopeScaling::Yarn { factor, .. } => {
                        let share = interpolated(i);
                        f / factor * share + f * (1.0 - share)
                    }
                    RopeScaling::Llama3 {
                        factor,
                        low_freq_factor,
                        high_freq_factor,
                        original_max_positions,
                    } => {
                        let wavelength = 2.0 * PI / f;
                        if wavelength > original_max_positions / low_freq_factor {
                            f / factor
                        } else if wavelength < original_max_positions / high_freq_factor {
                            f
                        } else {
                            let smooth = (original_max_positions / wavelength - low_freq_factor)
                                / (high_freq_factor - low_freq_factor);
                            (1.0 - smooth) * f / factor + smooth * f
                        }
                    }
                }) as f32
            })
            .collect()
    }

    /// YaRN's share of the stretched frequency in pair i: a ramp from 0 to 1 over the indices.
    fn interpolated(&self, head_dim: usize) -> impl Fn(usize) -> f64 {
        let (low, high) = match self.scaling {
            RopeScaling::Yarn {
                beta_fast,
                beta_slow,
                original_max_positions,
                truncate,
                ..
            } => {
                // The index, not rounded, of the pair that turns so many times.
                let index = |turns: f64| {
                    head_dim as f64 * (original_max_positions / (turns * 2.0 * PI)).ln()
                        / (2.0 * self.theta.ln())
                };
                let (mut low, mut high) = (index(beta_fast), index(beta_slow));
                if truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low.max(0.0), high.min(head_dim as f64 - 1.0))
            }
            _ => (0.0, 1.0),
        };
        // As in the original: no division by zero where both bounds are one index.
        let high = if low == high { high + 0.001 } else { high };
        move |i| ((i as f64 - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Factor of every cosine and sine.
    pub fn attention_factor(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn {
                attention_factor, ..
            } => attention_factor,
            _ => 1.0,
        }
    }

    /// `[positions, head_dim]`: cosines of a position's pairs, then their sines, all multiplied by
    /// [`Rope::attention_factor`].
    pub fn table(&self, head_dim: usize, positions: usize) -> Vec<f32> {
        let frequencies = self.inverse_frequencies(head_dim);
        let scale = self.attention_factor() as f32;
        let mut table = Vec::with_capacity(positions * head_dim);
        for p in 0..positions {
            // The angle is rounded to f32 as PyTorch does, its cosine taken exactly.
            let angles = frequencies.iter().map(|f| (p as f32 * f) as f64);
            table.extend(angles.clone().map(|a| a.cos() as f32 * scale));
            table.extend(angles.map(|a| a.sin() as f32 * scale));
        }
        table
    }
}
