//! Over real sockets: hosts, headers, slow clients, clients that leave, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{StatusCode, header};
use axum::routing::get;
use laser_web::{Address, Limits, Listener, guard, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Service {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    hurry: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

async fn start(router: Router, limits: Limits) -> Service {
    let listener = Listener::bind(Address::loopback(0)).await.unwrap();
    let address = listener.address();
    let router = guard(router, listener.hosts());
    let (stop, stopped) = oneshot::channel::<()>();
    let (hurry, hurried) = oneshot::channel::<()>();
    let ended = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        // A sender that is dropped hurries nobody.
        let hurried = async {
            if hurried.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        serve(listener, router, limits, stopped, hurried).await
    });
    Service {
        address,
        stop,
        hurry,
        ended,
    }
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn request(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

fn hello() -> Router {
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
        (
            [(header::CACHE_CONTROL, "max-age=60")],
            format!("hello {}", peer.ip()),
        )
    };
    Router::new().route("/", get(peer))
}

#[tokio::test]
async fn answers_have_the_headers_that_they_do_not_set_themselves() {
    let service = start(hello(), Limits::default()).await;
    let answer = ask(service.address, &request("localhost")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("hello 127.0.0.1"), "{answer}");
    for line in [
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'",
        "cross-origin-resource-policy: same-origin",
        "cache-control: max-age=60",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    assert!(!answer.contains("no-store"), "{answer}");
}

#[tokio::test]
async fn a_name_of_elsewhere_is_not_answered_on_loopback() {
    let service = start(hello(), Limits::default()).await;
    for asked in [
        request("evil.example"),
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".into(),
    ] {
        let answer = ask(service.address, &asked).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
        assert!(answer.contains("x-content-type-options"), "{answer}");
        assert!(answer.contains("misdirected_request"), "{answer}");
    }
}

#[tokio::test]
async fn a_running_answer_ends_before_the_service_does() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "done"
    };
    let service = start(Router::new().route("/", get(slow)), Limits::default()).await;
    let answer = tokio::spawn(async move { ask(service.address, &request("localhost")).await });
    // An idle connection does not hold the end up.
    let _idle = TcpStream::connect(service.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    service.stop.send(()).unwrap();
    assert!(answer.await.unwrap().ends_with("done"));
    assert!(service.ended.await.unwrap());
    assert!(TcpStream::connect(service.address).await.is_err());
}

#[tokio::test]
async fn the_end_does_not_wait_longer_than_the_drain_or_a_second_word() {
    let never = || async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        StatusCode::OK
    };
    for hurried in [false, true] {
        let drain = Duration::from_millis(if hurried { 600_000 } else { 200 });
        let limits = Limits {
            drain,
            ..Limits::default()
        };
        let service = start(Router::new().route("/", get(never)), limits).await;
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let head = request("localhost");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = Instant::now();
        service.stop.send(()).unwrap();
        if hurried {
            service.hurry.send(()).unwrap();
        }
        assert!(!service.ended.await.unwrap());
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_client_leaves() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = dropped.clone();
    let wait = move || {
        let flag = Flag(seen.clone());
        async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            drop(flag);
        }
    };
    let service = start(Router::new().route("/", get(wait)), Limits::default()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let head = request("localhost");
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!dropped.load(Ordering::SeqCst));
    drop(stream);
    for _ in 0..500 {
        if dropped.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the handler still runs");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_and_frees_its_place() {
    let limits = Limits {
        connections: 1,
        head: Duration::from_millis(200),
        ..Limits::default()
    };
    let service = start(hello(), limits).await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    slow.write_all(b"GET / HT").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The only place is taken; this one waits for it.
    let answer = ask(service.address, &request("localhost")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
}
