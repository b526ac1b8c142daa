//! Several views of one problem in a step: which of their answers are equal, and what they elect.

use laser_rl::majority;
use laser_verify::Groups;
use serde_json::{Map, Value, json};

use super::Group;
use crate::label::FILES;
use crate::tasks::Problem;
use crate::trainer::Answered;

/// Numbers the answers to each problem, of which `views` groups lie next to each other: equal
/// answers get equal numbers, in the order of the responses. Those of files are equal by the
/// verifier; a task's keys by their text.
pub(super) fn number_answers(problems: &[Problem], answered: &mut [Answered], views: usize) {
    for (problems, answered) in problems.chunks(views).zip(answered.chunks_mut(views)) {
        let mut numbers: Box<dyn FnMut(&str) -> usize> = match problems[0].task == FILES {
            true => {
                let mut groups = Groups::default();
                Box::new(move |answer| groups.add(answer))
            }
            false => {
                let mut keys: Vec<String> = Vec::new();
                Box::new(move |answer| {
                    keys.iter().position(|k| k == answer).unwrap_or_else(|| {
                        keys.push(answer.to_owned());
                        keys.len() - 1
                    })
                })
            }
        };
        for l in answered.iter_mut().flat_map(|(_, group)| group) {
            l.answer = l.extracted.as_deref().map(|a| numbers(a) as u32);
        }
    }
}

/// What the votes of the views are worth.
pub(super) fn measure_views(groups: &[Group], views: usize, metrics: &mut Map<String, Value>) {
    let (mut right, mut agreed) = (0, 0);
    for problem in groups.chunks(views) {
        let votes: Vec<Option<u32>> = problem
            .iter()
            .map(|(_, group)| majority(group.iter().map(|(l, _)| l.answer)))
            .collect();
        for ((_, group), vote) in problem.iter().zip(&votes) {
            let elected = vote.and_then(|v| group.iter().find(|(l, _)| l.answer == Some(v)));
            right += usize::from(elected.is_some_and(|(l, _)| l.correct));
        }
        agreed += usize::from(votes[0].is_some() && votes.iter().all(|v| *v == votes[0]));
    }
    let share = |count: usize, of: usize| json!(count as f64 / of.max(1) as f64);
    metrics.insert("views/vote_accuracy".into(), share(right, groups.len()));
    let problems = groups.len() / views;
    metrics.insert("views/agreement".into(), share(agreed, problems));
}
