//! A run in its folder, from the warm start to the summary.

mod ending;
mod steps;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use laser_kernels::Cpu;
use laser_model::init_weights;
use laser_rl::{Calibration, Evaluation, SelfReward};
use laser_rollout::{Monitor, RolloutError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::TrainError;
use crate::best::Watch;
use crate::calibrate::Reference;
use crate::files::{
    create_folder, flush, folder_atomically, read, remove_folder, to_json, write_atomically,
};
use crate::folder::{Folder, Found, is_base, mark_base};
use crate::log::RunLog;
use crate::model_files::{Adapt, ModelFiles, Source};
use crate::observer::{Observer, Phase};
use crate::optimizer::Moments;
use crate::problems::Problems;
use crate::recipe::Recipe;
use crate::save::{Checkpoint, FORMAT, Part, State, newest, prune};
use crate::trainer::{Stream, Trainer};

/// How a run is started.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run's folder.
    pub out: PathBuf,
    /// Continue from the newest checkpoint in it.
    pub resume: bool,
    /// A base model made by an earlier run with the same warm start, instead of `out/base`.
    pub base: Option<PathBuf>,
    /// Threads; 0 for one per core.
    pub threads: usize,
    /// The command that continues this run, for messages.
    pub resume_command: String,
}

/// What a finished run found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Test of the base model.
    pub base: Evaluation,
    /// Test of the final model.
    pub last: Evaluation,
    /// Seconds, earlier parts of a resumed run included.
    pub seconds: f64,
    /// The final checkpoint.
    pub checkpoint: PathBuf,
}

/// What is known of the base model; kept in `base-test.json` so that a resumed run has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BaseTest {
    metrics: Evaluation,
    calibration: Calibration,
    self_reward: Option<SelfReward>,
    /// Mean and standard deviation of log π_ref(z_c), nats, over the calibration pairs.
    c_ref_measured: Option<[f32; 2]>,
    /// The test on the problems of the tests on the way, where those look for the best model.
    #[serde(default)]
    quick: Option<Evaluation>,
}

/// Where a run begins: a trainer, and the steps of that phase that are done.
pub(crate) enum Start {
    /// In the warm start.
    WarmStart(Trainer, u64),
    /// In the reinforcement learning.
    Reinforce(Trainer, u64),
}

impl Start {
    fn trainer(&self) -> &Trainer {
        let (Start::WarmStart(t, _) | Start::Reinforce(t, _)) = self;
        t
    }
}

/// A run.
pub struct Run<'a> {
    recipe: Arc<Recipe>,
    folder: Folder,
    options: RunOptions,
    observer: &'a mut dyn Observer,
    monitor: Arc<Monitor>,
    started: Instant,
    /// Seconds that earlier parts of a resumed run took.
    before: f64,
    /// Open from the first line on: only then is it known which lines stay.
    log: Option<RunLog>,
    /// Of the tests on the way, if the recipe looks for the best model.
    watch: Option<Watch>,
    /// The step of the newest checkpoint.
    saved: Option<u64>,
    /// Steps skipped in a row, up to now.
    skipped: u64,
    /// Keeps other processes out of the folder.
    lock: Option<File>,
}

impl<'a> Run<'a> {
    /// A run that has not started. `monitor` shows its progress and can stop it.
    pub fn new(
        recipe: Recipe,
        options: RunOptions,
        monitor: Arc<Monitor>,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Run {
            watch: Watch::new(&recipe),
            saved: None,
            skipped: 0,
            lock: None,
            recipe: Arc::new(recipe),
            folder: Folder(options.out.clone()),
            options,
            observer,
            monitor,
            started: Instant::now(),
            before: 0.0,
            log: None,
        }
    }

    /// Turns epochs into steps, which takes the files of the data. All else, a resumed run's check
    /// of its recipe too, then sees the steps alone.
    pub(crate) fn count_steps(&mut self) -> Result<(), TrainError> {
        let r = &self.recipe;
        if r.supervised.epochs == 0.0 {
            return Ok(());
        }
        let source = Source::named(&r.model.path, &r.model.revision)?;
        let problems = Problems::new(r, &source.text, source.config.max_positions)?;
        let mut counted = Recipe::clone(r);
        counted.steps = r.supervised.steps(problems.train_len().unwrap_or(0));
        counted.supervised.epochs = 0.0;
        self.recipe = Arc::new(counted);
        Ok(())
    }

