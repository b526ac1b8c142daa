//! What the votes of k answers reach.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use laser_rl::voting::AtK;
use laser_rl::{
    Abstention, AdaptiveAt, Estimate, EvalOptions, Method, Prediction, Problem, Sample, Selections,
    SelfVerification, Threshold, evaluate_selected, mean, precision_threshold, risk_coverage,
};
use serde::Serialize;

use super::Args;
use super::input::{Input, Question};
use crate::{BadInput, output};

/// Votes at one k.
#[derive(Serialize)]
struct At {
    problems: usize,
    pass: Estimate,
    maj: Estimate,
    weighted: Estimate,
    best: Estimate,
    #[serde(skip_serializing_if = "Option::is_none")]
    borda: Option<Estimate>,
    weighted_minus_maj: Estimate,
    /// Largest standard error of the values above that comes from sampling subsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive: Option<AdaptiveAt>,
}

/// Everything that is measured with one score.
#[derive(Serialize)]
struct Part {
    k: BTreeMap<usize, At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_verification: Option<SelfVerification>,
    risk_coverage: BTreeMap<String, Abstention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    /// Paired differences to the first score.
    #[serde(skip_serializing_if = "Option::is_none")]
    minus_first: Option<BTreeMap<usize, Differences>>,
}

/// This score's value minus the first score's, paired over problems.
#[derive(Serialize)]
struct Differences {
    weighted: Estimate,
    best: Estimate,
    borda: Estimate,
}

/// A confidence for a wanted precision, and what came of it on problems it was not made from.
#[derive(Serialize)]
struct Precision {
    wanted: f64,
    delta: f64,
    calibration_problems: usize,
    test_problems: usize,
    /// Null: no threshold is shown to reach it.
    threshold: Option<Threshold>,
    /// Of the weighted vote on the test problems.
    test: Option<Tested>,
}

#[derive(Serialize)]
struct Tested {
    coverage: Estimate,
    precision: Estimate,
}

/// The output with one score, or with several.
#[derive(Serialize)]
#[serde(untagged)]
enum Report {
    One {
        problems: usize,
        #[serde(flatten)]
        part: Box<Part>,
    },
    Several {
        problems: usize,
        scores: BTreeMap<String, Part>,
    },
}

pub fn run(args: &Args, input: Input) -> Result<()> {
    if let Some(question) = input.questions.iter().find(|q| !q.judged) {
        return Err(BadInput(format!(
            "{}, line {}: 'gold' is missing, so nothing can be measured; --choose METHOD chooses \
             an answer for each problem",
            input.name, question.line
        ))
        .into());
    }
    let options = args.options(ks(args, &input)?);
    let problems = input.questions.len();
    let mut parts = Vec::new();
    let mut first: Option<Selections> = None;
    let mut curves = String::from("score,vote,threshold,coverage,risk\n");
    for (i, name) in input.scores.iter().enumerate() {
        let samples: Vec<Problem> = input.questions.iter().map(|q| problem(q, i)).collect();
        let selections = Selections::new(&samples, &options);
        let mut part = part(args, &samples, &selections, &options);
        if let Some(first) = &first {
            part.minus_first = Some(differences(&selections, first, &options));
        }
        add_curves(&mut curves, name, &samples, &options);
        first.get_or_insert(selections);
        parts.push((name.clone(), part));
    }
    if let Some(path) = &args.risk_coverage {
        write_curves(path, &curves)?;
    }
    let report = match parts.len() {
        1 => Report::One {
            problems,
            part: Box::new(parts.remove(0).1),
        },
        _ => Report::Several {
            problems,
            scores: parts.into_iter().collect(),
        },
    };
    output::data(serde_json::to_string_pretty(&report)?)
}

/// The k that were asked for, or powers of two up to the fewest answers of a problem.
fn ks(args: &Args, input: &Input) -> Result<Vec<usize>, BadInput> {
    let sizes = || input.questions.iter().map(|q| q.correct.len());
    let most = sizes().max().unwrap_or(0);
    let fewest = sizes().min().unwrap_or(0);
    if let Some(k) = args.k.iter().find(|k| **k as usize > most) {
        let problem = format!(
            "--k {k}: no problem of {} has more than {most} answers",
            input.name
        );
        return Err(BadInput(problem));
    }
    Ok(match args.k.is_empty() {
        true => {
            let powers = (0..usize::BITS).map(|p| 1 << p);
            powers.take_while(|k| *k <= fewest).collect()
        }
        false => args.k.iter().map(|k| *k as usize).collect(),
    })
}

