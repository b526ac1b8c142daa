//! Shapings of rewards and credits of tokens, in whole runs.

mod common;

use common::*;
use laser_train::Recipe;

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
        ("all_tokens", "policy.credit=[{hidden_reward={p=0}}]"),
        ("one_weight", "policy.credit=[{divergence={alpha=1}}]"),
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

#[test]
fn token_hidden_reward_credits_tokens_of_groups_with_both_labels_alone() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ["policy.credit=[{hidden_reward={}}]"];
    train(recipe(&settings), dir.path(), None);
    for line in rl_metrics(dir.path()) {
        let share = line["policy/credited_tokens"].as_f64().unwrap();
        let uniform = line["reward/uniform_groups"].as_f64().unwrap();
        assert_eq!(share > 0.0, uniform < 1.0, "{line}");
        assert!(share < 1.0 || uniform == 0.0, "{line}");
    }
}

#[test]
fn a_method_whose_needs_are_not_met_is_refused_at_the_start() {
    let cases: [(&[&str], &str); 13] = [
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
            &["policy.credit=[{hidden_reward={p=2}}]"],
            "hidden_reward.p = 2",
        ),
        (
            &["policy.credit=[{hidden_reward={threshold={mean=-1}}}]"],
            "hidden_reward.threshold.mean = -1",
        ),
        (
            &["policy.credit=[{divergence={alpha=0.5}}]"],
            "divergence.alpha = 0.5",
        ),
        (
            &[
                "policy.credit=[{divergence={}}]",
                "policy.advantage=no_baseline",
                "rollout.samples=1",
                "self_reward.tau=0",
            ],
            "at least 2",
        ),
        (&["policy.shaping=[{brevity={}}]"], "brevity"),
        (&["policy.credit=[{tempo={by=1}}]"], "by"),
    ];
    for (settings, named) in cases {
        let error = refused(settings);
        assert!(error.contains(named), "{settings:?}: {error}");
    }
}
