//! A run on the terminal: progress bars with tokens per second and time left, and a table of
//! steps. All of it goes to standard error.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use laser_rl::Evaluation;
use laser_rollout::Monitor;
use laser_train::{Method, Observer, Phase, Recipe, SampleRow, Warning};
use serde_json::{Map, Value};

use crate::output;
use crate::responses;
use crate::screen::{width, wrap};
use crate::summary::{number, percent};

/// Rows of the table that a phase prints.
const ROWS: u64 = 20;
/// Columns where standard error is no terminal.
const WIDTH: u16 = 120;

/// Prints a run as it goes.
pub struct Terminal {
    bar: ProgressBar,
    monitor: Arc<Monitor>,
    method: Method,
    /// Columns of a supervised run that not every one has: title, key, digits.
    extra: Vec<(&'static str, &'static str, usize)>,
    phase: Option<(Instant, u64)>,
    total: u64,
    /// Tokens since the last printed row, and when that was.
    tokens: f64,
    last_row: Instant,
}

impl Terminal {
    /// A terminal for a run that `monitor` counts the tokens of.
    pub fn new(monitor: Arc<Monitor>, recipe: &Recipe) -> Self {
        let mut extra = Vec::new();
        if !recipe.data.is_empty() {
            extra.push(("epoch", "data/epoch", 2));
        }
        if recipe.supervised.self_reward_weight > 0.0 {
            extra.push(("log p(z_c)", "sft/self_logp", 2));
        }
        Terminal {
            bar: ProgressBar::hidden(),
            monitor,
            method: recipe.method,
            extra,
            phase: None,
            total: 0,
            tokens: 0.0,
            last_row: Instant::now(),
        }
    }

    /// What is about to run.
    pub fn header(&self, recipe: &Recipe, out: &Path) {
        self.print(&format!(
            "recipe {}, seed {}, folder {}",
            recipe.name,
            recipe.seed,
            out.display()
        ));
    }

    fn print(&self, line: &str) {
        self.bar.suspend(|| output::log(line));
    }

    /// Every how many steps a row is printed.
    fn stride(&self) -> u64 {
        (self.total / ROWS).max(1)
    }
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::WarmStart => "warm start",
        Phase::TestBase => "test of the base model",
        Phase::Train => "training",
        Phase::TestFinal => "test of the final model",
    }
}

