//! Several samples, of which one is answered.

use serde_json::{Value, json};

use crate::support::{Reply, Setup, merged};

/// The clamped self-rewards of the three answers.
const WEIGHTS: [(&str, f64); 3] = [("1", 0.1), ("2", 0.9), ("3", 0.3)];

#[track_caller]
fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() < 1e-4,
        "{value} instead of {expected}"
    );
}

fn laser(reply: &Reply) -> Value {
    reply.json()["choices"][0]["laser"].clone()
}

#[tokio::test]
async fn a_vote_is_that_of_the_samples_with_the_same_seed() {
    let fixture = Setup::default().start();
    let samples = fixture.chat("=", json!({"n": 16, "seed": 1})).await.json();
    let samples: Vec<&str> = samples["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["message"]["content"].as_str().unwrap())
        .collect();
    let count = |answer: &str| samples.iter().filter(|s| **s == answer).count();
    let weight = |answer: &str| WEIGHTS.iter().find(|w| w.0 == answer).unwrap().1;
    let total = |answer: &str| count(answer) as f64 * weight(answer);
    for (rule, winner, confidence) in [
        ("majority", "1", count("1") as f64 / 16.0),
        ("weighted", "2", total("2") / 16.0),
        ("best", "2", 0.9),
    ] {
        let ask = json!({"seed": 1, "laser": {"vote": rule, "n": 16}});
        let reply = fixture.chat("=", ask).await;
        let answer = reply.json();
        assert_eq!(answer["choices"].as_array().unwrap().len(), 1);
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["content"], winner, "{rule}");
        near(&choice["self_reward"], weight(winner));
        let laser = &choice["laser"];
        assert_eq!(
            (&laser["answer"], &laser["sampled"], &laser["abstained"]),
            (&json!(winner), &json!(16), &json!(false))
        );
        near(&laser["confidence"], confidence);
        assert_eq!(
            (&laser["tokens"], &answer["usage"]["completion_tokens"]),
            (&json!(32), &json!(32))
        );
        let votes = laser["votes"].as_array().unwrap();
        assert_eq!(
            votes[0]["answer"], samples[0],
            "groups are in order of appearance"
        );
        for vote in votes {
            let answer = vote["answer"].as_str().unwrap();
            assert_eq!(vote["count"], count(answer));
            near(&vote["weight"], total(answer));
        }
        assert_eq!(
            laser["sample"],
            samples.iter().position(|s| *s == winner).unwrap()
        );
    }
}

#[tokio::test]
async fn an_adaptive_vote_without_error_ends_sooner_with_the_same_answer() {
    let fixture = Setup::default().start();
    let mut saved = 0;
    for seed in 0..12 {
        for rule in ["majority", "weighted"] {
            let full = json!({"seed": seed, "laser": {"vote": rule, "n": 16}});
            let early = json!({"seed": seed, "laser": {"vote": rule, "adaptive": {"max": 16}}});
            let (full, early) = (
                fixture.chat("=", full).await,
                fixture.chat("=", early).await,
            );
            let (full, early) = (laser(&full), laser(&early));
            assert_eq!(
                full["answer"], early["answer"],
                "{rule} {seed}: {full} {early}"
            );
            assert_eq!(full["sampled"], 16);
            saved += 16 - early["sampled"].as_u64().unwrap();
        }
    }
    assert!(saved > 0);
    let loose =
        json!({"seed": 1, "laser": {"vote": "majority", "adaptive": {"error": 0.2, "max": 16}}});
    let loose = laser(&fixture.chat("=", loose).await);
    assert!(loose["sampled"].as_u64().unwrap() <= 16);
}

