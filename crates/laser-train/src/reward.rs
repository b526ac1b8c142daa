//! The reward of a response: the weighted sum of the recipe's parts.

use std::sync::Arc;

use laser_model::Text;
use laser_reward::{Command, Http, Item, Judge, RewardError, Scorer};
use laser_rl::length_reward;
use laser_rollout::RolloutError;

use crate::TrainError;
use crate::files::decimal;
use crate::label::Labelled;
use crate::problems::Problems;
use crate::recipe::{PartKind, RewardPart};
use crate::self_judge::{Questioned, SelfJudge};
use crate::tasks::Problem;
use crate::trainer::Answered;

/// The parts, ready to score: the programs of the user's run.
pub(crate) struct Rewards(Vec<Part>);

struct Part {
    name: Arc<str>,
    weight: f64,
    kind: Kind,
}

enum Kind {
    Verifier,
    Format { gate: bool },
    Length,
    SelfJudge(Box<SelfJudge>),
    External(Box<dyn Scorer>),
}

impl Rewards {
    /// Starts what must run; a program that is not there shows here, before anything is written.
    pub(crate) fn start(parts: &[RewardPart]) -> Result<Self, TrainError> {
        let start = |p: &RewardPart| -> Result<Part, RewardError> {
            Ok(Part {
                name: p.name().into(),
                weight: p.weight,
                kind: match p.part {
                    PartKind::Verifier => Kind::Verifier,
                    PartKind::Format => Kind::Format {
                        gate: p.gate.unwrap_or(true),
                    },
                    PartKind::Length => Kind::Length,
                    PartKind::Command => {
                        Kind::External(Box::new(Command::start(p.command_settings())?))
                    }
                    PartKind::Http => Kind::External(Box::new(Http::new(p.endpoint())?)),
                    PartKind::SelfJudge => Kind::SelfJudge(Box::new(SelfJudge::new(p)?)),
                    PartKind::Judge => Kind::External(Box::new(Judge::new(p.judge_settings())?)),
                },
            })
        };
        let parts = parts.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Rewards(parts))
    }

    /// Checks that the policy can be asked what the parts ask it. Returns the most tokens that a
    /// judgement takes beside the problem's prompt and the response; 0 where none is asked for.
    pub(crate) fn judgement_tokens(
        &self,
        text: &Text,
        problems: &Problems,
    ) -> Result<usize, TrainError> {
        let mut most = 0;
        for part in &self.0 {
            if let Kind::SelfJudge(judge) = &part.kind {
                most = most.max(judge.check(text, problems)?);
            }
        }
        Ok(most)
    }

    /// Gives the responses to problems their reward and its parts. `by` is the policy. All groups
    /// are scored at once, in their order, so that nothing depends on how the work is divided.
    pub(crate) fn apply(
        &mut self,
        problems: &[Problem],
        answered: &mut [Answered],
        by: Questioned,
    ) -> Result<(), TrainError> {
        let reads = |p: &Part| matches!(p.kind, Kind::External(_) | Kind::SelfJudge(_));
        let items = match self.0.iter().any(reads) {
            true => items(problems, answered),
            false => Vec::new(),
        };
        let values = self
            .0
            .iter_mut()
            .enumerate()
            .map(|(i, part)| {
                // Judges of the same words are to be different samples.
                let by = Questioned {
                    seed: [by.seed[0].wrapping_add(i as u64), by.seed[1]],
                    ..by
                };
                part.values(answered, &items, by)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let alone = matches!(
            self.0[..],
            [Part {
                kind: Kind::Verifier,
                ..
            }]
        );
        let responses = answered.iter_mut().flat_map(|(_, group)| group);
        for (i, response) in responses.enumerate() {
            let parts = || self.0.iter().zip(&values).map(|(p, v)| (p, v[i]));
            response.total = total(parts())?;
            if !alone {
                response.parts = parts().map(|(p, x)| (p.name.clone(), x)).collect();
            }
        }
        Ok(())
    }
}

impl Part {
    /// Its value for each response, in order.
    fn values(
        &mut self,
        answered: &mut [Answered],
        items: &[Item],
        by: Questioned,
    ) -> Result<Vec<f64>, TrainError> {
        let each = |f: &dyn Fn(&Labelled) -> bool| {
            let all = answered.iter().flat_map(|(_, group)| group);
            all.map(|l| f64::from(u8::from(f(l)))).collect()
        };
        Ok(match &mut self.kind {
            Kind::Verifier => each(&|l| l.correct),
            Kind::Format { .. } => each(&has_form),
            Kind::Length => answered
                .iter()
                .flat_map(|(_, group)| {
                    let lengths: Vec<usize> = group.iter().map(|l| l.response.ids.len()).collect();
                    let correct: Vec<bool> = group.iter().map(|l| l.correct).collect();
                    length_reward(&lengths, &correct)
                })
                .map(decimal)
                .collect(),
            Kind::SelfJudge(judge) => {
                let responses = answered.iter_mut().flat_map(|(_, group)| group);
                judge.rate(items, &mut responses.collect::<Vec<_>>(), by)?
            }
            Kind::External(scorer) => {
                let monitor = &by.learner.monitor;
                scorer
                    .score(items, &|| monitor.cancelled())
                    .map_err(|e| match e {
                        RewardError::Cancelled => TrainError::Rollout(RolloutError::Cancelled),
                        other => TrainError::Reward(other),
                    })?
            }
        })
    }
}

/// An answer is extracted only from a response that ended by itself without a special token.
fn has_form(response: &Labelled) -> bool {
    response.extracted.is_some()
}

/// The weighted sum. Behind a gate a response without the form gets at most 0: what it would get
/// from other parts is taken away, but a penalty stays, or breaking the form would be a way out of
/// it.
fn total<'a>(parts: impl Iterator<Item = (&'a Part, f64)>) -> Result<f32, TrainError> {
    let (mut sum, mut open) = (0.0, true);
    for (part, value) in parts {
        sum += part.weight * value;
        open &= value > 0.0 || !matches!(part.kind, Kind::Format { gate: true });
    }
    let total = if open { sum } else { f64::min(sum, 0.0) } as f32;
    match total.is_finite() {
        true => Ok(total),
        false => Err(TrainError::Reward(RewardError::Setting {
            part: "all".into(),
            key: "weight",
            problem: format!(
                "the weighted sum of a response is {sum:e}, beyond what training can use; lower the weights or the rewards"
            ),
        })),
    }
}

