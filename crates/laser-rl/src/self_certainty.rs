//! Self-certainty: how far the distributions that a response was drawn from are from uniform
//! (Kang et al., arXiv 2502.18581).

/// Self-certainty of one position: KL(uniform ‖ p) = logsumexp(z) − mean(z) − ln V, in nats, of
/// the logits z over a vocabulary of V tokens. 0 for a uniform distribution, larger the more
/// certain; the same for z plus a constant.
pub fn self_certainty(logsumexp: f64, mean_logit: f64, vocabulary: usize) -> f64 {
    logsumexp - mean_logit - (vocabulary as f64).ln()
}

/// Self-certainty of a response: the mean over its positions. `None` without any.
pub fn mean_self_certainty(positions: &[f64]) -> Option<f64> {
    let sum: f64 = positions.iter().sum();
    (!positions.is_empty()).then(|| sum / positions.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logits: &[f64]) -> f64 {
        let logsumexp = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
        let mean = logits.iter().sum::<f64>() / logits.len() as f64;
        self_certainty(logsumexp, mean, logits.len())
    }

    #[test]
    fn a_uniform_distribution_has_no_certainty_whatever_the_constant() {
        assert!(of(&[0.0; 7]).abs() < 1e-12);
        assert!(of(&[3.5; 1000]).abs() < 1e-12);
    }

    #[test]
    fn nine_to_one_has_its_published_value() {
        let found = of(&[0.9f64.ln(), 0.1f64.ln()]);
        assert!((found - 0.510_825_6).abs() < 1e-6, "{found}");
        let shifted = of(&[0.9f64.ln() + 11.0, 0.1f64.ln() + 11.0]);
        assert!((found - shifted).abs() < 1e-12);
    }

    #[test]
    fn it_is_the_divergence_of_the_distribution_from_the_uniform_one() {
        let p = [0.5, 0.25, 0.125, 0.125];
        let divergence: f64 = p.iter().map(|p| 0.25 * (0.25f64 / p).ln()).sum();
        assert!((of(&p.map(f64::ln)) - divergence).abs() < 1e-12);
    }

    #[test]
    fn a_response_has_the_mean_of_its_positions() {
        assert_eq!(mean_self_certainty(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(mean_self_certainty(&[]), None);
    }
}