#[tokio::test]
async fn an_adaptive_vote_is_the_same_whatever_else_runs() {
    let fixture = Setup {
        rows: 3,
        ..Setup::default()
    }
    .start();
    let ask =
        json!({"seed": 9, "laser": {"vote": "majority", "adaptive": {"error": 0.3, "max": 16}}});
    let first = laser(&fixture.chat("=", ask.clone()).await);
    for _ in 0..8 {
        let (a, _, b) = tokio::join!(
            fixture.chat("=", ask.clone()),
            fixture.chat("b", json!({"n": 8, "max_tokens": 100})),
            fixture.chat("=", ask.clone()),
        );
        assert_eq!((laser(&a), laser(&b)), (first.clone(), first.clone()));
    }
}

#[tokio::test]
async fn below_the_threshold_there_is_no_answer() {
    let fixture = Setup::default().start();
    let ask = json!({"seed": 1, "logprobs": true, "laser": {"vote": "weighted", "n": 16, "abstain_below": 0.95}});
    let reply = fixture.chat("=", ask.clone()).await.json();
    let choice = &reply["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["logprobs"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        choice["message"]["refusal"]
            .as_str()
            .unwrap()
            .contains("0.95")
    );
    assert_eq!(choice["laser"]["abstained"], true);
    // In a stream the refusal comes as a part of the message.
    let chunks = fixture
        .chat("=", merged(ask.clone(), json!({"stream": true})))
        .await
        .chunks();
    let deltas: Vec<&Value> = chunks.iter().map(|c| &c["choices"][0]["delta"]).collect();
    assert_eq!(deltas[1]["refusal"], choice["message"]["refusal"]);
    assert!(deltas[1].get("content").is_none());
    assert_eq!(chunks[2]["choices"][0]["laser"]["abstained"], true);
    let text = fixture
        .complete(json!("="), json!({"laser": ask["laser"]}))
        .await
        .json();
    assert_eq!(
        (
            &text["choices"][0]["text"],
            &text["choices"][0]["laser"]["abstained"]
        ),
        (&json!(""), &json!(true))
    );
    let ask = json!({"seed": 1, "laser": {"vote": "majority", "n": 16, "abstain_below": 0.2}});
    assert_eq!(laser(&fixture.chat("=", ask).await)["abstained"], false);
}

#[tokio::test]
async fn the_stream_of_a_vote_is_its_answer_in_chunks() {
    let fixture = Setup::default().start();
    let ask = json!({"seed": 1, "laser": {"vote": "weighted", "n": 16}});
    let whole = fixture.chat("=", ask.clone()).await.json();
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let chunks = fixture.chat("=", merged(ask, more)).await.chunks();
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "2");
    let last = &chunks[2]["choices"][0];
    assert_eq!(last["laser"], whole["choices"][0]["laser"]);
    assert_eq!(last["self_reward"], whole["choices"][0]["self_reward"]);
    assert_eq!(chunks[3]["usage"], whole["usage"]);
}

#[tokio::test]
async fn responses_without_an_answer_have_no_vote() {
    let fixture = Setup::default().start();
    let ask = json!({"max_tokens": 4, "laser": {"vote": "weighted", "n": 4}});
    let reply = fixture.chat("a", ask).await.json();
    let choice = &reply["choices"][0];
    assert_eq!(choice["message"]["content"], "aaaa");
    let laser = &choice["laser"];
    assert_eq!(
        (&laser["answer"], &laser["votes"]),
        (&Value::Null, &json!([]))
    );
    near(&laser["confidence"], 0.0);
    assert_eq!(choice["finish_reason"], "length");
}

#[tokio::test]
async fn without_a_self_reward_only_a_majority_can_be_asked_for() {
    let fixture = Setup {
        self_reward: false,
        ..Setup::default()
    }
    .start();
    for rule in ["weighted", "best"] {
        let reply = fixture.chat("=", json!({"laser": {"vote": rule}})).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.error()["param"], "laser.vote");
    }
    let laser = laser(
        &fixture
            .chat("=", json!({"laser": {"vote": "majority"}}))
            .await,
    );
    assert_eq!(laser["sampled"], 8);
}
