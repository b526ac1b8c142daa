//! Which token a model's self-reward is read from.

use laser_model::{Retain, Workspace};
use laser_rollout::SelfRewardPosition;
use laser_rollout::score::{Batch, Prompts, Sequence, micro_batches};

use super::{Exchange, LanguageModel, TokenReference};
use crate::TrainError;

/// Largest Z − 1 at which log Z ≈ 0 holds.
pub const MAX_PARTITION_EXCESS: f64 = 1e-3;
/// Built-in noise of the score, β_v · std(log π_ref(z_c)), above which a constant c_ref is doubtful.
pub const MAX_SCORE_NOISE: f64 = 0.05;

/// A token that may serve as z_c.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// As it is written.
    pub token: String,
    /// Its id.
    pub token_id: u32,
    /// What the model says of it.
    pub reference: TokenReference,
}

/// The position of the best candidate for a β_v: of those with Z − 1 within
/// [`MAX_PARTITION_EXCESS`] the one whose score has the least built-in noise. Where none is within
/// it, the one that needs the smallest β_v. `None` for no candidates.
pub fn best_candidate(candidates: &[Candidate], beta_v: f32) -> Option<usize> {
    let holds = |c: &Candidate| c.reference.partition_excess(beta_v) <= MAX_PARTITION_EXCESS;
    let none = !candidates.iter().any(holds);
    let order = |c: &Candidate| match none {
        true => c.reference.smallest_beta_v(MAX_PARTITION_EXCESS),
        false => c.reference.noise(beta_v),
    };
    let usable = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| none || holds(c));
    usable
        .min_by(|(_, a), (_, b)| order(a).total_cmp(&order(b)))
        .map(|(i, _)| i)
}

impl LanguageModel {
    /// Tokens that may serve as z_c, with their ids: with `all` the special tokens that nothing
    /// uses, and the given ones.
    ///
    /// # Errors
    /// A given token that the tokenizer does not have, or that ends responses.
    pub fn candidates(&self, all: bool, own: &[String]) -> Result<Vec<(String, u32)>, TrainError> {
        let mut found = Vec::new();
        if all {
            for id in self.text.unused_special_tokens(&self.eos)? {
                found.extend(self.text.token(id).map(|token| (token, id)));
            }
        }
        for token in own {
            let fail = |problem: &str| TrainError::Value {
                place: self.dir.display().to_string(),
                key: "token".into(),
                value: format!("\"{token}\""),
                problem: problem.into(),
            };
            let id = self.text.token_id(token).ok_or_else(|| {
                fail("the tokenizer has no such token; name one of its unused special tokens")
            })?;
            if self.eos.contains(&id) {
                return Err(fail(
                    "it ends responses (EOS); name a token that is never used",
                ));
            }
            if !found.iter().any(|f| f.1 == id) {
                found.push((token.clone(), id));
            }
        }
        Ok(found)
    }

    /// log p of each of `ids` after each exchange, nats, `[exchanges][ids]`: one head operation for
    /// all ids, at most `max_tokens` tokens of text at a time.
    ///
    /// # Errors
    /// Ids that the model cannot read, and weights that are not numbers.
    pub fn logprobs_after(
        &self,
        exchanges: &[Exchange],
        ids: &[u32],
        max_tokens: usize,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        self.check_exchanges(exchanges)?;
        if ids.is_empty() {
            return Ok(vec![Vec::new(); exchanges.len()]);
        }
        for id in ids {
            self.check_ids(&[*id], 0)?;
        }
        let sequences = exchanges
            .iter()
            .map(|e| Sequence::plain(e.prompt, e.response));
        let sequences: Vec<Sequence> = sequences.collect();
        let mut ws = Workspace::new(&self.cpu, &self.decoder.config, Retain::Nothing);
        let mut all = Vec::with_capacity(sequences.len());
        for cut in micro_batches(&sequences, max_tokens, Prompts::Own) {
            let batch = Batch::new(&sequences[cut], SelfRewardPosition::AfterEos, Prompts::Own);
            let last = |i: usize| batch.segments.range(i).end as u32 - 1;
            let rows: Vec<u32> = (0..batch.segments.count()).map(last).collect();
            let targets = ids.repeat(rows.len());
            self.decoder
                .forward(&self.cpu, &mut ws, &batch.ids, &batch.segments);
            let gathered = self.decoder.gather(&self.cpu, &mut ws, rows, targets);
            self.check_numbers(gathered.logp.iter())?;
            all.extend(gathered.logp.chunks(ids.len()).map(<[f32]>::to_vec));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u32, logps: &[f32]) -> Candidate {
        Candidate {
            token: format!("<{id}>"),
            token_id: id,
            reference: TokenReference::measure(logps).unwrap(),
        }
    }

    #[test]
    fn the_least_noise_wins_among_those_that_are_rare_enough() {
        let candidates = [
            candidate(0, &[-12.0, -12.0]),
            candidate(1, &[-23.0, -25.0]),
            candidate(2, &[-20.0, -20.5]),
        ];
        assert_eq!(best_candidate(&candidates, 0.1), Some(2));
        // With this one all of them are.
        assert_eq!(best_candidate(&candidates, 1.0), Some(0));
        assert_eq!(best_candidate(&[], 0.1), None);
    }

    #[test]
    fn where_none_is_rare_enough_the_smallest_beta_v_decides() {
        let candidates = [candidate(0, &[-8.0, -8.0]), candidate(1, &[-9.0, -11.0])];
        assert_eq!(best_candidate(&candidates, 0.05), Some(1));
    }
}
