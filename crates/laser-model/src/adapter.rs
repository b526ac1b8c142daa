//! Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685): `W = W₀ + s B A`, with `W₀` frozen.
//!
//! The products of the forward pass, of decoding and of the gradient by the input read the merged
//! `W`, which is laid out anew after every update anyway: an adapter costs them nothing, and what
//! samples and what trains are the same numbers. Only the gradients of `A` and `B` are low-rank
//! products: with `u = s x Aᵀ` and `v = s dy B`, `dB = dyᵀ u` and `dA = vᵀ x`.

use std::ops::Range;

use laser_kernels::{Backend, HeadWeightGradient};
use laser_rng::Rng;
use serde::{Deserialize, Serialize};

use crate::layout::{Init, Part};
use crate::workspace::AdapterScratch;
use crate::{Decoder, Layout, ModelConfig, TensorSpec};

/// A matrix of a block that an adapter can be put on, by its name in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Projection {
    /// Queries.
    #[serde(rename = "q_proj")]
    Query,
    /// Keys.
    #[serde(rename = "k_proj")]
    Key,
    /// Values.
    #[serde(rename = "v_proj")]
    Value,
    /// The output of attention.
    #[serde(rename = "o_proj")]
    Output,
    /// The gate of the feed-forward layer.
    #[serde(rename = "gate_proj")]
    Gate,
    /// The other factor of the feed-forward layer.
    #[serde(rename = "up_proj")]
    Up,
    /// The output of the feed-forward layer.
    #[serde(rename = "down_proj")]
    Down,
}

impl Projection {
    /// All of them, in the order of the forward pass.
    pub const ALL: [Projection; 7] = [
        Projection::Query,
        Projection::Key,
        Projection::Value,
        Projection::Output,
        Projection::Gate,
        Projection::Up,
        Projection::Down,
    ];

    /// Its name in checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            Projection::Query => "q_proj",
            Projection::Key => "k_proj",
            Projection::Value => "v_proj",
            Projection::Output => "o_proj",
            Projection::Gate => "gate_proj",
            Projection::Up => "up_proj",
            Projection::Down => "down_proj",
        }
    }
}

/// An adapter without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rows of `A`, columns of `B`.
    pub rank: usize,
    /// The update is scaled by `alpha / rank`, or with `rank_stabilised` by `alpha / √rank`.
    pub alpha: f64,
    /// rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
    pub rank_stabilised: bool,
    /// The matrices of every block that are adapted.
    pub targets: Vec<Projection>,
    /// A token whose row of the head is trained as well: z_c.
    pub token: Option<u32>,
}

impl Lora {
    /// The factor before `B A`.
    pub fn scale(&self) -> f32 {
        let rank = self.rank as f64;
        let divisor = if self.rank_stabilised {
            rank.sqrt()
        } else {
            rank
        };
        (self.alpha / divisor) as f32
    }

    /// The tensors of the adapter of a model: `A[rank, inputs]` and `B[outputs, rank]` of each
    /// adapted matrix, then the trained row of the head, under the names of PEFT's files.
    pub fn tensors(&self, config: &ModelConfig) -> Vec<TensorSpec> {
        let layout = Layout::new(config);
        let mut tensors = Vec::new();
        for target in self.pairs(&layout) {
            let module = target.module;
            for (name, rows, cols, init) in [
                ("lora_A", self.rank, target.inputs, Init::Normal),
                ("lora_B", target.rows.len(), self.rank, Init::Zeros),
            ] {
                tensors.push(TensorSpec {
                    rows,
                    cols,
                    parts: vec![Part {
                        name: format!("base_model.model.{module}.{name}.weight"),
                        rows: 0..rows,
                    }],
                    init,
                    matrix: true,
                });
            }
        }
        if self.token.is_some() {
            tensors.push(TensorSpec {
                rows: 1,
                cols: config.hidden_size,
                parts: vec![Part {
                    name: crate::peft::token_tensor(config),
                    rows: 0..1,
                }],
                init: Init::Normal,
                matrix: true,
            });
        }
        tensors
    }

    /// Values of a fresh adapter that changes nothing: `A` uniform in ±1/√inputs as PEFT draws it
    /// (Kaiming with a = √5), `B` zero, the row that of the model.
    pub fn init(&self, config: &ModelConfig, head_row: &[f32], seed: u64) -> Vec<Vec<f32>> {
        let mut rng = Rng::from_words(&[seed]);
        let mut values: Vec<Vec<f32>> = self
            .tensors(config)
            .iter()
            .map(|t| match t.init {
                Init::Zeros => vec![0.0; t.rows * t.cols],
                _ => {
                    let bound = 1.0 / (t.cols as f64).sqrt();
                    let draw = || ((2.0 * rng.uniform() - 1.0) * bound) as f32;
                    std::iter::repeat_with(draw).take(t.rows * t.cols).collect()
                }
            })
            .collect();
        if let (Some(_), Some(row)) = (self.token, values.last_mut()) {
            *row = head_row.to_vec();
        }
        values
    }

