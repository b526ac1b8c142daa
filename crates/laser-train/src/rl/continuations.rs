//! Other ends of a step's responses, which rate how they begin.

use laser_rollout::{Generation, Response};

use crate::TrainError;
use crate::label::label;
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer};

/// A response whose prefix is continued.
struct Begun {
    group: usize,
    response: usize,
    /// Tokens of the prefix.
    tokens: usize,
}

impl Trainer {
    /// Samples `rollout.continuations` other ends to the prefix of every response, counts those
    /// that the verifier accepts together with their prefix, and adds their number to the reward
    /// of the response. Where the prefix is the whole response, so is each of its continuations.
    /// A continuation may be as long as the response could have been. All are sampled in one call;
    /// `seed` names the step's randomness as for the responses themselves.
    pub(super) fn continue_prefixes(
        &self,
        problems: &[Problem],
        answered: &mut [Answered],
        seed: [u64; 2],
    ) -> Result<(), TrainError> {
        let r = &self.recipe.rollout;
        if r.continuations == 0 {
            return Ok(());
        }
        let (mut begun, mut prompts, mut generations) = (Vec::new(), Vec::new(), Vec::new());
        for (group, (prompt, responses)) in answered.iter_mut().enumerate() {
            for (response, l) in responses.iter_mut().enumerate() {
                let ids = &l.response.ids;
                let tokens = self.coefficients.prefix.tokens(ids.len());
                if tokens == ids.len() {
                    l.continued = r.continuations * usize::from(l.correct);
                    continue;
                }
                prompts.push([l.prompt(prompt), &ids[..tokens]].concat());
                generations.push(Generation {
                    max_new_tokens: r.max_new_tokens - tokens,
                    ..self.generation(r.sampling)
                });
                begun.push(Begun {
                    group,
                    response,
                    tokens,
                });
            }
        }
        let seed = [Stream::Continuation.seed(seed[0]), seed[1]];
        let sampled = self
            .learner
            .sample_each(prompts, r.continuations, &seed, &generations)?;
        for (begun, ends) in begun.iter().zip(sampled) {
            let l = &mut answered[begun.group].1[begun.response];
            let prefix = &l.response.ids[..begun.tokens];
            let whole = |end: Response| Response {
                ids: [prefix, &end.ids].concat(),
                // Those of the end alone would not fit.
                logprobs: Vec::new(),
                ..end
            };
            let aside: usize = ends.responses.iter().map(|end| end.ids.len()).sum();
            let ends: Vec<Response> = ends.responses.into_iter().map(whole).collect();
            let ends = label(&self.learner.text, &problems[begun.group], ends)?;
            l.continued = ends.iter().filter(|end| end.correct).count();
            l.aside += aside;
        }
        for l in answered.iter_mut().flat_map(|(_, group)| group) {
            l.total += l.continued as f32;
        }
        Ok(())
    }
}
