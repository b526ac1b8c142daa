//! A run in its folder, from the warm start to the summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use laser_kernels::Cpu;
use laser_model::init_weights;
use laser_rl::{
    Calibration, Evaluation, SelfReward, group_stats, partition_excess, smallest_beta_v,
};
use laser_rng::Rng;
use laser_rollout::{Monitor, RolloutError, Sampling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::TrainError;
use crate::evaluate::{EvalResult, SampleRow};
use crate::files::{
    append_line, create_folder, folder_atomically, read, read_lines, remove, remove_folder,
    retain_lines, write_atomically,
};
use crate::optimizer::Moments;
use crate::recipe::{CRef, Recipe};
use crate::save::{Checkpoint, ModelFiles, State, newest, prune};
use crate::tasks::Split;
use crate::trainer::{Stream, Trainer};

/// On-policy responses on which c_ref is measured; the paper used 300.
const CALIBRATION_PAIRS: usize = 512;
/// Built-in noise of the score, β_v · std(log π_ref(z_c)), above which the constant is doubtful.
const MAX_SCORE_NOISE: f64 = 0.05;

/// What makes a model folder a base model of a recipe.
const BASE: &str = "base.json";
/// What training writes into the run's folder, beside `config.toml` and `base`.
const WRITTEN: [&str; 6] = [
    "checkpoints",
    "samples",
    "warm-start",
    "metrics.jsonl",
    "evals.jsonl",
    "base-test.json",
];
/// What the end of a run writes.
const WRITTEN_LAST: [&str; 3] = ["results.jsonl", "summary.json", "report.html"];

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Supervised warm start.
    WarmStart,
    /// Test of the base model.
    TestBase,
    /// Reinforcement learning.
    Train,
    /// Test of the final model.
    TestFinal,
}

/// Follows a run. Every method does nothing by default.
pub trait Observer {
    /// A phase of `total` steps begins, `done` of which are done.
    fn begin(&mut self, _phase: Phase, _done: u64, _total: u64) {}
    /// A step is complete; `metrics` is its line of `metrics.jsonl`.
    fn step(&mut self, _phase: Phase, _metrics: &Map<String, Value>) {}
    /// A test is complete.
    fn tested(&mut self, _step: u64, _metrics: &Evaluation) {}
    /// The phase is complete.
    fn end(&mut self, _phase: Phase) {}
    /// Something the user should know.
    fn note(&mut self, _text: &str) {}
}

/// Follows nothing.
pub struct Silent;
impl Observer for Silent {}

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
    c_ref_measured: Option<[f64; 2]>,
}

