//! The decoder: weights on a device, and the forward pass over a packed batch.

use std::borrow::Cow;

use laser_kernels::{Backend, NormLayout, Precision, Segments};

use crate::adapter::Adapter;
use crate::{Layout, ModelConfig, TensorSpec, Workspace};

/// Logits that [`Decoder::distributions`] holds at a time.
const MAX_LOGITS: usize = 1 << 22;

/// A decoder with its weights.
pub struct Decoder<B: Backend> {
    /// Shape.
    pub config: ModelConfig,
    /// Tensors, in the order of `weights`.
    pub layout: Layout,
    /// The weights, those of the base model where there is an adapter.
    pub(crate) weights: Vec<B::Buffer>,
    pub(crate) packed: Vec<B::Packed>,
    pub(crate) rope: B::Buffer,
    context: usize,
    pub(crate) trainable: bool,
    precision: Precision,
    pub(crate) adapter: Option<Adapter<B>>,
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

impl Gathered {
    /// K, the ids of a row.
    pub fn width(&self) -> usize {
        self.ids.len() / self.rows.len().max(1)
    }

    /// The log-probability of each row's first id, `[R]`.
    pub fn first(&self) -> Cow<'_, [f32]> {
        match self.width() {
            0 | 1 => Cow::Borrowed(&self.logp),
            width => self.logp.iter().step_by(width).copied().collect(),
        }
    }
}

impl<B: Backend> Decoder<B> {
    /// A decoder from host tensors in the layout's order, taken one by one, so that no second copy
    /// of the weights need be in memory.
    ///
    /// `context` is the longest sequence it will see, in tokens; `trainable` also lays the
    /// weights out for the backward pass.
    pub fn new(
        backend: &B,
        config: ModelConfig,
        tensors: impl IntoIterator<Item = Vec<f32>>,
        context: usize,
        trainable: bool,
    ) -> Self {
        Decoder::with_precision(backend, config, tensors, context, trainable, Precision::F32)
    }

    /// As [`Decoder::new`], with the weight matrices of products stored in `precision`. The forward
    /// pass, the backward pass and decoding read the same rounded numbers; the weights themselves,
    /// which an optimizer changes, stay `f32`.
    pub fn with_precision(
        backend: &B,
        config: ModelConfig,
        tensors: impl IntoIterator<Item = Vec<f32>>,
        context: usize,
        trainable: bool,
        precision: Precision,
    ) -> Self {
        let layout = Layout::new(&config);
        let weights: Vec<B::Buffer> = tensors
            .into_iter()
            .map(|t| {
                let mut buffer = backend.zeros(t.len());
                backend.upload(&t, &mut buffer);
                buffer
            })
            .collect();
        assert_eq!(
            weights.len(),
            layout.tensors.len(),
            "one host tensor per tensor of the layout"
        );
        let mut rope = backend.zeros(0);
        backend.upload(
            &config.rope.table(config.attention.head_dim, context),
            &mut rope,
        );
        let packed = (0..weights.len())
            .map(|_| backend.packed(precision))
            .collect();
        let mut decoder = Decoder {
            config,
            layout,
            weights,
            packed,
            rope,
            context,
            trainable,
            precision,
            adapter: None,
        };
        decoder.refresh(backend);
        decoder
    }

    /// Longest sequence that can be computed, in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// How products read the weight matrices.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of the matrices that a decoding step reads.
    pub fn bytes_per_step(&self) -> usize {
        let embed = self.layout.embed;
        let tensors = self.layout.tensors.iter().enumerate();
        let read = tensors.filter(|(i, t)| t.matrix && (*i != embed || self.layout.head == embed));
        let bytes = match self.precision {
            Precision::F32 => 4,
            Precision::Bf16 => 2,
        };
        read.map(|(_, t)| bytes * t.len()).sum()
    }

