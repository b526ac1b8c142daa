//! From responses to labels: the one rule of training and evaluation.

use std::sync::Arc;

use laser_rl::SelfReward;
use laser_rollout::Response;
use laser_verify::{Verdict, Verifier};

use crate::TrainError;
use crate::gold::GoldAnswer;
use crate::tasks::{Problem, task};
use laser_model::Text;

/// A response that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    pub response: Response,
    /// Its text, special tokens left out.
    pub text: String,
    /// The final answer, under which equal answers meet in a vote; none in a response of wrong
    /// form: a truncated one, or one with a special token before the stop token, which its text
    /// does not show.
    pub extracted: Option<String>,
    /// Whether the checker accepts it. A response of wrong form is never correct.
    pub correct: bool,
    /// r_s, for finished responses.
    pub score: Option<f32>,
    /// The reward that training maximises, before any penalty for length: the weighted parts in a
    /// step, r_v elsewhere. The self-reward does not see it: its target is r_v.
    pub total: f32,
    /// Names and values of the parts, in a step with more of them than the verifier.
    pub parts: Vec<(Arc<str>, f64)>,
    /// How r_s comes from log π(z_c), where there is one.
    pub rule: Option<SelfReward>,
    pub rows: TokenRows,
    /// The gold answer in the place of its own, where a recipe reads it.
    pub gold: Option<GoldAnswer>,
}

/// Numbers per token that a recipe asks for beside the sampled log-probabilities; empty otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenRows {
    /// log π_ref, nats.
    pub reference: Vec<f32>,
    /// log π after a prompt with an empty question, nats.
    pub blank: Vec<f32>,
    /// log π of the trainer before the step's first update, nats.
    pub old: Vec<f32>,
    /// Importance weights.
    pub weights: Vec<f32>,
    /// The critic's, before the first update.
    pub values: Vec<f32>,
    /// Of the critic's advantage estimation.
    pub advantages: Vec<f32>,
    /// Targets of the critic.
    pub returns: Vec<f32>,
}

impl TokenRows {
    /// Mean over the tokens, where a critic gave advantages.
    pub(crate) fn mean_advantage(&self) -> Option<f32> {
        let sum: f64 = self.advantages.iter().map(|a| f64::from(*a)).sum();
        (!self.advantages.is_empty()).then(|| (sum / self.advantages.len() as f64) as f32)
    }
}

impl Labelled {
    /// r_v.
    pub(crate) fn reward(&self) -> f32 {
        f32::from(u8::from(self.correct))
    }
}

/// The task of problems that were read from files: their answers are mathematics.
pub(crate) const FILES: &str = "files";

/// Finds the final answer of a response to a problem, and says whether it is right.
type Grade<'p> = Box<dyn Fn(&str) -> (Option<String>, bool) + 'p>;

fn grader(problem: &Problem) -> Result<Grade<'_>, TrainError> {
    if problem.task == FILES {
        let verifier = Verifier::default();
        return Ok(Box::new(move |written| {
            let outcome = verifier.verify(&problem.gold, written);
            (outcome.extracted, outcome.verdict == Verdict::Equal)
        }));
    }
    let task = task(problem.task)?;
    Ok(Box::new(move |written| {
        let extracted = task.extract(written).map(|e| e.into_owned());
        let correct = task.check(&problem.prompt, &problem.gold, written);
        (extracted, correct)
    }))
}

/// Whether a response ended by itself and has no special token before its stop token.
pub(crate) fn well_formed(text: &Text, response: &Response) -> bool {
    let body = response.ids.split_last().map_or(&[][..], |(_, body)| body);
    response.finished() && !text.has_special(body)
}

/// Labels the responses to one problem; scores come later.
pub(crate) fn label(
    text: &Text,
    problem: &Problem,
    responses: Vec<Response>,
) -> Result<Vec<Labelled>, TrainError> {
    let grade = grader(problem)?;
    responses
        .into_iter()
        .map(|response| {
            let written = text.decode(&response.ids)?;
            let (extracted, correct) = match well_formed(text, &response) {
                true => grade(&written),
                false => (None, false),
            };
            Ok(Labelled {
                response,
                text: written,
                extracted,
                correct,
                score: None,
                rule: None,
                rows: TokenRows::default(),
                gold: None,
                total: f32::from(u8::from(correct)),
                parts: Vec::new(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use laser_rollout::Finish;

    /// Whether the words are correct, and the answer found in them, as a response to `1+1=`.
    fn labelled(words: &str, finish: Finish) -> (bool, Option<String>) {
        let text = Text::from_parts(crate::demo::tokenizer_json().as_bytes(), None, None).unwrap();
        let problem = Problem {
            task: "arithmetic",
            prompt: "1+1=".into(),
            gold: "2".into(),
            solution: "1+1=2;#2".into(),
            difficulty: 1,
        };
        let ids = text.encode(words).unwrap();
        let response = Response {
            logprobs: vec![-1.0; ids.len()],
            ids,
            finish,
            self_logprob: None,
            self_certainty: None,
            drawn: 0,
        };
        let l = label(&text, &problem, vec![response]).unwrap().remove(0);
        (l.correct, l.extracted)
    }

    #[test]
    fn a_right_answer_is_found_and_accepted() {
        let right = (true, Some("2".to_owned()));
        assert_eq!(labelled("1+1=2;#2<|endoftext|>", Finish::Stop), right);
        let wrong = (false, Some("3".to_owned()));
        assert_eq!(labelled("1+1=3;#3<|endoftext|>", Finish::Stop), wrong);
    }

    #[test]
    fn a_special_token_before_the_end_is_a_failure_of_form() {
        for words in [
            "1+1=2;<|reserved_3|>#2<|endoftext|>",
            "1+1=2;#2<|reserved_3|><|endoftext|>",
            "<|self_reward|>1+1=2;#2<|endoftext|>",
        ] {
            assert_eq!(labelled(words, Finish::Stop), (false, None), "{words}");
        }
    }

    #[test]
    fn a_truncated_response_is_a_failure_of_form() {
        assert_eq!(labelled("1+1=2;#2", Finish::Length), (false, None));
        assert_eq!(labelled("", Finish::Length), (false, None));
    }
}
