//! What the tests of whole runs share.

// Each test file is a program of its own and uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use laser_model::checkpoint;
use laser_rollout::Monitor;
use laser_train::{
    Observer, Outcome, Phase, Recipe, Run, RunOptions, SampleRow, Silent, TrainError,
};
use serde_json::{Map, Value};

/// Ids of the character vocabulary.
pub const EOS: usize = 52;
pub const ZC: usize = 53;

pub const RESUME_COMMAND: &str = "the command that goes on";

/// The tiny recipe with some keys changed.
pub fn recipe(settings: &[&str]) -> Recipe {
    let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
    Recipe::parse("tiny.toml", include_str!("tiny.toml"), &settings).unwrap()
}

pub fn options(out: &Path) -> RunOptions {
    RunOptions {
        out: out.to_owned(),
        resume: false,
        base: None,
        threads: 1,
        resume_command: RESUME_COMMAND.into(),
    }
}

pub fn resuming(out: &Path) -> RunOptions {
    RunOptions {
        resume: true,
        ..options(out)
    }
}

pub fn run(recipe: Recipe, options: RunOptions) -> Result<Outcome, TrainError> {
    Run::new(recipe, options, Arc::new(Monitor::default()), &mut Silent).execute()
}

/// Trains into a folder, from a base model of an earlier run if one is given.
pub fn train(recipe: Recipe, out: &Path, base: Option<&Path>) -> Outcome {
    let options = RunOptions {
        base: base.map(Path::to_owned),
        ..options(out)
    };
    run(recipe, options).unwrap()
}

/// Interrupts after a step of a phase; at its beginning if the step is 0.
pub struct StopAt {
    pub phase: Phase,
    pub step: u64,
    pub monitor: Arc<Monitor>,
}

impl StopAt {
    fn reached(&self, phase: Phase, step: u64) {
        if (phase, step) == (self.phase, self.step) {
            self.monitor.cancel.store(true, Ordering::Relaxed);
        }
    }
}

impl Observer for StopAt {
    fn begin(&mut self, phase: Phase, _: u64, _: u64) {
        self.reached(phase, 0);
    }
    fn step(&mut self, phase: Phase, metrics: &Map<String, Value>) {
        self.reached(phase, metrics["step"].as_u64().unwrap());
    }
}

/// Trains until an interruption, and returns that.
pub fn interrupted(recipe: Recipe, options: RunOptions, phase: Phase, step: u64) -> TrainError {
    let monitor = Arc::new(Monitor::default());
    let mut stop = StopAt {
        phase,
        step,
        monitor: monitor.clone(),
    };
    Run::new(recipe, options, monitor, &mut stop)
        .execute()
        .unwrap_err()
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn weights(run: &Path, step: u64) -> Vec<u8> {
    let path = run.join(format!("checkpoints/step-{step}/model.safetensors"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    read(path)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// The lines of `metrics.jsonl` without the times and the memory.
pub fn metrics(run: &Path) -> Vec<Value> {
    let mut lines = lines(run.join("metrics.jsonl"));
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        for key in ["seconds", "tokens_per_second", "time"] {
            line.remove(key).unwrap();
        }
        line.remove("memory/peak");
    }
    lines
}

/// Those of the reinforcement learning.
pub fn rl_metrics(run: &Path) -> Vec<Value> {
    let mut lines = metrics(run);
    lines.retain(|line| line["phase"] != "sft");
    lines
}

pub fn rows(path: impl AsRef<Path>) -> Vec<SampleRow> {
    lines(path)
        .into_iter()
        .map(|v| serde_json::from_value(v).unwrap())
        .collect()
}

/// Asserts that a run had something to learn: groups with right and wrong responses.
pub fn assert_mixed_groups(run: &Path) {
    let mixed = |m: &Value| m["reward/uniform_groups"].as_f64().is_some_and(|u| u < 1.0);
    assert!(metrics(run).iter().any(mixed));
}

/// Asserts that two runs computed the same, to the last bit.
pub fn assert_same_run(a: &Path, b: &Path, steps: u64, case: &str) {
    assert!(
        weights(a, steps) == weights(b, steps),
        "weights differ: {case}"
    );
    assert_eq!(metrics(a), metrics(b), "{case}");
    for file in ["results.jsonl", "evals.jsonl"] {
        assert_eq!(read(a.join(file)), read(b.join(file)), "{file}: {case}");
    }
}

/// All files and folders below a folder.
pub fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found
}

/// All files below a folder with their contents, and all folders.
pub fn contents(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    tree(dir)
        .into_iter()
        .map(|path| {
            let content = path.is_file().then(|| std::fs::read(&path).unwrap());
            (path, content)
        })
        .collect()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                std::fs::copy(&path, &target).unwrap();
            }
        }
    }
}

/// Changes the weights of a model folder; `change` is given where a named tensor is.
pub fn edit_weights(dir: &Path, change: impl FnOnce(&dyn Fn(&str) -> usize, &mut [Vec<f32>])) {
    let config = checkpoint::load_config(dir).unwrap();
    let stored = checkpoint::Stored::weights(dir, &config).unwrap();
    let mut tensors: Vec<Vec<f32>> = stored.into_tensors().collect();
    let layout = laser_model::Layout::new(&config);
    let find = |name: &str| {
        let specs = &mut layout.tensors.iter();
        specs.position(|t| t.parts[0].name == name).unwrap()
    };
    change(&find, &mut tensors);
    let source = checkpoint::Source::new(&layout.tensors, |i| tensors[i].clone());
    checkpoint::write_weights(dir, &source, checkpoint::WeightType::Float32, u64::MAX).unwrap();
}

/// Makes a tiny model give a token no probability: one channel becomes a constant, and the logit
/// of the token a large negative multiple of it.
pub fn never_sampled(dir: &Path, token: usize) {
    edit_weights(dir, |find, tensors| {
        let hidden = 16;
        let mut rows = |name: &str, change: &dyn Fn(usize, &mut [f32])| {
            let tensor = tensors[find(name)].chunks_exact_mut(hidden).enumerate();
            tensor.for_each(|(i, row)| change(i, row));
        };
        rows("model.embed_tokens.weight", &|_, row| row[0] = 1.0);
        rows("lm_head.weight", &|id, row| {
            row[0] = 0.0;
            if id == token {
                row.fill(0.0);
                row[0] = -1000.0;
            }
        });
        for writer in ["self_attn.o_proj", "mlp.down_proj"] {
            let tensor = &mut tensors[find(&format!("model.layers.0.{writer}.weight"))];
            let width = tensor.len() / hidden;
            tensor[..width].fill(0.0);
        }
    });
}

/// Trains, and returns what the user was told.
pub fn notes(recipe: Recipe, options: RunOptions) -> (Result<Outcome, TrainError>, String) {
    struct Notes(String);
    impl Observer for Notes {
        fn note(&mut self, text: &str) {
            self.0 += text;
            self.0 += "\n";
        }
    }
    let mut notes = Notes(String::new());
    let monitor = Arc::new(Monitor::default());
    let outcome = Run::new(recipe, options, monitor, &mut notes).execute();
    (outcome, notes.0)
}