    pub(crate) fn recipe(&self) -> &Arc<Recipe> {
        &self.recipe
    }

    pub(crate) fn threads(&self) -> usize {
        self.options.threads
    }

    /// Where a run that is not resumed begins.
    pub(crate) fn begin(&mut self, cpu: Cpu) -> Result<Start, TrainError> {
        self.refuse_two_models()?;
        self.count_steps()?;
        self.start(cpu)
    }

    /// Does all of it.
    ///
    /// # Errors
    /// See [`TrainError`]; an interruption is one too, after everything has been saved.
    pub fn execute(mut self) -> Result<Outcome, TrainError> {
        let cpu = Cpu::new(self.options.threads)?;
        self.refuse_two_models()?;
        self.count_steps()?;
        if self.folder.is_run() {
            self.lock = self.folder.lock()?;
            self.folder.recover()?;
        }
        let found = self.folder.check(&self.recipe, self.options.resume)?;
        // What can be wrong with the recipe, the models and the tokens shows before the folder is
        // touched: an earlier run in it must not be lost to one that cannot start.
        let start = match &found {
            Found::Finished(step) => return self.finished(*step),
            Found::Checkpoint(checkpoint, state) => self.resume(cpu, checkpoint, state)?,
            Found::Nothing => self.start(cpu)?,
        };
        let tests = start.trainer();
        let tests = tests.test_problems(self.recipe.evaluation.problems)?;
        if tests
            .iter()
            .all(|p| p.gold.is_empty() && p.solution.is_empty())
        {
            return Err(TrainError::Value {
                place: format!("recipe {}", self.recipe.name),
                key: "data.test".into(),
                value: format!("{} problems", tests.len()),
                problem: "none has a response or an answer, so there is nothing to test; name the columns that hold them in data.columns".into(),
            });
        }
        let earlier_test = match start {
            Start::Reinforce(_, 1..) => Some(self.load_base_test()?),
            _ => None,
        };
        self.say_where_it_resumes(&start);
        self.folder.prepare(&self.recipe, self.options.resume)?;
        if self.lock.is_none() {
            self.lock = self.folder.lock()?;
        }
        self.report_data(&start)?;
        let (mut trainer, done) = match start {
            Start::WarmStart(trainer, done) => (self.warm_start(trainer, done)?, 0),
            Start::Reinforce(trainer, done) => {
                // Left by a run that was killed after its base model was there.
                remove_folder(&self.path("warm-start"))?;
                self.before = self.folder.rewind(u64::MAX, done)?;
                (trainer, done)
            }
        };
        if done == 0 {
            trainer.keep_reference();
        }
        let base = match earlier_test {
            Some(base) => base,
            None => self.test_base(&mut trainer)?,
        };
        trainer.self_reward = base.self_reward;
        trainer.settle(base.c_ref_measured.map(|[_, std]| std));
        self.remember_tests(&base)?;
        let (last_step, next) = self.reinforce(&mut trainer, done)?;
        self.finish(&trainer, &base, last_step, next)
    }

    /// What was read from files and what was left out of it.
    fn report_data(&mut self, start: &Start) -> Result<(), TrainError> {
        let Some(report) = start.trainer().problems.report() else {
            return Ok(());
        };
        for line in report.to_string().lines() {
            self.observer.note(line);
        }
        if let (true, Some(n)) = (
            self.recipe.is_supervised(),
            start.trainer().problems.train_len(),
        ) {
            let (steps, size) = (self.recipe.steps, self.recipe.supervised.batch_size);
            let epochs = steps as f64 * size as f64 / n as f64;
            self.observer.note(&format!(
                "{n} responses to train on, {size} in a step: {steps} steps are {epochs:.2} epochs"
            ));
        }
        let path = self.path("data.json");
        write_atomically(&path, (to_json(report) + "\n").as_bytes())
    }

