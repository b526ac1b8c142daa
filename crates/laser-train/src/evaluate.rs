//! Tests: accuracy, votes, and how well the score judges, on problems never trained on.

use std::collections::BTreeMap;

use laser_rl::{
    Calibration, Estimate, EvalOptions, Evaluation, Judged, Sample, SecondTurn, calibration,
    evaluate as metrics, pooled_mean,
};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::label::Labelled;
use crate::tasks::Problem;
use crate::trainer::{Stream, Trainer};

/// A response in `results.jsonl` and `samples/step-N.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SampleRow {
    /// What the model read.
    pub prompt: String,
    /// What it wrote.
    pub response: String,
    /// The right answer.
    pub gold: String,
    /// The answer found in the response.
    pub extracted: Option<String>,
    /// Whether the checker accepts it.
    pub correct: bool,
    /// r_v.
    pub reward: f32,
    /// The parts of the reward, by name, in the training of a recipe with more than the verifier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reward_parts: BTreeMap<String, f64>,
    /// log p(z_c), nats; absent for truncated responses.
    pub self_logprob: Option<f32>,
    /// r_s.
    pub self_reward: Option<f32>,
    /// Self-certainty: mean over the tokens of KL(uniform ‖ p), nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_certainty: Option<f32>,
    /// Â, in training.
    pub advantage: Option<f32>,
    /// Tokens.
    pub length: usize,
    /// Tokens that were drawn for it, where that is more than it has: with cautious sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<usize>,
    /// `stop` or `length`.
    pub finish: String,
}

impl SampleRow {
    pub(crate) fn new(problem: &Problem, l: &Labelled, advantage: Option<f32>) -> Self {
        SampleRow {
            prompt: l.question(problem).to_owned(),
            response: l.text.clone(),
            gold: problem.gold.clone(),
            extracted: l.extracted.clone(),
            correct: l.correct,
            reward: l.reward(),
            reward_parts: l.parts.iter().map(|(n, x)| (n.to_string(), *x)).collect(),
            self_logprob: l.response.self_logprob,
            self_reward: l.score,
            self_certainty: l.response.self_certainty,
            advantage,
            length: l.response.ids.len(),
            drawn: Some(l.response.drawn).filter(|n| *n > l.response.ids.len()),
            finish: l.response.finish.as_str().into(),
        }
    }
}

/// A test's numbers and the responses behind them.
pub struct EvalResult {
    /// The metrics with their intervals.
    pub metrics: Evaluation,
    /// Reliability bins and score histogram.
    pub calibration: Calibration,
    /// Every response, problem by problem.
    pub rows: Vec<SampleRow>,
    /// Responses to each problem; none to one without an answer to check them against.
    pub groups: Vec<usize>,
    /// Of each problem's written response, where `loss` was measured: −Σ log π of its tokens,
    /// nats, and their number.
    pub losses: Vec<(f64, usize)>,
    /// Of each problem the labels of first and second attempts, where there were any.
    pub turns: Vec<Vec<(bool, bool)>>,
}

/// Computes the metrics of labelled responses, problem by problem.
pub fn evaluate(groups: Vec<Vec<SampleRow>>, options: &EvalOptions) -> EvalResult {
    let problems: Vec<laser_rl::Problem> = groups
        .iter()
        .map(|g| laser_rl::Problem {
            samples: g
                .iter()
                .map(|r| Sample {
                    key: r.extracted.clone(),
                    correct: r.correct,
                    score: r.self_reward,
                    self_certainty: r.self_certainty,
                    length: r.length as u32,
                })
                .collect(),
        })
        .collect();
    let judged: Vec<Judged> = problems
        .iter()
        .flat_map(laser_rl::Problem::judged)
        .collect();
    let mut metrics = metrics(&problems, options);
    metrics.drawn_tokens = drawn_tokens(&groups, options);
    EvalResult {
        groups: groups.iter().map(Vec::len).collect(),
        metrics,
        calibration: calibration(&judged, options.bins),
        rows: groups.into_iter().flatten().collect(),
        losses: Vec::new(),
        turns: Vec::new(),
    }
}

