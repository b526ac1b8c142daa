//! Causal attention over packed segments, its backward, and attention against a KV cache.
//!
//! A query row sees the same arithmetic in training and in decoding: each score is one chain over
//! the head dimension, the softmax sums lanes of sixteen keys in a fixed tree, and the output is
//! one chain over the keys. Keys after the query enter as weights of exactly zero, which change
//! no bit.

use std::ops::Range;

use super::buffer::Buffer;
use super::gemm::{PANEL, gemm, gemm_transposed, pack_strided, pack_transposed, packed_len};
use super::par::{Par, Shared};
use super::simd::{LANES, Simd, exp, simd_fn};
use super::{Isa, with_scratch};
use crate::{AttentionShape, Segments};

/// Query rows handled together; bounds the scratch memory to `QUERY_BLOCK × keys` floats.
const QUERY_BLOCK: usize = 64;

/// See [`softmax_row`].
#[inline(always)]
unsafe fn softmax_numerators<S: Simd>(
    scores: *mut f32,
    n: usize,
    padded: usize,
    scale: f32,
) -> (f32, f32) {
    let scale = S::splat(scale);
    let mut max = S::splat(f32::NEG_INFINITY);
    for j in (0..n).step_by(LANES) {
        let s = S::mul(
            S::load_partial(scores.add(j), n - j, f32::NEG_INFINITY),
            scale,
        );
        S::store_partial(scores.add(j), s, n - j);
        max = S::max(max, s);
    }
    let max = S::reduce_max(max);
    let mut sum = S::splat(0.0);
    for j in (0..n).step_by(LANES) {
        let s = S::load_partial(scores.add(j), n - j, f32::NEG_INFINITY);
        S::store_partial(scores.add(j), exp::<S>(S::sub(s, S::splat(max))), n - j);
        // Reloaded, so that lanes past the end count as zero.
        sum = S::add(sum, S::load_partial(scores.add(j), n - j, 0.0));
    }
    if n < padded {
        std::ptr::write_bytes(scores.add(n), 0, padded - n);
    }
    (max, S::reduce_sum(sum))
}

simd_fn! {
    /// Softmax numerators of `scores[0..n] * scale` in place, zeros up to `padded`;
    /// returns the maximum and the sum.
    ///
    /// # Safety
    /// `scores` is valid for `padded` floats, `n` is in `1..=padded`.
    unsafe fn softmax_row(scores: *mut f32, n: usize, padded: usize, scale: f32) -> (f32, f32) {
        softmax_numerators::<S>(scores, n, padded, scale)
    }
}

/// `x[0..n] *= factor`.
#[inline(always)]
unsafe fn scale_floats<S: Simd>(x: *mut f32, n: usize, factor: f32) {
    for j in (0..n).step_by(LANES) {
        let v = S::mul(S::load_partial(x.add(j), n - j, 0.0), S::splat(factor));
        S::store_partial(x.add(j), v, n - j);
    }
}

simd_fn! {
    /// `x[0..n] *= factor`.
    unsafe fn scale_row(x: *mut f32, n: usize, factor: f32) {
        scale_floats::<S>(x, n, factor)
    }
}

simd_fn! {
    /// Sum of `a · b` over `n` floats.
    unsafe fn dot(a: *const f32, b: *const f32, n: usize) -> f32 {
        let mut sum = S::splat(0.0);
        for j in (0..n).step_by(LANES) {
            let (x, y) = (S::load_partial(a.add(j), n - j, 0.0), S::load_partial(b.add(j), n - j, 0.0));
            sum = S::fma(x, y, sum);
        }
        S::reduce_sum(sum)
    }
}

