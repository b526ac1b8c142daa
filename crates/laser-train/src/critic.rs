//! PPO's value head: V = w · h + b of the policy's last hidden state h.

use laser_kernels::{AdamW, Backend, Buffer, Cpu};

use crate::recipe::Optimizer;

/// The head, its gradient and its moments. Fresh ones are zero, and so are the values.
pub(crate) struct ValueHead {
    /// w and, last, b.
    weights: Buffer,
    /// The same on the host.
    host: Vec<f32>,
    /// In f64 and in the order of the rows, so that micro-batches change nothing.
    gradient: Vec<f64>,
    first: Buffer,
    second: Buffer,
}

impl ValueHead {
    /// A head for hidden states of `width` numbers.
    pub(crate) fn new(cpu: &Cpu, width: usize) -> Self {
        ValueHead {
            weights: cpu.zeros(width + 1),
            host: vec![0.0; width + 1],
            gradient: vec![0.0; width + 1],
            first: cpu.zeros(width + 1),
            second: cpu.zeros(width + 1),
        }
    }

    /// V of each row of `hidden[R, width]`.
    pub(crate) fn values(&self, hidden: &[f32]) -> Vec<f32> {
        let (b, w) = self.split();
        let value = |h: &[f32]| {
            let products = h.iter().zip(w).map(|(h, w)| f64::from(*h) * f64::from(*w));
            (f64::from(b) + products.sum::<f64>()) as f32
        };
        hidden.chunks_exact(w.len()).map(value).collect()
    }

    /// Adds the head's gradient for `dvalues[R]`; returns that of `hidden[R, width]`.
    pub(crate) fn backward(&mut self, hidden: &[f32], dvalues: &[f32]) -> Vec<f32> {
        let width = self.host.len() - 1;
        for (h, dv) in hidden.chunks_exact(width).zip(dvalues) {
            let dv = f64::from(*dv);
            for (g, h) in self.gradient.iter_mut().zip(h) {
                *g += dv * f64::from(*h);
            }
            self.gradient[width] += dv;
        }
        let (_, w) = self.split();
        dvalues
            .iter()
            .flat_map(|dv| w.iter().map(move |w| dv * w))
            .collect()
    }

    /// Forgets the gradient.
    pub(crate) fn clear_gradient(&mut self) {
        self.gradient.fill(0.0);
    }

    /// Norm of the gradient.
    pub(crate) fn norm(&self) -> f64 {
        self.gradient.iter().map(|g| g * g).sum::<f64>().sqrt()
    }

    /// One AdamW update with its own clipped gradient, whose norm must be finite and which is then
    /// zero; `updates` counts from 1.
    pub(crate) fn update(&mut self, cpu: &Cpu, o: &Optimizer, lr: f32, updates: u64) {
        let norm = self.norm();
        let host: Vec<f32> = self.gradient.iter().map(|g| *g as f32).collect();
        self.clear_gradient();
        let mut gradient = cpu.zeros(host.len());
        cpu.upload(&host, &mut gradient);
        let clipped = o.grad_clip > 0.0 && norm > o.grad_clip;
        let config = AdamW {
            lr,
            beta1: o.beta1,
            beta2: o.beta2,
            eps: o.eps,
            weight_decay: 0.0,
            grad_scale: if clipped {
                (o.grad_clip / norm) as f32
            } else {
                1.0
            },
        };
        let (m, v) = (&mut self.first, &mut self.second);
        cpu.adamw(&config, updates, &mut self.weights, &gradient, m, v);
        cpu.download(&self.weights, &mut self.host);
    }

    /// Weights and the two moments, for a checkpoint.
    pub(crate) fn save(&self, cpu: &Cpu) -> [Vec<f32>; 3] {
        [&self.weights, &self.first, &self.second].map(|buffer| {
            let mut host = vec![0.0; self.host.len()];
            cpu.download(buffer, &mut host);
            host
        })
    }

