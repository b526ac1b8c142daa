//! Every metric of the summary, base against final.

use std::collections::BTreeSet;

use crate::compare::{Good, Unit, difference, verdict};
use crate::data::{Estimate, Metrics, Summary};
use crate::html::escape;
use crate::story::at;

struct Row {
    name: String,
    unit: Unit,
    good: Good,
    base: Estimate,
    trained: Estimate,
}

/// The table of all metrics; those that neither model has are left out.
pub fn metrics(summary: &Summary) -> String {
    let loss = row(
        "loss, nats per token",
        Unit::Plain,
        Good::Lower,
        summary,
        |m| m.loss,
    );
    let scored = !loss.known();
    let groups = [
        ("Written responses", vec![loss]),
        (
            "One response",
            vec![row("accuracy", Unit::Percent, Good::Higher, summary, |m| {
                m.accuracy
            })],
        ),
        ("Several responses", votes(summary, scored)),
        ("Self-verification", self_verification(summary)),
    ];
    let mut body = String::new();
    for (title, rows) in groups {
        let rows: String = rows.iter().filter(|r| r.known()).map(Row::draw).collect();
        if !rows.is_empty() {
            body.push_str(&format!(
                "<tbody>\n<tr><th class=\"group\" colspan=\"5\" scope=\"rowgroup\">{title}</th></tr>\n{rows}</tbody>\n"
            ));
        }
    }
    if body.is_empty() {
        body.push_str("<tbody><tr><td colspan=\"5\">The summary holds no measured result.</td></tr></tbody>\n");
    }
    format!(
        "<section id=\"metrics\">\n<h2>All metrics</h2>\n<div class=\"scroll\"><table>\n<thead><tr>\
         <th scope=\"col\">metric</th><th scope=\"col\">base</th><th scope=\"col\">final</th>\
         <th scope=\"col\">difference</th><th scope=\"col\">verdict</th></tr></thead>\n{body}</table></div>\n</section>\n"
    )
}

fn row(
    name: &str,
    unit: Unit,
    good: Good,
    summary: &Summary,
    metric: impl Fn(&Metrics) -> Estimate,
) -> Row {
    Row {
        name: name.to_owned(),
        unit,
        good,
        base: metric(&summary.base),
        trained: metric(&summary.trained),
    }
}

/// Votes by number; the weighted ones only where there are scores to weigh by.
fn votes(summary: &Summary, scored: bool) -> Vec<Row> {
    type Method = (
        &'static str,
        fn(&Metrics) -> &std::collections::BTreeMap<u32, Estimate>,
    );
    let plain: [Method; 2] = [("pass", |m| &m.pass_at), ("majority", |m| &m.maj_at)];
    let weighted: [Method; 3] = [
        ("weighted", |m| &m.weighted_at),
        ("best", |m| &m.best_at),
        ("weighted − majority", |m| &m.weighted_minus_maj),
    ];
    let mut rows = Vec::new();
    let weighted = weighted.into_iter().filter(|_| scored);
    for (name, method) in plain.into_iter().chain(weighted) {
        let keys = method(&summary.base)
            .keys()
            .chain(method(&summary.trained).keys());
        let keys: BTreeSet<u32> = keys.copied().collect();
        for k in keys {
            let name = format!("{name} @ {k}");
            rows.push(row(&name, Unit::Percent, Good::Higher, summary, |m| {
                at(method(m), k)
            }));
        }
    }
    rows
}

fn self_verification(summary: &Summary) -> Vec<Row> {
    let (percent, plain) = (Unit::Percent, Unit::Plain);
    let higher = Good::Higher;
    vec![
        row("F1", percent, higher, summary, |m| m.self_verification.f1),
        row("TPR", percent, higher, summary, |m| m.self_verification.tpr),
        row("TNR", percent, higher, summary, |m| m.self_verification.tnr),
        row("AUROC", plain, higher, summary, |m| {
            m.self_verification.auroc
        }),
        row("ECE (lower is better)", plain, Good::Lower, summary, |m| {
            m.self_verification.ece
        }),
        row("Spearman with length", plain, Good::Neither, summary, |m| {
            m.self_verification.spearman_length
        }),
    ]
}

impl Row {
    fn known(&self) -> bool {
        self.base.value.is_some() || self.trained.value.is_some()
    }

    fn draw(&self) -> String {
        let cell = |e: &Estimate| {
            let value = e.value.map_or("—".to_owned(), |v| self.unit.value(v));
            let interval = e.interval.map_or(String::new(), |i| {
                format!(" <span class=\"interval\">{}</span>", self.unit.interval(i))
            });
            format!("<td>{value}{interval}</td>")
        };
        let d = difference(&self.base, &self.trained);
        let verdict = verdict(&d, self.good);
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}<td>{}</td><td class=\"{}\">{}</td></tr>\n",
            escape(&self.name),
            cell(&self.base),
            cell(&self.trained),
            self.unit.difference(&d),
            verdict.class(),
            verdict.word()
        )
    }
}