simd_fn! {
    /// From scores and `dp = dO·Vᵀ` of one query row: `scores ← p` and `dp ← p (dp − delta) scale`
    /// for the first `n` keys, zeros up to `padded`.
    unsafe fn softmax_backward_row(
        scores: *mut f32, dp: *mut f32, n: usize, padded: usize, scale: f32, lse: f32, delta: f32,
    ) {
        for j in (0..n).step_by(LANES) {
            let s = S::load_partial(scores.add(j), n - j, 0.0);
            let p = exp::<S>(S::fma(s, S::splat(scale), S::splat(-lse)));
            let d = S::sub(S::load_partial(dp.add(j), n - j, 0.0), S::splat(delta));
            S::store_partial(dp.add(j), S::mul(S::mul(p, d), S::splat(scale)), n - j);
            S::store_partial(scores.add(j), p, n - j);
        }
        std::ptr::write_bytes(scores.add(n), 0, padded - n);
        std::ptr::write_bytes(dp.add(n), 0, padded - n);
    }
}

/// Query heads whose products are interleaved in decoding. One head alone has two chains of
/// multiply-adds, each of which waits for the one before.
const HEADS: usize = 4;

/// What [`HEADS`] query heads of one token read and write: their left operands, panels and results.
struct Heads {
    a: [*const f32; HEADS],
    b: [*const f32; HEADS],
    c: [*mut f32; HEADS],
}

impl Heads {
    /// `c[columns] = a[k] · b` of each head for one panel, each element one chain as in a matrix
    /// product.
    #[inline(always)]
    unsafe fn product<S: Simd>(&self, k: usize, columns: usize) {
        const VECTORS: usize = PANEL / LANES;
        let mut acc = [[S::splat(0.0); VECTORS]; HEADS];
        for p in 0..k {
            for (h, acc) in acc.iter_mut().enumerate() {
                let x = S::splat(*self.a[h].add(p));
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = S::fma(x, S::load(self.b[h].add(p * PANEL + v * LANES)), *acc);
                }
            }
        }
        for (h, acc) in acc.iter().enumerate() {
            for (v, x) in acc.iter().enumerate() {
                let at = v * LANES;
                S::store_partial(self.c[h].wrapping_add(at), *x, columns.saturating_sub(at));
            }
        }
    }
}

simd_fn! {
    /// Attention of one token's query heads `first..first + HEADS` against its slot of the cache:
    /// `keys` and `values` are those of the slot's first head, `key_len` and `value_len` the floats
    /// of a head. `scores` has room for `padded` floats of each head, `padded >= n`.
    ///
    /// # Safety
    /// Pointers are valid for the shape, the `n` tokens of the slot and all `HEADS` heads.
    unsafe fn attend_heads(
        shape: AttentionShape, first: usize, n: usize, scale: f32,
        q: *const f32, keys: *const f32, key_len: usize, values: *const f32, value_len: usize,
        capacity: usize, scores: *mut f32, padded: usize, out: *mut f32,
    ) {
        let (d, group) = (shape.head_dim, shape.heads / shape.kv_heads);
        let kv = |h: usize| (first + h) / group;
        for j in (0..n).step_by(PANEL) {
            Heads {
                a: std::array::from_fn(|h| q.add((first + h) * d)),
                b: std::array::from_fn(|h| keys.add(kv(h) * key_len + j * d)),
                c: std::array::from_fn(|h| scores.add(h * padded + j)),
            }
            .product::<S>(d, PANEL.min(n - j));
        }
        let mut sums = [0.0; HEADS];
        for (h, sum) in sums.iter_mut().enumerate() {
            *sum = softmax_numerators::<S>(scores.add(h * padded), n, n, scale).1;
        }
        for (panel, j) in (0..d).step_by(PANEL).enumerate() {
            Heads {
                a: std::array::from_fn(|h| scores.add(h * padded) as *const f32),
                b: std::array::from_fn(|h| {
                    values.add(kv(h) * value_len + panel * capacity * PANEL)
                }),
                c: std::array::from_fn(|h| out.add((first + h) * d + j)),
            }
            .product::<S>(n, PANEL.min(d - j));
        }
        for (h, sum) in sums.iter().enumerate() {
            scale_floats::<S>(out.add((first + h) * d), d, 1.0 / sum);
        }
    }
}

