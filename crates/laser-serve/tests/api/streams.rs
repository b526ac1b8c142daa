//! Answers in chunks.

use serde_json::{Value, json};

use crate::support::{Reply, Setup, merged};

/// Puts the chunks of a chat together again: by choice text, token ids, logprobs and the end.
fn joined(reply: &Reply) -> Vec<Value> {
    let mut choices: Vec<Value> = Vec::new();
    for chunk in reply.chunks() {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap() as usize;
            if choices.len() <= index {
                choices.resize(index + 1, json!({"text": "", "ids": [], "logprobs": []}));
            }
            let whole = &mut choices[index];
            assert!(whole.get("end").is_none(), "a chunk after the end: {chunk}");
            if let Some(text) = choice["delta"]["content"].as_str() {
                whole["text"] = format!("{}{text}", whole["text"].as_str().unwrap()).into();
            }
            let mut extend = |key: &str, more: &Value| {
                let more = more.as_array().into_iter().flatten().cloned();
                whole[key].as_array_mut().unwrap().extend(more);
            };
            extend("ids", &choice["token_ids"]);
            extend("logprobs", &choice["logprobs"]["content"]);
            match choice["finish_reason"].is_null() {
                true => assert!(choice.get("self_reward").is_none(), "{chunk}"),
                false => {
                    whole["end"] = json!([
                        choice["finish_reason"],
                        choice["self_reward"],
                        choice["self_logprob"]
                    ]);
                }
            }
        }
    }
    choices
}

/// The same of a whole answer.
fn whole(reply: &Reply) -> Vec<Value> {
    let answer = reply.json();
    let choice = |c: &Value| {
        json!({"text": c["message"]["content"], "ids": c["token_ids"], "logprobs": c["logprobs"]["content"],
            "end": [c["finish_reason"], c["self_reward"], c["self_logprob"]]})
    };
    answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(choice)
        .collect()
}

#[tokio::test]
async fn a_stream_put_together_is_the_whole_answer() {
    // Tokens of random weights are mostly pieces of characters.
    let fixture = Setup::default().start_qwen();
    for stop in [json!([]), json!(["e", "ing", "\u{fffd}"]), json!("the ")] {
        let asked = json!({"n": 8, "seed": 11, "max_tokens": 40, "logprobs": true, "top_logprobs": 1,
            "return_token_ids": true, "stop": stop});
        let one = fixture.chat("Write.", asked.clone()).await;
        let parts = fixture
            .chat("Write.", merged(asked, json!({"stream": true})))
            .await;
        assert_eq!(joined(&parts), whole(&one), "{stop}");
    }
}

#[tokio::test]
async fn no_part_of_a_stop_string_is_ever_sent() {
    let fixture = Setup::default().start();
    let more = json!({"seed": 3, "max_tokens": 200, "stop": ["dbd"], "stream": true});
    let reply = fixture.chat("b", more).await;
    let mut text = String::new();
    for chunk in reply.chunks() {
        text += chunk["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap_or_default();
    }
    let plain = fixture
        .chat("b", json!({"seed": 3, "max_tokens": 200}))
        .await
        .json();
    let plain = plain["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text, plain[..plain.find("dbd").unwrap()]);
}

#[tokio::test]
async fn the_first_chunk_has_the_role_and_the_last_the_tokens_if_asked_for() {
    let fixture = Setup::default().start();
    let more = json!({"stream": true, "stream_options": {"include_usage": true}, "temperature": 0});
    let chunks = fixture.chat("=", more).await.chunks();
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    assert_eq!(chunks[1]["choices"][0]["delta"], json!({"content": "1"}));
    let last = &chunks[2]["choices"][0];
    assert_eq!(
        (&last["delta"], &last["finish_reason"]),
        (&json!({}), &json!("stop"))
    );
    assert!(
        (last["self_reward"].as_f64().unwrap() - 0.1).abs() < 1e-4,
        "{last}"
    );
    assert_eq!(chunks[3]["choices"], json!([]));
    assert_eq!(
        chunks[3]["usage"],
        json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    );
    assert_eq!(chunks.len(), 4);
    assert!(
        chunks
            .iter()
            .all(|c| c["id"] == chunks[0]["id"] && c["laser_seed"] == chunks[0]["laser_seed"])
    );
    let without = fixture.chat("=", json!({"stream": true})).await.chunks();
    assert!(
        without
            .iter()
            .all(|c| c.get("usage").is_none() && c["choices"][0].is_object())
    );
}

#[tokio::test]
async fn a_text_is_streamed_in_its_own_form() {
    let fixture = Setup::default().start();
    let asked = json!({"n": 2, "seed": 4, "max_tokens": 30, "logprobs": 1});
    let one = fixture
        .complete(json!(["b", "="]), asked.clone())
        .await
        .json();
    let parts = fixture
        .complete(json!(["b", "="]), merged(asked, json!({"stream": true})))
        .await;
    let (mut texts, mut tokens, mut ends) = (
        vec![String::new(); 4],
        vec![Vec::new(); 4],
        vec![Value::Null; 4],
    );
    for chunk in parts.chunks() {
        assert_eq!(chunk["object"], "text_completion");
        let choice = &chunk["choices"][0];
        let index = choice["index"].as_u64().unwrap() as usize;
        texts[index] += choice["text"].as_str().unwrap();
        tokens[index].extend(
            choice["logprobs"]["token_logprobs"]
                .as_array()
                .into_iter()
                .flatten()
                .cloned(),
        );
        if !choice["finish_reason"].is_null() {
            ends[index] = choice["self_reward"].clone();
        }
    }
    for (i, choice) in one["choices"].as_array().unwrap().iter().enumerate() {
        assert_eq!(choice["text"], texts[i]);
        assert_eq!(choice["logprobs"]["token_logprobs"], json!(tokens[i]));
        assert_eq!(choice["self_reward"], ends[i]);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer_whatever_else_runs() {
    let fixture = Setup {
        rows: 3,
        ..Setup::default()
    }
    .start_qwen();
    let ask = |seed: i64| {
        fixture.chat(
            "Go on.",
            json!({"n": 4, "seed": seed, "max_tokens": 30, "return_token_ids": true}),
        )
    };
    let alone = whole(&ask(1).await);
    let (a, b, c, d) = tokio::join!(ask(2), ask(1), ask(3), ask(1));
    assert_eq!(whole(&b), alone);
    assert_eq!(whole(&d), alone);
    assert_ne!(whole(&a), whole(&c));
}
