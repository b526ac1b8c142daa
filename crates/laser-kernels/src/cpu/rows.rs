//! Row-wise operations: embedding, RMSNorm, RoPE, SwiGLU.
//!
//! Gradients of weights are sums over rows in ascending order; threads split the columns.

use super::Isa;
use super::par::{Par, Shared};
use super::simd::{LANES, exp, simd_fn};
use crate::AttentionShape;

simd_fn! {
    unsafe fn rms_norm_rows(
        x: *const f32, w: *const f32, rows: usize, width: usize, stride: usize, eps: f32,
        y: *mut f32, inv: *mut f32,
    ) {
        for r in 0..rows {
            let (x, y) = (x.add(r * stride), y.add(r * stride));
            let mut sum = S::splat(0.0);
            for j in (0..width).step_by(LANES) {
                let v = S::load_partial(x.add(j), width - j, 0.0);
                sum = S::fma(v, v, sum);
            }
            let scale = 1.0 / (S::reduce_sum(sum) / width as f32 + eps).sqrt();
            *inv.add(r) = scale;
            for j in (0..width).step_by(LANES) {
                let v = S::mul(S::load_partial(x.add(j), width - j, 0.0), S::splat(scale));
                let v = S::mul(v, S::load_partial(w.add(j), width - j, 0.0));
                S::store_partial(y.add(j), v, width - j);
            }
        }
    }
}

simd_fn! {
    /// `dx (+)= inv (w dy − x inv² mean(dy w x))` per row.
    unsafe fn rms_norm_backward_rows(
        x: *const f32, w: *const f32, inv: *const f32, rows: usize, width: usize, stride: usize,
        dy: *const f32, dx: *mut f32, accumulate: bool,
    ) {
        for r in 0..rows {
            let (x, dy, dx) = (x.add(r * stride), dy.add(r * stride), dx.add(r * stride));
            let inv = *inv.add(r);
            let mut sum = S::splat(0.0);
            for j in (0..width).step_by(LANES) {
                let n = width - j;
                let wdy = S::mul(S::load_partial(w.add(j), n, 0.0), S::load_partial(dy.add(j), n, 0.0));
                sum = S::fma(wdy, S::load_partial(x.add(j), n, 0.0), sum);
            }
            let c = -S::reduce_sum(sum) * inv * inv * inv / width as f32;
            for j in (0..width).step_by(LANES) {
                let n = width - j;
                let wdy = S::mul(S::load_partial(w.add(j), n, 0.0), S::load_partial(dy.add(j), n, 0.0));
                let mut d = S::mul(S::load_partial(x.add(j), n, 0.0), S::splat(c));
                d = S::fma(wdy, S::splat(inv), d);
                if accumulate {
                    d = S::add(d, S::load_partial(dx.add(j), n, 0.0));
                }
                S::store_partial(dx.add(j), d, n);
            }
        }
    }
}

simd_fn! {
    /// `dw[0..columns] += Σ_rows Σ_heads dy · x · inv` for some columns of `layout`'s vectors: row
    /// after row, and the heads inside a row, so that micro-batches add in the same order.
    unsafe fn rms_norm_weight_gradient(
        layout: NormLayout, x: *const f32, inv: *const f32, rows: usize, columns: usize,
        dy: *const f32, dw: *mut f32,
    ) {
        for j in (0..columns).step_by(LANES) {
            let n = columns - j;
            let mut acc = S::load_partial(dw.add(j), n, 0.0);
            for r in 0..rows {
                for h in 0..layout.heads {
                    let at = r * layout.stride + h * layout.width + j;
                    let inv = S::splat(*inv.add(r * layout.heads + h));
                    let v = S::mul(S::load_partial(x.add(at), n, 0.0), inv);
                    acc = S::fma(v, S::load_partial(dy.add(at), n, 0.0), acc);
                }
            }
            S::store_partial(dw.add(j), acc, n);
        }
    }
}

/// Where normalised rows lie: `rows` of `heads` consecutive vectors of `width` floats, a row
/// every `stride` floats. A plain norm has one head and `stride == width`.
#[derive(Clone, Copy, Debug)]
pub struct NormLayout {
    /// Length of a normalised vector.
    pub width: usize,
    /// Vectors side by side in a row.
    pub heads: usize,
    /// Floats from a row to the next.
    pub stride: usize,
    /// Position of the first vector in a row.
    pub offset: usize,
}

impl NormLayout {
    /// Whole rows of `width` floats.
    pub fn rows(width: usize) -> Self {
        NormLayout {
            width,
            heads: 1,
            stride: width,
            offset: 0,
        }
    }

