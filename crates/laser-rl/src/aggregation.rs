//! From the losses of tokens to the loss of a step.

use serde::{Deserialize, Serialize};

/// What a step's loss is the mean of. N is the number of sequences with at least one token that
/// carries loss, T_i those tokens of sequence i.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// 1 / Σ_j T_j: every token counts alike (DAPO, arXiv 2503.14476, eq. 8).
    #[default]
    TokenMean,
    /// 1 / (N T_i): every sequence counts alike, a long one's tokens count less (GRPO,
    /// arXiv 2402.03300, eq. 3; GSPO).
    SequenceMeanTokenMean,
    /// 1 / N: a long sequence counts more.
    SequenceMeanTokenSum,
    /// 1 / (sequences · `tokens`): no length takes part (Dr. GRPO, arXiv 2503.20783). *All*
    /// sequences count, as in TRL, those without a token too, so that filtering does not change
    /// the weight of the others.
    Constant {
        /// Tokens by which to divide, usually the largest length of a response; at least 1.
        tokens: u32,
    },
}

impl Aggregation {
    /// The `scale` of each sequence, `[sequences]`, for the functions of [`loss`](crate::loss).
    ///
    /// `lengths` are the tokens that carry loss, of *all sequences of the step*: the sum of the
    /// scaled losses is then the step's loss, however it is cut into micro-batches or spread over
    /// machines. A sequence without such tokens gets 0.
    ///
    /// # Panics
    /// If the constant is 0 tokens.
    pub fn scales(&self, lengths: &[usize]) -> Vec<f64> {
        let tokens: usize = lengths.iter().sum();
        let sequences = lengths.iter().filter(|&&n| n > 0).count();
        let scale = |length: usize| match *self {
            Self::TokenMean => 1.0 / tokens as f64,
            Self::SequenceMeanTokenMean => 1.0 / (sequences as f64 * length as f64),
            Self::SequenceMeanTokenSum => 1.0 / sequences as f64,
            Self::Constant { tokens } => {
                assert!(tokens > 0, "a mean over a constant of 0 tokens");
                1.0 / (lengths.len() as f64 * f64::from(tokens))
            }
        };
        let lengths = lengths.iter();
        lengths
            .map(|&n| if n == 0 { 0.0 } else { scale(n) })
            .collect()
    }
}

#[cfg(test)]
mod tests;
