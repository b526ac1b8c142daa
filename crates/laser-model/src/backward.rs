//! The backward pass over a packed batch.

use laser_kernels::{Backend, HeadWeightGradient};

use crate::workspace::AdapterScratch;
use crate::{Decoder, Gathered, Retain, Workspace};

/// Gradients of a step, summed over its micro-batches.
pub struct Gradients<B: Backend> {
    /// One buffer per trained tensor; complete after [`Decoder::finish`].
    pub tensors: Vec<B::Buffer>,
    /// What a tied embedding receives from its lookups: the ids of each micro-batch and the
    /// gradients of their rows. They wait for the end of the step so that the head's share always
    /// comes first, and the sum does not depend on where micro-batches were cut.
    lookups: Vec<(Vec<u32>, B::Buffer)>,
}

impl<B: Backend> Gradients<B> {
    /// Zeros for every trained tensor.
    pub fn zeros(backend: &B, decoder: &Decoder<B>) -> Self {
        let tensors = decoder.trained().iter().map(|t| backend.zeros(t.len()));
        Gradients {
            tensors: tensors.collect(),
            lookups: Vec::new(),
        }
    }

    /// Sets all to zero.
    pub fn clear(&mut self, backend: &B) {
        self.tensors.iter_mut().for_each(|g| backend.fill_zero(g));
        self.lookups.clear();
    }

    /// Euclidean norm of all gradients together.
    pub fn norm(&self, backend: &B) -> f64 {
        self.tensors
            .iter()
            .map(|g| backend.sum_of_squares(g))
            .sum::<f64>()
            .sqrt()
    }
}

/// The gradient of a loss by what [`Decoder::gather`] gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadGradient<'a> {
    /// By the log-probabilities, `[R, K]`.
    pub logp: &'a [f32],
    /// By the entropies, `[R]`.
    pub entropy: Option<&'a [f32]>,
    /// By [`Decoder::hidden`], `[R, hidden]`.
    pub hidden: Option<&'a [f32]>,
}

impl<'a> HeadGradient<'a> {
    /// Of a loss of log-probabilities alone.
    pub fn of_logp(logp: &'a [f32]) -> Self {
        HeadGradient {
            logp,
            ..HeadGradient::default()
        }
    }

    /// Whether it is zero everywhere, so that a backward pass would add nothing.
    pub fn is_zero(&self) -> bool {
        let parts = [Some(self.logp), self.entropy, self.hidden];
        parts.into_iter().flatten().flatten().all(|d| *d == 0.0)
    }
}

impl<B: Backend> Decoder<B> {
    /// Adds the gradient of the loss behind `head` to `gradients`, for the batch of the last
    /// [`Decoder::forward`] and the rows of the last [`Decoder::gather`].
    ///
    /// Call [`Decoder::finish`] after the last micro-batch. Sums run over rows in ascending order,
    /// so that a batch gives the same bits whole or as consecutive micro-batches of whole
    /// sequences.
    pub fn backward(
        &self,
        backend: &B,
        ws: &mut Workspace<B>,
        gathered: &Gathered,
        head: HeadGradient,
        gradients: &mut Gradients<B>,
    ) {
        let c = &self.config;
        let (n, rows, hidden) = (gathered.rows.len(), ws.ids.len(), c.hidden_size);
        assert!(
            ws.retain != Retain::Nothing,
            "the forward pass kept nothing for a backward pass"
        );
        let g = &mut gradients.tensors;
        for buffer in [&mut ws.dhead_hidden, &mut ws.dhead_x] {
            backend.resize(buffer, n * hidden);
        }
        for buffer in [&mut ws.dx, &mut ws.dhidden, &mut ws.normed] {
            backend.resize(buffer, rows * hidden);
        }
        let dhead = match &self.adapter {
            Some(adapter) => adapter.head_gradient(g),
            None => HeadWeightGradient::Whole(&mut g[self.layout.head]),
        };
        backend.head_gather_backward(
            &ws.head_hidden,
            &self.packed[self.layout.head],
            &gathered.ids,
            &gathered.lse,
            &gathered.entropy,
            head.logp,
            head.entropy,
            &mut ws.dhead_hidden,
            dhead,
        );
        if let Some(dhidden) = head.hidden {
            let own_rows: Vec<u32> = (0..n as u32).collect();
            backend.upload(dhidden, &mut ws.dhead_x);
            backend.scatter_add_rows(hidden, &ws.dhead_x, &own_rows, &mut ws.dhead_hidden);
        }
        backend.rms_norm_backward(
            self.hidden_norm(),
            n,
            &ws.head_x,
            &self.weights[self.layout.norm],
            &ws.head_inv,
            &ws.dhead_hidden,
            &mut ws.dhead_x,
            false,
            self.norm_gradient(self.layout.norm, g),
        );
        backend.fill_zero(&mut ws.dx);
        backend.scatter_add_rows(hidden, &ws.dhead_x, &gathered.rows, &mut ws.dx);
        for l in (0..c.layers).rev() {
            if ws.retain == Retain::Inputs && ws.held != Some(l) {
                self.block(backend, ws, l, rows);
            }
            self.block_backward(backend, ws, l, rows, g);
        }
        if self.adapter.is_some() {
            // The embedding is frozen.
        } else if self.config.tied {
            let mut dx = backend.zeros(0);
            backend.copy(&ws.dx, &mut dx);
            gradients.lookups.push((ws.ids.clone(), dx));
        } else {
            backend.embed_backward(hidden, &ws.ids, &ws.dx, &mut g[self.layout.embed]);
        }
    }