impl Observer for Terminal {
    fn begin(&mut self, phase: Phase, done: u64, total: u64) {
        self.total = total;
        self.tokens = 0.0;
        self.last_row = Instant::now();
        self.phase = Some((
            Instant::now(),
            self.monitor
                .tokens
                .load(std::sync::atomic::Ordering::Relaxed),
        ));
        self.print(&format!("\n{}", title(phase)));
        let head: String = match (phase, self.method) {
            (Phase::WarmStart, _) => "    step    loss  log p(z_c)  grad norm    tokens/s".into(),
            (Phase::Train, Method::Supervised) => {
                let extra = self.extra.iter().map(|e| format!("  {:>10}", e.0));
                format!(
                    "    step    loss  grad norm  learning rate{}    tokens/s",
                    extra.collect::<String>()
                )
            }
            (Phase::Train, Method::Reinforce) => {
                "    step  reward  length  entropy  grad norm      F1    TPR    TNR  AUROC   log p(z_c) right/wrong    tokens/s".into()
            }
            _ => String::new(),
        };
        if !head.is_empty() {
            self.print(&head);
        }
        self.bar = match phase {
            Phase::WarmStart | Phase::Train => {
                let bar = ProgressBar::new(total).with_position(done);
                let style = "{bar:30} {pos}/{len} steps  {elapsed} gone, {eta} left  {msg}";
                bar.set_style(
                    ProgressStyle::with_template(style)
                        .unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
                bar.reset_eta();
                bar
            }
            _ => {
                let bar = ProgressBar::new_spinner().with_message("sampling test problems");
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }
        };
    }

    fn step(&mut self, phase: Phase, m: &Map<String, Value>) {
        let step = m.get("step").and_then(Value::as_u64).unwrap_or(0);
        let sum = |key: &str| -> f64 {
            m.get(key)
                .and_then(Value::as_object)
                .map_or(0.0, |o| o.values().filter_map(Value::as_f64).sum())
        };
        self.tokens += sum("tokens");
        self.bar.set_message(format!(
            "{:.0} tokens/s",
            sum("tokens") / sum("seconds").max(1e-9)
        ));
        self.bar.set_position(step);
        if step != 1 && !step.is_multiple_of(self.stride()) {
            return;
        }
        let rate = self.tokens / self.last_row.elapsed().as_secs_f64().max(1e-9);
        self.tokens = 0.0;
        self.last_row = Instant::now();
        let get = |key: &str, digits: usize| number(m.get(key).and_then(Value::as_f64), digits);
        let row = match (phase, self.method) {
            (Phase::Train, Method::Supervised) => format!(
                "{step:>8}  {:>6}  {:>9}  {:>13}{}  {rate:>10.0}",
                get("sft/loss", 3),
                get("optim/grad_norm", 3),
                m.get("optim/lr")
                    .and_then(Value::as_f64)
                    .map_or("–".into(), |lr| format!("{lr:.2e}")),
                self.extra
                    .iter()
                    .map(|(_, key, digits)| format!("  {:>10}", get(key, *digits)))
                    .collect::<String>(),
            ),
            (Phase::WarmStart, _) => format!(
                "{step:>8}  {:>6}  {:>10}  {:>9}  {rate:>10.0}",
                get("sft/loss", 3),
                get("sft/self_logp", 2),
                get("optim/grad_norm", 3),
            ),
            _ => format!(
                "{step:>8}  {:>6}  {:>6}  {:>7}  {:>9}  {:>6} {:>6} {:>6} {:>6}   {:>11} / {:<11}  {rate:>10.0}",
                get("reward/verifier", 3),
                get("rollout/length_mean", 1),
                get("policy/entropy", 3),
                get("optim/grad_norm", 3),
                get("self_reward/f1", 3),
                get("self_reward/tpr", 3),
                get("self_reward/tnr", 3),
                get("self_reward/auroc", 3),
                get("self_reward/logp_correct", 2),
                get("self_reward/logp_incorrect", 2),
            ),
        };
        self.print(&row);
    }

    fn warning(&mut self, step: u64, warning: &Warning) {
        let text = format!("warning at step {step}: {}", warning.text);
        self.print(&wrap(&text, "    ", width(WIDTH).into()));
    }

    fn responses(&mut self, step: u64, rows: &[SampleRow]) {
        self.print(&responses::table(step, rows, width(WIDTH).into()));
    }

    fn tested(&mut self, step: u64, e: &Evaluation) {
        let k = e
            .maj_at
            .keys()
            .copied()
            .filter(|k| *k <= 8)
            .max()
            .unwrap_or(1);
        let at = |m: &std::collections::BTreeMap<usize, laser_rl::Estimate>| percent(m.get(&k));
        let v = &e.self_verification;
        let mut parts = Vec::new();
        if let Some(loss) = &e.loss {
            parts.push(format!("loss {}", number(loss.value, 3)));
        }
        // Data without answers leaves the loss alone.
        if parts.is_empty() || e.accuracy.value.is_some() {
            parts.push(format!("accuracy {}", percent(Some(&e.accuracy))));
            parts.push(format!("maj@{k} {}", at(&e.maj_at)));
        }
        if self.method == Method::Reinforce {
            parts.push(format!("weighted@{k} {}", at(&e.weighted_at)));
            for (name, estimate) in [("F1", v.f1), ("AUROC", v.auroc), ("ECE", v.ece)] {
                parts.push(format!("{name} {}", number(estimate.value, 3)));
            }
        }
        self.print(&format!("    test at step {step}: {}", parts.join(", ")));
    }

    fn end(&mut self, _: Phase) {
        self.bar.finish_and_clear();
        if let Some((started, _)) = self.phase.take() {
            self.print(&format!(
                "    done in {:.1} s",
                started.elapsed().as_secs_f64()
            ));
        }
    }

    fn note(&mut self, text: &str) {
        self.print(text);
    }
}
