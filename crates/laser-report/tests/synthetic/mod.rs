//! A made-up run, the same at every call: enough of everything, with holes where runs have holes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Markup that must come out as text.
pub const INJECTION: &str = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&";

/// A small generator of numbers in [0, 1) (splitmix64), so that no seed is a dependency.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, mean 0, standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Writes a run of `steps` steps into `dir`.
pub fn write_run(dir: &Path, steps: u32) {
    fs::write(dir.join("config.toml"), CONFIG).unwrap();
    fs::write(dir.join("metrics.jsonl"), metrics(steps)).unwrap();
    fs::write(dir.join("evals.jsonl"), evals(steps)).unwrap();
    fs::write(dir.join("summary.json"), summary(steps).to_string()).unwrap();
    fs::write(dir.join("results.jsonl"), results()).unwrap();
}

const CONFIG: &str =
    "[recipe]\nname = \"laser\"\n\n[self_reward]\nbeta = 0.1\nalpha = 0.1\n\n# a < b & c\n";

/// From `a` to `b` as training goes, fast at first.
fn learned(a: f64, b: f64, step: u32, steps: u32) -> f64 {
    let t = f64::from(step) / f64::from(steps.max(1));
    a + (b - a) * (1.0 - (-4.0 * t).exp())
}

fn metrics(steps: u32) -> String {
    let mut n = Numbers::new(7);
    let mut out = String::new();
    for step in 1..=40 {
        let loss = learned(3.1, 0.6, step, 40) + 0.05 * n.normal();
        let accuracy = learned(0.1, 0.8, step, 40) + 0.02 * n.normal();
        let line =
            json!({"phase": "sft", "step": step, "sft/loss": loss, "sft/accuracy": accuracy});
        writeln!(out, "{line}").unwrap();
    }
    for step in 1..=steps {
        let go = |a, b| learned(a, b, step, steps);
        let share = |v: f64| v.clamp(0.0, 1.0);
        let reward = share(go(0.31, 0.62) + 0.04 * n.normal());
        let tpr = share(go(0.55, 0.86) + 0.03 * n.normal());
        let tnr = share(go(0.40, 0.79) + 0.04 * n.normal());
        let mut line = json!({
            "step": step,
            "seconds": {
                "rollout": 6.0 + n.uniform(), "train": 4.0 + 0.4 * n.uniform(), "reference": 1.1,
                "verify": 0.2, "eval": if step % 25 == 0 { 9.0 } else { 0.0 }, "io": 0.05, "total": 12.0,
            },
            "tokens": {"rollout": 20_000},
            "reward/mean": reward, "reward/verifier": reward,
            "self_reward/f1": 2.0 * tpr * tnr / (tpr + tnr), "self_reward/tpr": tpr,
            "self_reward/tnr": tnr, "self_reward/auroc": share(go(0.52, 0.9) + 0.02 * n.normal()),
            "self_reward/mse": 0.1,
            "self_reward/logp_correct": go(-23.0, -13.8) + 0.3 * n.normal(),
            "self_reward/logp_incorrect": go(-23.0, -21.6) + 0.4 * n.normal(),
            "policy/clip_fraction": 0.002 + 0.001 * n.uniform(),
            "policy/entropy": go(1.4, 0.5) + 0.03 * n.normal(),
            "policy/kl": go(0.0, 0.0012) + 0.00002 * n.uniform(),
            "optim/grad_norm": 0.4 + 0.2 * n.uniform() + if step == 120 { 2.5 } else { 0.0 },
            "optim/lr": 1e-5,
            "rollout/length_mean": go(48.0, 71.0) + 2.0 * n.normal(),
            "rollout/truncated": share(go(0.12, 0.01) + 0.01 * n.normal()),
            "a/key nobody knows": {"x": [1, 2]},
        });
        let object = line.as_object_mut().unwrap();
        if step % 17 == 0 {
            object.insert("self_reward/auroc".into(), Value::Null);
            object.insert("policy/entropy".into(), json!(1e300));
        }
        if step % 23 == 0 {
            object.remove("reward/verifier");
            object.remove("seconds");
        }
        writeln!(out, "{line}").unwrap();
    }
    out
}

fn evals(steps: u32) -> String {
    let mut n = Numbers::new(11);
    let mut out = String::new();
    for step in (0..=steps).step_by((steps / 10).max(1) as usize) {
        let mut line = model(
            learned(0.31, 0.6, step, steps) + 0.01 * n.normal(),
            0.5,
            0.02,
        );
        line.insert("step".into(), json!(step));
        writeln!(out, "{}", Value::Object(line)).unwrap();
    }
    out
}

fn estimate(value: f64, half: f64) -> Value {
    json!({"value": value, "low": value - half, "high": (value + half).min(1.0)})
}

