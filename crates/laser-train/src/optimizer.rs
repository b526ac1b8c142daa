//! AdamW over all tensors of a model.

use laser_kernels::{AdamW, Backend};
use laser_model::{Decoder, Gradients};

use crate::recipe::Optimizer;

/// Moments of every tensor.
pub struct Moments<B: Backend> {
    /// Running mean of the gradient.
    pub first: Vec<B::Buffer>,
    /// Running mean of its square.
    pub second: Vec<B::Buffer>,
    /// Updates made.
    pub updates: u64,
}

impl<B: Backend> Moments<B> {
    /// Zeros.
    pub fn new(backend: &B, decoder: &Decoder<B>) -> Self {
        let zeros = || {
            let tensors = decoder.trained().iter();
            tensors.map(|t| backend.zeros(t.len())).collect()
        };
        Moments {
            first: zeros(),
            second: zeros(),
            updates: 0,
        }
    }

    /// One update with clipped gradients; the weights are laid out anew. Returns the norm before
    /// clipping, or the norm as an error, nothing changed, when it is not finite.
    pub fn update(
        &mut self,
        backend: &B,
        decoder: &mut Decoder<B>,
        gradients: &Gradients<B>,
        o: &Optimizer,
        lr: f32,
    ) -> Result<f64, f64> {
        let norm = gradients.norm(backend);
        if !norm.is_finite() {
            return Err(norm);
        }
        let clip = if o.grad_clip > 0.0 && norm > o.grad_clip {
            o.grad_clip / norm
        } else {
            1.0
        };
        self.updates += 1;
        let matrices: Vec<bool> = decoder.trained().iter().map(|t| t.matrix).collect();
        for (i, matrix) in matrices.into_iter().enumerate() {
            let config = AdamW {
                lr,
                beta1: o.beta1,
                beta2: o.beta2,
                eps: o.eps,
                weight_decay: if matrix { o.weight_decay } else { 0.0 },
                grad_scale: clip as f32,
            };
            backend.adamw(
                &config,
                self.updates,
                &mut decoder.parameters_mut()[i],
                &gradients.tensors[i],
                &mut self.first[i],
                &mut self.second[i],
            );
        }
        decoder.refresh(backend);
        Ok(norm)
    }
}