fn softmax_scale(shape: AttentionShape) -> f32 {
    assert!(
        shape.heads.is_multiple_of(shape.kv_heads) && shape.head_dim.is_multiple_of(2),
        "kv_heads divides heads, and head_dim is even"
    );
    1.0 / (shape.head_dim as f32).sqrt()
}

/// A stem with its continuations, as [`Segments`] has them.
struct Family<'a> {
    segments: &'a Segments,
    members: Range<usize>,
    /// Rows of the stem.
    stem: Range<usize>,
    /// Keys that the last row of the longest member sees.
    longest: usize,
}

impl<'a> Family<'a> {
    fn new(segments: &'a Segments, family: usize) -> Self {
        let members = segments.family(family);
        Family {
            segments,
            stem: segments.range(members.start),
            longest: members.clone().map(|i| segments.seen(i)).max().unwrap_or(0),
            members,
        }
    }

    /// The rows of each member, and the keys of the stem before them.
    fn members(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        let segments = self.segments;
        let member = |i| (segments.range(i), segments.before(i).len());
        self.members.clone().map(member)
    }
}

/// See [`crate::Backend::attention`].
pub(crate) fn forward(
    par: &Par,
    isa: Isa,
    shape: AttentionShape,
    qkv: &[f32],
    segments: &Segments,
    out: &mut [f32],
    lse: &mut [f32],
) {
    let (d, stride, out_stride) = (shape.head_dim, shape.qkv_width(), shape.q_width());
    let tokens = segments.tokens();
    assert!(qkv.len() >= tokens * stride && out.len() >= tokens * out_stride);
    assert!(lse.len() >= tokens * shape.heads);
    let (out, lse) = (Shared::new(out), Shared::new(lse));
    let scale = softmax_scale(shape);
    par.run(segments.families() * shape.kv_heads, |task| unsafe {
        let family = Family::new(segments, task / shape.kv_heads);
        let kv_head = task % shape.kv_heads;
        let padded = family.longest.next_multiple_of(LANES);
        let (kt_len, v_len) = (packed_len(d, family.longest), packed_len(family.longest, d));
        with_scratch(kt_len + v_len + QUERY_BLOCK * padded, |scratch| {
            let (kt, rest) = scratch.split_at_mut(kt_len);
            let (v, scores) = rest.split_at_mut(v_len);
            let (kt, v, scores) = (kt.as_mut_ptr(), v.as_mut_ptr(), scores.as_mut_ptr());
            for (range, before) in family.members() {
                let len = range.len();
                let base = qkv.as_ptr().add(range.start * stride);
                let keys = base.add(shape.k_offset(kv_head));
                let values = base.add(shape.v_offset(kv_head));
                // Behind the stem's, over those of the continuation before.
                pack_transposed(keys, stride, d, len, before, kt);
                let panel_stride = family.longest * PANEL;
                pack_strided(values, stride, len, d, v.add(before * PANEL), panel_stride);
                for head in shape.group(kv_head) {
                    for i0 in (0..len).step_by(QUERY_BLOCK) {
                        let rows = QUERY_BLOCK.min(len - i0);
                        let n = before + i0 + rows;
                        let q = base.add(i0 * stride + head * d);
                        let panels = d * PANEL;
                        gemm(
                            isa, rows, n, d, q, stride, kt, panels, scores, padded, false,
                        );
                        let mut sums = [0.0; QUERY_BLOCK];
                        for (r, sum) in sums.iter_mut().enumerate().take(rows) {
                            let seen = before + i0 + r + 1;
                            let (max, s) = softmax_row(isa, scores.add(r * padded), seen, n, scale);
                            *sum = s;
                            *lse.at((range.start + i0 + r) * shape.heads + head) = max + s.ln();
                        }
                        let o = out.at((range.start + i0) * out_stride + head * d);
                        gemm(
                            isa,
                            rows,
                            d,
                            n,
                            scores,
                            padded,
                            v,
                            panel_stride,
                            o,
                            out_stride,
                            false,
                        );
                        for (r, sum) in sums.iter().enumerate().take(rows) {
                            scale_row(isa, o.add(r * out_stride), d, 1.0 / sum);
                        }
                    }
                }
            }
        });
    });
}

