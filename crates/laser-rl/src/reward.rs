//! Parts of a reward that look at the length of a response.

/// DAPO's soft penalty for over-long responses (arXiv 2503.14476, eq. 13), to be added to the
/// reward: 0 up to `max_length` − `cache` tokens, from there falling to −1 at `max_length`, −1
/// beyond. `cache` = 0 leaves only the last step.
pub fn soft_overlong_penalty(length: usize, max_length: usize, cache: usize) -> f32 {
    if length > max_length {
        return -1.0;
    }
    let over = length as f64 + cache as f64 - max_length as f64;
    if over <= 0.0 {
        0.0
    } else {
        (-over / cache as f64) as f32
    }
}

/// Length reward of Kimi k1.5 (arXiv 2501.12599, section 2.3.3) for one group, to be weighted and
/// added to the reward: λ = ½ − (length − min) / (max − min) for a correct response, min(0, λ) for
/// an incorrect one; 0 throughout if all are equally long.
///
/// `lengths` (tokens) and `correct` are `[n]`. The shortest response gets ½, the longest −½; an
/// incorrect one is never rewarded for being short. The paper turns this on after a warm-up.
///
/// # Panics
/// If the two lengths differ.
pub fn length_reward(lengths: &[usize], correct: &[bool]) -> Vec<f32> {
    crate::loss::same_length("correct", correct.len(), lengths.len());
    let min = lengths.iter().min().copied().unwrap_or(0);
    let max = lengths.iter().max().copied().unwrap_or(0);
    if min == max {
        return vec![0.0; lengths.len()];
    }
    let rows = lengths.iter().zip(correct);
    rows.map(|(&length, &correct)| {
        let lambda = 0.5 - (length - min) as f64 / (max - min) as f64;
        (if correct { lambda } else { lambda.min(0.0) }) as f32
    })
    .collect()
}

#[cfg(test)]
mod tests;
