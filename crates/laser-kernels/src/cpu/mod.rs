//! The CPU backend: sums in `f32`, weights in `f32` or bfloat16, AVX-512 / AVX2 / portable, any number of threads.

// Kernels work on raw pointers in tight loops; each function's safety section or its caller's
// assertions state the bounds once instead of every line repeating them.
#![allow(unsafe_op_in_unsafe_fn)]

mod attention;
mod buffer;
mod gemm;
mod head;
mod limits;
mod optim;
mod par;
mod rows;
mod simd;

use std::cell::RefCell;
use std::ops::Range;

pub use attention::KvCache;
pub use buffer::Buffer;
pub use gemm::Packed;
pub use rows::NormLayout;
pub use simd::Isa;

use crate::{AdamW, AttentionShape, Backend, HeadWeightGradient, Precision, Segments};
use gemm::{gemm_parallel, gemm_transposed_parallel};
use par::{Par, Shared};

/// Lends `f` `len` floats of thread-local scratch memory (contents unspecified). Calls nest.
fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
    }
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.resize(len);
    let result = f(&mut buffer);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// The CPU as a [`Backend`].
#[derive(Clone)]
pub struct Cpu {
    par: Par,
    isa: Isa,
}

impl Cpu {
    /// A backend with its own pool of `threads` threads; 0 means one per core.
    ///
    /// # Errors
    /// When the operating system refuses the threads.
    pub fn new(threads: usize) -> Result<Self, BackendError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        let par = Par::new(threads).map_err(|e| BackendError::Threads {
            threads,
            reason: e.to_string(),
        })?;
        Ok(Cpu {
            par,
            isa: Isa::detect(),
        })
    }

    /// A backend that runs everything in the calling thread.
    pub fn serial() -> Self {
        Cpu::serial_on(Isa::detect())
    }

    /// A serial backend on a chosen instruction set, for tests that compare them.
    ///
    /// # Panics
    /// When this machine lacks the instruction set.
    pub fn serial_on(isa: Isa) -> Self {
        assert!(
            Isa::available().contains(&isa),
            "{isa:?} is not on this machine"
        );
        Cpu {
            par: Par::serial(),
            isa,
        }
    }

    /// Threads that operations are split over.
    pub fn threads(&self) -> usize {
        self.par.threads()
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Runs `f` on a pool thread. A sequence of operations inside starts its tasks without waking
    /// the pool from outside each time.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.par.install(f)
    }

    /// Calls `f` once for each item, split over the threads.
    pub fn for_each<T: Send>(&self, items: &mut [T], f: impl Fn(&mut T) + Sync) {
        self.par.for_each(items, f);
    }
}

/// A backend that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The thread pool was refused.
    #[error("could not start {threads} threads ({reason}); ask for fewer with --threads")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The operating system's words.
        reason: String,
    },
}

impl Backend for Cpu {
    type Buffer = Buffer;
    type Packed = Packed;
    type KvCache = KvCache;

    fn zeros(&self, len: usize) -> Buffer {
        Buffer::zeros(len)
    }

    fn resize(&self, buffer: &mut Buffer, len: usize) {
        buffer.resize(len);
    }

    fn upload(&self, from: &[f32], to: &mut Buffer) {
        to.resize(from.len());
        to.copy_from_slice(from);
    }

    fn upload_range(&self, from: &[f32], at: usize, to: &mut Buffer) {
        to[at..at + from.len()].copy_from_slice(from);
    }

    fn download(&self, from: &Buffer, to: &mut [f32]) {
        to.copy_from_slice(&from[..to.len()]);
    }

    fn fill_zero(&self, buffer: &mut Buffer) {
        let (n, out) = (buffer.len(), Shared::new(buffer));
        self.par.blocks(n, 16, 1 << 15, |from, to| unsafe {
            std::ptr::write_bytes(out.at(from), 0, to - from);
        });
    }

    fn copy(&self, from: &Buffer, to: &mut Buffer) {
        to.resize(from.len());
        let out = Shared::new(to);
        self.par.blocks(from.len(), 16, 1 << 15, |a, b| unsafe {
            std::ptr::copy_nonoverlapping(from.as_ptr().add(a), out.at(a), b - a);
        });
    }

    fn packed(&self, precision: Precision) -> Packed {
        Packed::new(precision)
    }