/// Mean number of tokens drawn for a response, where that is more than the responses have.
fn drawn_tokens(groups: &[Vec<SampleRow>], options: &EvalOptions) -> Option<Estimate> {
    let any = groups.iter().flatten().any(|r| r.drawn.is_some());
    let of = |group: &Vec<SampleRow>| {
        let drawn = group.iter().map(|r| r.drawn.unwrap_or(r.length));
        (drawn.sum::<usize>() as f64, group.len())
    };
    let sums: Vec<(f64, usize)> = groups.iter().map(of).collect();
    any.then(|| pooled_mean(&sums, options.bootstrap, options.seed))
}

impl EvalResult {
    /// The metrics of the first `problems` problems alone: those of a test that asks for no more,
    /// because a response does not depend on what else is sampled.
    pub(crate) fn first(&self, problems: usize, options: &EvalOptions) -> Evaluation {
        let groups = self.groups.iter().take(problems);
        let mut rows = self.rows.as_slice();
        let groups = groups.map(|size| {
            let (group, rest) = rows.split_at(*size);
            rows = rest;
            group.to_vec()
        });
        let mut first = evaluate(groups.collect(), options);
        let losses = self.losses.iter().take(problems).copied().collect();
        first.measure_loss(losses, options);
        first.measure_turns(self.turns.iter().take(problems).cloned().collect(), options);
        first.metrics
    }

    fn measure_loss(&mut self, losses: Vec<(f64, usize)>, options: &EvalOptions) {
        let loss = pooled_mean(&losses, options.bootstrap, options.seed);
        self.metrics.loss = loss.value.map(|_| loss);
        self.losses = losses;
    }

    fn measure_turns(&mut self, turns: Vec<Vec<(bool, bool)>>, options: &EvalOptions) {
        let measured = !turns.is_empty();
        self.metrics.second_turn =
            measured.then(|| SecondTurn::of(&turns, options.bootstrap, options.seed));
        self.turns = turns;
    }
}

impl Trainer {
    /// Tests the current weights on the first `problems` distinct test problems.
    pub(crate) fn test(&self, problems: usize, samples: usize) -> Result<EvalResult, TrainError> {
        let problems = self.test_problems(problems)?;
        // Without an answer there is nothing to check a response against.
        let is_asked = |p: &&Problem| !p.gold.is_empty();
        let asked: Vec<Problem> = problems.iter().filter(is_asked).cloned().collect();
        let seed = Stream::Test.seed(self.recipe.seed);
        let answered = self.respond(
            &asked,
            samples,
            [seed, 0],
            self.recipe.evaluation.sampling(),
        )?;
        let second = match &self.recipe.correction {
            Some(c) if !self.recipe.is_supervised() => self.second_attempts(
                c,
                &asked,
                &answered,
                [seed, 0],
                self.recipe.evaluation.sampling(),
            )?,
            _ => Vec::new(),
        };
        let mut turns = answered.iter().zip(&second).map(|(first, second)| {
            let labels = first.1.iter().zip(&second.1);
            labels.map(|(a, b)| (a.correct, b.correct)).collect()
        });
        let turns: Vec<Vec<(bool, bool)>> = match second.is_empty() {
            true => Vec::new(),
            false => problems
                .iter()
                .map(|p| is_asked(&p).then(|| turns.next()).flatten())
                .map(Option::unwrap_or_default)
                .collect(),
        };
        let mut answered = answered.into_iter();
        let group = |p: &Problem| {
            let answered = is_asked(&p).then(|| answered.next()).flatten();
            let (_, group) = answered.unwrap_or_default();
            group.iter().map(|l| SampleRow::new(p, l, None)).collect()
        };
        let options = self.eval_options(samples);
        let mut result = evaluate(problems.iter().map(group).collect(), &options);
        result.measure_turns(turns, &options);
        if self.recipe.is_supervised() {
            result.measure_loss(self.response_losses(&problems)?, &options);
        }
        Ok(result)
    }

    /// What a test with so many responses to each problem computes.
    pub(crate) fn eval_options(&self, samples: usize) -> EvalOptions {
        let e = &self.recipe.evaluation;
        EvalOptions {
            ks: e.ks.iter().copied().filter(|k| *k <= samples).collect(),
            bootstrap: e.bootstrap,
            borda_powers: e.borda.clone(),
            ..EvalOptions::default()
        }
    }

    /// The problems of the tests: the first `count` distinct ones, the same for all seeds.
    ///
    /// # Errors
    /// When the tasks have fewer.
    pub(crate) fn test_problems(&self, count: usize) -> Result<Vec<Problem>, TrainError> {
        self.problems
            .test(&self.learner.text, Stream::Test.seed(0), count)
    }
}
