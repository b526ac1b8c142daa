//! Whole answers.

use laser_rollout::{Request, Sampling};
use serde_json::{Value, json};

use crate::support::Setup;

#[tokio::test]
async fn a_chat_is_what_the_model_samples_with_its_self_reward() {
    let fixture = Setup::default().start_qwen();
    let message = json!({"role": "user", "content": "What is 17 * 3?"});
    let more =
        json!({"n": 3, "seed": 7, "max_tokens": 24, "temperature": 0.9, "return_token_ids": true});
    let reply = fixture.chat("What is 17 * 3?", more).await;
    let answer = reply.json();
    let model = &fixture.model;
    let messages = serde_json::from_value::<Vec<laser_model::Message>>(json!([message])).unwrap();
    let sampling = Sampling {
        temperature: 0.9,
        ..Sampling::default()
    };
    let request = Request {
        prompt: model.chat_prompt(&messages, &Default::default()).unwrap(),
        samples: 3,
        seed: vec![0, 7, 0],
    };
    let expected = model
        .sample(
            std::slice::from_ref(&request),
            &model.generation(sampling, 24),
        )
        .unwrap();
    let mut tokens = 0;
    for (i, sample) in expected[0].iter().enumerate() {
        let choice = &answer["choices"][i];
        assert_eq!(choice["index"], i);
        assert_eq!(
            choice["message"],
            json!({"role": "assistant", "content": sample.text, "refusal": null})
        );
        assert_eq!(choice["token_ids"], json!(sample.response.ids));
        assert_eq!(choice["finish_reason"], sample.response.finish.as_str());
        let number = |key: &str| choice[key].as_f64().map(|x| x as f32);
        assert_eq!(number("self_reward"), sample.self_reward);
        assert_eq!(number("self_logprob"), sample.response.self_logprob);
        tokens += sample.response.ids.len();
    }
    let prompt = request.prompt.len();
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens})
    );
    assert_eq!(
        (&answer["object"], &answer["model"], &answer["laser_seed"]),
        (&json!("chat.completion"), &json!("tiny"), &json!(7))
    );
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_u64().unwrap() > 1_700_000_000);
    // Ids in place of the conversation lead to the same answer.
    let body = json!({"model": "tiny", "prompt_ids": request.prompt, "n": 3, "seed": 7, "max_tokens": 24, "temperature": 0.9});
    let by_ids = fixture.post("/v1/chat/completions", &body).await.json();
    assert_eq!(
        by_ids["choices"][2]["message"],
        answer["choices"][2]["message"]
    );
}

#[tokio::test]
async fn an_answer_that_was_cut_off_has_no_self_reward() {
    let fixture = Setup::default().start();
    let answer = fixture
        .chat("a", json!({"max_completion_tokens": 5}))
        .await
        .json();
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("aaaaa"), &json!("length"))
    );
    assert_eq!(
        (&choice["self_reward"], &choice["self_logprob"]),
        (&Value::Null, &Value::Null)
    );
    // An open limit is what is left of the context.
    let answer = fixture.chat("aa", json!({})).await.json();
    assert_eq!(answer["usage"]["total_tokens"], 256);
    // Completions have OpenAI's 16.
    let answer = fixture.complete(json!("a"), json!({})).await.json();
    assert_eq!(answer["usage"]["completion_tokens"], 16);
}

#[tokio::test]
async fn a_model_without_laser_json_answers_without_self_reward() {
    let fixture = Setup {
        self_reward: false,
        ..Setup::default()
    }
    .start();
    let answer = fixture.chat("1+1=", json!({})).await.json();
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["choices"][0]["self_reward"], Value::Null);
    assert_eq!(
        fixture.get("/v1/models").await.json()["data"][0]["self_reward"],
        false
    );
}

#[tokio::test]
async fn a_stop_string_ends_the_text_before_it() {
    let fixture = Setup::default().start();
    let whole = fixture
        .complete(json!("b"), json!({"seed": 3, "max_tokens": 200}))
        .await
        .json();
    let text = whole["choices"][0]["text"].as_str().unwrap().to_owned();
    let stops = ["dbd", "ccb"];
    let at = stops.iter().filter_map(|s| text.find(s)).min().unwrap();
    let more = json!({"seed": 3, "max_tokens": 200, "stop": stops, "return_token_ids": true, "logprobs": 0});
    let cut = fixture.complete(json!("b"), more).await.json();
    let choice = &cut["choices"][0];
    assert_eq!(
        (&choice["text"], &choice["finish_reason"]),
        (&json!(text[..at]), &json!("stop"))
    );
    assert_eq!(choice["self_reward"], Value::Null);
    assert_eq!(choice["token_ids"].as_array().unwrap().len(), at);
    assert_eq!(choice["logprobs"]["tokens"].as_array().unwrap().len(), at);
    // The tokens of the stop string itself were sampled.
    assert_eq!(cut["usage"]["completion_tokens"], at + 3);
}

