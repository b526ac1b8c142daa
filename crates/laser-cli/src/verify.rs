//! `laser verify`.

mod tally;

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use laser_verify::extract::{self, Way};
use laser_verify::{Rules, Verdict, Verifier};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::jsonl::{Chunk, Destination, Lines, fields, string, wrong_type};
use crate::{BadInput, output};
use tally::{Disagreement, Tally};

/// Lines that are judged at once.
const CHUNK_LINES: usize = 4096;
/// What a line is.
const EXPECTED: &str = r#"{"gold": string or number, "answer": string}"#;
/// Keys of labels that are looked for without --label, the first that a line has.
const LABELS: [&str; 2] = ["equal", "is_correct"];

/// Names of the ways of finding the answer.
const WAYS: [(&str, Way); 8] = [
    ("boxed", Way::Boxed),
    ("answer-tag", Way::AnswerTag),
    ("hash", Way::Hash),
    ("final-answer", Way::FinalAnswer),
    ("answer", Way::Answer),
    ("math", Way::Math),
    ("choice", Way::Choice),
    ("plain", Way::Plain),
];

/// Compares answers with gold answers, as mathematics
///
/// Reads JSON lines {"gold": string or number, "answer": string} and writes, in the same order,
/// {"verdict": "equal", "different" or "unparseable", "extracted": string or null}, with "id" if
/// the line has one and "reason" if the verdict is unparseable. An answer may be a whole response;
/// a gold answer, a whole solution. Counts go to standard error; where lines have a boolean label,
/// also the agreement with it and a table of disagreements.
///
/// The first bad line ends the command with status 2. An output file then stays as it was;
/// standard output has got the lines before the bad one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser verify --input pairs.jsonl --output verdicts.jsonl
  laser verify < pairs.jsonl | grep unparseable
  laser verify --input rollouts.jsonl --strict --label is_correct --disagreements 50
  laser verify --input gpqa.jsonl --extract choice,boxed --choices A,B,C,D")]
pub struct Args {
    /// JSON lines to read; - is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    input: PathBuf,
    /// Where the verdicts go; - is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Threads [default: one per core]; the output does not depend on them
    #[arg(
        long,
        default_value_t = 0,
        hide_default_value = true,
        value_parser = clap::value_parser!(u16).range(..=1024)
    )]
    threads: u16,
    /// How the answer is looked for, in this order [default: all but choice, in the order below]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "WAYS",
        value_parser = PossibleValuesParser::new(WAYS.map(|w| w.0)).map(way)
    )]
    extract: Vec<Way>,
    /// What the way 'choice' accepts [default: A,B,C,D,E]
    #[arg(long, value_delimiter = ',', value_name = "STRINGS")]
    choices: Vec<String>,
    /// Judge responses with exactly one \boxed{…} alone; others are unparseable
    #[arg(long, conflicts_with = "extract")]
    strict: bool,
    /// Digits after the point from which on a decimal equals the number that it rounds
    #[arg(long, value_name = "N", default_value_t = Rules::default().decimal_places)]
    decimal_places: u32,
    /// Accept an inequality where the gold answer is a set
    #[arg(long)]
    relations_as_sets: bool,
    /// Match variables by their order instead of their names
    #[arg(long)]
    ignore_variable_names: bool,
    /// Add "seconds", the time that the pair took
    #[arg(long)]
    timing: bool,
    /// Key of the boolean label [default: equal, else is_correct]
    #[arg(long, value_name = "KEY")]
    label: Option<String>,
    /// Most disagreements with the labels that are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    disagreements: usize,
}

/// The way with a name; clap lets only these names through.
fn way(name: String) -> Way {
    let known = WAYS.iter().find(|w| w.0 == name);
    known.map_or(Way::Plain, |w| w.1)
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let judge = Judge::new(&args)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads(args.threads))
        .build()
        .with_context(|| format!("could not start {} threads", args.threads))?;
    let mut lines = Lines::open(&args.input)?;
    let mut destination = Destination::open(&args.output)?;
    let mut tally = Tally::new(args.disagreements);
    let started = Instant::now();
    loop {
        let chunk = lines.next_chunk(CHUNK_LINES);
        let judged = pool.install(|| judge.all(&chunk, args.timing));
        let (text, bad) = collect(judged, chunk.first, &mut tally);
        // Without its reader, the rest is of no use to anyone.
        if !destination.write(text.as_bytes())? {
            return Ok(());
        }
        if let Some((index, problem)) = bad {
            return Err(lines.bad(chunk.first + index as u64, &problem).into());
        }
        match chunk.end {
            None => {}
            Some(Err(bad)) => return Err(bad.into()),
            Some(Ok(())) => break,
        }
    }
    destination.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    if tally.lines() == 0 {
        output::log(format_args!("{} is empty: 0 lines", lines.name()));
    } else {
        output::log(tally.text(seconds, args.label.as_deref(), tally::width()));
    }
    Ok(())
}

fn threads(asked: u16) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n.into(),
    }
}

/// The output of the lines before the first bad one, which the tally gets too; and that line's
/// index and problem.
fn collect(
    judged: Vec<Result<Judged, String>>,
    first: u64,
    tally: &mut Tally,
) -> (String, Option<(usize, String)>) {
    let mut text = String::new();
    for (index, judged) in judged.into_iter().enumerate() {
        match judged {
            Ok(judged) => {
                text += &judged.json;
                text.push('\n');
                tally.add(first + index as u64, judged);
            }
            Err(problem) => return (text, Some((index, problem))),
        }
    }
    (text, None)
}

