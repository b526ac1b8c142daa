//! Shapings of rewards and credits of tokens, in whole runs.

mod common;

use common::*;
use laser_train::{Recipe, RunOptions};

fn refused(settings: &[&str]) -> String {
    let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
    let parsed = Recipe::parse("tiny.toml", include_str!("common/tiny.toml"), &settings);
    parsed.unwrap_err().to_string()
}

#[test]
fn settings_without_effect_leave_the_run_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, None);
    let base = plain.join("base");
    for (name, setting) in [
        ("none", "policy.shaping=[{grpo_lambda={share=0}}]"),
        ("mild", "policy.shaping=[{grpo_lambda={share=1,alpha=0}}]"),
        ("unaligned", "policy.shaping=[{self_aligned={alpha=0}}]"),
        ("verified", "policy.shaping=[{endogenous={keep=1,scale=0}}]"),
        (
            "unread",
            "likelihood={keep=1,weight=0,loss_weight=0,kind='avg_prob'}",
        ),
        // Scores count once the advantage mix begins, which is after the last step here.
        ("late", "policy.shaping=[{win_rate={}}]"),
    ] {
        let out = dir.path().join(name);
        train(
            recipe(&[setting, "self_reward.mix_warmup=99"]),
            &out,
            Some(&base),
        );
        let late = dir.path().join(format!("{name}-plain"));
        train(recipe(&["self_reward.mix_warmup=99"]), &late, Some(&base));
        assert!(weights(&out, 5) == weights(&late, 5), "{name}");
    }
}

#[test]
fn tempo_credits_the_tokens_at_which_siblings_part_ways() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "policy.advantage=grpo_population",
        "policy.credit=[{tempo={}}]",
    ];
    train(recipe(&settings), dir.path(), None);
    for line in rl_metrics(dir.path()) {
        let share = line["policy/credited_tokens"].as_f64().unwrap();
        let uniform = line["reward/uniform_groups"].as_f64().unwrap();
        // In a group of equal rewards nothing changes; elsewhere some token must.
        assert_eq!(share > 0.0, uniform < 1.0, "{line}");
        assert!(share < 1.0, "{line}");
    }
}

fn lines_of_samples(run: &std::path::Path) -> Vec<serde_json::Value> {
    lines(run.join("samples/step-1.jsonl"))
}

/// A response's advantage is the mean over its tokens. If those of its answer have none, the
/// others have `advantage · tokens / tokens before the answer`, which is 0 over a group of RLOO.
fn assert_masked(samples: &[serde_json::Value]) {
    let (mut compared, mut answers) = (0, 0);
    for group in samples.chunks(4) {
        let (mut sum, mut largest, mut plain) = (0.0f64, 0.0f64, true);
        for row in group {
            let (text, n) = (row["response"].as_str().unwrap(), &row["length"]);
            let n = n.as_u64().unwrap() as usize;
            plain &= text.len() == n - usize::from(row["finish"] == "stop");
            let cut = text.rfind('#').map_or(text.len(), |at| at + 1);
            plain &= cut > 0;
            answers += usize::from(cut < text.len());
            let a = row["advantage"].as_f64().unwrap() * n as f64 / cut.max(1) as f64;
            sum += a;
            largest = largest.max(a.abs());
        }
        // Special tokens are not in the text.
        if plain {
            assert!(sum.abs() <= 1e-4 * largest, "{group:?}");
            compared += 1;
        }
    }
    assert!(compared > 2 && answers > 2, "{compared} {answers}");
}

#[test]
fn the_likelihood_of_the_gold_answer_is_learned_and_its_own_answer_carries_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("made");
    train(recipe(&["steps=1"]), &base, None);
    let mut gained = Vec::new();
    for weight in ["0", "1"] {
        let out = dir.path().join(weight);
        let loss = format!("likelihood.loss_weight={weight}");
        let settings = [
            "steps=60",
            "policy.advantage=rloo",
            "policy.aggregation=sequence_mean_token_sum",
            "self_reward.alpha=0",
            "self_reward.tau=0",
            "likelihood.kind=log_prob",
            &loss,
        ];
        train(recipe(&settings), &out, Some(&base.join("base")));
        let lines = rl_metrics(&out);
        let of = |i: usize, key: &str| lines[i][key].as_f64().unwrap();
        for i in 0..lines.len() {
            let (reward, log_prob) = (of(i, "answer/reward"), of(i, "answer/log_prob"));
            assert!((reward - log_prob).abs() < 1e-6 * log_prob.abs(), "{i}");
            assert!((0.0..=1.0).contains(&of(i, "answer/marked")));
        }
        assert_eq!(of(0, "answer/loss") > 0.0, weight == "1");
        let mean = |steps: std::ops::Range<usize>| -> f64 {
            let n = steps.len() as f64;
            steps.map(|i| of(i, "answer/log_prob")).sum::<f64>() / n
        };
        gained.push(mean(50..60) - mean(0..10));
        assert_masked(&lines_of_samples(&out));
    }
    // Nats that the gold answers became likelier by: with the loss on them more than without.
    assert!(gained[1] > 2.0 && gained[1] > gained[0], "{gained:?}");
}

