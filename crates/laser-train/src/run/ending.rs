//! How a run ends: at its end, early, or when it has to stop.

use std::time::Instant;

use laser_rollout::RolloutError;
use serde_json::{Value, json};

use super::steps::Next;
use super::{BaseTest, Outcome, Run};
use crate::TrainError;
use crate::evaluate::EvalResult;
use crate::files::{create_folder, decimal, read, write_atomically};
use crate::folder::write_rows;
use crate::observer::Phase;
use crate::save::{Checkpoint, FORMAT, Part, State};
use crate::trainer::Trainer;

impl Run<'_> {
    pub(super) fn finish(
        &mut self,
        t: &Trainer,
        base: &BaseTest,
        steps: u64,
        next: Next,
    ) -> Result<Outcome, TrainError> {
        self.observer.begin(Phase::TestFinal, 0, 1);
        let result = self.cancellable(t, steps, |t| {
            let e = &t.recipe.evaluation;
            t.test(e.problems, e.samples)
        })?;
        // The model that stopped early has had its test on the way.
        if self.watch.is_some() && next == Next::Go {
            let quick = self.quick(t, &result);
            self.keep_the_best(t, steps, &quick)?;
        }
        let EvalResult {
            metrics,
            calibration,
            rows,
            ..
        } = result;
        self.record_test(steps, &metrics)?;
        write_rows(&self.path("results.jsonl"), &rows)?;
        let seconds = self.seconds();
        let best = self
            .watch
            .as_ref()
            .map(|w| w.to_json(&self.base_folder().display().to_string()));
        let stopped_early = (next == Next::StopEarly).then(
            || json!({"of_steps": self.recipe.steps, "patience": self.recipe.evaluation.patience}),
        );
        let summary = json!({
            "recipe": self.recipe.name, "seed": self.recipe.seed, "steps": steps, "seconds": seconds,
            "stopped_early": stopped_early, "best": best,
            "tokens_per_second": self.folder.tokens_per_second()?, "parameters": t.learner.decoder.config.parameters(),
            "beta_v": t.self_reward.map(|s| decimal(s.beta_v)), "c_ref": t.self_reward.map(|s| decimal(s.c_ref)),
            "c_ref_measured": base.c_ref_measured.map(|m| m.map(decimal)), "base": base.metrics, "final": metrics,
            "base_calibration": base.calibration, "calibration": calibration,
        });
        write_atomically(
            &self.path("summary.json"),
            format!("{summary:#}\n").as_bytes(),
        )?;
        self.observer.end(Phase::TestFinal);
        Ok(Outcome {
            base: base.metrics.clone(),
            last: metrics,
            seconds,
            checkpoint: self.checkpoint(steps),
        })
    }

    /// What a finished run found, from its files.
    pub(super) fn finished(&mut self, step: u64) -> Result<Outcome, TrainError> {
        let path = self.path("summary.json");
        let fail = |e: serde_json::Error| TrainError::file(&path, e);
        let mut summary: Value = serde_json::from_str(&read(&path)?).map_err(fail)?;
        let early = match summary["stopped_early"].is_object() {
            true => ", where it stopped early",
            false => "",
        };
        let steps = self.recipe.steps;
        self.observer.note(&format!(
            "nothing to do: the run in {} is finished after step {step} of {steps}{early}; 0 steps were made",
            self.folder.0.display()
        ));
        let mut test = |key: &str| serde_json::from_value(summary[key].take()).map_err(fail);
        Ok(Outcome {
            base: test("base")?,
            last: test("final")?,
            seconds: summary["seconds"].as_f64().unwrap_or_default(),
            checkpoint: self.checkpoint(step),
        })
    }

    /// A step in which a number was not finite. It has changed nothing; after too many of them in
    /// a row the run stops with the state before the last.
    pub(super) fn skip(
        &mut self,
        t: &Trainer,
        part: Part,
        step: u64,
        started: Instant,
        what: String,
        remedy: String,
    ) -> Result<(), TrainError> {
        let (phase, words, limit, fingerprint, name) = match part {
            Part::WarmStart => (
                Phase::WarmStart,
                "warm start",
                self.recipe.warm_start.optimizer.max_skipped,
                self.recipe.base_fingerprint(),
                format!("step-{step}-of-the-warm-start"),
            ),
            Part::Train => (
                Phase::Train,
                "training",
                self.recipe.optimizer.max_skipped,
                self.recipe.run_fingerprint(),
                format!("step-{step}"),
            ),
        };
        if self.skipped >= limit {
            let dir = self.path("dumps").join(name);
            let state = State {
                phase: part,
                step: step - 1,
                updates: t.learner.moments.updates,
                fingerprint,
                coefficients: Some(t.coefficients),
                data: t.problems.identity(),
                guide: t.guide.as_ref().map(|g| g.identity.clone()),
                format: FORMAT,
            };
            create_folder(&self.path("dumps"))?;
            Checkpoint::dump(&dir, t, &state, &what)?;
            return Err(TrainError::Diverged {
                phase: words,
                step,
                what: format!("{what}, and {} steps before it were skipped", self.skipped),
                remedy: format!(
                    "{remedy}. The state before the step is in {}: laser train --replay repeats it",
                    dir.display()
                ),
            });
        }
        self.skipped += 1;
        let mut line = json!({
            "step": step, "seconds": {"train": started.elapsed().as_secs_f64()},
            "optim/skipped": 1, "optim/skipped_because": what,
        });
        if part == Part::WarmStart {
            line["phase"] = json!("sft");
        }
        self.record(phase, line)?;
        self.observer.note(&format!(
            "{words} step {step} was skipped, nothing was changed: {what} ({} in a row; the run stops after {limit})",
            self.skipped
        ));
        Ok(())
    }

    /// Runs something that can be interrupted while `step` steps are done.
    pub(super) fn cancellable<T>(
        &mut self,
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

    pub(super) fn save_and_stop(
        &mut self,
        t: &Trainer,
        step: u64,
    ) -> Result<TrainError, TrainError> {
        if step > 0 {
            self.save(t, step)?;
        }
        Ok(self.interrupted("training", step))
    }

    pub(super) fn interrupted(&self, phase: &'static str, step: u64) -> TrainError {
        TrainError::Interrupted {
            phase,
            step,
            dir: self.folder.0.clone(),
            command: self.options.resume_command.clone(),
        }
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        let minutes = self.recipe.save.time_budget_minutes;
        minutes > 0.0 && self.started.elapsed().as_secs_f64() >= 60.0 * minutes
    }

    pub(super) fn out_of_time(&self, phase: &'static str, step: u64) -> TrainError {
        TrainError::OutOfTime {
            minutes: self.recipe.save.time_budget_minutes,
            phase,
            step,
            dir: self.folder.0.clone(),
            command: self.options.resume_command.clone(),
        }
    }
}
