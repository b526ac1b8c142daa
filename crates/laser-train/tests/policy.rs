//! Advantages, surrogates, aggregation and sampling of the policy update, in whole runs.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, RunOptions, TrainError};

/// A setting of each kind, on top of LaSeR. GUIDE is the folder of a model that was trained.
const VARIANTS: &[(&str, &[&str])] = &[
    ("rloo", &["policy.advantage=rloo"]),
    (
        "dr_grpo",
        &[
            "policy.advantage=dr_grpo",
            "policy.aggregation={constant={tokens=16}}",
        ],
    ),
    (
        "reinforce_plus_plus",
        &["policy.advantage=reinforce_plus_plus"],
    ),
    (
        "baseline",
        &[
            "policy.advantage=reinforce_plus_plus_baseline",
            "policy.loss=reinforce",
        ],
    ),
    (
        "gspo",
        &[
            "policy.loss=gspo",
            "policy.aggregation=sequence_mean_token_mean",
            "policy.mini_batches=3",
        ],
    ),
    (
        "cispo",
        &["policy.loss=cispo", "policy.clip_low=1", "policy.passes=2"],
    ),
    (
        "sums",
        &[
            "policy.loss=gspo_token",
            "policy.aggregation=sequence_mean_token_sum",
        ],
    ),
    (
        "dapo",
        &[
            "rollout.refills=2",
            "policy.clip_high=0.28",
            "policy.mini_batches=2",
            "policy.overlong_filter=true",
            "policy.overlong_tokens=4",
        ],
    ),
    (
        "kl_loss",
        &[
            "kl.coefficient=0.1",
            "kl.reference=ema",
            "kl.ema_decay=0.5",
            "policy.passes=2",
        ],
    ),
    (
        "kl_reward",
        &[
            "kl.coefficient=0.1",
            "kl.kind=k1",
            "kl.place=reward",
            "kl.reference=sync",
            "kl.sync_every=2",
            "kl.target=0.001",
            "kl.horizon=100",
        ],
    ),
    (
        "entropy",
        &["entropy.target=3", "entropy.step=0.01", "entropy.max=0.025"],
    ),
    (
        "critic",
        &[
            "policy.advantage=no_baseline",
            "critic.coefficient=0.5",
            "critic.lr_scale=3",
            "self_reward.tau=0",
            "kl.coefficient=0.05",
            "kl.place=reward",
            "policy.mini_batches=2",
        ],
    ),
    ("true_reference", &["self_reward.c_ref=reference"]),
    (
        "cross_entropy",
        &[
            "self_reward.loss=cross_entropy",
            "self_reward.incorrect_token=<|reserved_0|>",
        ],
    ),
    (
        "importance",
        &[
            "policy.importance={level='product',bound={truncate={max=1.5}}}",
            "policy.mini_batches=2",
        ],
    ),
    (
        "tempo",
        &[
            "policy.credit=[{tempo={scale='rewards'}}]",
            "policy.passes=2",
        ],
    ),
    ("negative_only", &["policy.credit=[{negative_only={}}]"]),
    (
        "grpo_lambda",
        &["policy.shaping=[{grpo_lambda={share=0.5,alpha=0.9}}]"],
    ),
    ("self_aligned", &["policy.shaping=[{self_aligned={}}]"]),
    (
        "endogenous",
        &["policy.shaping=[{endogenous={keep=1,scale=0.1,mean=true}}]"],
    ),
    (
        "par",
        &[
            "policy.shaping=[{preference_as_reward={references=2,scale=2}}]",
            "policy.overlong_tokens=16",
        ],
    ),
    (
        "preferred_score",
        &[
            "policy.shaping=[{preference_as_reward={of='self_reward'}}]",
            "self_reward.c_ref=reference",
        ],
    ),
    (
        "prefix",
        &[
            "policy.credit=[{prefix={denominator='kept'}}]",
            "rollout.prefix={share=0.4,step=0.1,max=0.6}",
            "policy.mini_batches=2",
        ],
    ),
    (
        "likelihood",
        &[
            "likelihood={}",
            "policy.advantage=rloo",
            "policy.aggregation=sequence_mean_token_sum",
            "policy.mini_batches=2",
        ],
    ),
    (
        "hidden_reward",
        &["policy.credit=[{hidden_reward={p=0.5,threshold={least_mean=1}}}]"],
    ),
    (
        "divergence",
        &[
            "policy.credit=[{divergence={alpha=2}}]",
            "policy.mini_batches=2",
        ],
    ),
    (
        "continuations",
        &["rollout.continuations=3", "rollout.refills=1"],
    ),
    (
        "self_judge",
        &[
            "reward=[{part='verifier'},{part='self_judge',prompt='{{ prompt }}{{ response }}?',max_tokens=4,temperature=1}]",
        ],
    ),
    (
        "jepo",
        &["likelihood={kind='jepo'}", "policy.advantage=no_baseline"],
    ),
    (
        "win_rate",
        &[
            "policy.shaping=[{win_rate={temperature=0.1}}]",
            "self_reward.mix_warmup=2",
        ],
    ),
    (
        "co_reward",
        &[
            "rollout.views=2",
            "policy.shaping=[{co_reward={}}]",
            "policy.mini_batches=2",
        ],
    ),
    (
        "sdpo",
        &[
            "distillation={top_k=5}",
            "kl.reference=ema",
            "kl.ema_decay=0.9",
        ],
    ),
    (
        "srpo",
        &[
            "distillation={route='failed',top_k=0,entropy_weight=1}",
            "kl.reference=ema",
            "kl.ema_decay=0.5",
            "policy.mini_batches=2",
        ],
    ),
    (
        "sampled_teacher",
        &["distillation={divergence='sampled'}", "kl.coefficient=0.01"],
    ),
    (
        "dpo",
        &[
            "preference={reference='base'}",
            "policy.mini_batches=2",
            "rollout.refills=4",
            "self_reward.tau=0",
        ],
    ),
    (
        "cream",
        &[
            "preference={pair='implicit',consistency='prompt'}",
            "policy.passes=2",
            "self_reward.tau=0",
        ],
    ),
    (
        "tgdpo",
        &[
            "preference={reference='base',token_weight={alpha=5}}",
            "guide.path=GUIDE",
            "policy.passes=2",
            "rollout.refills=4",
            "self_reward.tau=0",
        ],
    ),
    (
        "rto",
        &[
            "policy.token_rewards=[{guide={}}]",
            "guide.path=GUIDE",
            "policy.advantage=no_baseline",
            "critic.coefficient=0.5",
            "self_reward.tau=0",
            "kl.coefficient=0.01",
            "kl.kind=k1",
            "kl.place=reward",
        ],
    ),
    (
        "token_rewards",
        &[
            "policy.token_rewards=[{guide={beta=1,clip=0}}]",
            "guide.path=GUIDE",
        ],
    ),
];

