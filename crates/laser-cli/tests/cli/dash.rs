//! The page of runs, alone and beside a run that trains.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr};

/// Starts a command and reads up to the address of its page.
fn start(dir: &Path, args: &[&str]) -> (Child, BufReader<ChildStderr>, String) {
    let mut command = command(dir, args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("http://") {
        assert_ne!(log.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let address = said.split("http://").nth(1).unwrap();
    let end = address.find(|c: char| c.is_whitespace() || c == '/');
    let address = address[..end.unwrap_or(address.len())].to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{said}");
    (child, log, address)
}

fn ask(address: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_page_is_served_on_loopback_to_those_who_ask_for_it_by_its_name() {
    let dir = workplace();
    std::fs::create_dir_all(dir.path().join("runs/first")).unwrap();
    std::fs::write(dir.path().join("runs/first/metrics.jsonl"), "").unwrap();
    let (mut child, _log, address) = start(dir.path(), &["dash", "runs", "--port", "0"]);
    let runs = ask(&address, "/api/runs", &address);
    let page = ask(&address, "/", "localhost");
    let rebound = ask(&address, "/api/runs", "evil.example");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        runs.contains("200 OK") && runs.contains("\"name\":\"first\""),
        "{runs}"
    );
    let policy = "content-security-policy: default-src 'none'; script-src 'self'";
    assert!(
        page.contains("<title>laser: runs</title>") && page.contains(policy),
        "{page}"
    );
    assert!(rebound.starts_with("HTTP/1.1 421"), "{rebound}");
}

#[test]
fn a_folder_that_is_none_or_a_port_that_is_taken_is_refused() {
    let dir = workplace();
    fails(
        dir.path(),
        &["dash", "nowhere"],
        2,
        &["nowhere", "Expected a folder with runs"],
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(
        dir.path(),
        &["dash", ".", "--port", &port],
        2,
        &[&port, "is in use"],
    );
    let dash = format!("--dash={port}");
    fails(
        dir.path(),
        &["train", "tiny.toml", &dash],
        2,
        &[&port, "is in use"],
    );
    assert!(
        !dir.path().join("runs/tiny").exists(),
        "nothing was started"
    );
}

#[test]
fn a_run_with_a_page_beside_it_ends_as_it_would_alone() {
    let dir = workplace();
    let run = |out: &str| ["train", "tiny.toml", "--out", out].map(str::to_owned);
    let alone = run("runs/alone");
    let alone = laser(dir.path(), &alone.each_ref().map(String::as_str));
    assert!(alone.status.success(), "{}", stderr(&alone));
    let mut watched = run("runs/watched").to_vec();
    watched.push("--dash=0".to_owned());
    let watched: Vec<&str> = watched.iter().map(String::as_str).collect();
    let (mut child, mut log, address) = start(dir.path(), &watched);
    // A run that is over before it is asked has no page any more, which is what is promised.
    if TcpStream::connect(&address).is_ok() {
        let runs = ask(&address, "/api/runs", &address);
        assert!(runs.contains("\"name\":\"alone\""), "{runs}");
    }
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    let weights = |out: &str| {
        let steps = dir.path().join("runs").join(out).join("checkpoints");
        let mut folders: Vec<_> = std::fs::read_dir(steps).unwrap().flatten().collect();
        folders.sort_by_key(|f| f.file_name());
        std::fs::read(folders.last().unwrap().path().join("model.safetensors")).unwrap()
    };
    assert!(
        weights("alone") == weights("watched"),
        "the page changed the training"
    );
}
