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

/// What becomes of a prompt that sequences beside each other have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompts {
    /// Each sequence has one of its own.
    Own,
    /// It is computed once (Prefix Grouper, Liu et al. 2025): its keys and values are read by all
    /// the responses, and its gradient is what they send back together. Log-probabilities are the
    /// same to the last bit; gradients differ in their rounding, so that the sequences of a prompt
    /// stay in one micro-batch where there is a backward pass.
    #[default]
    Shared,
}

impl Prompts {
    /// Whether sequence `i` has the prompt of the one before it.
    fn continues(self, sequences: &[Sequence], i: usize) -> bool {
        self == Prompts::Shared
            && (1..sequences.len()).contains(&i)
            && sequences[i - 1].prompt == sequences[i].prompt
    }
}

/// Sequences packed one after the other, and the head rows they need.
#[derive(Clone, Debug)]
pub struct Batch {
    /// All token ids.
    pub ids: Vec<u32>,
    /// Where each sequence lies, or each shared prompt and each response to it.
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
    pub fn new(sequences: &[Sequence], position: SelfRewardPosition, prompts: Prompts) -> Self {
        let mut batch = Batch {
            ids: Vec::new(),
            segments: Segments::default(),
            rows: Vec::new(),
            targets: Vec::new(),
            responses: Vec::with_capacity(sequences.len()),
            self_rewards: Vec::with_capacity(sequences.len()),
        };
        let mut prompt_end = 0;
        for (i, s) in sequences.iter().enumerate() {
            let continues = prompts.continues(sequences, i);
            let continued = prompts.continues(sequences, i + 1);
            if !continues {
                batch.ids.extend_from_slice(s.prompt);
                prompt_end = batch.ids.len() as u32 - 1;
            }
            match (continues, continued) {
                (false, false) => batch.segments.begin(s.tokens()),
                (false, true) => {
                    batch.segments.begin(s.prompt.len());
                    batch.segments.continue_stem(s.response.len());
                }
                (true, _) => batch.segments.continue_stem(s.response.len()),
            }
            // The row after which `tokens` of the response are known.
            let response = batch.ids.len() as u32;
            let row = |tokens: u32| match tokens {
                0 => prompt_end,
                n => response + n - 1,
            };
            let n = s.response.len() as u32;
            batch.ids.extend_from_slice(s.response);
            let first = batch.rows.len();
            batch.rows.extend((0..n).map(row));
            batch.targets.extend_from_slice(s.response);
            batch.responses.push(first..batch.rows.len());
            let last = match position {
                SelfRewardPosition::AfterEos => row(n),
                SelfRewardPosition::AtEos => row(n.saturating_sub(1)),
            };
            batch.self_rewards.push(s.self_reward_token.map(|zc| {
                batch.rows.push(last);
                batch.targets.push(zc);
                batch.rows.len() - 1
            }));
        }
        batch
    }
}

/// Cuts sequences into consecutive micro-batches of at most `max_tokens` tokens: one sequence at
/// least, or all that share a prompt.
pub fn micro_batches(
    sequences: &[Sequence],
    max_tokens: usize,
    prompts: Prompts,
) -> Vec<Range<usize>> {
    cuts(sequences, 1, max_tokens, prompts)
}

/// Cuts pairs of sequences, the two of a pair next to each other, into consecutive micro-batches
/// of at most `max_tokens` tokens, one pair at least: ranges of pairs. A sequence without another
/// is left out.
pub fn micro_batches_of_pairs(
    sequences: &[Sequence],
    max_tokens: usize,
    prompts: Prompts,
) -> Vec<Range<usize>> {
    let pairs = &sequences[..sequences.len() / 2 * 2];
    let cuts = cuts(pairs, 2, max_tokens, prompts);
    cuts.into_iter().map(|c| c.start / 2..c.end / 2).collect()
}

