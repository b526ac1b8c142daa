//! The responses of a file: what is needed to choose among them is kept, the texts are read again.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use laser_report::data::Response;
use laser_rl::Judged;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tail::Lines;

/// Characters of a response's start that a list shows.
const PREVIEW: usize = 160;

/// What is kept of a response.
#[derive(Debug, Clone)]
pub struct Entry {
    offset: u64,
    length: usize,
    correct: Option<bool>,
    score: Option<f64>,
    finish: Option<u16>,
    /// 0 where it is unknown.
    tokens: u32,
}

impl Entry {
    /// How far the score and the verifier are apart: 1 for a wrong response that is fully
    /// believed, −1 for a right one that is not at all.
    fn error(&self) -> Option<f64> {
        Some(self.score? - f64::from(u8::from(self.correct?)))
    }
}

/// The responses of a file of samples, without their texts.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    entries: Vec<Entry>,
    /// The words for how a response ended, in the order of their appearance.
    finishes: Vec<String>,
}

impl Lines for Samples {
    fn line(&mut self, line: &[u8], offset: u64) -> bool {
        let Ok(response) = serde_json::from_slice::<Response>(line) else {
            return false;
        };
        let finish = response.finish.and_then(|word| {
            let known = self.finishes.iter().position(|f| *f == word);
            let index = known.unwrap_or_else(|| {
                self.finishes.push(word);
                self.finishes.len() - 1
            });
            u16::try_from(index).ok()
        });
        self.entries.push(Entry {
            offset,
            length: line.len(),
            correct: response.correct,
            score: response.self_reward,
            finish,
            tokens: response.length.unwrap_or(0.0) as u32,
        });
        true
    }
}

impl Samples {
    /// How many responses there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The words for how a response ended.
    pub fn finishes(&self) -> &[String] {
        &self.finishes
    }

    /// The responses that have a score and a judgement.
    pub fn judged(&self) -> Vec<Judged> {
        let judged = self.entries.iter().filter_map(|e| {
            Some(Judged {
                score: e.score? as f32,
                correct: e.correct?,
                length: e.tokens,
            })
        });
        judged.collect()
    }
}

/// Which responses are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// The verifier's judgement.
    pub correct: Option<Judgement>,
    /// How the response ended.
    pub finish: Option<String>,
    /// Least self-reward.
    pub min: Option<f64>,
    /// Greatest self-reward.
    pub max: Option<f64>,
    /// Text that prompt, response, gold or extracted answer contain, whatever the case.
    pub q: Option<String>,
    /// The order.
    pub sort: Sort,
}

/// The verifier's judgement of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Accepted.
    Right,
    /// Refused.
    Wrong,
}

/// The order of a list of responses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// That of the file.
    #[default]
    File,
    /// Greatest self-reward first.
    Highest,
    /// Least self-reward first.
    Lowest,
    /// Wrong responses with the greatest self-reward first.
    Believed,
    /// Right responses with the least self-reward first.
    Doubted,
}

impl Sort {
    /// What is sorted by, ascending; what has none comes last.
    fn rank(self, entry: &Entry) -> f64 {
        let rank = match self {
            Sort::File => Some(0.0),
            Sort::Highest => entry.score.map(|s| -s),
            Sort::Lowest => entry.score,
            Sort::Believed => entry.error().map(|e| -e),
            Sort::Doubted => entry.error(),
        };
        rank.unwrap_or(f64::INFINITY)
    }
}

impl Filter {
    fn keeps(&self, entry: &Entry, finishes: &[String]) -> bool {
        let judged = self.correct.map(|j| Some(j == Judgement::Right));
        let finish = entry.finish.and_then(|f| finishes.get(usize::from(f)));
        judged.is_none_or(|right| entry.correct == right)
            && (self.finish.as_ref()).is_none_or(|word| finish == Some(word))
            && self.min.is_none_or(|m| entry.score.is_some_and(|s| s >= m))
            && self.max.is_none_or(|m| entry.score.is_some_and(|s| s <= m))
    }
}

/// A response that a filter keeps: the file's place in the list of files, its own in the file.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Place of the file.
    pub file: usize,
    /// Place in the file, from 0.
    pub index: usize,
    rank: f64,
}