/// See [`crate::Backend::attention_backward`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn backward(
    par: &Par,
    isa: Isa,
    shape: AttentionShape,
    qkv: &[f32],
    out: &[f32],
    lse: &[f32],
    segments: &Segments,
    dout: &[f32],
    dqkv: &mut [f32],
) {
    let (d, stride, out_stride) = (shape.head_dim, shape.qkv_width(), shape.q_width());
    let tokens = segments.tokens();
    assert!(qkv.len() >= tokens * stride && dqkv.len() >= tokens * stride);
    assert!(out.len() >= tokens * out_stride && dout.len() >= tokens * out_stride);
    let dqkv = Shared::new(dqkv);
    let scale = softmax_scale(shape);
    par.run(segments.families() * shape.kv_heads, |task| unsafe {
        let family = Family::new(segments, task / shape.kv_heads);
        let kv_head = task % shape.kv_heads;
        let stem = dqkv.at(family.stem.start * stride);
        let (stem_dk, stem_dv) = (
            stem.add(shape.k_offset(kv_head)),
            stem.add(shape.v_offset(kv_head)),
        );
        let padded = family.longest.next_multiple_of(LANES);
        let (t_len, k_len) = (packed_len(d, family.longest), packed_len(family.longest, d));
        let block = QUERY_BLOCK * padded;
        with_scratch(2 * t_len + k_len + 2 * block, |scratch| {
            let (kt, rest) = scratch.split_at_mut(t_len);
            let (vt, rest) = rest.split_at_mut(t_len);
            let (k, rest) = rest.split_at_mut(k_len);
            let (p, ds) = rest.split_at_mut(block);
            let (kt, vt, k) = (kt.as_mut_ptr(), vt.as_mut_ptr(), k.as_mut_ptr());
            let (p, ds) = (p.as_mut_ptr(), ds.as_mut_ptr());
            for (range, before) in family.members() {
                let len = range.len();
                let base = qkv.as_ptr().add(range.start * stride);
                let keys = base.add(shape.k_offset(kv_head));
                let values = base.add(shape.v_offset(kv_head));
                let dbase = dqkv.at(range.start * stride);
                let (dk, dv) = (
                    dbase.add(shape.k_offset(kv_head)),
                    dbase.add(shape.v_offset(kv_head)),
                );
                for j in 0..len {
                    std::ptr::write_bytes(dk.add(j * stride), 0, d);
                    std::ptr::write_bytes(dv.add(j * stride), 0, d);
                }
                pack_transposed(keys, stride, d, len, before, kt);
                pack_transposed(values, stride, d, len, before, vt);
                let panel_stride = family.longest * PANEL;
                pack_strided(keys, stride, len, d, k.add(before * PANEL), panel_stride);
                for head in shape.group(kv_head) {
                    for i0 in (0..len).step_by(QUERY_BLOCK) {
                        let rows = QUERY_BLOCK.min(len - i0);
                        let n = before + i0 + rows;
                        let q = base.add(i0 * stride + head * d);
                        let row0 = range.start + i0;
                        let o = out.as_ptr().add(row0 * out_stride + head * d);
                        let d_o = dout.as_ptr().add(row0 * out_stride + head * d);
                        let panels = d * PANEL;
                        gemm(isa, rows, n, d, q, stride, kt, panels, p, padded, false);
                        gemm(
                            isa, rows, n, d, d_o, out_stride, vt, panels, ds, padded, false,
                        );
                        for r in 0..rows {
                            let delta = dot(isa, o.add(r * out_stride), d_o.add(r * out_stride), d);
                            let lse = lse[(row0 + r) * shape.heads + head];
                            let (p, ds) = (p.add(r * padded), ds.add(r * padded));
                            let seen = before + i0 + r + 1;
                            softmax_backward_row(isa, p, ds, seen, n, scale, lse, delta);
                        }
                        let dq = dbase.add(i0 * stride + head * d);
                        gemm(
                            isa,
                            rows,
                            d,
                            n,
                            ds,
                            padded,
                            k,
                            panel_stride,
                            dq,
                            stride,
                            false,
                        );
                        // Keys and values of the stem gather from all its continuations, in order.
                        let stem = (0..before, stem_dk, stem_dv);
                        for (keys, dk, dv) in [stem, (before..n, dk, dv)] {
                            if keys.is_empty() {
                                continue;
                            }
                            let (m, p, ds) = (keys.len(), p.add(keys.start), ds.add(keys.start));
                            gemm_transposed(isa, m, d, rows, ds, padded, q, stride, dk, stride);
                            gemm_transposed(
                                isa, m, d, rows, p, padded, d_o, out_stride, dv, stride,
                            );
                        }
                    }
                }
            }
        });
    });
}

