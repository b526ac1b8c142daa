//! Log-probabilities of chosen tokens without a `[rows, vocabulary]` tensor.

use super::gemm::{Packed, gemm_parallel, gemm_transposed_parallel};
use super::par::{Par, Shared};
use super::simd::{LANES, exp, simd_fn};
use super::{Buffer, Isa, with_scratch};
use crate::HeadWeightGradient;

/// Logits held at a time. The block length changes no result.
const MAX_LOGITS: usize = 1 << 22;

simd_fn! {
    /// `(logsumexp, entropy)` of one row of logits, in nats.
    unsafe fn row_stats(logits: *const f32, n: usize) -> (f32, f32) {
        let mut max = S::splat(f32::NEG_INFINITY);
        for j in (0..n).step_by(LANES) {
            max = S::max(max, S::load_partial(logits.add(j), n - j, f32::NEG_INFINITY));
        }
        let max = S::reduce_max(max);
        let (mut sum, mut weighted) = (S::splat(0.0), S::splat(0.0));
        for j in (0..n).step_by(LANES) {
            // Lanes past the end must count as e = 0 and x = 0, which neither sum notices.
            let x = S::sub(S::load_partial(logits.add(j), n - j, max), S::splat(max));
            let e = exp::<S>(x);
            let e = if n - j < LANES {
                let lanes = S::to_array(e);
                S::load_partial(lanes.as_ptr(), n - j, 0.0)
            } else {
                e
            };
            sum = S::add(sum, e);
            weighted = S::fma(e, x, weighted);
        }
        let sum = S::reduce_sum(sum);
        let log_sum = sum.ln();
        (max + log_sum, log_sum - S::reduce_sum(weighted) / sum)
    }
}

simd_fn! {
    /// Turns logits into `dlogits` for everything but the gathered ids:
    /// `−p (mass + dentropy (log p + H))`.
    unsafe fn row_backward(logits: *mut f32, n: usize, lse: f32, mass: f32, dentropy: f32, entropy: f32) {
        for j in (0..n).step_by(LANES) {
            let logp = S::sub(S::load_partial(logits.add(j), n - j, 0.0), S::splat(lse));
            let slope = S::fma(S::splat(dentropy), S::add(logp, S::splat(entropy)), S::splat(mass));
            let d = S::sub(S::splat(0.0), S::mul(exp::<S>(logp), slope));
            S::store_partial(logits.add(j), d, n - j);
        }
    }
}

/// See [`crate::Backend::logits_stats`].
pub(crate) fn stats(
    par: &Par,
    isa: Isa,
    logits: &[f32],
    vocab: usize,
    lse: &mut [f32],
    entropy: &mut [f32],
) {
    let rows = lse.len();
    assert!(logits.len() >= rows * vocab && entropy.len() >= rows);
    let (lse, entropy) = (Shared::new(lse), Shared::new(entropy));
    par.blocks(rows, 1, 16, |from, to| unsafe {
        for r in from..to {
            (*lse.at(r), *entropy.at(r)) = row_stats(isa, logits.as_ptr().add(r * vocab), vocab);
        }
    });
}

fn block_rows(vocab: usize) -> usize {
    (MAX_LOGITS / vocab).max(8)
}

/// See [`crate::Backend::head_gather`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn gather(
    par: &Par,
    isa: Isa,
    hidden: &[f32],
    head: &Packed,
    ids: &[u32],
    logp: &mut [f32],
    entropy: &mut [f32],
    lse: &mut [f32],
) {
    let (rows, vocab, width) = (lse.len(), head.outputs, head.inputs);
    if rows == 0 {
        return;
    }
    let k = ids.len() / rows;
    assert!(ids.len() == rows * k && logp.len() >= ids.len() && hidden.len() >= rows * width);
    let block = block_rows(vocab).min(rows);
    with_scratch(block * vocab, |logits| {
        for from in (0..rows).step_by(block) {
            let to = (from + block).min(rows);
            gemm_parallel(
                par,
                isa,
                to - from,
                vocab,
                width,
                &hidden[from * width..],
                &head.forward,
                logits,
                false,
            );
            stats(
                par,
                isa,
                logits,
                vocab,
                &mut lse[from..to],
                &mut entropy[from..to],
            );
            for i in from * k..to * k {
                let row = i / k;
                assert!((ids[i] as usize) < vocab, "token id outside the vocabulary");
                logp[i] = logits[(row - from) * vocab + ids[i] as usize] - lse[row];
            }
        }
    });
}