/// A model's metrics around an accuracy, with a score of `skill` (0 none, 1 perfect).
fn model(accuracy: f64, skill: f64, half: f64) -> Map<String, Value> {
    let mut by: [Map<String, Value>; 5] = std::array::from_fn(|_| Map::new());
    for k in [1_u32, 2, 4, 8] {
        let doublings = f64::from(k).log2();
        let pass = 1.0 - (1.0 - accuracy).powf(f64::from(k).powf(0.7));
        let maj = accuracy + 0.025 * doublings;
        let gain = 0.011 * skill * doublings;
        let best = accuracy + 0.03 * skill * doublings;
        let values = [pass, maj, maj + gain, best];
        for (map, value) in by.iter_mut().zip(values) {
            map.insert(k.to_string(), estimate(value, half));
        }
        by[4].insert(
            k.to_string(),
            estimate(gain, if k == 1 { 0.0 } else { 0.012 }),
        );
    }
    let [pass, maj, weighted, best, gain] = by;
    let value = json!({
        "accuracy": estimate(accuracy, half),
        "pass_at": pass, "maj_at": maj, "weighted_at": weighted, "best_at": best,
        "weighted_minus_maj": gain,
        "self_verification": {
            "f1": estimate(0.35 + 0.5 * skill, 0.02), "tpr": estimate(0.3 + 0.55 * skill, 0.02),
            "tnr": estimate(0.5 + 0.3 * skill, 0.02), "auroc": estimate(0.52 + 0.38 * skill, 0.015),
            "ece": estimate(0.36 - 0.3 * skill, 0.01),
            "spearman_length": {"value": -0.12, "low": null, "high": null},
        },
        "unknown": true,
    });
    value.as_object().unwrap().clone()
}

fn calibration(skill: f64, accuracy: f64) -> Value {
    let mut n = Numbers::new(3);
    let (mut correct, mut incorrect) = ([0_u32; 20], [0_u32; 20]);
    let mut bins = [(0_u32, 0.0_f64, 0_u32); 10];
    for _ in 0..4_000 {
        let right = n.uniform() < accuracy;
        let middle = if right {
            0.5 + 0.42 * skill
        } else {
            0.5 - 0.4 * skill
        };
        let score = middle + 0.22 * n.normal();
        let place = |low: f64, high: f64, count: usize| {
            (((score - low) / (high - low) * count as f64) as usize).min(count - 1)
        };
        let bin = place(-0.5, 1.5, 20);
        if right {
            correct[bin] += 1
        } else {
            incorrect[bin] += 1
        }
        let bin = &mut bins[place(0.0, 1.0, 10)];
        *bin = (
            bin.0 + 1,
            bin.1 + score.clamp(0.0, 1.0),
            bin.2 + u32::from(right),
        );
    }
    let bins: Vec<Value> = bins
        .iter()
        .enumerate()
        .map(|(i, &(count, sum, right))| {
            let mean = |v: f64| {
                if count == 0 {
                    Value::Null
                } else {
                    json!(v / f64::from(count))
                }
            };
            json!({
                "low": i as f64 / 10.0, "high": (i + 1) as f64 / 10.0, "count": count,
                "mean_score": mean(sum), "accuracy": mean(f64::from(right)),
            })
        })
        .collect();
    json!({"bins": bins, "histogram": {"low": -0.5, "high": 1.5, "correct": correct, "incorrect": incorrect}})
}

fn summary(steps: u32) -> Value {
    json!({
        "base": model(0.312, 0.05, 0.021), "final": model(0.604, 0.9, 0.019),
        "steps": steps, "seconds": 6_140.5, "seed": 17, "recipe": "laser",
        "tokens_per_second": {"rollout": 3_412.0, "train": 9_870.0},
        "calibration": calibration(0.9, 0.6), "base_calibration": calibration(0.05, 0.31),
        "c_ref": -23.0, "beta_v": 0.1, "parameters": 1_842_176,
    })
}

fn results() -> String {
    let mut n = Numbers::new(5);
    let mut out = String::new();
    for index in 0..400 {
        let (a, b) = (
            (n.uniform() * 90.0) as u32 + 10,
            (n.uniform() * 9.0) as u32 + 2,
        );
        let right = n.uniform() < 0.6;
        let gold = a * b;
        let answer = if right { gold } else { gold + 10 };
        let (tens, units) = (a / 10 * 10, a % 10);
        let mut line = json!({
            "prompt": format!("What is {a} times {b}? Think step by step and end with the answer in \\boxed{{}}."),
            "response": format!(
                "{a} times {b} is {tens} times {b} plus {units} times {b}.\n{tens} * {b} = {}\n{units} * {b} = {}\n\
                 Together that makes {answer}.\nThe answer is \\boxed{{{answer}}}.", tens * b, units * b),
            "gold": gold.to_string(), "extracted": answer.to_string(), "correct": right,
            "reward": f64::from(u8::from(right)), "self_logprob": -14.0,
            "self_reward": (if right { 0.85 } else { 0.15 }) + 0.22 * n.normal(),
            "advantage": null, "length": 40 + index % 37, "finish": "stop",
        });
        if index % 10 == 0 {
            line["response"] = json!(format!(
                "{INJECTION} {}",
                line["response"].as_str().unwrap()
            ));
        }
        if index % 50 == 1 {
            line["self_reward"] = Value::Null;
            line["extracted"] = Value::Null;
        }
        writeln!(out, "{line}").unwrap();
    }
    out
}
