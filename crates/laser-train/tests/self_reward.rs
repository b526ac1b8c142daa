//! LaSeR inside the loop: what `laser-rl` cannot see of it.

mod common;

use std::path::Path;

use common::*;
use laser_kernels::Cpu;
use laser_model::{
    Decoder, Gradients, HeadGradient, ModelConfig, Retain, Text, Workspace, checkpoint,
    init_weights,
};
use laser_rl::{SelfReward, self_reward_mse};
use laser_rollout::SelfRewardPosition;
use laser_rollout::score::{Batch, Prompts, Sequence, score};
use laser_train::{Checkpoint, Moments, Optimizer, SampleRow, Schedule, TrainError};
use serde_json::{Value, json};

/// Regresses the scores of eight fixed responses on labels; returns the scores afterwards.
fn regress(labels: [bool; 8]) -> [f32; 8] {
    const ZC: u32 = 9;
    let Value::Object(config) = json!({
        "model_type": "llama", "vocab_size": 10, "hidden_size": 16, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "rms_norm_eps": 1e-6, "max_position_embeddings": 16, "tie_word_embeddings": false,
        "rope_theta": 10000.0, "initializer_range": 0.1, "eos_token_id": 8
    }) else {
        unreachable!()
    };
    let cpu = Cpu::serial();
    let config = ModelConfig::from_json(&config).unwrap();
    let weights = init_weights(&config, 1);
    let mut decoder = Decoder::new(&cpu, config, weights, 16, true);
    let mut ws = Workspace::new(&cpu, &decoder.config, Retain::Everything);
    let mut gradients = Gradients::zeros(&cpu, &decoder);
    let mut moments = Moments::new(&cpu, &decoder);
    let optimizer = Optimizer {
        lr: 0.01,
        schedule: Schedule::Constant,
        warmup_steps: 0,
        weight_decay: 0.0,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        grad_clip: 0.0,
        max_skipped: 0,
    };
    let rule = SelfReward {
        beta_v: 0.2,
        c_ref: -9.0,
    };
    let responses: Vec<[u32; 4]> = (0..8)
        .map(|i| [i, (3 * i + 1) % 8, (5 * i) % 7, 8])
        .collect();
    let sequences: Vec<Sequence> = responses
        .iter()
        .map(|r| Sequence {
            prompt: &[1, 2],
            response: r,
            self_reward_token: Some(ZC),
        })
        .collect();
    for _ in 0..400 {
        let batch = Batch::new(&sequences, SelfRewardPosition::AfterEos, Prompts::Own);
        decoder.forward(&cpu, &mut ws, &batch.ids, &batch.segments);
        let g = decoder.gather(&cpu, &mut ws, batch.rows, batch.targets);
        let mut dlogp = vec![0.0; g.logp.len()];
        for (i, correct) in batch.self_rewards.iter().zip(labels) {
            let i = i.unwrap();
            let reward = f32::from(u8::from(correct));
            dlogp[i] = self_reward_mse(&rule, g.logp[i], reward, 1.0, 1.0 / 8.0).1;
        }
        decoder.backward(
            &cpu,
            &mut ws,
            &g,
            HeadGradient::of_logp(&dlogp),
            &mut gradients,
        );
        decoder.finish(&cpu, &mut gradients);
        moments
            .update(&cpu, &mut decoder, &gradients, &optimizer, optimizer.lr)
            .unwrap();
        gradients.clear(&cpu);
    }
    let scores = score(
        &cpu,
        &decoder,
        &mut ws,
        &sequences,
        SelfRewardPosition::AfterEos,
        1000,
    );
    std::array::from_fn(|i| rule.score(scores[i].self_logprob.unwrap()))
}

#[test]
fn labels_that_are_all_1_draw_every_score_to_1() {
    for score in regress([true; 8]) {
        assert!((score - 1.0).abs() < 0.05, "{score}");
    }
}