    /// Lays the weights out anew after the trained ones changed.
    pub fn refresh(&mut self, backend: &B) {
        if self.adapter.is_some() {
            return self.merge(backend);
        }
        for i in 0..self.layout.tensors.len() {
            let spec = &self.layout.tensors[i];
            // The embedding is a product's weight only when it is also the head.
            if spec.matrix && (i != self.layout.embed || self.layout.head == i) {
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

    /// The tensors that are trained: all of the layout, or those of the adapter.
    pub fn trained(&self) -> &[TensorSpec] {
        match &self.adapter {
            Some(adapter) => &adapter.specs,
            None => &self.layout.tensors,
        }
    }

    /// Their values, in the same order.
    pub fn parameters(&self) -> &[B::Buffer] {
        match &self.adapter {
            Some(adapter) => &adapter.values,
            None => &self.weights,
        }
    }

    /// Their values, to be changed; call [`Decoder::refresh`] afterwards.
    pub fn parameters_mut(&mut self) -> &mut [B::Buffer] {
        match &mut self.adapter {
            Some(adapter) => &mut adapter.values,
            None => &mut self.weights,
        }
    }

    /// Host copies of the trained tensors.
    pub fn download(&self, backend: &B) -> Vec<Vec<f32>> {
        self.download_like(backend, self.parameters())
    }

    /// Host copies of buffers with the shapes of the trained tensors, such as optimizer moments.
    pub fn download_like(&self, backend: &B, buffers: &[B::Buffer]) -> Vec<Vec<f32>> {
        let copy = |(t, b): (&TensorSpec, &B::Buffer)| {
            let mut host = vec![0.0; t.rows * t.cols];
            backend.download(b, &mut host);
            host
        };
        self.trained().iter().zip(buffers).map(copy).collect()
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

    /// Runs the decoder over `ids`, cut into sequences by `segments`. What `ws` retains stays in it
    /// for [`Decoder::gather`] and [`Decoder::backward`].
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a sequence longer than [`Decoder::context`].
    pub fn forward(&self, backend: &B, ws: &mut Workspace<B>, ids: &[u32], segments: &Segments) {
        self.forward_with(backend, ws, ids, segments, |_, _| {});
    }

    /// As [`Decoder::forward`]; `see` gets the queries, keys and values of every block.
    pub(crate) fn forward_with(
        &self,
        backend: &B,
        ws: &mut Workspace<B>,
        ids: &[u32],
        segments: &Segments,
        mut see: impl FnMut(usize, &B::Buffer),
    ) {
        let c = &self.config;
        let rows = ids.len();
        assert_eq!(rows, segments.tokens(), "ids and segments");
        assert!(
            (0..segments.count()).all(|i| segments.seen(i) <= self.context),
            "a sequence is longer than the context of {} tokens",
            self.context
        );
        ws.ids.clear();
        ws.ids.extend_from_slice(ids);
        ws.positions = segments.positions();
        ws.segments = segments.clone();
        ws.held = None;
        backend.resize(&mut ws.streams[0], rows * c.hidden_size);
        backend.embed(
            &self.weights[self.layout.embed],
            c.hidden_size,
            ids,
            &mut ws.streams[0],
        );
        for l in 0..c.layers {
            self.block(backend, ws, l, rows);
            see(l, &ws.layers[ws.retain.slot(l)].qkv);
            self.block_output(backend, ws, l, rows);
        }
    }

    /// What the backward pass of a block reads, from the stream before it.
    pub(crate) fn block(&self, backend: &B, ws: &mut Workspace<B>, l: usize, rows: usize) {
        let c = &self.config;
        let (a, t) = (c.attention, self.layout.layers[l]);
        let x = &ws.streams[ws.retain.stream(l)];
        let s = &mut ws.layers[ws.retain.slot(l)];
        let normed = &mut ws.normed;
        backend.resize(&mut s.attention_inv, rows);
        backend.resize(&mut s.mlp_inv, rows);
        backend.resize(&mut s.qkv, rows * a.qkv_width());
        backend.resize(&mut s.attention, rows * a.q_width());
        backend.resize(&mut s.lse, rows * a.heads);
        backend.resize(&mut s.gate_up, rows * 2 * c.intermediate_size);
        backend.resize(normed, rows * c.hidden_size);

        backend.rms_norm(
            self.hidden_norm(),
            rows,
            x,
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
        backend.rope(a, &mut s.qkv, &ws.positions, &self.rope, false);
        backend.attention(a, &s.qkv, &ws.segments, &mut s.attention, &mut s.lse);
        backend.copy(x, &mut s.x_mid);
        backend.linear(
            rows,
            &s.attention,
            &self.packed[t.output],
            None,
            &mut s.x_mid,
            true,
        );
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
        ws.held = Some(l);
    }

    /// The stream after a block, from what [`Decoder::block`] computed.
    fn block_output(&self, backend: &B, ws: &mut Workspace<B>, l: usize, rows: usize) {
        let ffn = self.config.intermediate_size;
        let s = &ws.layers[ws.retain.slot(l)];
        let x = &mut ws.streams[ws.retain.stream(l + 1)];
        backend.resize(&mut ws.ffn, rows * ffn);
        backend.swiglu(rows, ffn, &s.gate_up, &mut ws.ffn);
        backend.copy(&s.x_mid, x);
        let down = &self.packed[self.layout.layers[l].down];
        backend.linear(rows, &ws.ffn, down, None, x, true);
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
        let n = rows.len();
        let mut g = Gathered {
            logp: vec![0.0; ids.len()],
            entropy: vec![0.0; n],
            lse: vec![0.0; n],
            rows,
            ids,
        };
        self.head_rows(backend, ws, &g.rows);
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

    /// Whole distributions, log p over the vocabulary in nats, after the prefixes that end at
    /// `rows` of the batch of the last [`Decoder::forward`]. `see` gets each row's place in `rows`
    /// with its `[vocabulary]`, in order; no more than a few million numbers are held at a time.
    ///
    /// The numbers are those of [`Decoder::gather`], whose rows it forgets: call it before that.
    pub fn distributions(
        &self,
        backend: &B,
        ws: &mut Workspace<B>,
        rows: &[u32],
        mut see: impl FnMut(usize, &[f32]),
    ) {
        let mut logits = backend.zeros(0);
        let block = self.rows_of_logits();
        for (b, rows) in rows.chunks(block).enumerate() {
            self.head_rows(backend, ws, rows);
            let see = |i, row: &[f32]| see(b * block + i, row);
            self.log_softmax(backend, &ws.head_hidden, rows.len(), &mut logits, see);
        }
    }

    /// The same after last hidden states on the host, `[R, hidden]`, that [`Decoder::hidden`] gave:
    /// for what needs the rows of several batches side by side. The numbers are the same.
    ///
    /// # Panics
    /// If `hidden` is not whole rows.
    pub fn distributions_of(
        &self,
        backend: &B,
        hidden: &[f32],
        mut see: impl FnMut(usize, &[f32]),
    ) {
        let width = self.config.hidden_size;
        assert!(hidden.len().is_multiple_of(width), "a row is cut");
        let (mut device, mut logits) = (backend.zeros(0), backend.zeros(0));
        let block = self.rows_of_logits();
        for (b, rows) in hidden.chunks(block * width).enumerate() {
            backend.upload(rows, &mut device);
            let see = |i, row: &[f32]| see(b * block + i, row);
            self.log_softmax(backend, &device, rows.len() / width, &mut logits, see);
        }
    }

    /// Rows of logits that are held at a time.
    fn rows_of_logits(&self) -> usize {
        (MAX_LOGITS / self.config.vocab_size).max(8)
    }

    /// Log-softmax of the head on `n` rows of hidden states, on the host, row by row.
    fn log_softmax(
        &self,
        backend: &B,
        hidden: &B::Buffer,
        n: usize,
        logits: &mut B::Buffer,
        mut see: impl FnMut(usize, &[f32]),
    ) {
        let vocab = self.config.vocab_size;
        backend.resize(logits, n * vocab);
        let head = &self.packed[self.layout.head];
        backend.linear(n, hidden, head, None, logits, false);
        let (mut lse, mut entropy) = (vec![0.0; n], vec![0.0; n]);
        backend.logits_stats(logits, vocab, &mut lse, &mut entropy);
        let mut host = vec![0.0; n * vocab];
        backend.download(logits, &mut host);
        for (i, (row, lse)) in host.chunks_exact_mut(vocab).zip(lse).enumerate() {
            row.iter_mut().for_each(|z| *z -= lse);
            see(i, row);
        }
    }

    /// `ws.head_x` and, after the last norm, `ws.head_hidden`: the rows that the head reads.
    fn head_rows(&self, backend: &B, ws: &mut Workspace<B>, rows: &[u32]) {
        let c = &self.config;
        let n = rows.len();
        for buffer in [&mut ws.head_x, &mut ws.head_hidden] {
            backend.resize(buffer, n * c.hidden_size);
        }
        backend.resize(&mut ws.head_inv, n);
        let x = &ws.streams[ws.retain.stream(c.layers)];
        backend.gather_rows(c.hidden_size, x, rows, &mut ws.head_x);
        backend.rms_norm(
            self.hidden_norm(),
            n,
            &ws.head_x,
            &self.weights[self.layout.norm],
            c.rms_norm_eps,
            &mut ws.head_hidden,
            &mut ws.head_inv,
        );
    }

    /// The last hidden states, after the last norm, of the rows of the last [`Decoder::gather`],
    /// `[rows, hidden]`: what the head and a value head read.
    pub fn hidden(&self, backend: &B, ws: &Workspace<B>, rows: usize) -> Vec<f32> {
        let mut hidden = vec![0.0; rows * self.config.hidden_size];
        backend.download(&ws.head_hidden, &mut hidden);
        hidden
    }
}
