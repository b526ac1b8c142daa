//! How a run stands, from the ends of its files alone.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use crate::inside::Root;
use crate::runs::Run;

/// Bytes at the end of a log in which its last whole line is looked for.
const END: u64 = 1 << 20;
/// The most of a recipe that is read.
pub const CONFIG_BYTES: u64 = 1 << 20;
/// A run without a lock file that wrote something so long ago still counts as running.
const RECENT: Duration = Duration::from_secs(60);

/// Whether a program works on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A program holds the lock of the folder.
    Running,
    /// The run has come to its end.
    Finished,
    /// Neither.
    Stopped,
}

/// A row of the list of runs.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Stands for the run in addresses.
    pub id: String,
    /// Its folder.
    pub name: String,
    /// The name of its recipe.
    pub recipe: Option<String>,
    /// The recipe's seed.
    pub seed: Option<i64>,
    /// Whether it runs.
    pub state: State,
    /// Whether the last line belongs to the warm start.
    pub warm_start: bool,
    /// The last step written down.
    pub step: Option<u64>,
    /// Steps of the recipe, of the warm start while that is made.
    pub steps: Option<i64>,
    /// Seconds since the last line was written.
    pub age: Option<f64>,
    /// Share of right responses, F1 of the self-verification.
    pub accuracy: Option<f64>,
    /// Harmonic mean of TPR and TNR.
    pub f1: Option<f64>,
    /// Whether the two are a test's; otherwise they are of the last step of training.
    pub tested: bool,
    /// Whether there is a report.html.
    pub report: bool,
    /// Changes when the logs do.
    pub version: String,
}

/// How a run stands now.
pub fn status(root: &Root, run: &Run) -> io::Result<Status> {
    let metrics = root.open(&run.path.join("metrics.jsonl"))?;
    let evals = root.open(&run.path.join("evals.jsonl"))?;
    let mut version = String::new();
    for file in metrics.iter().chain(&evals) {
        let data = file.metadata()?;
        let written = data.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        let written = written.unwrap_or_default().as_millis();
        version += &format!("{:x}.{written:x}-", data.len());
    }
    let written = metrics.as_ref().map(File::metadata).transpose()?;
    let written = written.and_then(|m| m.modified().ok());
    // A clock that was set back makes an age of nothing.
    let age = written.map(|t| t.elapsed().unwrap_or_default());
    let last = metrics.map(last_line).transpose()?.flatten();
    let tested = evals.map(last_line).transpose()?.flatten();
    let config = root.text(&run.path.join("config.toml"), CONFIG_BYTES)?;
    let config: toml::Table = config
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let of = |line: &Option<Value>, path: &str| line.as_ref()?.pointer(path)?.as_f64();
    let test = [
        of(&tested, "/accuracy/value"),
        of(&tested, "/self_verification/f1/value"),
    ];
    let has_test = test.iter().any(Option::is_some);
    let [accuracy, f1] = match has_test {
        true => test,
        false => [
            of(&last, "/reward~1verifier"),
            of(&last, "/self_reward~1f1"),
        ],
    };
    let warm_start = last.as_ref().is_some_and(|l| l["phase"] == "sft");
    let steps = match warm_start {
        true => config.get("warm_start").and_then(|w| w.get("steps")),
        false => config.get("steps"),
    };
    let has = |name: &str| matches!(root.open(&run.path.join(name)), Ok(Some(_)));
    Ok(Status {
        id: run.id.clone(),
        name: run.name.clone(),
        recipe: config
            .get("name")
            .and_then(|n| n.as_str())
            .map(str::to_owned),
        seed: config.get("seed").and_then(|s| s.as_integer()),
        state: state(root, &run.path, age, has("summary.json"))?,
        warm_start,
        step: last.and_then(|l| l["step"].as_u64()),
        steps: steps.and_then(|s| s.as_integer()).filter(|s| *s > 0),
        age: age.map(|a| a.as_secs_f64()),
        accuracy,
        f1,
        tested: has_test,
        report: has("report.html"),
        version,
    })
}

/// The lock is asked for as a shared one and given back at once; a run that starts at the very
/// moment asks again.
fn state(root: &Root, run: &Path, age: Option<Duration>, finished: bool) -> io::Result<State> {
    let running = match root.open(&run.join("run.lock"))? {
        Some(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        None => !finished && age.is_some_and(|a| a < RECENT),
    };
    Ok(match (running, finished) {
        (true, _) => State::Running,
        (false, true) => State::Finished,
        (false, false) => State::Stopped,
    })
}

/// The last whole line that is an object.
fn last_line(mut file: File) -> io::Result<Option<Value>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    let mut lines = bytes.rsplit(|&b| b == b'\n');
    // What follows the last end of a line is half a line, or nothing.
    lines.next();
    Ok(lines
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .find(Value::is_object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::find;
    use std::fs;

    fn only(root: &Path) -> Status {
        let root = Root::new(root).unwrap();
        status(&root, &find(&root).runs[0]).unwrap()
    }

    #[test]
    fn a_run_is_running_while_its_folder_is_locked_then_stopped_or_finished() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("metrics.jsonl", "{\"step\":3}\n{\"step\":4");
        assert_eq!(only(folder.path()).state, State::Running, "just written");
        let lock = File::create(folder.path().join("run.lock")).unwrap();
        assert_eq!(only(folder.path()).state, State::Stopped);
        lock.lock().unwrap();
        assert_eq!(only(folder.path()).state, State::Running);
        drop(lock);
        write("summary.json", "{}");
        let status = only(folder.path());
        assert_eq!((status.state, status.step), (State::Finished, Some(3)));
    }

    #[test]
    fn steps_are_those_of_the_phase_and_results_those_of_the_last_test() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "config.toml",
            "name = 'x'\nseed = 3\nsteps = 20\n[warm_start]\nsteps = 7",
        );
        let warm = "{\"phase\":\"sft\",\"step\":5}\n";
        write("metrics.jsonl", warm);
        let status = only(folder.path());
        assert_eq!(
            (status.warm_start, status.step, status.steps),
            (true, Some(5), Some(7))
        );
        let line = "{\"step\":2,\"reward/verifier\":0.25,\"self_reward/f1\":0.5}\n";
        write("metrics.jsonl", &(warm.to_owned() + line + "not json\n"));
        let status = only(folder.path());
        assert_eq!(
            (status.step, status.steps, status.accuracy),
            (Some(2), Some(20), Some(0.25))
        );
        assert!(!status.tested && status.seed == Some(3));
        write(
            "evals.jsonl",
            "{\"step\":2,\"accuracy\":{\"value\":0.75}}\n",
        );
        let status = only(folder.path());
        assert_eq!(
            (status.accuracy, status.f1, status.tested),
            (Some(0.75), None, true)
        );
    }
}