fn problem(question: &Question, score: usize) -> Problem {
    let answers = question.answers(score);
    let sample = |(a, length): (&laser_rl::Answer, &u32)| Sample {
        key: a.key.map(str::to_owned),
        correct: a.correct,
        score: a.score,
        self_certainty: None,
        length: *length,
    };
    Problem {
        samples: answers.iter().zip(&question.lengths).map(sample).collect(),
    }
}

fn part(args: &Args, problems: &[Problem], selections: &Selections, options: &EvalOptions) -> Part {
    let e = evaluate_selected(problems, selections, options);
    let scored = problems.iter().any(|p| p.judged().next().is_some());
    let at = |k: usize| At {
        problems: problems.iter().filter(|p| p.samples.len() >= k).count(),
        pass: e.pass_at[&k],
        maj: e.maj_at[&k],
        weighted: e.weighted_at[&k],
        best: e.best_at[&k],
        borda: e.borda_at.get(&k).copied(),
        weighted_minus_maj: e.weighted_minus_maj[&k],
        sampling_error: e.sampling_error.get(&k).copied(),
        adaptive: args.adaptive.and_then(|_| e.adaptive_at.get(&k).copied()),
    };
    Part {
        k: options.ks.iter().map(|&k| (k, at(k))).collect(),
        self_verification: scored.then_some(e.self_verification),
        precision: args
            .precision
            .map(|p| precision(p, args.delta, problems, options)),
        risk_coverage: e.risk_coverage,
        minus_first: None,
    }
}

/// Problems with an even number, counted from 0, choose the threshold, the others test it.
fn precision(wanted: f64, delta: f64, problems: &[Problem], options: &EvalOptions) -> Precision {
    let all = weighted(problems, options);
    let every_second =
        |first: usize| -> Vec<Prediction> { all.iter().skip(first).step_by(2).copied().collect() };
    let (held_out, test) = (every_second(0), every_second(1));
    let threshold = precision_threshold(&held_out, wanted, delta);
    let share = |x: bool| Some(f64::from(u8::from(x)));
    let tested = threshold.map(|t| {
        let answered = |p: &Prediction| t.above.is_none_or(|above| p.confidence > above);
        let coverage: Vec<_> = test.iter().map(|p| share(answered(p))).collect();
        let right = |p: &Prediction| answered(p).then(|| share(p.correct)).flatten();
        let right: Vec<_> = test.iter().map(right).collect();
        Tested {
            coverage: mean(&coverage, options.bootstrap, options.seed),
            precision: mean(&right, options.bootstrap, options.seed),
        }
    });
    Precision {
        wanted,
        delta,
        calibration_problems: held_out.len(),
        test_problems: test.len(),
        threshold,
        test: tested,
    }
}

fn weighted(problems: &[Problem], options: &EvalOptions) -> Vec<Prediction> {
    let predicted = laser_rl::evaluation::predictions(problems, Method::Weighted, options);
    predicted.into_iter().flatten().collect()
}

fn differences(
    this: &Selections,
    first: &Selections,
    options: &EvalOptions,
) -> BTreeMap<usize, Differences> {
    let at = |(&k, results): (&usize, &Vec<Option<AtK>>)| {
        let difference = |value: fn(&AtK) -> f64| {
            let pairs = results.iter().zip(&first.by_score[&k]);
            let values: Vec<Option<f64>> = pairs
                .map(|(this, first)| Some(value(this.as_ref()?) - value(first.as_ref()?)))
                .collect();
            mean(&values, options.bootstrap, options.seed)
        };
        let differences = Differences {
            weighted: difference(|r| r.weighted),
            best: difference(|r| r.best),
            borda: difference(|r| r.borda),
        };
        (k, differences)
    };
    this.by_score.iter().map(at).collect()
}

fn add_curves(csv: &mut String, score: &str, problems: &[Problem], options: &EvalOptions) {
    let quoted = format!("\"{}\"", score.replace('"', "\"\""));
    for (name, method) in [
        ("majority", Method::Majority),
        ("weighted", Method::Weighted),
    ] {
        let predicted = laser_rl::evaluation::predictions(problems, method, options);
        let predicted: Vec<Prediction> = predicted.into_iter().flatten().collect();
        for point in risk_coverage(&predicted) {
            let (t, c, r) = (point.threshold, point.coverage, point.risk);
            *csv += &format!("{quoted},{name},{t},{c},{r}\n");
        }
    }
}

fn write_curves(path: &Path, csv: &str) -> Result<()> {
    std::fs::write(path, csv)
        .with_context(|| format!("--risk-coverage {}: cannot be written", path.display()))
}