    /// A tensor of a model's layout with its share of an adapter, whose values are in the order of
    /// [`Lora::tensors`]: the numbers that [`Decoder::merged_tensor`] gives, without a decoder in
    /// memory.
    pub fn merge<B: Backend>(
        &self,
        backend: &B,
        layout: &Layout,
        values: &[Vec<f32>],
        tensor: usize,
        mut host: Vec<f32>,
    ) -> Vec<f32> {
        let pairs = self.pairs(layout).into_iter().enumerate();
        let pairs: Vec<_> = pairs.filter(|(_, t)| t.tensor == tensor).collect();
        if !pairs.is_empty() {
            let mut merged = backend.zeros(0);
            backend.upload(&host, &mut merged);
            for (i, target) in pairs {
                let [mut a, mut b] = [backend.zeros(0), backend.zeros(0)];
                backend.upload(&values[2 * i], &mut a);
                backend.upload(&values[2 * i + 1], &mut b);
                let mut packed = B::Packed::default();
                backend.pack(&a, self.rank, target.inputs, true, &mut packed);
                add_pair(backend, self, &target, &packed, &b, &mut merged);
            }
            backend.download(&merged, &mut host);
        }
        if let (Some(token), Some(row), true) = (self.token, values.last(), tensor == layout.head) {
            let start = token as usize * row.len();
            host[start..start + row.len()].copy_from_slice(row);
        }
        host
    }

    /// The adapted matrices, in the layout's order.
    fn pairs(&self, layout: &Layout) -> Vec<Target> {
        let mut found = Vec::new();
        for (tensor, spec) in layout.tensors.iter().enumerate() {
            for part in &spec.parts {
                let module = part.name.strip_suffix(".weight").unwrap_or(&part.name);
                let last = module.rsplit('.').next().unwrap_or_default();
                if spec.matrix && self.targets.iter().any(|t| t.name() == last) {
                    found.push(Target {
                        tensor,
                        rows: part.rows.clone(),
                        inputs: spec.cols,
                        module: module.to_owned(),
                    });
                }
            }
        }
        found
    }
}

/// An adapted matrix: rows of a tensor of the layout.
struct Target {
    tensor: usize,
    rows: Range<usize>,
    inputs: usize,
    module: String,
}

/// `A` and `B` of one matrix, laid out for their products.
struct Pair<B: Backend> {
    target: Target,
    /// `A` in [`Adapter::values`]; `B` follows it.
    a: usize,
    packed_a: B::Packed,
    packed_b: B::Packed,
}

/// An adapter with its values.
pub(crate) struct Adapter<B: Backend> {
    pub lora: Lora,
    pub specs: Vec<TensorSpec>,
    pub values: Vec<B::Buffer>,
    pairs: Vec<Pair<B>>,
}

/// Adds `scale · B A` to the rows of a matrix.
fn add_pair<B: Backend>(
    backend: &B,
    lora: &Lora,
    target: &Target,
    packed_a: &B::Packed,
    b: &B::Buffer,
    merged: &mut B::Buffer,
) {
    let (out, inputs) = (target.rows.clone(), target.inputs);
    let (mut scaled, mut delta) = (backend.zeros(0), backend.zeros(0));
    backend.copy(b, &mut scaled);
    backend.scale(&mut scaled, lora.scale());
    backend.resize(&mut delta, out.len() * inputs);
    backend.linear_backward_input(out.len(), &scaled, packed_a, &mut delta, false);
    let rows: Vec<u32> = out.map(|r| r as u32).collect();
    backend.scatter_add_rows(inputs, &delta, &rows, merged);
}

impl<B: Backend> Adapter<B> {
    /// The pairs of a tensor of the layout.
    fn of(&self, tensor: usize) -> impl Iterator<Item = &Pair<B>> {
        self.pairs.iter().filter(move |p| p.target.tensor == tensor)
    }

    /// Adds the gradients of the pairs of `tensor` for `y = x Wᵀ`.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn backward(
        &self,
        backend: &B,
        tensor: usize,
        rows: usize,
        outputs: usize,
        dy: &B::Buffer,
        x: &B::Buffer,
        scratch: &mut AdapterScratch<B>,
        gradients: &mut [B::Buffer],
    ) {
        let (rank, scale) = (self.lora.rank, self.lora.scale());
        for pair in self.of(tensor) {
            let (out, inputs) = (pair.target.rows.clone(), pair.target.inputs);
            let dy = match out.len() == outputs {
                true => dy,
                false => {
                    backend.copy_columns(rows, outputs, out.clone(), dy, &mut scratch.dy);
                    &scratch.dy
                }
            };
            let inner = &mut scratch.inner;
            backend.resize(inner, rows * rank);
            backend.linear(rows, x, &pair.packed_a, None, inner, false);
            backend.scale(inner, scale);
            let db = &mut gradients[pair.a + 1];
            backend.linear_backward_weight(rows, dy, inner, out.len(), rank, db, None);
            backend.linear_backward_input(rows, dy, &pair.packed_b, inner, false);
            backend.scale(inner, scale);
            let da = &mut gradients[pair.a];
            backend.linear_backward_weight(rows, inner, x, rank, inputs, da, None);
        }
    }

    /// Where the gradient of the head's weight goes.
    pub(crate) fn head_gradient<'g>(
        &self,
        gradients: &'g mut [B::Buffer],
    ) -> HeadWeightGradient<'g, B::Buffer> {
        match (self.lora.token, gradients.last_mut()) {
            (Some(token), Some(row)) => HeadWeightGradient::Row(token, row),
            _ => HeadWeightGradient::Frozen,
        }
    }
}

