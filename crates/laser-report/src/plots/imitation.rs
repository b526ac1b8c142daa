//! What happened over the steps of a run that learned from written responses.

use super::figure::Size;
use super::over_steps::{Range, Series, StepPlot};
use super::time::seconds;
use super::training::held_out;
use crate::data::{RunData, Step};
use crate::svg::Labels;

/// Loss, accuracy and log p(z_c) where they were measured, learning rate, gradient norm, time.
pub fn imitation(run: &RunData) -> Vec<String> {
    let plot = |id, title, note, y_title, range, metric: fn(&Step) -> Option<f64>| StepPlot {
        id,
        title,
        note,
        y_title,
        labels: Labels::Number,
        range,
        size: Size::Half,
        series: vec![Series::new("training responses", "c1", &run.steps, metric)],
        held_out: Vec::new(),
        references: Vec::new(),
    };
    let mut loss = plot(
        "loss",
        "Loss",
        "dots: each step; line: smoothed; bars: 95 % interval",
        "nats per token",
        Range::FromZero,
        |s| s.sft_loss,
    );
    loss.held_out = held_out(run, ["held-out", "test, base and final"], |m| m.loss);
    let mut accuracy = plot(
        "accuracy",
        "Accuracy of sampled responses",
        "bars: 95 % interval",
        "right answers, %",
        Range::FromZero,
        |_| None,
    );
    accuracy.labels = Labels::Percent;
    accuracy.held_out = held_out(run, ["held-out", "test, base and final"], |m| m.accuracy);
    let norm = plot(
        "grad-norm",
        "Gradient norm",
        "before clipping",
        "L2 norm",
        Range::FromZero,
        |s| s.grad_norm,
    );
    let rate = plot(
        "learning-rate",
        "Learning rate",
        "",
        "of each step",
        Range::FromZero,
        |s| s.learning_rate,
    );
    let prepared = plot(
        "prepared",
        "log p(z_c) after a written response",
        "z_c: the token that is prepared for self-rewarding",
        "nats",
        Range::Around,
        |s| s.sft_self_logp,
    );
    let is_known = |plot: &StepPlot| {
        let held = plot.held_out.iter().any(|h| !h.points.is_empty());
        held || plot.series.iter().any(|s| !s.points.is_empty())
    };
    let plots = [loss, accuracy, norm, rate, prepared];
    let known = plots.iter().filter(|p| is_known(p)).map(StepPlot::draw);
    known.chain([seconds(run)]).collect()
}