#[test]
fn mixed_labels_draw_each_score_to_its_label() {
    let labels = [true, false, false, true, true, false, true, false];
    for (score, label) in regress(labels).into_iter().zip(labels) {
        assert!(
            (score - f32::from(u8::from(label))).abs() < 0.1,
            "{score} for {label}"
        );
    }
}

/// The parts of a model folder that scoring needs.
struct Model {
    decoder: Decoder<Cpu>,
    text: Text,
    eos: u32,
    zc: u32,
    rule: SelfReward,
}

fn load(dir: &Path) -> Model {
    let config = checkpoint::load_config(dir).unwrap();
    let weights = checkpoint::Stored::weights(dir, &config).unwrap();
    let text = Text::load(dir).unwrap();
    let rule = Checkpoint {
        dir: dir.to_owned(),
    }
    .self_reward()
    .unwrap()
    .unwrap();
    Model {
        eos: config.eos[0],
        zc: text.token_id("<|self_reward|>").unwrap(),
        decoder: Decoder::new(&Cpu::serial(), config, weights.tensors(), 32, false),
        text,
        rule,
    }
}

#[test]
fn scoring_a_finished_response_anew_gives_the_recorded_score_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    train(recipe(&["evaluation.problems=20"]), dir.path(), None);
    let m = load(&dir.path().join("checkpoints/step-5"));
    let cpu = Cpu::serial();
    let mut ws = Workspace::new(&cpu, &m.decoder.config, Retain::Nothing);
    let mut compared = 0;
    for row in rows(dir.path().join("results.jsonl")) {
        let prompt = m.text.encode(&row.prompt).unwrap();
        let mut response = m.text.encode(&row.response).unwrap();
        response.push(m.eos);
        // Special tokens inside a response are not in its text.
        if row.finish != "stop" || response.len() != row.length {
            continue;
        }
        let sequence = Sequence {
            prompt: &prompt,
            response: &response,
            self_reward_token: Some(m.zc),
        };
        let again = &score(
            &cpu,
            &m.decoder,
            &mut ws,
            &[sequence],
            SelfRewardPosition::AfterEos,
            100,
        )[0];
        assert_eq!(again.self_logprob, row.self_logprob);
        assert_eq!(again.self_logprob.map(|l| m.rule.score(l)), row.self_reward);
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn truncated_responses_have_no_score_are_wrong_and_stay_out_of_the_regression() {
    let dir = tempfile::tempdir().unwrap();
    // A short warm start leaves many responses without an end.
    let settings = ["warm_start.steps=60", "rollout.prompts=32", "steps=3"];
    train(recipe(&settings), dir.path(), None);
    let (mut truncated, mut right) = (0, 0);
    let lines = metrics(dir.path());
    for step in 1..=3 {
        let rows = rows(dir.path().join(format!("samples/step-{step}.jsonl")));
        let (finished, cut): (Vec<&SampleRow>, Vec<&SampleRow>) =
            rows.iter().partition(|r| r.finish == "stop");
        for r in &cut {
            assert_eq!((r.correct, r.reward, r.length), (false, 0.0, 16));
            assert_eq!(
                (r.self_logprob, r.self_reward, &r.extracted),
                (None, None, &None)
            );
        }
        let n = finished.len() as f64;
        let n_right = finished.iter().filter(|r| r.correct).count() as f64;
        let weight = |r: &SampleRow| match r.correct {
            true => n / (2.0 * n_right),
            false if n_right == 0.0 => 0.5,
            false => n / (2.0 * (n - n_right)),
        };
        let error = |r: &SampleRow| f64::from(r.self_reward.unwrap() - r.reward);
        let mse = finished
            .iter()
            .map(|r| weight(r) * error(r).powi(2))
            .sum::<f64>()
            / n;
        let line = lines
            .iter()
            .find(|m| m["phase"] != "sft" && m["step"] == step)
            .unwrap();
        let recorded = line["self_reward/mse"].as_f64().unwrap();
        assert!((recorded - mse).abs() < 1e-5 * mse, "{recorded} {mse}");
        truncated += cut.len();
        right += n_right as usize;
    }
    assert!(
        truncated > 0 && right > 0,
        "{truncated} truncated, {right} right"
    );
}

#[test]
fn a_broken_partition_bound_is_refused_with_a_beta_that_would_do() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let broken = ["self_reward.allow_partition_excess=false", "steps=1"];
    let error = run(recipe(&broken), options(&made)).unwrap_err();
    assert!(error.is_bad_input());
    let message = error.to_string();
    for part in [
        "beta_v = 0.2",
        "max_partition_excess = 1e-3",
        "allow_partition_excess = true",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // −8 nats at β_v = 0.2: e^(−8 + 5) is 0.05.
    let measured = message
        .split("= ")
        .find_map(|w| w.split(' ').next()?.strip_suffix("e-2"));
    assert!(measured.is_some(), "{message}");
    let smallest = message
        .split("at least ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let smallest: f32 = smallest.parse().unwrap();
    let with = |beta: f32| {
        let beta = format!("self_reward.beta_v={beta}");
        let out = dir.path().join(&beta);
        let options = laser_train::RunOptions {
            base: Some(made.join("base")),
            ..options(&out)
        };
        run(recipe(&[broken[0], broken[1], &beta]), options)
    };
    assert!(with(smallest).is_ok());
    assert!(matches!(
        with(smallest - 0.002),
        Err(TrainError::SelfReward(_))
    ));
}

#[test]
fn a_broken_partition_bound_does_not_matter_when_allowed_or_when_nothing_trains_the_score() {
    let dir = tempfile::tempdir().unwrap();
    let allowed = dir.path().join("allowed");
    train(
        recipe(&["steps=1", "self_reward.allow_partition_excess=true"]),
        &allowed,
        None,
    );
    let only_measured = [
        "steps=1",
        "self_reward.allow_partition_excess=false",
        "self_reward.alpha=0",
        "self_reward.tau=0",
    ];
    let out = dir.path().join("measured");
    train(recipe(&only_measured), &out, Some(&allowed.join("base")));
}

#[test]
fn a_token_that_cannot_stand_for_correct_is_refused_by_its_key() {
    let dir = tempfile::tempdir().unwrap();
    for (token, why) in [
        ("<|nowhere|>", "no such token"),
        ("<|endoftext|>", "EOS"),
        ("7", "may contain it"),
    ] {
        let setting = format!("self_reward.token=\"{token}\"");
        let error = run(recipe(&[&setting]), options(dir.path())).unwrap_err();
        assert!(error.is_bad_input());
        let error = error.to_string();
        assert!(
            error.contains("self_reward.token") && error.contains(token) && error.contains(why),
            "{error}"
        );
    }
    assert!(!dir.path().join("base").exists());
}

#[test]
fn the_reference_constant_is_the_given_one_or_the_measured_mean() {
    let dir = tempfile::tempdir().unwrap();
    let c_ref = |name: &str, setting: &str| {
        let out = dir.path().join(name);
        train(recipe(&["steps=1", setting]), &out, None);
        let summary: Value = serde_json::from_str(&read(out.join("summary.json"))).unwrap();
        (
            summary["c_ref"].as_f64().unwrap(),
            summary["c_ref_measured"][0].as_f64().unwrap(),
        )
    };
    let (used, measured) = c_ref("given", "self_reward.c_ref=-6.5");
    assert!(used == -6.5 && (measured + 8.0).abs() < 1.0, "{measured}");
    let (used, again) = c_ref("measured", "self_reward.c_ref=\"measure\"");
    assert_eq!((used, again), (measured, measured));
}

#[test]
fn an_open_constant_becomes_the_mean_or_each_response_s_own_by_the_measured_spread() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("first/base");
    train(recipe(&["steps=1"]), &dir.path().join("first"), None);
    for (beta_v, same_as, other) in [
        ("1e-3", "measure", "reference"),
        ("9.0", "reference", "measure"),
    ] {
        let made = |c_ref: &str| {
            let beta_v = format!("self_reward.beta_v={beta_v}");
            let c_ref = format!("self_reward.c_ref='{c_ref}'");
            recipe(&[&beta_v, &c_ref])
        };
        let out = |name: &str| dir.path().join(format!("{name} {beta_v}"));
        for c_ref in ["measure", "reference", "auto"] {
            train(made(c_ref), &out(c_ref), Some(&base));
        }
        assert_same_run(&out(same_as), &out("auto"), 5, beta_v);
        assert!(weights(&out(other), 5) != weights(&out("auto"), 5));
        let reference = out("auto").join("checkpoints/step-5/reference.safetensors");
        assert_eq!(reference.exists(), same_as == "reference");

        let parts = out("parts");
        let options = |options| laser_train::RunOptions {
            base: Some(base.clone()),
            ..options
        };
        interrupted(
            made("auto"),
            options(common::options(&parts)),
            laser_train::Phase::Train,
            2,
        );
        run(made("auto"), options(resuming(&parts))).unwrap();
        assert_same_run(&out("auto"), &parts, 5, "interrupted");
    }
}

#[test]
fn a_given_reference_constant_far_from_the_measured_mean_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let told = |c_ref: &str| {
        let out = dir.path().join(c_ref);
        let setting = format!("self_reward.c_ref={c_ref}");
        let (outcome, told) = notes(recipe(&["steps=1", &setting]), options(&out));
        outcome.unwrap();
        told
    };
    assert!(told("-6.5").contains("warning: self_reward.c_ref = -6.5"));
    assert!(!told("-8.2").contains("warning: self_reward.c_ref"));
}