    /// Takes up what [`Self::save`] gave; false if it is that of another model.
    pub(crate) fn restore(&mut self, cpu: &Cpu, saved: &[Vec<f32>; 3]) -> bool {
        if saved.iter().any(|s| s.len() != self.host.len()) {
            return false;
        }
        let [weights, first, second] = saved;
        cpu.upload(weights, &mut self.weights);
        cpu.upload(first, &mut self.first);
        cpu.upload(second, &mut self.second);
        self.host.clone_from(weights);
        true
    }

    /// b and w.
    fn split(&self) -> (f32, &[f32]) {
        match self.host.split_last() {
            Some((b, w)) => (*b, w),
            None => (0.0, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(cpu: &Cpu, weights: &[f32]) -> ValueHead {
        let mut head = ValueHead::new(cpu, weights.len() - 1);
        let zeros = vec![0.0; weights.len()];
        assert!(head.restore(cpu, &[weights.to_vec(), zeros.clone(), zeros]));
        head
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let cpu = Cpu::serial();
        let weights = [0.3, -0.7, 1.1, 0.2];
        let hidden = [0.5, -1.5, 2.0, 1.0, 0.25, -0.75];
        let dvalues = [0.7, -1.3];
        let sum = |weights: &[f32], hidden: &[f32]| -> f64 {
            let values = head(&cpu, weights).values(hidden);
            let terms = values.iter().zip(dvalues);
            terms.map(|(v, d)| f64::from(*v) * f64::from(d)).sum()
        };
        let mut made = head(&cpu, &weights);
        let dhidden = made.backward(&hidden, &dvalues);
        let eps = 1.0 / 64.0;
        for i in 0..weights.len() {
            let at = |e: f32| {
                let mut moved = weights;
                moved[i] += e;
                sum(&moved, &hidden)
            };
            let expected = (at(eps) - at(-eps)) / (2.0 * f64::from(eps));
            assert!((made.gradient[i] - expected).abs() < 1e-5, "weight {i}");
        }
        for i in 0..hidden.len() {
            let at = |e: f32| {
                let mut moved = hidden;
                moved[i] += e;
                sum(&weights, &moved)
            };
            let expected = (at(eps) - at(-eps)) / (2.0 * f64::from(eps));
            assert!(
                (f64::from(dhidden[i]) - expected).abs() < 1e-5,
                "hidden {i}"
            );
        }
    }

    #[test]
    fn rows_in_two_parts_give_the_same_gradient_to_the_last_bit() {
        let cpu = Cpu::serial();
        let hidden: Vec<f32> = (0..30).map(|i| (i as f32 * 0.37).sin()).collect();
        let dvalues: Vec<f32> = (0..10).map(|i| (i as f32 * 0.73).cos()).collect();
        let (mut whole, mut parts) = (head(&cpu, &[0.1; 4]), head(&cpu, &[0.1; 4]));
        whole.backward(&hidden, &dvalues);
        parts.backward(&hidden[..12], &dvalues[..4]);
        parts.backward(&hidden[12..], &dvalues[4..]);
        assert_eq!(whole.gradient, parts.gradient);
    }

    #[test]
    fn what_was_saved_goes_on_alike() {
        let cpu = Cpu::serial();
        let mut one = head(&cpu, &[0.1, 0.2, 0.3]);
        let step = |head: &mut ValueHead, updates| {
            head.backward(&[1.0, -2.0], &[0.5]);
            head.update(&cpu, &Optimizer::default(), 0.1, updates);
        };
        step(&mut one, 1);
        let mut two = ValueHead::new(&cpu, 2);
        assert!(two.restore(&cpu, &one.save(&cpu)));
        step(&mut one, 2);
        step(&mut two, 2);
        assert_eq!(one.save(&cpu), two.save(&cpu));
        assert!(!two.restore(&cpu, &[vec![0.0], vec![0.0], vec![0.0]]));
    }
}
