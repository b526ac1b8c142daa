//! Log-probabilities of more ids than those that were drawn.

use std::iter::repeat_n;
use std::mem::take;

use laser_kernels::Cpu;
use laser_model::{Decoder, Workspace};
use laser_rl::likeliest;
use laser_rollout::score::Batch;

/// Responses of a micro-batch whose distributions a loss looks at beyond the drawn tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'a> {
    /// k, the likeliest ids of each of their positions; the vocabulary's size at most counts.
    pub likeliest: usize,
    /// Which of the sequences; none of an empty list.
    pub of: &'a [bool],
}

impl Beside<'_> {
    /// The ids to gather at the rows of a batch after its forward pass, `[R, 1 + k]`: first the
    /// row's own, then the k likeliest where they are wanted, and elsewhere the own id again, which
    /// gets no gradient there. `[R]` where no response wants any.
    pub(crate) fn ids(
        &self,
        cpu: &Cpu,
        ws: &mut Workspace<Cpu>,
        decoder: &Decoder<Cpu>,
        batch: &mut Batch,
    ) -> Vec<u32> {
        let targets = take(&mut batch.targets);
        let vocabulary = decoder.config.vocab_size;
        let k = self.likeliest.min(vocabulary);
        let wanted = batch.responses.iter().zip(self.of).filter(|(_, of)| **of);
        let entries: Vec<usize> = wanted.flat_map(|(range, _)| range.clone()).collect();
        if k == 0 || entries.is_empty() {
            return targets;
        }
        let width = 1 + k;
        let own = targets.iter().flat_map(|id| repeat_n(*id, width));
        let mut ids: Vec<u32> = own.collect();
        let mut put = |entry: usize, some: &mut dyn Iterator<Item = u32>| {
            let row = &mut ids[entry * width + 1..(entry + 1) * width];
            row.iter_mut().zip(some).for_each(|(id, new)| *id = new);
        };
        if k == vocabulary {
            let all = |entry: &usize| put(*entry, &mut (0..vocabulary as u32));
            entries.iter().for_each(all);
            return ids;
        }
        let rows: Vec<u32> = entries.iter().map(|entry| batch.rows[*entry]).collect();
        decoder.distributions(cpu, ws, &rows, |i, logp| {
            put(entries[i], &mut likeliest(logp, k).into_iter());
        });
        ids
    }
}
