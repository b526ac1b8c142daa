//! The backward pass over a packed batch.

use laser_kernels::Backend;

use crate::{Decoder, Gathered, Gradients, Workspace};

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
        let g = &mut gradients.tensors;
        for buffer in [&mut ws.dhead_hidden, &mut ws.dhead_x] {
            backend.resize(buffer, n * hidden);
        }
        for buffer in [&mut ws.dx, &mut ws.dhidden, &mut ws.normed] {
            backend.resize(buffer, rows * hidden);
        }
        backend.head_gather_backward(
            &ws.head_hidden,
            &self.packed[self.layout.head],
            &gathered.ids,
            &gathered.lse,
            &gathered.entropy,
            head.logp,
            head.entropy,
            &mut ws.dhead_hidden,
            &mut g[self.layout.head],
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
            &mut g[self.layout.norm],
        );
        backend.fill_zero(&mut ws.dx);
        backend.scatter_add_rows(hidden, &ws.dhead_x, &gathered.rows, &mut ws.dx);
        for l in (0..c.layers).rev() {
            self.block_backward(backend, ws, l, rows, g);
        }
        if self.config.tied {
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
        let (a, t, hidden, ffn) = (
            c.attention,
            self.layout.layers[l],
            c.hidden_size,
            c.intermediate_size,
        );
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
            ..
        } = ws;
        let s = &mut layers[l];
        backend.resize(act, rows * ffn);
        backend.resize(dgate_up, rows * 2 * ffn);
        backend.resize(dqkv, rows * a.qkv_width());

        // Feed-forward: x_out = x_mid + down(swiglu(gate_up(norm(x_mid)))).
        backend.swiglu(rows, ffn, &s.gate_up, act);
        backend.linear_backward_weight(rows, dx, act, hidden, ffn, &mut g[t.down], None);
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
        backend.linear_backward_weight(
            rows,
            dgate_up,
            normed,
            2 * ffn,
            hidden,
            &mut g[t.gate_up],
            None,
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
            &mut g[t.mlp_norm],
        );

        // Attention: x_mid = x + output(attention(rope(qk_norm(qkv(norm(x)))))).
        let (q_width, qkv_width) = (a.q_width(), a.qkv_width());
        backend.linear_backward_weight(
            rows,
            dx,
            &s.attention,
            hidden,
            q_width,
            &mut g[t.output],
            None,
        );
        let dattention = act;
        backend.resize(dattention, rows * q_width);
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
                        &mut g[w],
                    );
                }
                dqkv_raw
            }
        };
        let w = &self.weights[t.attention_norm];
        backend.rms_norm(
            norm,
            rows,
            &s.x,
            w,
            c.rms_norm_eps,
            normed,
            &mut s.attention_inv,
        );
        match t.qkv_bias {
            None => {
                backend.linear_backward_weight(
                    rows,
                    dqkv,
                    normed,
                    qkv_width,
                    hidden,
                    &mut g[t.qkv],
                    None,
                );
            }
            Some(b) => {
                // The bias follows its matrix in the layout.
                let (left, right) = g.split_at_mut(b);
                let (dw, db) = (&mut left[t.qkv], &mut right[0]);
                backend.linear_backward_weight(rows, dqkv, normed, qkv_width, hidden, dw, Some(db));
            }
        }
        backend.linear_backward_input(rows, dqkv, &self.packed[t.qkv], dhidden, false);
        backend.rms_norm_backward(
            norm,
            rows,
            &s.x,
            w,
            &s.attention_inv,
            dhidden,
            dx,
            true,
            &mut g[t.attention_norm],
        );
    }
}
