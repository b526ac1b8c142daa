//! A model that answers and scores, against PyTorch's numbers in fixtures/.

mod common;

use std::path::{Path, PathBuf};

use laser_data::{Settings, Source, Wanted};
use laser_model::Message;
use laser_rl::SelfReward;
use laser_rollout::{Request, Sampling, SelfRewardPosition};
use laser_train::{
    Exchange, InputError, Judge, JudgeHow, LanguageModel, ProductDtype, SelfRewardToken, TestSet,
    TrainError, evaluate,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Largest difference to PyTorch's log-probabilities, nats.
const TOLERANCE: f32 = 2e-4;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

fn reference(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(name).join("reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A copy of a fixture, with a `laser.json` of its reference, and stop tokens if any are given.
fn copy(name: &str, eos: &[u32]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let r = reference(name);
    laser_json(dir.path(), r["self_reward_token"].as_u64().unwrap() as u32);
    if !eos.is_empty() {
        let config = json!({"eos_token_id": eos}).to_string();
        std::fs::write(dir.path().join("generation_config.json"), config).unwrap();
    }
    dir
}

fn laser_json(dir: &Path, token_id: u32) {
    let text = laser_model::Text::load(dir).unwrap();
    let token = SelfRewardToken {
        token: text.token(token_id).unwrap(),
        token_id,
        rule: SelfReward {
            beta_v: 0.1,
            c_ref: -9.0,
        },
        position: SelfRewardPosition::AfterEos,
    };
    token.write(dir).unwrap();
}

fn load(dir: &Path) -> LanguageModel {
    LanguageModel::load(dir.to_str().unwrap(), None, 0, 1, ProductDtype::Float32).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn assert_close(got: &[f32], expected: &Value) {
    let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(&expected) {
        assert!((g - e).abs() < TOLERANCE, "{g} instead of {e}");
    }
}

/// Ids that make about half of the short responses end, all of them below the special tokens.
fn half() -> Vec<u32> {
    (0..60).map(|i| i * 12 + 3).chain([763]).collect()
}

#[test]
fn given_texts_have_the_log_probabilities_of_pytorch_in_any_batch() {
    for name in ["qwen2", "qwen3", "llama3"] {
        let (dir, r) = (copy(name, &[]), reference(name));
        let model = load(dir.path());
        let all: Vec<Vec<u32>> = r["sequences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| ids(&s["ids"]))
            .collect();
        let exchanges: Vec<Exchange> = all
            .iter()
            .map(|ids| Exchange {
                prompt: &ids[..1],
                response: &ids[1..],
            })
            .collect();
        let scored = model.score(&exchanges, 10_000).unwrap();
        for (s, expected) in scored.iter().zip(r["sequences"].as_array().unwrap()) {
            assert_close(&s.logprobs, &expected["logprobs"]);
            let (logp, last) = (s.self_logprob.unwrap(), &expected["zc_logprob_last"]);
            assert_close(&[logp], &json!([last]));
            assert_eq!(
                s.self_reward,
                Some((f64::from(0.1f32) * (f64::from(logp) + 9.0)) as f32)
            );
        }
        for tokens in [1, 100, 200] {
            assert_eq!(model.score(&exchanges, tokens).unwrap(), scored);
        }
    }
}

#[test]
fn only_after_a_stop_token_is_there_a_self_reward() {
    let dir = copy("qwen2", &[]);
    let model = load(dir.path());
    let score = |prompt: &[u32], response: &[u32]| {
        let exchange = Exchange { prompt, response };
        model.score(&[exchange], 100).unwrap().remove(0)
    };
    assert!(score(&[1, 2], &[3, 763]).self_reward.is_some());
    assert!(score(&[1, 2], &[763, 3]).self_reward.is_none());
    let one = score(&[763], &[]);
    assert!(one.logprobs.is_empty() && one.self_reward.is_some());
    let none = score(&[3], &[]);
    assert_eq!((none.logprobs.len(), none.self_logprob), (0, None));
    // Without laser.json there is none at all.
    let plain = load(&fixture("qwen2"));
    assert!(plain.self_reward.is_none());
    let exchange = Exchange {
        prompt: &[1],
        response: &[763],
    };
    assert_eq!(plain.score(&[exchange], 9).unwrap()[0].self_logprob, None);
}

#[test]
fn sampling_records_what_scoring_says_to_the_last_bit() {
    let dir = copy("qwen3", &half());
    let model = load(dir.path());
    let prompt = model.plain_prompt("A craft store").unwrap();
    let generation = model.generation(Sampling::default(), 12);
    let request = Request {
        prompt: prompt.clone(),
        samples: 24,
        seed: vec![5],
    };
    let group = model.sample(&[request], &generation).unwrap().remove(0);
    let exchanges: Vec<Exchange> = group
        .iter()
        .map(|a| Exchange {
            prompt: &prompt,
            response: &a.response.ids,
        })
        .collect();
    let scored = model.score(&exchanges, 64).unwrap();
    for (a, s) in group.iter().zip(&scored) {
        assert_eq!(a.response.logprobs, s.logprobs);
        assert_eq!(
            (a.response.self_logprob, a.self_reward),
            (s.self_logprob, s.self_reward)
        );
        assert_eq!(a.response.finished(), a.self_reward.is_some());
        assert_eq!(a.text, model.text.decode(&a.response.ids).unwrap());
    }
    let ended = group.iter().filter(|a| a.response.finished()).count();
    assert!(ended > 4 && ended < 24, "{ended} of 24 ended");
}

#[test]
fn an_adapter_folder_answers_as_the_adapted_model_of_peft() {
    let (base, adapter) = (copy("qwen2", &[]), tempfile::tempdir().unwrap());
    for file in ["adapter_model.safetensors", "adapter_config.json"] {
        let to = adapter.path().join(file);
        std::fs::copy(fixture("lora/qwen2").join(file), to).unwrap();
    }
    let path = adapter.path().join("adapter_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["base_model_name_or_path"] = base.path().to_str().unwrap().into();
    std::fs::write(&path, config.to_string()).unwrap();
    let model = load(adapter.path());
    assert!(
        model.self_reward.is_none(),
        "the base's is not the adapter's"
    );
    let r: Value = reference("lora/qwen2");
    for s in r["sequences"].as_array().unwrap() {
        let ids = ids(&s["ids"]);
        let exchange = Exchange {
            prompt: &ids[..1],
            response: &ids[1..],
        };
        let scored = model.score(&[exchange], 500).unwrap();
        assert_close(&scored[0].logprobs, &s["logprobs"]);
    }
}

#[test]
fn prompts_and_responses_are_encoded_as_training_does() {
    let (dir, r) = (copy("qwen2", &[763, 765]), reference("qwen2"));
    let model = load(dir.path());
    let messages: Vec<Message> = serde_json::from_value(r["chat"]["messages"].clone()).unwrap();
    let chat = model.chat_prompt(&messages, &Map::new()).unwrap();
    assert_eq!(chat, ids(&r["chat"]["ids"]));
    let answer = model.text.encode("17 * 3").unwrap();
    let with = |end: u32| [&answer[..], &[end]].concat();
    assert_eq!(model.response_ids("17 * 3", true).unwrap(), with(765));
    assert_eq!(model.response_ids("17 * 3", false).unwrap(), with(763));
    let ended = model.response_ids("17 * 3<|im_end|>", false).unwrap();
    assert_eq!(ended, with(765));
    let plain = model.plain_prompt("17 * 3").unwrap();
    assert_eq!(plain, model.text.encode_plain("17 * 3").unwrap());
}

#[test]
fn ids_that_cannot_be_read_are_refused() {
    let model = load(&fixture("qwen2"));
    assert_eq!(model.check_ids(&[], 0), Err(InputError::Empty));
    assert_eq!(
        model.check_ids(&[1, 768], 0),
        Err(InputError::UnknownToken {
            id: 768,
            position: 1,
            vocab: 768
        })
    );
    let long = vec![1; 512];
    assert_eq!(model.check_ids(&long, 0), Ok(()));
    let error = model.check_ids(&long, 1).unwrap_err();
    assert!(
        error.to_string().contains("512 tokens and up to 1 new"),
        "{error}"
    );
    let exchange = Exchange {
        prompt: &long,
        response: &[1],
    };
    let error = model.score(&[exchange], 99).unwrap_err();
    assert!(matches!(
        error,
        TrainError::Input(InputError::TooLong { .. })
    ));
    assert!(error.is_bad_input());
    let refused = LanguageModel::load(
        fixture("qwen2").to_str().unwrap(),
        None,
        513,
        1,
        ProductDtype::Float32,
    );
    let error = refused.err().unwrap().to_string();
    assert!(
        error.contains("context = 513") && error.contains("512"),
        "{error}"
    );
}

#[test]
fn a_laser_json_of_another_model_is_refused_by_file_and_key() {
    let dir = copy("qwen2", &[]);
    let path = dir.path().join("laser.json");
    let good = json!({"token": "<|vision_start|>", "token_id": 766, "beta_v": 0.1, "c_ref": -9.0});
    for (key, value, expected) in [
        ("token_id", json!(765), "the id 766"),
        ("token_id", json!(768), "outside the vocabulary"),
        ("token_id", Value::Null, "null"),
        ("token", json!("<|none|>"), "no such token"),
        ("beta_v", json!(0.0), "above 0"),
        ("c_ref", json!("measure"), "number"),
    ] {
        let mut laser = good.clone();
        laser[key] = value;
        std::fs::write(&path, laser.to_string()).unwrap();
        let error = LanguageModel::load(
            dir.path().to_str().unwrap(),
            None,
            0,
            1,
            ProductDtype::Float32,
        );
        let error = error.err().unwrap().to_string();
        assert!(
            error.contains("laser.json") && error.contains(expected),
            "{key}: {error}"
        );
    }
    let eos = json!({"token": "<|endoftext|>", "token_id": 763, "beta_v": 0.1, "c_ref": -9.0});
    std::fs::write(&path, eos.to_string()).unwrap();
    let error = LanguageModel::load(
        dir.path().to_str().unwrap(),
        None,
        0,
        1,
        ProductDtype::Float32,
    );
    assert!(error.err().unwrap().to_string().contains("EOS"));
    std::fs::write(&path, r#"{"token": "<|vision_start|>"}"#).unwrap();
    let error = LanguageModel::load(
        dir.path().to_str().unwrap(),
        None,
        0,
        1,
        ProductDtype::Float32,
    );
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("missing field") && error.contains("is expected"),
        "{error}"
    );
}

fn problems(dir: &Path) -> Settings {
    let rows = [
        json!({"prompt": "What is 17 * 3?", "answer": "51"}),
        json!({"prompt": "How many?", "answer": 7, "level": 2}),
        json!({"prompt": "No answer", "answer": null}),
        json!({"prompt": "word ".repeat(400), "answer": "1"}),
    ];
    let path = dir.join("p.jsonl");
    let text: String = rows.iter().map(|r| format!("{r}\n")).collect();
    std::fs::write(&path, text).unwrap();
    Settings {
        test: vec![Source::from(path.to_str().unwrap())],
        ..Settings::default()
    }
}

#[test]
fn a_test_does_not_depend_on_how_it_is_cut_and_leaves_out_what_cannot_be_asked() {
    let dir = copy("qwen2", &half());
    let model = load(dir.path());
    let set = TestSet::load(&model, &problems(dir.path()), Wanted::ANSWER, 200).unwrap();
    assert!(set.chat);
    assert_eq!(set.len(), 2);
    let report = &set.report.test;
    assert_eq!((report.missing_answer.count, report.too_long.count), (1, 1));
    let origins: Vec<_> = set.origins().collect();
    assert_eq!(origins[1].level.as_deref(), Some("2"));
    let generation = model.generation(Sampling::default(), 16);
    let whole = model.test(&set, 0..2, 3, 9, &generation).unwrap();
    let parts = [0..1, 1..2].map(|r| model.test(&set, r, 3, 9, &generation).unwrap());
    let json = |rows: &Vec<Vec<laser_train::SampleRow>>| serde_json::to_value(rows).unwrap();
    assert_eq!(json(&whole), json(&parts.concat()));
    assert!(
        whole[0][0]
            .prompt
            .contains("<|im_start|>user\nWhat is 17 * 3?")
    );
    let other = model.test(&set, 0..2, 3, 10, &generation).unwrap();
    assert_ne!(json(&whole), json(&other));
    let result = evaluate(whole, &Default::default());
    assert_eq!(result.groups, [3, 3]);
    // Without answers everything that fits is asked, over and over.
    let set = TestSet::load(&model, &problems(dir.path()), Wanted::default(), 200).unwrap();
    assert_eq!(set.len(), 3);
    let requests = set.requests(2..5, 0);
    assert_eq!(requests[1].prompt, set.requests(0..1, 0)[0].prompt);
    assert_eq!(requests[2].seed, set.requests(4..5, 0)[0].seed);
    let full = TestSet::load(&model, &problems(dir.path()), Wanted::ANSWER, 512);
    assert!(
        full.err()
            .unwrap()
            .to_string()
            .contains("no room for a prompt")
    );
}

#[test]
fn all_candidates_are_read_at_once_as_one_by_one() {
    let dir = copy("llama3", &[]);
    let model = load(dir.path());
    let candidates = model.candidates(true, &["A".into()]).unwrap();
    assert_eq!(candidates[0], ("<|reserved_special_token_0|>".into(), 764));
    let ids: Vec<u32> = candidates.iter().map(|c| c.1).collect();
    let r = reference("llama3");
    let texts: Vec<Vec<u32>> = r["sequences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| self::ids(&s["ids"]))
        .collect();
    let exchanges: Vec<Exchange> = texts
        .iter()
        .map(|ids| Exchange {
            prompt: &ids[..5],
            response: &ids[5..],
        })
        .collect();
    let logps = model.logprobs_after(&exchanges, &ids, 200).unwrap();
    for (logps, expected) in logps.iter().zip(r["sequences"].as_array().unwrap()) {
        assert_close(&logps[..1], &json!([expected["zc_logprob_last"]]));
    }
    for (column, id) in ids.iter().enumerate() {
        let alone = model.logprobs_after(&exchanges, &[*id], 10_000).unwrap();
        let together: Vec<f32> = logps.iter().map(|l| l[column]).collect();
        assert_eq!(alone.concat(), together);
    }
    let refused = |token: &str| model.candidates(false, &[token.into()]).unwrap_err();
    assert!(refused("<|nowhere|>").to_string().contains("no such token"));
    assert!(refused("<|end_of_text|>").to_string().contains("EOS"));
}

#[test]
fn a_checkpoint_of_a_run_scores_its_responses_to_the_bit_as_the_run_did() {
    let at_eos = [
        "self_reward.position='at_eos'",
        "self_reward.allow_partition_excess=true",
    ];
    let lora = ["lora.rank=2", "lora.alpha=4", "lora.train_token=true"];
    for (settings, position) in [
        (&[][..], SelfRewardPosition::AfterEos),
        (&at_eos, SelfRewardPosition::AtEos),
        (&lora, SelfRewardPosition::AfterEos),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let outcome = common::train(common::recipe(settings), dir.path(), None);
        let model = load(&outcome.checkpoint);
        assert_eq!(model.self_reward.as_ref().unwrap().position, position);
        let text = std::fs::read_to_string(dir.path().join("results.jsonl")).unwrap();
        let mut scored = 0;
        for line in text.lines() {
            let row: laser_train::SampleRow = serde_json::from_str(line).unwrap();
            let prompt = model.plain_prompt(&row.prompt).unwrap();
            let response = model.response_ids(&row.response, false).unwrap();
            // A text does not show a special token that was sampled on the way.
            if row.finish != "stop" || response.len() != row.length {
                continue;
            }
            let exchange = Exchange {
                prompt: &prompt,
                response: &response,
            };
            let score = model.score(&[exchange], 99).unwrap().remove(0);
            assert_eq!(score.self_logprob, row.self_logprob);
            assert_eq!(score.self_reward, row.self_reward);
            scored += 1;
        }
        assert!(scored > 5, "{scored} responses ended");
    }
}

#[test]
fn a_response_that_is_too_long_to_be_judged_counts_as_judged_wrong() {
    let dir = copy("qwen2", &half());
    let path = dir.path().to_str().unwrap();
    let model = LanguageModel::load(path, None, 120, 1, ProductDtype::Float32).unwrap();
    let set = TestSet::load(&model, &problems(dir.path()), Wanted::ANSWER, 16).unwrap();
    let generation = model.generation(Sampling::default(), 16);
    let groups = model.test(&set, 0..2, 6, 9, &generation).unwrap();
    let finished = |row: &laser_train::SampleRow| row.finish == "stop";
    assert!(groups.iter().flatten().any(finished));
    assert!(!groups.iter().flatten().all(finished));
    let written = JudgeHow::Written { max_new_tokens: 8 };
    for how in [written, JudgeHow::FirstToken] {
        let long = format!("{} {{response}}", "word ".repeat(120));
        let short = "{response} ?".to_owned();
        for (template, fits) in [(long, false), (short, true)] {
            let judge = Judge::new(how, Some(template)).unwrap();
            let judged = model.judge(&set, 0..2, &groups, &judge).unwrap();
            for (row, j) in groups.iter().flatten().zip(judged.iter().flatten()) {
                assert_eq!(j.is_some(), finished(row));
                let Some(j) = j else { continue };
                assert_eq!(j.read > 0, fits);
                assert_eq!(j.written > 0, fits && how == written);
                assert!(fits || (j.verdict, j.score) == (None, 0.0));
            }
            // Where the problems are cut changes nothing.
            let second = model.judge(&set, 1..2, &groups[1..], &judge).unwrap();
            assert_eq!(second[0], judged[1]);
        }
    }
}
