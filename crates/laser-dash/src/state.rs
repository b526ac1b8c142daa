//! What is remembered of the runs between requests: how far each file was read.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use laser_report::svg::thin;

use crate::columns::{Evals, Metrics};
use crate::error::DashError;
use crate::inside::Root;
use crate::runs::{Found, Run, find};
use crate::samples::Samples;
use crate::tail::Tail;

/// The folder is searched for runs again after that.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);
/// Runs whose files are remembered.
const REMEMBERED: usize = 24;
/// Files of samples that a run is shown with; of more, every n-th.
pub const MOST_FILES: usize = 200;

/// The runs of a folder, and what was read of them so far.
pub struct Dash {
    root: Root,
    found: Mutex<Option<(Instant, Arc<Found>)>>,
    /// The one used last is the last.
    live: Mutex<Vec<(String, Arc<Mutex<Live>>)>>,
}

/// What was read of a run.
#[derive(Default)]
pub struct Live {
    /// `metrics.jsonl`.
    pub metrics: Tail<Metrics>,
    /// `evals.jsonl`.
    pub evals: Tail<Evals>,
    samples: HashMap<String, Tail<Samples>>,
}

/// A file with responses.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFile {
    /// Its name: `step-N.jsonl` or `results.jsonl`.
    pub name: String,
    /// The step; None for the final test.
    pub step: Option<u64>,
    /// Where it is.
    pub path: PathBuf,
}

impl Dash {
    /// Serves the runs in a folder, or the run whose folder it is. Nothing outside of it is read.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Dash, DashError> {
        let folder = folder.into();
        let root = Root::new(&folder).map_err(|source| DashError::Root {
            path: folder.display().to_string(),
            source,
        })?;
        Ok(Dash {
            root,
            found: Mutex::new(None),
            live: Mutex::new(Vec::new()),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The runs that there are, as of a second ago at most.
    pub fn found(&self) -> Arc<Found> {
        let mut found = lock(&self.found);
        match &*found {
            Some((when, runs)) if when.elapsed() < SEARCH_AGAIN => runs.clone(),
            _ => {
                let runs = Arc::new(find(&self.root));
                *found = Some((Instant::now(), runs.clone()));
                runs
            }
        }
    }

    /// The run that an id stands for: ids are compared with those of the runs found, and no part
    /// of a request ever becomes a part of a path.
    pub fn run(&self, id: &str) -> Result<Run, DashError> {
        let found = self.found();
        let run = found.runs.iter().find(|run| run.id == id);
        run.cloned().ok_or_else(|| {
            DashError::NotFound("there is no such run here; it may have been removed".into())
        })
    }

    /// What is remembered of a run.
    pub fn live(&self, run: &Run) -> Arc<Mutex<Live>> {
        let mut live = lock(&self.live);
        let known = live.iter().position(|(id, _)| *id == run.id);
        let entry = match known {
            Some(at) => live.remove(at),
            None => (run.id.clone(), Arc::default()),
        };
        let shared = entry.1.clone();
        live.push(entry);
        let surplus = live.len().saturating_sub(REMEMBERED);
        live.drain(..surplus);
        shared
    }

    /// The files with responses, by step, the final test last; and how many were left out.
    pub fn sample_files(&self, run: &Run) -> (Vec<SampleFile>, usize) {
        let folder = run.path.join("samples");
        let inside = self.root.resolve(&folder);
        let entries = inside.and_then(|folder| fs::read_dir(folder).ok());
        let names = entries.into_iter().flatten().flatten();
        let mut steps: Vec<u64> = names
            .filter_map(|entry| step_of(entry.file_name().to_str()?))
            .collect();
        steps.sort_unstable();
        let shown = thin(&steps, MOST_FILES);
        let left_out = steps.len() - shown.len();
        let of_step = shown.into_iter().map(|step| {
            let name = format!("step-{step}.jsonl");
            SampleFile {
                path: folder.join(&name),
                name,
                step: Some(step),
            }
        });
        let results = run.path.join("results.jsonl");
        let last = results.is_file().then(|| SampleFile {
            name: "results.jsonl".into(),
            step: None,
            path: results,
        });
        (of_step.chain(last).collect(), left_out)
    }
}

/// The step in the name of a file of samples; None for any other name.
fn step_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("step-")?.strip_suffix(".jsonl")?;
    let step: u64 = digits.parse().ok()?;
    (step.to_string() == digits).then_some(step)
}

impl Live {
    /// Reads on in both logs of the run.
    pub fn poll(&mut self, root: &Root, run: &Run) -> Result<(), DashError> {
        let open = |name: &str| root.open(&run.path.join(name));
        let read = |file: &str, source| DashError::Read {
            file: format!("{}: {file}", run.name),
            source,
        };
        let (metrics, evals) = ("metrics.jsonl", "evals.jsonl");
        open(metrics)
            .and_then(|file| self.metrics.poll(file))
            .map_err(|e| read(metrics, e))?;
        open(evals)
            .and_then(|file| self.evals.poll(file))
            .map_err(|e| read(evals, e))
    }

    /// Reads on in a file of samples.
    pub fn samples(
        &mut self,
        root: &Root,
        run: &Run,
        file: &SampleFile,
    ) -> Result<&Tail<Samples>, DashError> {
        let read = |source| DashError::Read {
            file: format!("{}: {}", run.name, file.name),
            source,
        };
        let tail = self.samples.entry(file.name.clone()).or_default();
        let opened = root.open(&file.path).map_err(read)?;
        tail.poll(opened).map_err(read)?;
        Ok(tail)
    }
}

/// The value behind a mutex. After a panic elsewhere it may be behind by some lines, no more: the
/// place to read on from is advanced line by line.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_run_writes_are_files_of_samples() {
        assert_eq!(step_of("step-25.jsonl"), Some(25));
        for name in [
            "step-025.jsonl",
            "step-.jsonl",
            "step--1.jsonl",
            "step-1.jsonl.partial",
            "a",
        ] {
            assert_eq!(step_of(name), None, "{name}");
        }
    }

    #[test]
    fn the_runs_used_last_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let dash = Dash::new(folder.path()).unwrap();
        let run = |id: usize| Run {
            id: id.to_string(),
            name: String::new(),
            path: PathBuf::new(),
        };
        let first = dash.live(&run(0));
        for id in 1..REMEMBERED {
            dash.live(&run(id));
        }
        assert!(Arc::ptr_eq(&first, &dash.live(&run(0))));
        dash.live(&run(REMEMBERED));
        assert!(Arc::ptr_eq(&first, &dash.live(&run(0))));
        assert_eq!(lock(&dash.live).len(), REMEMBERED);
    }
}
