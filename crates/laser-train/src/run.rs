//! A run in its folder, from the warm start to the summary.

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
use crate::calibrate::Reference;
use crate::evaluate::{EvalResult, SampleRow};
use crate::files::{
    create_folder, decimal, folder_atomically, read, remove_folder, to_json, write_atomically,
};
use crate::folder::{Folder, is_base, mark_base, write_rows};
use crate::log::RunLog;
use crate::observer::{Observer, Phase};
use crate::optimizer::Moments;
use crate::recipe::Recipe;
use crate::save::{Checkpoint, ModelFiles, Part, State, newest, prune};
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

    pub(crate) fn recipe(&self) -> &Arc<Recipe> {
        &self.recipe
    }

    pub(crate) fn threads(&self) -> usize {
        self.options.threads
    }

    /// Where a run that is not resumed begins.
    pub(crate) fn begin(&mut self, cpu: Cpu) -> Result<Start, TrainError> {
        self.refuse_two_models()?;
        self.start(cpu)
    }

    /// Does all of it.
    ///
    /// # Errors
    /// See [`TrainError`]; an interruption is one too, after everything has been saved.
    pub fn execute(mut self) -> Result<Outcome, TrainError> {
        let cpu = Cpu::new(self.options.threads)?;
        self.refuse_two_models()?;
        let checkpoint = self.folder.check(&self.recipe, self.options.resume)?;
        // What can be wrong with the recipe, the models and the tokens shows before the folder is
        // touched: an earlier run in it must not be lost to one that cannot start.
        let start = match checkpoint {
            Some(checkpoint) => self.resume(cpu, &checkpoint)?,
            None => self.start(cpu)?,
        };
        start
            .trainer()
            .test_problems(self.recipe.evaluation.problems)?;
        let earlier_test = match start {
            Start::Reinforce(_, 1..) => Some(self.load_base_test()?),
            _ => None,
        };
        self.folder.prepare(&self.recipe, self.options.resume)?;
        let (mut trainer, done) = match start {
            Start::WarmStart(trainer, done) => (self.warm_start(trainer, done)?, 0),
            Start::Reinforce(trainer, done) => {
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
        let last_step = self.reinforce(&mut trainer, done)?;
        self.finish(&trainer, &base, last_step)
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
            (None, "") => is_base(&cached, &fingerprint).then_some(cached),
            (None, path) => Some(PathBuf::from(path)),
        };
        let Some(dir) = made else {
            return self.start_warm(cpu);
        };
        self.observer
            .note(&format!("base model: {}", dir.display()));
        Ok(Start::Reinforce(self.load(cpu, &Checkpoint { dir })?, 0))
    }

    /// The trainer around fresh weights, or around those of an interrupted warm start.
    fn start_warm(&self, cpu: Cpu) -> Result<Start, TrainError> {
        let files = ModelFiles::fresh(&self.recipe.model);
        let config = files.config()?;
        let checkpoint = newest(&self.path("warm-start"))?.filter(|_| self.options.resume);
        let saved = match checkpoint {
            Some(c) => Some((c.state()?, c)),
            None => None,
        };
        let fingerprint = self.recipe.base_fingerprint();
        let saved = saved.filter(|(state, _)| state.fingerprint == fingerprint);
        let weights = match &saved {
            Some((_, c)) => c.weights(&config)?,
            None => init_weights(&config, Stream::Weights.seed(self.recipe.seed)),
        };
        let mut t = self.trainer(cpu, files, &weights)?;
        let Some((state, c)) = saved else {
            return Ok(Start::WarmStart(t, 0));
        };
        c.load_moments(&mut t, state.updates)?;
        Ok(Start::WarmStart(t, state.step))
    }

    fn resume(&mut self, cpu: Cpu, checkpoint: &Checkpoint) -> Result<Start, TrainError> {
        let state = checkpoint.state()?;
        self.observer.note(&format!(
            "resuming after step {}: {}",
            state.step,
            checkpoint.dir.display()
        ));
        let mut t = self.load(cpu, checkpoint)?;
        checkpoint.load_moments(&mut t, state.updates)?;
        checkpoint.load_companions(&mut t)?;
        t.coefficients = state.coefficients;
        Ok(Start::Reinforce(t, state.step))
    }

    /// The trainer around the model in a folder.
    fn load(&self, cpu: Cpu, model: &Checkpoint) -> Result<Trainer, TrainError> {
        let files = ModelFiles::load(&model.dir)?;
        let weights = model.weights(&files.config()?)?;
        self.trainer(cpu, files, &weights)
    }

    fn trainer(
        &self,
        cpu: Cpu,
        files: ModelFiles,
        weights: &[Vec<f32>],
    ) -> Result<Trainer, TrainError> {
        let monitor = self.monitor.clone();
        Trainer::new(self.recipe.clone(), cpu, files, weights, monitor)
    }

    /// The warm start after `done` steps; writes the base model.
    fn warm_start(&mut self, mut t: Trainer, done: u64) -> Result<Trainer, TrainError> {
        let (saved, base) = (self.path("warm-start"), self.path("base"));
        let steps = self.recipe.warm_start.steps;
        let fingerprint = self.recipe.base_fingerprint();
        self.before = self.folder.rewind(done, 0)?;
        self.observer.begin(Phase::WarmStart, done, steps);
        for step in done + 1..=steps {
            let started = Instant::now();
            // On a pool thread, so that operations need not wake the pool from outside each time.
            let s = match t.cpu.clone().install(|| t.warm_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    let state = State {
                        phase: Part::WarmStart,
                        step: step - 1,
                        updates: t.moments.updates,
                        fingerprint,
                        coefficients: t.coefficients,
                    };
                    Checkpoint::write(&saved.join(format!("step-{}", step - 1)), &t, &state)?;
                    return Err(self.interrupted("the warm start", step - 1));
                }
                other => other?,
            };
            let line = json!({
                "phase": "sft", "step": step, "seconds": {"train": started.elapsed().as_secs_f64()},
                "tokens": {"train": s.tokens}, "sft/loss": s.loss, "sft/self_logp": s.self_logp,
                "optim/grad_norm": s.grad_norm, "optim/lr": decimal(s.lr),
            });
            self.record(Phase::WarmStart, line)?;
        }
        folder_atomically(&base, |dir| {
            Checkpoint::write_model(dir, &t, steps)?;
            mark_base(dir, &fingerprint)
        })?;
        remove_folder(&saved)?;
        self.observer.end(Phase::WarmStart);
        t.moments = Moments::new(&t.cpu, &t.decoder);
        Ok(t)
    }

    /// Measures c_ref, checks that the score means something, and tests the base model.
    fn test_base(&mut self, t: &mut Trainer) -> Result<BaseTest, TrainError> {
        self.observer.begin(Phase::TestBase, 0, 1);
        let measured = self.calibrate(t)?;
        let result = self.cancellable(t, 0, |t| {
            let e = &t.recipe.evaluation;
            t.test(e.problems, e.samples)
        })?;
        let base = BaseTest {
            metrics: result.metrics,
            calibration: result.calibration,
            self_reward: t.self_reward,
            c_ref_measured: measured,
        };
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
        if t.zc.is_none() {
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
        Ok(Some([reference.mean, reference.std]))
    }

    /// The reinforcement learning after `done` steps; returns the last step.
    fn reinforce(&mut self, t: &mut Trainer, done: u64) -> Result<u64, TrainError> {
        let r = self.recipe.clone();
        self.observer.begin(Phase::Train, done, r.steps);
        self.log()?;
        self.test_on_the_way(t, done)?;
        for step in done + 1..=r.steps {
            let result = match t.cpu.clone().install(|| t.reinforce_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    return Err(self.save_and_stop(t, step - 1)?);
                }
                // Rewards come before the first update of a step: the weights are still those of
                // the step before, and hours of training need not be lost to a judge's bad minute.
                Err(TrainError::Reward(source)) if step > 1 => {
                    self.save(t, step - 1)?;
                    return Err(TrainError::NoRewards {
                        step,
                        dir: self.folder.0.clone(),
                        command: self.options.resume_command.clone(),
                        source: source.into(),
                    });
                }
                other => other?,
            };
            self.record(Phase::Train, Value::Object(result.metrics))?;
            let due = |every: u64| every > 0 && (step == 1 || step.is_multiple_of(every));
            let (saved, shown) = (due(r.save.samples_every), due(r.save.table_every));
            if saved || shown {
                let rows: Vec<SampleRow> = result
                    .problems
                    .iter()
                    .zip(&result.groups)
                    .flat_map(|(p, g)| g.iter().map(|(l, a)| SampleRow::new(p, l, Some(*a))))
                    .collect();
                if saved {
                    let file = self.path("samples").join(format!("step-{step}.jsonl"));
                    write_rows(&file, &rows)?;
                }
                if shown {
                    self.observer.responses(step, &rows);
                }
            }
            if step < r.steps && r.save.every > 0 && step % r.save.every == 0 {
                self.save(t, step)?;
            }
            self.test_on_the_way(t, step)?;
        }
        self.save(t, r.steps)?;
        self.observer.end(Phase::Train);
        Ok(r.steps)
    }

    /// The small test after `step` steps, if one is due.
    fn test_on_the_way(&mut self, t: &Trainer, step: u64) -> Result<(), TrainError> {
        let (steps, e) = (self.recipe.steps, &self.recipe.evaluation);
        if step == 0 || step >= steps || e.every == 0 || !step.is_multiple_of(e.every) {
            return Ok(());
        }
        let quick = e.quick_problems.min(e.problems);
        let result = self.cancellable(t, step, |t| t.test(quick, e.samples))?;
        self.record_test(step, &result.metrics)
    }

    fn finish(&mut self, t: &Trainer, base: &BaseTest, steps: u64) -> Result<Outcome, TrainError> {
        self.observer.begin(Phase::TestFinal, 0, 1);
        let EvalResult {
            metrics,
            calibration,
            rows,
        } = self.cancellable(t, steps, |t| {
            let e = &t.recipe.evaluation;
            t.test(e.problems, e.samples)
        })?;
        self.record_test(steps, &metrics)?;
        write_rows(&self.path("results.jsonl"), &rows)?;
        let seconds = self.seconds();
        let summary = json!({
            "recipe": self.recipe.name, "seed": self.recipe.seed, "steps": steps, "seconds": seconds,
            "tokens_per_second": self.folder.tokens_per_second()?, "parameters": t.decoder.config.parameters(),
            "beta_v": t.self_reward.map(|s| decimal(s.beta_v)), "c_ref": t.self_reward.map(|s| decimal(s.c_ref)),
            "c_ref_measured": base.c_ref_measured.map(|m| m.map(decimal)), "base": base.metrics, "final": metrics,
            "base_calibration": base.calibration, "calibration": calibration,
        });
        write_atomically(
            &self.path("summary.json"),
            format!("{summary:#}\n").as_bytes(),
        )?;
        self.observer.end(Phase::TestFinal);
        let checkpoint = self.path("checkpoints").join(format!("step-{steps}"));
        Ok(Outcome {
            base: base.metrics.clone(),
            last: metrics,
            seconds,
            checkpoint,
        })
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

    fn save(&self, t: &Trainer, step: u64) -> Result<(), TrainError> {
        let dir = self.path("checkpoints");
        let state = State {
            phase: Part::Train,
            step,
            updates: t.moments.updates,
            fingerprint: self.recipe.run_fingerprint(),
            coefficients: t.coefficients,
        };
        create_folder(&dir)?;
        Checkpoint::write(&dir.join(format!("step-{step}")), t, &state)?;
        prune(&dir, self.recipe.save.keep)
    }

    /// Runs something that can be interrupted while `step` steps are done.
    fn cancellable<T>(
        &self,
        t: &Trainer,
        step: u64,
        f: impl FnOnce(&Trainer) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        match f(t) {
            Err(TrainError::Rollout(RolloutError::Cancelled)) if step == 0 => {
                Err(self.interrupted("the test of the base model", 0))
            }
            Err(TrainError::Rollout(RolloutError::Cancelled)) => Err(self.save_and_stop(t, step)?),
            Err(TrainError::Rollout(e @ RolloutError::Sampling { .. })) => {
                let remedy = match self.recipe.model.path.is_empty() {
                    true => "lower optimizer.lr, or warm_start.optimizer.lr if this is step 0",
                    false => "lower optimizer.lr, or name another model.path if this is step 0",
                };
                Err(TrainError::Diverged {
                    phase: "the test after training",
                    step,
                    what: e.to_string(),
                    remedy: remedy.into(),
                })
            }
            other => other,
        }
    }

    fn save_and_stop(&self, t: &Trainer, step: u64) -> Result<TrainError, TrainError> {
        if step > 0 {
            self.save(t, step)?;
        }
        Ok(self.interrupted("training", step))
    }

    fn interrupted(&self, phase: &'static str, step: u64) -> TrainError {
        TrainError::Interrupted {
            phase,
            step,
            dir: self.folder.0.clone(),
            command: self.options.resume_command.clone(),
        }
    }
}