/// Adds the responses of a file that `filter` keeps. The texts are read only where text is
/// searched for.
pub fn select(
    place: usize,
    samples: &Samples,
    file: Option<File>,
    filter: &Filter,
    hits: &mut Vec<Hit>,
) -> io::Result<()> {
    let words = filter.q.as_deref().map(str::to_lowercase);
    let words = words.filter(|q| !q.is_empty());
    let mut reader = file.map(BufReader::new);
    for (index, entry) in samples.entries.iter().enumerate() {
        if !filter.keeps(entry, &samples.finishes) {
            continue;
        }
        if let Some(words) = &words {
            let line = reader.as_mut().map(|r| line(r, entry)).transpose()?;
            if !line.flatten().is_some_and(|text| contains(&text, words)) {
                continue;
            }
        }
        hits.push(Hit {
            file: place,
            index,
            rank: filter.sort.rank(entry),
        });
    }
    Ok(())
}

/// Puts hits in the order that was asked for; equal ones stay as they are.
pub fn sort(hits: &mut [Hit]) {
    hits.sort_by(|a, b| a.rank.total_cmp(&b.rank));
}

/// The whole response at a place in a file; None where the file no longer has it.
pub fn read(samples: &Samples, file: File, index: usize) -> io::Result<Option<Value>> {
    let Some(entry) = samples.entries.get(index) else {
        return Ok(None);
    };
    line(&mut BufReader::new(file), entry)
}

/// The members that a list shows.
pub fn preview(response: &Value) -> Value {
    let text = response["response"].as_str().unwrap_or_default();
    let mut start: String = text.chars().take(PREVIEW).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    json!({
        "response": start,
        "correct": response["correct"],
        "self_reward": response["self_reward"],
        "finish": response["finish"],
    })
}

fn line<R: Read + Seek>(reader: &mut BufReader<R>, entry: &Entry) -> io::Result<Option<Value>> {
    // Relative, because an absolute seek drops what is buffered.
    let now = reader.stream_position()?;
    match entry.offset.checked_sub(now) {
        Some(ahead) => reader.seek_relative(ahead as i64)?,
        None => reader.seek(SeekFrom::Start(entry.offset)).map(|_| ())?,
    }
    let mut bytes = vec![0; entry.length];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(serde_json::from_slice(&bytes).ok().filter(Value::is_object)),
        // The file was shortened since it was looked at.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

fn contains(response: &Value, words: &str) -> bool {
    let texts = ["prompt", "response", "gold", "extracted"];
    let mut texts = texts.iter().map(|key| match &response[key] {
        Value::String(text) => text.to_lowercase(),
        Value::Null => String::new(),
        other => other.to_string(),
    });
    texts.any(|text| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::Tail;
    use std::io::Write;

    const ROWS: &str = concat!(
        "{\"response\":\"Öl\",\"correct\":true,\"self_reward\":0.9,\"finish\":\"stop\"}\n",
        "{\"response\":\"two\",\"correct\":false,\"self_reward\":0.8,\"finish\":\"stop\"}\n",
        "{\"response\":\"three\",\"correct\":false,\"self_reward\":null,\"finish\":\"length\"}\n",
        "{\"response\":\"four\",\"correct\":true,\"self_reward\":-0.1,\"finish\":\"stop\",\"gold\":4}\n",
    );

    fn chosen(filter: &Filter) -> Vec<usize> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(ROWS.as_bytes()).unwrap();
        let mut tail = Tail::<Samples>::default();
        tail.poll(Some(file.try_clone().unwrap())).unwrap();
        file.rewind().unwrap();
        let mut hits = Vec::new();
        select(0, tail.content(), Some(file), filter, &mut hits).unwrap();
        sort(&mut hits);
        hits.iter().map(|h| h.index).collect()
    }

    #[test]
    fn responses_are_sorted_by_score_and_by_how_wrong_it_is() {
        let by = |sort| {
            chosen(&Filter {
                sort,
                ..Filter::default()
            })
        };
        assert_eq!(by(Sort::File), [0, 1, 2, 3]);
        assert_eq!(by(Sort::Highest), [0, 1, 3, 2]);
        assert_eq!(by(Sort::Lowest), [3, 1, 0, 2]);
        assert_eq!(by(Sort::Believed), [1, 0, 3, 2]);
        assert_eq!(by(Sort::Doubted), [3, 0, 1, 2]);
    }

    #[test]
    fn responses_are_chosen_by_judgement_end_score_and_text() {
        let with = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            chosen(&filter)
        };
        assert_eq!(with(|f| f.correct = Some(Judgement::Wrong)), [1, 2]);
        assert_eq!(with(|f| f.finish = Some("length".into())), [2]);
        assert_eq!(with(|f| (f.min, f.max) = (Some(0.0), Some(0.85))), [1]);
        assert_eq!(with(|f| f.q = Some("ÖL".into())), [0]);
        assert_eq!(with(|f| f.q = Some("4".into())), [3]);
    }
}
