//! The six numbers that a reader looks for first, base → final.

use crate::compare::{Good, Unit, difference, verdict};
use crate::data::{Estimate, Summary};
use crate::html::escape;
use crate::story::{at, headline_votes};
use crate::svg::coordinate;

/// Width of the little interval pictures, in drawing units.
const WIDTH: f64 = 300.0;

struct Card {
    name: String,
    hint: &'static str,
    unit: Unit,
    good: Good,
    base: Estimate,
    trained: Estimate,
}

/// The row of cards.
pub fn headline(summary: &Summary) -> String {
    let k = headline_votes(summary);
    let (b, t) = (&summary.base, &summary.trained);
    let (bs, ts) = (&b.self_verification, &t.self_verification);
    let card = |name: &str, hint, unit, good, base, trained| Card {
        name: name.to_owned(),
        hint,
        unit,
        good,
        base,
        trained,
    };
    let (percent, plain) = (Unit::Percent, Unit::Plain);
    let (higher, lower) = (Good::Higher, Good::Lower);
    let maj = format!("Majority@{k}");
    let weighted = format!("Weighted vote@{k}");
    let cards = [
        card(
            "Accuracy",
            "one response per problem",
            percent,
            higher,
            b.accuracy,
            t.accuracy,
        ),
        card(
            &maj,
            "plain majority vote",
            percent,
            higher,
            at(&b.maj_at, k),
            at(&t.maj_at, k),
        ),
        card(
            &weighted,
            "votes weighted by self-reward",
            percent,
            higher,
            at(&b.weighted_at, k),
            at(&t.weighted_at, k),
        ),
        card(
            "Self-verification F1",
            "judges its own answers",
            percent,
            higher,
            bs.f1,
            ts.f1,
        ),
        card(
            "AUROC",
            "ranks right above wrong",
            plain,
            higher,
            bs.auroc,
            ts.auroc,
        ),
        card(
            "ECE",
            "calibration error, lower is better",
            plain,
            lower,
            bs.ece,
            ts.ece,
        ),
    ];
    let loss = card(
        "Loss",
        "nats per token of written responses, lower is better",
        plain,
        lower,
        b.loss,
        t.loss,
    );
    let has_loss = loss.is_known();
    // A run that learned from written responses has a loss, and no scores.
    let unscored = ["Accuracy", &maj];
    let cards: String = std::iter::once(loss)
        .chain(cards)
        .filter(|c| match has_loss {
            true => c.is_known() && (c.name == "Loss" || unscored.contains(&c.name.as_str())),
            false => c.name != "Loss",
        })
        .map(|c| c.draw())
        .collect();
    format!("<section id=\"headline\" class=\"cards\">\n{cards}</section>\n")
}

impl Card {
    fn is_known(&self) -> bool {
        self.base.value.is_some() || self.trained.value.is_some()
    }

    fn draw(&self) -> String {
        let number = |e: &Estimate| e.value.map_or("—".to_owned(), |v| self.unit.value(v));
        let interval = |e: &Estimate| e.interval.map_or(String::new(), |i| self.unit.interval(i));
        let d = difference(&self.base, &self.trained);
        let verdict = verdict(&d, self.good);
        let change = match d.value {
            Some(_) => self.unit.difference(&d),
            None => "no comparison".to_owned(),
        };
        format!(
            "<article class=\"card\"><h3>{name}</h3><p class=\"hint\">{hint}</p>\
             <p class=\"numbers\"><span class=\"from\">{before} <span class=\"arrow\">→</span></span> \
             <b>{after}</b> <span class=\"interval\">{after_interval}</span></p>{picture}\
             <p class=\"change\"><span class=\"{class}\">{change}</span>{word}</p></article>\n",
            name = escape(&self.name),
            hint = self.hint,
            before = number(&self.base),
            after = number(&self.trained),
            after_interval = interval(&self.trained),
            picture = self.picture(),
            class = verdict.class(),
            word = if verdict.word().is_empty() {
                String::new()
            } else {
                format!("<span class=\"verdict\">, {}</span>", verdict.word())
            },
        )
    }

    /// Both intervals on a line from 0 to 1; none of a number that may be larger.
    fn picture(&self) -> String {
        let values = [self.base.value, self.trained.value];
        if values.into_iter().flatten().any(|v| v > 1.0) {
            return String::new();
        }
        let x = |v: f64| coordinate(12.0 + v.clamp(0.0, 1.0) * (WIDTH - 24.0));
        let mark = |e: &Estimate, y: f64, class: &str, name: &str| -> String {
            let Some(value) = e.value else {
                return String::new();
            };
            let whisker = e.interval.map_or(String::new(), |(low, high)| {
                format!("<path class=\"span\" d=\"M{} {y}H{}\"/>", x(low), x(high))
            });
            let words = e.interval.map_or(String::new(), |i| self.unit.interval(i));
            format!(
                "<g class=\"marker {class}\">{whisker}<circle cx=\"{}\" cy=\"{y}\" r=\"3\"/>\
                 <title>{name}: {} {words}</title></g>",
                x(value),
                self.unit.value(value)
            )
        };
        let ends = match self.unit {
            Unit::Percent => ["0 %", "50", "100"],
            Unit::Plain => ["0", "0.5", "1"],
        };
        let ticks: String = [0.0, 0.5, 1.0]
            .into_iter()
            .zip(ends)
            .map(|(at, label)| {
                let x = x(at);
                format!(
                    "<path class=\"grid\" d=\"M{x} 2V26\"/>\
                     <text x=\"{x}\" y=\"37\" text-anchor=\"middle\">{label}</text>"
                )
            })
            .collect();
        format!(
            "<svg class=\"strip\" viewBox=\"0 0 {WIDTH} 40\" role=\"img\" \
             aria-label=\"{}, base and final\">{ticks}<path class=\"grid\" d=\"M{} 14H{}\"/>{}{}</svg>",
            escape(&self.name),
            x(0.0),
            x(1.0),
            mark(&self.base, 9.0, "c5", "base"),
            mark(&self.trained, 19.0, "c1", "final")
        )
    }
}
