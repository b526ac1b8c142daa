//! The official `openai` client in Python.

use std::path::Path;
use std::process::Command;

use laser_serve::{Keys, Options};
use serde_json::json;

use crate::sockets::{ask, endless, listen, until_running, until_waiting};
use crate::support::Setup;

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}{error}");
    said
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and the network: installs openai from PyPI"]
async fn the_official_client_is_served() {
    let fixture = Setup::default().start();
    let options = Options {
        keys: Keys::read("alpha"),
        ..Options::new("tiny")
    };
    let keyed = Setup {
        options,
        ..Setup::default()
    }
    .start();
    let busy = endless(1);
    let urls = [
        listen(&fixture).await,
        listen(&keyed).await,
        listen(&busy).await,
    ]
    .map(|address| format!("http://{address}"));
    let address = urls[2].trim_start_matches("http://").parse().unwrap();
    let _first = ask(address, &json!({"n": 2})).await;
    until_running(&busy, 2).await;
    let _second = ask(address, &json!({})).await;
    until_waiting(&busy, 1).await;
    let dir = tempfile::tempdir().unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let python = dir.path().join("bin/python");
        run(Command::new("python3").args(["-m", "venv"]).arg(dir.path()));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "openai==2.*"]));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openai_client.py");
        run(Command::new(&python).arg(script).args(&urls))
    });
    let said = said.await.unwrap();
    assert!(said.contains("is served"), "{said}");
    println!("{said}");
}
