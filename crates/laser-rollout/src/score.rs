//! Responses as packed rows, and the log-probabilities of given ones.

use std::ops::Range;

use laser_kernels::{Backend, Segments};
use laser_model::{Decoder, Workspace};

use crate::SelfRewardPosition;

/// A prompt with its response.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Ids of the prompt; not empty.
    pub prompt: &'a [u32],
    /// Ids of the response, its stop token included.
    pub response: &'a [u32],
    /// The id whose log-probability is wanted at the last id: z_c, only when that is a stop token.
    pub self_reward_token: Option<u32>,
}

impl Sequence<'_> {
    /// A response without a self-reward.
    pub fn plain<'a>(prompt: &'a [u32], response: &'a [u32]) -> Sequence<'a> {
        Sequence {
            prompt,
            response,
            self_reward_token: None,
        }
    }

    /// Tokens of prompt and response.
    pub fn tokens(&self) -> usize {
        self.prompt.len() + self.response.len()
    }
}

/// Sequences packed one after the other, and the head rows they need.
#[derive(Clone, Debug)]
pub struct Batch {
    /// All token ids.
    pub ids: Vec<u32>,
    /// Where each sequence lies.
    pub segments: Segments,
    /// Rows whose distribution is wanted.
    pub rows: Vec<u32>,
    /// The id that is gathered at each row.
    pub targets: Vec<u32>,
    /// For each sequence, its response's entries in `rows`.
    pub responses: Vec<Range<usize>>,
    /// For each sequence, the entry of log p(z_c) at its last id.
    pub self_rewards: Vec<Option<usize>>,
}

impl Batch {
    /// Packs sequences.
    pub fn new(sequences: &[Sequence], position: SelfRewardPosition) -> Self {
        let mut batch = Batch {
            ids: Vec::new(),
            segments: Segments::from_lengths(sequences.iter().map(Sequence::tokens)),
            rows: Vec::new(),
            targets: Vec::new(),
            responses: Vec::with_capacity(sequences.len()),
            self_rewards: Vec::with_capacity(sequences.len()),
        };
        for s in sequences {
            batch.ids.extend_from_slice(s.prompt);
            // The row of a token predicts the one after it.
            let before = batch.ids.len() as u32 - 1;
            batch.ids.extend_from_slice(s.response);
            let first = batch.rows.len();
            batch
                .rows
                .extend((0..s.response.len() as u32).map(|t| before + t));
            batch.targets.extend_from_slice(s.response);
            batch.responses.push(first..batch.rows.len());
            let last = batch.ids.len() as u32 - 1;
            let row = match position {
                SelfRewardPosition::AfterEos => last,
                SelfRewardPosition::AtEos => last.saturating_sub(1),
            };
            batch.self_rewards.push(s.self_reward_token.map(|zc| {
                batch.rows.push(row);
                batch.targets.push(zc);
                batch.rows.len() - 1
            }));
        }
        batch
    }
}

/// Cuts sequences into consecutive micro-batches of at most `max_tokens` tokens (one sequence at
/// least).
pub fn micro_batches(sequences: &[Sequence], max_tokens: usize) -> Vec<Range<usize>> {
    cuts(sequences.iter().map(Sequence::tokens), max_tokens)
}

/// Cuts pairs of sequences, the two of a pair next to each other, into consecutive micro-batches
/// of at most `max_tokens` tokens (one pair at least): ranges of pairs. A sequence without another
/// is left out.
pub fn micro_batches_of_pairs(sequences: &[Sequence], max_tokens: usize) -> Vec<Range<usize>> {
    let pairs = sequences.chunks_exact(2);
    cuts(pairs.map(|p| p[0].tokens() + p[1].tokens()), max_tokens)
}

/// Consecutive ranges of things of so many tokens each.
fn cuts(things: impl Iterator<Item = usize>, max_tokens: usize) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let (mut start, mut end, mut tokens) = (0, 0, 0);
    for size in things {
        if end > start && tokens + size > max_tokens {
            cuts.push(start..end);
            (start, tokens) = (end, 0);
        }
        tokens += size;
        end += 1;
    }
    if start < end {
        cuts.push(start..end);
    }
    cuts
}

/// What a model says of a given response.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// log p of each id of the response, nats.
    pub logprobs: Vec<f32>,
    /// log p(z_c) at the last id, nats, where it is wanted.
    pub self_logprob: Option<f32>,
}

/// Scores responses, `max_tokens` packed tokens at a time. On the CPU the numbers are those that
/// sampling recorded, to the last bit.
pub fn score<B: Backend>(
    backend: &B,
    decoder: &Decoder<B>,
    ws: &mut Workspace<B>,
    sequences: &[Sequence],
    position: SelfRewardPosition,
    max_tokens: usize,
) -> Vec<Score> {
    let mut scores = Vec::with_capacity(sequences.len());
    for cut in micro_batches(sequences, max_tokens) {
        let batch = Batch::new(&sequences[cut], position);
        decoder.forward(backend, ws, &batch.ids, &batch.segments);
        let g = decoder.gather(backend, ws, batch.rows, batch.targets);
        for (range, zc) in batch.responses.into_iter().zip(batch.self_rewards) {
            scores.push(Score {
                logprobs: g.logp[range].to_vec(),
                self_logprob: zc.map(|i| g.logp[i]),
            });
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_of_a_pair_stay_together_whatever_the_size() {
        let ids = [1; 9];
        // Tokens of the pairs: 5, 4, 12, 4.
        let lengths = [
            (1, 1),
            (1, 2),
            (1, 1),
            (1, 1),
            (3, 4),
            (1, 4),
            (1, 1),
            (1, 1),
        ];
        let of = |(p, r): &(usize, usize)| Sequence::plain(&ids[..*p], &ids[..*r]);
        let sequences: Vec<Sequence> = lengths.iter().map(of).collect();
        let cut = |tokens| micro_batches_of_pairs(&sequences, tokens);
        assert_eq!(cut(9), [0..2, 2..3, 3..4]);
        assert_eq!(cut(1), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(cut(1000), vec![0..4]);
        assert_eq!(micro_batches_of_pairs(&sequences[..3], 1000), vec![0..1]);
        assert_eq!(micro_batches_of_pairs(&[], 9), Vec::<Range<usize>>::new());
        assert_eq!(micro_batches(&sequences, 9), [0..4, 4..5, 5..8]);
    }
}
