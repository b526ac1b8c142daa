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
        // Judged, but for nothing.
        (
            "judged",
            "reward=[{part='verifier'},{part='self_judge',weight=0,prompt='{{ response }}?',max_tokens=2}]",
        ),
        ("all_tokens", "policy.credit=[{hidden_reward={p=0}}]"),
        ("one_weight", "policy.credit=[{divergence={alpha=1}}]"),
        (
            "unread",
            "likelihood={keep=1,weight=0,loss_weight=0,kind='avg_prob'}",
        ),
        // Scores count once the advantage mix begins, which is after the last step here.
        ("late", "policy.shaping=[{win_rate={}}]"),
        // The base model answers from a stream of its own.
        (
            "late-par",
            "policy.shaping=[{preference_as_reward={of='self_reward'}}]",
        ),
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
fn a_prefix_that_is_the_whole_response_leaves_the_run_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    train(recipe(&[]), &plain, None);
    for denominator in ["all", "kept"] {
        let out = dir.path().join(denominator);
        let credit = format!("policy.credit=[{{prefix={{denominator='{denominator}'}}}}]");
        let settings = [
            credit.as_str(),
            "rollout.prefix={share=1,step=0}",
            "rollout.continuations=0",
        ];
        train(recipe(&settings), &out, Some(&plain.join("base")));
        assert!(weights(&out, 5) == weights(&plain, 5), "{denominator}");
    }
}

const PREFIXES: [&str; 3] = [
    "rollout.continuations=3",
    "rollout.prefix={share=0.2,step=0.1,max=0.4}",
    "policy.credit=[{prefix={}}]",
];

#[test]
fn a_reward_counts_a_response_and_its_right_continuations_and_the_prefix_grows() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    train(recipe(&PREFIXES), &whole, None);
    let tests = lines(whole.join("evals.jsonl"));
    let accuracy = |step: u64| {
        let test = tests.iter().find(|t| t["step"] == step);
        test.unwrap()["accuracy"]["value"].as_f64().unwrap()
    };
    // Tests are made after steps 2 and 4.
    let grown = accuracy(4) <= accuracy(2);
    for (line, step) in rl_metrics(&whole).iter().zip(1..) {
        let number = |key: &str| line[key].as_f64().unwrap();
        let share = if grown && step > 4 { 0.3 } else { 0.2 };
        assert!((number("rollout/prefix_share") - share).abs() < 1e-12);
        let right = number("rollout/continuations_right");
        assert!((0.0..=1.0).contains(&right));
        let mean = number("reward/verifier") + 3.0 * right;
        assert!((number("reward/mean") - mean).abs() < 1e-6, "{line}");
        // In a group of equal rewards nothing changes.
        assert!(number("policy/credited_tokens") > 0.0, "{line}");
        assert!(line["tokens"]["rollout"].as_u64() > line["tokens"]["train"].as_u64());
    }
}

#[test]
fn an_interrupted_run_with_prefixes_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let (made, whole) = (dir.path().join("made"), dir.path().join("whole"));
    train(recipe(&["steps=1"]), &made, None);
    let base = made.join("base");
    // A test after every step, so that the share moves.
    let settings = [&PREFIXES[..], &["evaluation.every=1"]].concat();
    train(recipe(&settings), &whole, Some(&base));
    let shares: Vec<f64> = rl_metrics(&whole)
        .iter()
        .map(|line| line["rollout/prefix_share"].as_f64().unwrap())
        .collect();
    assert!(shares[4] > shares[0], "{shares:?}");
    let parts = dir.path().join("parts");
    let begin = laser_train::RunOptions {
        base: Some(base),
        ..options(&parts)
    };
    interrupted(recipe(&settings), begin, laser_train::Phase::Train, 3);
    run(recipe(&settings), resuming(&parts)).unwrap();
    assert_same_run(&whole, &parts, 5, "prefixes");
}

#[test]
fn a_judge_that_cannot_be_asked_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let error = |part: &str| {
        let settings = [format!("reward=[{{part='self_judge',{part}}}]")];
        let recipe = recipe(&settings.each_ref().map(String::as_str));
        run(recipe, options(dir.path())).unwrap_err().to_string()
    };
    let e = error("prompt='Rate {{ response }}'");
    assert!(e.contains("prompt") && e.contains("\"R\""), "{e}");
    let e = error("prompt='{{ response }}',max_tokens=2,system='Be strict.'");
    assert!(e.contains("system") && e.contains("\"B\""), "{e}");
    let e = error("prompt='{{ response }}',max_tokens=16");
    assert!(e.contains("model.context = 32"), "{e}");
    assert!(tree(dir.path()).is_empty());
}

