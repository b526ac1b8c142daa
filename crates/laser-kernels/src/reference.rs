//! Every operation of [`crate::Backend`] the slow obvious way, in `f64`: the oracle of the tests.
//!
//! Only forward operations are written here. The derivative of each is taken numerically from
//! these functions, so that a mistake in a derivation cannot hide in both places.
//!
//! Functions take whole matrices as row-major slices, return new ones, and panic on wrong shapes.

use crate::{AdamW, AttentionShape, NormLayout, Segments};

/// `out[T, width]`: row `t` is `table[ids[t]]`. Also the gathering of rows.
pub fn embed(table: &[f64], width: usize, ids: &[u32]) -> Vec<f64> {
    let mut out = Vec::new();
    for &id in ids {
        out.extend_from_slice(&table[id as usize * width..(id as usize + 1) * width]);
    }
    out
}

/// `to[rows[i]] += from[i]`: the transpose of [`embed`].
pub fn scatter_add_rows(from: &[f64], width: usize, rows: &[u32], to: &mut [f64]) {
    for (i, &row) in rows.iter().enumerate() {
        for j in 0..width {
            to[row as usize * width + j] += from[i * width + j];
        }
    }
}

/// What [`rms_norm`] returns.
pub struct RmsNorm {
    /// Laid out as `x`; zero outside the normalised vectors.
    pub y: Vec<f64>,
    /// `inv[T, heads]`.
    pub inv: Vec<f64>,
}

/// For every vector `x` of `layout`: `inv = 1 / √(1/n Σ x_i² + eps)`, `y_i = x_i · inv · w_i`.
pub fn rms_norm(layout: NormLayout, rows: usize, x: &[f64], w: &[f64], eps: f64) -> RmsNorm {
    let n = layout.width;
    let mut y = vec![0.0; x.len()];
    let mut inv = Vec::new();
    for row in 0..rows {
        for head in 0..layout.heads {
            let start = row * layout.stride + layout.offset + head * n;
            let mut squares = 0.0;
            for i in 0..n {
                squares += x[start + i] * x[start + i];
            }
            let factor = 1.0 / (squares / n as f64 + eps).sqrt();
            inv.push(factor);
            for i in 0..n {
                y[start + i] = x[start + i] * factor * w[i];
            }
        }
    }
    RmsNorm { y, inv }
}

/// `y[T, outputs] = x[T, inputs] · Wᵀ + bias` for `w[outputs, inputs]`:
/// `y_to = bias_o + Σ_i x_ti w_oi`.
pub fn linear(
    x: &[f64],
    w: &[f64],
    outputs: usize,
    inputs: usize,
    bias: Option<&[f64]>,
) -> Vec<f64> {
    let mut y = Vec::new();
    for row in x.chunks(inputs) {
        for o in 0..outputs {
            let mut sum = bias.map_or(0.0, |b| b[o]);
            for i in 0..inputs {
                sum += row[i] * w[o * inputs + i];
            }
            y.push(sum);
        }
    }
    y
}

/// The table that `rope` reads: for each position `p` below `positions`, the cosines of the angles
/// `p · base^(−2i / head_dim)` for `i` in `0..head_dim / 2`, then their sines.
pub fn rope_table(head_dim: usize, positions: usize, base: f64) -> Vec<f64> {
    let half = head_dim / 2;
    let angle = |p: usize, i: usize| p as f64 * base.powf(-2.0 * i as f64 / head_dim as f64);
    let mut table = Vec::new();
    for p in 0..positions {
        for i in 0..half {
            table.push(angle(p, i).cos());
        }
        for i in 0..half {
            table.push(angle(p, i).sin());
        }
    }
    table
}

/// Rotates the pair `(a, b) = (x_i, x_(i + d/2))` of every query and key head by the angle `θ` of
/// its position: `(a cos θ − b sin θ, b cos θ + a sin θ)`; by `−θ` with `undo`.
pub fn rope(
    shape: AttentionShape,
    qkv: &[f64],
    positions: &[u32],
    table: &[f64],
    undo: bool,
) -> Vec<f64> {
    let (d, half) = (shape.head_dim, shape.head_dim / 2);
    let mut out = qkv.to_vec();
    for (row, &position) in positions.iter().enumerate() {
        for head in 0..shape.heads + shape.kv_heads {
            let start = row * shape.qkv_width() + head * d;
            for i in 0..half {
                let cos = table[position as usize * d + i];
                let sin = table[position as usize * d + half + i] * if undo { -1.0 } else { 1.0 };
                let (a, b) = (qkv[start + i], qkv[start + half + i]);
                out[start + i] = a * cos - b * sin;
                out[start + half + i] = b * cos + a * sin;
            }
        }
    }
    out
}

/// What [`attention`] returns.
pub struct Attention {
    /// `out[T, heads · head_dim]`.
    pub out: Vec<f64>,
    /// `lse[T, heads]`: logsumexp of the scaled scores.
    pub lse: Vec<f64>,
}

