//! The end of a run in a table.

use comfy_table::{CellAlignment, Table, presets};
use laser_rl::{Estimate, Evaluation};
use laser_train::Outcome;

use crate::screen::shorten;

/// Columns of the name of a part of the problems.
const NAME: usize = 40;

/// A number, or a dash where there is none.
pub fn number(x: Option<f64>, digits: usize) -> String {
    x.map_or("–".into(), |x| format!("{x:.digits$}"))
}

/// A share in percent, without its interval.
pub fn percent(e: Option<&Estimate>) -> String {
    e.and_then(|e| e.value)
        .map_or("–".into(), |x| format!("{:.1} %", 100.0 * x))
}

fn with_interval(e: &Estimate) -> String {
    match (e.value, e.low, e.high) {
        (Some(x), Some(low), Some(high)) => format!("{x:.3}  [{low:.3}, {high:.3}]"),
        (value, ..) => number(value, 3),
    }
}

/// The base and the final model side by side, with 95 % intervals.
pub fn text(outcome: &Outcome) -> String {
    let mut table = table(["test problems, 95 % intervals", "base", "trained"]);
    for (i, (name, get)) in rows(&outcome.last).into_iter().enumerate() {
        let both = [get(&outcome.base), get(&outcome.last)];
        // What neither model was measured in has no row, but the accuracy a dash.
        if i == 0 || both.iter().any(|e| e.value.is_some()) {
            let [base, last] = both.map(|e| with_interval(&e));
            table.add_row([name, base, last]);
        }
    }
    let mut text = format!("{}\n", aligned(table));
    let verdict = verdict(&outcome.last);
    if !verdict.is_empty() {
        text += &(verdict + "\n");
    }
    text + &format!("took    {:.0} s", outcome.seconds)
}

/// One model's numbers, with 95 % intervals; those of the self-reward only if it has one.
pub fn of_model(e: &Evaluation, self_reward: bool) -> String {
    let mut table = table(["95 % intervals over problems", "value"]);
    for (name, get) in rows(e) {
        let plain = ["accuracy", "pass@", "maj@"]
            .iter()
            .any(|p| name.starts_with(p));
        if plain || self_reward {
            table.add_row([name, with_interval(&get(e))]);
        }
    }
    let verdict = if self_reward {
        verdict(e)
    } else {
        String::new()
    };
    let text = format!("{}\n{verdict}", aligned(table));
    text.trim_end().into()
}

/// Accuracy by parts of the problems: their name, how many they are, their numbers.
pub fn by_part<'a>(
    title: &str,
    parts: impl Iterator<Item = (&'a str, usize, &'a Evaluation)>,
) -> String {
    let mut table = table([title, "problems", "accuracy (avg@n)"]);
    for (name, problems, e) in parts {
        let name = shorten(name, NAME);
        table.add_row([name, problems.to_string(), with_interval(&e.accuracy)]);
    }
    aligned(table).to_string()
}

/// An empty table.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

/// The table with its numbers on the right.
pub fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

type Get = Box<dyn Fn(&Evaluation) -> Estimate>;

fn rows(e: &Evaluation) -> Vec<(String, Get)> {
    let mut rows: Vec<(String, Get)> = vec![("accuracy (avg@n)".into(), Box::new(|e| e.accuracy))];
    // A run that learns from written responses has no scores: its votes are all of one weight.
    let scored = e.loss.is_none();
    if e.loss.is_some() {
        let loss = |e: &Evaluation| e.loss.unwrap_or_default();
        rows.push(("loss, nats per token".into(), Box::new(loss)));
    }
    if let Some(k) = vote_size(e) {
        type At = fn(&Evaluation) -> &std::collections::BTreeMap<usize, Estimate>;
        let mut votes: Vec<(&str, At)> = vec![("pass", |e| &e.pass_at), ("maj", |e| &e.maj_at)];
        if scored {
            votes.push(("weighted maj", |e| &e.weighted_at));
            votes.push(("best", |e| &e.best_at));
            if !e.borda_at.is_empty() {
                votes.push(("Borda", |e| &e.borda_at));
            }
        }
        for (name, votes) in votes {
            let get = move |e: &Evaluation| votes(e).get(&k).copied().unwrap_or_default();
            rows.push((format!("{name}@{k}"), Box::new(get)));
        }
    }
    if let Some(k) = vote_size(e).filter(|_| scored) {
        let difference = format!("weighted − maj @{k}");
        rows.push((
            difference,
            Box::new(move |e| e.weighted_minus_maj.get(&k).copied().unwrap_or_default()),
        ));
    }
    rows.push((
        "self-verification F1".into(),
        Box::new(|e| e.self_verification.f1),
    ));
    rows.push((
        "  TPR (right judged right)".into(),
        Box::new(|e| e.self_verification.tpr),
    ));
    rows.push((
        "  TNR (wrong judged wrong)".into(),
        Box::new(|e| e.self_verification.tnr),
    ));
    rows.push(("  AUROC".into(), Box::new(|e| e.self_verification.auroc)));
    rows.push((
        "  ECE (15 bins)".into(),
        Box::new(|e| e.self_verification.ece),
    ));
    rows.push((
        "  Spearman with length".into(),
        Box::new(|e| e.self_verification.spearman_length),
    ));
    rows
}

