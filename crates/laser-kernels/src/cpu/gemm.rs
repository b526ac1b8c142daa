//! Matrix products in `f32`.
//!
//! Every element of a product is one chain of fused multiply-adds over the inner index, in
//! ascending order, held in one register lane. How rows and columns are cut into tiles, blocks
//! and tasks therefore changes nothing: a row gives the same bits alone (decoding) and among
//! thousands (training), and a gradient the same bits in one batch or in many micro-batches.

use std::ops::Range;

use super::buffer::Buffer;
use super::par::{Par, Shared};
use super::simd::{LANES, Simd, simd_fn};
use super::{Isa, with_scratch};
use crate::Precision;

/// Columns of a panel: packed matrices are stored as `[columns / PANEL][inner][PANEL]`, the last
/// panel filled up with zeros.
pub(crate) const PANEL: usize = 2 * LANES;
/// Inner length of a block: 32 KiB of a panel, which stays in the first-level cache.
const K_BLOCK: usize = 256;
/// Floats of the left operand in a block: half a megabyte.
const A_BLOCK: usize = 1 << 17;
/// Rows of a tile, and columns of a packed left operand.
const ROWS: usize = 8;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Rows from which on a block of bfloat16 is widened once for all of them.
const WIDEN_FROM: usize = 4 * ROWS;

/// A number of a packed matrix.
trait Element: Copy {
    /// Sixteen of them in `f32`.
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const f32) -> S::V {
        S::load(p)
    }
}

/// The bits of a bfloat16.
impl Element for u16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const u16) -> S::V {
        S::load_bf16(p)
    }
}

/// Floats that a packed `[inner, columns]` matrix takes.
pub(crate) fn packed_len(inner: usize, columns: usize) -> usize {
    columns.div_ceil(PANEL) * PANEL * inner
}

/// Packs `b[inner, columns]` (row-major, row stride `ldb`) into panels.
///
/// # Safety
/// `b` and `out` are valid for the shapes given.
pub(crate) unsafe fn pack(b: *const f32, ldb: usize, inner: usize, columns: usize, out: *mut f32) {
    pack_strided(b, ldb, inner, columns, out, inner * PANEL);
}

/// The same into panels that are `panel_stride` floats apart: those of a longer matrix, of which `b`
/// is a part of the inner positions.
///
/// # Safety
/// As there.
pub(crate) unsafe fn pack_strided(
    b: *const f32,
    ldb: usize,
    inner: usize,
    columns: usize,
    out: *mut f32,
    panel_stride: usize,
) {
    for (panel, j) in (0..columns).step_by(PANEL).enumerate() {
        let width = PANEL.min(columns - j);
        let panel = out.add(panel * panel_stride);
        for k in 0..inner {
            let row = panel.add(k * PANEL);
            std::ptr::copy_nonoverlapping(b.add(k * ldb + j), row, width);
            std::ptr::write_bytes(row.add(width), 0, PANEL - width);
        }
    }
}

/// Packs the transpose of `b[columns, inner]` (row-major, row stride `ldb`) into panels, from column
/// `first` of these on. Columns before it stay; those after the last are zero up to a panel's end.
///
/// # Safety
/// `b` and `out` are valid for the shapes given.
pub(crate) unsafe fn pack_transposed(
    b: *const f32,
    ldb: usize,
    inner: usize,
    columns: usize,
    first: usize,
    out: *mut f32,
) {
    let mut j = 0;
    while j < columns {
        let (panel, lane) = ((first + j) / PANEL, (first + j) % PANEL);
        let width = (PANEL - lane).min(columns - j);
        let panel = out.add(panel * inner * PANEL + lane);
        // Sixteen inner positions at a time: one cache line of every source row.
        for k0 in (0..inner).step_by(LANES) {
            for l in 0..PANEL - lane {
                for k in k0..(k0 + LANES).min(inner) {
                    *panel.add(k * PANEL + l) = if l < width {
                        *b.add((j + l) * ldb + k)
                    } else {
                        0.0
                    };
                }
            }
        }
        j += width;
    }
}