    fn check(&self, rows: usize, x: usize, inv: usize, w: usize) {
        assert!(
            self.offset + self.heads * self.width <= self.stride,
            "norm layout"
        );
        assert!(
            x >= rows * self.stride && inv >= rows * self.heads && w >= self.width,
            "norm shapes"
        );
    }
}

/// See [`crate::Backend::rms_norm`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn rms_norm(
    par: &Par,
    isa: Isa,
    layout: NormLayout,
    rows: usize,
    x: &[f32],
    w: &[f32],
    eps: f32,
    y: &mut [f32],
    inv: &mut [f32],
) {
    layout.check(rows, x.len().min(y.len()), inv.len(), w.len());
    let (y, inv) = (Shared::new(y), Shared::new(inv));
    par.blocks(rows, 1, 32, |from, to| unsafe {
        for r in from..to {
            let at = r * layout.stride + layout.offset;
            rms_norm_rows(
                isa,
                x.as_ptr().add(at),
                w.as_ptr(),
                layout.heads,
                layout.width,
                layout.width,
                eps,
                y.at(at),
                inv.at(r * layout.heads),
            );
        }
    });
}

/// See [`crate::Backend::rms_norm_backward`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn rms_norm_backward(
    par: &Par,
    isa: Isa,
    layout: NormLayout,
    rows: usize,
    x: &[f32],
    w: &[f32],
    inv: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    accumulate: bool,
    dw: Option<&mut [f32]>,
) {
    let weights = dw.as_ref().map_or(w.len(), |dw| w.len().min(dw.len()));
    layout.check(
        rows,
        x.len().min(dy.len()).min(dx.len()),
        inv.len(),
        weights,
    );
    if let Some(dw) = dw {
        let dw = Shared::new(dw);
        par.blocks(layout.width, LANES, LANES, |from, to| unsafe {
            let at = layout.offset + from;
            let (x, dy) = (x.as_ptr().add(at), dy.as_ptr().add(at));
            rms_norm_weight_gradient(
                isa,
                layout,
                x,
                inv.as_ptr(),
                rows,
                to - from,
                dy,
                dw.at(from),
            );
        });
    }
    let dx = Shared::new(dx);
    par.blocks(rows, 1, 32, |from, to| unsafe {
        for r in from..to {
            let at = r * layout.stride + layout.offset;
            rms_norm_backward_rows(
                isa,
                x.as_ptr().add(at),
                w.as_ptr(),
                inv.as_ptr().add(r * layout.heads),
                layout.heads,
                layout.width,
                layout.width,
                dy.as_ptr().add(at),
                dx.at(at),
                accumulate,
            );
        }
    });
}

simd_fn! {
    /// Rotates the pairs `(x[i], x[i + half])` by the angles of one position; `sign` −1 undoes it.
    unsafe fn rotate(x: *mut f32, cos: *const f32, sin: *const f32, half: usize, sign: f32) {
        for j in (0..half).step_by(LANES) {
            let n = half - j;
            let (a, b) = (S::load_partial(x.add(j), n, 0.0), S::load_partial(x.add(half + j), n, 0.0));
            let c = S::load_partial(cos.add(j), n, 0.0);
            let s = S::mul(S::load_partial(sin.add(j), n, 0.0), S::splat(sign));
            S::store_partial(x.add(j), S::sub(S::mul(a, c), S::mul(b, s)), n);
            S::store_partial(x.add(half + j), S::fma(b, c, S::mul(a, s)), n);
        }
    }
}

/// See [`crate::Backend::rope`].
pub(crate) fn rope(
    par: &Par,
    isa: Isa,
    shape: AttentionShape,
    qkv: &mut [f32],
    positions: &[u32],
    table: &[f32],
    sign: f32,
) {
    let (d, stride) = (shape.head_dim, shape.qkv_width());
    let longest = positions.iter().max().map_or(0, |&p| p as usize + 1);
    assert!(
        qkv.len() >= positions.len() * stride && table.len() >= longest * d,
        "rope shapes"
    );
    let qkv = Shared::new(qkv);
    par.blocks(positions.len(), 1, 32, |from, to| unsafe {
        for (row, &position) in positions.iter().enumerate().take(to).skip(from) {
            let cos = table.as_ptr().add(position as usize * d);
            for head in 0..shape.heads + shape.kv_heads {
                rotate(
                    isa,
                    qkv.at(row * stride + head * d),
                    cos,
                    cos.add(d / 2),
                    d / 2,
                    sign,
                );
            }
        }
    });
}