/// A folder with the base model that all recipes here share.
fn base(dir: &Path) -> PathBuf {
    let made = dir.join("made");
    train(recipe(&["steps=1"]), &made, None);
    made.join("base")
}

#[test]
fn threads_and_micro_batches_change_nothing_in_any_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, Some(&base));
    let guide = plain.join("checkpoints/step-5").display().to_string();
    for (name, settings) in VARIANTS {
        let settings: Vec<String> = settings
            .iter()
            .map(|s| s.replace("GUIDE", &guide))
            .collect();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let settings = settings.as_slice();
        let (one, two) = (dir.path().join(name), dir.path().join(format!("{name}-2")));
        train(recipe(settings), &one, Some(&base));
        let other = [settings, &["tokens_per_micro_batch=64"]].concat();
        let options = RunOptions {
            threads: 2,
            base: Some(base.clone()),
            ..options(&two)
        };
        run(recipe(&other), options).unwrap();
        assert_same_run(&one, &two, 5, name);
        assert!(
            weights(&one, 5) != weights(&plain, 5),
            "{name} is an option without effect"
        );
        for line in rl_metrics(&one) {
            assert_eq!(line["policy/logprob_mismatch"], 0.0, "{name}");
            assert!(
                ["self_reward/mse", "self_reward/cross_entropy"]
                    .iter()
                    .any(|key| line[key].as_f64().is_some_and(f64::is_finite)),
                "{name}"
            );
        }
    }
}

#[test]
fn products_in_bfloat16_sample_and_train_with_the_same_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let [plain, one, two] = ["plain", "one", "two"].map(|name| dir.path().join(name));
    train(recipe(&[]), &plain, None);
    let settings = ["model.dtype=bfloat16"];
    train(recipe(&settings), &one, None);
    let other = [settings.as_slice(), &["tokens_per_micro_batch=64"]].concat();
    let options = RunOptions {
        threads: 2,
        ..options(&two)
    };
    run(recipe(&other), options).unwrap();
    assert_same_run(&one, &two, 5, "bfloat16");
    assert!(weights(&one, 5) != weights(&plain, 5), "without effect");
    for line in rl_metrics(&one) {
        assert_eq!(line["policy/logprob_mismatch"], 0.0);
    }
}

