//! The same evaluation at several values of k, temperature or beam width.

mod axis;
mod point;

use std::path::Path;

use anyhow::Result;
use laser_rollout::Sampling;
use laser_train::{LanguageModel, write_atomically};

use super::Args;
use super::answers::{Answers, How, Measured};
use super::asked::Asked;
use crate::{BadInput, output};
pub use axis::{Axis, Sweep};
pub use point::{Point, charts, table};

/// The points as numbers separated by commas, in the folder of an evaluation.
pub const CSV: &str = "sweep.csv";
/// The points as plots.
pub const PAGE: &str = "sweep.html";

/// The values of k that are asked for.
pub fn ks(sweeps: &[Sweep]) -> impl Iterator<Item = usize> {
    let of_k = sweeps.iter().filter(|s| s.axis == Axis::K);
    of_k.flat_map(|s| s.values.iter().map(|v| *v as usize))
}

/// The largest value of k that is asked for.
pub fn largest_k(sweeps: &[Sweep]) -> Option<usize> {
    ks(sweeps).max()
}

/// Checks what does not show in one sweep alone.
///
/// # Errors
/// A key that is given twice.
pub fn check(sweeps: &[Sweep]) -> Result<(), BadInput> {
    for (i, sweep) in sweeps.iter().enumerate() {
        if sweeps[..i].iter().any(|s| s.axis == sweep.axis) {
            let axis = sweep.axis.name();
            let remedy = format!("give all values at once: --sweep {axis}=V,V,...");
            return Err(BadInput(format!("--sweep {axis}: given twice; {remedy}")));
        }
    }
    Ok(())
}

/// Measures at all values; `answers` and `measured` are those of the settings without a sweep.
///
/// # Errors
/// An interruption, settings out of range.
pub fn run(
    args: &Args,
    model: &LanguageModel,
    asked: &Asked,
    sampling: &Sampling,
    answers: &Answers,
    measured: &Measured,
) -> Result<Vec<Point>> {
    let scored = model.self_reward.is_some();
    let mut points = Vec::new();
    for sweep in &args.sweep {
        for &value in &sweep.values {
            let how = match sweep.axis {
                Axis::K => {
                    points.push(Point::of_k(value as usize, answers, measured, scored));
                    continue;
                }
                Axis::Temperature => How::Sampled(Sampling {
                    temperature: value as f32,
                    ..*sampling
                }),
                Axis::Beam => {
                    let width = value as usize;
                    How::Beam(args.beam.of_width(width, asked.max_new_tokens)?)
                }
            };
            if how == How::Sampled(*sampling) {
                let k = asked.most();
                points.push(Point::new(sweep.axis, value, k, answers, measured, scored));
                continue;
            }
            output::log(format_args!("{} = {value}", sweep.axis.name()));
            let other = Answers::of(model, asked, &how)?;
            let of_other = other.measured(&asked.options_of(&how));
            let k = match how {
                How::Sampled(_) => asked.most(),
                How::Beam(beam) => beam.width,
            };
            points.push(Point::new(sweep.axis, value, k, &other, &of_other, scored));
        }
    }
    Ok(points)
}

/// Writes the points of a model into the folder of its evaluation.
///
/// # Errors
/// Files that cannot be written.
pub fn save(out: &Path, model: &str, points: &[Point]) -> Result<()> {
    write_atomically(&out.join(CSV), point::csv(points).as_bytes())?;
    let page = laser_report::charts_page(
        &format!("Sweep of {model}"),
        "One model at several settings; hover over a point for its numbers.",
        &charts(&[(model, points)]),
    );
    let path = out.join(PAGE);
    write_atomically(&path, page.as_bytes())?;
    output::log(format_args!("plots   {}", path.display()));
    Ok(())
}
