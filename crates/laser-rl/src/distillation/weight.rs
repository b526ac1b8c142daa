//! Weights of tokens by how sure the teacher is.

/// w = exp(−β H) / mean exp(−β H), the mean over all tokens of all `entropies` (H of the teacher's
/// distributions, nats, one list per response): a sure teacher counts more, and the mean weight is
/// 1 (SRPO, arXiv 2604.02288). β = 0 gives 1 everywhere.
pub fn dynamic_weights(beta: f64, entropies: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let raw = |h: &f32| (-beta * f64::from(*h)).exp();
    let tokens: usize = entropies.iter().map(Vec::len).sum();
    let sum: f64 = entropies.iter().flatten().map(raw).sum();
    let mean = sum / tokens.max(1) as f64;
    let weights = |row: &Vec<f32>| row.iter().map(|h| (raw(h) / mean) as f32).collect();
    entropies.iter().map(weights).collect()
}