fn items(problems: &[Problem], answered: &[Answered]) -> Vec<Item> {
    let groups = problems.iter().zip(answered);
    groups
        .flat_map(|(problem, (_, group))| {
            group.iter().map(|l| Item {
                prompt: l.question(problem).to_owned(),
                response: l.text.clone(),
                gold: problem.gold.clone(),
                extracted: l.extracted.clone(),
                correct: l.correct,
                finish: l.response.finish.as_str(),
                length: l.response.ids.len(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[(f64, Kind, f64)]) -> Result<f32, TrainError> {
        let parts: Vec<(Part, f64)> = parts
            .iter()
            .map(|(weight, kind, value)| {
                let kind = match kind {
                    Kind::Format { gate } => Kind::Format { gate: *gate },
                    Kind::Length => Kind::Length,
                    _ => Kind::Verifier,
                };
                let part = Part {
                    name: "x".into(),
                    weight: *weight,
                    kind,
                };
                (part, *value)
            })
            .collect();
        total(parts.iter().map(|(p, x)| (p, *x)))
    }

    #[test]
    fn the_reward_is_the_weighted_sum() {
        let parts = [(1.0, Kind::Verifier, 1.0), (-0.5, Kind::Length, 0.5)];
        assert_eq!(sum(&parts).unwrap(), 0.75);
        assert_eq!(sum(&[(1.0, Kind::Verifier, 0.0)]).unwrap(), 0.0);
    }

    #[test]
    fn behind_a_gate_a_response_without_the_form_gets_nothing_and_keeps_its_penalty() {
        let of = |gate, form, value| {
            let parts = [
                (0.25, Kind::Format { gate }, form),
                (1.0, Kind::Length, value),
            ];
            sum(&parts).unwrap()
        };
        assert_eq!(of(true, 1.0, 0.5), 0.75);
        assert_eq!(of(true, 0.0, 0.5), 0.0);
        assert_eq!(of(true, 0.0, -0.5), -0.5);
        assert_eq!(of(false, 0.0, 0.5), 0.5);
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_an_error() {
        assert!(sum(&[(1e30, Kind::Length, 1e30)]).is_err());
    }
}