/// `c[MR, NV·16] (+)= a · b` over `k` inner positions. `a` is row-major with row stride `stride`,
/// or, when `TRANSPOSED`, inner-major with stride `stride` between inner positions. With
/// `PREFETCH`, as many panel rows from `next` on are asked for while these are multiplied.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<
    S: Simd,
    W: Element,
    const MR: usize,
    const NV: usize,
    const TRANSPOSED: bool,
    const PREFETCH: bool,
>(
    k: usize,
    a: *const f32,
    stride: usize,
    b: *const W,
    next: *const W,
    c: *mut f32,
    ldc: usize,
    columns: usize,
    accumulate: bool,
) {
    let lanes = |v: usize| columns.saturating_sub(v * LANES).min(LANES);
    let mut acc = [[S::splat(0.0); NV]; MR];
    if accumulate {
        for (r, row) in acc.iter_mut().enumerate() {
            for (v, x) in row.iter_mut().enumerate() {
                *x = S::load_partial(c.wrapping_add(r * ldc + v * LANES), lanes(v), 0.0);
            }
        }
    }
    // The next tile's part of the output is far away: ask for it before it is needed.
    for r in 0..ROWS {
        for v in 0..NV {
            S::prefetch_write(c.wrapping_add((ROWS + r) * ldc + v * LANES));
        }
    }
    let rows: [*const f32; MR] =
        std::array::from_fn(|r| a.wrapping_add(if TRANSPOSED { r } else { r * stride }));
    for p in 0..k {
        if PREFETCH {
            for line in (0..PANEL).step_by(LINE / size_of::<W>()) {
                S::prefetch(next.wrapping_add(p * PANEL + line));
            }
        }
        let b: [S::V; NV] = std::array::from_fn(|v| W::load::<S>(b.add(p * PANEL + v * LANES)));
        for r in 0..MR {
            let x = S::splat(*rows[r].add(if TRANSPOSED { p * stride } else { p }));
            for v in 0..NV {
                acc[r][v] = S::fma(x, b[v], acc[r][v]);
            }
        }
    }
    for (r, row) in acc.iter().enumerate() {
        for (v, x) in row.iter().enumerate() {
            S::store_partial(c.wrapping_add(r * ldc + v * LANES), *x, lanes(v));
        }
    }
}

/// A tile of up to eight rows and one panel.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn rows<S: Simd, W: Element, const TRANSPOSED: bool, const PREFETCH: bool>(
    m: usize,
    k: usize,
    a: *const f32,
    stride: usize,
    b: *const W,
    next: *const W,
    c: *mut f32,
    ldc: usize,
    columns: usize,
    accumulate: bool,
) {
    macro_rules! by_height {
        ($nv:literal, $m:expr, $a:expr, $b:expr, $c:expr, $columns:expr, $($h:literal)*) => {
            match $m {
                $($h => tile::<S, W, $h, $nv, TRANSPOSED, PREFETCH>(
                    k, $a, stride, $b, next, $c, ldc, $columns, accumulate,
                ),)*
                _ => unreachable!("a tile has at most eight rows"),
            }
        };
    }
    if S::TILE_VECTORS == 2 {
        by_height!(2, m, a, b, c, columns, 1 2 3 4 5 6 7 8);
    } else {
        // Fewer registers: half the height, half the width.
        for (r, v) in [(0, 0), (0, 1), (4, 0), (4, 1)] {
            if r < m && v * LANES < columns {
                let a = a.add(if TRANSPOSED { r } else { r * stride });
                let c = c.add(r * ldc + v * LANES);
                by_height!(1, (m - r).min(4), a, b.add(v * LANES), c, columns - v * LANES, 1 2 3 4);
            }
        }
    }
}

/// All rows of one panel block: `c[m, columns] (+)= a[m, k] · b`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn panel_rows<S: Simd, W: Element>(
    m: usize,
    k: usize,
    a: *const f32,
    lda: usize,
    b: *const W,
    next: *const W,
    c: *mut f32,
    ldc: usize,
    columns: usize,
    accumulate: bool,
) {
    // Few rows read the panels faster than the machine fetches them by itself.
    rows::<S, W, false, true>(ROWS.min(m), k, a, lda, b, next, c, ldc, columns, accumulate);
    for i in (ROWS..m).step_by(ROWS) {
        let (m, a, c) = (ROWS.min(m - i), a.add(i * lda), c.add(i * ldc));
        rows::<S, W, false, false>(m, k, a, lda, b, next, c, ldc, columns, accumulate);
    }
}

