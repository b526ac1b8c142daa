//! Memory of forward and backward passes.

use laser_kernels::{Backend, Segments};

use crate::ModelConfig;

/// What the forward pass keeps for the backward pass. The gradient is the same to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    /// The activations of all blocks.
    Everything,
    /// The inputs of the blocks; the backward pass computes each block once more (gradient
    /// checkpointing, Chen et al. 2016).
    Inputs,
    /// Nothing: there is no backward pass.
    Nothing,
}

impl Retain {
    /// Where the input of block `l` lies in [`Workspace::streams`].
    pub(crate) fn stream(self, l: usize) -> usize {
        match self {
            Retain::Everything | Retain::Inputs => l,
            Retain::Nothing => 0,
        }
    }

    /// Where the activations of block `l` lie in [`Workspace::layers`].
    pub(crate) fn slot(self, l: usize) -> usize {
        match self {
            Retain::Everything => l,
            Retain::Inputs | Retain::Nothing => 0,
        }
    }

    /// Floats that are kept of each token between forward and backward pass, and floats that the
    /// block at work needs, the backward pass included where there is one.
    pub fn floats_per_token(self, config: &ModelConfig) -> (usize, usize) {
        let (hidden, a) = (config.hidden_size, config.attention);
        let (ffn, qkv) = (config.intermediate_size, a.qkv_width());
        let raw = if config.qk_norm() { qkv } else { 0 };
        // x_mid, qkv, attention, gate and up; the log-sum-exps and norms.
        let block = hidden + qkv + raw + a.q_width() + 2 * ffn + a.heads + 2;
        // normed, ffn.
        let scratch = hidden + ffn;
        // dx, dhidden, dgate_up, dqkv; the head's five buffers.
        let backward = 2 * hidden + 2 * ffn + qkv + raw + 5 * hidden;
        match self {
            Retain::Everything => (
                config.layers * (hidden + block) + hidden,
                scratch + backward,
            ),
            Retain::Inputs => ((config.layers + 1) * hidden, block + scratch + backward),
            Retain::Nothing => (0, hidden + block + scratch + 2 * hidden),
        }
    }
}

/// What the forward pass computes in a block and its backward reads.
pub(crate) struct LayerActivations<B: Backend> {
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

/// Scratch of the products with a low-rank adapter.
pub(crate) struct AdapterScratch<B: Backend> {
    /// `x Aᵀ` and `dy B`, `[T, rank]`.
    pub inner: B::Buffer,
    /// The columns of `dy` that belong to one adapted matrix.
    pub dy: B::Buffer,
}

/// Memory of forward and backward passes, kept between calls so that steps allocate nothing.
pub struct Workspace<B: Backend> {
    pub(crate) retain: Retain,
    pub(crate) ids: Vec<u32>,
    pub(crate) positions: Vec<u32>,
    pub(crate) segments: Segments,
    /// The residual stream before each block and after the last.
    pub(crate) streams: Vec<B::Buffer>,
    pub(crate) layers: Vec<LayerActivations<B>>,
    /// The block whose activations the last slot holds.
    pub(crate) held: Option<usize>,
    /// Scratch of width `hidden`, `ffn`, `2 · ffn`, `qkv`.
    pub(crate) normed: B::Buffer,
    pub(crate) ffn: B::Buffer,
    pub(crate) dgate_up: B::Buffer,
    pub(crate) dqkv: B::Buffer,
    pub(crate) dqkv_raw: B::Buffer,
    pub(crate) dhidden: B::Buffer,
    pub(crate) dx: B::Buffer,
    pub(crate) adapter: AdapterScratch<B>,
    /// The head's rows: before and after the last norm, and their gradients.
    pub(crate) head_x: B::Buffer,
    pub(crate) head_inv: B::Buffer,
    pub(crate) head_hidden: B::Buffer,
    pub(crate) dhead_hidden: B::Buffer,
    pub(crate) dhead_x: B::Buffer,
}

impl<B: Backend> Workspace<B> {
    /// Empty memory for a decoder.
    pub fn new(backend: &B, config: &ModelConfig, retain: Retain) -> Self {
        let empty = || backend.zeros(0);
        let layer = |_| LayerActivations {
            attention_inv: empty(),
            qkv_raw: empty(),
            qk_inv: [empty(), empty()],
            qkv: empty(),
            attention: empty(),
            lse: empty(),
            x_mid: empty(),
            mlp_inv: empty(),
            gate_up: empty(),
        };
        Workspace {
            retain,
            ids: Vec::new(),
            positions: Vec::new(),
            segments: Segments::from_lengths([]),
            streams: (0..=retain.stream(config.layers))
                .map(|_| empty())
                .collect(),
            layers: (0..=retain.slot(config.layers.max(1) - 1))
                .map(layer)
                .collect(),
            held: None,
            normed: empty(),
            ffn: empty(),
            dgate_up: empty(),
            dqkv: empty(),
            dqkv_raw: empty(),
            dhidden: empty(),
            dx: empty(),
            adapter: AdapterScratch {
                inner: empty(),
                dy: empty(),
            },
            head_x: empty(),
            head_inv: empty(),
            head_hidden: empty(),
            dhead_hidden: empty(),
            dhead_x: empty(),
        }
    }
}