/// Keys and values of the tokens that a set of rows ("slots") have seen, for one decoder.
///
/// Keys are stored as the panels that the score product reads, values as those of the output
/// product, so that a step copies nothing but its own token.
pub struct KvCache {
    pub(crate) shape: AttentionShape,
    layers: Vec<[Buffer; 2]>,
    slots: usize,
    capacity: usize,
}

impl KvCache {
    pub(crate) fn new(shape: AttentionShape, layers: usize, slots: usize, capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(PANEL);
        let keys = slots * shape.kv_heads * capacity * shape.head_dim;
        let values = slots * shape.kv_heads * packed_len(capacity, shape.head_dim);
        let layers = (0..layers)
            .map(|_| [Buffer::zeros(keys), Buffer::zeros(values)])
            .collect();
        KvCache {
            shape,
            layers,
            slots,
            capacity,
        }
    }

    /// Tokens that fit into a slot.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Rows that can be held at the same time.
    pub fn slots(&self) -> usize {
        self.slots
    }

    fn key_len(&self) -> usize {
        self.capacity * self.shape.head_dim
    }

    fn value_len(&self) -> usize {
        packed_len(self.capacity, self.shape.head_dim)
    }

    /// Writes the keys and values of one token (a row of `qkv`) at `position` of `slot`.
    pub(crate) fn write(&mut self, layer: usize, slot: usize, position: usize, qkv: &[f32]) {
        assert!(
            slot < self.slots && position < self.capacity,
            "KV cache overflow"
        );
        let (shape, d) = (self.shape, self.shape.head_dim);
        let (key_len, value_len, capacity) = (self.key_len(), self.value_len(), self.capacity);
        let [keys, values] = &mut self.layers[layer];
        for h in 0..shape.kv_heads {
            let head = slot * shape.kv_heads + h;
            let k = &qkv[shape.k_offset(h)..][..d];
            let v = &qkv[shape.v_offset(h)..][..d];
            let panel = head * key_len + position / PANEL * d * PANEL + position % PANEL;
            for (i, x) in k.iter().enumerate() {
                keys[panel + i * PANEL] = *x;
            }
            for (panel, chunk) in v.chunks(PANEL).enumerate() {
                let at = head * value_len + panel * capacity * PANEL + position * PANEL;
                values[at..at + chunk.len()].copy_from_slice(chunk);
            }
        }
    }

