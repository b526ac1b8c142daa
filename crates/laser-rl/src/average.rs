//! Averages of weights over training.

/// Exponential moving average of parameters: target ← decay · target + (1 − decay) · source, for
/// a slowly moving reference or the weights to evaluate.
///
/// `decay` lies in \[0, 1\]. A parameter moves only if (1 − decay) · |source − target| exceeds
/// half an f32 step of the target.
///
/// # Panics
/// If the two lengths differ.
pub fn ema(target: &mut [f32], source: &[f32], decay: f64) {
    crate::loss::same_length("source", source.len(), target.len());
    for (target, &source) in target.iter_mut().zip(source) {
        let mixed = decay * f64::from(*target) + (1.0 - decay) * f64::from(source);
        *target = mixed as f32;
    }
}

#[cfg(test)]
mod tests;
