//! The responses that a step learns from, with their rewards.

use laser_rl::{Refill, RefillStep, is_informative};
use laser_rng::Rng;
use laser_rollout::RolloutError;

use super::diverged;
use super::rivals::Rivals;
use super::views::number_answers;
use crate::TrainError;
use crate::self_judge::Questioned;
use crate::tasks::Problem;
use crate::trainer::{Answered, Stream, Trainer};

/// The problems of a step and what was sampled for them.
pub(super) struct Rollout {
    pub problems: Vec<Problem>,
    pub answered: Vec<Answered>,
    /// Groups that were sampled, those that dynamic sampling dropped included.
    pub sampled: usize,
    pub refills: u32,
    /// Of the frozen base model, group by group; empty where no method compares with them.
    pub rivals: Vec<Rivals>,
}

impl Trainer {
    /// The responses that a step learns from.
    pub(super) fn roll_out(&mut self, step: u64) -> Result<Rollout, TrainError> {
        let r = self.recipe.clone();
        let count = r.rollout.prompts;
        let stream = Stream::Reinforce.seed(r.seed);
        let first = (step - 1) * count as u64;
        let problems = self.views(stream, first, count)?;
        let (problems, answered) = self.sample(step, problems, [stream, step])?;
        let mut rollout = Rollout {
            sampled: count,
            refills: 0,
            rivals: Vec::new(),
            problems,
            answered,
        };
        if r.rollout.refills == 0 {
            return Ok(rollout);
        }
        // Groups whose rewards are all the same have no advantage. If even the last round leaves
        // none other, they are trained on as they are: the self-reward learns from them.
        let plan = Refill {
            groups: count,
            at_least: 1,
            max_refills: r.rollout.refills,
        };
        let pairs = rollout.problems.drain(..).zip(rollout.answered.drain(..));
        let (mut kept, dropped): (Vec<_>, Vec<_>) = pairs.partition(|(_, a)| informative(a));
        loop {
            match plan.next(kept.len(), rollout.refills) {
                RefillStep::Train(groups) => kept.truncate(groups),
                RefillStep::Fail => kept = dropped,
                RefillStep::More(missing) => {
                    rollout.refills += 1;
                    let words = [
                        Stream::Refill.seed(r.seed),
                        step,
                        u64::from(rollout.refills),
                    ];
                    let stream = Rng::from_words(&words).next_u64();
                    let problems = self.problems(stream, 0, missing)?;
                    let (problems, answered) = self.sample(step, problems, [stream, step])?;
                    rollout.sampled += missing;
                    kept.extend(
                        problems
                            .into_iter()
                            .zip(answered)
                            .filter(|(_, a)| informative(a)),
                    );
                    continue;
                }
            }
            break;
        }
        (rollout.problems, rollout.answered) = kept.into_iter().unzip();
        Ok(rollout)
    }

    /// Responses to problems, with their rewards, and the problem of each group.
    fn sample(
        &mut self,
        step: u64,
        mut problems: Vec<Problem>,
        seed: [u64; 2],
    ) -> Result<(Vec<Problem>, Vec<Answered>), TrainError> {
        let recipe = self.recipe.clone();
        let r = &recipe.rollout;
        let broken = |e| match e {
            TrainError::Rollout(e @ RolloutError::Sampling { .. }) => diverged(step, e.to_string()),
            other => other,
        };
        let mut answered = self
            .respond(&problems, r.samples, seed, r.sampling)
            .map_err(broken)?;
        if r.views > 1 {
            number_answers(&problems, &mut answered, r.views);
        }
        if let Some(correction) = &recipe.correction {
            (problems, answered) = self
                .correct(correction, step, problems, answered, seed)
                .map_err(broken)?;
        }
        self.reward(&problems, &mut answered, seed)?;
        self.continue_prefixes(&problems, &mut answered, seed)?;
        Ok((problems, answered))
    }

    /// Gives responses their rewards. `seed` names the randomness of what is sampled for them.
    pub(super) fn reward(
        &mut self,
        problems: &[Problem],
        answered: &mut [Answered],
        seed: [u64; 2],
    ) -> Result<(), TrainError> {
        let policy = Questioned {
            learner: &self.learner,
            problems: &self.problems,
            zc: self.zc,
            seed: [Stream::Judgement.seed(seed[0]), seed[1]],
        };
        self.rewards.apply(problems, answered, policy)
    }
}

fn informative((_, group): &Answered) -> bool {
    let rewards: Vec<f32> = group.iter().map(|l| l.total).collect();
    is_informative(&rewards)
}
