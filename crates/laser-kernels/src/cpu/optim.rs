//! AdamW and the gradient norm.

use super::Isa;
use super::par::{Par, Shared};
use super::simd::{LANES, simd_fn};
use crate::AdamW;

/// Floats whose squares are summed together; fixed, so that the norm does not depend on threads.
const NORM_BLOCK: usize = 4096;

simd_fn! {
    unsafe fn adamw_block(
        p: *mut f32, g: *const f32, m: *mut f32, v: *mut f32, n: usize, c: &AdamW, step: u64,
    ) {
        // Powers in f64: at step 10^5 an f32 power of 0.999 has lost its digits.
        let correction1 = 1.0 - (c.beta1 as f64).powi(step.min(i32::MAX as u64) as i32);
        let correction2 = 1.0 - (c.beta2 as f64).powi(step.min(i32::MAX as u64) as i32);
        let size = S::splat((c.lr as f64 / correction1) as f32);
        let root = S::splat((1.0 / correction2.sqrt()) as f32);
        let decay = S::splat(1.0 - c.lr * c.weight_decay);
        for j in (0..n).step_by(LANES) {
            let k = n - j;
            let g = S::mul(S::load_partial(g.add(j), k, 0.0), S::splat(c.grad_scale));
            let m1 = S::mul(S::load_partial(m.add(j), k, 0.0), S::splat(c.beta1));
            let m1 = S::fma(g, S::splat(1.0 - c.beta1), m1);
            let v1 = S::mul(S::load_partial(v.add(j), k, 0.0), S::splat(c.beta2));
            let v1 = S::fma(S::mul(g, g), S::splat(1.0 - c.beta2), v1);
            S::store_partial(m.add(j), m1, k);
            S::store_partial(v.add(j), v1, k);
            let denominator = S::fma(S::sqrt(v1), root, S::splat(c.eps));
            let x = S::mul(S::load_partial(p.add(j), k, 0.0), decay);
            let x = S::sub(x, S::div(S::mul(size, m1), denominator));
            S::store_partial(p.add(j), x, k);
        }
    }
}

/// See [`crate::Backend::adamw`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn adamw(
    par: &Par,
    isa: Isa,
    c: &AdamW,
    step: u64,
    p: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    assert!(
        g.len() == p.len() && m.len() == p.len() && v.len() == p.len(),
        "optimizer shapes"
    );
    assert!(step > 0, "optimizer steps count from 1");
    let n = p.len();
    let (p, m, v) = (Shared::new(p), Shared::new(m), Shared::new(v));
    par.blocks(n, LANES, 1 << 14, |from, to| unsafe {
        adamw_block(
            isa,
            p.at(from),
            g.as_ptr().add(from),
            m.at(from),
            v.at(from),
            to - from,
            c,
            step,
        );
    });
}

simd_fn! {
    unsafe fn squares(x: *const f32, n: usize) -> f32 {
        let mut sum = S::splat(0.0);
        for j in (0..n).step_by(LANES) {
            let v = S::load_partial(x.add(j), n - j, 0.0);
            sum = S::fma(v, v, sum);
        }
        S::reduce_sum(sum)
    }
}

/// See [`crate::Backend::sum_of_squares`].
pub(crate) fn sum_of_squares(par: &Par, isa: Isa, x: &[f32]) -> f64 {
    let mut sums = vec![0.0; x.len().div_ceil(NORM_BLOCK)];
    let out = Shared::new(&mut sums);
    par.blocks(x.len(), NORM_BLOCK, 4 * NORM_BLOCK, |from, to| {
        for (i, block) in x[from..to].chunks(NORM_BLOCK).enumerate() {
            unsafe { *out.at(from / NORM_BLOCK + i) = squares(isa, block.as_ptr(), block.len()) };
        }
    });
    sums.into_iter().map(f64::from).sum()
}
