//! What a run would cost, measured before it starts.

use std::time::Instant;

use laser_kernels::Cpu;

use crate::TrainError;
use crate::log::peak_memory;
use crate::memory::MemoryPlan;
use crate::recipe::Recipe;
use crate::run::{Run, Start};
use crate::trainer::Trainer;

/// Repetitions of a probed step; the fastest counts, because other programs only slow it down.
const REPETITIONS: u64 = 3;
/// Seconds of probing after which nothing is repeated.
const PATIENCE: f64 = 10.0;

/// The schedule and cost of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Weights of the model.
    pub parameters: usize,
    /// Steps of the warm start that are to be done, and seconds of one.
    pub warm_start: Option<(u64, f64)>,
    /// Steps of reinforcement learning, and optimizer updates in each.
    pub steps: u64,
    /// Updates of a step.
    pub updates: u64,
    /// Responses of a step.
    pub responses: usize,
    /// Most tokens that a step can sample.
    pub sampled_tokens: usize,
    /// Seconds of a step: sampling, training.
    pub seconds: [f64; 2],
    /// Responses of all tests, and seconds for them.
    pub tests: (usize, f64),
    /// Weights that are trained.
    pub trained: usize,
    /// What the run holds in memory.
    pub memory: MemoryPlan,
    /// Largest memory of the process up to the end of the probe, where the system tells.
    pub peak_bytes: Option<u64>,
}

impl Plan {
    /// Seconds of the whole run.
    pub fn total_seconds(&self) -> f64 {
        let warm_start = self
            .warm_start
            .map_or(0.0, |(steps, seconds)| steps as f64 * seconds);
        let step: f64 = self.seconds.iter().sum();
        warm_start + self.steps as f64 * step + self.tests.1
    }
}

impl Run<'_> {
    /// Does a few small steps in memory and works out what the run would cost. Writes nothing.
    ///
    /// # Errors
    /// Those of a run that cannot start.
    pub fn plan(mut self) -> Result<Plan, TrainError> {
        let cpu = Cpu::new(self.threads())?;
        let recipe = self.recipe().clone();
        let start = self.begin(cpu.clone())?;
        let (mut trainer, warm_steps) = match start {
            Start::WarmStart(trainer, done) => (trainer, Some(recipe.warm_start.steps - done)),
            Start::Reinforce(trainer, _) => (trainer, None),
        };
        trainer.test_problems(recipe.evaluation.problems)?;
        cpu.install(|| probe(&recipe, &mut trainer, warm_steps))
    }
}

fn probe(
    recipe: &Recipe,
    trainer: &mut Trainer,
    warm_steps: Option<u64>,
) -> Result<Plan, TrainError> {
    let r = &recipe.rollout;
    let responses = r.prompts * r.samples;
    // As many problems as fill a micro-batch: then the probe needs as much memory as the run.
    let longest = r.samples * r.max_new_tokens;
    let probed = recipe
        .tokens_per_micro_batch
        .div_ceil(longest)
        .clamp(1, r.prompts);
    let mut small = recipe.clone();
    small.rollout.prompts = probed;
    small.rollout.refills = 0;
    small.policy.mini_batches = small.policy.mini_batches.min(probed);
    trainer.recipe = small.into();

    let warm_start = match warm_steps {
        Some(steps) => {
            let mut best = f64::INFINITY;
            for step in 1..=REPETITIONS {
                let started = Instant::now();
                trainer.warm_step(step)?;
                best = best.min(started.elapsed().as_secs_f64());
            }
            Some((steps, best))
        }
        None => None,
    };
    trainer.keep_reference();
    let mut seconds = [f64::INFINITY; 2];
    let probing = Instant::now();
    for step in 1..=REPETITIONS {
        if step > 1 && probing.elapsed().as_secs_f64() > PATIENCE {
            break;
        }
        let made = trainer.train_step(step)?;
        let of = |part: &str| {
            made.metrics["seconds"][part]
                .as_f64()
                .unwrap_or(f64::INFINITY)
        };
        seconds = [seconds[0].min(of("rollout")), seconds[1].min(of("train"))];
    }
    let scale = r.prompts as f64 / probed as f64;
    let seconds = seconds.map(|s| s * scale);

    let e = &recipe.evaluation;
    let during = match e.every {
        0 => 0,
        every => (recipe.steps - 1) / every,
    };
    let tested = (2 * e.problems + during as usize * e.quick_problems.min(e.problems)) * e.samples;
    let updates = recipe.policy.passes * recipe.policy.mini_batches as u64;
    let decoder = &trainer.learner.decoder;
    Ok(Plan {
        parameters: decoder.config.parameters(),
        warm_start,
        steps: recipe.steps,
        updates,
        responses,
        sampled_tokens: responses * r.max_new_tokens,
        seconds,
        tests: (tested, seconds[0] * tested as f64 / responses as f64),
        trained: decoder.trained().iter().map(|t| t.len()).sum(),
        memory: trainer.memory.clone(),
        peak_bytes: peak_memory(),
    })
}
