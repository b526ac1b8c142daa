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
    /// Steps of training after it.
    pub steps: u64,
    /// Updates of a step.
    pub updates: u64,
    /// Responses of a step.
    pub responses: usize,
    /// Most tokens that a step can sample; 0 where responses are written.
    pub sampled_tokens: usize,
    /// Of a run that learns from written responses.
    pub imitation: Option<ImitationPlan>,
    /// Seconds of a step: sampling, training.
    pub seconds: [f64; 2],
    /// Responses that all tests sample, and seconds for them.
    pub tests: (usize, f64),
    /// Weights that are trained.
    pub trained: usize,
    /// What was read from files and what was left out of it, in lines; `None` for built-in tasks.
    pub data: Option<String>,
    /// What the run holds in memory.
    pub memory: MemoryPlan,
    /// Largest memory of the process up to the end of the probe, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// What a run would learn from written responses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImitationPlan {
    /// Tokens of the first step, those of prompts included.
    pub tokens: usize,
    /// Problems to train on; `None` where there is no end of them.
    pub problems: Option<usize>,
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
        let start = self.begin(cpu.clone())?;
        let recipe = self.recipe().clone();
        let (mut trainer, warm_steps) = match start {
            Start::WarmStart(trainer, done) => (trainer, Some(recipe.warm_start.steps - done)),
            Start::Reinforce(trainer, _) => (trainer, None),
        };
        trainer.test_problems(recipe.evaluation.problems)?;
        cpu.install(|| match recipe.is_supervised() {
            true => probe_imitation(&recipe, &mut trainer),
            false => probe(&recipe, &mut trainer, warm_steps),
        })
    }
}

fn probe(
    recipe: &Recipe,
    trainer: &mut Trainer,
    warm_steps: Option<u64>,
) -> Result<Plan, TrainError> {
    let r = &recipe.rollout;
    let responses = recipe.responses();
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

    let problems = trainer.test_problems(recipe.evaluation.problems)?;
    let tested = tested(recipe, problems.len());
    let sampled = Probed {
        warm_start,
        seconds,
        tests: (tested, seconds[0] * tested as f64 / responses as f64),
        imitation: None,
    };
    Ok(sampled.plan(recipe, trainer))
}

/// As many written responses as fill a micro-batch, and a test of as many problems as threads.
fn probe_imitation(recipe: &Recipe, trainer: &mut Trainer) -> Result<Plan, TrainError> {
    let lengths = trainer.example_lengths(1)?;
    let tokens: usize = lengths.iter().sum();
    let mut filled = 0;
    let full = |length: &usize| {
        filled += length;
        filled >= recipe.tokens_per_micro_batch
    };
    let probed = lengths
        .iter()
        .position(full)
        .map_or(lengths.len(), |i| i + 1);
    let mut small = recipe.clone();
    small.supervised.batch_size = probed;
    trainer.recipe = small.into();
    // An update moves the weights: the test comes first.
    let e = &recipe.evaluation;
    let asked = trainer.learner.cpu.threads().min(e.problems);
    let started = Instant::now();
    trainer.test(asked, e.samples)?;
    let seconds_of_test = started.elapsed().as_secs_f64() / asked as f64;
    let mut seconds = f64::INFINITY;
    for step in 1..=REPETITIONS {
        let started = Instant::now();
        trainer.train_step(step)?;
        seconds = seconds.min(started.elapsed().as_secs_f64());
    }
    let share: usize = lengths[..probed].iter().sum();
    let problems = trainer.test_problems(e.problems)?;
    let answered = problems.iter().filter(|p| !p.gold.is_empty()).count();
    let imitated = Probed {
        warm_start: None,
        seconds: [0.0, seconds * tokens as f64 / share as f64],
        tests: (
            tested(recipe, answered),
            seconds_of_test * (tested(recipe, problems.len()) / e.samples) as f64,
        ),
        imitation: Some(ImitationPlan {
            tokens,
            problems: trainer.problems.train_len(),
        }),
    };
    Ok(imitated.plan(recipe, trainer))
}

/// Responses that all tests sample, where so many test problems have answers.
fn tested(recipe: &Recipe, problems: usize) -> usize {
    let e = &recipe.evaluation;
    let during = match e.every {
        0 => 0,
        every => (recipe.steps - 1) / every,
    };
    let turns = 1 + usize::from(recipe.correction.is_some() && !recipe.is_supervised());
    (2 * problems + during as usize * e.quick_problems.min(problems)) * e.samples * turns
}

/// What was measured.
struct Probed {
    warm_start: Option<(u64, f64)>,
    seconds: [f64; 2],
    tests: (usize, f64),
    imitation: Option<ImitationPlan>,
}

impl Probed {
    fn plan(self, recipe: &Recipe, trainer: &Trainer) -> Plan {
        let decoder = &trainer.learner.decoder;
        let sampled = match self.imitation {
            Some(_) => 0,
            None => recipe.sampled_tokens(),
        };
        Plan {
            parameters: decoder.config.parameters(),
            warm_start: self.warm_start,
            steps: recipe.steps,
            updates: recipe.updates(),
            responses: recipe.responses(),
            sampled_tokens: sampled,
            imitation: self.imitation,
            seconds: self.seconds,
            tests: self.tests,
            trained: decoder.trained().iter().map(|t| t.len()).sum(),
            data: trainer.problems.report().map(ToString::to_string),
            memory: trainer.memory.clone(),
            peak_bytes: peak_memory(),
        }
    }
}
