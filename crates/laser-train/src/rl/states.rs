//! Numbers per token that compare the states of all responses to a problem: what a token does to
//! the correct ones, and how much the group's distributions differ at each position.
//!
//! Both need whole distributions of a group side by side, which need not fit. What is kept are the
//! last hidden states of a group, `[tokens, hidden]`; the head turns them into distributions block
//! by block.

use std::mem::{replace, take};
use std::ops::Range;

use laser_kernels::Cpu;
use laser_model::Decoder;
use laser_rl::{
    Passes, TokenStates, check_finite, hidden_rewards, is_mixed, position_divergence,
    prediction_errors,
};
use laser_rollout::score::Sequence;

use super::diverged;
use crate::TrainError;
use crate::label::Labelled;
use crate::trainer::{Answered, Trainer};

/// A row of numbers per response of a group.
type Rows = Vec<Vec<f32>>;

impl Trainer {
    /// Fills `influence` and `divergence` as `passes` asks, from one pass of the policy as it is
    /// before the first update. Hidden states of one group and one micro-batch are held at a time.
    pub(super) fn compare_states(
        &mut self,
        step: u64,
        answered: &mut [Answered],
        passes: Passes,
    ) -> Result<(), TrainError> {
        let wanted = |(_, group): &&mut Answered| {
            passes.divergence || is_mixed(group.iter().map(|l| l.correct))
        };
        let mut wanted: Vec<&mut Answered> = answered.iter_mut().filter(wanted).collect();
        let responses = wanted
            .iter()
            .flat_map(|(prompt, group)| group.iter().map(move |l| (prompt, l)));
        let sequences: Vec<Sequence> = responses
            .map(|(prompt, l)| Sequence::plain(l.prompt(prompt), &l.response.ids))
            .collect();
        let mut groups = wanted.iter().map(|(_, group)| group.as_slice());
        let (mut held, mut next, mut found) = (Rows::new(), groups.next(), Vec::new());
        for cut in self
            .learner
            .micro_batches(&sequences, self.recipe.tokens_per_micro_batch)
        {
            let (batch, g) = self.micro_batch(&sequences[cut], |what| diverged(step, what))?;
            let (cpu, decoder) = (&self.learner.cpu, &self.learner.decoder);
            let hidden = decoder.hidden(cpu, &self.learner.ws, g.rows.len());
            let width = decoder.config.hidden_size;
            let of = |r: Range<usize>| hidden[r.start * width..r.end * width].to_vec();
            held.extend(batch.responses.into_iter().map(of));
            while let Some(group) = next.filter(|group| group.len() <= held.len()) {
                let rest = held.split_off(group.len());
                let states = replace(&mut held, rest);
                found.push(compare(cpu, decoder, passes, group, &states));
                next = groups.next();
            }
        }
        for ((_, group), [mut influence, mut divergence]) in wanted.iter_mut().zip(found) {
            for (what, rows) in [("influence", &influence), ("divergence", &divergence)] {
                for row in rows {
                    check_finite(what, row).map_err(|e| diverged(step, e.to_string()))?;
                }
            }
            for (i, l) in group.iter_mut().enumerate() {
                l.rows.influence = influence.get_mut(i).map(take).unwrap_or_default();
                l.rows.divergence = divergence.get_mut(i).map(take).unwrap_or_default();
            }
        }
        Ok(())
    }
}

/// Influence and divergence of the tokens of a group; no rows of what is not asked for.
fn compare(
    cpu: &Cpu,
    decoder: &Decoder<Cpu>,
    passes: Passes,
    group: &[Labelled],
    states: &[Vec<f32>],
) -> [Rows; 2] {
    let mut found = [Rows::new(), Rows::new()];
    if passes.influence {
        found[0] = influence(cpu, decoder, group, states);
    }
    if passes.divergence {
        found[1] = divergence(cpu, decoder, group, states);
    }
    found
}

/// THR of every token of a group, on the ids that occur in its responses; no rows in a group that
/// is right or wrong throughout. `states`: the last hidden states of each response, `[T, hidden]`.
fn influence(cpu: &Cpu, decoder: &Decoder<Cpu>, group: &[Labelled], states: &[Vec<f32>]) -> Rows {
    if !is_mixed(group.iter().map(|l| l.correct)) {
        return Rows::new();
    }
    let mut columns: Vec<u32> = group
        .iter()
        .flat_map(|l| &l.response.ids)
        .copied()
        .collect();
    columns.sort_unstable();
    columns.dedup();
    let errors = group.iter().zip(states).map(|(l, states)| {
        let mut errors = Vec::with_capacity(l.response.ids.len() * columns.len());
        decoder.distributions_of(cpu, states, |t, logp| {
            prediction_errors(logp, &columns, l.response.ids[t], &mut errors);
        });
        errors
    });
    let errors: Rows = errors.collect();
    let rows = group.iter().zip(&errors).zip(states);
    let states: Vec<TokenStates> = rows
        .map(|((l, errors), hidden)| TokenStates {
            errors,
            hidden,
            correct: l.correct,
        })
        .collect();
    hidden_rewards(&states, columns.len(), decoder.config.hidden_size)
}

/// D_t of every token's position. `states`: the last hidden states of each response, `[T, hidden]`.
fn divergence(cpu: &Cpu, decoder: &Decoder<Cpu>, group: &[Labelled], states: &[Vec<f32>]) -> Rows {
    let (width, vocabulary) = (decoder.config.hidden_size, decoder.config.vocab_size);
    let lengths = || group.iter().map(|l| l.response.ids.len());
    // Position after position, those of a position in the order of the group.
    let mut hidden = Vec::with_capacity(states.iter().map(Vec::len).sum());
    for t in 0..lengths().max().unwrap_or(0) {
        for row in states.iter().filter_map(|s| s.chunks_exact(width).nth(t)) {
            hidden.extend_from_slice(row);
        }
    }
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    decoder.distributions_of(cpu, &hidden, |_, logp| {
        rows.extend_from_slice(logp);
        let reached = lengths().filter(|n| *n > found.len()).count();
        if rows.len() == reached * vocabulary {
            found.push(position_divergence(&rows, vocabulary, group.len()) as f32);
            rows.clear();
        }
    });
    lengths().map(|n| found[..n].to_vec()).collect()
}

#[cfg(test)]
mod tests;
