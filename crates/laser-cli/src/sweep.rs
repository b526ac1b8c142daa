//! `laser sweep`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use laser_train::write_atomically;
use serde::Deserialize;

use crate::eval::{Point, charts};
use crate::summary::percent;
use crate::{BadInput, output};

/// Compares the sweeps of several models: a table and plots
///
/// Reads summary.json of each folder that laser eval --sweep wrote, writes a table in Markdown to
/// standard output, and with --out a page in which each plot has a line for every model. A model is
/// called by its folder's name, or by NAME in NAME=DIR.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser sweep evals/base evals/grpo evals/laser --out scaling.html > scaling.md
  laser sweep 'before=runs/a/eval' 'after=runs/b/eval'")]
pub struct Args {
    /// Folders of laser eval --sweep, in the order of the table
    #[arg(value_name = "[NAME=]DIR", required = true)]
    evaluations: Vec<String>,
    /// The page with the plots
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is read of a summary.
#[derive(Deserialize)]
struct Summary {
    sweep: Option<Vec<Point>>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let models = args.evaluations.iter().map(|text| read(text));
    let models = models.collect::<Result<Vec<(String, Vec<Point>)>, _>>()?;
    for (i, (name, _)) in models.iter().enumerate() {
        if models[..i].iter().any(|m| m.0 == *name) {
            let remedy = "call them apart as NAME=DIR";
            return Err(BadInput(format!("two folders are called {name}; {remedy}")).into());
        }
    }
    if let Some(out) = &args.out {
        let all: Vec<(&str, &[Point])> = models.iter().map(|(n, p)| (n.as_str(), &p[..])).collect();
        let names: Vec<&str> = models.iter().map(|m| m.0.as_str()).collect();
        let page = laser_report::charts_page(
            &names.join(", "),
            "Several models at several settings; hover over a point for its numbers.",
            &charts(&all),
        );
        write_atomically(out, page.as_bytes())?;
        output::log(format_args!("plots {}", out.display()));
    }
    output::data(markdown(&models).trim_end())
}

/// The name and the points of one evaluation.
fn read(text: &str) -> Result<(String, Vec<Point>), BadInput> {
    let (name, dir) = match text.split_once('=') {
        Some((name, dir)) => (Some(name.to_owned()), Path::new(dir)),
        None => (None, Path::new(text)),
    };
    let path = dir.join("summary.json");
    let fail = |problem: String| BadInput(format!("{}: {problem}", path.display()));
    let remedy = "laser eval --sweep KEY=VALUES --out DIR writes one";
    let json = std::fs::read_to_string(&path).map_err(|e| fail(format!("{e}; {remedy}")))?;
    let summary: Summary = serde_json::from_str(&json)
        .map_err(|e| fail(format!("{e}; not a summary of laser eval; {remedy}")))?;
    let points = summary.sweep.filter(|points| !points.is_empty());
    let points = points.ok_or_else(|| fail(format!("it has no sweep; {remedy}")))?;
    let folder = || dir.file_name().map(|n| n.to_string_lossy().into_owned());
    let name = name.or_else(folder).unwrap_or_else(|| text.to_owned());
    Ok((name, points))
}

/// The table: a row for each setting of each model, one setting after the other.
fn markdown(models: &[(String, Vec<Point>)]) -> String {
    let mut text = String::from(
        "| at | model | k | one response | majority | weighted | best | any is right | self-verification F1 | tokens | seconds |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut settings: Vec<(&Point, String)> = Vec::new();
    for p in models.iter().flat_map(|m| &m.1) {
        let name = format!("{} {}", p.axis.name(), p.value);
        if !settings.iter().any(|s| s.1 == name) {
            settings.push((p, name));
        }
    }
    for (setting, name) in settings {
        for (model, points) in models {
            let same = |p: &&Point| p.axis == setting.axis && p.value == setting.value;
            let Some(p) = points.iter().find(same) else {
                continue;
            };
            let model = model.replace('|', "\\|");
            let numbers = [
                &p.accuracy,
                &p.majority,
                &p.weighted,
                &p.best,
                &p.pass,
                &p.f1,
            ];
            let numbers = numbers.map(|e| percent(Some(e))).join(" | ");
            text += &format!(
                "| {name} | {model} | {} | {numbers} | {} | {:.1} |\n",
                p.k, p.tokens, p.seconds
            );
        }
    }
    text
}