/// See [`crate::Backend::head_gather_backward`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn gather_backward(
    par: &Par,
    isa: Isa,
    hidden: &[f32],
    head: &Packed,
    ids: &[u32],
    lse: &[f32],
    entropy: &[f32],
    dlogp: &[f32],
    dentropy: Option<&[f32]>,
    dhidden: &mut [f32],
    mut dweight: HeadWeightGradient<Buffer>,
) {
    let (rows, vocab, width) = (lse.len(), head.outputs, head.inputs);
    if rows == 0 {
        return;
    }
    let k = ids.len() / rows;
    assert!(ids.len() == rows * k && dlogp.len() == ids.len() && entropy.len() == rows);
    assert!(
        hidden.len().min(dhidden.len()) >= rows * width,
        "hidden rows"
    );
    assert!(
        !head.backward.is_empty(),
        "the head was packed for inference only"
    );
    let inside = |id: &u32| (*id as usize) < vocab;
    assert!(ids.iter().all(inside), "token id outside the vocabulary");
    // Rows without a gradient, as of responses whose advantage is 0, would add zeros.
    let carries = |r: &usize| {
        let own = dlogp[r * k..(r + 1) * k].iter().any(|d| *d != 0.0);
        own || dentropy.is_some_and(|d| d[*r] != 0.0)
    };
    let carrying: Vec<usize> = (0..rows).filter(carries).collect();
    // What lies apart is copied together.
    let mut copied = 0;
    if carrying.len() < rows {
        dhidden[..rows * width].fill(0.0);
        copied = width;
    }
    let block = block_rows(vocab).min(carrying.len());
    with_scratch(block * (vocab + 2 * copied), |scratch| {
        let (logits, scratch) = scratch.split_at_mut(block * vocab);
        let (own_hidden, own_dhidden) = scratch.split_at_mut(block * copied);
        for rows in carrying.chunks(block.max(1)) {
            let n = rows.len();
            let (first, last) = (rows[0], rows[n - 1]);
            let whole = (last - first < n).then_some(first * width..(last + 1) * width);
            let hidden = match whole.clone() {
                Some(range) => &hidden[range],
                None => {
                    for (to, r) in own_hidden.chunks_exact_mut(width).zip(rows) {
                        to.copy_from_slice(&hidden[r * width..(r + 1) * width]);
                    }
                    &own_hidden[..n * width]
                }
            };
            gemm_parallel(
                par,
                isa,
                n,
                vocab,
                width,
                hidden,
                &head.forward,
                logits,
                false,
            );
            let shared = Shared::new(logits);
            par.blocks(n, 1, 16, |a, b| unsafe {
                for (i, &r) in rows.iter().enumerate().take(b).skip(a) {
                    let logits = shared.at(i * vocab);
                    let d = &dlogp[r * k..(r + 1) * k];
                    let mass: f32 = d.iter().sum();
                    let de = dentropy.map_or(0.0, |d| d[r]);
                    row_backward(isa, logits, vocab, lse[r], mass, de, entropy[r]);
                    for (&id, d) in ids[r * k..(r + 1) * k].iter().zip(d) {
                        *logits.add(id as usize) += d;
                    }
                }
            });
            let out = match whole.clone() {
                Some(range) => &mut dhidden[range],
                None => &mut own_dhidden[..n * width],
            };
            gemm_parallel(
                par,
                isa,
                n,
                width,
                vocab,
                logits,
                &head.backward,
                out,
                false,
            );
            if whole.is_none() {
                for (from, r) in own_dhidden.chunks_exact(width).zip(rows) {
                    dhidden[r * width..(r + 1) * width].copy_from_slice(from);
                }
            }
            match &mut dweight {
                HeadWeightGradient::Frozen => {}
                HeadWeightGradient::Row(id, row) => {
                    let slopes = logits.chunks_exact(vocab).map(|l| l[*id as usize]);
                    for (slope, hidden) in slopes.zip(hidden.chunks_exact(width)) {
                        row.iter_mut()
                            .zip(hidden)
                            .for_each(|(g, h)| *g += slope * h);
                    }
                }
                HeadWeightGradient::Whole(dweight) => {
                    assert!(dweight.len() == vocab * width, "head shape");
                    gemm_transposed_parallel(par, isa, vocab, width, n, logits, hidden, dweight);
                }
            }
        }
    });
}
