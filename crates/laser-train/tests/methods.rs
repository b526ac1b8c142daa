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
fn where_nobody_is_taught_distillation_is_the_policy_loss_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, None);
    for (name, success) in [("all_right", "-1"), ("all_wrong", "2")] {
        let out = dir.path().join(name);
        let distil = format!("distillation={{route='failed',entropy_weight=1,success={success}}}");
        let settings = [distil.as_str(), "kl.reference=ema"];
        train(recipe(&settings), &out, Some(&plain.join("base")));
        assert!(weights(&out, 5) == weights(&plain, 5), "{name}");
        for line in rl_metrics(&out) {
            for key in ["loss", "responses", "unfit"] {
                assert_eq!(line[format!("distillation/{key}")], 0.0, "{name} {line}");
            }
            assert!(line["distillation/weight_max"].is_null(), "{name} {line}");
        }
    }
}

#[test]
fn failed_responses_with_a_correct_sibling_are_taught_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "distillation={route='failed',entropy_weight=1}",
        "kl.reference=ema",
        "model.context=64",
    ];
    train(recipe(&settings), dir.path(), None);
    let mut all = 0;
    for (step, line) in (1..).zip(rl_metrics(dir.path())) {
        let responses = rows(dir.path().join(format!("samples/step-{step}.jsonl")));
        let taught: usize = responses
            .chunks(4)
            .map(|group| group.iter().filter(|r| r.correct).count())
            .map(|right| if right > 0 { 4 - right } else { 0 })
            .sum();
        assert_eq!(line["distillation/responses"], taught as f64 / 32.0);
        assert_eq!(line["distillation/unfit"], 0.0);
        if taught > 0 {
            assert!(line["distillation/loss"].as_f64().unwrap() > 0.0, "{line}");
            assert!(line["distillation/weight_max"].as_f64().unwrap() >= 1.0);
        }
        all += taught;
    }
    assert!(all > 0);
}

#[test]
fn a_teacher_that_reads_what_the_student_read_teaches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    let base = made.join("base");
    // Solutions are longer, so this is the question alone.
    let template = "{{ question }}{% if solution | length < 3 %}{{ solution }}{% endif %}";
    for (i, kind) in [
        "top_k=5",
        "top_k=5,tail=false",
        "top_k=0",
        "divergence='sampled'",
    ]
    .into_iter()
    .enumerate()
    {
        let distil = format!("distillation={{{kind},template='{template}'}}");
        let settings = [
            distil.as_str(),
            "kl.reference=sync",
            "kl.sync_every=1",
            "self_reward.alpha=0",
            "self_reward.tau=0",
            "optimizer.weight_decay=0",
        ];
        let out = dir.path().join(i.to_string());
        train(recipe(&settings), &out, Some(&base));
        let before = std::fs::read(base.join("model.safetensors")).unwrap();
        assert!(weights(&out, 5) == before, "{kind}");
        let lines = rl_metrics(&out);
        let taught = |line: &serde_json::Value| line["distillation/responses"] != 0.0;
        assert!(lines.iter().any(taught), "{kind}");
        for line in lines {
            assert_eq!(line["distillation/loss"], 0.0, "{kind}");
            assert_eq!(line["optim/grad_norm"], 0.0, "{kind}");
        }
    }
}

#[test]
fn where_all_are_to_be_taught_a_response_without_a_correct_sibling_carries_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "distillation={route='all',success=2}",
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "optimizer.weight_decay=0",
    ];
    train(recipe(&settings), dir.path(), None);
    let base = std::fs::read(dir.path().join("base/model.safetensors")).unwrap();
    assert!(weights(dir.path(), 5) == base);
    for line in rl_metrics(dir.path()) {
        let policy = line["policy/loss"].as_f64().unwrap();
        assert_eq!((policy.abs(), &line["optim/grad_norm"]), (0.0, &0.0.into()));
    }
}

#[test]
fn a_reference_that_no_kl_and_no_distillation_reads_stays_the_base_model() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, asked) = (dir.path().join("plain"), dir.path().join("asked"));
    let frozen = "policy.shaping=[{endogenous={keep=1,scale=0.1}}]";
    train(recipe(&[frozen]), &plain, None);
    let settings = [frozen, "kl.reference=ema", "kl.ema_decay=0"];
    train(recipe(&settings), &asked, Some(&plain.join("base")));
    assert!(weights(&plain, 5) == weights(&asked, 5));
}

#[test]
fn a_hint_that_the_model_cannot_read_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for (i, (template, named)) in [
        ("{{ solution }}", "shows no question"),
        ("{{ question }}", "shows no solution"),
        ("{{ question }}{{ answer }}", "undefined"),
        ("{{ question }}{{ solution", "line 1"),
        ("{{ question }}{{ solution }}ß", "nothing for 'ß'"),
    ]
    .into_iter()
    .enumerate()
    {
        let distil = format!("distillation={{template='{template}'}}");
        let out = dir.path().join(i.to_string());
        let error = run(recipe(&[&distil]), options(&out)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(named), "{error}");
        assert!(error.contains("distillation.template"), "{error}");
    }
}

#[test]
fn a_method_whose_needs_are_not_met_is_refused_at_the_start() {
    let cases: [(&[&str], &str); 19] = [
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
            &["warm_start.loss={shaped={beta=-1}}"],
            "warm_start.loss.shaped.beta = -1",
        ),
        (
            &[
                "warm_start.loss={shaped={}}",
                "model.path=folder",
                "model.context=0",
            ],
            "there is no warm start",
        ),
        (
            &[
                "distillation={}",
                "policy.advantage=no_baseline",
                "rollout.samples=1",
                "self_reward.tau=0",
            ],
            "correct sibling",
        ),
        (
            &["distillation={divergence={jensen_shannon={alpha=1}}}"],
            "jensen_shannon.alpha = 1",
        ),
        (
            &["distillation={importance_cap=0}"],
            "distillation.importance_cap = 0",
        ),
        (
            &["distillation={entropy_weight=-1}"],
            "distillation.entropy_weight = -1",
        ),
        (
            &[
                "distillation={}",
                "kl.reference=ema",
                "self_reward.c_ref=reference",
            ],
            "frozen base model",
        ),
        (
            &[
                "distillation={}",
                "kl.reference=sync",
                "policy.shaping=[{endogenous={}}]",
            ],
            "frozen base model",
        ),
        (&["distillation={}", "method=supervised"], "reinforce"),
        (
            &[
                "distillation={}",
                "policy.advantage=no_baseline",
                "critic.coefficient=0.5",
                "self_reward.tau=0",
            ],
            "critic",
        ),
        (&["policy.shaping=[{brevity={}}]"], "brevity"),
        (&["policy.credit=[{tempo={by=1}}]"], "by"),
    ];
    for (settings, named) in cases {
        let error = refused(settings);
        assert!(error.contains(named), "{settings:?}: {error}");
    }
}
