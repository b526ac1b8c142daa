//! What the command says.

use comfy_table::{CellAlignment, Table, presets};
use laser_train::{CRef, Candidate, MAX_PARTITION_EXCESS, MAX_SCORE_NOISE};
use serde::Serialize;

use super::Args;
use super::advice::{Advice, snippet};
use crate::output;
use crate::screen::shorten;

/// Finished responses from which on the mean is good enough.
const ENOUGH: usize = 300;
/// Candidates in the table.
const SHOWN: usize = 10;

/// The table, the reasons and the lines for a recipe, on standard error.
pub fn show(
    args: &Args,
    candidates: &[Candidate],
    chosen: &Candidate,
    advice: &Advice,
    finished: usize,
) {
    let mut order: Vec<&Candidate> = candidates.iter().collect();
    let noise = |c: &Candidate| c.reference.noise(args.beta_v);
    let usable = |c: &Candidate| c.reference.partition_excess(args.beta_v) <= MAX_PARTITION_EXCESS;
    order.sort_by(|a, b| {
        usable(b)
            .cmp(&usable(a))
            .then(noise(a).total_cmp(&noise(b)))
    });
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["token", "log π mean", "std", "min", "max", "Z − 1", "noise"]);
    for c in order.iter().take(SHOWN) {
        let r = &c.reference;
        table.add_row([
            shorten(&c.token, 30),
            format!("{:.3}", r.mean),
            format!("{:.3}", r.std),
            format!("{:.3}", r.min),
            format!("{:.3}", r.max),
            format!("{:.1e}", r.partition_excess(args.beta_v)),
            format!("{:.4}", noise(c)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::log(table);
    if candidates.len() > SHOWN {
        output::log(format_args!("{SHOWN} of {} candidates", candidates.len()));
    }
    if finished < ENOUGH {
        output::log(format_args!(
            "warning: {finished} finished responses, fewer than {ENOUGH}: the mean is uncertain; raise --pairs or --max-new-tokens"
        ));
    }
    output::log(&advice.why);
    if !advice.constant() {
        output::log(format_args!(
            "warning: log π({}) varies so much that a constant c_ref alone puts a noise of {:.3} on the score (more than {MAX_SCORE_NOISE}); \
             train against the reference model's own log-probability of each response instead, c_ref = \"reference\"",
            chosen.token, advice.noise
        ));
    }
    output::log(format_args!(
        "\nfor a recipe:\n\n{}",
        snippet(chosen, advice)
    ));
}

/// What is written to standard output.
#[derive(Serialize)]
pub struct Summary<'a> {
    model: &'a str,
    data: Vec<&'a str>,
    pairs: u32,
    finished: usize,
    beta_v: f32,
    holds: bool,
    chosen: Row<'a>,
    recommended: Recommended,
    why: &'a str,
    candidates: Vec<Row<'a>>,
}

/// Values for a recipe.
#[derive(Serialize)]
struct Recommended {
    beta_v: f32,
    c_ref: CRef,
}

/// A candidate at the β_v that was asked for.
#[derive(Serialize)]
struct Row<'a> {
    token: &'a str,
    token_id: u32,
    mean: f32,
    std: f32,
    min: f32,
    max: f32,
    partition_excess: f64,
    noise: f64,
    smallest_beta_v: f64,
    holds: bool,
}

impl<'a> Row<'a> {
    fn new(c: &'a Candidate, beta_v: f32) -> Self {
        let r = &c.reference;
        let partition_excess = r.partition_excess(beta_v);
        Row {
            token: &c.token,
            token_id: c.token_id,
            mean: r.mean,
            std: r.std,
            min: r.min,
            max: r.max,
            partition_excess,
            noise: r.noise(beta_v),
            smallest_beta_v: r.smallest_beta_v(MAX_PARTITION_EXCESS),
            holds: partition_excess <= MAX_PARTITION_EXCESS,
        }
    }
}

impl<'a> Summary<'a> {
    /// The findings of a run of the command.
    pub fn new(
        args: &'a Args,
        candidates: &'a [Candidate],
        chosen: &'a Candidate,
        advice: &'a Advice,
        finished: usize,
    ) -> Self {
        Summary {
            model: &args.model.model,
            data: args.data.paths(),
            pairs: args.pairs,
            finished,
            beta_v: args.beta_v,
            holds: advice.holds,
            chosen: Row::new(chosen, args.beta_v),
            recommended: Recommended {
                beta_v: advice.beta_v,
                c_ref: advice.c_ref(chosen),
            },
            why: &advice.why,
            candidates: candidates
                .iter()
                .map(|c| Row::new(c, args.beta_v))
                .collect(),
        }
    }
}