impl<B: Backend> Decoder<B> {
    /// Freezes the weights and trains an adapter with these values instead, in the order of
    /// [`Lora::tensors`].
    pub fn adapt(&mut self, backend: &B, lora: Lora, values: &[Vec<f32>]) {
        let specs = lora.tensors(&self.config);
        assert!(
            specs.len() == values.len()
                && specs
                    .iter()
                    .zip(values)
                    .all(|(s, v)| s.rows * s.cols == v.len()),
            "one host tensor per tensor of the adapter"
        );
        let values = values
            .iter()
            .map(|v| {
                let mut buffer = backend.zeros(0);
                backend.upload(v, &mut buffer);
                buffer
            })
            .collect();
        let pairs = lora
            .pairs(&self.layout)
            .into_iter()
            .enumerate()
            .map(|(i, target)| Pair {
                target,
                a: 2 * i,
                packed_a: B::Packed::default(),
                packed_b: B::Packed::default(),
            })
            .collect();
        self.adapter = Some(Adapter {
            lora,
            specs,
            values,
            pairs,
        });
        self.merge(backend);
    }

    /// The adapter, if one is trained.
    pub fn lora(&self) -> Option<&Lora> {
        self.adapter.as_ref().map(|a| &a.lora)
    }

    /// Lays the adapter and the merged weights out anew.
    pub(crate) fn merge(&mut self, backend: &B) {
        let Some(adapter) = &mut self.adapter else {
            return;
        };
        for pair in &mut adapter.pairs {
            let (out, inputs) = (pair.target.rows.len(), pair.target.inputs);
            let (a, b) = (&adapter.values[pair.a], &adapter.values[pair.a + 1]);
            let rank = adapter.lora.rank;
            backend.pack(a, rank, inputs, true, &mut pair.packed_a);
            backend.pack(b, out, rank, true, &mut pair.packed_b);
        }
        let mut adapted: Vec<usize> = adapter.pairs.iter().map(|p| p.target.tensor).collect();
        adapted.dedup();
        let mut merged = backend.zeros(0);
        for tensor in adapted {
            self.merge_tensor(backend, tensor, &mut merged);
            let spec = &self.layout.tensors[tensor];
            let packed = &mut self.packed[tensor];
            backend.pack(&merged, spec.rows, spec.cols, self.trainable, packed);
        }
        let Some(adapter) = &self.adapter else { return };
        if let (Some(token), Some(row)) = (adapter.lora.token, adapter.values.last()) {
            let mut host = vec![0.0; self.config.hidden_size];
            backend.download(row, &mut host);
            let head = self.layout.head;
            let weight = &mut self.weights[head];
            backend.upload_range(&host, token as usize * host.len(), weight);
            backend.pack_row(&self.weights[head], token as usize, &mut self.packed[head]);
        }
    }

    /// A tensor of the layout as the products see it: with its share of the adapter.
    fn merge_tensor(&self, backend: &B, tensor: usize, merged: &mut B::Buffer) {
        backend.copy(&self.weights[tensor], merged);
        let Some(adapter) = &self.adapter else {
            return;
        };
        for pair in adapter.of(tensor) {
            let b = &adapter.values[pair.a + 1];
            add_pair(
                backend,
                &adapter.lora,
                &pair.target,
                &pair.packed_a,
                b,
                merged,
            );
        }
    }

    /// The row of the head of a token.
    pub fn head_row(&self, backend: &B, token: u32) -> Vec<f32> {
        let mut row = backend.zeros(self.config.hidden_size);
        let head = &self.weights[self.layout.head];
        backend.gather_rows(self.config.hidden_size, head, &[token], &mut row);
        let mut host = vec![0.0; self.config.hidden_size];
        backend.download(&row, &mut host);
        host
    }

    /// Host copies of the weights in the layout's order, an adapter merged in, one by one.
    pub fn merged<'a>(&'a self, backend: &'a B) -> impl Iterator<Item = Vec<f32>> + 'a {
        (0..self.layout.tensors.len()).map(|i| self.merged_tensor(backend, i))
    }

    /// One of them.
    pub fn merged_tensor(&self, backend: &B, tensor: usize) -> Vec<f32> {
        let spec = &self.layout.tensors[tensor];
        let mut host = vec![0.0; spec.rows * spec.cols];
        let adapted = self
            .adapter
            .as_ref()
            .filter(|a| a.of(tensor).next().is_some());
        if adapted.is_none() {
            backend.download(&self.weights[tensor], &mut host);
            return host;
        }
        let mut merged = backend.zeros(0);
        self.merge_tensor(backend, tensor, &mut merged);
        backend.download(&merged, &mut host);
        host
    }
}
