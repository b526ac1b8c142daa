//! Learning from pairs, and guides, in whole runs.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use laser_train::{Phase, Recipe, RunOptions, TrainError};

const PAIRS: [&str; 2] = ["self_reward.tau=0", "policy.mini_batches=2"];

/// Two models with the same base: that of the runs here, and one that was trained a little.
struct Models {
    base: PathBuf,
    guide: String,
}

impl Models {
    fn new(dir: &Path) -> Self {
        let made = dir.join("made");
        train(recipe(&["steps=3"]), &made, None);
        Models {
            base: made.join("base"),
            guide: format!("guide.path={}", made.join("checkpoints/step-3").display()),
        }
    }

    fn base_as_guide(&self) -> String {
        format!("guide.path={}", self.base.display())
    }

    fn run(&self, out: &Path, settings: &[&str]) -> Vec<u8> {
        train(recipe(settings), out, Some(&self.base));
        weights(out, 5)
    }
}

/// The lines of steps that found a pair, of which the first step is one; the others learned
/// nothing and say so.
fn with_pairs(run: &Path) -> Vec<serde_json::Value> {
    let (with, without): (Vec<_>, Vec<_>) = rl_metrics(run)
        .into_iter()
        .partition(|line| line["preference/pairs"] != 0);
    assert_eq!(with[0]["step"], 1);
    for line in without {
        for key in ["preference/loss", "policy/entropy", "self_reward/mse"] {
            assert!(line[key].is_null(), "{line}");
        }
    }
    with
}

#[test]
fn a_guide_without_weight_leaves_dpo_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let run = |name: &str, settings: &[&str]| {
        let all = [&PAIRS, settings].concat();
        models.run(&dir.path().join(name), &all)
    };
    let dpo = run("dpo", &["preference={reference='base'}"]);
    let with =
        |alpha: f32| format!("preference={{reference='base',token_weight={{alpha={alpha}}}}}");
    assert!(dpo == run("off", &[&with(0.0), &models.guide]));
    // The base model rates no token, whatever its weight.
    assert!(dpo == run("base", &[&with(9.0), &models.base_as_guide()]));
    assert!(dpo != run("on", &[&with(9.0), &models.guide]));
}

#[test]
fn a_guide_that_rewards_nothing_leaves_ppo_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let ppo = [
        "policy.advantage=no_baseline",
        "critic.coefficient=0.5",
        "self_reward.tau=0",
        "kl.coefficient=0.01",
        "kl.kind=k1",
        "kl.place=reward",
    ];
    let run = |name: &str, settings: &[&str]| {
        models.run(&dir.path().join(name), &[&ppo, settings].concat())
    };
    let guided = "policy.token_rewards=[{guide={}}]";
    let plain = run("ppo", &[]);
    assert!(plain == run("base", &[guided, &models.base_as_guide()]));
    let off = "policy.token_rewards=[{guide={beta=0}}]";
    assert!(plain == run("off", &[off, &models.guide]));
    assert!(plain != run("rto", &[guided, &models.guide]));
    for line in rl_metrics(&dir.path().join("rto")) {
        assert_ne!(line["reward/tokens"], 0.0, "{line}");
    }
    for line in rl_metrics(&dir.path().join("off")) {
        assert_eq!(line["reward/tokens"], 0.0, "{line}");
    }
}

#[test]
fn pairs_by_the_verifier_are_a_right_and_a_wrong_response_and_margins_grow() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let settings = [
        "preference={}",
        "self_reward.tau=0",
        "policy.passes=4",
        "rollout.refills=4",
    ];
    models.run(dir.path(), &settings);
    let lines = with_pairs(dir.path());
    for line in &lines {
        let of = |key: &str| line[key].as_f64().unwrap();
        assert!(of("preference/margin") > 0.0, "{line}");
        assert!(of("preference/loss") < 2f64.ln(), "{line}");
        // The first of four passes begins at the reference.
        assert!(of("preference/accuracy") <= 0.75, "{line}");
        assert!(line.get("preference/consistency").is_none());
        assert!(
            of("self_reward/mse") > 0.0,
            "the regression goes on: {line}"
        );
    }
    let pairs = lines[0]["preference/pairs"].as_u64().unwrap() as usize;
    let samples = rows(dir.path().join("samples/step-1.jsonl"));
    let signs = |sign: f32| samples.iter().filter(move |r| r.advantage == Some(sign));
    assert_eq!((signs(1.0).count(), signs(-1.0).count()), (pairs, pairs));
    assert!(signs(1.0).all(|r| r.correct) && signs(-1.0).all(|r| !r.correct));
}