#[tokio::test]
async fn prompts_are_continued_in_order_each_with_its_own_randomness() {
    let fixture = Setup::default().start();
    let more = json!({"n": 2, "seed": 5, "max_tokens": 40, "return_token_ids": true});
    let answer = fixture
        .complete(json!(["b", "x=", "b"]), more.clone())
        .await
        .json();
    let choices = answer["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 6);
    assert!(choices.iter().enumerate().all(|(i, c)| c["index"] == i));
    assert_eq!(choices[0]["text"].as_str().unwrap().len(), 40);
    assert!(["1", "2", "3"].contains(&choices[2]["text"].as_str().unwrap()));
    assert_ne!(choices[0]["text"], choices[1]["text"]);
    assert_ne!(choices[0]["text"], choices[4]["text"]);
    // "b" alone, whatever else is asked.
    let alone = fixture.complete(json!([[13]]), more).await.json();
    assert_eq!(alone["choices"][0]["text"], choices[0]["text"]);
    assert_eq!(answer["usage"]["prompt_tokens"], 4);
}

#[tokio::test]
async fn logprobs_are_those_of_the_model_whatever_the_temperature() {
    let fixture = Setup::default().start();
    let more =
        json!({"logprobs": true, "top_logprobs": 2, "temperature": 0, "return_token_ids": true});
    let answer = fixture.chat("=", more).await.json();
    let content = answer["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    // The answer and the end token.
    assert_eq!(content.len(), 2);
    let first = &content[0];
    assert_eq!(
        (&first["token"], &first["bytes"]),
        (&json!("1"), &json!([49]))
    );
    let near = |value: &Value, p: f64| (value.as_f64().unwrap() - p.ln()).abs() < 1e-5;
    assert!(near(&first["logprob"], 0.5), "{first}");
    assert_eq!(first["top_logprobs"].as_array().unwrap().len(), 2);
    assert_eq!(first["top_logprobs"][1]["token"], "2");
    assert!(near(&first["top_logprobs"][1]["logprob"], 0.3));
    assert_eq!(content[1]["token"], "<|end|>");
    let answer = fixture
        .complete(json!("="), json!({"logprobs": 2, "temperature": 0}))
        .await
        .json();
    let logprobs = &answer["choices"][0]["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["1", "<|end|>"]));
    assert_eq!(logprobs["text_offset"], json!([0, 1]));
    assert!(near(&logprobs["token_logprobs"][0], 0.5));
    assert!(near(&logprobs["top_logprobs"][0]["2"], 0.3));
    let plain = fixture.chat("=", json!({})).await.json();
    assert_eq!(plain["choices"][0]["logprobs"], Value::Null);
    assert!(plain["choices"][0].get("token_ids").is_none());
}

#[tokio::test]
async fn the_seed_that_is_returned_repeats_the_answer() {
    let fixture = Setup::default().start();
    let text = |answer: &Value| answer["choices"][0]["message"]["content"].clone();
    let ask = |seed: Value| fixture.chat("b", json!({"max_tokens": 60, "seed": seed}));
    let fresh = ask(Value::Null).await.json();
    let other = ask(Value::Null).await.json();
    assert_ne!(text(&fresh), text(&other));
    let again = ask(fresh["laser_seed"].clone()).await.json();
    assert_eq!(text(&fresh), text(&again));
    assert_eq!(fresh["system_fingerprint"], again["system_fingerprint"]);
}

#[tokio::test]
async fn arguments_reach_the_chat_template() {
    let fixture = Setup::default().start();
    let more = json!({"chat_template_kwargs": {"suffix": "a"}, "max_tokens": 3});
    let answer = fixture.chat("=", more).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "aaa");
}

#[tokio::test]
async fn models_health_and_metrics_are_told() {
    let fixture = Setup::default().start();
    let models = fixture.get("/v1/models").await.json();
    assert_eq!(
        (&models["object"], &models["data"][0]["id"]),
        (&json!("list"), &json!("tiny"))
    );
    assert_eq!(models["data"][0]["max_model_len"], 256);
    assert_eq!(
        fixture.get("/v1/models/tiny").await.json(),
        models["data"][0]
    );
    let health = fixture.get("/health").await.json();
    assert_eq!(
        (&health["status"], &health["rows"]),
        (&json!("ok"), &json!(16))
    );
    fixture.chat("=", json!({})).await;
    fixture
        .chat(
            "=",
            json!({"laser": {"vote": "weighted", "n": 4, "abstain_below": 1}}),
        )
        .await;
    fixture.chat("=", json!({"n": 0})).await;
    let metrics = fixture.get("/metrics").await.text;
    for line in [
        r#"laser_requests_total{route="/v1/chat/completions",status="200"} 2"#,
        r#"laser_requests_total{route="/v1/chat/completions",status="400"} 1"#,
        "laser_prompt_tokens_total 2",
        "laser_completion_tokens_total 10",
        "laser_self_reward_count 5",
        "laser_abstentions_total 1",
        "laser_time_to_first_token_seconds_count 2",
        "laser_time_between_tokens_seconds_count 5",
        "laser_request_seconds_count 3",
        "laser_requests_in_flight 0",
        "laser_requests_cancelled_total 0",
        "laser_samples_running 0",
        "laser_rows 16",
        "# EOF",
    ] {
        assert!(
            metrics.lines().any(|l| l == line),
            "{line} is missing in\n{metrics}"
        );
    }
}
