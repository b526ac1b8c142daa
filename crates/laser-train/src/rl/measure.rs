//! The metrics of a step of reinforcement learning.

use laser_rl::{JudgeMetrics, Judged, explained_variance};
use serde_json::{Map, Value, json};

use super::Group;
use super::advantages::shaped_reward;
use super::prepare::Prepared;
use super::update::Sums;
use crate::files::decimal;
use crate::label::Labelled;
use crate::recipe::SelfRewardLoss;
use crate::trainer::Trainer;

impl Trainer {
    /// A line of `metrics.jsonl`; losses are means over the updates of the step.
    pub(super) fn measure(
        &self,
        groups: &[Group],
        sums: &Sums,
        prepared: &Prepared,
    ) -> Map<String, Value> {
        let all: Vec<&Labelled> = groups
            .iter()
            .flat_map(|(_, g)| g.iter().map(|(l, _)| l))
            .collect();
        let n = all.len() as f64;
        let mean = |f: &dyn Fn(&Labelled) -> f64| all.iter().map(|l| f(l)).sum::<f64>() / n;
        let accuracy = mean(&|l| l.reward() as f64);
        let updates = sums.updates.max(1) as f64;
        // A step whose groups gave no pair learned from nothing.
        let learned = sums.rows > 0;
        let uniform = groups
            .iter()
            .filter(|(_, g)| g.iter().all(|(l, _)| l.correct == g[0].0.correct))
            .count();
        let lengths = || all.iter().map(|l| l.response.ids.len());
        let finished = all.iter().filter(|l| l.response.finished()).count();
        // A truncated response has no answer because it was cut off; that is counted on its own.
        let unparseable = all
            .iter()
            .filter(|l| l.response.finished() && l.extracted.is_none())
            .count();
        let mut m = Map::new();
        let mut put = |key: &str, value: Value| m.insert(key.into(), value);
        let recipe = &self.recipe;
        put(
            "reward/mean",
            json!(mean(&|l| f64::from(shaped_reward(recipe, l)))),
        );
        put("reward/verifier", json!(accuracy));
        for (i, (name, _)) in all[0].parts.iter().enumerate() {
            if **name != *"verifier" {
                put(&format!("reward/{name}"), json!(mean(&|l| l.parts[i].1)));
            }
        }
        if !recipe.policy.token_rewards.is_empty() {
            put("reward/tokens", json!(mean(&|l| self.token_reward(l))));
        }
        put(
            "reward/uniform_groups",
            json!(uniform as f64 / groups.len() as f64),
        );
        put(
            "reward/unparseable",
            json!((finished > 0).then(|| unparseable as f64 / finished as f64)),
        );
        put("policy/loss", json!(sums.policy.loss / updates));
        put("policy/clip_fraction", json!(sums.policy.clip_fraction()));
        put(
            "policy/clip_fraction_low",
            json!(sums.policy.clip_fraction_low()),
        );
        put(
            "policy/clip_fraction_high",
            json!(sums.policy.clip_fraction_high()),
        );
        put("policy/kl", json!(sums.policy.approx_kl()));
        put(
            "policy/entropy",
            json!(learned.then(|| sums.entropy / sums.rows as f64)),
        );
        let ratio = |extreme: f32| json!(learned.then(|| decimal(extreme)));
        put("policy/ratio_min", ratio(sums.policy.ratio_min));
        put("policy/ratio_mean", json!(sums.policy.ratio_mean()));
        put("policy/ratio_max", ratio(sums.policy.ratio_max));
        put("policy/logprob_mismatch", json!(decimal(sums.mismatch)));
        put(
            "rollout/length_mean",
            json!(mean(&|l| l.response.ids.len() as f64)),
        );
        put("rollout/length_min", json!(lengths().min()));
        put("rollout/length_max", json!(lengths().max()));
        put(
            "rollout/truncated",
            json!(mean(&|l| f64::from(u8::from(!l.response.finished())))),
        );
        let [asked, unreadable] = all.iter().fold([0, 0], |[asked, unreadable], l| {
            [asked + l.judgements[0], unreadable + l.judgements[1]]
        });
        if recipe.judges_itself() {
            let share = (asked > 0).then(|| unreadable as f64 / asked as f64);
            put("self_judge/unreadable", json!(share));
        }
        if recipe.uses_prefixes() {
            put(
                "rollout/prefix_share",
                json!(self.coefficients.prefix.share),
            );
        }
        if recipe.rollout.continuations > 0 {
            let ends = recipe.rollout.continuations as f64;
            let right = mean(&|l| l.continued as f64 / ends);
            put("rollout/continuations_right", json!(right));
        }
        if let Some(kl) = prepared.kl {
            put("kl/mean", json!(kl));
            put("kl/coefficient", json!(self.coefficients.kl.coefficient));
            put("kl/loss", json!(sums.kl / updates));
        }
        if let Some(routed) = &prepared.routed {
            put("distillation/loss", json!(sums.distillation / updates));
            put("distillation/responses", json!(routed.taught as f64 / n));
            put("distillation/unfit", json!(routed.unfit as f64 / n));
            if let Some(beta) = recipe.distillation.as_ref().map(|d| d.entropy_weight)
                && beta > 0.0
            {
                let largest = routed.largest_weight.map(decimal);
                put("distillation/weight_max", json!(largest));
            }
        }
        if let Some(likelihood) = &recipe.likelihood {
            likelihood.measure(groups, sums.answers / updates, &mut m);
        }
        let mut put = |key: &str, value: Value| m.insert(key.into(), value);
        if recipe.entropy.active() {
            put(
                "policy/entropy_coefficient",
                json!(self.coefficients.entropy),
            );
        }
        if recipe.policy.importance.is_some() {
            let w = &prepared.importance;
            put("importance/mean", json!(w.mean()));
            put("importance/min", json!(w.weight_min));
            put("importance/max", json!(w.weight_max));
            put("importance/bounded_fraction", json!(w.bounded_fraction()));
            let share = w.effective_sample_size() / w.tokens.max(1) as f64;
            put("importance/effective_share", json!(share));
        }
        if self.value_head.is_some() {
            let rows = |f: fn(&Labelled) -> &[f32]| -> Vec<f32> {
                all.iter().flat_map(|l| f(l).iter().copied()).collect()
            };
            let (values, returns) = (rows(|l| &l.rows.values), rows(|l| &l.rows.returns));
            put("critic/loss", json!(sums.value.loss / updates));
            put("critic/clip_fraction", json!(sums.value.clip_fraction()));
            let explained = explained_variance(&values, &returns);
            put("critic/explained_variance", json!(explained));
            let mean =
                values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64;
            put("critic/value_mean", json!(mean));
        }
        if let Some(zc) = self.zc {
            let drawn: usize = all
                .iter()
                .map(|l| l.response.ids.iter().filter(|id| **id == zc).count())
                .sum();
            put("rollout/self_reward_token_sampled", json!(drawn));
        }
        if self.self_reward.is_some() {
            let judged: Vec<Judged> = all
                .iter()
                .filter_map(|l| {
                    Some(Judged {
                        score: l.score?,
                        correct: l.correct,
                        length: l.response.ids.len() as u32,
                    })
                })
                .collect();
            let metrics = JudgeMetrics::of(&judged, 15);
            let loss = match recipe.self_reward.loss {
                SelfRewardLoss::Mse => "self_reward/mse",
                SelfRewardLoss::CrossEntropy => "self_reward/cross_entropy",
            };
            put(loss, json!(learned.then(|| sums.self_reward / updates)));
            put("self_reward/f1", json!(metrics.f1));
            put("self_reward/tpr", json!(metrics.tpr));
            put("self_reward/tnr", json!(metrics.tnr));
            put("self_reward/auroc", json!(metrics.auroc));
            put("self_reward/ece", json!(metrics.ece));
            for (class, correct) in [("correct", true), ("incorrect", false)] {
                let members = all.iter().filter(|l| l.correct == correct);
                let logp = members.clone().filter_map(|l| l.response.self_logprob);
                let score = members.filter_map(|l| l.score);
                let (logp, score) = (Spread::of(logp), Spread::of(score));
                put(&format!("self_reward/logp_{class}"), json!(logp.mean));
                put(&format!("self_reward/logp_{class}_std"), json!(logp.std));
                put(&format!("self_reward/score_{class}"), json!(score.mean));
            }
        }
        m
    }
}

/// Mean and standard deviation of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    /// None without numbers.
    mean: Option<f64>,
    /// Of the population: divided by their number. None without numbers.
    std: Option<f64>,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f32>) -> Self {
        let numbers: Vec<f64> = numbers.map(f64::from).collect();
        let n = numbers.len() as f64;
        let mean = (n > 0.0).then(|| numbers.iter().sum::<f64>() / n);
        // Around the mean, not from the sum of squares: log-probabilities lie far from 0 and close
        // together.
        let variance = |mean: f64| numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Spread {
            mean,
            std: mean.map(|mean| variance(mean).sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_population_and_nothing_has_none() {
        let spread = Spread::of([-14.0, -16.0, -15.0, -15.0].into_iter());
        assert_eq!(spread.mean, Some(-15.0));
        assert_eq!(spread.std, Some(0.5f64.sqrt()));
        assert_eq!(Spread::of([-3.0].into_iter()).std, Some(0.0));
        let none = Spread::of(std::iter::empty());
        assert_eq!((none.mean, none.std), (None, None));
    }
}
