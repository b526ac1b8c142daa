//! Bodies that are taken, and bodies that are refused with the field's name.

use laser_openai::ApiError;
use laser_openai::request::{Completion, Conversation, Limits, Prompt, Rule, chat, completion};
use serde_json::{Value, json};

const LIMITS: Limits = Limits {
    samples: 16,
    top_logprobs: 20,
};

fn with(base: Value, more: Value) -> Vec<u8> {
    let mut body = base;
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string().into_bytes()
}

fn chat_error(more: Value) -> ApiError {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    chat(&with(base, more), &LIMITS).unwrap_err()
}

fn text(more: Value) -> Result<Completion, ApiError> {
    completion(&with(json!({"model": "m", "prompt": "hi"}), more), &LIMITS)
}

#[test]
fn a_plain_chat_has_openais_defaults() {
    let body = br#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "temperature": null}"#;
    let read = chat(body, &LIMITS).unwrap();
    let s = &read.settings;
    assert_eq!((s.n, s.temperature, s.top_p, s.top_k), (1, 1.0, 1.0, 0));
    assert_eq!((s.max_tokens, s.seed, s.logprobs), (None, None, None));
    let Conversation::Messages { messages, .. } = read.conversation else {
        panic!("{:?}", read.conversation)
    };
    assert_eq!(messages[0].content, "ab");
}

#[test]
fn every_setting_is_read() {
    let read = text(json!({
        "n": 3, "temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.1, "max_tokens": 7,
        "stop": "x", "seed": -5, "logprobs": 2, "stream": true,
        "stream_options": {"include_usage": true}, "return_token_ids": true, "user": "u",
        "metadata": {"a": "b"}, "frequency_penalty": 0, "logit_bias": {}, "echo": false
    }))
    .unwrap();
    let s = read.settings;
    assert_eq!(
        (s.n, s.temperature, s.top_p, s.top_k, s.min_p),
        (3, 0.5, 0.9, 0, 0.1)
    );
    assert_eq!(
        (s.max_tokens, s.seed, s.logprobs),
        (Some(7), Some(-5), Some(2))
    );
    assert_eq!(s.stop, ["x"]);
    assert!(s.stream && s.include_usage && s.return_token_ids);
}

#[test]
fn a_prompt_is_a_text_ids_or_a_list_of_either() {
    let prompts = |prompt: Value| text(json!({"prompt": prompt})).map(|c| c.prompts);
    let (a, b) = (Prompt::Text("a".into()), Prompt::Text("b".into()));
    assert_eq!(prompts(json!("a")).unwrap(), vec![a.clone()]);
    assert_eq!(prompts(json!(["a", "b"])).unwrap(), [a, b]);
    assert_eq!(prompts(json!([1, 2])).unwrap(), [Prompt::Ids(vec![1, 2])]);
    let two = [Prompt::Ids(vec![1]), Prompt::Ids(vec![2])];
    assert_eq!(prompts(json!([[1], [2]])).unwrap(), two);
    for wrong in [
        json!([]),
        json!([[]]),
        json!(["a", 1]),
        json!([1, "a"]),
        json!([-1]),
        json!([1.5]),
        json!({}),
        json!([4294967296u64]),
    ] {
        let error = prompts(wrong.clone()).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some("prompt")),
            "{wrong}"
        );
    }
}

