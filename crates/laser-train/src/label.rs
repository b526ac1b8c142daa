//! From responses to labels: the one rule of training and evaluation.

use laser_rl::SelfReward;
use laser_rollout::Response;

use crate::TrainError;
use crate::tasks::{Problem, task};
use laser_model::Text;

/// A response that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    pub response: Response,
    /// Its text, special tokens left out.
    pub text: String,
    /// The final answer, under which equal answers meet in a vote.
    pub extracted: Option<String>,
    /// Whether the checker accepts it. A truncated response is never correct.
    pub correct: bool,
    /// r_s, for finished responses.
    pub score: Option<f32>,
}

impl Labelled {
    /// r_v.
    pub(crate) fn reward(&self) -> f32 {
        f32::from(u8::from(self.correct))
    }
}

/// Labels the responses to one problem.
pub(crate) fn label(
    text: &Text,
    problem: &Problem,
    responses: Vec<Response>,
    self_reward: Option<&SelfReward>,
) -> Result<Vec<Labelled>, TrainError> {
    let task = task(problem.task)?;
    responses
        .into_iter()
        .map(|response| {
            let written = text.decode(&response.ids)?;
            let finished = response.finished();
            let extracted = task
                .extract(&written)
                .filter(|_| finished)
                .map(|e| e.into_owned());
            let correct = finished && task.check(&problem.prompt, &problem.gold, &written);
            let score = self_reward
                .zip(response.self_logprob)
                .map(|(s, logp)| s.score(logp));
            Ok(Labelled {
                response,
                text: written,
                extracted,
                correct,
                score,
            })
        })
        .collect()
}