/// The largest measured k up to 8, as in the paper's tables.
fn vote_size(e: &Evaluation) -> Option<usize> {
    e.maj_at.keys().copied().filter(|k| *k <= 8).max()
}

/// What the vote gained, in words that the interval allows.
fn verdict(e: &Evaluation) -> String {
    let size = vote_size(e).filter(|_| e.loss.is_none());
    let Some((k, d)) = size.and_then(|k| Some((k, e.weighted_minus_maj.get(&k)?))) else {
        return String::new();
    };
    let (Some(x), Some(low), Some(high)) = (d.value, d.low, d.high) else {
        return String::new();
    };
    let points = format!(
        "{:.1} points [{:.1}, {:.1}]",
        100.0 * x,
        100.0 * low,
        100.0 * high
    );
    match (low > 0.0, high < 0.0) {
        (true, _) => format!(
            "voting with the self-reward beats plain majority voting at k = {k} by {points}"
        ),
        (_, true) => format!(
            "voting with the self-reward LOSES to plain majority voting at k = {k}: {points}"
        ),
        _ => format!(
            "voting with the self-reward is not distinguishable from majority voting at k = {k}: {points}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate {
            value: Some(value),
            low: Some(low),
            high: Some(high),
        }
    }

    fn with_difference(low: f64, high: f64) -> Evaluation {
        let mut e = Evaluation::default();
        for k in [4, 8, 16] {
            e.maj_at.insert(k, estimate(0.5, 0.4, 0.6));
        }
        let difference = estimate((low + high) / 2.0, low, high);
        e.weighted_minus_maj.insert(8, difference);
        e
    }

    #[test]
    fn the_verdict_claims_no_more_than_the_interval_allows() {
        let words = |low, high| verdict(&with_difference(low, high));
        assert!(words(0.01, 0.05).contains("beats plain majority voting at k = 8 by 3.0 points"));
        assert!(words(-0.05, -0.01).contains("LOSES"));
        assert!(words(-0.01, 0.05).contains("not distinguishable"));
        assert!(words(0.0, 0.05).contains("not distinguishable"));
        assert_eq!(verdict(&Evaluation::default()), "");
    }

    #[test]
    fn a_test_of_written_responses_has_a_loss_and_no_scores() {
        let mut last = with_difference(0.01, 0.05);
        last.loss = Some(estimate(0.25, 0.2, 0.3));
        let mut outcome = Outcome {
            base: Evaluation::default(),
            last,
            seconds: 61.4,
            checkpoint: "c".into(),
        };
        let table = text(&outcome);
        for part in ["loss, nats per token", "0.250  [0.200, 0.300]", "maj@8"] {
            assert!(table.contains(part), "'{part}' is missing in: {table}");
        }
        for part in ["weighted", "voting", "F1", "best@"] {
            assert!(!table.contains(part), "'{part}' is in: {table}");
        }
        // Data without answers: neither model has an accuracy, and none of 0 is shown.
        outcome.last.maj_at.clear();
        let table = text(&outcome);
        let accuracy = table.lines().find(|l| l.contains("accuracy")).unwrap();
        assert_eq!(accuracy.matches('–').count(), 2, "{table}");
        assert!(!table.contains("0.000"), "{table}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let outcome = Outcome {
            base: Evaluation::default(),
            last: with_difference(0.01, 0.05),
            seconds: 61.4,
            checkpoint: "c".into(),
        };
        let table = text(&outcome);
        for part in ["maj@8", "0.500  [0.400, 0.600]", "–", "took    61 s"] {
            assert!(table.contains(part), "'{part}' is missing in: {table}");
        }
    }
}