#[test]
fn a_base_that_never_ends_a_response_has_no_scores_which_stops_only_what_trains_on_them() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    train(recipe(&["steps=1"]), &made, None);
    let base = made.join("base");
    never_sampled(&base, EOS);
    let path = format!("model.path={}", base.display());
    let settings = ["steps=2", "evaluation.every=0", &path];
    let error = run(recipe(&settings), options(&dir.path().join("laser"))).unwrap_err();
    assert!(
        matches!(error, TrainError::SelfReward(_)) && error.to_string().contains("too few"),
        "{error}"
    );

    let out = dir.path().join("grpo");
    let grpo = recipe(&[&settings[..], &["self_reward.alpha=0", "self_reward.tau=0"]].concat());
    let (outcome, told) = notes(grpo, options(&out));
    assert!(
        outcome
            .unwrap()
            .last
            .self_verification
            .auroc
            .value
            .is_none()
    );
    assert!(told.contains("no self-reward scores"), "{told}");
    let summary: Value = serde_json::from_str(&read(out.join("summary.json"))).unwrap();
    for key in ["beta_v", "c_ref", "c_ref_measured"] {
        assert!(summary[key].is_null(), "{key}");
    }
}

#[test]
fn numbers_of_single_precision_are_written_as_their_shortest_decimals() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ["steps=1", "optimizer.lr=0.0007", "self_reward.c_ref=-7.9"];
    train(recipe(&settings), dir.path(), None);
    let summary = read(dir.path().join("summary.json"));
    assert!(
        summary.contains("\"beta_v\": 0.2,") && summary.contains("\"c_ref\": -7.9,"),
        "{summary}"
    );
    let metrics = read(dir.path().join("metrics.jsonl"));
    assert!(metrics.contains("\"optim/lr\":0.0007") && metrics.contains("\"optim/lr\":0.01"));
    let laser = read(dir.path().join("checkpoints/step-1/laser.json"));
    assert!(laser.contains("\"beta_v\": 0.2"), "{laser}");
    // Seven digits or so, where an f64 would have seventeen.
    for file in ["results.jsonl", "samples/step-1.jsonl", "base-test.json"] {
        let text = read(dir.path().join(file));
        for key in [
            "\"self_logprob\":",
            "\"advantage\":",
            "\"c_ref_measured\":[",
        ] {
            for number in text.split(key).skip(1) {
                let number = number.split([',', '}']).next().unwrap();
                assert!(number.len() <= 14, "{file}: {key}{number}");
            }
        }
    }
}
