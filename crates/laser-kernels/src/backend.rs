//! What a device must be able to do.

use std::ops::Range;

use crate::NormLayout;

/// Heads of an attention layer and where they lie in a `qkv` row: all query heads, then all key
/// heads, then all value heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
}

impl AttentionShape {
    /// Floats in a row of queries (and of attention output).
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Floats in a row of queries, keys and values.
    pub fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    pub(crate) fn k_offset(&self, kv_head: usize) -> usize {
        (self.heads + kv_head) * self.head_dim
    }

    pub(crate) fn v_offset(&self, kv_head: usize) -> usize {
        (self.heads + self.kv_heads + kv_head) * self.head_dim
    }

    /// The query heads that share a key-value head.
    pub(crate) fn group(&self, kv_head: usize) -> Range<usize> {
        let size = self.heads / self.kv_heads;
        kv_head * size..(kv_head + 1) * size
    }
}

/// Where the sequences of a packed batch lie, one after the other.
///
/// Sequences come in families. The first of a family is its stem; the others continue it, so that
/// the stem's rows are before theirs for each of them, and none sees another. What several
/// sequences begin with is thus computed once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Where each sequence ends; the first begins at 0.
    ends: Vec<usize>,
    /// The stem of each family.
    stems: Vec<usize>,
}

impl Segments {
    /// Sequences of the given lengths, one after the other, that have nothing in common.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut segments = Segments::default();
        lengths.into_iter().for_each(|len| segments.begin(len));
        segments
    }

    /// Adds a sequence that begins a family.
    pub fn begin(&mut self, len: usize) {
        self.stems.push(self.count());
        self.ends.push(self.tokens() + len);
    }

    /// Adds a sequence that continues the stem of the last family.
    ///
    /// # Panics
    /// When there is no family yet.
    pub fn continue_stem(&mut self, len: usize) {
        assert!(!self.stems.is_empty(), "nothing to continue");
        self.ends.push(self.tokens() + len);
    }

    /// Sequences, stems included.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Rows in all.
    pub fn tokens(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Rows of sequence `i`.
    pub fn range(&self, i: usize) -> Range<usize> {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[i]
    }

    /// Families.
    pub fn families(&self) -> usize {
        self.stems.len()
    }

    /// The sequences of family `f`: its stem, and then what continues it.
    pub fn family(&self, f: usize) -> Range<usize> {
        let end = self.stems.get(f + 1).copied();
        self.stems[f]..end.unwrap_or(self.count())
    }

    /// Rows of the stem that sequence `i` continues; none where it is one.
    pub fn before(&self, i: usize) -> Range<usize> {
        match self.stems[self.stems.partition_point(|stem| *stem <= i) - 1] {
            stem if stem == i => 0..0,
            stem => self.range(stem),
        }
    }

    /// Tokens that the last row of sequence `i` sees, itself included.
    pub fn seen(&self, i: usize) -> usize {
        self.before(i).len() + self.range(i).len()
    }

    /// The position of every row, behind the rows of the stem that it continues.
    pub fn positions(&self) -> Vec<u32> {
        (0..self.count())
            .flat_map(|i| self.before(i).len() as u32..self.seen(i) as u32)
            .collect()
    }
}

/// Constants of one AdamW update (Loshchilov & Hutter 2019, decoupled weight decay).
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// Learning rate of this step.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// `p ← p (1 − lr · weight_decay)` before the step.
    pub weight_decay: f32,
    /// Factor on every gradient: the clipping coefficient.
    pub grad_scale: f32,
}

/// Where the gradient of the head's weight goes.
pub enum HeadWeightGradient<'a, Buffer> {
    /// Nowhere: the head is frozen.
    Frozen,
    /// That of one row, `[width]`: only this token's output is trained.
    Row(u32, &'a mut Buffer),
    /// All of it, `[vocab, width]`.
    Whole(&'a mut Buffer),
}

/// How the weight matrices of products are stored. Activations, sums and gradients are `f32` in
/// either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to bfloat16: half the memory, and half the time where memory is what is waited for.
    Bf16,
}

/// A device. Shapes are row-major; `[T]` counts packed token rows. A buffer passed as output must
/// already have room. Operations marked *accumulate* add to their output. Shape mistakes are bugs
/// of the caller and panic.
#[allow(clippy::too_many_arguments)]
pub trait Backend: Send + Sync {
    /// Device-resident floats.
    type Buffer: Send + Sync;
    /// A weight matrix laid out for products.
    type Packed: Send + Sync + Default;
    /// Keys and values of sequences that are being generated.
    type KvCache: Send;

