//! What is not answered, and how that is said.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use laser_serve::{Keys, Options};
use serde_json::{Value, json};

use crate::support::{Setup, post};

fn assert_error(error: &Value, param: Value, code: &str) {
    assert_eq!(
        (&error["param"], &error["code"]),
        (&param, &json!(code)),
        "{error}"
    );
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_in_json() {
    let fixture = Setup::default().start();
    let reply = fixture.get("/v1/embeddings").await;
    assert_eq!(reply.status, 404);
    assert_error(&reply.error(), Value::Null, "unknown_url");
    let reply = fixture.get("/v1/chat/completions").await;
    assert_eq!(reply.status, 405);
    assert_error(&reply.error(), Value::Null, "method_not_allowed");
    assert_eq!(reply.headers[header::ALLOW], "POST");
    let reply = fixture.get("/v1/models/gpt-4").await;
    assert_eq!(reply.status, 404);
    assert_error(&reply.error(), json!("model"), "model_not_found");
}

#[tokio::test]
async fn another_model_is_not_found() {
    let fixture = Setup::default().start();
    let reply = fixture.chat("=", json!({"model": "gpt-4"})).await;
    assert_eq!(reply.status, 404);
    let error = reply.error();
    assert_error(&error, json!("model"), "model_not_found");
    assert!(
        error["message"].as_str().unwrap().contains("'tiny'"),
        "{error}"
    );
}

#[tokio::test]
async fn bodies_are_refused_by_type_length_and_form() {
    let options = Options {
        max_body: 200,
        ..Options::new("tiny")
    };
    let fixture = Setup {
        options,
        ..Setup::default()
    }
    .start();
    let path = "/v1/chat/completions";
    let reply = fixture
        .send(Request::post(path).body(Body::from("{}")).unwrap())
        .await;
    assert_eq!(reply.status, 415);
    assert_error(&reply.error(), Value::Null, "unsupported_media_type");
    let form =
        Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(
        fixture
            .send(form.body(Body::from("{}")).unwrap())
            .await
            .status,
        415
    );
    let reply = fixture.send(post(path, "x".repeat(201))).await;
    assert_eq!(reply.status, 413);
    assert_error(&reply.error(), Value::Null, "request_too_large");
    // A body without a length is cut off at the same place.
    let parts = vec![
        Ok::<_, std::io::Error>("x".repeat(150)),
        Ok("x".repeat(150)),
    ];
    let body = Body::from_stream(futures_util::stream::iter(parts));
    assert_eq!(fixture.send(post(path, body)).await.status, 413);
    let reply = fixture.send(post(path, "{\"model\": \"tiny\",\n}")).await;
    assert_eq!(reply.status, 400);
    let error = reply.error();
    assert_error(&error, Value::Null, "invalid_json");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("line 2 column 1"),
        "{error}"
    );
    let broken = vec![Ok("{"), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(broken));
    assert_eq!(fixture.send(post(path, body)).await.status, 400);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let options = Options {
        body_timeout: Duration::from_millis(20),
        ..Options::new("tiny")
    };
    let fixture = Setup {
        options,
        ..Setup::default()
    }
    .start();
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    let reply = fixture
        .send(post("/v1/completions", Body::from_stream(never)))
        .await;
    assert_eq!(reply.status, 408);
    assert_error(&reply.error(), Value::Null, "request_timeout");
}

#[tokio::test]
async fn what_does_not_fit_into_the_context_is_refused_with_its_numbers() {
    let fixture = Setup::default().start();
    for (prompt, more) in [
        ("a".repeat(256), json!({})),
        ("a".repeat(300), json!({"max_tokens": 1})),
        ("a".repeat(100), json!({"max_tokens": 157})),
    ] {
        let reply = fixture.chat(&prompt, more).await;
        assert_eq!(reply.status, 400);
        let error = reply.error();
        assert_error(&error, json!("messages"), "context_length_exceeded");
        assert!(
            error["message"].as_str().unwrap().contains("256"),
            "{error}"
        );
    }
    assert_eq!(
        fixture
            .chat(&"=".repeat(100), json!({"max_tokens": 156}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn ids_outside_the_vocabulary_and_empty_prompts_are_refused() {
    let fixture = Setup::default().start();
    let reply = fixture.complete(json!([1, 999]), json!({})).await;
    assert_eq!(reply.status, 400);
    assert!(reply.error()["message"].as_str().unwrap().contains("999"));
    let reply = fixture.complete(json!(""), json!({})).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.error()["param"]),
        (400, &json!("prompt"))
    );
    let reply = fixture.chat("", json!({})).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.error()["param"]),
        (400, &json!("messages"))
    );
}

#[tokio::test]
async fn a_conversation_that_the_template_does_not_take_is_refused_in_its_words() {
    let fixture = Setup::default().start();
    let messages = json!([{"role": "tool", "content": "x"}]);
    let reply = fixture.chat("", json!({"messages": messages})).await;
    assert_eq!(reply.status, 400);
    let error = reply.error();
    assert_eq!(error["param"], "messages");
    assert!(
        error["message"].as_str().unwrap().contains("no tools here"),
        "{error}"
    );
}

#[tokio::test]
async fn without_one_of_the_keys_nothing_is_answered() {
    let options = Options {
        keys: Keys::read("alpha\nbeta"),
        ..Options::new("tiny")
    };
    let fixture = Setup {
        options,
        ..Setup::default()
    }
    .start();
    let with = |path: &str, key: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        request.body(Body::empty()).unwrap()
    };
    for key in [None, Some("gamma")] {
        let reply = fixture.send(with("/v1/models", key)).await;
        assert_eq!(reply.status, 401);
        assert_error(&reply.error(), Value::Null, "invalid_api_key");
        assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    assert_eq!(fixture.chat("=", json!({})).await.status, 401);
    assert_eq!(fixture.complete(json!("="), json!({})).await.status, 401);
    assert_eq!(fixture.get("/metrics").await.status, 401);
    assert_eq!(
        fixture.send(with("/v1/models", Some("beta"))).await.status,
        200
    );
    assert_eq!(
        fixture.send(with("/metrics", Some("alpha"))).await.status,
        200
    );
    // Whoever watches over the service needs no key.
    assert_eq!(fixture.get("/health").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_ended() {
    let options = Options {
        timeout: Duration::from_millis(30),
        ..Options::new("tiny")
    };
    let fixture = Setup {
        capacity: 150_000,
        rows: 2,
        options,
        ..Setup::default()
    }
    .start();
    let reply = fixture.chat("a", json!({})).await;
    assert_eq!(reply.status, 504);
    assert_error(&reply.error(), Value::Null, "timeout");
    // A stream has begun by then: the error is its last event, and no [DONE] follows.
    let reply = fixture.chat("a", json!({"stream": true})).await;
    assert_eq!(reply.status, 200);
    let last = reply
        .text
        .trim_end()
        .rsplit("\n\n")
        .next()
        .unwrap()
        .to_owned();
    assert!(
        last.contains("\"code\":\"timeout\"") && last.starts_with("data: {\"error\""),
        "{last}"
    );
}

#[tokio::test]
async fn after_the_word_to_stop_no_request_is_taken() {
    let fixture = Setup::default().start();
    assert!(fixture.server.drain(Duration::from_secs(1)));
    let reply = fixture.chat("=", json!({})).await;
    assert_eq!(reply.status, 503);
    assert_error(&reply.error(), Value::Null, "shutting_down");
}
