//! Who learns from a teacher in a step, and what is learned from it in a micro-batch.

use std::ops::Range;

use laser_model::Gathered;
use laser_rl::{Branch, Lesson, dynamic_weights};
use laser_rollout::score::{Batch, Sequence};

use crate::TrainError;
use crate::label::{Hint, Labelled, Learns};
use crate::reference::{Reading, Reference};
use crate::tasks::Problem;
use crate::trainer::{Answered, Trainer};

/// What was decided about the responses of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Routed {
    /// Responses that learn from the teacher.
    pub taught: usize,
    /// Responses that would, if a hint left room for them in the context.
    pub unfit: usize,
    /// The largest dynamic weight of a token, where tokens have some.
    pub largest_weight: Option<f32>,
}

impl Trainer {
    /// Decides what every response learns from, where the recipe distils.
    pub(super) fn route(
        &self,
        problems: &[Problem],
        answered: &mut [Answered],
    ) -> Result<Option<Routed>, TrainError> {
        let (Some(rule), Some(hints)) = (&self.recipe.distillation, &self.hints) else {
            return Ok(None);
        };
        let Some(teacher) = &self.reference else {
            return Ok(None);
        };
        let (text, room) = (&self.learner.text, teacher.decoder.context());
        let mut routed = Routed::default();
        for (problem, (_, group)) in problems.iter().zip(&mut *answered) {
            let success: Vec<bool> = group
                .iter()
                // Right ends of other continuations make no response correct.
                .map(|l| f64::from(l.total - l.continued as f32) >= rule.success)
                .collect();
            // A sibling's prompt is the same for all that read it.
            let mut prompts: Vec<Option<Vec<u32>>> = Vec::with_capacity(group.len());
            for (l, success) in group.iter().zip(&success) {
                let ids = || hints.ids(&self.problems, text, problem, &l.text);
                prompts.push(success.then(ids).transpose()?);
            }
            let fits = |i: usize, j: usize| {
                let prompt = prompts[j].as_ref().map_or(usize::MAX, Vec::len);
                prompt.saturating_add(group[i].response.ids.len()) <= room
            };
            let branches = rule.route.branches(&success, fits);
            let wanted = rule.route.branches(&success, |_, _| true);
            for ((l, branch), wanted) in group.iter_mut().zip(branches).zip(wanted) {
                routed.unfit += usize::from(branch != wanted && !is_teacher(branch));
                routed.taught += usize::from(is_teacher(branch));
                l.learns = match branch {
                    Branch::Policy => Learns::Policy,
                    Branch::Nothing => Learns::Nothing,
                    Branch::Teacher(sibling) => Learns::Teacher(Hint {
                        prompt: prompts[sibling].clone().unwrap_or_default(),
                        weights: Vec::new(),
                    }),
                };
            }
        }
        if rule.entropy_weight > 0.0 && routed.taught > 0 {
            let largest = self.weigh(teacher, rule.entropy_weight, answered);
            routed.largest_weight = Some(largest);
        }
        Ok(Some(routed))
    }

    /// Gives the tokens of taught responses their dynamic weights; the largest of them. The
    /// teacher does not change within a step, so one pass before the first update serves all.
    fn weigh(&self, teacher: &Reference, beta: f64, answered: &mut [Answered]) -> f32 {
        let mut taught: Vec<(&mut Hint, &[u32])> = answered
            .iter_mut()
            .flat_map(|(_, group)| group)
            .filter_map(|l| match &mut l.learns {
                Learns::Teacher(hint) => Some((hint, l.response.ids.as_slice())),
                Learns::Policy | Learns::Nothing => None,
            })
            .collect();
        let drawn: Vec<(Sequence, &[u32])> = taught
            .iter()
            .map(|(hint, ids)| (Sequence::plain(&hint.prompt, ids), *ids))
            .collect();
        let readings = self.teacher_reads(teacher, &drawn);
        let entropies: Vec<Vec<f32>> = readings.into_iter().map(|r| r.entropy).collect();
        let weights = dynamic_weights(beta, &entropies);
        let largest = weights.iter().flatten().copied().fold(0.0, f32::max);
        for ((hint, _), weights) in taught.iter_mut().zip(weights) {
            hint.weights = weights;
        }
        largest
    }

    fn teacher_reads(&self, teacher: &Reference, of: &[(Sequence, &[u32])]) -> Vec<Reading> {
        let tokens = self.recipe.tokens_per_micro_batch;
        teacher.read(&self.learner.cpu, of, tokens)
    }

    /// What the responses of a micro-batch learn from the teacher, each with its scale; `None` where
    /// none does, and no teacher is asked. `gathered` has the drawn tokens and beside them the ids
    /// of the divergence.
    pub(super) fn taught(
        &self,
        responses: &[(&[u32], &Labelled, f32)],
        scales: &[f64],
        batch: &Batch,
        gathered: &Gathered,
    ) -> Option<Taught> {
        let rule = self.recipe.distillation.as_ref()?;
        let teacher = self.reference.as_ref()?;
        let width = gathered.width();
        let rows = responses.iter().zip(scales).zip(&batch.responses);
        let taught: Vec<(&Labelled, &Hint, f64, Range<usize>)> = rows
            .filter_map(|(((_, l, _), scale), rows)| {
                let entries = rows.start * width..rows.end * width;
                Some((*l, l.learns.hint()?, *scale, entries))
            })
            .collect();
        if taught.is_empty() {
            return None;
        }
        let of: Vec<(Sequence, &[u32])> = taught
            .iter()
            .map(|(l, hint, _, entries)| {
                let sequence = Sequence::plain(&hint.prompt, &l.response.ids);
                (sequence, &gathered.ids[entries.clone()])
            })
            .collect();
        let readings = self.teacher_reads(teacher, &of);
        let loss = rule.loss(self.learner.decoder.config.vocab_size);
        let mut dlogp = vec![0.0; gathered.logp.len()];
        let losses = taught
            .into_iter()
            .zip(&readings)
            .map(|((l, hint, scale, entries), reading)| {
                let lesson = Lesson {
                    student: &gathered.logp[entries.clone()],
                    teacher: &reading.logp,
                    old: &l.response.logprobs,
                    weights: &hint.weights,
                };
                loss.apply(&lesson, scale, &mut dlogp[entries])
            })
            .collect();
        Some(Taught {
            losses,
            width,
            dlogp,
        })
    }
}

fn is_teacher(branch: Branch) -> bool {
    matches!(branch, Branch::Teacher(_))
}

/// What a micro-batch learns from a teacher.
pub(super) struct Taught {
    /// The loss of each response that is taught.
    pub losses: Vec<f64>,
    width: usize,
    /// `[R, K]`.
    dlogp: Vec<f32>,
}

impl Taught {
    /// The gradient by all that was gathered, from that by the drawn tokens, `[R]`.
    pub(super) fn with(mut self, drawn: &[f32]) -> Vec<f32> {
        for (row, drawn) in self.dlogp.chunks_exact_mut(self.width).zip(drawn) {
            row[0] += drawn;
        }
        self.dlogp
    }
}