    fn pack(&self, w: &Buffer, outputs: usize, inputs: usize, train: bool, packed: &mut Packed) {
        packed.fill(&self.par, w, outputs, inputs, train);
    }

    fn pack_row(&self, w: &Buffer, row: usize, packed: &mut Packed) {
        packed.fill_row(w, row);
    }

    fn scale(&self, x: &mut Buffer, factor: f32) {
        let (n, x) = (x.len(), Shared::new(x));
        self.par.blocks(n, 16, 1 << 15, |from, to| {
            let x = unsafe { std::slice::from_raw_parts_mut(x.at(from), to - from) };
            x.iter_mut().for_each(|x| *x *= factor);
        });
    }

    fn copy_columns(
        &self,
        rows: usize,
        width: usize,
        columns: Range<usize>,
        from: &Buffer,
        to: &mut Buffer,
    ) {
        assert!(
            from.len() >= rows * width && columns.end <= width,
            "columns"
        );
        let n = columns.len();
        to.resize(rows * n);
        let out = Shared::new(to);
        self.par.blocks(rows, 1, 64, |first, last| {
            for r in first..last {
                let row = &from[r * width..][columns.clone()];
                unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), out.at(r * n), n) };
            }
        });
    }

    fn embed(&self, table: &Buffer, width: usize, ids: &[u32], out: &mut Buffer) {
        rows::embed(&self.par, width, table, ids, out);
    }

    fn embed_backward(&self, width: usize, ids: &[u32], dout: &Buffer, dtable: &mut Buffer) {
        rows::embed_backward(&self.par, width, ids, dout, dtable);
    }

    fn gather_rows(&self, width: usize, from: &Buffer, rows: &[u32], to: &mut Buffer) {
        rows::embed(&self.par, width, from, rows, to);
    }

    fn scatter_add_rows(&self, width: usize, from: &Buffer, rows: &[u32], to: &mut Buffer) {
        rows::embed_backward(&self.par, width, rows, from, to);
    }

    fn rms_norm(
        &self,
        layout: NormLayout,
        rows: usize,
        x: &Buffer,
        w: &Buffer,
        eps: f32,
        y: &mut Buffer,
        inv: &mut Buffer,
    ) {
        rows::rms_norm(&self.par, self.isa, layout, rows, x, w, eps, y, inv);
    }

    fn rms_norm_backward(
        &self,
        layout: NormLayout,
        rows: usize,
        x: &Buffer,
        w: &Buffer,
        inv: &Buffer,
        dy: &Buffer,
        dx: &mut Buffer,
        accumulate: bool,
        dw: Option<&mut Buffer>,
    ) {
        let dw = dw.map(|dw| &mut dw[..]);
        rows::rms_norm_backward(
            &self.par, self.isa, layout, rows, x, w, inv, dy, dx, accumulate, dw,
        );
    }

    fn linear(
        &self,
        rows: usize,
        x: &Buffer,
        w: &Packed,
        bias: Option<&Buffer>,
        y: &mut Buffer,
        accumulate: bool,
    ) {
        let (n, k) = (w.outputs, w.inputs);
        gemm_parallel(
            &self.par, self.isa, rows, n, k, x, &w.forward, y, accumulate,
        );
        if let Some(bias) = bias {
            assert_eq!(bias.len(), n, "bias shape");
            let y = Shared::new(&mut y[..rows * n]);
            self.par.blocks(rows, 1, 64, |from, to| {
                for r in from..to {
                    let row = unsafe { std::slice::from_raw_parts_mut(y.at(r * n), n) };
                    row.iter_mut().zip(bias.iter()).for_each(|(y, b)| *y += b);
                }
            });
        }
    }

    fn linear_backward_input(
        &self,
        rows: usize,
        dy: &Buffer,
        w: &Packed,
        dx: &mut Buffer,
        accumulate: bool,
    ) {
        assert!(
            !w.backward.is_empty(),
            "the weight was packed for inference only"
        );
        gemm_parallel(
            &self.par,
            self.isa,
            rows,
            w.inputs,
            w.outputs,
            dy,
            &w.backward,
            dx,
            accumulate,
        );
    }

    fn linear_backward_weight(
        &self,
        rows: usize,
        dy: &Buffer,
        x: &Buffer,
        outputs: usize,
        inputs: usize,
        dw: &mut Buffer,
        dbias: Option<&mut Buffer>,
    ) {
        gemm_transposed_parallel(&self.par, self.isa, outputs, inputs, rows, dy, x, dw);
        if let Some(dbias) = dbias {
            assert_eq!(dbias.len(), outputs, "bias shape");
            for row in dy[..rows * outputs].chunks_exact(outputs) {
                dbias.iter_mut().zip(row).for_each(|(b, d)| *b += d);
            }
        }
    }

    fn rope(
        &self,
        shape: AttentionShape,
        qkv: &mut Buffer,
        positions: &[u32],
        table: &Buffer,
        undo: bool,
    ) {
        let sign = if undo { -1.0 } else { 1.0 };
        rows::rope(&self.par, self.isa, shape, qkv, positions, table, sign);
    }

    fn attention(
        &self,
        shape: AttentionShape,
        qkv: &Buffer,
        segments: &Segments,
        out: &mut Buffer,
        lse: &mut Buffer,
    ) {
        attention::forward(&self.par, self.isa, shape, qkv, segments, out, lse);
    }

    fn attention_backward(
        &self,
        shape: AttentionShape,
        qkv: &Buffer,
        out: &Buffer,
        lse: &Buffer,
        segments: &Segments,
        dout: &Buffer,
        dqkv: &mut Buffer,
    ) {
        attention::backward(
            &self.par, self.isa, shape, qkv, out, lse, segments, dout, dqkv,
        );
    }

    fn kv_cache(
        &self,
        shape: AttentionShape,
        layers: usize,
        slots: usize,
        capacity: usize,
    ) -> KvCache {
        KvCache::new(shape, layers, slots, capacity)
    }

    fn cache_write(
        &self,
        cache: &mut KvCache,
        layer: usize,
        qkv: &Buffer,
        rows: &[(usize, usize)],
    ) {
        let width = cache.shape.qkv_width();
        for (row, &(slot, position)) in rows.iter().enumerate() {
            cache.write(layer, slot, position, &qkv[row * width..(row + 1) * width]);
        }
    }

    fn cache_copy(&self, cache: &mut KvCache, from: usize, to: usize, len: usize) {
        cache.copy(from, to, len);
    }

    fn attention_cached(
        &self,
        cache: &KvCache,
        layer: usize,
        qkv: &Buffer,
        rows: &[(usize, usize)],
        out: &mut Buffer,
    ) {
        attention::cached(&self.par, self.isa, cache, layer, qkv, rows, out);
    }

    fn swiglu(&self, rows: usize, width: usize, gate_up: &Buffer, out: &mut Buffer) {
        rows::swiglu(&self.par, self.isa, rows, width, gate_up, out);
    }

    fn swiglu_backward(
        &self,
        rows: usize,
        width: usize,
        gate_up: &Buffer,
        dout: &Buffer,
        dgate_up: &mut Buffer,
    ) {
        rows::swiglu_backward(&self.par, self.isa, rows, width, gate_up, dout, dgate_up);
    }

    fn logits_stats(&self, logits: &Buffer, vocab: usize, lse: &mut [f32], entropy: &mut [f32]) {
        head::stats(&self.par, self.isa, logits, vocab, lse, entropy);
    }

    fn head_gather(
        &self,
        hidden: &Buffer,
        head: &Packed,
        ids: &[u32],
        logp: &mut [f32],
        entropy: &mut [f32],
        lse: &mut [f32],
    ) {
        head::gather(&self.par, self.isa, hidden, head, ids, logp, entropy, lse);
    }

    fn head_gather_backward(
        &self,
        hidden: &Buffer,
        head: &Packed,
        ids: &[u32],
        lse: &[f32],
        entropy: &[f32],
        dlogp: &[f32],
        dentropy: Option<&[f32]>,
        dhidden: &mut Buffer,
        dweight: HeadWeightGradient<Buffer>,
    ) {
        head::gather_backward(
            &self.par, self.isa, hidden, head, ids, lse, entropy, dlogp, dentropy, dhidden, dweight,
        );
    }

    fn adamw(
        &self,
        config: &AdamW,
        step: u64,
        p: &mut Buffer,
        g: &Buffer,
        m: &mut Buffer,
        v: &mut Buffer,
    ) {
        optim::adamw(&self.par, self.isa, config, step, p, g, m, v);
    }

    fn sum_of_squares(&self, x: &Buffer) -> f64 {
        optim::sum_of_squares(&self.par, self.isa, x)
    }
}