#[test]
fn on_policy_the_surrogates_have_one_gradient() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let runs = ["ppo_clip", "cispo", "gspo_token", "reinforce"].map(|loss| {
        let out = dir.path().join(loss);
        train(recipe(&[&format!("policy.loss={loss}")]), &out, Some(&base));
        weights(&out, 5)
    });
    assert!(runs.iter().all(|run| *run == runs[0]));
}

#[test]
fn later_updates_of_a_step_meet_another_policy() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let largest = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        train(recipe(settings), &out, Some(&base));
        let ratios = metrics(&out)
            .into_iter()
            .filter_map(|m| m["policy/ratio_max"].as_f64());
        ratios.fold(0.0, f64::max)
    };
    assert_eq!(largest("one", &[]), 1.0);
    assert!(largest("passes", &["policy.passes=2"]) > 1.0);
    assert!(largest("batches", &["policy.mini_batches=2"]) > 1.0);
}

#[test]
fn dynamic_sampling_looks_for_groups_that_differ() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let (plain, refilled) = (dir.path().join("plain"), dir.path().join("refilled"));
    train(recipe(&[]), &plain, Some(&base));
    train(recipe(&["rollout.refills=4"]), &refilled, Some(&base));
    let uniform = |run: &Path| {
        let of = |m: serde_json::Value| m["reward/uniform_groups"].as_f64();
        metrics(run).into_iter().filter_map(of).collect::<Vec<_>>()
    };
    assert!(uniform(&plain).iter().any(|&share| share > 0.0));
    assert_eq!(uniform(&refilled), vec![0.0; 5]);
    for line in rl_metrics(&refilled) {
        let (sampled, refills) = (&line["rollout/sampled_groups"], &line["rollout/refills"]);
        assert!(
            refills.as_u64().unwrap() <= 4 && sampled.as_u64().unwrap() >= 8,
            "{line}"
        );
        assert_eq!(refills == 0, sampled == 8, "{line}");
    }
}

#[test]
fn interrupted_runs_of_the_kinds_that_keep_a_state_go_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    for name in [
        "dapo",
        "kl_loss",
        "kl_reward",
        "entropy",
        "critic",
        "true_reference",
        "srpo",
        "cream",
    ] {
        let (_, settings) = VARIANTS.iter().find(|(n, _)| *n == name).unwrap();
        let whole = dir.path().join(format!("{name}-whole"));
        let parts = dir.path().join(format!("{name}-parts"));
        train(recipe(settings), &whole, Some(&base));
        let begin = RunOptions {
            base: Some(base.clone()),
            ..options(&parts)
        };
        let stopped = interrupted(recipe(settings), begin, Phase::Train, 3);
        assert!(
            matches!(stopped, TrainError::Interrupted { .. }),
            "{stopped}"
        );
        run(recipe(settings), resuming(&parts)).unwrap();
        assert_same_run(&whole, &parts, 5, name);
    }
}

#[test]
fn importance_weights_of_a_sampler_that_agrees_with_the_trainer_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let (plain, weighted) = (dir.path().join("plain"), dir.path().join("weighted"));
    let settings = ["policy.mini_batches=2", "policy.importance={}"];
    train(recipe(&settings[..1]), &plain, Some(&base));
    train(recipe(&settings), &weighted, Some(&base));
    assert!(weights(&plain, 5) == weights(&weighted, 5));
    for line in rl_metrics(&weighted) {
        assert_eq!(line["importance/mean"], 1.0);
        assert_eq!(
            (&line["importance/min"], &line["importance/max"]),
            (&1.0.into(), &1.0.into())
        );
        assert_eq!(line["importance/effective_share"], 1.0);
    }
}

#[test]
fn the_kl_begins_at_zero_and_a_large_coefficient_holds_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let last = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        let lasting = [settings, &["self_reward.alpha=0", "self_reward.tau=0"]].concat();
        train(recipe(&lasting), &out, Some(&base));
        let kl: Vec<f64> = rl_metrics(&out)
            .iter()
            .map(|line| line["kl/mean"].as_f64().unwrap())
            .collect();
        assert_eq!(kl[0], 0.0, "{name}: at first the policy is the reference");
        kl[4]
    };
    // 1e-12: measured, without effect.
    let free = last("free", &["kl.coefficient=1e-12", "policy.passes=4"]);
    let held = last("held", &["kl.coefficient=10", "policy.passes=4"]);
    assert!(held < free / 2.0, "{held} {free}");
    let synced = last(
        "synced",
        &[
            "kl.coefficient=1e-12",
            "kl.reference=sync",
            "kl.sync_every=1",
        ],
    );
    assert_eq!(synced, 0.0);
}

