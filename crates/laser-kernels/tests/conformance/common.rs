//! Backends, made-up numbers and comparisons that the checks share.

use laser_kernels::{AttentionShape, Backend, Cpu, Isa, NormLayout, Segments};

/// Every CPU backend of this machine.
pub fn cpus() -> Vec<(String, Cpu)> {
    let mut all: Vec<_> = Isa::available()
        .into_iter()
        .map(|isa| (format!("{isa:?}, serial"), Cpu::serial_on(isa)))
        .collect();
    for threads in [2, 3] {
        let cpu = Cpu::new(threads).expect("a pool of a few threads");
        all.push((format!("{:?}, {threads} threads", cpu.isa()), cpu));
    }
    all
}

/// A stream of made-up numbers (SplitMix64, Steele et al. 2014).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `n` floats in `[-1, 1)`.
    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
            .collect()
    }

    /// `n` ids below `limit`.
    pub fn ids(&mut self, n: usize, limit: usize) -> Vec<u32> {
        (0..n)
            .map(|_| (self.next() % limit as u64) as u32)
            .collect()
    }
}

pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

/// `a + b`, element by element.
pub fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `Σ a · b`: the objective that gradients are taken of.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The gradient of `f` at `x` by central differences.
pub fn gradient(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut x = x.to_vec();
    (0..x.len())
        .map(|i| {
            let at = x[i];
            x[i] = at + STEP;
            let above = f(&x);
            x[i] = at - STEP;
            let below = f(&x);
            x[i] = at;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}

/// `|got − want| ≤ tolerance · (1 + |want|)` for every element.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - w).abs();
        assert!(
            error <= tolerance * (1.0 + w.abs()),
            "{what}[{i}] is {g}, should be {w}"
        );
    }
}

#[track_caller]
pub fn assert_same_bits(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert_eq!(
            g.to_bits(),
            w.to_bits(),
            "{what}[{i}] is {g}, should be {w}"
        );
    }
}

pub fn upload<B: Backend>(b: &B, values: &[f32]) -> B::Buffer {
    let mut buffer = b.zeros(0);
    b.upload(values, &mut buffer);
    buffer
}

pub fn download<B: Backend>(b: &B, buffer: &B::Buffer, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    b.download(buffer, &mut values);
    values
}

/// A buffer of NaN: what an operation leaves unset shows.
pub fn unset<B: Backend>(b: &B, len: usize) -> B::Buffer {
    upload(b, &vec![f32::NAN; len])
}

pub fn packed<B: Backend>(b: &B, w: &[f32], outputs: usize, inputs: usize) -> B::Packed {
    let mut packed = B::Packed::default();
    b.pack(&upload(b, w), outputs, inputs, true, &mut packed);
    packed
}

pub fn shape(heads: usize, kv_heads: usize, head_dim: usize) -> AttentionShape {
    AttentionShape {
        heads,
        kv_heads,
        head_dim,
    }
}

/// The norm of the query heads (`keys` false) or key heads inside `qkv` rows.
pub fn head_norm(shape: AttentionShape, keys: bool) -> NormLayout {
    NormLayout {
        width: shape.head_dim,
        heads: if keys { shape.kv_heads } else { shape.heads },
        stride: shape.qkv_width(),
        offset: if keys { shape.q_width() } else { 0 },
    }
}

/// One head, no groups, groups of four, three and two; all head widths the kernels cut differently.
pub fn attention_shapes() -> Vec<AttentionShape> {
    vec![
        shape(1, 1, 8),
        shape(2, 2, 32),
        shape(4, 1, 10),
        shape(8, 2, 8),
        shape(3, 1, 48),
        // Heads with keys of their own, or two with the same, are interleaved four at a time.
        shape(6, 6, 40),
        shape(10, 5, 16),
    ]
}

/// Around the widths of vectors and panels, and beyond a block of queries.
pub const LENGTHS: [usize; 5] = [1, 31, 32, 33, 70];

pub fn ragged(lengths: &[usize]) -> Segments {
    Segments::from_lengths(lengths.iter().copied())
}