simd_fn! {
    /// `c[m, n] (+)= a[m, k] · b`, with `b` in panels of `panel_stride` floats.
    ///
    /// # Safety
    /// Pointers are valid for the shapes and strides given; `c` overlaps neither input.
    pub(crate) unsafe fn gemm(
        m: usize, n: usize, k: usize,
        a: *const f32, lda: usize,
        b: *const f32, panel_stride: usize,
        c: *mut f32, ldc: usize,
        accumulate: bool,
    ) {
        for k0 in (0..k).step_by(K_BLOCK) {
            let kb = K_BLOCK.min(k - k0);
            for (panel, j) in (0..n).step_by(PANEL).enumerate() {
                let b = b.add(panel * panel_stride + k0 * PANEL);
                panel_rows::<S, f32>(
                    m, kb, a.add(k0), lda, b, b.wrapping_add(panel_stride),
                    c.add(j), ldc, PANEL.min(n - j), accumulate || k0 > 0,
                );
            }
        }
    }
}

simd_fn! {
    /// [`gemm`] with panels of bfloat16, each number of which is widened without a change.
    ///
    /// # Safety
    /// As there; `wide` is valid for `K_BLOCK · PANEL` floats and overlaps nothing.
    unsafe fn gemm_bf16(
        m: usize, n: usize, k: usize,
        a: *const f32, lda: usize,
        b: *const u16, panel_stride: usize,
        c: *mut f32, ldc: usize,
        accumulate: bool,
        wide: *mut f32,
    ) {
        for k0 in (0..k).step_by(K_BLOCK) {
            let kb = K_BLOCK.min(k - k0);
            for (panel, j) in (0..n).step_by(PANEL).enumerate() {
                let b = b.add(panel * panel_stride + k0 * PANEL);
                let (a, c, columns) = (a.add(k0), c.add(j), PANEL.min(n - j));
                let accumulate = accumulate || k0 > 0;
                if m < WIDEN_FROM {
                    let next = b.wrapping_add(panel_stride);
                    panel_rows::<S, u16>(m, kb, a, lda, b, next, c, ldc, columns, accumulate);
                } else {
                    for i in (0..kb * PANEL).step_by(LANES) {
                        S::store(wide.add(i), S::load_bf16(b.add(i)));
                    }
                    panel_rows::<S, f32>(m, kb, a, lda, wide, wide, c, ldc, columns, accumulate);
                }
            }
        }
    }
}

simd_fn! {
    /// `c[m, n] += aᵀ · b` for `a[k, m]` packed in columns of [`ROWS`] and `b[k, n]` in panels,
    /// both for one block of `k` inner positions.
    unsafe fn gemm_transposed_packed(
        m: usize, n: usize, k: usize, a: *const f32, b: *const f32, c: *mut f32, ldc: usize,
    ) {
        for (panel, j) in (0..n).step_by(PANEL).enumerate() {
            let b = b.add(panel * k * PANEL);
            for i in (0..m).step_by(ROWS) {
                rows::<S, f32, true, false>(
                    ROWS.min(m - i), k, a.add(i * k), ROWS, b, b,
                    c.add(i * ldc + j), ldc, PANEL.min(n - j), true,
                );
            }
        }
    }
}

/// `c[m, n] += aᵀ · b` for row-major `a[k, m]` and `b[k, n]`, in one thread.
///
/// # Safety
/// Pointers are valid for the shapes and strides given; `c` overlaps neither input.
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn gemm_transposed(
    isa: Isa,
    m: usize,
    n: usize,
    k: usize,
    a: *const f32,
    lda: usize,
    b: *const f32,
    ldb: usize,
    c: *mut f32,
    ldc: usize,
) {
    let a_len = m.next_multiple_of(ROWS) * K_BLOCK;
    with_scratch(a_len + packed_len(K_BLOCK, n), |scratch| {
        let (a_pack, b_pack) = scratch.split_at_mut(a_len);
        for k0 in (0..k).step_by(K_BLOCK) {
            let kb = K_BLOCK.min(k - k0);
            for (column, i) in (0..m).step_by(ROWS).enumerate() {
                let width = ROWS.min(m - i);
                let out = a_pack.as_mut_ptr().add(column * kb * ROWS);
                for p in 0..kb {
                    let from = a.add((k0 + p) * lda + i);
                    if width == ROWS {
                        // A fixed length becomes one vector move.
                        std::ptr::copy_nonoverlapping(from, out.add(p * ROWS), ROWS);
                    } else {
                        std::ptr::copy_nonoverlapping(from, out.add(p * ROWS), width);
                    }
                }
            }
            pack(b.add(k0 * ldb), ldb, kb, n, b_pack.as_mut_ptr());
            gemm_transposed_packed(isa, m, n, kb, a_pack.as_ptr(), b_pack.as_ptr(), c, ldc);
        }
    });
}

