//! The problems of a file, with their answers read and grouped.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use laser_rl::Answer;
use rayon::prelude::*;

use super::classes;
use super::line::{self, EXPECTED, Kind};
use crate::BadInput;
use crate::jsonl::{Fields, Lines, fields};

/// Lines that are read at once.
const CHUNK_LINES: usize = 4096;

/// All problems of a file.
pub struct Input {
    /// The file, in messages.
    pub name: String,
    /// Keys of the scores, at least one.
    pub scores: Vec<String>,
    /// In order of their first lines; at least one.
    pub questions: Vec<Question>,
}

/// A problem with its answers.
pub struct Question {
    /// Of its first line.
    pub line: u64,
    /// `id` of its line, as it is written.
    pub id: Option<String>,
    /// Whether it can be said which answers are right.
    pub judged: bool,
    /// The answer found in each text.
    pub found: Vec<Option<String>>,
    /// The class of each answer, as a key of the votes.
    keys: Vec<Option<String>>,
    pub correct: Vec<bool>,
    /// By name of the score, then by answer.
    pub scores: Vec<Vec<Option<f32>>>,
    /// Tokens, where known.
    pub lengths: Vec<u32>,
}

impl Question {
    /// The answers with the score of that number.
    pub fn answers(&self, score: usize) -> Vec<Answer<'_>> {
        let answer = |i: usize| Answer {
            key: self.keys[i].as_deref(),
            correct: self.correct[i],
            score: self.scores[score][i],
        };
        (0..self.keys.len()).map(answer).collect()
    }
}

/// A problem before its answers are read.
#[derive(Default)]
struct Raw {
    line: u64,
    id: Option<String>,
    gold: Option<String>,
    answers: Vec<Option<String>>,
    labels: Vec<bool>,
    scores: Vec<Vec<Option<f32>>>,
    lengths: Vec<u32>,
}

/// Reads a file; `asked` are the keys of the scores, by default those of its kind.
///
/// # Errors
/// A bad line, with the file and its number; a file without lines.
pub fn read(path: &Path, asked: &[String]) -> Result<Input> {
    let mut lines = Lines::open(path)?;
    let mut reader: Option<Reader> = None;
    loop {
        let chunk = lines.next_chunk(CHUNK_LINES);
        for (number, range) in (chunk.first..).zip(&chunk.lines) {
            let read = fields(&chunk.bytes[range.clone()], EXPECTED).and_then(|fields| {
                if reader.is_none() {
                    reader = Some(Reader::new(Kind::of(&fields)?, asked));
                }
                reader.as_mut().map_or(Ok(()), |r| r.line(number, &fields))
            });
            read.map_err(|problem| lines.bad(number, &problem))?;
        }
        match chunk.end {
            None => {}
            Some(end) => {
                end?;
                break;
            }
        }
    }
    let name = lines.name().to_owned();
    let Some(reader) = reader else {
        return Err(BadInput(format!("{name}: empty; {EXPECTED} is expected")).into());
    };
    let questions: Vec<Result<Question, BadInput>> = reader
        .problems
        .into_par_iter()
        .map(|raw| question(raw, &name))
        .collect();
    Ok(Input {
        scores: reader.names,
        questions: questions.into_iter().collect::<Result<_, _>>()?,
        name,
    })
}

fn question(raw: Raw, name: &str) -> Result<Question, BadInput> {
    let labelled = !raw.labels.is_empty();
    let labels = labelled.then_some(&raw.labels[..]);
    let read = classes::read(raw.gold.as_deref(), &raw.answers, labels)
        .map_err(|e| BadInput(format!("{name}, line {}: {e}", raw.line)))?;
    Ok(Question {
        line: raw.line,
        id: raw.id,
        judged: labelled || raw.gold.is_some(),
        keys: read
            .class
            .iter()
            .map(|c| c.map(|c| c.to_string()))
            .collect(),
        found: read.found,
        correct: read.correct,
        scores: raw.scores,
        lengths: raw.lengths,
    })
}

/// Puts lines together to problems.
struct Reader {
    kind: Kind,
    /// The user named the scores.
    asked: bool,
    names: Vec<String>,
    problems: Vec<Raw>,
    /// Of responses: which problem they belong to.
    known: HashMap<(String, Option<String>), usize>,
}

impl Reader {
    fn new(kind: Kind, asked: &[String]) -> Self {
        let default = match kind {
            Kind::Problem => "scores",
            Kind::Response => "self_reward",
        };
        Reader {
            kind,
            asked: !asked.is_empty(),
            names: match asked {
                [] => vec![default.into()],
                names => names.to_vec(),
            },
            problems: Vec::new(),
            known: HashMap::new(),
        }
    }

    fn line(&mut self, number: u64, fields: &Fields) -> Result<(), String> {
        if Kind::of(fields)? != self.kind {
            return Err("a response per line and a problem per line in one file".into());
        }
        match self.kind {
            Kind::Problem => self.problem(number, fields),
            Kind::Response => self.response(number, fields),
        }
    }

    fn problem(&mut self, number: u64, fields: &Fields) -> Result<(), String> {
        let answers = line::answers(fields)?;
        let count = answers.len();
        let scores = self.names.iter();
        let scores = scores.map(|name| line::scores(fields, name, count, self.asked));
        self.problems.push(Raw {
            line: number,
            id: fields.get("id").map(|id| id.get().to_owned()),
            gold: line::a_text(fields, "gold")?,
            lengths: vec![0; count],
            scores: scores.collect::<Result<_, _>>()?,
            answers,
            labels: Vec::new(),
        });
        Ok(())
    }

    fn response(&mut self, number: u64, fields: &Fields) -> Result<(), String> {
        let problem = line::problem_of(fields)?;
        let label = line::a_bool(fields, "correct")?;
        let at = *self.known.entry(problem).or_insert_with_key(|(_, gold)| {
            self.problems.push(Raw {
                line: number,
                gold: gold.clone(),
                scores: vec![Vec::new(); self.names.len()],
                ..Raw::default()
            });
            self.problems.len() - 1
        });
        let raw = &mut self.problems[at];
        // What did not end is no answer; laser eval says so by 'extracted'.
        let truncated = line::a_text(fields, "finish")?.as_deref() == Some("length");
        let answer = match fields.contains_key("extracted") {
            true => line::a_text(fields, "extracted")?,
            false => line::a_text(fields, "response")?.filter(|_| !truncated),
        };
        if raw.labels.len() + usize::from(label.is_some()) != raw.answers.len() + 1
            && !(raw.labels.is_empty() && label.is_none())
        {
            let problem = "'correct' is in some responses to the problem and not in others";
            return Err(problem.into());
        }
        raw.labels.extend(label);
        raw.answers.push(answer);
        let length = line::a_number(fields, "length")?;
        raw.lengths.push(length.map_or(0, |x| x as u32));
        for (name, scores) in self.names.iter().zip(&mut raw.scores) {
            if self.asked && !fields.contains_key(name) {
                return Err(line::missing_score(name, "a number or null"));
            }
            scores.push(line::a_number(fields, name)?);
        }
        Ok(())
    }
}
