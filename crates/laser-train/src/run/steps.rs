//! The steps of reinforcement learning, with the tests and checkpoints on the way.

use std::path::Path;
use std::time::Instant;

use laser_rl::Evaluation;
use laser_rollout::RolloutError;
use serde_json::{Value, json};

use super::{BaseTest, Run};
use crate::TrainError;
use crate::best::Watch;
use crate::evaluate::{EvalResult, SampleRow};
use crate::files::write_atomically;
use crate::folder::write_rows;
use crate::observer::Phase;
use crate::rl::ReinforceStep;
use crate::save::{Part, prune};
use crate::snapshot::Snapshot;
use crate::trainer::Trainer;

/// Whether training goes on after a test.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Next {
    Go,
    StopEarly,
}

/// Goes back to the beginning of a step; without a snapshot nothing was updated yet.
fn undo(t: &mut Trainer, start_of_step: &Option<Snapshot>) {
    t.clear_gradients();
    if let Some(snapshot) = start_of_step {
        snapshot.restore(t);
    }
}

impl Run<'_> {
    /// The reinforcement learning after `done` steps; returns the last step, and whether there
    /// were to be more.
    pub(super) fn reinforce(
        &mut self,
        t: &mut Trainer,
        done: u64,
    ) -> Result<(u64, Next), TrainError> {
        let r = self.recipe.clone();
        self.observer.begin(Phase::Train, done, r.steps);
        self.log()?;
        let mut next = self.test_on_the_way(t, done)?;
        let mut last = done;
        self.skipped = self.folder.skipped_in_a_row(false)?;
        // A step of one update changes nothing before that; one of more may have to be undone.
        let mut start_of_step = match r.updates() {
            1 => None,
            _ => Some(Snapshot::new(t)),
        };
        for step in done + 1..=r.steps {
            if next == Next::StopEarly {
                break;
            }
            if let Some(snapshot) = &mut start_of_step {
                snapshot.take(t);
            }
            let started = Instant::now();
            match t.learner.cpu.clone().install(|| t.train_step(step)) {
                Err(TrainError::Rollout(RolloutError::Cancelled)) => {
                    undo(t, &start_of_step);
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
                Err(TrainError::Diverged { what, remedy, .. }) => {
                    undo(t, &start_of_step);
                    self.skip(t, Part::Train, step, started, what, remedy)?;
                }
                result => self.record_step(step, result?)?,
            }
            if step < r.steps && r.save.every > 0 && step % r.save.every == 0 {
                self.save(t, step)?;
            }
            next = self.test_on_the_way(t, step)?;
            last = step;
            if self.is_out_of_time() {
                self.save(t, step)?;
                return Err(self.out_of_time("training", step));
            }
        }
        self.save(t, last)?;
        self.observer.end(Phase::Train);
        Ok((last, next))
    }

    /// A step that was completed, in the logs.
    pub(super) fn record_step(
        &mut self,
        step: u64,
        mut result: ReinforceStep,
    ) -> Result<(), TrainError> {
        self.skipped = 0;
        result.metrics.insert("optim/skipped".into(), json!(0));
        self.record(Phase::Train, Value::Object(result.metrics))?;
        let due = |every: u64| every > 0 && (step == 1 || step.is_multiple_of(every));
        let save = &self.recipe.save;
        let (saved, shown) = (due(save.samples_every), due(save.table_every));
        if result.groups.is_empty() || !saved && !shown {
            return Ok(());
        }
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
        Ok(())
    }

    /// The small test after `step` steps, if one is due.
    pub(super) fn test_on_the_way(
        &mut self,
        t: &mut Trainer,
        step: u64,
    ) -> Result<Next, TrainError> {
        let (steps, e) = (self.recipe.steps, self.recipe.evaluation.clone());
        if step == 0 || step >= steps || e.every == 0 || !step.is_multiple_of(e.every) {
            return Ok(Next::Go);
        }
        let quick = e.quick_problems.min(e.problems);
        let result = self.cancellable(t, step, |t| t.test(quick, e.samples))?;
        self.record_test(step, &result.metrics)?;
        if let Some(accuracy) = result.metrics.accuracy.value {
            t.coefficients.prefix.update(step, accuracy);
        }
        self.keep_the_best(t, step, &result.metrics)?;
        let Some(watch) = self.watch.as_ref() else {
            return Ok(Next::Go);
        };
        if e.patience == 0 || watch.stale < e.patience {
            return Ok(Next::Go);
        }
        let (words, tests) = (watch.words(), watch.stale);
        self.observer.note(&format!(
            "stopping early after step {step} of {steps}: {words}, and {tests} tests since were no better (evaluation.patience = {})",
            e.patience
        ));
        Ok(Next::StopEarly)
    }

    /// Takes a test in, and keeps the model if it is the best so far.
    pub(super) fn keep_the_best(
        &mut self,
        t: &Trainer,
        step: u64,
        test: &Evaluation,
    ) -> Result<(), TrainError> {
        let Some(watch) = self.watch.as_mut() else {
            return Ok(());
        };
        // The old best is kept until the new one is named.
        let mut seen = watch.clone();
        if seen.see(step, &json!(test)) {
            self.save(t, step)?;
        }
        let best = seen.to_json(&self.base_folder().display().to_string());
        write_atomically(&self.path("best.json"), format!("{best:#}\n").as_bytes())?;
        let kept = seen.best.map(|b| b.step);
        self.watch = Some(seen);
        prune(&self.path("checkpoints"), self.recipe.save.keep, kept)
    }

    /// Finds the best model again from the tests that are on record.
    pub(super) fn remember_tests(&mut self, base: &BaseTest) -> Result<(), TrainError> {
        let tests = self.folder.tests()?;
        let remember = |seen: &dyn Fn(u64) -> bool| {
            let mut watch = Watch::new(&self.recipe)?;
            if let Some(quick) = &base.quick {
                watch.see(0, &json!(quick));
            }
            for (step, test) in tests.iter().filter(|(step, _)| seen(*step)) {
                watch.see(*step, test);
            }
            Some(watch)
        };
        let mut watch = remember(&|_| true);
        // Where another metric was looked for up to now, the best by this one may be gone.
        let kept = |step: u64| step == 0 || self.checkpoint(step).exists();
        if let Some(gone) = watch
            .as_ref()
            .filter(|w| w.best.is_some_and(|b| !kept(b.step)))
        {
            let words = gone.words();
            watch = remember(&kept);
            self.observer.note(&format!(
                "note: {words}, but that checkpoint was not kept; the best of those that are there counts"
            ));
        }
        self.watch = watch;
        Ok(())
    }

    /// Where the base model lies; inside the run's folder by its name in there.
    pub(super) fn base_folder(&self) -> &Path {
        match (&self.options.base, self.recipe.model.path.as_str()) {
            (Some(dir), _) => dir,
            (None, "") if self.recipe.is_supervised() => Path::new("(fresh weights)"),
            (None, "") => Path::new("base"),
            (None, path) => Path::new(path),
        }
    }

    /// What a test on the way would have found, from one on more problems.
    pub(super) fn quick(&self, t: &Trainer, result: &EvalResult) -> Evaluation {
        let e = &self.recipe.evaluation;
        result.first(e.quick_problems, &t.eval_options(e.samples))
    }
}