#[test]
fn cautious_tests_leave_training_as_it_is_and_one_trial_is_the_plain_sampler() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    train(recipe(&[]), &out("plain"), None);
    let base = out("plain").join("base");
    for (name, settings) in [
        ("one", "evaluation.cautious={max_trials=1}"),
        ("many", "evaluation.cautious={}"),
    ] {
        train(recipe(&[settings]), &out(name), Some(&base));
        assert!(
            weights(&out(name), 5) == weights(&out("plain"), 5),
            "{name}"
        );
    }
    let evals = |name: &str| lines(out(name).join("evals.jsonl"));
    assert_eq!(evals("one"), evals("plain"));
    for line in evals("many") {
        assert!(line["drawn_tokens"]["value"].as_f64().unwrap() > 5.0);
    }
    let options = RunOptions {
        threads: 2,
        base: Some(base.clone()),
        ..options(&out("threads"))
    };
    let settings = ["evaluation.cautious={}", "tokens_per_micro_batch=64"];
    run(recipe(&settings), options).unwrap();
    assert_same_run(&out("many"), &out("threads"), 5, "cautious");
}

#[test]
fn borda_votes_of_the_powers_asked_for_are_reported_and_power_0_is_the_majority() {
    let dir = tempfile::tempdir().unwrap();
    train(
        recipe(&["evaluation.borda=[0.0,0.5,1.2]"]),
        dir.path(),
        None,
    );
    for line in lines(dir.path().join("evals.jsonl")) {
        let by = &line["self_certainty_borda_by_power"];
        assert_eq!(by.as_object().unwrap().len(), 3);
        assert_eq!(by["0"], line["maj_at"]);
        assert_eq!(by["0.5"], line["self_certainty_borda_at"]);
    }
}

#[test]
fn a_method_whose_needs_are_not_met_is_refused_at_the_start() {
    let cases: [(&[&str], &str); 18] = [
        (
            &[
                "policy.credit=[{tempo={}}]",
                "policy.advantage=reinforce_plus_plus",
            ],
            "whitens",
        ),
        (
            &[
                "policy.credit=[{negative_only={}}]",
                "policy.advantage=no_baseline",
                "critic.coefficient=0.5",
                "self_reward.tau=0",
            ],
            "critic",
        ),
        (
            &[
                "policy.shaping=[{win_rate={}}]",
                "self_reward.alpha=0",
                "self_reward.tau=0",
            ],
            "nothing trains them",
        ),
        (
            &["policy.shaping=[{win_rate={temperature=-1}}]"],
            "win_rate.temperature = -1",
        ),
        (
            &["policy.shaping=[{grpo_lambda={share=2}}]"],
            "grpo_lambda.share = 2",
        ),
        (
            &[
                "policy.shaping=[{grpo_lambda={}}]",
                "policy.advantage=no_baseline",
                "rollout.samples=1",
                "self_reward.tau=0",
            ],
            "at least 2",
        ),
        (
            &[
                "policy.shaping=[{endogenous={}}]",
                "kl.coefficient=0.1",
                "kl.reference=ema",
            ],
            "frozen base model",
        ),
        (
            &["likelihood={loss_weight=-1}"],
            "likelihood.loss_weight = -1",
        ),
        (&["likelihood={kind='jepo'}"], "no_baseline"),
        (&["likelihood={close='}'}"], "likelihood.cut"),
        (&["likelihood={}", "method=supervised"], "samples nothing"),
        (
            &[
                "likelihood={}",
                "critic.coefficient=0.5",
                "policy.advantage=no_baseline",
                "self_reward.tau=0",
            ],
            "critic",
        ),
        (
            &["likelihood={}", "rollout.max_new_tokens=24"],
            "the gold answers",
        ),
        (&["rollout.sampling.cautious={}"], "evaluation.cautious"),
        (&["evaluation.cautious={max_trials=0}"], "max_trials = 0"),
        (&["evaluation.borda=[0.5,-1]"], "evaluation.borda = -1"),
        (&["policy.shaping=[{brevity={}}]"], "brevity"),
        (&["policy.credit=[{tempo={by=1}}]"], "by"),
    ];
    for (settings, named) in cases {
        let error = refused(settings);
        assert!(error.contains(named), "{settings:?}: {error}");
    }
}