#[test]
fn a_vote_is_read_with_its_defaults() {
    let vote = |laser: Value| text(json!({"laser": laser})).map(|c| c.settings.vote.unwrap());
    let plain = vote(json!({"vote": "weighted"})).unwrap();
    assert_eq!(
        (
            plain.rule,
            plain.samples,
            plain.adaptive,
            plain.abstain_below
        ),
        (Rule::Weighted, 8, None, None)
    );
    let full = vote(
        json!({"vote": "majority", "adaptive": {"error": 0.05, "max": 12}, "abstain_below": 0.5}),
    )
    .unwrap();
    assert_eq!(
        (full.rule, full.samples, full.adaptive, full.abstain_below),
        (Rule::Majority, 12, Some(0.05), Some(0.5))
    );
    assert_eq!(
        vote(json!({"vote": "weighted", "adaptive": true}))
            .unwrap()
            .adaptive,
        Some(0.0)
    );
    assert_eq!(vote(json!({"vote": "best", "n": 16})).unwrap().samples, 16);
    for (wrong, param) in [
        (json!({}), "laser.vote"),
        (json!({"vote": "borda"}), "laser.vote"),
        (json!({"vote": 1}), "laser.vote"),
        (json!({"vote": "best", "adaptive": true}), "laser.adaptive"),
        (json!({"vote": "weighted", "adaptive": 1}), "laser.adaptive"),
        (
            json!({"vote": "weighted", "adaptive": {"error": 0.7}}),
            "laser.adaptive.error",
        ),
        (
            json!({"vote": "weighted", "adaptive": {"max": 17}}),
            "laser.adaptive.max",
        ),
        (
            json!({"vote": "weighted", "n": 2, "adaptive": {"max": 2}}),
            "laser.adaptive.max",
        ),
        (json!({"vote": "weighted", "n": 17}), "laser.n"),
        (
            json!({"vote": "weighted", "abstain_below": 2}),
            "laser.abstain_below",
        ),
        (
            json!({"vote": "weighted", "temperature": 2}),
            "laser.temperature",
        ),
    ] {
        assert_eq!(
            vote(wrong.clone()).unwrap_err().param.as_deref(),
            Some(param),
            "{wrong}"
        );
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_field() {
    for (more, param) in [
        (json!({"n": 0}), "n"),
        (json!({"n": 17}), "n"),
        (json!({"n": 1.5}), "n"),
        (json!({"n": "2"}), "n"),
        (json!({"temperature": -1}), "temperature"),
        (json!({"temperature": 2.1}), "temperature"),
        (json!({"top_p": 0}), "top_p"),
        (json!({"top_p": 1e-60}), "top_p"),
        (json!({"top_k": -2}), "top_k"),
        (json!({"min_p": 1.5}), "min_p"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (
            json!({"max_tokens": 5, "max_completion_tokens": 6}),
            "max_tokens",
        ),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
        (json!({"stop": ""}), "stop"),
        (json!({"stop": [1]}), "stop"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"stream": "yes"}), "stream"),
        (
            json!({"stream": true, "stream_options": {"x": 1}}),
            "stream_options.x",
        ),
        (json!({"logprobs": 3}), "logprobs"),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (
            json!({"logprobs": true, "top_logprobs": 21}),
            "top_logprobs",
        ),
        (json!({"model": 3}), "model"),
        (json!({"model": null}), "model"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": "hi"}), "messages"),
        (json!({"messages": null}), "messages"),
        (json!({"messages": ["hi"]}), "messages[0]"),
        (
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (json!({"messages": [{"content": "a"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "user", "content": "a", "name": "b"}]}),
            "messages[0].name",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "messages[0].content[0].type",
        ),
        (json!({"prompt_ids": [1]}), "prompt_ids"),
        (
            json!({"messages": null, "prompt_ids": [1], "chat_template_kwargs": {}}),
            "chat_template_kwargs",
        ),
        (json!({"messages": null, "prompt_ids": []}), "prompt_ids"),
        (json!({"laser": {"vote": "best"}, "n": 2}), "n"),
        (json!({"laser": {"vote": "best"}, "stop": "x"}), "stop"),
    ] {
        let error = chat_error(more.clone());
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(param)),
            "{more}: {error}"
        );
        assert!(error.message.contains(param), "{more}: {error}");
    }
}

#[test]
fn what_is_known_but_not_supported_is_refused_by_name_and_what_is_unknown_too() {
    for (key, value) in [
        ("tools", json!([{"type": "function"}])),
        ("tool_choice", json!("required")),
        ("functions", json!([{}])),
        ("response_format", json!({"type": "json_object"})),
        ("logit_bias", json!({"5": 1})),
        ("frequency_penalty", json!(0.5)),
        ("presence_penalty", json!(-1)),
        ("best_of", json!(4)),
        ("suffix", json!("x")),
        ("echo", json!(true)),
        ("store", json!(true)),
        ("service_tier", json!("flex")),
        ("reasoning_effort", json!("low")),
        ("stream_options", json!({"include_usage": true})),
    ] {
        let error = chat_error(json!({key: value}));
        assert_eq!(
            (error.code, error.param.as_deref()),
            (Some("unsupported_field"), Some(key)),
            "{error}"
        );
    }
    let error = chat_error(json!({"temprature": 1}));
    assert_eq!(
        (error.code, error.param.as_deref()),
        (Some("unknown_field"), Some("temprature"))
    );
    assert!(error.message.contains("temperature"), "{error}");
}

#[test]
fn a_body_that_is_no_json_object_is_refused_with_line_and_column() {
    let error = |body: &[u8]| chat(body, &LIMITS).unwrap_err();
    let broken = error(b"{\"model\": \"m\",\n \"n\": }");
    assert!(broken.message.contains("line 2 column 7"), "{broken}");
    for body in [
        &b""[..],
        b" \n",
        b"[]",
        b"\"x\"",
        b"\xff\xfe",
        b"{\"model\": \"\xff\"}",
        b"{} {}",
    ] {
        assert_eq!(error(body).code, Some("invalid_json"), "{body:?}");
    }
    let deep = [b"{\"x\":".to_vec(), b"[".repeat(100_000)].concat();
    assert_eq!(error(&deep).code, Some("invalid_json"));
}

#[test]
fn a_list_of_prompts_counts_into_the_samples() {
    let prompts = vec!["a"; 9];
    assert!(text(json!({"prompt": prompts})).is_ok());
    let error = text(json!({"prompt": prompts, "n": 2})).unwrap_err();
    assert!(error.message.contains("18 samples; at most 16"), "{error}");
    let error = text(json!({"prompt": ["a", "b"], "laser": {"vote": "best"}})).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("prompt"));
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    /// Objects whose keys are mostly those of requests.
    fn json_value() -> impl Strategy<Value = Value> {
        let key = prop_oneof![
            prop::sample::select(vec![
                "model",
                "messages",
                "prompt",
                "prompt_ids",
                "n",
                "stop",
                "seed",
                "stream",
                "laser",
                "vote",
                "adaptive",
                "error",
                "max",
                "role",
                "content",
                "type",
                "text",
                "logprobs",
                "tools",
                "user",
                "stream_options",
                "max_tokens",
                "temperature",
                "top_k"
            ])
            .prop_map(String::from),
            "[a-z]{0,3}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec!["m", "text", "user", "weighted", ""]).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..8)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused(value in json_value()) {
            let body = value.to_string();
            for error in [chat(body.as_bytes(), &LIMITS).err(), completion(body.as_bytes(), &LIMITS).err()].into_iter().flatten() {
                prop_assert_eq!(error.status, 400);
                prop_assert!(!error.message.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(chat(&body, &LIMITS).is_err());
        }
    }
}