/// A packed matrix in one of the precisions of weights.
#[derive(Clone, Default)]
pub(crate) struct Panels {
    precision: Precision,
    /// Of `f32`, or of two bfloat16 in each place of one.
    data: Buffer,
}

impl Panels {
    fn resize(&mut self, len: usize) {
        self.data.resize(match self.precision {
            Precision::F32 => len,
            // Panels have an even number of columns.
            Precision::Bf16 => len / 2,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Numbers that fit.
    fn len(&self) -> usize {
        match self.precision {
            Precision::F32 => self.data.len(),
            Precision::Bf16 => 2 * self.data.len(),
        }
    }

    fn bf16(&self) -> *const u16 {
        self.data.as_ptr().cast()
    }

    /// Fills a whole panel, number `panel` of `panel_len` each, from what `write` puts into a buffer.
    ///
    /// # Safety
    /// The panel lies inside, and no other task writes it.
    unsafe fn write_panel(
        precision: Precision,
        data: Shared,
        panel: usize,
        panel_len: usize,
        write: impl FnOnce(*mut f32),
    ) {
        match precision {
            Precision::F32 => write(data.at(panel * panel_len)),
            Precision::Bf16 => with_scratch(panel_len, |wide| {
                write(wide.as_mut_ptr());
                let out = data.at(panel * panel_len / 2).cast::<u16>();
                for (i, x) in wide.iter().enumerate() {
                    *out.add(i) = round_to_bf16(*x);
                }
            }),
        }
    }

    /// Sets one number.
    fn set(&mut self, at: usize, x: f32) {
        match self.precision {
            Precision::F32 => self.data[at] = x,
            Precision::Bf16 => {
                bytemuck::cast_slice_mut::<f32, u16>(&mut self.data)[at] = round_to_bf16(x);
            }
        }
    }
}

/// The bits of the nearest bfloat16, ties to even; a NaN stays one.
fn round_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        // The payload may lie in the half that is cut off.
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

/// A weight matrix `W[out, in]` in the layouts that products read.
#[derive(Clone, Default)]
pub struct Packed {
    /// Panels of `Wᵀ`, for `y = x Wᵀ`.
    pub(crate) forward: Panels,
    /// Panels of `W`, for `dx = dy W`; empty when only inference is wanted.
    pub(crate) backward: Panels,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
}

impl Packed {
    pub(crate) fn new(precision: Precision) -> Self {
        let empty = || Panels {
            precision,
            data: Buffer::default(),
        };
        Packed {
            forward: empty(),
            backward: empty(),
            outputs: 0,
            inputs: 0,
        }
    }

    pub(crate) fn fill(
        &mut self,
        par: &Par,
        w: &[f32],
        outputs: usize,
        inputs: usize,
        train: bool,
    ) {
        assert_eq!(w.len(), outputs * inputs, "weight shape");
        (self.outputs, self.inputs) = (outputs, inputs);
        self.forward.resize(packed_len(inputs, outputs));
        let precision = self.forward.precision;
        let forward = Shared::new(&mut self.forward.data);
        par.run(outputs.div_ceil(PANEL), |panel| unsafe {
            let from = panel * PANEL;
            let columns = PANEL.min(outputs - from);
            Panels::write_panel(precision, forward, panel, inputs * PANEL, |out| {
                pack_transposed(
                    w.as_ptr().add(from * inputs),
                    inputs,
                    inputs,
                    columns,
                    0,
                    out,
                );
            });
        });
        if train {
            self.backward.resize(packed_len(outputs, inputs));
            let backward = Shared::new(&mut self.backward.data);
            par.run(inputs.div_ceil(PANEL), |panel| unsafe {
                let from = panel * PANEL;
                let columns = PANEL.min(inputs - from);
                Panels::write_panel(precision, backward, panel, outputs * PANEL, |out| {
                    pack(w.as_ptr().add(from), inputs, outputs, columns, out);
                });
            });
        } else {
            // Never the panels of earlier weights.
            self.backward.resize(0);
        }
    }

    /// Packs one row of `w` anew.
    pub(crate) fn fill_row(&mut self, w: &[f32], row: usize) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        assert!(w.len() == outputs * inputs && row < outputs, "weight shape");
        let w = &w[row * inputs..][..inputs];
        let panel = row / PANEL * PANEL * inputs + row % PANEL;
        for (i, x) in w.iter().enumerate() {
            self.forward.set(panel + i * PANEL, *x);
        }
        if !self.backward.is_empty() {
            for (i, x) in w.iter().enumerate() {
                let at = (i / PANEL * outputs + row) * PANEL + i % PANEL;
                self.backward.set(at, *x);
            }
        }
    }
}

/// `c[m, n] (+)= a[m, k] · panels`, split over threads by rows, or by panels where every thread's
/// cache holds all of the rows.
#[allow(clippy::too_many_arguments)]
pub(crate) fn gemm_parallel(
    par: &Par,
    isa: Isa,
    m: usize,
    n: usize,
    k: usize,
    a: &[f32],
    b: &Panels,
    c: &mut [f32],
    accumulate: bool,
) {
    assert!(a.len() >= m * k && c.len() >= m * n && b.len() >= packed_len(k, n));
    let out = Shared::new(c);
    // Rows and columns of a part.
    let part = |rows: Range<usize>, columns: Range<usize>| unsafe {
        let (a, c) = (
            a.as_ptr().add(rows.start * k),
            out.at(rows.start * n + columns.start),
        );
        let (m, cols, skip, stride) = (rows.len(), columns.len(), columns.start * k, k * PANEL);
        match b.precision {
            Precision::F32 => {
                let b = b.data.as_ptr().add(skip);
                gemm(isa, m, cols, k, a, k, b, stride, c, n, accumulate);
            }
            Precision::Bf16 => with_scratch(K_BLOCK * PANEL, |wide| {
                let (b, wide) = (b.bf16().add(skip), wide.as_mut_ptr());
                gemm_bf16(isa, m, cols, k, a, k, b, stride, c, n, accumulate, wide);
            }),
        }
    };
    let by_rows = m >= 8 * par.threads() && (m * k > A_BLOCK || m > n);
    if by_rows || n <= PANEL {
        // Rows of `a` are read once per panel: keep a block of them in the second-level cache.
        let most = (A_BLOCK / k.max(1)).max(64);
        par.blocks_up_to(most, m, ROWS, 32, |from, to| part(from..to, 0..n));
    } else {
        par.blocks(n, PANEL, PANEL, |from, to| part(0..m, from..to));
    }
}

/// `c[m, n] += aᵀ · b` for row-major `a[k, m]`, `b[k, n]`, split over threads along the longer
/// side of `c`: each task packs the other operand for itself, which costs less than a barrier.
#[allow(clippy::too_many_arguments)]
pub(crate) fn gemm_transposed_parallel(
    par: &Par,
    isa: Isa,
    m: usize,
    n: usize,
    k: usize,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
) {
    assert!(a.len() >= m * k && b.len() >= n * k && c.len() >= m * n);
    let out = Shared::new(c);
    if m == 0 || n == 0 {
        return;
    }
    let split_rows = m >= n;
    let (side, align) = if split_rows { (m, ROWS) } else { (n, PANEL) };
    let size = side.div_ceil(par.threads()).next_multiple_of(align);
    par.run(side.div_ceil(size), |task| unsafe {
        let (from, to) = (task * size, ((task + 1) * size).min(side));
        let len = to - from;
        if split_rows {
            let a = a.as_ptr().add(from);
            gemm_transposed(isa, len, n, k, a, m, b.as_ptr(), n, out.at(from * n), n);
        } else {
            let b = b.as_ptr().add(from);
            gemm_transposed(isa, m, len, k, a.as_ptr(), m, b, n, out.at(from), n);
        }
    });
}
