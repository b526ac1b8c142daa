//! From responses to labels: the one rule of training and evaluation.

use std::sync::Arc;

use laser_rl::{LossWeights, SelfReward};
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
    /// What was read before it, where that is another prompt than its group's.
    pub asked: Option<Asked>,
    /// What its losses count.
    pub weights: LossWeights,
    /// Its text, special tokens left out.
    pub text: String,
    /// The final answer, under which equal answers meet in a vote; none in a response of wrong
    /// form: a truncated one, or one with a special token before the stop token, which its text
    /// does not show.
    pub extracted: Option<String>,
    /// Number of `extracted` among the answers to the problem, where a step compares them.
    pub answer: Option<u32>,
    /// Whether the checker accepts it. A response of wrong form is never correct.
    pub correct: bool,
    /// r_s, for finished responses.
    pub score: Option<f32>,
    /// The reward that training maximises, before any penalty for length: the weighted parts in a
    /// step, and the right continuations of its prefix; r_v elsewhere. The self-reward does not see it: its target is r_v.
    pub total: f32,
    /// Names and values of the parts, in a step with more of them than the verifier.
    pub parts: Vec<(Arc<str>, f64)>,
    /// Continuations of its prefix that the verifier accepts, where there are any; in `total`.
    pub continued: usize,
    /// Tokens that were sampled because of it, beside its own: continuations, judgements.
    pub aside: usize,
    /// Judgements by the policy itself that were asked for, and those of them that no number could
    /// be read from.
    pub judgements: [usize; 2],
    /// How r_s comes from log π(z_c), where there is one.
    pub rule: Option<SelfReward>,
    pub rows: TokenRows,
    /// What a step learns from it, the self-reward's loss aside.
    pub learns: Learns,
    /// The gold answer in the place of its own, where a recipe reads it.
    pub gold: Option<GoldAnswer>,
}

/// What a response learns from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Learns {
    /// Its advantage.
    #[default]
    Policy,
    /// A teacher.
    Teacher(Hint),
    /// Neither.
    Nothing,
}

impl Learns {
    /// What the teacher has read, where there is one.
    pub(crate) fn hint(&self) -> Option<&Hint> {
        match self {
            Learns::Teacher(hint) => Some(hint),
            Learns::Policy | Learns::Nothing => None,
        }
    }
}

/// What a teacher reads before a response.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    /// Ids of its prompt.
    pub prompt: Vec<u32>,
    /// Weights of the response's tokens; empty where all have 1.
    pub weights: Vec<f32>,
}

/// A prompt of a response's own.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub text: String,
    pub ids: Vec<u32>,
}

/// Numbers per token that a recipe asks for beside the sampled log-probabilities; empty otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenRows {
    /// log π_ref, nats.
    pub reference: Vec<f32>,
    /// log π after a prompt with an empty question, nats.
    pub blank: Vec<f32>,
    /// THR before the step's first update; empty in a group that is right or wrong throughout.
    pub influence: Vec<f32>,
    /// How much the distributions of the group differ at each position, before the first update.
    pub divergence: Vec<f32>,
    /// log π of the guide model, nats.
    pub guide: Vec<f32>,
    /// log π of the policy as it was at the start of the step before, nats.
    pub previous: Vec<f32>,
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
    /// How many of the tokens the policy loss is a mean of, where a credit leaves some out.
    pub carrying: Option<usize>,
}

impl TokenRows {
    /// Mean over the tokens, where a critic gave advantages.
    pub(crate) fn mean_advantage(&self) -> Option<f32> {
        let sum: f64 = self.advantages.iter().map(|a| f64::from(*a)).sum();
        (!self.advantages.is_empty()).then(|| (sum / self.advantages.len() as f64) as f32)
    }
}

impl Labelled {
    /// A response as the verifier leaves it.
    pub(crate) fn new(
        response: Response,
        text: String,
        extracted: Option<String>,
        correct: bool,
    ) -> Self {
        Labelled {
            response,
            asked: None,
            weights: LossWeights::default(),
            text,
            extracted,
            answer: None,
            correct,
            score: None,
            rule: None,
            rows: TokenRows::default(),
            total: f32::from(u8::from(correct)),
            parts: Vec::new(),
            continued: 0,
            aside: 0,
            judgements: [0; 2],
            learns: Learns::default(),
            gold: None,
        }
    }

    /// The ids that were read before it; `group` is the prompt of its group.
    pub(crate) fn prompt<'a>(&'a self, group: &'a [u32]) -> &'a [u32] {
        self.asked.as_ref().map_or(group, |a| &a.ids)
    }

    /// The text that was read before it.
    pub(crate) fn question<'a>(&'a self, problem: &'a Problem) -> &'a str {
        self.asked.as_ref().map_or(&problem.prompt, |a| &a.text)
    }

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
            Ok(Labelled::new(response, written, extracted, correct))
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
