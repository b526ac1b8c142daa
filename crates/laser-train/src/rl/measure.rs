//! The metrics of a step of reinforcement learning.

use laser_rl::{JudgeMetrics, Judged};
use serde_json::{Map, Value, json};

use super::{Group, Sums, shaped_reward};
use crate::files::decimal;
use crate::label::Labelled;
use crate::trainer::Trainer;

impl Trainer {
    /// A line of `metrics.jsonl`; losses are means over the updates of the step.
    pub(super) fn measure(&self, groups: &[Group], sums: &Sums) -> Map<String, Value> {
        let all: Vec<&Labelled> = groups
            .iter()
            .flat_map(|(_, g)| g.iter().map(|(l, _)| l))
            .collect();
        let n = all.len() as f64;
        let mean = |f: &dyn Fn(&Labelled) -> f64| all.iter().map(|l| f(l)).sum::<f64>() / n;
        let accuracy = mean(&|l| l.reward() as f64);
        let updates = sums.updates.max(1) as f64;
        let uniform = groups
            .iter()
            .filter(|(_, g)| g.iter().all(|(l, _)| l.correct == g[0].0.correct))
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
        put(
            "reward/uniform_groups",
            json!(uniform as f64 / groups.len() as f64),
        );
        put("policy/loss", json!(sums.policy.loss / updates));
        put("policy/clip_fraction", json!(sums.policy.clip_fraction()));
        put("policy/kl", json!(sums.policy.approx_kl()));
        put(
            "policy/entropy",
            json!(sums.entropy / sums.rows.max(1) as f64),
        );
        put("policy/ratio_max", json!(decimal(sums.policy.ratio_max)));
        put("policy/logprob_mismatch", json!(decimal(sums.mismatch)));
        put(
            "rollout/length_mean",
            json!(mean(&|l| l.response.ids.len() as f64)),
        );
        put(
            "rollout/truncated",
            json!(mean(&|l| f64::from(u8::from(!l.response.finished())))),
        );
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
            let logp = |correct: bool| {
                let of: Vec<f64> = all
                    .iter()
                    .filter(|l| l.correct == correct)
                    .filter_map(|l| l.response.self_logprob.map(f64::from))
                    .collect();
                (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64)
            };
            put("self_reward/mse", json!(sums.mse / updates));
            put("self_reward/f1", json!(metrics.f1));
            put("self_reward/tpr", json!(metrics.tpr));
            put("self_reward/tnr", json!(metrics.tnr));
            put("self_reward/auroc", json!(metrics.auroc));
            put("self_reward/logp_correct", json!(logp(true)));
            put("self_reward/logp_incorrect", json!(logp(false)));
        }
        m
    }
}
