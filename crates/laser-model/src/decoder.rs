//! The decoder: weights on a device, and the forward pass over a packed batch.

use laser_kernels::{Backend, NormLayout, Segments};

use crate::{Layout, ModelConfig};

/// A decoder with its weights.
pub struct Decoder<B: Backend> {
    /// Shape.
    pub config: ModelConfig,
    /// Tensors, in the order of `weights`.
    pub layout: Layout,
    /// The weights; call [`Decoder::refresh`] after changing them.
    pub weights: Vec<B::Buffer>,
    pub(crate) packed: Vec<B::Packed>,
    pub(crate) rope: B::Buffer,
    context: usize,
    trainable: bool,
}

/// Gradients of a step, summed over its micro-batches.
pub struct Gradients<B: Backend> {
    /// One buffer per tensor of the layout; complete after [`Decoder::finish`].
    pub tensors: Vec<B::Buffer>,
    /// What a tied embedding receives from its lookups: the ids of each micro-batch and the
    /// gradients of their rows. They wait for the end of the step so that the head's share always
    /// comes first, and the sum does not depend on where micro-batches were cut.
    pub(crate) lookups: Vec<(Vec<u32>, B::Buffer)>,
}

/// What the forward pass keeps of a block for its backward.
pub(crate) struct LayerActivations<B: Backend> {
    pub x: B::Buffer,
    pub attention_inv: B::Buffer,
    /// Before the norms of query and key heads; empty without them.
    pub qkv_raw: B::Buffer,
    pub qk_inv: [B::Buffer; 2],
    pub qkv: B::Buffer,
    pub attention: B::Buffer,
    pub lse: B::Buffer,
    pub x_mid: B::Buffer,
    pub mlp_inv: B::Buffer,
    pub gate_up: B::Buffer,
}

/// Memory of forward and backward passes, kept between calls so that steps allocate nothing.
pub struct Workspace<B: Backend> {
    pub(crate) ids: Vec<u32>,
    pub(crate) positions: Vec<u32>,
    pub(crate) segments: Segments,
    pub(crate) layers: Vec<LayerActivations<B>>,
    /// The residual stream; after the forward pass, of the last block.
    pub(crate) x: B::Buffer,
    /// Scratch of width `hidden`, `ffn`, `2 · ffn`, `qkv`.
    pub(crate) normed: B::Buffer,
    pub(crate) ffn: B::Buffer,
    pub(crate) dgate_up: B::Buffer,
    pub(crate) dqkv: B::Buffer,
    pub(crate) dqkv_raw: B::Buffer,
    pub(crate) dhidden: B::Buffer,
    pub(crate) dx: B::Buffer,
    /// The head's rows: before and after the last norm, and their gradients.
    pub(crate) head_x: B::Buffer,
    pub(crate) head_inv: B::Buffer,
    pub(crate) head_hidden: B::Buffer,
    pub(crate) dhead_hidden: B::Buffer,
    pub(crate) dhead_x: B::Buffer,
}

/// Log-probabilities at chosen rows of a batch.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Rows of the packed batch, `[R]`.
    pub rows: Vec<u32>,
    /// Token ids, `[R, K]`.
    pub ids: Vec<u32>,
    /// log p(id | row's prefix), nats, `[R, K]`.
    pub logp: Vec<f32>,
    /// Entropy of the row's distribution, nats, `[R]`.
    pub entropy: Vec<f32>,
    /// logsumexp of the row's logits, nats, `[R]`.
    pub lse: Vec<f32>,
}

