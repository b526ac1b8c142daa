//! The page: headline, story, figures, table, responses, recipe.

mod charts;
mod headline;
mod responses;
mod table;

pub use charts::charts_page;

use crate::data::{RunData, Step, Summary};
use crate::html::{count, duration, escape, fixed};
use crate::{plots, story};

/// The style sheet of the page and of every figure: colours are its variables.
pub const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole document.
pub fn page(run: &RunData) -> String {
    let summary = &run.summary;
    let name = summary.recipe.as_deref().unwrap_or("unnamed recipe");
    let title = escape(name);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}{} — training report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">Training report</p>\n<h1>{title}</h1>\n{}</header>\n<main>\n",
        summary
            .seed
            .map_or(String::new(), |s| format!(", seed {s}")),
        facts(summary)
    );
    out.push_str(&headline::headline(summary));
    out.push_str(&what_happened(summary));
    out.push_str(&warnings(&run.steps));
    match run.is_supervised() {
        true => out.push_str(&imitation(run)),
        false => {
            out.push_str(&training(run));
            out.push_str(&scores(run));
            out.push_str(&voting(run));
            out.push_str(&machine(run));
        }
    }
    out.push_str(&table::metrics(summary));
    // Written responses without answers: nothing was sampled.
    if !run.is_supervised() || !run.responses.is_empty() {
        out.push_str(&responses::responses(&run.responses));
    }
    out.push_str(&recipe(&run.config));
    out.push_str(&notes(run.is_supervised()));
    out.push_str("</main>\n<script>\n");
    out.push_str(SCRIPT);
    out.push_str("</script>\n</body>\n</html>\n");
    out
}

/// What the numbers mean; read once, so it comes last.
fn notes(supervised: bool) -> String {
    let scores = if supervised { LOSS_NOTES } else { SCORE_NOTES };
    format!(
        "<section id=\"notes\">\n<h2>How to read this</h2>\n<ul class=\"notes\">\n\
         <li>Intervals [low, high] are 95 %, by bootstrap over problems unless a figure says otherwise. \
         The interval of a difference between base and final takes the two as independent; they answer \
         the same problems, so it is wider than it need be.</li>\n{scores}\
         <li>Smoothed lines are Gaussian-weighted means with a width of a fiftieth of the run.</li>\n\
         </ul>\n</section>\n"
    )
}

const LOSS_NOTES: &str = "\
<li>The loss is the cross entropy of written responses, their end token included, in nats per \
token; prompts carry none. Held-out and test losses are of problems that were not trained on.</li>\n";

const SCORE_NOTES: &str = "\
<li>Weighted minus majority is paired by problem.</li>\n\
<li>The self-reward is r_s = β (log p(z_c) − c_ref), read after the last token of a response; a \
response is judged right if r_s &gt; 0.5.</li>\n\
<li>Self-verification F1 is the harmonic mean of TPR (right responses judged right) and TNR \
(wrong responses judged wrong). It is not the F1 of precision and recall.</li>\n\
<li>AUROC: the chance that a right response scores above a wrong one; 0.5 is a coin. \
ECE: the mean gap between self-reward and observed accuracy; 0 is best.</li>\n";

fn facts(summary: &Summary) -> String {
    let speed = &summary.tokens_per_second;
    let per_second = |v: f64| format!("{} tokens/s", count(v));
    let facts = [
        ("steps", summary.steps.map(|s| s.to_string())),
        ("wall time", summary.seconds.map(duration)),
        ("seed", summary.seed.map(|s| s.to_string())),
        ("parameters", summary.parameters.map(count)),
        ("rollout", speed.rollout.map(per_second)),
        ("training", speed.train.map(per_second)),
        (
            "c_ref",
            summary.c_ref.map(|v| format!("{} nats", fixed(v, 2))),
        ),
        ("β", summary.beta_v.map(|v| v.to_string())),
    ];
    let items: String = facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value)))
        .collect();
    format!("<dl class=\"facts\">{items}</dl>\n")
}

/// What the run warned of, and the steps that it skipped; nothing where there is neither.
fn warnings(steps: &[Step]) -> String {
    let told = steps.iter().flat_map(|s| {
        let skipped = s.skipped_because.iter();
        let skipped =
            skipped.map(|why| format!("the step was skipped, nothing was changed: {why}"));
        let warned = s.warnings.iter().map(|w| w.text.clone());
        warned.chain(skipped).map(move |text| (s.number(), text))
    });
    let items: String = told
        .map(|(step, text)| format!("<li>Step {step}: {}</li>\n", escape(&text)))
        .collect();
    match items.is_empty() {
        true => items,
        false => format!(
            "<section id=\"warnings\">\n<h2>Warnings</h2>\n<ul class=\"story\">\n{items}</ul>\n</section>\n"
        ),
    }
}

fn what_happened(summary: &Summary) -> String {
    let sentences: String = story::sentences(summary)
        .iter()
        .map(|s| format!("<li>{}</li>\n", escape(s)))
        .collect();
    format!(
        "<section id=\"story\">\n<h2>What happened</h2>\n<ul class=\"story\">\n{sentences}</ul>\n</section>\n"
    )
}

fn section(id: &str, title: &str, lead: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\">\n<h2>{title}</h2>\n<p class=\"lead\">{lead}</p>\n{body}</section>\n"
    )
}

fn grid(class: &str, figures: &[String]) -> String {
    format!("<div class=\"grid {class}\">\n{}</div>\n", figures.concat())
}

/// Two or three figures beside one another.
fn row(figures: &[String]) -> String {
    grid(
        if figures.len() > 2 {
            "thirds"
        } else {
            "halves"
        },
        figures,
    )
}

fn training(run: &RunData) -> String {
    let mut figures = plots::warm_start(run);
    figures.push(plots::reward(run));
    figures.push(plots::self_verification(run));
    figures.push(plots::log_probabilities(run));
    figures.push(plots::seconds(run));
    section(
        "training",
        "Training",
        "Does the policy get better, and does it learn to tell right from wrong?",
        &grid("halves", &figures),
    )
}

fn imitation(run: &RunData) -> String {
    section(
        "training",
        "Training",
        "Does the model learn the written responses, and also those it has not seen?",
        &grid("halves", &plots::imitation(run)),
    )
}

fn scores(run: &RunData) -> String {
    section(
        "knowing",
        "Does it know when it is right?",
        "Self-rewards of the test responses against the verifier’s judgement.",
        &row(&plots::scores(run)),
    )
}

fn voting(run: &RunData) -> String {
    section(
        "voting",
        "Votes",
        "What more samples per problem buy, and what the self-reward adds.",
        &row(&plots::voting(run)),
    )
}

fn machine(run: &RunData) -> String {
    let mut figures = plots::health(run);
    figures.extend(plots::length(run));
    section(
        "health",
        "Training health",
        "Quantities that warn of collapse, drift or overlong responses.",
        &grid("thirds", &figures),
    )
}

fn recipe(config: &str) -> String {
    let body = if config.trim().is_empty() {
        "<p class=\"none\">The run has no config.toml.</p>\n".to_owned()
    } else {
        format!(
            "<details><summary>config.toml, as resolved</summary>\n<pre>{}</pre></details>\n",
            escape(config)
        )
    };
    format!("<section id=\"recipe\">\n<h2>Recipe</h2>\n{body}</section>\n")
}