/// For each sequence, query head and query `i`: `s_j = q_i · k_j / √d` for the keys `j` of its stem,
/// `j ≤ i` of the sequence, and of the head's key-value head, `out_i = Σ_j softmax(s)_j v_j`.
pub fn attention(shape: AttentionShape, qkv: &[f64], segments: &Segments) -> Attention {
    let (d, width) = (shape.head_dim, shape.qkv_width());
    let mut out = vec![0.0; segments.tokens() * shape.q_width()];
    let mut lse = vec![0.0; segments.tokens() * shape.heads];
    for segment in 0..segments.count() {
        let range = segments.range(segment);
        for head in 0..shape.heads {
            let kv_head = head / (shape.heads / shape.kv_heads);
            for i in range.clone() {
                let q = &qkv[i * width + head * d..][..d];
                let mut scores = Vec::new();
                let keys: Vec<usize> = segments.before(segment).chain(range.start..=i).collect();
                for j in &keys {
                    let k = &qkv[j * width + (shape.heads + kv_head) * d..][..d];
                    let mut dot = 0.0;
                    for c in 0..d {
                        dot += q[c] * k[c];
                    }
                    scores.push(dot / (d as f64).sqrt());
                }
                let row_lse = log_sum_exp(&scores);
                lse[i * shape.heads + head] = row_lse;
                for (j, score) in keys.iter().zip(scores) {
                    let p = (score - row_lse).exp();
                    let v = &qkv[j * width + (shape.heads + shape.kv_heads + kv_head) * d..][..d];
                    for c in 0..d {
                        out[i * shape.q_width() + head * d + c] += p * v[c];
                    }
                }
            }
        }
    }
    Attention { out, lse }
}

/// `out = silu(gate) · up`, `silu(x) = x / (1 + e^−x)`, for rows of `width` gates and `width` ups.
pub fn swiglu(width: usize, gate_up: &[f64]) -> Vec<f64> {
    let mut out = Vec::new();
    for row in gate_up.chunks(2 * width) {
        for j in 0..width {
            let (gate, up) = (row[j], row[width + j]);
            out.push(gate / (1.0 + (-gate).exp()) * up);
        }
    }
    out
}

/// `ln Σ_j e^x_j`.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for v in x {
        sum += (v - max).exp();
    }
    max + sum.ln()
}

/// `−Σ_j p_j ln p_j` in nats, with `p = softmax(x)`.
pub fn entropy(x: &[f64]) -> f64 {
    let lse = log_sum_exp(x);
    let mut sum = 0.0;
    for v in x {
        sum -= (v - lse).exp() * (v - lse);
    }
    sum
}

/// What [`head_gather`] returns, in nats.
pub struct HeadGather {
    /// `logp[T, K]`.
    pub logp: Vec<f64>,
    /// `entropy[T]`.
    pub entropy: Vec<f64>,
    /// `lse[T]`.
    pub lse: Vec<f64>,
}

/// For each row `t`: `logits = W h_t` with `w[vocab, width]`, `logp_tk = logits[ids_tk] − lse`,
/// and the entropy of `softmax(logits)`.
pub fn head_gather(
    hidden: &[f64],
    w: &[f64],
    vocab: usize,
    width: usize,
    ids: &[u32],
) -> HeadGather {
    let logits = linear(hidden, w, vocab, width, None);
    let k = ids.len() / (hidden.len() / width);
    let (mut logp, mut entropies, mut lses) = (Vec::new(), Vec::new(), Vec::new());
    for (row, ids) in logits.chunks(vocab).zip(ids.chunks(k)) {
        let lse = log_sum_exp(row);
        for &id in ids {
            logp.push(row[id as usize] - lse);
        }
        entropies.push(entropy(row));
        lses.push(lse);
    }
    HeadGather {
        logp,
        entropy: entropies,
        lse: lses,
    }
}

/// One step of Loshchilov & Hutter (2019), algorithm 2, in place, with `ĝ = grad_scale · g`:
///
/// - `m ← β₁ m + (1 − β₁) ĝ`, `v ← β₂ v + (1 − β₂) ĝ²`
/// - `p ← p (1 − lr · weight_decay) − lr · m̂ / (√v̂ + eps)`
///
/// where `m̂ = m / (1 − β₁^step)` and `v̂ = v / (1 − β₂^step)`.
pub fn adamw(c: &AdamW, step: u64, p: &mut [f64], g: &[f64], m: &mut [f64], v: &mut [f64]) {
    let (beta1, beta2) = (f64::from(c.beta1), f64::from(c.beta2));
    let (lr, decay) = (f64::from(c.lr), f64::from(c.weight_decay));
    for i in 0..p.len() {
        let grad = f64::from(c.grad_scale) * g[i];
        m[i] = beta1 * m[i] + (1.0 - beta1) * grad;
        v[i] = beta2 * v[i] + (1.0 - beta2) * grad * grad;
        let m_hat = m[i] / (1.0 - beta1.powf(step as f64));
        let v_hat = v[i] / (1.0 - beta2.powf(step as f64));
        p[i] = p[i] * (1.0 - lr * decay) - lr * m_hat / (v_hat.sqrt() + f64::from(c.eps));
    }
}

/// `Σ x²`.
pub fn sum_of_squares(x: &[f64]) -> f64 {
    let mut sum = 0.0;
    for v in x {
        sum += v * v;
    }
    sum
}