    /// Completes the gradients after the last micro-batch of a step.
    pub fn finish(&self, backend: &B, gradients: &mut Gradients<B>) {
        for (ids, dx) in gradients.lookups.drain(..) {
            let table = &mut gradients.tensors[self.layout.embed];
            backend.embed_backward(self.config.hidden_size, &ids, &dx, table);
        }
    }

    /// Where the gradient of a norm's weight goes.
    fn norm_gradient<'g>(
        &self,
        tensor: usize,
        g: &'g mut [B::Buffer],
    ) -> Option<&'g mut B::Buffer> {
        self.adapter.is_none().then(|| &mut g[tensor])
    }

    /// Adds the gradient of a weight, and of its bias, for `y = x Wᵀ + bias`.
    #[allow(clippy::too_many_arguments)]
    fn weight_gradient(
        &self,
        backend: &B,
        (tensor, bias): (usize, Option<usize>),
        rows: usize,
        dy: &B::Buffer,
        x: &B::Buffer,
        scratch: &mut AdapterScratch<B>,
        g: &mut [B::Buffer],
    ) {
        let spec = &self.layout.tensors[tensor];
        let (outputs, inputs) = (spec.rows, spec.cols);
        if let Some(adapter) = &self.adapter {
            return adapter.backward(backend, tensor, rows, outputs, dy, x, scratch, g);
        }
        let (dw, dbias) = match bias {
            None => (&mut g[tensor], None),
            // The bias follows its matrix in the layout.
            Some(bias) => {
                let (left, right) = g.split_at_mut(bias);
                (&mut left[tensor], right.first_mut())
            }
        };
        backend.linear_backward_weight(rows, dy, x, outputs, inputs, dw, dbias);
    }

    /// `ws.dx`: gradient of the block's output in, of its input out.
    fn block_backward(
        &self,
        backend: &B,
        ws: &mut Workspace<B>,
        l: usize,
        rows: usize,
        g: &mut [B::Buffer],
    ) {
        let c = &self.config;
        let (a, t, ffn) = (c.attention, self.layout.layers[l], c.intermediate_size);
        let norm = self.hidden_norm();
        let Workspace {
            layers,
            normed,
            ffn: act,
            dgate_up,
            dqkv,
            dqkv_raw,
            dhidden,
            dx,
            adapter: scratch,
            retain,
            streams,
            ..
        } = ws;
        let s = &mut layers[retain.slot(l)];
        let x = &streams[retain.stream(l)];
        backend.resize(act, rows * ffn);
        backend.resize(dgate_up, rows * 2 * ffn);
        backend.resize(dqkv, rows * a.qkv_width());

        // Feed-forward: x_out = x_mid + down(swiglu(gate_up(norm(x_mid)))).
        backend.swiglu(rows, ffn, &s.gate_up, act);
        self.weight_gradient(backend, (t.down, None), rows, dx, act, scratch, g);
        backend.linear_backward_input(rows, dx, &self.packed[t.down], act, false);
        backend.swiglu_backward(rows, ffn, &s.gate_up, act, dgate_up);
        let w = &self.weights[t.mlp_norm];
        backend.rms_norm(
            norm,
            rows,
            &s.x_mid,
            w,
            c.rms_norm_eps,
            normed,
            &mut s.mlp_inv,
        );
        self.weight_gradient(
            backend,
            (t.gate_up, None),
            rows,
            dgate_up,
            normed,
            scratch,
            g,
        );
        backend.linear_backward_input(rows, dgate_up, &self.packed[t.gate_up], dhidden, false);
        backend.rms_norm_backward(
            norm,
            rows,
            &s.x_mid,
            w,
            &s.mlp_inv,
            dhidden,
            dx,
            true,
            self.norm_gradient(t.mlp_norm, g),
        );

        // Attention: x_mid = x + output(attention(rope(qk_norm(qkv(norm(x)))))).
        self.weight_gradient(
            backend,
            (t.output, None),
            rows,
            dx,
            &s.attention,
            scratch,
            g,
        );
        let dattention = act;
        backend.resize(dattention, rows * a.q_width());
        backend.linear_backward_input(rows, dx, &self.packed[t.output], dattention, false);
        backend.attention_backward(
            a,
            &s.qkv,
            &s.attention,
            &s.lse,
            &ws.segments,
            dattention,
            dqkv,
        );
        backend.rope(a, dqkv, &ws.positions, &self.rope, true);
        let dqkv = match t.qk_norm {
            None => dqkv,
            Some(weights) => {
                // The value heads pass through; query and key heads are overwritten below.
                backend.copy(dqkv, dqkv_raw);
                for ((layout, w), inv) in self.qk_norms().into_iter().zip(weights).zip(&s.qk_inv) {
                    backend.rms_norm_backward(
                        layout,
                        rows,
                        &s.qkv_raw,
                        &self.weights[w],
                        inv,
                        dqkv,
                        dqkv_raw,
                        false,
                        self.norm_gradient(w, g),
                    );
                }
                dqkv_raw
            }
        };
        let w = &self.weights[t.attention_norm];
        backend.rms_norm(
            norm,
            rows,
            x,
            w,
            c.rms_norm_eps,
            normed,
            &mut s.attention_inv,
        );
        self.weight_gradient(backend, (t.qkv, t.qkv_bias), rows, dqkv, normed, scratch, g);
        backend.linear_backward_input(rows, dqkv, &self.packed[t.qkv], dhidden, false);
        backend.rms_norm_backward(
            norm,
            rows,
            x,
            w,
            &s.attention_inv,
            dhidden,
            dx,
            true,
            self.norm_gradient(t.attention_norm, g),
        );
    }
}