/// Consecutive ranges of sequences, cut only in front of every `stride`-th and never between two
/// that share a prompt.
fn cuts(
    sequences: &[Sequence],
    stride: usize,
    max_tokens: usize,
    prompts: Prompts,
) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    // Of the micro-batch, and of what it ends with that may not be cut.
    let (mut start, mut tokens) = (0, 0);
    let (mut whole, mut whole_tokens) = (0, 0);
    for (i, s) in sequences.iter().enumerate() {
        let continues = prompts.continues(sequences, i);
        if i.is_multiple_of(stride) && !continues {
            (whole, whole_tokens) = (i, 0);
        }
        let own = if continues {
            s.response.len()
        } else {
            s.tokens()
        };
        (tokens, whole_tokens) = (tokens + own, whole_tokens + own);
        if tokens > max_tokens && whole > start {
            cuts.push(start..whole);
            (start, tokens) = (whole, whole_tokens);
        }
    }
    if start < sequences.len() {
        cuts.push(start..sequences.len());
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
    // Without a backward pass, what shares a prompt may be cut.
    for cut in micro_batches(sequences, max_tokens, Prompts::Own) {
        let batch = Batch::new(&sequences[cut], position, Prompts::Shared);
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
        let cut = |tokens| micro_batches_of_pairs(&sequences, tokens, Prompts::Own);
        assert_eq!(cut(9), [0..2, 2..3, 3..4]);
        assert_eq!(cut(1), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(cut(1000), vec![0..4]);
        let odd = micro_batches_of_pairs(&sequences[..3], 1000, Prompts::Own);
        assert_eq!(odd, vec![0..1]);
        let none = micro_batches_of_pairs(&[], 9, Prompts::Own);
        assert_eq!(none, Vec::<Range<usize>>::new());
        let alone = micro_batches(&sequences, 9, Prompts::Own);
        assert_eq!(alone, [0..4, 4..5, 5..8]);
    }

    #[test]
    fn what_shares_a_prompt_stays_together_and_counts_it_once() {
        let (a, b, response) = ([1, 2, 3], [4], [5, 6]);
        let prompts: [&[u32]; 6] = [&a, &a, &b, &a, &a, &a];
        let sequences = prompts.map(|prompt| Sequence::plain(prompt, &response));
        // Tokens: 7, 3 and 9.
        let cut = |tokens| micro_batches(&sequences, tokens, Prompts::Shared);
        assert_eq!(cut(19), vec![0..6]);
        assert_eq!(cut(18), [0..3, 3..6]);
        assert_eq!(cut(10), [0..3, 3..6]);
        assert_eq!(cut(9), [0..2, 2..3, 3..6]);
        assert_eq!(cut(1), [0..2, 2..3, 3..6]);
        // A pair of the third prompt may not be cut from the first of them.
        let cut = |tokens| micro_batches_of_pairs(&sequences, tokens, Prompts::Shared);
        assert_eq!(cut(1), [0..1, 1..3]);
    }

    #[test]
    fn a_shared_prompt_lies_before_its_responses_and_its_last_row_predicts_all_their_firsts() {
        let (a, b) = ([1, 2, 3], [4, 5]);
        let of = |prompt, response| Sequence {
            self_reward_token: Some(9),
            ..Sequence::plain(prompt, response)
        };
        let sequences = [of(&a, &[6, 7]), of(&a, &[8]), of(&b, &[6])];
        let batch = Batch::new(&sequences, SelfRewardPosition::AfterEos, Prompts::Shared);
        assert_eq!(batch.ids, [1, 2, 3, 6, 7, 8, 4, 5, 6]);
        assert_eq!(batch.segments.positions(), [0, 1, 2, 3, 4, 3, 0, 1, 2]);
        assert_eq!(batch.segments.families(), 2);
        assert_eq!(batch.rows, [2, 3, 4, 2, 5, 7, 8]);
        assert_eq!(batch.targets, [6, 7, 9, 8, 9, 6, 9]);
        assert_eq!(batch.responses, [0..2, 3..4, 5..6]);
        assert_eq!(batch.self_rewards, [Some(2), Some(4), Some(6)]);
        let at_eos = Batch::new(&sequences, SelfRewardPosition::AtEos, Prompts::Shared);
        assert_eq!(at_eos.rows, [2, 3, 3, 2, 2, 7, 7]);
        let own = Batch::new(&sequences, SelfRewardPosition::AfterEos, Prompts::Own);
        assert_eq!(own.ids, [1, 2, 3, 6, 7, 1, 2, 3, 8, 4, 5, 6]);
        assert_eq!(own.segments, Segments::from_lengths([5, 4, 3]));
        assert_eq!(own.rows, [2, 3, 4, 7, 8, 10, 11]);
    }
}
