//! What happened, in sentences computed from the numbers; a fall is told as plainly as a rise.

use std::collections::BTreeMap;

use crate::compare::{Good, Unit, Verdict, difference, verdict};
use crate::data::{Estimate, Summary};
use crate::html::{fixed, signed};

/// A rank correlation beyond this is worth a warning.
const STRONG_CORRELATION: f64 = 0.3;

/// The number of votes that headlines speak of: 8, or the largest that was measured.
pub fn headline_votes(summary: &Summary) -> u32 {
    let m = &summary.trained;
    let known = |k: &u32| m.maj_at.contains_key(k) || m.weighted_at.contains_key(k);
    let keys = m.maj_at.keys().chain(m.weighted_at.keys());
    if known(&8) {
        8
    } else {
        keys.copied().max().unwrap_or(8)
    }
}

/// The estimate at `k`, or an unknown one.
pub fn at(by_votes: &BTreeMap<u32, Estimate>, k: u32) -> Estimate {
    by_votes.get(&k).copied().unwrap_or_default()
}

/// The run in sentences, as plain text. What was not measured is not mentioned.
pub fn sentences(summary: &Summary) -> Vec<String> {
    let (base, trained) = (&summary.base, &summary.trained);
    let (before, after) = (&base.self_verification, &trained.self_verification);
    let percent = Unit::Percent;
    let loss = [&base.loss, &trained.loss].map(|e| e.value.is_some());
    let said = [
        change(
            "The loss of written responses, in nats per token,",
            Unit::Plain,
            Good::Lower,
            &base.loss,
            &trained.loss,
        ),
        change(
            "Accuracy",
            percent,
            Good::Higher,
            &base.accuracy,
            &trained.accuracy,
        ),
        change(
            "Self-verification F1",
            percent,
            Good::Higher,
            &before.f1,
            &after.f1,
        ),
        ranking(&before.auroc, &after.auroc),
        voting(summary).filter(|_| loss == [false; 2]),
        change(
            "The calibration error (ECE)",
            Unit::Plain,
            Good::Lower,
            &before.ece,
            &after.ece,
        ),
        length_bias(&after.spearman_length),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() {
        return vec!["The summary holds no measured result, so there is nothing to tell.".into()];
    }
    said
}

/// One metric from base to final.
fn change(
    name: &str,
    unit: Unit,
    good: Good,
    base: &Estimate,
    trained: &Estimate,
) -> Option<String> {
    let after = trained.value?;
    let Some(before) = base.value else {
        return Some(format!(
            "{name} is {}; the base model was not measured.",
            with_interval(unit, trained)
        ));
    };
    let d = difference(base, trained);
    let delta = unit.difference(&d);
    let (from, to) = (unit.value(before), unit.value(after));
    let moved = if after > before { "rose" } else { "fell" };
    let judged = match (verdict(&d, good), good) {
        (Verdict::Indistinct, _) => {
            return Some(format!(
                "{name} did not move distinguishably: {from} before, {to} after ({delta})."
            ));
        }
        (Verdict::Better, Good::Lower) => ", which is better",
        (Verdict::Worse, Good::Lower) => ", which is worse",
        (Verdict::Worse, _) => ": training made it worse",
        (Verdict::Unknown, _) => "; without intervals this may be chance",
        _ => "",
    };
    Some(format!(
        "{name} {moved} from {from} to {to} ({delta}){judged}."
    ))
}

fn with_interval(unit: Unit, estimate: &Estimate) -> String {
    let value = estimate.value.map_or("—".to_owned(), |v| unit.value(v));
    match estimate.interval {
        Some(interval) => format!("{value} {}", unit.interval(interval)),
        None => value,
    }
}

/// Whether the score ranks right above wrong at all.
fn ranking(before: &Estimate, auroc: &Estimate) -> Option<String> {
    let value = auroc.value?;
    let share = fixed(value * 100.0, 0);
    let claim = match auroc.interval {
        Some((low, _)) if low > 0.5 => "it knows more than chance",
        Some((_, high)) if high < 0.5 => "it is worse than a coin: the score points the wrong way",
        Some(_) => "that is not distinguishable from a coin",
        None => "no interval was measured",
    };
    let before = before.value.map_or(String::new(), |v| {
        format!(", before training {}", Unit::Plain.value(v))
    });
    Some(format!(
        "Given one right and one wrong response, the model scores the right one higher in {share}\u{a0}% \
         of cases (AUROC {}{before}): {claim}.",
        with_interval(Unit::Plain, auroc)
    ))
}

/// Weighted against plain majority, from the difference paired by problem.
fn voting(summary: &Summary) -> Option<String> {
    let k = headline_votes(summary);
    let gain = at(&summary.trained.weighted_minus_maj, k);
    let value = gain.value?;
    let interval = gain
        .interval
        .map_or(String::new(), |i| format!(" {}", Unit::Percent.interval(i)));
    let points = fixed(value.abs() * 100.0, 1);
    let gap = signed(value * 100.0, 1);
    let lead = format!("Over {k} samples, weighting votes by the self-reward");
    Some(match verdict(&gain, Good::Higher) {
        Verdict::Better => {
            format!(
                "Weighted voting beats majority voting at K\u{a0}=\u{a0}{k} by {points} points{interval}."
            )
        }
        Verdict::Worse => {
            format!(
                "Weighted voting loses to majority voting at K\u{a0}=\u{a0}{k} by {gap} points{interval}."
            )
        }
        Verdict::Unknown => {
            format!(
                "{lead} changes accuracy by {gap} points; without an interval this may be chance."
            )
        }
        _ => {
            format!("{lead} is not distinguishable from majority voting ({gap} points{interval}).")
        }
    })
}

/// A warning if the score is largely a reading of the length.
fn length_bias(spearman: &Estimate) -> Option<String> {
    let value = spearman.value?;
    let rho = with_interval(Unit::Plain, spearman);
    Some(if value.abs() < STRONG_CORRELATION {
        format!("The self-reward depends little on response length (Spearman {rho}).")
    } else {
        let which = if value > 0.0 { "longer" } else { "shorter" };
        format!(
            "Caution: the self-reward favours {which} responses (Spearman {rho}); \
             part of what it knows may be the length."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Summary {
        serde_json::from_str(text).unwrap()
    }

    fn gain(value: f64, low: f64, high: f64) -> String {
        let text = format!(
            "{{\"final\":{{\"maj_at\":{{\"8\":null}},\"weighted_minus_maj\":\
             {{\"8\":{{\"value\":{value},\"low\":{low},\"high\":{high}}}}}}}}}"
        );
        sentences(&summary(&text)).join(" ")
    }

    #[test]
    fn a_win_a_loss_and_a_draw_of_the_weighted_vote_are_told_apart() {
        assert_eq!(
            gain(0.021, 0.009, 0.034),
            "Weighted voting beats majority voting at K\u{a0}=\u{a0}8 by 2.1 points [0.9, 3.4]."
        );
        assert!(gain(-0.02, -0.03, -0.01).contains("loses to majority voting"));
        assert!(gain(0.004, -0.01, 0.02).contains("is not distinguishable from"));
    }

    #[test]
    fn a_fall_is_called_a_fall() {
        let text = summary(
            r#"{"base":{"accuracy":{"value":0.5,"low":0.48,"high":0.52}},
                "final":{"accuracy":{"value":0.4,"low":0.38,"high":0.42}}}"#,
        );
        let said = sentences(&text).join(" ");
        assert!(said.contains("Accuracy fell from 50.0\u{a0}% to 40.0\u{a0}%"));
        assert!(said.contains("training made it worse"));
    }

    #[test]
    fn nothing_measured_is_said_to_be_nothing() {
        assert!(sentences(&Summary::default())[0].contains("nothing to tell"));
    }
}
