//! A step that failed, once more.

use std::path::Path;
use std::sync::Arc;

use laser_kernels::Cpu;
use laser_rollout::Monitor;

use crate::TrainError;
use crate::model_files::Source;
use crate::save::{Checkpoint, Part};
use crate::trainer::Trainer;

/// What a replayed step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// `warm start` or `training`.
    pub phase: &'static str,
    /// The step.
    pub step: u64,
    /// What was not finite in the run.
    pub then: String,
    /// What was not finite now; none if the step went through.
    pub now: Option<String>,
    /// The tensor with the largest weight before the step, or the first with one that is not
    /// finite, and that weight.
    pub largest: (String, f32),
}

/// Repeats the step that a dump was written for. Writes nothing.
///
/// # Errors
/// A folder that is no dump of this version, and what else keeps a step from being made.
pub fn replay(dir: &Path, threads: usize, monitor: Arc<Monitor>) -> Result<Replay, TrainError> {
    let dump = Checkpoint { dir: dir.into() };
    let state = dump.state()?;
    let then = dump.failure()?;
    let recipe = dump
        .recipe()?
        .ok_or_else(|| TrainError::file(dir, "no dump of a step: recipe.toml is missing"))?;
    let cpu = Cpu::new(threads)?;
    let mut t = Trainer::new(
        Arc::new(recipe),
        cpu,
        state.phase,
        Source::open(dir)?,
        monitor,
    )?;
    dump.load_moments(&mut t, state.updates)?;
    let largest = largest(&t);
    t.self_reward = dump.self_reward()?;
    if state.phase == Part::Train {
        dump.load_companions(&mut t)?;
        t.coefficients = state.coefficients.unwrap_or(t.coefficients);
    }
    let step = state.step + 1;
    let cpu = t.learner.cpu.clone();
    let (phase, made) = match state.phase {
        Part::WarmStart => ("warm start", cpu.install(|| t.warm_step(step).map(|_| ()))),
        Part::Train => ("training", cpu.install(|| t.train_step(step).map(|_| ()))),
    };
    let now = match made {
        Ok(()) => None,
        Err(TrainError::Diverged { what, .. }) => Some(what),
        Err(other) => return Err(other),
    };
    Ok(Replay {
        phase,
        step,
        then,
        now,
        largest,
    })
}

fn largest(t: &Trainer) -> (String, f32) {
    let mut found = (String::new(), 0.0);
    let decoder = &t.learner.decoder;
    for (spec, tensor) in decoder.trained().iter().zip(decoder.parameters()) {
        for &weight in tensor.iter() {
            if weight.abs() > f32::abs(found.1) || !weight.is_finite() {
                let parts: Vec<&str> = spec.parts.iter().map(|p| p.name.as_str()).collect();
                found = (parts.join(" + "), weight);
            }
            if !weight.is_finite() {
                return found;
            }
        }
    }
    found
}