#[test]
fn adapted_coefficients_move_towards_their_targets() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let course = |name: &str, key: &str, settings: &[&str]| -> Vec<f64> {
        let out = dir.path().join(name);
        train(recipe(settings), &out, Some(&base));
        let lines = rl_metrics(&out);
        lines.iter().map(|l| l[key].as_f64().unwrap()).collect()
    };
    let kl = course(
        "kl",
        "kl/coefficient",
        &["kl.coefficient=0.1", "kl.target=1000", "kl.horizon=320"],
    );
    // 32 responses a step of 320: by a fifth of a tenth.
    for pair in kl.windows(2) {
        assert!((pair[1] / pair[0] - 0.98).abs() < 1e-12, "{kl:?}");
    }
    let entropy = course(
        "entropy",
        "policy/entropy_coefficient",
        &["entropy.target=3", "entropy.step=0.01", "entropy.max=0.025"],
    );
    assert_eq!(entropy, [0.0, 0.01, 0.02, 0.025, 0.025]);
}

#[test]
fn an_entropy_bonus_raises_the_entropy() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let last = |name: &str, settings: &[&str]| {
        let out = dir.path().join(name);
        train(recipe(settings), &out, Some(&base));
        rl_metrics(&out)[4]["policy/entropy"].as_f64().unwrap()
    };
    let (plain, raised) = (
        last("plain", &[]),
        last("raised", &["entropy.coefficient=1"]),
    );
    assert!(raised > plain + 0.05, "{raised} {plain}");
}

#[test]
fn a_critic_learns_the_value_of_the_problems() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(dir.path());
    let settings = [
        "policy.advantage=no_baseline",
        "critic.coefficient=0.5",
        "critic.clip=0",
        "critic.lr_scale=10",
        "self_reward.tau=0",
        "steps=30",
    ];
    train(recipe(&settings), dir.path(), Some(&base));
    let lines = rl_metrics(dir.path());
    let of = |line: &serde_json::Value, key: &str| line[key].as_f64().unwrap();
    assert_eq!(of(&lines[0], "critic/value_mean"), 0.0);
    let late = &lines[25..];
    let mean = |key: &str| late.iter().map(|l| of(l, key)).sum::<f64>() / late.len() as f64;
    assert!(
        (mean("critic/value_mean") - mean("reward/mean")).abs() < 0.1,
        "{} {}",
        mean("critic/value_mean"),
        mean("reward/mean")
    );
}

#[test]
fn scores_against_the_true_reference_begin_where_they_were_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "self_reward.c_ref=reference",
        "self_reward.initial_score=0.5",
    ];
    train(recipe(&settings), dir.path(), None);
    let first = rows(dir.path().join("samples/step-1.jsonl"));
    let scores: Vec<f32> = first.iter().filter_map(|r| r.self_reward).collect();
    assert!(scores.len() > 4 && scores.iter().all(|s| (s - 0.5).abs() < 1e-6));
    let later = rows(dir.path().join("samples/step-5.jsonl"));
    assert!(
        later
            .iter()
            .filter_map(|r| r.self_reward)
            .any(|s| (s - 0.5).abs() > 1e-3)
    );
}

#[test]
fn scores_read_where_eos_was_emitted_train_too() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let settings = ["self_reward.position=at_eos"];
    train(recipe(&settings), &out("one"), None);
    let options = RunOptions {
        threads: 2,
        ..options(&out("two"))
    };
    run(recipe(&[settings[0], "tokens_per_micro_batch=64"]), options).unwrap();
    assert_same_run(&out("one"), &out("two"), 5, "at_eos");
    for line in rl_metrics(&out("one")) {
        assert_eq!(line["policy/logprob_mismatch"], 0.0);
        assert!(line["self_reward/mse"].as_f64().is_some_and(|x| x > 0.0));
    }
    // The warm start prepared z_c there: around −8 and not at chance, −4.
    let first = &rl_metrics(&out("one"))[0]["self_reward/logp_incorrect"];
    assert!(first.as_f64().is_some_and(|l| l < -6.0), "{first}");
}
