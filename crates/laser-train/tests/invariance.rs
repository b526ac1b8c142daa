//! What a run computes depends on its recipe and nothing else.

mod common;

use common::*;
use laser_train::RunOptions;

#[test]
fn without_weight_the_self_reward_leaves_grpo_as_it_is_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    // Plain GRPO may sample z_c, which LaSeR forbids. This must not be the difference.
    let base = made.join("base");
    never_sampled(&base, ZC);
    let path = format!("model.path={}", base.display());
    let with = [
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "rollout.prompts=64",
        &path,
    ];
    let without = [&with[..], &["self_reward.token="]].concat();
    let (laser, grpo) = (dir.path().join("laser"), dir.path().join("grpo"));
    train(recipe(&with), &laser, None);
    train(recipe(&without), &grpo, None);
    for step in 1..=5 {
        assert!(weights(&laser, step) == weights(&grpo, step), "step {step}");
    }
    assert_mixed_groups(&grpo);
    let logp = metrics(&laser)[0]["self_reward/logp_incorrect"].as_f64();
    assert!(logp.unwrap() < -100.0, "p(z_c) is 0 in f32: {logp:?}");
    let key = "self_reward/mse";
    assert!(metrics(&laser).iter().all(|m| m[key].is_number()));
    assert!(metrics(&grpo).iter().all(|m| m[key].is_null()));
}

#[test]
fn threads_micro_batches_and_rows_in_flight_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    train(recipe(&[]), &first, None);
    assert_mixed_groups(&first);
    for (i, (threads, setting)) in [
        (2, "tokens_per_micro_batch=256"),
        (3, "tokens_per_micro_batch=256"),
        (1, "tokens_per_micro_batch=64"),
        (1, "tokens_per_micro_batch=100000"),
        (2, "tokens_per_micro_batch=100000"),
        (1, "rollout.rows=1"),
        (3, "rollout.rows=32"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = dir.path().join(i.to_string());
        let options = RunOptions {
            threads,
            ..options(&out)
        };
        run(recipe(&[setting]), options).unwrap();
        assert_same_run(&first, &out, 5, &format!("{threads} threads, {setting}"));
    }
}

#[test]
fn micro_batches_change_nothing_where_each_response_has_its_own_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    train(recipe(&["share_prompts=false"]), &first, None);
    for tokens in [32, 100_000] {
        let out = dir.path().join(tokens.to_string());
        let setting = format!("tokens_per_micro_batch={tokens}");
        train(recipe(&["share_prompts=false", &setting]), &out, None);
        assert_same_run(&first, &out, 5, &setting);
    }
}

/// Groups without a difference come last in an update. That the backward pass they are spared would
/// add nothing is a test of the learner.
#[test]
fn micro_batches_change_nothing_where_some_groups_have_no_gradient() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "self_reward.token=",
        "self_reward.alpha=0",
        "self_reward.tau=0",
        "rollout.prompts=24",
    ];
    let first = dir.path().join("first");
    let together = [&settings[..], &["tokens_per_micro_batch=100000"]].concat();
    train(recipe(&together), &first, None);
    assert_mixed_groups(&first);
    let uniform = rl_metrics(&first)[0]["reward/uniform_groups"].as_f64();
    assert!(uniform.unwrap() > 0.0, "no group to pass over");
    let out = dir.path().join("apart");
    let apart = [&settings[..], &["tokens_per_micro_batch=1"]].concat();
    train(recipe(&apart), &out, None);
    assert_same_run(&first, &out, 5, "one group in a micro-batch");
}

#[test]
fn a_shared_prompt_changes_no_log_probability_and_gradients_by_their_rounding() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    let path = format!("model.path={}", made.join("base").display());
    let runs = ["true", "false"].map(|shared| {
        let out = dir.path().join(shared);
        let setting = format!("share_prompts={shared}");
        train(recipe(&["steps=1", &path, &setting]), &out, None);
        assert_mixed_groups(&out);
        out
    });
    let [shared, own] = runs.each_ref().map(|run| rl_metrics(run).remove(0));
    assert!(shared["policy/loss"].is_number() && shared["self_reward/mse"].is_number());
    for key in ["policy/loss", "self_reward/mse", "policy/logprob_mismatch"] {
        assert_eq!(shared[key], own[key], "{key}");
    }
    let [a, b] = [&shared, &own].map(|m| m["optim/grad_norm"].as_f64().unwrap());
    assert!((a - b).abs() < 1e-4 * a && a > 0.0, "{a} and {b}");
}

#[test]
fn another_seed_is_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    train(recipe(&["steps=1"]), &a, None);
    train(recipe(&["steps=1", "seed=8"]), &b, None);
    assert_ne!(weights(&a, 1), weights(&b, 1));
    let prompts = |run: &std::path::Path| {
        let all = rows(run.join("results.jsonl"));
        all.into_iter().map(|r| r.prompt).collect::<Vec<_>>()
    };
    assert_eq!(
        prompts(&a),
        prompts(&b),
        "test problems are those of every seed"
    );
}

#[test]
fn the_regression_begins_one_step_after_its_warm_up_and_the_mix_after_both() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    train(
        recipe(&["self_reward.alpha=0", "self_reward.tau=0"]),
        &plain,
        None,
    );
    let base = plain.join("base");
    let steps_like_plain = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        train(recipe(settings), &out, Some(&base));
        (1..=5)
            .take_while(|s| weights(&out, *s) == weights(&plain, *s))
            .count()
    };
    let warmup = "self_reward.reasoning_warmup=2";
    assert_eq!(steps_like_plain("mse", &[warmup, "self_reward.tau=0"]), 2);
    // Without the regression nothing else differs before the mix. The scores of so small a model
    // spread by little: any spread passes the gate.
    let mix = [
        warmup,
        "self_reward.mix_warmup=1",
        "self_reward.alpha=0",
        "self_reward.std_gate=0",
    ];
    assert_eq!(steps_like_plain("mix", &mix), 3);
    let never = ["self_reward.reasoning_warmup=5", "self_reward.mix_warmup=0"];
    assert_eq!(steps_like_plain("never", &never), 5);
}

#[test]
fn the_self_reward_token_is_never_sampled() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    train(recipe(&[]), &out, None);
    // An untrained model would give it one token in 64.
    for m in metrics(&out).iter().filter(|m| m["phase"] != "sft") {
        assert_eq!(m["rollout/self_reward_token_sampled"], 0);
        assert_eq!(m["policy/logprob_mismatch"], 0.0);
    }
}