    /// Copies the first `len` tokens of one slot to another.
    pub(crate) fn copy(&mut self, from: usize, to: usize, len: usize) {
        assert!(from < self.slots && to < self.slots && len <= self.capacity);
        let (d, heads) = (self.shape.head_dim, self.shape.kv_heads);
        let (key_len, value_len, capacity) = (self.key_len(), self.value_len(), self.capacity);
        for [keys, values] in &mut self.layers {
            for h in 0..heads {
                let (a, b) = ((from * heads + h) * key_len, (to * heads + h) * key_len);
                keys.copy_within(a..a + len.next_multiple_of(PANEL) * d, b);
                for panel in 0..d.div_ceil(PANEL) {
                    let a = (from * heads + h) * value_len + panel * capacity * PANEL;
                    let b = (to * heads + h) * value_len + panel * capacity * PANEL;
                    values.copy_within(a..a + len * PANEL, b);
                }
            }
        }
    }
}

/// See [`crate::Backend::attention_cached`].
pub(crate) fn cached(
    par: &Par,
    isa: Isa,
    cache: &KvCache,
    layer: usize,
    qkv: &[f32],
    rows: &[(usize, usize)],
    out: &mut [f32],
) {
    let shape = cache.shape;
    let (d, stride, out_stride) = (shape.head_dim, shape.qkv_width(), shape.q_width());
    let group = shape.heads / shape.kv_heads;
    assert!(qkv.len() >= rows.len() * stride && out.len() >= rows.len() * out_stride);
    let fits = |&(slot, n): &(usize, usize)| slot < cache.slots && n >= 1 && n <= cache.capacity;
    assert!(rows.iter().all(fits), "rows outside the KV cache");
    let out = Shared::new(out);
    let [keys, values] = &cache.layers[layer];
    let scale = softmax_scale(shape);
    // Heads that share keys read them once as a product of several rows; those that do not are
    // taken side by side, four at a time.
    let interleaved = match group {
        1 | 2 => shape.heads / HEADS * HEADS,
        _ => 0,
    };
    par.blocks(rows.len(), 1, 1, |from, to| unsafe {
        let longest = rows[from..to].iter().map(|r| r.1).max().unwrap_or(0);
        let padded = longest.next_multiple_of(PANEL);
        let size = group.max(HEADS);
        with_scratch(size * padded + size, |scratch| {
            let (scores, sums) = scratch.split_at_mut(size * padded);
            let scores = scores.as_mut_ptr();
            for (row, &(slot, n)) in rows.iter().enumerate().take(to).skip(from) {
                let q = qkv.as_ptr().add(row * stride);
                let o = out.at(row * out_stride);
                let k = keys.as_ptr().add(slot * shape.kv_heads * cache.key_len());
                let v = values
                    .as_ptr()
                    .add(slot * shape.kv_heads * cache.value_len());
                for first in (0..interleaved).step_by(HEADS) {
                    attend_heads(
                        isa,
                        shape,
                        first,
                        n,
                        scale,
                        q,
                        k,
                        cache.key_len(),
                        v,
                        cache.value_len(),
                        cache.capacity,
                        scores,
                        padded,
                        o,
                    );
                }
                for h in interleaved / group..shape.kv_heads {
                    let k = k.add(h * cache.key_len());
                    let v = v.add(h * cache.value_len());
                    let q = q.add(h * group * d);
                    gemm(isa, group, n, d, q, d, k, d * PANEL, scores, padded, false);
                    let o = o.add(h * group * d);
                    let sums = &mut sums[..group];
                    for (g, sum) in sums.iter_mut().enumerate() {
                        *sum = softmax_row(isa, scores.add(g * padded), n, n, scale).1;
                    }
                    gemm(
                        isa,
                        group,
                        d,
                        n,
                        scores,
                        padded,
                        v,
                        cache.capacity * PANEL,
                        o,
                        d,
                        false,
                    );
                    for (g, sum) in sums.iter().enumerate() {
                        scale_row(isa, o.add(g * d), d, 1.0 / sum);
                    }
                }
            }
        });
    });
}