    /// Where a run that was asked to resume goes on, if there is no checkpoint of its training.
    fn say_where_it_resumes(&mut self, start: &Start) {
        let dir = self.folder.0.display();
        let text = match start {
            _ if !self.options.resume => return,
            Start::WarmStart(_, 0) => {
                format!("nothing to resume in {dir}: starting from the beginning")
            }
            Start::WarmStart(_, step) => {
                format!("resuming after step {step} of the warm start: {dir}")
            }
            Start::Reinforce(_, 0) => {
                format!("no step of training is saved in {dir}: going on from the base model")
            }
            Start::Reinforce(..) => return,
        };
        self.observer.note(&text);
    }

    fn checkpoint(&self, step: u64) -> PathBuf {
        self.path("checkpoints").join(format!("step-{step}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn refuse_two_models(&self) -> Result<(), TrainError> {
        let path = &self.recipe.model.path;
        match &self.options.base {
            Some(base) if !path.is_empty() => Err(TrainError::Value {
                place: format!("--base {}", base.display()),
                key: "model.path".into(),
                value: format!("\"{path}\""),
                problem: "--base and model.path exclude each other: both name the model to start from; leave out one of them".into(),
            }),
            _ => Ok(()),
        }
    }

    fn refuse_two_adapters(&self, source: &Source) -> Result<(), TrainError> {
        let rank = self.recipe.lora.rank;
        match &source.adapt {
            Adapt::Stored(_) if rank > 0 => Err(TrainError::Value {
                place: format!("recipe {}", self.recipe.name),
                key: "lora.rank".into(),
                value: rank.to_string(),
                problem: "model.path is an adapter, which goes on being trained; set lora.rank = 0, or merge it first with laser export".into(),
            }),
            _ => Ok(()),
        }
    }

    /// The trainer around a base model that is there, or that of the warm start which makes one.
    fn start(&mut self, cpu: Cpu) -> Result<Start, TrainError> {
        let fingerprint = self.recipe.base_fingerprint();
        let cached = self.path("base");
        let made = match (&self.options.base, self.recipe.model.path.as_str()) {
            (Some(dir), _) if !is_base(dir, &fingerprint) => {
                let problem = "no base model of this recipe's seed, model, warm start and tasks; leave out --base to make one";
                return Err(TrainError::file(dir, problem));
            }
            (Some(dir), _) => Some(dir.clone()),
            (None, "") => {
                (!self.recipe.is_supervised() && is_base(&cached, &fingerprint)).then_some(cached)
            }
            (None, path) => {
                let source = Source::named(path, &self.recipe.model.revision)?;
                self.refuse_two_adapters(&source)?;
                self.observer.note(&format!("base model: {path}"));
                return Ok(Start::Reinforce(self.trainer(cpu, Part::Train, source)?, 0));
            }
        };
        let Some(dir) = made else {
            return match self.recipe.is_supervised() {
                true => Ok(Start::Reinforce(
                    self.trainer(cpu, Part::Train, self.fresh()?)?,
                    0,
                )),
                false => self.start_warm(cpu),
            };
        };
        self.observer
            .note(&format!("base model: {}", dir.display()));
        Ok(Start::Reinforce(self.load(cpu, &Checkpoint { dir })?, 0))
    }

    /// The trainer around fresh weights, or around those of an interrupted warm start.
    fn start_warm(&self, cpu: Cpu) -> Result<Start, TrainError> {
        let checkpoint = newest(&self.path("warm-start"))?.filter(|_| self.options.resume);
        let saved = match checkpoint {
            Some(c) => Some((c.state()?, c)),
            None => None,
        };
        let fingerprint = self.recipe.base_fingerprint();
        let saved = saved.filter(|(state, _)| state.fingerprint == fingerprint);
        let source = match &saved {
            Some((_, c)) => Source::open(&c.dir)?,
            None => self.fresh()?,
        };
        let mut t = self.trainer(cpu, Part::WarmStart, source)?;
        let Some((state, c)) = saved else {
            return Ok(Start::WarmStart(t, 0));
        };
        c.load_moments(&mut t, state.updates)?;
        Ok(Start::WarmStart(t, state.step))
    }

    /// Fresh weights.
    fn fresh(&self) -> Result<Source, TrainError> {
        let files = ModelFiles::fresh(&self.recipe.model);
        let seed = Stream::Weights.seed(self.recipe.seed);
        let weights = init_weights(&files.config()?, seed);
        Source::full(files, weights)
    }

    fn resume(
        &mut self,
        cpu: Cpu,
        checkpoint: &Checkpoint,
        state: &State,
    ) -> Result<Start, TrainError> {
        self.observer.note(&format!(
            "resuming after step {}: {}",
            state.step,
            checkpoint.dir.display()
        ));
        let mut t = self.load(cpu, checkpoint)?;
        checkpoint.load_moments(&mut t, state.updates)?;
        checkpoint.load_companions(&mut t)?;
        t.coefficients = state.coefficients.unwrap_or(t.coefficients);
        if t.problems.identity() != state.data {
            let problem = "the files of data.train and data.test hold other problems now than when the run was saved; put them back, or choose another --out";
            return Err(TrainError::file(&checkpoint.dir, problem));
        }
        if t.guide.as_ref().map(|g| &g.identity) != state.guide.as_ref() {
            let problem = "guide.path holds another model now than when the run was saved; put it back, or choose another --out";
            return Err(TrainError::file(&checkpoint.dir, problem));
        }
        self.saved = Some(state.step);
        Ok(Start::Reinforce(t, state.step))
    }

    /// The trainer around the model in a folder.
    fn load(&self, cpu: Cpu, model: &Checkpoint) -> Result<Trainer, TrainError> {
        self.trainer(cpu, Part::Train, Source::open(&model.dir)?)
    }

    fn trainer(&self, cpu: Cpu, part: Part, source: Source) -> Result<Trainer, TrainError> {
        let recipe = self.recipe.clone();
        Trainer::new(recipe, cpu, part, source, self.monitor.clone())
    }

    /// The warm start after `done` steps; writes the base model.
    fn warm_start(&mut self, mut t: Trainer, done: u64) -> Result<Trainer, TrainError> {
        let (saved, base) = (self.path("warm-start"), self.path("base"));
        let steps = self.recipe.warm_start.steps;
        let fingerprint = self.recipe.base_fingerprint();
        self.before = self.folder.rewind(done, 0)?;
        self.skipped = self.folder.skipped_in_a_row(true)?;
        self.observer.begin(Phase::WarmStart, done, steps);
        for step in done + 1..=steps {
            let started = Instant::now();
            // On a pool thread, so that operations need not wake the pool from outside each time.
            match t.learner.cpu.clone().install(|| t.warm_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    self.save_warm_start(&t, step - 1)?;
                    return Err(self.interrupted("the warm start", step - 1));
                }
                Err(TrainError::Diverged { what, remedy, .. }) => {
                    t.clear_gradients();
                    self.skip(&t, Part::WarmStart, step, started, what, remedy)?;
                }
                other => {
                    let mut line = other?.metrics(step, started);
                    line.insert("phase".into(), json!("sft"));
                    self.record(Phase::WarmStart, Value::Object(line))?;
                    self.skipped = 0;
                }
            }
            let every = self.recipe.save.warm_start_every;
            let out_of_time = step < steps && self.is_out_of_time();
            if out_of_time || (step < steps && every > 0 && step.is_multiple_of(every)) {
                self.save_warm_start(&t, step)?;
            }
            if out_of_time {
                return Err(self.out_of_time("the warm start", step));
            }
        }
        folder_atomically(&base, |dir| {
            Checkpoint::write_base(dir, &t, steps)?;
            mark_base(dir, &fingerprint)
        })?;
        remove_folder(&saved)?;
        self.observer.end(Phase::WarmStart);
        if self.recipe.lora.rank > 0 {
            let cpu = t.learner.cpu.clone();
            drop(t);
            t = self.load(cpu, &Checkpoint { dir: base })?;
        } else {
            t.learner.moments = Moments::new(&t.learner.cpu, &t.learner.decoder);
        }
        if self.is_out_of_time() {
            return Err(self.out_of_time("the warm start", steps));
        }
        Ok(t)
    }

    fn save_warm_start(&self, t: &Trainer, step: u64) -> Result<(), TrainError> {
        let dir = self.path("warm-start");
        let state = State {
            phase: Part::WarmStart,
            step,
            updates: t.learner.moments.updates,
            fingerprint: self.recipe.base_fingerprint(),
            coefficients: None,
            data: None,
            guide: None,
            format: FORMAT,
        };
        flush(&self.path("metrics.jsonl"))?;
        create_folder(&dir)?;
        Checkpoint::write(&dir.join(format!("step-{step}")), t, &state)?;
        prune(&dir, 1, None)
    }

    /// Measures c_ref, checks that the score means something, and tests the base model.
    fn test_base(&mut self, t: &mut Trainer) -> Result<BaseTest, TrainError> {
        self.observer.begin(Phase::TestBase, 0, 1);
        let measured = self.calibrate(t)?;
        let result = self.cancellable(t, 0, |t| {
            let e = &t.recipe.evaluation;
            t.test(e.problems, e.samples)
        })?;
        let quick = self.watch.as_ref().map(|_| self.quick(t, &result));
        let base = BaseTest {
            quick,
            metrics: result.metrics,
            calibration: result.calibration,
            self_reward: t.self_reward,
            c_ref_measured: measured,
        };
        self.log()?.base_test(&json!(base.metrics))?;
        write_atomically(
            &self.path("base-test.json"),
            (to_json(&base) + "\n").as_bytes(),
        )?;
        self.observer.tested(0, &base.metrics);
        self.observer.end(Phase::TestBase);
        Ok(base)
    }

    fn load_base_test(&self) -> Result<BaseTest, TrainError> {
        let path = self.path("base-test.json");
        serde_json::from_str(&read(&path)?).map_err(|e| TrainError::file(&path, e))
    }

    fn calibrate(&mut self, t: &mut Trainer) -> Result<Option<[f32; 2]>, TrainError> {
        // What is measured of the base would not be true of a model that imitates something else.
        if t.zc.is_none() || self.recipe.is_supervised() {
            return Ok(None);
        }
        let logps = self.cancellable(t, 0, Trainer::reference_logps)?;
        let s = &self.recipe.self_reward;
        let Some(reference) = Reference::measure(&logps, s)? else {
            self.observer.note(&format!(
                "note: only {} responses of the base model ended by themselves, too few to measure log π_ref(z_c); \
                 there will be no self-reward scores, which this recipe does not train on",
                logps.len()
            ));
            return Ok(None);
        };
        self.observer.note(&reference.note());
        t.self_reward = Some(reference.rule(s)?);
        for warning in reference.warnings(s) {
            self.observer.note(&warning);
        }
        t.settle(Some(reference.std));
        Ok(Some([reference.mean, reference.std]))
    }

    fn record(&mut self, phase: Phase, line: Value) -> Result<(), TrainError> {
        let Value::Object(mut metrics) = line else {
            return Ok(());
        };
        let warnings = self.log()?.step(&mut metrics)?;
        self.observer.step(phase, &metrics);
        let step = metrics.get("step").and_then(Value::as_u64).unwrap_or(0);
        for warning in &warnings {
            self.observer.warning(step, warning);
        }
        Ok(())
    }

    fn log(&mut self) -> Result<&mut RunLog, TrainError> {
        let log = match self.log.take() {
            Some(log) => log,
            None => RunLog::open(&self.folder, &self.recipe)?,
        };
        Ok(self.log.insert(log))
    }

    fn record_test(&mut self, step: u64, metrics: &Evaluation) -> Result<(), TrainError> {
        let mut line = json!(metrics);
        line["step"] = json!(step);
        self.log()?.test(&line)?;
        self.observer.tested(step, metrics);
        Ok(())
    }

    /// Saves the state after a step, if it is not on the disk yet.
    fn save(&mut self, t: &Trainer, step: u64) -> Result<(), TrainError> {
        if self.saved == Some(step) {
            return Ok(());
        }
        let dir = self.path("checkpoints");
        let state = State {
            phase: Part::Train,
            step,
            updates: t.learner.moments.updates,
            fingerprint: self.recipe.run_fingerprint(),
            coefficients: Some(t.coefficients),
            data: t.problems.identity(),
            guide: t.guide.as_ref().map(|g| g.identity.clone()),
            format: FORMAT,
        };
        // A checkpoint must not outlive the lines of its steps, even in a loss of power.
        for log in ["metrics.jsonl", "evals.jsonl"] {
            flush(&self.path(log))?;
        }
        create_folder(&dir)?;
        Checkpoint::write(&dir.join(format!("step-{step}")), t, &state)?;
        self.saved = Some(step);
        let best = self.watch.as_ref().and_then(|w| w.best);
        prune(&dir, self.recipe.save.keep, best.map(|b| b.step))
    }
}