/// What is done with each line.
struct Judge {
    verifier: Verifier,
    strict: bool,
    /// The first of these that a line has is its label.
    labels: Vec<String>,
}

/// A line of the input.
struct Pair<'a> {
    gold: Cow<'a, str>,
    answer: String,
    id: Option<&'a RawValue>,
    label: Option<bool>,
}

/// What is said of a pair.
struct Finding {
    verdict: &'static str,
    extracted: Option<String>,
    reason: Option<String>,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    verdict: &'static str,
    extracted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// What came of a line.
struct Judged {
    json: String,
    verdict: &'static str,
    label: Option<bool>,
    /// When there is a label and the verdict is another.
    disagreement: Option<Disagreement>,
}

impl Judge {
    fn new(args: &Args) -> Result<Self> {
        if !args.choices.is_empty() && !args.extract.contains(&Way::Choice) {
            let problem = "--choices is of use only with --extract WAYS that include choice";
            return Err(BadInput(problem.into()).into());
        }
        if args.choices.iter().any(|c| c.trim().is_empty()) {
            return Err(BadInput("--choices: one of them is empty".into()).into());
        }
        let mut extraction = extract::Options::default();
        if !args.extract.is_empty() {
            extraction.order = args.extract.clone();
        }
        if args.strict {
            extraction.order = vec![Way::Boxed];
        }
        if !args.choices.is_empty() {
            extraction.choices = args.choices.clone();
        }
        Ok(Judge {
            verifier: Verifier {
                extraction,
                rules: Rules {
                    decimal_places: args.decimal_places,
                    relations_as_sets: args.relations_as_sets,
                    ignore_variable_names: args.ignore_variable_names,
                },
                ..Verifier::default()
            },
            strict: args.strict,
            labels: match &args.label {
                Some(key) => vec![key.clone()],
                None => LABELS.map(String::from).to_vec(),
            },
        })
    }

    /// Judges lines in parallel, in order.
    fn all(&self, chunk: &Chunk, timing: bool) -> Vec<Result<Judged, String>> {
        let judge = |range: &Range<usize>| self.line(&chunk.bytes[range.clone()], timing);
        chunk.lines.par_iter().map(judge).collect()
    }

    /// # Errors
    /// What is wrong with the line.
    fn line(&self, bytes: &[u8], timing: bool) -> Result<Judged, String> {
        let pair = self.read(bytes)?;
        let started = Instant::now();
        let finding = self.judge(&pair.gold, &pair.answer);
        let seconds = timing.then(|| started.elapsed().as_secs_f64());
        let (verdict, extracted) = (finding.verdict, finding.extracted.as_deref());
        let line = Line {
            id: pair.id,
            verdict,
            extracted,
            reason: finding.reason,
            seconds,
        };
        let json = serde_json::to_string(&line).map_err(|e| e.to_string())?;
        let disagreement = pair
            .label
            .filter(|&label| label != (verdict == Verdict::Equal.name()))
            .map(|label| Disagreement::new(label, verdict, &pair.gold, extracted));
        Ok(Judged {
            json,
            verdict,
            label: pair.label,
            disagreement,
        })
    }

    fn judge(&self, gold: &str, answer: &str) -> Finding {
        let outcome = if self.strict {
            match extract::strict_boxed(answer) {
                // The box alone: nothing beside it may count.
                Ok(content) => self.verifier.verify(gold, &format!("\\boxed{{{content}}}")),
                Err(problem) => {
                    return Finding {
                        verdict: "unparseable",
                        extracted: None,
                        reason: Some(problem.to_string()),
                    };
                }
            }
        } else {
            self.verifier.verify(gold, answer)
        };
        Finding {
            verdict: outcome.verdict.name(),
            extracted: outcome.extracted,
            reason: match outcome.verdict {
                Verdict::Unparseable(reason) => Some(reason.to_string()),
                _ => None,
            },
        }
    }

    fn read<'a>(&self, bytes: &'a [u8]) -> Result<Pair<'a>, String> {
        let fields = fields(bytes, EXPECTED)?;
        let get = |key: &str| fields.get(key).copied();
        let required = |key: &str, expected: &str| {
            get(key).ok_or_else(|| format!("'{key}' is missing; {expected} is expected"))
        };
        let expected = "a string or a number";
        let gold = required("gold", expected)?.get();
        let gold = match gold.as_bytes()[0] {
            b'"' => Cow::Owned(string(gold)?),
            // As it is written: a float would lose digits.
            b'-' | b'0'..=b'9' => Cow::Borrowed(gold),
            _ => return Err(wrong_type("gold", gold, expected)),
        };
        let expected = "a string";
        let answer = required("answer", expected)?.get();
        let answer = match answer.as_bytes()[0] {
            b'"' => string(answer)?,
            _ => return Err(wrong_type("answer", answer, expected)),
        };
        let label = self.labels.iter().find_map(|k| Some((k, get(k)?.get())));
        let label = match label {
            None | Some((_, "null")) => None,
            Some((_, "true")) => Some(true),
            Some((_, "false")) => Some(false),
            Some((key, value)) => {
                let expected = "true or false (a label; --label names another key)";
                return Err(wrong_type(key, value, expected));
            }
        };
        Ok(Pair {
            gold,
            answer,
            id: get("id"),
            label,
        })
    }
}