#[test]
fn a_policy_that_rates_itself_learns_from_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    // A model of arithmetic goes on writing numbers.
    let settings =
        ["reward=[{part='self_judge',prompt='{{ prompt }}{{ response }}',max_tokens=4}]"];
    train(recipe(&settings), dir.path(), None);
    for line in rl_metrics(dir.path()) {
        let number = |key: &str| line[key].as_f64().unwrap();
        let difference = number("reward/mean") - number("reward/self_judge");
        assert!(difference.abs() < 1e-6, "{line}");
        assert!((0.0..=1.0).contains(&number("reward/self_judge")), "{line}");
        let unreadable = &line["self_judge/unreadable"];
        assert!(unreadable.is_null() || (0.0..=1.0).contains(&unreadable.as_f64().unwrap()));
    }
    let samples = rows(dir.path().join("samples/step-1.jsonl"));
    for row in samples.iter().filter(|row| row.extracted.is_none()) {
        assert_eq!(row.reward_parts["self_judge"], 0.0);
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
fn two_views_label_each_other_without_the_verifier() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    // Nothing but the reward may learn from a label here.
    let views = [
        "rollout.views=2",
        "rollout.prompts=4",
        "self_reward.alpha=0",
        "self_reward.tau=0",
    ];
    train(recipe(&views), &first, None);
    let trained = |name: &str, more: &[&str]| {
        let out = dir.path().join(name);
        let base = first.join("base");
        train(recipe(&[&views, more].concat()), &out, Some(&base));
        weights(&out, 5)
    };
    let verified = weights(&first, 5);
    let none = "policy.shaping=[{co_reward={share=0}}]";
    assert!(trained("none", &[none]) == verified);
    let all = "policy.shaping=[{co_reward={}}]";
    let voted = trained("voted", &[all]);
    assert!(voted != verified);
    let unverified = "reward=[{part='verifier',weight=-3}]";
    assert!(trained("unverified", &[all, unverified]) == voted);
    let share = |line: &serde_json::Value, key: &str| {
        let share = line[key].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{line}");
        share
    };
    let lines = rl_metrics(&dir.path().join("voted"));
    let sum = |key: &str| lines.iter().map(|l| share(l, key)).sum::<f64>();
    assert!(sum("views/vote_accuracy") > 0.0 && sum("views/agreement") > 0.0);
    // Eight groups of four, the two of a problem under one another.
    let sampled = rows(dir.path().join("voted/samples/step-1.jsonl"));
    assert_eq!(sampled.len(), 32);
    let mut others = 0;
    for problem in sampled.chunks(8) {
        assert!(problem.iter().all(|r| r.gold == problem[0].gold));
        others += usize::from(problem[0].prompt != problem[4].prompt);
    }
    assert!(others > 0);
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
    let cases: &[(&[&str], &str)] = &[
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
            &["policy.shaping=[{co_reward={}}]"],
            "rollout.views = 1: two views",
        ),
        (
            &["policy.shaping=[{co_reward={share=2}}]", "rollout.views=2"],
            "co_reward.share = 2",
        ),
        (&["rollout.views=3"], "rollout.views = 3"),
        (&["rollout.views=2", "rollout.refills=1"], "rollout.refills"),
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
        (
            &["likelihood={loss_weight=-1}"],
            "likelihood.loss_weight = -1",
        ),
        (&["likelihood={kind='jepo'}"], "no_baseline"),
        (&["likelihood={}", "distillation={}"], "[distillation]"),
        (&["likelihood={}", "policy.loss=gspo"], "gspo_token"),
        (&["likelihood={}", "rollout.continuations=2"], "right ends"),
        (&["likelihood={}", "rollout.refills=2"], "replaces groups"),
        (&["likelihood={cut='Answer:'}"], "likelihood.cut"),
        (
            &[
                "likelihood={}",
                "policy.shaping=[{preference_as_reward={}}]",
            ],
            "compares with the base model's",
        ),
        (
            &["policy.shaping=[{grpo_lambda={}},{preference_as_reward={}}]"],
            "put that first",
        ),
        (
            &[
                "likelihood={}",
                "rollout.views=2",
                "policy.shaping=[{co_reward={}}]",
            ],
            "throws away",
        ),
        (
            &[
                "policy.shaping=[{endogenous={}}]",
                "kl.coefficient=0.01",
                "kl.place=reward",
            ],
            "kl.place",
        ),
        (
            &["policy.credit=[{divergence={}}]", "policy.loss=gspo"],
            "gspo_token",
        ),
        (
            &[
                "preference={pair='implicit'}",
                "rollout.continuations=2",
                "self_reward.tau=0",
            ],
            "does not read",
        ),
        (
            &["correction={instruction='?'}", "rollout.continuations=2"],
            "second attempts improve",
        ),
        (
            &["correction={instruction='?'}", "method=supervised"],
            "adds a turn",
        ),
        (&["distillation={}", "rollout.views=2"], "paraphrases"),
        (
            &["likelihood={}", "preference={}", "self_reward.tau=0"],
            "[preference]",
        ),
        (
            &["correction={instruction='?'}", "likelihood={}"],
            "[correction]",
        ),
        (
            &["correction={instruction='?'}", "distillation={}"],
            "a sibling's response",
        ),
        (
            &[
                "correction={instruction='?'}",
                "policy.shaping=[{preference_as_reward={}}]",
            ],
            "the base model's",
        ),
        (
            &[
                "preference={}",
                "correction={instruction='?'}",
                "self_reward.tau=0",
            ],
            "a prompt of its own",
        ),
        (
            &["preference={}", "distillation={}", "self_reward.tau=0"],
            "stands in for",
        ),
        (&["likelihood={close='?'}"], "likelihood.cut"),
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
        (&["reward=[{part='self_judge'}]"], "needs the key prompt"),
        (&["reward=[{part='self_judge',prompt=' '}]"], "asks nothing"),
        (
            &[
                "policy.shaping=[{preference_as_reward={}}]",
                "rollout.continuations=1",
            ],
            "rollout.continuations = 1",
        ),
        (
            &["reward=[{part='self_judge',prompt='{{ answer }}'}]"],
            "the fields are",
        ),
        (
            &["reward=[{part='self_judge',prompt='{{ response }}',url='http://h'}]"],
            "not a key of part = \"self_judge\"",
        ),
        (
            &["rollout.prefix={share=0.5}"],
            "nothing reads the prefixes",
        ),
        (
            &["rollout.continuations=2", "rollout.prefix={share=0}"],
            "rollout.prefix.share = 0",
        ),
        (
            &["rollout.continuations=2", "rollout.prefix={max=0.1}"],
            "rollout.prefix.max = 0.1",
        ),
        (
            &["rollout.continuations=2", "evaluation.every=0"],
            "evaluation.every = 0",
        ),
        (
            &["policy.credit=[{prefix={}}]", "policy.loss=gspo"],
            "gspo_token",
        ),
        (
            &[
                "policy.credit=[{prefix={denominator='kept'}}]",
                "policy.aggregation=sequence_mean_token_sum",
            ],
            "divides by no length",
        ),
        (
            &["policy.shaping=[{preference_as_reward={references=0}}]"],
            "preference_as_reward.references = 0",
        ),
        (
            &["policy.shaping=[{preference_as_reward={scale=0}}]"],
            "preference_as_reward.scale = 0",
        ),
        (
            &[
                "policy.shaping=[{preference_as_reward={}}]",
                "kl.reference=sync",
            ],
            "frozen base model",
        ),
        (
            &[
                "policy.shaping=[{preference_as_reward={of='self_reward'}}]",
                "self_reward.alpha=0",
                "self_reward.tau=0",
            ],
            "nothing trains them",
        ),
        (
            &[
                "policy.shaping=[{preference_as_reward={}}]",
                "reward=[{part='verifier'},{part='length'}]",
            ],
            "reward.length.weight = 1",
        ),
        (
            &[
                "policy.shaping=[{preference_as_reward={}}]",
                "policy.advantage=no_baseline",
                "rollout.samples=1",
                "self_reward.tau=0",
            ],
            "at least 2",
        ),
        (&["policy.credit=[{tempo={by=1}}]"], "by"),
    ];
    for (settings, named) in cases {
        let error = refused(settings);
        assert!(error.contains(named), "{settings:?}: {error}");
    }
}