/// A run.
pub struct Run<'a> {
    recipe: Recipe,
    options: RunOptions,
    observer: &'a mut dyn Observer,
    monitor: Arc<Monitor>,
    started: Instant,
    /// Seconds that earlier parts of a resumed run took.
    before: f64,
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
            recipe,
            options,
            observer,
            monitor,
            started: Instant::now(),
            before: 0.0,
        }
    }

    /// Does all of it.
    ///
    /// # Errors
    /// See [`TrainError`]; an interruption is one too, after everything has been saved.
    pub fn execute(mut self) -> Result<Outcome, TrainError> {
        let cpu = Cpu::new(self.options.threads)?;
        self.prepare_folder()?;
        self.stages(cpu)
    }

    fn stages(&mut self, cpu: Cpu) -> Result<Outcome, TrainError> {
        let resumed = match self.options.resume {
            true => newest(&self.path("checkpoints"))?,
            false => None,
        };
        let (mut trainer, done) = match resumed {
            Some(checkpoint) => self.resume(cpu, &checkpoint)?,
            None => (self.base(cpu)?, 0),
        };
        let base = match done {
            0 => self.test_base(&mut trainer)?,
            _ => self.load_base_test()?,
        };
        trainer.self_reward = base.self_reward;
        let last_step = self.reinforce(&mut trainer, done)?;
        self.finish(&trainer, &base, last_step)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.options.out.join(name)
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Makes the folder, or clears one that holds the same run, finished; refuses to overwrite
    /// anything else.
    fn prepare_folder(&self) -> Result<(), TrainError> {
        let out = &self.options.out;
        create_folder(out)?;
        let checkpoint = newest(&self.path("checkpoints"))?;
        match (self.options.resume, checkpoint) {
            (true, Some(checkpoint)) => self.refuse_to_continue(&checkpoint)?,
            (true, None) => {}
            (false, checkpoint) => self.refuse_to_overwrite(checkpoint.is_some())?,
        }
        // First, so that a folder with any of the files below is always known as a run's.
        write_atomically(&self.path("config.toml"), self.recipe.to_toml().as_bytes())?;
        if !self.options.resume {
            WRITTEN.iter().try_for_each(|n| remove(&self.path(n)))?;
        }
        WRITTEN_LAST
            .iter()
            .try_for_each(|n| remove(&self.path(n)))?;
        create_folder(&self.path("samples"))
    }

    fn refuse_to_overwrite(&self, has_checkpoint: bool) -> Result<(), TrainError> {
        let out = &self.options.out;
        let config = self.path("config.toml");
        if !config.exists() {
            let foreign = WRITTEN.iter().chain(&WRITTEN_LAST).map(|n| self.path(n));
            let base = self.path("base");
            let base = (base.exists() && !base.join(BASE).exists()).then_some(base);
            if let Some(path) = foreign.filter(|p| p.exists()).chain(base).next() {
                return Err(TrainError::file(
                    &path,
                    "not from a run of this program (there is no config.toml beside it), and the run would replace it; choose another folder with --out",
                ));
            }
            return Ok(());
        }
        let same = Recipe::load(&config, &[])? == self.recipe;
        let finished = self.path("summary.json").exists();
        if !(has_checkpoint || finished) || (same && finished) {
            return Ok(());
        }
        let what = if same {
            "an unfinished run"
        } else {
            "the run of another recipe"
        };
        Err(TrainError::file(
            out,
            format!(
                "the folder holds {what}; continue it with --resume, or choose another folder with --out"
            ),
        ))
    }

    fn refuse_to_continue(&self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let state = checkpoint.state()?;
        let fail = |problem: &str| Err(TrainError::file(&checkpoint.dir, problem));
        if state.fingerprint != self.run_fingerprint() {
            return fail(
                "the checkpoint belongs to a run with another recipe; resume with that one (config.toml), or choose another --out",
            );
        }
        if state.step > self.recipe.steps {
            return fail(&format!(
                "the run is already beyond steps = {}; raise steps to {} or more",
                self.recipe.steps, state.step
            ));
        }
        Ok(())
    }

    /// The trainer around a base model: loaded, or made by the warm start.
    fn base(&mut self, cpu: Cpu) -> Result<Trainer, TrainError> {
        let given =
            (!self.recipe.model.path.is_empty()).then(|| PathBuf::from(&self.recipe.model.path));
        let cached = self
            .options
            .base
            .clone()
            .unwrap_or_else(|| self.path("base"));
        let made = self.options.base.is_some() || is_base(&cached, &self.base_fingerprint());
        if let Some(dir) = given.or(made.then_some(cached.clone())) {
            if self.options.base.is_some() && !is_base(&dir, &self.base_fingerprint()) {
                let problem = "no base model of this recipe's seed, model, warm start and tasks; leave out --base to make one";
                return Err(TrainError::file(&dir, problem));
            }
            self.observer
                .note(&format!("base model: {}", dir.display()));
            self.rewind(u64::MAX, 0)?;
            let files = ModelFiles::load(&dir)?;
            let config = files.config()?;
            let weights = Checkpoint { dir }.weights(&config)?;
            return Trainer::new(
                self.recipe.clone(),
                cpu,
                files,
                &weights,
                self.monitor.clone(),
            );
        }
        self.warm_start(cpu, &cached)
    }

    fn warm_start(&mut self, cpu: Cpu, base: &Path) -> Result<Trainer, TrainError> {
        let saved = self.path("warm-start");
        let steps = self.recipe.warm_start.steps;
        let files = ModelFiles::fresh(&self.recipe.model);
        let config = files.config()?;
        let checkpoint = newest(&saved)?.filter(|_| self.options.resume);
        let state = checkpoint.as_ref().map(Checkpoint::state).transpose()?;
        let state = state.filter(|s| s.fingerprint == self.base_fingerprint());
        let weights = match (&checkpoint, &state) {
            (Some(c), Some(_)) => c.weights(&config)?,
            _ => init_weights(&config, Stream::Weights.seed(self.recipe.seed)),
        };
        let mut t = Trainer::new(
            self.recipe.clone(),
            cpu,
            files,
            &weights,
            self.monitor.clone(),
        )?;
        let mut done = 0;
        if let (Some(c), Some(s)) = (&checkpoint, &state) {
            c.load_moments(&mut t, s.updates)?;
            done = s.step;
        }
        self.rewind(done, 0)?;
        self.observer.begin(Phase::WarmStart, done, steps);
        for step in done + 1..=steps {
            let started = Instant::now();
            // On a pool thread, so that operations need not wake the pool from outside each time.
            let s = match t.cpu.clone().install(|| t.warm_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    let state = State {
                        phase: "warm_start".into(),
                        step: step - 1,
                        updates: t.moments.updates,
                        fingerprint: self.base_fingerprint(),
                    };
                    Checkpoint::write(&saved.join(format!("step-{}", step - 1)), &t, &state)?;
                    return Err(self.interrupted("the warm start", step - 1));
                }
                other => other?,
            };
            let line = json!({
                "phase": "sft", "step": step, "seconds": {"train": started.elapsed().as_secs_f64()},
                "tokens": {"train": s.tokens}, "sft/loss": s.loss, "sft/self_logp": s.self_logp,
                "optim/grad_norm": s.grad_norm, "optim/lr": s.lr,
            });
            self.record(Phase::WarmStart, line)?;
        }
        let fingerprint = json!({"fingerprint": self.base_fingerprint()});
        folder_atomically(base, |dir| {
            Checkpoint::write_model(dir, &t)?;
            write_atomically(&dir.join(BASE), format!("{fingerprint:#}\n").as_bytes())
        })?;
        remove_folder(&saved)?;
        self.observer.end(Phase::WarmStart);
        t.moments = Moments::new(&t.cpu, &t.decoder);
        Ok(t)
    }

    fn resume(&mut self, cpu: Cpu, checkpoint: &Checkpoint) -> Result<(Trainer, u64), TrainError> {
        let state = checkpoint.state()?;
        self.observer.note(&format!(
            "resuming after step {}: {}",
            state.step,
            checkpoint.dir.display()
        ));
        let files = ModelFiles::load(&checkpoint.dir)?;
        let weights = checkpoint.weights(&files.config()?)?;
        let mut t = Trainer::new(
            self.recipe.clone(),
            cpu,
            files,
            &weights,
            self.monitor.clone(),
        )?;
        checkpoint.load_moments(&mut t, state.updates)?;
        let done = state.step;
        self.rewind(u64::MAX, done)?;
        Ok((t, done))
    }

    /// Drops the lines of steps after those that are done, which will be written again, and counts
    /// the seconds of the others. The test after step `done` is made again too.
    fn rewind(&mut self, warm_done: u64, done: u64) -> Result<(), TrainError> {
        let step = |v: &Value| v["step"].as_u64().unwrap_or(u64::MAX);
        let metrics = self.path("metrics.jsonl");
        retain_lines(&metrics, |v| {
            step(v) <= if v["phase"] == "sft" { warm_done } else { done }
        })?;
        retain_lines(&self.path("evals.jsonl"), |v| step(v) < done)?;
        let seconds = |v: Value| -> Option<f64> {
            let parts = v["seconds"].as_object()?.values();
            Some(parts.filter_map(Value::as_f64).sum())
        };
        self.before = read_lines(&metrics)?.into_iter().filter_map(seconds).sum();
        Ok(())
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
            format!("{}\n", json!(base)).as_bytes(),
        )?;
        self.observer.tested(0, &base.metrics);
        self.observer.end(Phase::TestBase);
        Ok(base)
    }

    fn load_base_test(&self) -> Result<BaseTest, TrainError> {
        let path = self.path("base-test.json");
        serde_json::from_str(&read(&path)?).map_err(|e| TrainError::file(&path, e))
    }

    fn calibrate(&mut self, t: &mut Trainer) -> Result<Option<[f64; 2]>, TrainError> {
        if t.zc.is_none() {
            return Ok(None);
        }
        let s = self.recipe.self_reward.clone();
        let stream = Stream::Calibrate.seed(self.recipe.seed);
        let logps: Vec<f32> = self.cancellable(t, 0, |t| {
            let problems = t.problems(Split::Train, stream, 0, CALIBRATION_PAIRS)?;
            let groups = t.respond(&problems, 1, [stream, 0], Sampling::default())?;
            Ok(groups
                .iter()
                .flat_map(|(_, g)| g.iter().filter_map(|l| l.response.self_logprob))
                .collect())
        })?;
        if logps.len() < 2 {
            return Err(TrainError::SelfReward(format!(
                "only {} of {CALIBRATION_PAIRS} responses of the base model ended by themselves, too few to measure log π_ref(z_c); \
                 raise rollout.max_new_tokens or warm_start.steps",
                logps.len()
            )));
        }
        let stats = group_stats(&logps);
        // Z is linear in π_ref(z_c), so its mean is Z at the mean probability, which is above
        // e^mean of the logarithms.
        let mean_probability =
            logps.iter().map(|l| f64::from(*l).exp()).sum::<f64>() / logps.len() as f64;
        let mean_logp = mean_probability.ln() as f32;
        let excess = partition_excess(mean_logp, s.beta_v);
        let rule = SelfReward {
            beta_v: s.beta_v,
            c_ref: match s.c_ref {
                CRef::Given(c) => c,
                CRef::Measured(_) => stats.mean,
            },
        };
        let noise = stats.std as f64 * s.beta_v as f64;
        self.observer.note(&format!(
            "log π_ref(z_c) = {:.2} ± {:.3} over {} responses; Z − 1 = {excess:.1e}, built-in noise of the score {noise:.3}",
            stats.mean, stats.std, logps.len()
        ));
        let trains = s.alpha > 0.0 || s.tau > 0.0;
        if trains && excess > s.max_partition_excess && !s.allow_partition_excess {
            return Err(TrainError::SelfReward(format!(
                "self_reward.beta_v = {}: π_ref(z_c)·(e^(1/β_v) − 1) = {excess:.1e} on the base model exceeds \
                 self_reward.max_partition_excess = {:.0e}, so log Z ≈ 0 does not hold and the score means nothing; \
                 raise beta_v to at least {:.3}, lower warm_start.self_reward_logp, or set self_reward.allow_partition_excess = true",
                s.beta_v,
                s.max_partition_excess,
                (smallest_beta_v(mean_logp, s.max_partition_excess) * 1000.0).ceil() / 1000.0
            )));
        }
        if noise > MAX_SCORE_NOISE {
            self.observer.note(&format!(
                "warning: log π_ref(z_c) varies so much that the constant c_ref alone puts a noise of {noise:.3} on the score \
                 (more than {MAX_SCORE_NOISE}); raise warm_start.self_reward_weight"
            ));
        }
        t.self_reward = Some(rule);
        Ok(Some([stats.mean as f64, stats.std as f64]))
    }

    /// The reinforcement learning after `done` steps; returns the last step.
    fn reinforce(&mut self, t: &mut Trainer, done: u64) -> Result<u64, TrainError> {
        let r = self.recipe.clone();
        self.observer.begin(Phase::Train, done, r.steps);
        self.test_on_the_way(t, done)?;
        for step in done + 1..=r.steps {
            let result = match t.cpu.clone().install(|| t.reinforce_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    return Err(self.save_and_stop(t, step - 1)?);
                }
                other => other?,
            };
            self.record(Phase::Train, Value::Object(result.metrics))?;
            if r.save.samples_every > 0 && (step == 1 || step % r.save.samples_every == 0) {
                let rows: Vec<SampleRow> = result
                    .problems
                    .iter()
                    .zip(&result.groups)
                    .flat_map(|(p, g)| g.iter().map(|(l, a)| SampleRow::new(p, l, Some(*a))))
                    .collect();
                write_rows(
                    &self.path("samples").join(format!("step-{step}.jsonl")),
                    &rows,
                )?;
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
        let (steps, e) = (self.recipe.steps, self.recipe.evaluation.clone());
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
            "tokens_per_second": self.tokens_per_second()?, "parameters": t.decoder.config.parameters(),
            "beta_v": t.self_reward.map(|s| s.beta_v), "c_ref": t.self_reward.map(|s| s.c_ref),
            "c_ref_measured": base.c_ref_measured, "base": base.metrics, "final": metrics,
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

    /// Tokens over seconds of all lines of `metrics.jsonl`.
    fn tokens_per_second(&self) -> Result<Value, TrainError> {
        let lines = read_lines(&self.path("metrics.jsonl"))?;
        let rate = |kind: &str| {
            let rl = lines.iter().filter(|l| l["phase"] != "sft");
            let sum = |key: &str| {
                rl.clone()
                    .filter_map(|l| l[key][kind].as_f64())
                    .sum::<f64>()
            };
            (sum("seconds") > 0.0).then(|| sum("tokens") / sum("seconds"))
        };
        Ok(json!({"rollout": rate("rollout"), "train": rate("train")}))
    }

    fn record(&mut self, phase: Phase, line: Value) -> Result<(), TrainError> {
        append_line(&self.path("metrics.jsonl"), &line.to_string())?;
        if let Value::Object(metrics) = &line {
            self.observer.step(phase, metrics);
        }
        Ok(())
    }

    fn record_test(&mut self, step: u64, metrics: &Evaluation) -> Result<(), TrainError> {
        let mut line = json!(metrics);
        line["step"] = json!(step);
        append_line(&self.path("evals.jsonl"), &line.to_string())?;
        self.observer.tested(step, metrics);
        Ok(())
    }

    fn save(&self, t: &Trainer, step: u64) -> Result<(), TrainError> {
        let dir = self.path("checkpoints");
        let state = State {
            phase: "train".into(),
            step,
            updates: t.moments.updates,
            fingerprint: self.run_fingerprint(),
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
            dir: self.options.out.clone(),
            command: self.options.resume_command.clone(),
        }
    }

    /// Identifies the base model that the recipe's warm start makes.
    fn base_fingerprint(&self) -> String {
        let r = &self.recipe;
        let parts = json!([r.seed, r.model, r.warm_start, r.tasks, r.self_reward.token]);
        fingerprint(&parts.to_string())
    }

    /// Identifies what the run computes step by step; how far it goes, what it reports, and how
    /// it is cut into batches may change on resume.
    fn run_fingerprint(&self) -> String {
        let r = &self.recipe;
        let rollout = (
            r.rollout.prompts,
            r.rollout.samples,
            r.rollout.max_new_tokens,
        );
        let parts = json!([
            self.base_fingerprint(),
            r.model.path,
            rollout,
            r.policy,
            r.self_reward,
            r.optimizer
        ]);
        fingerprint(&parts.to_string())
    }
}

fn fingerprint(text: &str) -> String {
    let words: Vec<u64> = text.bytes().map(u64::from).collect();
    format!("{:016x}", Rng::from_words(&words).next_u64())
}

fn is_base(dir: &Path, fingerprint: &str) -> bool {
    let file = dir.join(BASE);
    let json = read(&file)
        .ok()
        .and_then(|t| serde_json::from_str::<Value>(&t).ok());
    json.is_some_and(|v| v["fingerprint"] == fingerprint)
}

fn write_rows(path: &Path, rows: &[SampleRow]) -> Result<(), TrainError> {
    let lines: String = rows.iter().map(|r| format!("{}\n", json!(r))).collect();
    write_atomically(path, lines.as_bytes())
}
