//! A second turn: every response is followed by an instruction and a second attempt.

use laser_rng::Rng;
use laser_rollout::Sampling;
use serde_json::{Map, Value, json};

use super::Group;
use crate::TrainError;
use crate::label::{Asked, Labelled, label};
use crate::recipe::Correction;
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer};

impl Trainer {
    /// First attempts with the second ones after them: the groups 2i and 2i + 1 are those at problem
    /// i. The first ones get their weights of this step.
    pub(super) fn correct(
        &self,
        correction: &Correction,
        step: u64,
        problems: Vec<Problem>,
        first: Vec<Answered>,
        seed: [u64; 2],
    ) -> Result<(Vec<Problem>, Vec<Answered>), TrainError> {
        let seconds = self.second_attempts(
            correction,
            &problems,
            &first,
            seed,
            self.recipe.rollout.sampling,
        )?;
        let mut answered = Vec::with_capacity(2 * problems.len());
        for (mut first, second) in first.into_iter().zip(seconds) {
            for l in &mut first.1 {
                l.weights = correction.first_turn(step);
            }
            answered.extend([first, second]);
        }
        let twice = problems.into_iter().flat_map(|p| [p.clone(), p]);
        Ok((twice.collect(), answered))
    }

    /// Second attempts after given first ones, a group for each of theirs: response j follows their
    /// response j. `seed` is that of the first ones.
    pub(crate) fn second_attempts(
        &self,
        correction: &Correction,
        problems: &[Problem],
        first: &[Answered],
        seed: [u64; 2],
        sampling: Sampling,
    ) -> Result<Vec<Answered>, TrainError> {
        let mut asked = Vec::new();
        for (problem, (prompt, group)) in problems.iter().zip(first) {
            let said =
                self.problems
                    .instruction(&self.learner.text, problem, &correction.instruction)?;
            asked.extend(group.iter().map(|l| Asked {
                text: format!("{}{}{}", problem.prompt, l.text, said.text),
                ids: [prompt, body(l), &said.ids].concat(),
            }));
        }
        let prompts = asked.iter().map(|a| a.ids.clone()).collect();
        let stream = Stream::Correction.seed(self.recipe.seed);
        let seed = Rng::from_words(&[stream, seed[0], seed[1]]).next_u64();
        let generation = self.generation(sampling);
        let sampled = self.learner.sample_ids(prompts, 1, &[seed], &generation)?;
        let mut responses = sampled.into_iter().flat_map(|s| s.responses);
        let mut asked = asked.into_iter();
        let mut seconds = Vec::with_capacity(problems.len());
        for (problem, (prompt, group)) in problems.iter().zip(first) {
            let own = responses.by_ref().take(group.len()).collect();
            let mut second = label(&self.learner.text, problem, own)?;
            for (l, asked) in second.iter_mut().zip(asked.by_ref()) {
                l.asked = Some(asked);
            }
            seconds.push((prompt.clone(), second));
        }
        self.score(&mut seconds);
        Ok(seconds)
    }
}

/// The tokens of a response without the one that ended it: what follows has its own way to end a
/// turn.
fn body(l: &Labelled) -> &[u32] {
    match (l.response.finished(), l.response.ids.split_last()) {
        (true, Some((_, body))) => body,
        _ => &l.response.ids,
    }
}

/// How the second attempts compare with the first.
pub(super) fn measure_correction(groups: &[Group], metrics: &mut Map<String, Value>) {
    let pairs: Vec<(&Labelled, &Labelled)> = groups
        .chunks_exact(2)
        .flat_map(|attempts| attempts[0].1.iter().zip(&attempts[1].1))
        .map(|((first, _), (second, _))| (first, second))
        .collect();
    let share = |of: &dyn Fn(&Labelled, &Labelled) -> bool| {
        let count = pairs.iter().filter(|(a, b)| of(a, b)).count();
        count as f64 / pairs.len().max(1) as f64
    };
    let first = share(&|a, _| a.correct);
    let second = share(&|_, b| b.correct);
    for (key, value) in [
        ("correction/accuracy_first", first),
        ("correction/accuracy_second", second),
        ("correction/accuracy_delta", second - first),
        ("correction/fixed", share(&|a, b| !a.correct && b.correct)),
        ("correction/broken", share(&|a, b| a.correct && !b.correct)),
        (
            "correction/repeated",
            share(&|a, b| a.response.ids == b.response.ids),
        ),
    ] {
        metrics.insert(key.into(), json!(value));
    }
}
