//! Bad signs in the metrics of a run, in plain words.
//!
//! A pure function of the recipe and of the lines of `metrics.jsonl` so far, wall times left out:
//! a resumed run that reads its lines again warns as if it had never stopped.

use std::collections::{BTreeMap, VecDeque};

use laser_rl::AdvantageKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::recipe::Recipe;

/// The metrics that are looked at.
const KEYS: [&str; 11] = [
    "reward/verifier",
    "reward/unparseable",
    "reward/uniform_groups",
    "rollout/truncated",
    "policy/entropy",
    "policy/ratio_max",
    "optim/grad_norm",
    "self_reward/logp_correct",
    "self_reward/logp_incorrect",
    "self_reward/score_correct",
    "self_reward/score_incorrect",
];

/// Steps that the course of a run is measured against.
const START: usize = 10;
/// Steps in a row, or averaged over, for what happens at once.
const WINDOW: usize = 5;
/// Steps averaged over for what drifts.
const LONG_WINDOW: usize = 10;
/// Steps of a spike that is no accident of one batch.
const SPIKE: usize = 3;
/// Steps before a spike whose median is normal.
const NORMAL: usize = 50;
/// Steps without a smell after which it is told again when it comes back.
const GONE: usize = 10;

/// Largest share of finished responses without an answer.
const UNPARSEABLE: f64 = 0.2;
/// Largest share of truncated responses.
const TRUNCATED: f64 = 0.25;
/// Smallest entropy, as a share of the start's.
const ENTROPY: f64 = 0.1;
/// Largest ratio of a token.
const RATIO: f64 = 10.0;
/// Largest norm of the gradient, in medians.
const GRAD_NORM: f64 = 10.0;
/// Largest rise of both classes' scores. Where nothing tells the classes apart, the regression
/// leads both to 0.5: a rise of 0.5 at most from a start at 0 is a part of healthy runs.
const DRIFT: f64 = 0.6;
/// Largest mean log π(z_c), nats: 1 %.
const ZC_LOGP: f64 = -4.6;
/// Largest mean score of wrong responses, and its rise.
const INFLATED: [f64; 2] = [0.6, 0.1];

/// A bad sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its name: see `docs/metrics.md`.
    pub smell: String,
    /// What it is, the figure, why it is bad, and what to try.
    pub text: String,
}

/// Looks for bad signs step by step.
#[derive(Clone, Debug)]
pub(crate) struct Smells {
    settings: Settings,
    series: BTreeMap<&'static str, Series>,
    /// Smells that were told, with the steps for which they have been gone.
    told: BTreeMap<&'static str, usize>,
}

/// What of the recipe matters.
#[derive(Clone, Debug)]
struct Settings {
    beta_v: f64,
    /// Whether the scores are trained.
    trained: bool,
    /// Whether a group of equal rewards has no advantages.
    baseline_in_group: bool,
}

/// The values of one metric; steps without a value are left out.
#[derive(Clone, Debug, Default)]
struct Series {
    first: Vec<f64>,
    recent: VecDeque<f64>,
}

impl Series {
    fn push(&mut self, value: f64) {
        if self.first.len() < START {
            self.first.push(value);
        }
        if self.recent.len() == NORMAL + SPIKE {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
    }

    /// The last `n`, if there are so many.
    fn last(&self, n: usize) -> Option<impl Iterator<Item = f64> + '_> {
        let skipped = self.recent.len().checked_sub(n)?;
        Some(self.recent.iter().skip(skipped).copied())
    }

    fn last_mean(&self, n: usize) -> Option<f64> {
        Some(self.last(n)?.sum::<f64>() / n as f64)
    }

    fn last_min(&self, n: usize) -> Option<f64> {
        Some(self.last(n)?.fold(f64::INFINITY, f64::min))
    }

    fn last_max(&self, n: usize) -> Option<f64> {
        Some(self.last(n)?.fold(f64::NEG_INFINITY, f64::max))
    }

    /// Mean of the first steps, once they are over.
    fn start_mean(&self) -> Option<f64> {
        (self.first.len() == START).then(|| self.first.iter().sum::<f64>() / START as f64)
    }

    /// Median of what was before the last steps, if that is enough to say what is normal.
    fn normal(&self) -> Option<f64> {
        let before = self.recent.len().checked_sub(SPIKE)?;
        if before < START {
            return None;
        }
        let mut values: Vec<f64> = self.recent.iter().take(before).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        Some(values[before / 2])
    }

