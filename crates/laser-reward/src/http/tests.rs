use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use super::*;

const LONG: Duration = Duration::from_secs(60);

pub(crate) fn items(count: usize) -> Vec<Item> {
    (0..count)
        .map(|i| Item {
            prompt: "1+1=".into(),
            response: format!("r{i}"),
            gold: "2".into(),
            extracted: Some("2".into()),
            correct: true,
            finish: "stop",
            length: i,
        })
        .collect()
}

pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        name: "far".into(),
        url: url.into(),
        api_key_env: None,
        workers: 3,
        deadline: LONG,
        retries: 2,
    }
}

/// What a server saw of a request: its head and its body.
pub(crate) type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// The answer to the n-th request, counted from 0, with this body.
type Answer = dyn Fn(usize, &str) -> Option<(&'static str, String)>;

/// A server that answers the n-th request, counted from 0, with a status, further headers and a
/// body; without an answer it keeps the connection open and silent.
pub(crate) fn serve(
    answer: impl Fn(usize, &str) -> Option<(&'static str, String)> + Send + Sync + 'static,
) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/score", listener.local_addr().unwrap());
    let seen = Seen::default();
    let (answer, log) = (Arc::new(answer), seen.clone());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, log) = (answer.clone(), log.clone());
            thread::spawn(move || converse(stream.unwrap(), &*answer, &log));
        }
    });
    (url, seen)
}

fn converse(stream: TcpStream, answer: &Answer, log: &Seen) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let n = {
            let mut log = log.lock().unwrap();
            log.push((head, body.clone()));
            log.len() - 1
        };
        let Some((status, text)) = answer(n, &body) else {
            thread::sleep(LONG);
            return;
        };
        let length = text.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{text}"
        );
    }
}

fn score(endpoint: Endpoint, count: usize) -> Result<Vec<f64>, RewardError> {
    Http::new(endpoint)?.score(&items(count), &|| false)
}

fn error(url: &str) -> String {
    score(endpoint(url), 1).unwrap_err().to_string()
}

/// The length that a body speaks of, as its reward.
fn honest(_: usize, body: &str) -> Option<(&'static str, String)> {
    let item: serde_json::Value = serde_json::from_str(body).unwrap();
    Some(("200 OK", format!("{{\"reward\": {}.5}}", item["length"])))
}

#[test]
fn rewards_come_in_the_order_of_the_items_whatever_the_number_of_requests_at_a_time() {
    let (url, seen) = serve(honest);
    for workers in [1, 3, 50] {
        let endpoint = Endpoint {
            workers,
            ..endpoint(&url)
        };
        let expected: Vec<f64> = (0..20).map(|i| i as f64 + 0.5).collect();
        assert_eq!(score(endpoint, 20).unwrap(), expected);
    }
    let (head, body) = seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /score HTTP/1.1") && !head.contains("uthorization"));
    let item: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (item["prompt"].as_str(), item["finish"].as_str()),
        (Some("1+1="), Some("stop"))
    );
    assert_eq!(score(endpoint(&url), 0).unwrap(), Vec::<f64>::new());
}

#[test]
fn an_error_of_the_server_and_too_many_requests_are_tried_again() {
    for status in [
        "500 Internal Server Error",
        "503 Unavailable",
        "429 Too Many Requests",
    ] {
        let (url, seen) = serve(move |n, body| match n {
            0 => Some((status, "wait".into())),
            _ => honest(n, body),
        });
        assert_eq!(score(endpoint(&url), 1).unwrap(), [0.5]);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }
    let (url, seen) = serve(|_, _| Some(("502 Bad Gateway", "no".into())));
    let e = error(&url);
    assert!(
        e.contains("`far`") && e.contains("502") && e.contains("each of 3 attempts"),
        "{e}"
    );
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn other_answers_are_not_tried_again() {
    for (status, body, problem) in [
        ("400 Bad Request", "no such field", "no such field"),
        ("404 Not Found", "", "404"),
        ("401 Unauthorized", "", "api_key_env"),
        ("302 Found", "", "302"),
        ("200 OK", "hello", "not JSON"),
        ("200 OK", "{\"reward\": NaN}", "not JSON"),
        ("200 OK", "{\"reward\": \"1\"}", "not a number"),
        ("200 OK", "{}", "no field `reward`"),
    ] {
        let (url, seen) = serve(move |_, _| Some((status, body.into())));
        let e = error(&url);
        assert!(e.contains(problem) && e.contains(&url), "{status}: {e}");
        assert_eq!(seen.lock().unwrap().len(), 1, "{status}");
    }
}

#[test]
fn a_slow_endpoint_is_an_error_at_the_deadline() {
    let (url, _) = serve(|_, _| None);
    let endpoint = Endpoint {
        deadline: Duration::from_millis(200),
        ..endpoint(&url)
    };
    let started = Instant::now();
    let e = score(endpoint, 5).unwrap_err().to_string();
    assert!(e.contains("5 of 5 answers had not come after 0.2 s"), "{e}");
    assert!(started.elapsed() < LONG);
}

#[test]
fn a_refused_connection_is_an_error_after_the_retries() {
    // A port that no program of today listens on.
    let e = error("http://127.0.0.1:1");
    assert!(
        e.contains("no connection") && e.contains("3 attempts"),
        "{e}"
    );
}

#[test]
fn a_wait_can_be_cancelled() {
    let (url, seen) = serve(|_, _| None);
    let mut http = Http::new(endpoint(&url)).unwrap();
    let e = http.score(&items(2), &|| !seen.lock().unwrap().is_empty());
    assert!(matches!(e, Err(RewardError::Cancelled)), "{e:?}");
}

#[test]
fn bad_addresses_and_missing_keys_are_refused_before_anything_is_sent() {
    for url in ["", "localhost:8000", "ftp://x/y", "http://", "a b"] {
        let e = Http::new(endpoint(url)).map(drop).unwrap_err();
        assert!(e.is_bad_input() && e.to_string().contains("url"), "{e}");
    }
    let endpoint = Endpoint {
        api_key_env: Some("LASER_TEST_NO_SUCH_KEY".into()),
        ..endpoint("http://127.0.0.1:9")
    };
    let e = Http::new(endpoint).map(drop).unwrap_err().to_string();
    assert!(e.contains("LASER_TEST_NO_SUCH_KEY"), "{e}");
}

#[test]
fn a_key_is_sent_and_not_told() {
    // PATH is set in every environment in which tests run.
    let (url, seen) = serve(|_, _| Some(("403 Forbidden", String::new())));
    let endpoint = Endpoint {
        api_key_env: Some("PATH".into()),
        ..endpoint(&url)
    };
    let e = score(endpoint, 1).unwrap_err().to_string();
    let path = std::env::var("PATH").unwrap();
    assert!(!e.contains(path.trim()), "{e}");
    let head = seen.lock().unwrap()[0].0.to_lowercase();
    assert!(
        head.contains(&format!("authorization: bearer {}", path.to_lowercase())),
        "{head}"
    );
}
