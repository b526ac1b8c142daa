//! The best model so far by the tests on the way, and when to stop looking for a better one.

use serde_json::{Value, json};

use crate::recipe::Recipe;

/// A number of a test by its name in `evals.jsonl`, such as `accuracy` or `weighted_at.8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    name: String,
    /// Of the expected calibration error and the loss less is better.
    less_is_better: bool,
}

/// Metrics that exist for every k of `evaluation.ks`, and whether they need scores.
const AT_K: [(&str, bool); 5] = [
    ("pass_at", false),
    ("maj_at", false),
    ("weighted_at", true),
    ("best_at", true),
    ("weighted_minus_maj", true),
];
const JUDGE: [&str; 5] = ["f1", "tpr", "tnr", "auroc", "ece"];

impl Metric {
    /// Finds the metric of that name among those that a recipe's tests measure.
    ///
    /// # Errors
    /// Says which names there are.
    pub(crate) fn parse(name: &str, recipe: &Recipe) -> Result<Self, String> {
        let scored = !recipe.self_reward.token.is_empty() && !recipe.is_supervised();
        let no_scores = || {
            let why = match recipe.is_supervised() {
                true => "with method = \"supervised\"; take loss, accuracy",
                false => "without self_reward.token; take accuracy",
            };
            Err(format!(
                "the tests have no scores {why}, or pass_at or maj_at with a k"
            ))
        };
        let found = Metric {
            name: name.into(),
            less_is_better: ["self_verification.ece", "loss"].contains(&name),
        };
        let Some((group, part)) = name.split_once('.') else {
            return match name {
                "accuracy" => Ok(found),
                "loss" if recipe.is_supervised() => Ok(found),
                _ => Err(unknown(recipe)),
            };
        };
        if group == "self_verification" && JUDGE.contains(&part) {
            return if scored { Ok(found) } else { no_scores() };
        }
        let Some((_, needs_scores)) = AT_K.iter().find(|(g, _)| *g == group) else {
            return Err(unknown(recipe));
        };
        // As it is written in the file: 8, not 08.
        if !recipe.evaluation.ks.iter().any(|k| k.to_string() == part) {
            return Err(unknown(recipe));
        }
        if *needs_scores && !scored {
            return no_scores();
        }
        Ok(found)
    }

    /// Its value in a line of `evals.jsonl`; none where it is undefined.
    fn of(&self, test: &Value) -> Option<f64> {
        let found = self
            .name
            .split('.')
            .try_fold(test, |value, key| value.get(key))?;
        found.get("value")?.as_f64()
    }
}

fn unknown(recipe: &Recipe) -> String {
    let ks = &recipe.evaluation.ks;
    let at: Vec<&str> = AT_K.iter().map(|(name, _)| *name).collect();
    let loss = match recipe.is_supervised() {
        true => "loss, ",
        false => "",
    };
    format!(
        "no metric of the tests; there is {loss}accuracy, {} with a k of evaluation.ks = {ks:?} (as in maj_at.{}), and self_verification with {}",
        at.join(", "),
        ks.last().copied().unwrap_or(1),
        JUDGE.join(", ")
    )
}

/// The best test so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    /// Steps of reinforcement learning before it; 0 is the base model.
    pub step: u64,
    /// The metric's value.
    pub value: f64,
}

/// Follows a metric from test to test.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    metric: Metric,
    /// None before the first test in which the metric is defined.
    pub best: Option<Best>,
    /// Tests since the best one.
    pub stale: u64,
}

impl Watch {
    /// Before the first test; none if the recipe names no metric.
    pub(crate) fn new(recipe: &Recipe) -> Option<Self> {
        let metric = Metric::parse(&recipe.save.best, recipe).ok()?;
        Some(Watch {
            metric,
            best: None,
            stale: 0,
        })
    }

    /// Takes a test in; whether it is the best so far. An equal value is not better.
    pub(crate) fn see(&mut self, step: u64, test: &Value) -> bool {
        let better = |value: f64| match self.best {
            None => true,
            Some(best) if self.metric.less_is_better => value < best.value,
            Some(best) => value > best.value,
        };
        match self.metric.of(test).filter(|v| better(*v)) {
            Some(value) => {
                self.best = Some(Best { step, value });
                self.stale = 0;
                true
            }
            None => {
                self.stale += 1;
                false
            }
        }
    }

    /// What is known, for `best.json` and `summary.json`; `base` is where the base model lies.
    pub(crate) fn to_json(&self, base: &str) -> Value {
        let Some(best) = self.best else {
            return Value::Null;
        };
        let model = match best.step {
            0 => base.to_owned(),
            step => format!("checkpoints/step-{step}"),
        };
        json!({"metric": self.metric.name, "value": best.value, "step": best.step, "model": model})
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let name = &self.metric.name;
        match self.best {
            Some(b) => format!("{name} was best after step {}, {:.4}", b.step, b.value),
            None => format!("{name} was never defined"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(name: &str) -> Watch {
        let recipe = Recipe::parse("r.toml", "", &[format!("save.best={name}")]).unwrap();
        Watch::new(&recipe).unwrap()
    }

    #[test]
    fn the_best_is_the_first_of_the_greatest_and_an_undefined_value_never_is() {
        let mut w = watch("weighted_at.8");
        let test = |x: Option<f64>| json!({"weighted_at": {"8": {"value": x}}});
        let values = [None, Some(0.5), Some(0.5), None, Some(0.75), Some(0.25)];
        let seen: Vec<(bool, u64)> = (0..)
            .zip(values)
            .map(|(step, x)| (w.see(step, &test(x)), w.stale))
            .collect();
        let expected = [
            (false, 1),
            (true, 0),
            (false, 1),
            (false, 2),
            (true, 0),
            (false, 1),
        ];
        assert_eq!(seen, expected);
        let best = w.best.unwrap();
        assert_eq!((best.step, best.value), (4, 0.75));
        assert_eq!(w.to_json("base")["model"], "checkpoints/step-4");
    }

    #[test]
    fn of_the_calibration_error_the_least_is_best() {
        let mut w = watch("self_verification.ece");
        let test = |x: f64| json!({"self_verification": {"ece": {"value": x}}});
        let seen = [0.3, 0.4, 0.2].map(|x| w.see(0, &test(x)));
        assert_eq!(seen, [true, false, true]);
    }

    #[test]
    fn only_metrics_that_the_tests_measure_are_known() {
        let recipe = Recipe::default();
        for name in [
            "accuracy",
            "pass_at.1",
            "weighted_minus_maj.16",
            "self_verification.auroc",
        ] {
            assert!(Metric::parse(name, &recipe).is_ok(), "{name}");
        }
        for name in [
            "",
            "acc",
            "pass_at",
            "pass_at.3",
            "pass_at.08",
            "self_verification.spearman_length",
            "accuracy.value",
        ] {
            let error = Metric::parse(name, &recipe).unwrap_err();
            assert!(
                error.contains("maj_at.16") && error.contains("auroc"),
                "{error}"
            );
        }
        let mut without = Recipe::default();
        without.self_reward.token.clear();
        assert!(Metric::parse("accuracy", &without).is_ok());
        let error = Metric::parse("weighted_at.8", &without).unwrap_err();
        assert!(error.contains("self_reward.token"), "{error}");
    }
}
