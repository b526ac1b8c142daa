//! `laser serve` as a process: it says where it listens, answers, and ends when told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr};

use super::models::{with_self_reward, write};
use super::*;

/// Starts a server on a free port; also its address and what it has not said yet.
fn serve(dir: &Path, args: &[&str]) -> (Child, String, BufReader<ChildStderr>) {
    let all = [
        &["serve", "--model", "model", "--port", "0", "--rows", "2"],
        args,
    ]
    .concat();
    let mut child = command(dir, &all).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 && !line.starts_with("listening on http://") {
        line.clear();
    }
    let Some(rest) = line.strip_prefix("listening on http://") else {
        panic!("it ended without listening: {:?}", child.wait());
    };
    let address = rest.split(';').next().unwrap().to_owned();
    (child, address, said)
}

/// Status line and body of an answer.
fn ask(address: &str, request: &str, body: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, serde_json::from_str(body).unwrap())
}

fn terminate(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap().code()
}

#[test]
fn a_model_is_served_until_the_process_is_told_to_end() {
    let dir = with_self_reward("qwen2");
    let (mut child, address, mut said) = serve(dir.path(), &["--served-name", "tiny"]);
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut curl = String::new();
    said.read_line(&mut curl).unwrap();
    assert!(
        curl.contains("/v1/chat/completions") && curl.contains("\"tiny\""),
        "{curl}"
    );
    let body = r#"{"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4, "seed": 1}"#;
    let (status, answer) = ask(&address, "POST /v1/chat/completions", body);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    assert_eq!(
        ask(&address, "GET /v1/models", "").1["data"][0]["self_reward"],
        true
    );
    assert_eq!(terminate(&mut child), Some(0));
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn answers_that_do_not_end_in_time_are_cut_off() {
    let dir = with_self_reward("qwen2");
    // Without an end token the answers go on to the end of the context.
    let (mut child, address, mut said) = serve(dir.path(), &["--drain-seconds", "0"]);
    let body = r#"{"model": "model", "prompt": "a", "max_tokens": 500, "n": 64}"#;
    let asked = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let length = body.len();
        write!(stream, "POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let _open = stream;
        std::thread::sleep(std::time::Duration::from_secs(2));
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(terminate(&mut child), Some(1));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("stopped before all answers had ended"),
        "{rest}"
    );
    asked.join().unwrap();
}

#[test]
fn keys_addresses_and_memory_are_checked_before_anything_is_served() {
    let dir = with_self_reward("qwen2");
    let serve = ["serve", "--model", "model", "--port", "0"];
    let with = |more: &[&'static str]| [&serve[..], more].concat();
    write(&dir, "keys", "# none yet\n");
    fails(
        dir.path(),
        &with(&["--api-key-file", "keys"]),
        2,
        &["keys", "no key in it"],
    );
    fails(dir.path(), &with(&["--api-key-file", "gone"]), 2, &["gone"]);
    let many = with(&["--rows", "4096", "--threads", "256"]);
    fails(dir.path(), &many, 2, &["GiB", "--rows"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["serve", "--model", "model", "--port", &port];
    fails(dir.path(), &args, 2, &["in use", "--port"]);
    write(&dir, "keys", "alpha\n");
    let (mut child, address, _) = self::serve(dir.path(), &["--api-key-file", "keys"]);
    let (status, answer) = ask(&address, "GET /v1/models", "");
    assert!(status.contains("401"), "{status}");
    assert_eq!(answer["error"]["code"], "invalid_api_key");
    assert_eq!(terminate(&mut child), Some(0));
}