#[test]
fn with_one_update_a_step_the_policy_that_sampled_is_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    models.run(dir.path(), &["preference={}", "self_reward.tau=0"]);
    for line in with_pairs(dir.path()) {
        assert_eq!(line["preference/margin"], 0.0, "{line}");
        let loss = line["preference/loss"].as_f64().unwrap();
        assert!((loss - 2f64.ln()).abs() < 1e-12, "{line}");
    }
}

#[test]
fn a_policy_that_ranks_its_own_responses_agrees_with_itself_at_first() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let run = |name: &str, preference: &str, steps: &str| {
        let out = dir.path().join(name);
        let all = [&PAIRS[..], &[preference, steps]].concat();
        train(recipe(&all), &out, Some(&models.base));
        out
    };
    let trusting = "preference={pair='implicit'}";
    let cream = "preference={pair='implicit',consistency='average'}";
    let (a, b) = (run("a", trusting, "steps=1"), run("b", cream, "steps=1"));
    assert!(weights(&a, 1) == weights(&b, 1));
    let (a, b) = (run("c", trusting, "steps=5"), run("d", cream, "steps=5"));
    assert!(weights(&a, 5) != weights(&b, 5));
    let rates: Vec<f64> = rl_metrics(&b)
        .iter()
        .map(|line| line["preference/consistency"].as_f64().unwrap())
        .collect();
    assert_eq!(rates[0], 1.0);
    assert!(
        rates[1..].iter().all(|c| (0.0..1.0).contains(c)),
        "{rates:?}"
    );
    assert!(rl_metrics(&b).iter().all(|l| l["preference/pairs"] != 0));
}

#[test]
fn an_adapter_in_training_remembers_the_step_before_when_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let cream = "preference={pair='implicit',consistency='prompt'}";
    let settings = [&PAIRS[..], &[cream, "lora.rank=4", "optimizer.lr=0.03"]].concat();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    train(recipe(&settings), &whole, Some(&models.base));
    let begin = RunOptions {
        base: Some(models.base.clone()),
        ..options(&parts)
    };
    interrupted(recipe(&settings), begin, Phase::Train, 3);
    run(recipe(&settings), resuming(&parts)).unwrap();
    assert_eq!(metrics(&whole), metrics(&parts));
    let rate = |line: &serde_json::Value| line["preference/consistency"].as_f64().unwrap();
    let rates: Vec<f64> = rl_metrics(&whole).iter().map(rate).collect();
    assert!(rates[1..].iter().any(|c| *c < 1.0), "{rates:?}");
}

#[test]
fn shapings_choose_the_pair_too() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let out = |name: &str| dir.path().join(name);
    let settings = [&PAIRS[..], &["preference={}", "self_reward.mix_warmup=0"]].concat();
    let plain = models.run(&out("plain"), &settings);
    let judged = [&settings[..], &["policy.shaping=[{win_rate={}}]"]].concat();
    assert!(plain != models.run(&out("judged"), &judged));
    let samples = rows(out("judged").join("samples/step-1.jsonl"));
    for group in samples.chunks(4) {
        let score = |sign: f32| {
            let mut of = group.iter().filter(|r| r.advantage == Some(sign));
            of.next().and_then(|r| r.self_reward)
        };
        if let (Some(chosen), Some(rejected)) = (score(1.0), score(-1.0)) {
            assert!(chosen > rejected);
        }
    }
}