    /// `len` zeros.
    fn zeros(&self, len: usize) -> Self::Buffer;
    /// Changes the length; contents are unspecified afterwards.
    fn resize(&self, buffer: &mut Self::Buffer, len: usize);
    /// Host to device; resizes.
    fn upload(&self, from: &[f32], to: &mut Self::Buffer);
    /// Host to device, from the float `at` on.
    fn upload_range(&self, from: &[f32], at: usize, to: &mut Self::Buffer);
    /// Device to host: the first `to.len()` floats.
    fn download(&self, from: &Self::Buffer, to: &mut [f32]);
    /// Sets every float to zero.
    fn fill_zero(&self, buffer: &mut Self::Buffer);
    /// Device to device; resizes.
    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer);

    /// A matrix yet to be laid out.
    fn packed(&self, precision: Precision) -> Self::Packed;

    /// Lays out `w[outputs, inputs]` for [`Backend::linear`], and with `train` for its backward.
    /// To be repeated whenever `w` changes.
    fn pack(
        &self,
        w: &Self::Buffer,
        outputs: usize,
        inputs: usize,
        train: bool,
        packed: &mut Self::Packed,
    );

    /// Lays out row `row` of `w` anew in what [`Backend::pack`] made of it.
    fn pack_row(&self, w: &Self::Buffer, row: usize, packed: &mut Self::Packed);

    /// `x *= factor`.
    fn scale(&self, x: &mut Self::Buffer, factor: f32);
    /// `to[T, columns.len()] = from[T, columns]` of rows of `width` floats; resizes.
    fn copy_columns(
        &self,
        rows: usize,
        width: usize,
        columns: Range<usize>,
        from: &Self::Buffer,
        to: &mut Self::Buffer,
    );

    /// `out[T, width] = table[ids]`.
    fn embed(&self, table: &Self::Buffer, width: usize, ids: &[u32], out: &mut Self::Buffer);
    /// `dtable[ids] += dout`, accumulate, in row order.
    fn embed_backward(
        &self,
        width: usize,
        ids: &[u32],
        dout: &Self::Buffer,
        dtable: &mut Self::Buffer,
    );
    /// `to[i] = from[rows[i]]`.
    fn gather_rows(&self, width: usize, from: &Self::Buffer, rows: &[u32], to: &mut Self::Buffer);
    /// `to[rows[i]] += from[i]`, accumulate.
    fn scatter_add_rows(
        &self,
        width: usize,
        from: &Self::Buffer,
        rows: &[u32],
        to: &mut Self::Buffer,
    );

    /// RMSNorm (Zhang & Sennrich 2019): `y = x · inv · w`, `inv = 1 / √(mean x² + eps)` of every
    /// vector of `layout`; `inv[T, heads]` is kept for the backward.
    fn rms_norm(
        &self,
        layout: NormLayout,
        rows: usize,
        x: &Self::Buffer,
        w: &Self::Buffer,
        eps: f32,
        y: &mut Self::Buffer,
        inv: &mut Self::Buffer,
    );
    /// `dx` (set, or added to with `accumulate`) and, unless the norm is frozen, `dw` (accumulate).
    fn rms_norm_backward(
        &self,
        layout: NormLayout,
        rows: usize,
        x: &Self::Buffer,
        w: &Self::Buffer,
        inv: &Self::Buffer,
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
        accumulate: bool,
        dw: Option<&mut Self::Buffer>,
    );

    /// `y[T, outputs] (+)= x[T, inputs] · Wᵀ + bias`.
    fn linear(
        &self,
        rows: usize,
        x: &Self::Buffer,
        w: &Self::Packed,
        bias: Option<&Self::Buffer>,
        y: &mut Self::Buffer,
        accumulate: bool,
    );
    /// `dx[T, inputs] (+)= dy[T, outputs] · W`.
    fn linear_backward_input(
        &self,
        rows: usize,
        dy: &Self::Buffer,
        w: &Self::Packed,
        dx: &mut Self::Buffer,
        accumulate: bool,
    );
    /// `dw[outputs, inputs] += dyᵀ · x` and `dbias += Σ dy`, accumulate, in row order.
    fn linear_backward_weight(
        &self,
        rows: usize,
        dy: &Self::Buffer,
        x: &Self::Buffer,
        outputs: usize,
        inputs: usize,
        dw: &mut Self::Buffer,
        dbias: Option<&mut Self::Buffer>,
    );

    /// Rotary position embedding (Su et al. 2021), in place on the queries and keys of `qkv`.
    /// `table[position]` holds `head_dim / 2` cosines, then as many sines. `undo` rotates back,
    /// which is also the backward.
    fn rope(
        &self,
        shape: AttentionShape,
        qkv: &mut Self::Buffer,
        positions: &[u32],
        table: &Self::Buffer,
        undo: bool,
    );

    /// Causal softmax attention inside each sequence, and of a continuation's rows to its stem's:
    /// `out[T, heads · head_dim]`, and `lse[T, heads]` of the scaled scores for the backward.
    fn attention(
        &self,
        shape: AttentionShape,
        qkv: &Self::Buffer,
        segments: &Segments,
        out: &mut Self::Buffer,
        lse: &mut Self::Buffer,
    );
    /// `dqkv`, set.
    fn attention_backward(
        &self,
        shape: AttentionShape,
        qkv: &Self::Buffer,
        out: &Self::Buffer,
        lse: &Self::Buffer,
        segments: &Segments,
        dout: &Self::Buffer,
        dqkv: &mut Self::Buffer,
    );

    /// An empty cache of `slots` rows for at least `capacity` tokens each.
    fn kv_cache(
        &self,
        shape: AttentionShape,
        layers: usize,
        slots: usize,
        capacity: usize,
    ) -> Self::KvCache;
    /// Stores keys and values of `qkv` row `i` at `rows[i] = (slot, position)`.
    fn cache_write(
        &self,
        cache: &mut Self::KvCache,
        layer: usize,
        qkv: &Self::Buffer,
        rows: &[(usize, usize)],
    );
    /// Copies the first `len` tokens of a slot to another, in all layers.
    fn cache_copy(&self, cache: &mut Self::KvCache, from: usize, to: usize, len: usize);
    /// Attention of one query per row against its slot: `rows[i] = (slot, tokens)`, the token of
    /// the query included.
    fn attention_cached(
        &self,
        cache: &Self::KvCache,
        layer: usize,
        qkv: &Self::Buffer,
        rows: &[(usize, usize)],
        out: &mut Self::Buffer,
    );

    /// `out[T, width] = silu(gate) · up` for `gate_up[T, 2 · width]` (Shazeer 2020).
    fn swiglu(&self, rows: usize, width: usize, gate_up: &Self::Buffer, out: &mut Self::Buffer);
    /// `dgate_up`, set.
    fn swiglu_backward(
        &self,
        rows: usize,
        width: usize,
        gate_up: &Self::Buffer,
        dout: &Self::Buffer,
        dgate_up: &mut Self::Buffer,
    );

    /// logsumexp and entropy, in nats, of each row of `logits[lse.len(), vocab]`.
    fn logits_stats(
        &self,
        logits: &Self::Buffer,
        vocab: usize,
        lse: &mut [f32],
        entropy: &mut [f32],
    );
    /// The one head operation: for `hidden[T, width]` and `ids[T, K]`, `logp[T, K]`, `entropy[T]`
    /// and `lse[T]` in nats, without ever holding `[T, vocab]`.
    fn head_gather(
        &self,
        hidden: &Self::Buffer,
        head: &Self::Packed,
        ids: &[u32],
        logp: &mut [f32],
        entropy: &mut [f32],
        lse: &mut [f32],
    );
    /// From `dlogp[T, K]` and `dentropy[T]`: `dhidden` (set) and `dweight` (accumulate, in row
    /// order). Rows whose derivatives are all zero cost nothing.
    fn head_gather_backward(
        &self,
        hidden: &Self::Buffer,
        head: &Self::Packed,
        ids: &[u32],
        lse: &[f32],
        entropy: &[f32],
        dlogp: &[f32],
        dentropy: Option<&[f32]>,
        dhidden: &mut Self::Buffer,
        dweight: HeadWeightGradient<Self::Buffer>,
    );

    /// One AdamW update of `p` with gradients `g` and moments `m`, `v`; `step` counts from 1.
    fn adamw(
        &self,
        config: &AdamW,
        step: u64,
        p: &mut Self::Buffer,
        g: &Self::Buffer,
        m: &mut Self::Buffer,
        v: &mut Self::Buffer,
    );
    /// `Σ x²`, summed in a fixed order.
    fn sum_of_squares(&self, x: &Self::Buffer) -> f64;
}
