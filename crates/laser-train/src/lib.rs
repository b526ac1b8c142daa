//! The training loop: tasks, recipes, schedule, checkpoints, metrics, evaluation.

pub mod tasks;