/// Families: the lengths of a stem and of what continues it.
pub fn families(lengths: &[&[usize]]) -> Segments {
    let mut segments = Segments::default();
    for family in lengths {
        segments.begin(family[0]);
        for len in &family[1..] {
            segments.continue_stem(*len);
        }
    }
    segments
}

// One operation each, host to host: what the checks call.

pub fn linear<B: Backend>(
    b: &B,
    x: &[f32],
    w: &[f32],
    outputs: usize,
    inputs: usize,
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let rows = x.len() / inputs;
    let mut y = unset(b, rows * outputs);
    let bias = bias.map(|v| upload(b, v));
    let w = packed(b, w, outputs, inputs);
    b.linear(rows, &upload(b, x), &w, bias.as_ref(), &mut y, false);
    download(b, &y, rows * outputs)
}

/// `(y, inv)`.
pub fn rms_norm<B: Backend>(
    b: &B,
    layout: NormLayout,
    x: &[f32],
    w: &[f32],
    eps: f32,
) -> (Vec<f32>, Vec<f32>) {
    let rows = x.len() / layout.stride;
    let (mut y, mut inv) = (b.zeros(x.len()), unset(b, rows * layout.heads));
    b.rms_norm(
        layout,
        rows,
        &upload(b, x),
        &upload(b, w),
        eps,
        &mut y,
        &mut inv,
    );
    (
        download(b, &y, x.len()),
        download(b, &inv, rows * layout.heads),
    )
}

/// `(out, lse)`.
pub fn attention<B: Backend>(
    b: &B,
    shape: AttentionShape,
    qkv: &[f32],
    segments: &Segments,
) -> (Vec<f32>, Vec<f32>) {
    let (n, heads) = (
        segments.tokens() * shape.q_width(),
        segments.tokens() * shape.heads,
    );
    let (mut out, mut lse) = (unset(b, n), unset(b, heads));
    b.attention(shape, &upload(b, qkv), segments, &mut out, &mut lse);
    (download(b, &out, n), download(b, &lse, heads))
}

pub fn attention_backward<B: Backend>(
    b: &B,
    shape: AttentionShape,
    qkv: &[f32],
    segments: &Segments,
    dout: &[f32],
) -> Vec<f32> {
    let (out, lse) = attention(b, shape, qkv, segments);
    let [qkv_, out, lse, dout] = [qkv, &out, &lse, dout].map(|v| upload(b, v));
    let mut dqkv = unset(b, qkv.len());
    b.attention_backward(shape, &qkv_, &out, &lse, segments, &dout, &mut dqkv);
    download(b, &dqkv, qkv.len())
}

pub struct Head {
    pub logp: Vec<f32>,
    pub entropy: Vec<f32>,
    pub lse: Vec<f32>,
}

pub fn head_gather<B: Backend>(
    b: &B,
    hidden: &[f32],
    w: &[f32],
    width: usize,
    ids: &[u32],
) -> Head {
    let rows = hidden.len() / width;
    let mut head = Head {
        logp: vec![f32::NAN; ids.len()],
        entropy: vec![f32::NAN; rows],
        lse: vec![f32::NAN; rows],
    };
    let w = packed(b, w, w.len() / width, width);
    let hidden = upload(b, hidden);
    b.head_gather(
        &hidden,
        &w,
        ids,
        &mut head.logp,
        &mut head.entropy,
        &mut head.lse,
    );
    head
}

pub fn logits_stats<B: Backend>(b: &B, logits: &[f32], vocab: usize) -> (Vec<f32>, Vec<f32>) {
    let rows = logits.len() / vocab;
    let (mut lse, mut entropy) = (vec![f32::NAN; rows], vec![f32::NAN; rows]);
    b.logits_stats(&upload(b, logits), vocab, &mut lse, &mut entropy);
    (lse, entropy)
}

pub fn swiglu<B: Backend>(b: &B, width: usize, gate_up: &[f32]) -> Vec<f32> {
    let rows = gate_up.len() / (2 * width);
    let mut out = unset(b, rows * width);
    b.swiglu(rows, width, &upload(b, gate_up), &mut out);
    download(b, &out, rows * width)
}
