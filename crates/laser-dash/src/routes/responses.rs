//! Responses of a run, and how well they were judged.

use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::{Params, size};
use super::{Answer, Shared, answer, read_error};
use crate::calibration::draw;
use crate::error::DashError;
use crate::runs::Run;
use crate::samples::{self, Filter, Judgement, Samples, Sort};
use crate::state::{Dash, SampleFile, lock};

/// Responses of one page, at most.
const MOST_ROWS: usize = 200;

/// The files with responses.
pub async fn files(State(dash): Shared, Path(run): Path<String>) -> Answer {
    answer(move || {
        let run = dash.run(&run)?;
        let (files, left_out) = dash.sample_files(&run);
        let files: Vec<Value> = files
            .iter()
            .map(|f| json!({"name": f.name, "step": f.step}))
            .collect();
        Ok(json!({"files": files, "left_out": left_out}))
    })
    .await
}

/// A page of responses. Flat, because a query's numbers cannot be read through another struct.
#[derive(Deserialize)]
pub struct Asked {
    /// The file; all without it.
    file: Option<String>,
    correct: Option<Judgement>,
    finish: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    q: Option<String>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    offset: usize,
    #[serde(default = "page")]
    limit: usize,
}

fn page() -> usize {
    50
}

/// The responses that pass a filter, a page of them, with the starts of their texts.
pub async fn list(
    State(dash): Shared,
    Path(run): Path<String>,
    Params(asked): Params<Asked>,
) -> Answer {
    answer(move || {
        let run = dash.run(&run)?;
        let files = match &asked.file {
            Some(name) => vec![named(&dash, &run, name)?],
            None => dash.sample_files(&run).0,
        };
        let filter = Filter {
            correct: asked.correct,
            finish: asked.finish,
            min: asked.min,
            max: asked.max,
            q: asked.q,
            sort: asked.sort,
        };
        let read = Read::new(&dash, &run, files)?;
        let mut hits = Vec::new();
        for (place, (file, samples)) in read.files.iter().enumerate() {
            let opened = match filter.q.as_deref() {
                None | Some("") => None,
                Some(_) => read.open(file)?,
            };
            samples::select(place, samples, opened, &filter, &mut hits)
                .map_err(|e| read_error(&run, &file.name, e))?;
        }
        samples::sort(&mut hits);
        let page = hits.iter().skip(asked.offset);
        let mut rows = Vec::new();
        for hit in page.take(asked.limit.min(MOST_ROWS)) {
            let (file, _) = &read.files[hit.file];
            // A file that was written anew in between has another response there, or none.
            if let Some(response) = read.response(hit.file, hit.index)? {
                let mut row = samples::preview(&response);
                row["file"] = json!(file.name);
                row["step"] = json!(file.step);
                row["index"] = json!(hit.index);
                rows.push(row);
            }
        }
        let mut finishes: Vec<&String> = read.files.iter().flat_map(|f| f.1.finishes()).collect();
        finishes.sort();
        finishes.dedup();
        Ok(json!({
            "total": read.files.iter().map(|f| f.1.len()).sum::<usize>(),
            "matched": hits.len(),
            "offset": asked.offset,
            "rows": rows,
            "finishes": finishes,
            "unreadable": read.unreadable,
        }))
    })
    .await
}

/// One response, whole.
pub async fn one(
    State(dash): Shared,
    Path((run, file, index)): Path<(String, String, String)>,
) -> Answer {
    answer(move || {
        let run = dash.run(&run)?;
        let missing = || DashError::NotFound("the file has no response with this number".into());
        let index: usize = index.parse().map_err(|_| missing())?;
        let file = named(&dash, &run, &file)?;
        let (name, step) = (file.name.clone(), file.step);
        let read = Read::new(&dash, &run, vec![file])?;
        let response = read.response(0, index)?.ok_or_else(missing)?;
        Ok(json!({"file": name, "step": step, "index": index, "response": response}))
    })
    .await
}

/// The file whose calibration is asked for.
#[derive(Deserialize)]
pub struct Of {
    file: String,
    #[serde(default)]
    narrow: u8,
}

/// The histogram of self-rewards and the reliability diagram of a file.
pub async fn calibration(
    State(dash): Shared,
    Path(run): Path<String>,
    Params(of): Params<Of>,
) -> Answer {
    answer(move || {
        let run = dash.run(&run)?;
        let chosen = named(&dash, &run, &of.file)?;
        let read = Read::new(&dash, &run, dash.sample_files(&run).0)?;
        let all: Vec<_> = read.files.iter().map(|(_, s)| s.judged()).collect();
        let at = read.files.iter().position(|(f, _)| f.name == chosen.name);
        let shown = at.map(|at| (&all[at], read.files[at].1.len()));
        let (judged, total) = shown.unwrap_or((const { &Vec::new() }, 0));
        let name = match chosen.step {
            Some(step) => format!("step {step}"),
            None => "final test".into(),
        };
        let right = judged.iter().filter(|j| j.correct).count();
        Ok(json!({
            "file": chosen.name,
            "step": chosen.step,
            "right": right,
            "wrong": judged.len() - right,
            "without_score": total - judged.len(),
            "figures": draw(&name, judged, &all, size(of.narrow)),
        }))
    })
    .await
}

/// The file of a name, of those that the run has.
fn named(dash: &Dash, run: &Run, name: &str) -> Result<SampleFile, DashError> {
    let (files, _) = dash.sample_files(run);
    let file = files.into_iter().find(|f| f.name == name);
    file.ok_or_else(|| {
        DashError::NotFound(
            "the run has no such file of responses; it may have started anew".into(),
        )
    })
}

/// Files of samples as they are now. A copy, so that a long search holds up nobody.
struct Read<'a> {
    dash: &'a Dash,
    run: &'a Run,
    files: Vec<(SampleFile, Samples)>,
    unreadable: Vec<String>,
}

impl<'a> Read<'a> {
    fn new(dash: &'a Dash, run: &'a Run, files: Vec<SampleFile>) -> Result<Self, DashError> {
        let live = dash.live(run);
        let mut live = lock(&live);
        let mut read = Read {
            dash,
            run,
            files: Vec::new(),
            unreadable: Vec::new(),
        };
        for file in files {
            let tail = live.samples(dash.root(), run, &file)?;
            if let (count, Some(first)) = tail.unreadable() {
                let lines = if count == 1 { "line" } else { "lines" };
                let name = &file.name;
                let text =
                    format!("{count} unreadable {lines} in {name}, the first is line {first}");
                read.unreadable.push(text);
            }
            read.files.push((file, tail.content().clone()));
        }
        Ok(read)
    }

    fn open(&self, file: &SampleFile) -> Result<Option<std::fs::File>, DashError> {
        let opened = self.dash.root().open(&file.path);
        opened.map_err(|e| read_error(self.run, &file.name, e))
    }

    fn response(&self, place: usize, index: usize) -> Result<Option<Value>, DashError> {
        let (file, samples) = &self.files[place];
        let Some(opened) = self.open(file)? else {
            return Ok(None);
        };
        samples::read(samples, opened, index).map_err(|e| read_error(self.run, &file.name, e))
    }
}