impl<B: Backend> Gradients<B> {
    /// Zeros for every tensor.
    pub fn zeros(backend: &B, layout: &Layout) -> Self {
        let tensors = layout
            .tensors
            .iter()
            .map(|t| backend.zeros(t.rows * t.cols))
            .collect();
        Gradients {
            tensors,
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

impl<B: Backend> Workspace<B> {
    /// Empty memory for a decoder.
    pub fn new(backend: &B, config: &ModelConfig) -> Self {
        let empty = || backend.zeros(0);
        let layers = (0..config.layers)
            .map(|_| LayerActivations {
                x: empty(),
                attention_inv: empty(),
                qkv_raw: empty(),
                qk_inv: [empty(), empty()],
                qkv: empty(),
                attention: empty(),
                lse: empty(),
                x_mid: empty(),
                mlp_inv: empty(),
                gate_up: empty(),
            })
            .collect();
        Workspace {
            ids: Vec::new(),
            positions: Vec::new(),
            segments: Segments::from_lengths([]),
            layers,
            x: empty(),
            normed: empty(),
            ffn: empty(),
            dgate_up: empty(),
            dqkv: empty(),
            dqkv_raw: empty(),
            dhidden: empty(),
            dx: empty(),
            head_x: empty(),
            head_inv: empty(),
            head_hidden: empty(),
            dhead_hidden: empty(),
            dhead_x: empty(),
        }
    }
}

impl<B: Backend> Decoder<B> {
    /// A decoder from host tensors in the layout's order.
    ///
    /// `context` is the longest sequence it will see, in tokens; `trainable` also lays the
    /// weights out for the backward pass.
    pub fn new(
        backend: &B,
        config: ModelConfig,
        tensors: &[Vec<f32>],
        context: usize,
        trainable: bool,
    ) -> Self {
        let layout = Layout::new(&config);
        assert_eq!(
            tensors.len(),
            layout.tensors.len(),
            "one host tensor per tensor of the layout"
        );
        let weights = tensors
            .iter()
            .map(|t| {
                let mut buffer = backend.zeros(t.len());
                backend.upload(t, &mut buffer);
                buffer
            })
            .collect::<Vec<_>>();
        let mut rope = backend.zeros(0);
        backend.upload(
            &config.rope.table(config.attention.head_dim, context),
            &mut rope,
        );
        let packed = (0..weights.len()).map(|_| B::Packed::default()).collect();
        let mut decoder = Decoder {
            config,
            layout,
            weights,
            packed,
            rope,
            context,
            trainable,
        };
        decoder.refresh(backend);
        decoder
    }

    /// Longest sequence that can be computed, in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Lays the weights out anew after they changed.
    pub fn refresh(&mut self, backend: &B) {
        for (i, spec) in self.layout.tensors.iter().enumerate() {
            // The embedding is a product's weight only when it is also the head.
            if spec.is_matrix() && (i != self.layout.embed || self.layout.head == i) {
                backend.pack(
                    &self.weights[i],
                    spec.rows,
                    spec.cols,
                    self.trainable,
                    &mut self.packed[i],
                );
            }
        }
    }

    /// Copies of all weights on the host, in the layout's order.
    pub fn download(&self, backend: &B) -> Vec<Vec<f32>> {
        self.download_like(backend, &self.weights)
    }

    /// Host copies of buffers with the shapes of the weights, such as optimizer moments.
    pub fn download_like(&self, backend: &B, buffers: &[B::Buffer]) -> Vec<Vec<f32>> {
        let copy = |(t, b): (&crate::TensorSpec, &B::Buffer)| {
            let mut host = vec![0.0; t.rows * t.cols];
            backend.download(b, &mut host);
            host
        };
        self.layout.tensors.iter().zip(buffers).map(copy).collect()
    }

    pub(crate) fn hidden_norm(&self) -> NormLayout {
        NormLayout::rows(self.config.hidden_size)
    }

    /// Layouts of the query heads' and the key heads' norms inside a qkv row.
    pub(crate) fn qk_norms(&self) -> [NormLayout; 2] {
        let a = self.config.attention;
        let heads = |heads, offset| NormLayout {
            width: a.head_dim,
            heads,
            stride: a.qkv_width(),
            offset,
        };
        [heads(a.heads, 0), heads(a.kv_heads, a.q_width())]
    }

    /// Runs the decoder over `ids`, cut into sequences by `segments`. The activations stay in
    /// `ws` for [`Decoder::gather`] and [`Decoder::backward`].
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a sequence longer than [`Decoder::context`].
    pub fn forward(&self, backend: &B, ws: &mut Workspace<B>, ids: &[u32], segments: &Segments) {
        let c = &self.config;
        let rows = ids.len();
        assert_eq!(rows, segments.tokens(), "ids and segments");
        assert!(
            (0..segments.count()).all(|i| segments.range(i).len() <= self.context),
            "a sequence is longer than the context of {} tokens",
            self.context
        );
        ws.ids.clear();
        ws.ids.extend_from_slice(ids);
        ws.positions = segments.positions();
        ws.segments = segments.clone();
        backend.resize(&mut ws.x, rows * c.hidden_size);
        backend.embed(
            &self.weights[self.layout.embed],
            c.hidden_size,
            ids,
            &mut ws.x,
        );
        for l in 0..c.layers {
            self.block(backend, ws, l, rows);
        }
    }

    fn block(&self, backend: &B, ws: &mut Workspace<B>, l: usize, rows: usize) {
        let c = &self.config;
        let (a, t) = (c.attention, self.layout.layers[l]);
        let Workspace {
            layers,
            x,
            normed,
            ffn,
            positions,
            segments,
            ..
        } = ws;
        let s = &mut layers[l];
        backend.resize(&mut s.attention_inv, rows);
        backend.resize(&mut s.mlp_inv, rows);
        backend.resize(&mut s.qkv, rows * a.qkv_width());
        backend.resize(&mut s.attention, rows * a.q_width());
        backend.resize(&mut s.lse, rows * a.heads);
        backend.resize(&mut s.gate_up, rows * 2 * c.intermediate_size);
        backend.resize(normed, rows * c.hidden_size);
        backend.resize(ffn, rows * c.intermediate_size);

        backend.copy(x, &mut s.x);
        backend.rms_norm(
            self.hidden_norm(),
            rows,
            &s.x,
            &self.weights[t.attention_norm],
            c.rms_norm_eps,
            normed,
            &mut s.attention_inv,
        );
        let bias = t.qkv_bias.map(|b| &self.weights[b]);
        backend.linear(rows, normed, &self.packed[t.qkv], bias, &mut s.qkv, false);
        if let Some(weights) = t.qk_norm {
            backend.copy(&s.qkv, &mut s.qkv_raw);
            for ((layout, w), inv) in self.qk_norms().into_iter().zip(weights).zip(&mut s.qk_inv) {
                backend.resize(inv, rows * layout.heads);
                backend.rms_norm(
                    layout,
                    rows,
                    &s.qkv_raw,
                    &self.weights[w],
                    c.rms_norm_eps,
                    &mut s.qkv,
                    inv,
                );
            }
        }
        backend.rope(a, &mut s.qkv, positions, &self.rope, false);
        backend.attention(a, &s.qkv, segments, &mut s.attention, &mut s.lse);
        backend.linear(rows, &s.attention, &self.packed[t.output], None, x, true);
        backend.copy(x, &mut s.x_mid);
        backend.rms_norm(
            self.hidden_norm(),
            rows,
            &s.x_mid,
            &self.weights[t.mlp_norm],
            c.rms_norm_eps,
            normed,
            &mut s.mlp_inv,
        );
        backend.linear(
            rows,
            normed,
            &self.packed[t.gate_up],
            None,
            &mut s.gate_up,
            false,
        );
        backend.swiglu(rows, c.intermediate_size, &s.gate_up, ffn);
        backend.linear(rows, ffn, &self.packed[t.down], None, x, true);
    }

    /// Log-probabilities of `ids[R, K]` after the prefixes that end at `rows[R]` of the batch of
    /// the last [`Decoder::forward`].
    pub fn gather(
        &self,
        backend: &B,
        ws: &mut Workspace<B>,
        rows: Vec<u32>,
        ids: Vec<u32>,
    ) -> Gathered {
        let c = &self.config;
        let n = rows.len();
        let mut g = Gathered {
            logp: vec![0.0; ids.len()],
            entropy: vec![0.0; n],
            lse: vec![0.0; n],
            rows,
            ids,
        };
        for buffer in [&mut ws.head_x, &mut ws.head_hidden] {
            backend.resize(buffer, n * c.hidden_size);
        }
        backend.resize(&mut ws.head_inv, n);
        backend.gather_rows(c.hidden_size, &ws.x, &g.rows, &mut ws.head_x);
        backend.rms_norm(
            self.hidden_norm(),
            n,
            &ws.head_x,
            &self.weights[self.layout.norm],
            c.rms_norm_eps,
            &mut ws.head_hidden,
            &mut ws.head_inv,
        );
        let head = &self.packed[self.layout.head];
        backend.head_gather(
            &ws.head_hidden,
            head,
            &g.ids,
            &mut g.logp,
            &mut g.entropy,
            &mut g.lse,
        );
        g
    }

    /// The last hidden states, after the last norm, of the rows of the last [`Decoder::gather`],
    /// `[rows, hidden]`: what the head and a value head read.
    pub fn hidden(&self, backend: &B, ws: &Workspace<B>, rows: usize) -> Vec<f32> {
        let mut hidden = vec![0.0; rows * self.config.hidden_size];
        backend.download(&ws.head_hidden, &mut hidden);
        hidden
    }
}
