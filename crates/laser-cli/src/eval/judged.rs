//! Self-verification of a model that is asked in words.

use std::time::Instant;

use anyhow::Result;
use laser_rl::{Estimate, EvalOptions, Evaluation};
use laser_rollout::SelfRewardPosition;
use laser_train::{Judge, JudgeHow, Judgement, LanguageModel, evaluate};
use serde::Serialize;

use super::Written;
use super::answers::Answers;
use super::asked::Asked;
use crate::answer::{bad_input, progress};
use crate::summary::{aligned, number, percent, table};
use crate::{BadInput, output};

/// Most tokens of a judgement, where nothing says so.
const TOKENS: u32 = 512;
/// Responses for each thread that are judged at once.
const RESPONSES: usize = 128;

/// How the model judges when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// It writes, and the last Yes or No is its verdict
    Prompt,
    /// p(Yes) / (p(Yes) + p(No)) as the first token; nothing is written
    YesNo,
}

/// Settings of prompted self-verification.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// Ask the model whether each of its responses is right, and measure that too
    #[arg(long, value_enum, value_name = "HOW")]
    self_verify: Option<Verify>,
    /// The question, with {problem} and {response} [default: see docs/commands.md]
    #[arg(long, value_name = "TEXT", requires = "self_verify")]
    verify_template: Option<String>,
    /// Most tokens of a written judgement [default: 512]
    #[arg(
        long,
        value_name = "TOKENS",
        requires = "self_verify",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    verify_tokens: Option<u32>,
}

/// The question that is asked.
pub struct Question {
    how: Verify,
    judge: Judge,
}

impl VerifyArgs {
    /// What is asked, if anything is.
    ///
    /// # Errors
    /// A template without `{response}`, tokens of a judgement that is not written.
    pub fn judge(&self) -> Result<Option<Question>> {
        let Some(verify) = self.self_verify else {
            return Ok(None);
        };
        let how = match (verify, self.verify_tokens) {
            (Verify::Prompt, tokens) => JudgeHow::Written {
                max_new_tokens: tokens.unwrap_or(TOKENS) as usize,
            },
            (Verify::YesNo, None) => JudgeHow::FirstToken,
            (Verify::YesNo, Some(_)) => {
                let problem =
                    "--verify-tokens: --self-verify yes-no writes no judgement; leave it out";
                return Err(BadInput(problem.into()).into());
            }
        };
        let judge = Judge::new(how, self.verify_template.clone()).map_err(bad_input)?;
        Ok(Some(Question { how: verify, judge }))
    }
}

/// What the judgements are worth, and what they cost; `prompted` in the summary.
#[derive(Serialize)]
pub struct Judged {
    how: Verify,
    template: String,
    /// Responses that ended, and were judged.
    judged: usize,
    /// Judgements without a verdict, and responses too long to be judged; judged wrong.
    unparsable: usize,
    /// Tokens of the judging prompts.
    tokens_read: usize,
    /// Tokens of the judgements.
    tokens_written: usize,
    seconds: f64,
    /// With the judgement as the score.
    metrics: Evaluation,
    /// Of each response, in order.
    #[serde(skip)]
    pub groups: Vec<Vec<Option<Judgement>>>,
}

impl Judged {
    /// Has the model judge its answers.
    ///
    /// # Errors
    /// A question that the model cannot be asked, an interruption.
    pub fn of(
        model: &LanguageModel,
        asked: &Asked,
        answers: &Answers,
        question: &Question,
        options: &EvalOptions,
    ) -> Result<Self> {
        output::log("asking the model whether its responses are right");
        let started = Instant::now();
        let set = &asked.set;
        let mut rows = answers.rows();
        let largest = rows.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let at_once = (RESPONSES * model.cpu.threads()).div_ceil(largest);
        let bar = progress(set.len(), "problems");
        let mut groups = Vec::with_capacity(set.len());
        for first in (0..set.len()).step_by(at_once) {
            let range = first..set.len().min(first + at_once);
            let judged = model.judge(set, range.clone(), &rows[range], &question.judge);
            groups.extend(judged.map_err(bad_input)?);
            bar.set_position(groups.len() as u64);
        }
        bar.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        for (row, judgement) in rows.iter_mut().flatten().zip(groups.iter().flatten()) {
            row.self_logprob = None;
            row.self_reward = judgement.map(|j: Judgement| j.score);
        }
        let mut metrics = evaluate(rows, options).metrics;
        if question.how == Verify::Prompt {
            // A verdict ranks nothing.
            metrics.self_verification.auroc = Estimate::default();
        }
        let all: Vec<Judgement> = groups.iter().flatten().copied().flatten().collect();
        Ok(Judged {
            how: question.how,
            template: question.judge.template().into(),
            judged: all.len(),
            unparsable: all.iter().filter(|j| j.verdict.is_none()).count(),
            tokens_read: all.iter().map(|j| j.read).sum(),
            tokens_written: all.iter().map(|j| j.written).sum(),
            seconds,
            metrics,
            groups,
        })
    }

    /// Judging by question beside judging by the last token.
    pub fn table(&self, w: &Written) -> String {
        let mut table = table(["self-verification", "asked in words", "last token"]);
        let own = w.model.self_reward.is_some().then_some(&w.measured.metrics);
        let share = |get: fn(&Evaluation) -> Estimate| {
            let trained = own.map(|e| get(e).value);
            [
                number(get(&self.metrics).value, 3),
                number(trained.flatten(), 3),
            ]
        };
        let f1 = share(|e| e.self_verification.f1);
        let rows = [
            ("F1", f1),
            (
                "TPR (right judged right)",
                share(|e| e.self_verification.tpr),
            ),
            (
                "TNR (wrong judged wrong)",
                share(|e| e.self_verification.tnr),
            ),
            ("AUROC", share(|e| e.self_verification.auroc)),
        ];
        for (name, [asked, trained]) in rows {
            table.add_row([name.to_owned(), asked, trained]);
        }
        if let Some(k) = self.metrics.weighted_at.keys().max() {
            let at = |e: &Evaluation| percent(e.weighted_at.get(k));
            let trained = own.map_or("–".into(), at);
            table.add_row([format!("weighted maj@{k}"), at(&self.metrics), trained]);
        }
        let dash = |n: Option<usize>| n.map_or("–".into(), |n| n.to_string());
        let (read, written) = (self.tokens_read, self.tokens_written);
        table.add_row(["tokens read".into(), read.to_string(), dash(w.positions())]);
        table.add_row(["tokens written".into(), written.to_string(), "0".into()]);
        table.add_row([
            "seconds beside sampling".into(),
            format!("{:.1}", self.seconds),
            "–".into(),
        ]);
        let without = format!("{} of {}", self.unparsable, self.judged);
        table.add_row(["without a verdict".into(), without, "–".into()]);
        aligned(table).to_string()
    }
}

/// Positions that the self-reward of some answers took beside the responses' own tokens.
pub fn positions(model: &LanguageModel, answers: &Answers) -> Option<usize> {
    let token = model.self_reward.as_ref()?;
    let read = |a: &&super::answers::Answer| a.row.self_logprob.is_some();
    Some(match token.position {
        SelfRewardPosition::AfterEos => answers.groups.iter().flatten().filter(read).count(),
        SelfRewardPosition::AtEos => 0,
    })
}