    /// Means over the start and over the last steps.
    fn course(&self) -> Option<(f64, f64)> {
        Some((self.start_mean()?, self.last_mean(LONG_WINDOW)?))
    }
}

impl Smells {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        Smells {
            settings: Settings {
                beta_v: f64::from(recipe.self_reward.beta_v),
                trained: recipe.self_reward.trains(),
                baseline_in_group: !matches!(
                    recipe.policy.advantage,
                    AdvantageKind::NoBaseline | AdvantageKind::ReinforcePlusPlus
                ),
            },
            series: KEYS.map(|key| (key, Series::default())).into(),
            told: BTreeMap::new(),
        }
    }

    /// Takes a step's line in and tells what is newly wrong. A smell is told once, and again only
    /// after it has been gone for [`GONE`] steps.
    pub(crate) fn observe(&mut self, metrics: &Map<String, Value>) -> Vec<Warning> {
        for (key, series) in &mut self.series {
            let value = metrics.get(*key).and_then(Value::as_f64);
            if let Some(value) = value.filter(|v| v.is_finite()) {
                series.push(value);
            }
        }
        let mut warnings = Vec::new();
        for (smell, text) in self.all() {
            match text {
                Some(text) => {
                    if self.told.insert(smell, 0).is_none() {
                        let smell = smell.into();
                        warnings.push(Warning { smell, text });
                    }
                }
                None => {
                    if let Some(gone) = self.told.get_mut(smell) {
                        *gone += 1;
                        if *gone >= GONE {
                            self.told.remove(smell);
                        }
                    }
                }
            }
        }
        warnings
    }

    /// Every smell with its words, if it is there.
    fn all(&self) -> [(&'static str, Option<String>); 9] {
        [
            ("all_wrong", self.all_wrong()),
            ("uniform_groups", self.uniform_groups()),
            ("unparseable", self.unparseable()),
            ("truncated", self.truncated()),
            ("entropy_collapse", self.entropy_collapse()),
            ("exploding_ratio", self.exploding_ratio()),
            ("exploding_gradient", self.exploding_gradient()),
            ("zc_drift", self.zc_drift()),
            ("self_reward_inflation", self.inflation()),
        ]
    }

    fn of(&self, key: &'static str) -> &Series {
        &self.series[key]
    }

    fn all_wrong(&self) -> Option<String> {
        let most = self.of("reward/verifier").last_max(WINDOW)?;
        (most == 0.0).then(|| format!(
            "no response was right in the last {WINDOW} steps (reward/verifier is 0): without a single right answer there is nothing to reinforce. \
             Look at the responses in samples/; try easier tasks, more rollout.samples, or a longer warm start (warm_start.steps)"
        ))
    }

    fn uniform_groups(&self) -> Option<String> {
        let least = self.of("reward/uniform_groups").last_min(WINDOW)?;
        let accuracy = self.of("reward/verifier").last_mean(WINDOW)?;
        // Nothing right at all has its own words.
        let there = self.settings.baseline_in_group && least >= 1.0 && accuracy > 0.0;
        there.then(|| format!(
            "in the last {WINDOW} steps every group had responses that were all right or all wrong (reward/uniform_groups is 1, accuracy {:.0} %): \
             the verifier's advantages within such groups are 0, so the policy learns nothing from it. Try {} tasks, more rollout.samples, or rollout.refills to look for other problems",
            100.0 * accuracy,
            if accuracy > 0.5 { "harder" } else { "easier" },
        ))
    }

    fn unparseable(&self) -> Option<String> {
        let share = self.of("reward/unparseable").last_mean(WINDOW)?;
        (share > UNPARSEABLE).then(|| format!(
            "the verifier found no answer in {:.0} % of the responses that ended by themselves in the last {WINDOW} steps (reward/unparseable; more than {:.0} % is bad): \
             right thoughts in a wrong form count as wrong. Look at the responses in samples/; try a longer warm start (warm_start.steps), or prompts that ask for the form of the answer",
            100.0 * share, 100.0 * UNPARSEABLE,
        ))
    }

    fn truncated(&self) -> Option<String> {
        let share = self.of("rollout/truncated").last_mean(WINDOW)?;
        (share > TRUNCATED).then(|| format!(
            "{:.0} % of the responses of the last {WINDOW} steps ran into the length limit (rollout/truncated; more than {:.0} % is bad): \
             they count as wrong and have no self-reward, so the policy learns to be short before it learns to be right. \
             Try a larger rollout.max_new_tokens, policy.overlong_filter, or policy.overlong_tokens",
            100.0 * share, 100.0 * TRUNCATED,
        ))
    }

    fn entropy_collapse(&self) -> Option<String> {
        let entropy = self.of("policy/entropy");
        let (start, now) = (entropy.start_mean()?, entropy.last_mean(WINDOW)?);
        (now < ENTROPY * start).then(|| format!(
            "the entropy has collapsed: {now:.4} nats per token over the last {WINDOW} steps, {start:.4} over the first {START}: \
             the policy repeats itself, groups become all right or all wrong, and learning stops. \
             Try a larger policy.clip_high, a lower optimizer.lr, or more and harder tasks"
        ))
    }

    fn exploding_ratio(&self) -> Option<String> {
        let ratio = self.of("policy/ratio_max").last_min(SPIKE)?;
        (ratio > RATIO).then(|| format!(
            "the policy moves too far from the one that sampled: the largest ratio π/π_old was above {ratio:.0} in each of the last {SPIKE} steps (policy/ratio_max; above {RATIO:.0} is bad): \
             the clipped loss no longer says anything about such tokens. Try a lower optimizer.lr, or fewer policy.passes and policy.mini_batches"
        ))
    }

    fn exploding_gradient(&self) -> Option<String> {
        let norm = self.of("optim/grad_norm");
        let (now, normal) = (norm.last_min(SPIKE)?, norm.normal()?);
        (now > GRAD_NORM * normal && now > 0.0).then(|| format!(
            "the gradient explodes: its norm was {now:.3} or more in each of the last {SPIKE} steps, the median before is {normal:.3} (optim/grad_norm): \
             the next updates may destroy the model. Try a lower optimizer.lr, a smaller optimizer.grad_clip, or a smaller self_reward.alpha"
        ))
    }

    fn zc_drift(&self) -> Option<String> {
        let [right, wrong] = ["self_reward/logp_correct", "self_reward/logp_incorrect"]
            .map(|key| self.of(key).course());
        let try_this = "Try a smaller self_reward.alpha or optimizer.lr, self_reward.class_weights = true, or self_reward.tau = 0";
        let highest = [right, wrong].into_iter().flatten().map(|c| c.1);
        let highest = highest.fold(f64::NEG_INFINITY, f64::max);
        if highest > ZC_LOGP {
            return Some(format!(
                "the self-reward token is no longer unlikely: mean log π(z_c) is {highest:.1} nats over the last {LONG_WINDOW} steps, {:.1} % of probability: \
                 the score then disturbs the text, and log Z ≈ 0, on which it rests, does not hold. {try_this}",
                100.0 * highest.exp(),
            ));
        }
        let ((right_then, right_now), (wrong_then, wrong_now)) = (right?, wrong?);
        let rise = (right_now - right_then).min(wrong_now - wrong_then);
        (self.settings.trained && rise > DRIFT / self.settings.beta_v).then(|| format!(
            "log π(z_c) drifts up after right and wrong responses alike: from {right_then:.1} to {right_now:.1} nats after right ones, from {wrong_then:.1} to {wrong_now:.1} after wrong ones: \
             the self-reward then says that z_c has become likely, not that an answer is right. {try_this}"
        ))
    }

    fn inflation(&self) -> Option<String> {
        if !self.settings.trained {
            return None;
        }
        let (right_then, right_now) = self.of("self_reward/score_correct").course()?;
        let (wrong_then, wrong_now) = self.of("self_reward/score_incorrect").course()?;
        let [level, rise] = INFLATED;
        let there = wrong_now > level && wrong_now - wrong_then > rise && right_now > right_then;
        there.then(|| format!(
            "the self-reward is inflating: the mean score of wrong responses rose from {wrong_then:.2} to {wrong_now:.2} (they are judged right above 0.5), that of right ones from {right_then:.2} to {right_now:.2}: \
             the model praises itself whatever it wrote, and a vote by the scores gains nothing. \
             Try self_reward.class_weights = true, self_reward.tau = 0, or a larger self_reward.alpha"
        ))
    }
}

#[cfg(test)]
mod tests;
