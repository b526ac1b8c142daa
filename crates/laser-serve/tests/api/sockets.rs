//! Clients that come over a socket, go away, or are too many.

use std::time::{Duration, Instant};

use laser_web::{Address, Limits, Listener, guard, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Fixture, Setup};

/// Endless answers on two rows.
pub fn endless(queue: usize) -> Fixture {
    let setup = Setup {
        rows: 2,
        queue,
        capacity: 150_000,
        ..Setup::default()
    };
    setup.start()
}

/// Listens with the fixture's router.
pub async fn listen(fixture: &Fixture) -> std::net::SocketAddr {
    let listener = Listener::bind(Address::loopback(0)).await.unwrap();
    let address = listener.address();
    let router = guard(fixture.router.clone(), listener.hosts());
    let (never, hurry) = (std::future::pending(), std::future::pending());
    tokio::spawn(serve(listener, router, Limits::default(), never, hurry));
    address
}

pub async fn ask(address: std::net::SocketAddr, more: &Value) -> TcpStream {
    let mut body = json!({"model": "tiny", "messages": [{"role": "user", "content": "a"}]});
    body = crate::support::merged(body, more.clone());
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream
}

/// Reads until a text was seen.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..n]);
        let so_far = String::from_utf8_lossy(&seen);
        if so_far.contains(text) {
            return so_far.into_owned();
        }
        assert!(n > 0, "{text} does not come: {so_far}");
    }
}

async fn running(fixture: &Fixture) -> u64 {
    fixture.get("/health").await.json()["running"]
        .as_u64()
        .unwrap()
}

/// Waits until a number of `/health` has a value.
async fn until(fixture: &Fixture, key: &str, value: u64) {
    let began = Instant::now();
    loop {
        let health = fixture.get("/health").await.json();
        if health[key] == value {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{health}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until so many samples are running.
pub async fn until_running(fixture: &Fixture, samples: u64) {
    until(fixture, "running", samples).await;
}

/// Waits until so many samples wait.
pub async fn until_waiting(fixture: &Fixture, samples: u64) {
    until(fixture, "waiting", samples).await;
}

#[tokio::test]
async fn tokens_are_sent_as_they_are_sampled() {
    let fixture = endless(8);
    let address = listen(&fixture).await;
    let mut stream = ask(address, &json!({"stream": true})).await;
    let seen = read_until(&mut stream, "\"content\":\"a\"").await;
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(
        seen.to_lowercase()
            .contains("content-type: text/event-stream"),
        "{seen}"
    );
    assert_eq!(running(&fixture).await, 1);
}

#[tokio::test]
async fn when_a_client_goes_away_its_rows_are_free() {
    let fixture = endless(8);
    let address = listen(&fixture).await;
    for more in [
        json!({"stream": true, "n": 2}),
        json!({"n": 2}),
        json!({"laser": {"vote": "majority", "n": 2}}),
        json!({"stream": true, "laser": {"vote": "majority", "n": 2}}),
    ] {
        let stream = ask(address, &more).await;
        until_running(&fixture, 2).await;
        drop(stream);
        until_running(&fixture, 0).await;
    }
    let metrics = fixture.get("/metrics").await.text;
    assert!(
        metrics.contains("laser_requests_cancelled_total 4"),
        "{metrics}"
    );
    assert!(metrics.contains("laser_requests_in_flight 0"), "{metrics}");
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let fixture = endless(1);
    let address = listen(&fixture).await;
    let first = ask(address, &json!({"n": 2})).await;
    until_running(&fixture, 2).await;
    let second = ask(address, &json!({})).await;
    until_waiting(&fixture, 1).await;
    let reply = fixture.chat("a", json!({})).await;
    assert_eq!(reply.status, 429);
    assert_eq!(
        (&reply.error()["type"], &reply.error()["code"]),
        (&json!("rate_limit_error"), &json!("queue_full"))
    );
    assert_eq!(reply.headers["retry-after"], "1");
    drop((first, second));
    until_running(&fixture, 0).await;
    assert_eq!(fixture.chat("=", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_stop_lets_running_answers_end() {
    let fixture = Setup {
        rows: 2,
        capacity: 20_000,
        ..Setup::default()
    }
    .start();
    let listener = Listener::bind(Address::loopback(0)).await.unwrap();
    let address = listener.address();
    let router = guard(fixture.router.clone(), listener.hosts());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let hurry = std::future::pending();
    let stopped = async { stopped.await.unwrap() };
    let served = tokio::spawn(serve(listener, router, Limits::default(), stopped, hurry));
    let mut stream = ask(address, &json!({"stream": true, "max_tokens": 4000})).await;
    read_until(&mut stream, "\"content\":\"a\"").await;
    stop.send(()).unwrap();
    read_until(&mut stream, "data: [DONE]").await;
    assert!(served.await.unwrap());
    assert!(TcpStream::connect(address).await.is_err());
}