#[test]
fn a_run_goes_on_with_its_guide_and_with_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let guide = dir.path().join("guide");
    let trained = Path::new(models.guide.strip_prefix("guide.path=").unwrap());
    copy(trained, &guide);
    let path = format!("guide.path={}", guide.display());
    let settings = [
        "preference={reference='base',token_weight={alpha=5}}",
        "self_reward.tau=0",
        &path,
    ];
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    models.run(&whole, &settings);
    let begin = RunOptions {
        base: Some(models.base.clone()),
        ..options(&parts)
    };
    interrupted(recipe(&settings), begin, Phase::Train, 3);
    std::fs::remove_dir_all(&guide).unwrap();
    copy(&models.base, &guide);
    let error = run(recipe(&settings), resuming(&parts)).unwrap_err();
    assert!(error.to_string().contains("another model"), "{error}");
    std::fs::remove_dir_all(&guide).unwrap();
    copy(trained, &guide);
    run(recipe(&settings), resuming(&parts)).unwrap();
    assert_same_run(&whole, &parts, 5, "guide");
}

#[test]
fn a_guide_that_is_missing_or_does_not_fit_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let models = Models::new(dir.path());
    let start = |path: &Path| {
        let path = format!("guide.path={}", path.display());
        let settings = ["policy.token_rewards=[{guide={}}]", &path];
        let out = dir.path().join("run");
        let options = RunOptions {
            base: Some(models.base.clone()),
            ..options(&out)
        };
        let error = run(recipe(&settings), options).unwrap_err();
        assert!(!out.exists());
        assert!(
            matches!(&error, TrainError::Value { key, .. } if key == "guide.path"),
            "{error}"
        );
        error.to_string()
    };
    let missing = start(&dir.path().join("nowhere"));
    assert!(missing.contains("laser train dpo"), "{missing}");
    let other = dir.path().join("other");
    copy(&models.base, &other);
    let file = other.join("tokenizer.json");
    let renamed = read(&file).replacen("\"7\"", "\"seven\"", 1);
    std::fs::write(&file, renamed).unwrap();
    let error = start(&other);
    assert!(error.contains("vocabulary"), "{error}");
}

#[test]
fn keys_that_do_not_go_with_pairs_are_refused_at_the_start() {
    let refused = |settings: &[&str]| -> String {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        let parsed = Recipe::parse("tiny.toml", include_str!("common/tiny.toml"), &settings);
        parsed.unwrap_err().to_string()
    };
    let pairs = ["preference={}", "self_reward.tau=0"];
    for (setting, named) in [
        ("self_reward.tau=0.1", "self_reward.tau"),
        ("policy.credit=[{negative_only={}}]", "policy.credit"),
        ("policy.loss=gspo", "policy.loss"),
        (
            "policy.aggregation=sequence_mean_token_mean",
            "policy.aggregation",
        ),
        ("policy.overlong_filter=true", "policy.overlong_filter"),
        ("policy.importance={}", "policy.importance"),
        ("kl.coefficient=0.1", "kl.coefficient"),
        ("entropy.coefficient=0.1", "entropy.coefficient"),
        ("method=supervised", "method"),
        ("preference.beta=0", "preference.beta"),
        ("preference.consistency=average", "preference.consistency"),
        ("preference.token_weight={}", "guide.path"),
        ("preference.pairs=1", "pairs"),
        ("guide.path=somewhere", "guide.path"),
        ("policy.token_rewards=[{guide={}}]", "guide.path"),
    ] {
        let error = refused(&[&pairs[..], &[setting]].concat());
        assert!(error.contains(named), "{setting}: {error}");
    }
    for (settings, named) in [
        (
            &["critic.coefficient=0.5", "policy.advantage=no_baseline"],
            "critic.coefficient",
        ),
        (
            &["rollout.samples=1", "policy.advantage=no_baseline"],
            "at least 2",
        ),
        (
            &[
                "preference.pair=implicit",
                "policy.shaping=[{grpo_lambda={}}]",
            ],
            "policy.shaping",
        ),
        (
            &["preference.reference=base", "kl.reference=ema"],
            "kl.reference",
        ),
        (
            &["preference.token_weight={alpha=-1}", "guide.path=somewhere"],
            "token_weight.alpha = -1",
        ),
        (
            &[
                "policy.token_rewards=[{guide={clip=-1}}]",
                "guide.path=somewhere",
            ],
            "token_rewards.guide.clip",
        ),
        (
            &["policy.token_rewards=[{guide={}}]", "kl.reference=sync"],
            "kl.reference",
        ),
    ] {
        let error = refused(&[&pairs[..], settings].concat());
        assert!(error.contains(named), "{settings:?}: {error}");
    }
}