simd_fn! {
    unsafe fn swiglu_row(gate: *const f32, up: *const f32, out: *mut f32, width: usize) {
        let one = S::splat(1.0);
        for j in (0..width).step_by(LANES) {
            let n = width - j;
            let (g, u) = (S::load_partial(gate.add(j), n, 0.0), S::load_partial(up.add(j), n, 0.0));
            let sigmoid = S::div(one, S::add(one, exp::<S>(S::sub(S::splat(0.0), g))));
            S::store_partial(out.add(j), S::mul(S::mul(g, sigmoid), u), n);
        }
    }
}

simd_fn! {
    unsafe fn swiglu_backward_row(
        gate: *const f32, up: *const f32, dout: *const f32, dgate: *mut f32, dup: *mut f32, width: usize,
    ) {
        let one = S::splat(1.0);
        for j in (0..width).step_by(LANES) {
            let n = width - j;
            let (g, u) = (S::load_partial(gate.add(j), n, 0.0), S::load_partial(up.add(j), n, 0.0));
            let d = S::load_partial(dout.add(j), n, 0.0);
            let sigmoid = S::div(one, S::add(one, exp::<S>(S::sub(S::splat(0.0), g))));
            let slope = S::mul(sigmoid, S::fma(g, S::sub(one, sigmoid), one));
            S::store_partial(dgate.add(j), S::mul(S::mul(d, u), slope), n);
            S::store_partial(dup.add(j), S::mul(d, S::mul(g, sigmoid)), n);
        }
    }
}

/// See [`crate::Backend::swiglu`].
pub(crate) fn swiglu(
    par: &Par,
    isa: Isa,
    rows: usize,
    width: usize,
    gate_up: &[f32],
    out: &mut [f32],
) {
    assert!(gate_up.len() >= rows * 2 * width && out.len() >= rows * width);
    let out = Shared::new(out);
    par.blocks(rows, 1, 16, |from, to| unsafe {
        for r in from..to {
            let gate = gate_up.as_ptr().add(r * 2 * width);
            swiglu_row(isa, gate, gate.add(width), out.at(r * width), width);
        }
    });
}

/// See [`crate::Backend::swiglu_backward`].
pub(crate) fn swiglu_backward(
    par: &Par,
    isa: Isa,
    rows: usize,
    width: usize,
    gate_up: &[f32],
    dout: &[f32],
    dgate_up: &mut [f32],
) {
    assert!(gate_up.len().min(dgate_up.len()) >= rows * 2 * width && dout.len() >= rows * width);
    let dgate_up = Shared::new(dgate_up);
    par.blocks(rows, 1, 16, |from, to| unsafe {
        for r in from..to {
            let gate = gate_up.as_ptr().add(r * 2 * width);
            let dgate = dgate_up.at(r * 2 * width);
            let dout = dout.as_ptr().add(r * width);
            swiglu_backward_row(
                isa,
                gate,
                gate.add(width),
                dout,
                dgate,
                dgate.add(width),
                width,
            );
        }
    });
}

/// See [`crate::Backend::embed`].
pub(crate) fn embed(par: &Par, width: usize, table: &[f32], ids: &[u32], out: &mut [f32]) {
    assert!(out.len() >= ids.len() * width);
    let out = Shared::new(out);
    par.blocks(ids.len(), 1, 64, |from, to| {
        for (row, &id) in ids.iter().enumerate().take(to).skip(from) {
            let source = &table[id as usize * width..][..width];
            // Rows of different tasks do not overlap.
            unsafe { std::slice::from_raw_parts_mut(out.at(row * width), width) }
                .copy_from_slice(source);
        }
    });
}

/// See [`crate::Backend::embed_backward`].
pub(crate) fn embed_backward(
    par: &Par,
    width: usize,
    ids: &[u32],
    dout: &[f32],
    dtable: &mut [f32],
) {
    assert!(dout.len() >= ids.len() * width);
    let rows = dtable.len() / width;
    let dtable = Shared::new(dtable);
    // Split by column, so that repeated ids are added in row order whatever the thread count.
    par.blocks(width, LANES, LANES, |from, to| {
        for (row, &id) in ids.iter().enumerate() {
            assert!((id as usize) < rows, "token id outside the table");
            let target = unsafe {
                std::slice::from_raw_parts_mut(dtable.at(id as usize * width + from), to - from)
            };
            for (t, d) in target.iter_mut().zip(&dout[row * width + from..]) {
                *t += d;
            }
        }
    });
}
