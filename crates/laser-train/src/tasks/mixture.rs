//! A stream of problems drawn from several tasks.

use serde::{Deserialize, Serialize};

use super::split::fnv1a;
use super::{Difficulty, MaxChars, Problem, Split, Task, TaskError, task};
use laser_rng::Rng;

/// One task's share of a [`Mixture`], as a recipe writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Name of a built-in task.
    pub task: String,
    /// Parts of this task among all parts of the mixture.
    #[serde(default = "one_part")]
    pub weight: u32,
    /// Fewest and most steps; problems are spread evenly over them.
    pub steps: [u32; 2],
    /// The largest number that a prompt may contain.
    pub largest: u32,
}

fn one_part() -> u32 {
    1
}

/// A weighted mixture of tasks, checked when it is built.
#[derive(Clone)]
pub struct Mixture {
    parts: Vec<Part>,
    total_weight: u64,
}

#[derive(Clone)]
struct Part {
    task: &'static dyn Task,
    weight: u64,
    steps: (u32, u32),
    largest: u32,
}

impl Mixture {
    /// Looks the tasks up and checks their difficulties.
    ///
    /// # Errors
    /// [`TaskError`] for an unknown task, a difficulty that a task cannot generate, or a mixture
    /// without weight.
    pub fn new(shares: &[Share]) -> Result<Self, TaskError> {
        let parts = shares
            .iter()
            .map(Part::new)
            .collect::<Result<Vec<_>, _>>()?;
        let total_weight = parts.iter().map(|part| part.weight).sum();
        if total_weight == 0 {
            return Err(TaskError::EmptyMixture);
        }
        Ok(Self {
            parts,
            total_weight,
        })
    }

    /// Problem number `index` of the stream `seed`: a pure function of its arguments. A stream
    /// may repeat a prompt, the sooner the easier it is; no two streams of different splits share
    /// one.
    ///
    /// # Errors
    /// [`TaskError::NoCandidate`], which does not happen in practice.
    pub fn problem(&self, split: Split, seed: u64, index: u64) -> Result<Problem, TaskError> {
        let mut rng = Rng::from_words(&[fnv1a("mixture"), seed, index]);
        let part = self.part_at(rng.below(self.total_weight))?;
        let difficulty = Difficulty {
            steps: rng.between(part.steps.0, part.steps.1),
            largest: part.largest,
        };
        part.task.generate(split, seed, index, difficulty)
    }

    /// Bounds on the length of every problem of the mixture.
    pub fn max_chars(&self) -> MaxChars {
        let none = MaxChars {
            prompt: 0,
            solution: 0,
            answer: 0,
        };
        self.parts.iter().fold(none, |longest, part| {
            let chars = part.task.max_chars(part.steps.1);
            MaxChars {
                prompt: longest.prompt.max(chars.prompt),
                solution: longest.solution.max(chars.solution),
                answer: longest.answer.max(chars.answer),
            }
        })
    }

    fn part_at(&self, mut position: u64) -> Result<&Part, TaskError> {
        for part in &self.parts {
            if position < part.weight {
                return Ok(part);
            }
            position -= part.weight;
        }
        Err(TaskError::EmptyMixture)
    }
}

impl Part {
    fn new(share: &Share) -> Result<Self, TaskError> {
        let task = task(&share.task)?;
        let [low, high] = share.steps;
        if low > high {
            let task = task.name();
            return Err(TaskError::EmptySteps { task, low, high });
        }
        for steps in share.steps {
            let largest = share.largest;
            task.limits()
                .admit(task.name(), Difficulty { steps, largest })?;
        }
        Ok(Self {
            task,
            weight: u64::from(share.weight),
            steps: (low, high),
            largest: share.largest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(task: &str, weight: u32, steps: [u32; 2]) -> Share {
        Share {
            task: task.into(),
            weight,
            steps,
            largest: 20,
        }
    }

    #[test]
    fn tasks_and_steps_come_in_their_proportions() -> Result<(), TaskError> {
        let shares = [
            share("arithmetic", 3, [2, 4]),
            share("peak", 0, [2, 2]),
            share("countdown", 1, [3, 3]),
        ];
        let mixture = Mixture::new(&shares)?;
        let mut arithmetic = [0u32; 5];
        let mut countdown = 0u32;
        for index in 0..4000 {
            let problem = mixture.problem(Split::Train, 5, index)?;
            match problem.task {
                "arithmetic" => arithmetic[problem.difficulty as usize] += 1,
                "countdown" => countdown += 1,
                other => unreachable!("{other} has no weight"),
            }
        }
        // Standard deviations are below 31.
        assert!(countdown.abs_diff(1000) < 150, "{countdown}");
        assert!(arithmetic[2..].iter().all(|n| n.abs_diff(1000) < 150));
        Ok(())
    }

    #[test]
    fn mistakes_in_a_mixture_are_named() {
        let message = |shares: &[Share]| match Mixture::new(shares) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            message(&[share("sums", 1, [2, 3])]),
            "unknown task `sums`; the built-in tasks are arithmetic, peak, countdown"
        );
        assert_eq!(
            message(&[share("peak", 1, [2, 12])]),
            "task `peak`: steps = 12 is outside 2..=8"
        );
        assert_eq!(
            message(&[share("peak", 1, [4, 2])]),
            "task `peak`: steps = [4, 2] is empty; write the smaller number first"
        );
        let empty = TaskError::EmptyMixture.to_string();
        assert_eq!(message(&[]), empty);
        assert_eq!(message(&[share("peak", 0, [2, 3])]), empty);
    }

    #[test]
    fn the_longest_share_bounds_the_mixture() -> Result<(), TaskError> {
        let shares = [
            share("arithmetic", 1, [2, 5]),
            share("countdown", 1, [2, 4]),
        ];
        let longest = Mixture::new(&shares)?.max_chars();
        assert_eq!((longest.prompt, longest.solution), (18, 48));
        Ok(())
    }
}
