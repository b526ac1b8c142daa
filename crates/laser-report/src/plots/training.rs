//! What happened over the training steps.

use super::figure::Size;
use super::over_steps::{HeldOut, Range, Series, StepPlot};
use crate::data::{Estimate, Metrics, RunData, Step};
use crate::svg::{Labels, Marker};

/// The supervised warm start: loss and accuracy. Empty if there was none.
pub fn warm_start(run: &RunData) -> Vec<String> {
    if run.warm_start.is_empty() {
        return Vec::new();
    }
    let plot = |id, title, y_title, labels, metric: fn(&Step) -> Option<f64>| {
        StepPlot {
            id,
            title,
            note: "supervised, before reinforcement learning",
            y_title,
            labels,
            range: Range::FromZero,
            size: Size::Half,
            series: vec![Series::new(title, "c1", &run.warm_start, metric)],
            held_out: Vec::new(),
            references: Vec::new(),
        }
        .draw()
    };
    vec![
        plot(
            "warm-loss",
            "Warm start: loss",
            "nats per token",
            Labels::Number,
            |s| s.sft_loss,
        ),
        plot(
            "warm-accuracy",
            "Warm start: token accuracy",
            "%",
            Labels::Percent,
            |s| s.sft_accuracy,
        ),
    ]
}

/// The verifier's reward, and accuracy on held-out problems.
pub fn reward(run: &RunData) -> String {
    StepPlot {
        id: "reward",
        title: "Reward and accuracy",
        note: "dots: each step; line: smoothed; bars: 95 % interval",
        y_title: "right answers, %",
        labels: Labels::Percent,
        range: Range::FromZero,
        size: Size::Half,
        series: vec![Series::new(
            "verifier reward, training problems",
            "c1",
            &run.steps,
            |s| s.reward_verifier.or(s.reward_mean),
        )],
        held_out: accuracies(run),
        references: Vec::new(),
    }
    .draw()
}

fn accuracies(run: &RunData) -> Vec<HeldOut<'static>> {
    held_out(
        run,
        ["held-out accuracy", "test accuracy, base and final"],
        |m| m.accuracy,
    )
}

/// A metric of the evaluations during training, and of the tests of the base and the final model,
/// under these names.
pub(super) fn held_out<'a>(
    run: &RunData,
    [during_name, ends_name]: [&'a str; 2],
    metric: fn(&Metrics) -> Estimate,
) -> Vec<HeldOut<'a>> {
    let during: Vec<(f64, Estimate)> = run
        .evals
        .iter()
        .map(|e| (e.step as f64, metric(&e.metrics)))
        .filter(|(_, e)| e.value.is_some())
        .collect();
    let last = run.summary.steps.map(|s| s as f64);
    let ends = [(Some(0.0), &run.summary.base), (last, &run.summary.trained)];
    let ends = ends
        .into_iter()
        .filter_map(|(step, m)| Some((step?, metric(m))))
        .filter(|end| end.1.value.is_some() && !during.contains(end))
        .collect();
    vec![
        HeldOut {
            name: during_name,
            class: "c2",
            marker: Marker::Circle,
            points: during,
        },
        HeldOut {
            name: ends_name,
            class: "c3",
            marker: Marker::Diamond,
            points: ends,
        },
    ]
}

/// How well the self-reward agrees with the verifier on each step's own responses.
pub fn self_verification(run: &RunData) -> String {
    let series = |name, class, metric: fn(&Step) -> Option<f64>| {
        Series::new(name, class, &run.steps, metric)
    };
    StepPlot {
        id: "self-verification",
        title: "Self-verification",
        note: "a response is judged right if its self-reward is above 0.5",
        y_title: "%",
        labels: Labels::Percent,
        range: Range::Shares,
        size: Size::Half,
        series: vec![
            series("TPR: right judged right", "c3 dash", |s| s.self_reward_tpr),
            series("TNR: wrong judged wrong", "c2 dot", |s| s.self_reward_tnr),
            series("AUROC", "c4", |s| s.self_reward_auroc),
            series("F1: their harmonic mean", "c1 bold", |s| s.self_reward_f1),
        ],
        held_out: Vec::new(),
        references: Vec::new(),
    }
    .draw()
}

/// log p(z_c) by correctness, with the two values it is trained towards.
pub fn log_probabilities(run: &RunData) -> String {
    let summary = &run.summary;
    let mut references = Vec::new();
    if let Some(c_ref) = summary.c_ref {
        references.push((c_ref, "target if wrong: c_ref".to_owned()));
        if let Some(beta) = summary.beta_v.filter(|b| *b > 1e-9) {
            // r_s = beta_v (log p − c_ref) = 1.
            references.push((
                c_ref + 1.0 / beta,
                "target if right: c_ref + 1/β".to_owned(),
            ));
        }
    }
    StepPlot {
        id: "log-probabilities",
        title: "log p(z_c) after the last token",
        note: "z_c: the token that stands for “correct”",
        y_title: "nats",
        labels: Labels::Number,
        range: Range::Around,
        size: Size::Half,
        series: vec![
            Series::new("right responses", "c1", &run.steps, |s| s.logp_correct),
            Series::new("wrong responses", "c2 dash", &run.steps, |s| {
                s.logp_incorrect
            }),
        ],
        held_out: Vec::new(),
        references,
    }
    .draw()
}

/// Entropy, gradient norm, clip fraction and divergence.
pub fn health(run: &RunData) -> Vec<String> {
    type Metric = fn(&Step) -> Option<f64>;
    let plots: [(&str, &str, &str, Labels, Metric); 4] = [
        (
            "entropy",
            "Entropy",
            "nats per token",
            Labels::Number,
            |s| s.entropy,
        ),
        (
            "grad-norm",
            "Gradient norm",
            "before clipping",
            Labels::Number,
            |s| s.grad_norm,
        ),
        (
            "clip-fraction",
            "Clip fraction",
            "% of tokens",
            Labels::Percent,
            |s| s.clip_fraction,
        ),
        (
            "kl",
            "KL from the sampling policy",
            "nats per token",
            Labels::Number,
            |s| s.kl,
        ),
    ];
    plots
        .into_iter()
        .map(|(id, title, y_title, labels, metric)| small(run, id, title, y_title, labels, metric))
        .collect()
}

/// Response length and the share cut off at the limit.
pub fn length(run: &RunData) -> Vec<String> {
    vec![
        small(
            run,
            "length",
            "Response length",
            "tokens, mean",
            Labels::Number,
            |s| s.length_mean,
        ),
        small(
            run,
            "truncated",
            "Truncated responses",
            "%",
            Labels::Percent,
            |s| s.truncated,
        ),
    ]
}

fn small(
    run: &RunData,
    id: &str,
    title: &str,
    y_title: &str,
    labels: Labels,
    metric: fn(&Step) -> Option<f64>,
) -> String {
    StepPlot {
        id,
        title,
        note: "",
        y_title,
        labels,
        range: Range::FromZero,
        size: Size::Small,
        series: vec![Series::new(title, "c1", &run.steps, metric)],
        held_out: Vec::new(),
        references: Vec::new(),
    }
    .draw()
}
