//! The hub, played by a server in the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use laser_model::hub::{HubError, HubSettings, resolve};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NAME: &str = "org/tiny.model";

/// A hub with one model; it notes the first line of every request, and the token.
struct Hub {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What the hub answers instead of a file or the listing.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Status and error code of the listing.
    listing: Option<(u16, &'static str)>,
    /// Status of every file.
    file: Option<u16>,
    /// Only these bytes of a file come, of all that are announced.
    cut: Option<usize>,
}

type Files = BTreeMap<&'static str, Vec<u8>>;

impl Hub {
    fn start(files: Files, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        // The thread ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &files, faults, &log);
            }
        });
        Hub { address, requests }
    }

    fn settings(&self, home: &Path) -> HubSettings {
        HubSettings {
            endpoint: self.address.clone(),
            ..HubSettings::in_home(home)
        }
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

/// Answers one request and closes the connection.
fn serve(stream: TcpStream, files: &Files, faults: Faults, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&stream).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let (mut range, mut host) = (None, String::new());
    let mut token = String::new();
    for line in lines {
        let line = line.unwrap();
        let Some((key, value)) = line.split_once(": ") else {
            break;
        };
        match key.to_lowercase().as_str() {
            "host" => host = value.to_owned(),
            "range" => range = value.strip_prefix("bytes=").map(str::to_owned),
            "authorization" => token = format!(" {value}"),
            _ => {}
        }
    }
    let path = request.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().push(format!("{path}{token}"));
    let (status, headers, body) = answer(&path, &host, range.as_deref(), files, faults);
    let sent = match faults.cut {
        Some(n) if status == 206 && range.as_deref() != Some("0-0") => &body[..n.min(body.len())],
        _ => &body[..],
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    // The client may have gone: then the test fails by what it got.
    let _ = (&stream).write_all(&[head.as_bytes(), sent].concat());
}

fn answer(
    path: &str,
    host: &str,
    range: Option<&str>,
    files: &Files,
    faults: Faults,
) -> (u16, String, Vec<u8>) {
    if path.starts_with(&format!("/api/models/{NAME}/revision/")) {
        if let Some((status, code)) = faults.listing {
            return (status, format!("X-Error-Code: {code}\r\n"), b"{}".to_vec());
        }
        let sibling = |(name, body): (&&str, &Vec<u8>)| serde_json::json!({"rfilename": name, "size": body.len()});
        let siblings: Vec<_> = files.iter().map(sibling).collect();
        let body = serde_json::json!({"sha": COMMIT, "siblings": siblings});
        return (200, String::new(), body.to_string().into_bytes());
    }
    let (stored, file) = match path.strip_prefix("/store/") {
        Some(file) => (true, Some(file)),
        None => (
            false,
            path.strip_prefix(&format!("/{NAME}/resolve/{COMMIT}/")),
        ),
    };
    let Some((name, body)) = file.and_then(|f| files.get_key_value(f)) else {
        return (404, String::new(), Vec::new());
    };
    if name.ends_with("safetensors") && !stored && faults.file.is_none() {
        // Large files are kept elsewhere, which knows nothing of commits.
        let headers = format!(
            "Location: http://{host}/store/{name}\r\nX-Linked-Etag: \"{name}\"\r\n\
             X-Repo-Commit: {COMMIT}\r\n"
        );
        return (302, headers, Vec::new());
    }
    if let Some(status) = faults.file {
        return (status, String::new(), Vec::new());
    }
    let (from, to) = range.and_then(|r| r.split_once('-')).unwrap();
    let from: usize = from.parse().unwrap();
    let to = to.parse().map_or(body.len(), |to: usize| to + 1);
    let commit = match stored {
        true => String::new(),
        false => format!("ETag: \"{name}\"\r\nX-Repo-Commit: {COMMIT}\r\n"),
    };
    let headers = format!(
        "{commit}Content-Range: bytes {from}-{}/{}\r\n",
        to - 1,
        body.len()
    );
    (206, headers, body[from..to].to_vec())
}

fn files(names: &[&'static str]) -> Files {
    let body = |name: &&'static str| (*name, format!("the bytes of {name}").into_bytes());
    names.iter().map(body).collect()
}

fn whole() -> Files {
    files(&[
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "tokenizer.json",
        "tokenizer_config.json",
    ])
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn error(name: &str, revision: Option<&str>, settings: &HubSettings) -> HubError {
    resolve(name, revision, settings).unwrap_err()
}

#[test]
fn a_model_is_downloaded_once_and_then_taken_from_the_cache_without_a_request() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(whole(), Faults::default());
    let settings = hub.settings(home.path());
    let folder = resolve(NAME, None, &settings).unwrap();
    let read = [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names(&folder), read);
    for name in read {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(bytes, format!("the bytes of {name}").into_bytes());
    }
    let requests = hub.requests();
    assert!(
        requests[0].starts_with("/api/models/org/tiny.model/revision/main?"),
        "{requests:?}"
    );
    assert!(
        !requests
            .iter()
            .any(|r| r.contains("pytorch") || r.contains("README"))
    );
    for (revision, offline) in [(None, false), (Some(COMMIT), false), (None, true)] {
        let settings = HubSettings {
            offline,
            ..settings.clone()
        };
        assert_eq!(resolve(NAME, revision, &settings).unwrap(), folder);
    }
    assert!(hub.requests().is_empty());
    // The layout of the Python library.
    let repository = home.path().join("hub/models--org--tiny.model");
    assert_eq!(folder, repository.join("snapshots").join(COMMIT));
    let main = std::fs::read_to_string(repository.join("refs/main")).unwrap();
    assert_eq!(main, COMMIT);
    assert_eq!(
        names(&repository.join(".no_exist").join(COMMIT)),
        ["special_tokens_map.json"]
    );
}

#[test]
fn shards_are_those_of_the_index_and_a_missing_one_is_fetched_again() {
    let home = tempfile::tempdir().unwrap();
    let mut all = whole();
    let (one, two) = ("model-1-of-2.safetensors", "model-2-of-2.safetensors");
    all.extend(files(&[one, two, "model-other.safetensors"]));
    let index = serde_json::json!({"weight_map": {"a": one, "b": two, "c": one}});
    all.insert(
        "model.safetensors.index.json",
        index.to_string().into_bytes(),
    );
    let hub = Hub::start(all, Faults::default());
    let settings = hub.settings(home.path());
    let folder = resolve(NAME, Some("a/branch"), &settings).unwrap();
    assert!(folder.join(one).exists() && folder.join(two).exists());
    assert!(!folder.join("model.safetensors").exists());
    assert!(!folder.join("model-other.safetensors").exists());
    assert!(hub.requests()[0].contains("/revision/a%2Fbranch?"));
    std::fs::remove_file(folder.join(two)).unwrap();
    let offline = HubSettings {
        offline: true,
        ..settings.clone()
    };
    let message = error(NAME, Some("a/branch"), &offline).to_string();
    assert!(message.contains(two), "{message}");
    assert_eq!(resolve(NAME, Some("a/branch"), &settings).unwrap(), folder);
    assert!(folder.join(two).exists());
    assert!(hub.requests().iter().skip(1).all(|r| r.ends_with(two)));
}

#[test]
fn a_cache_that_does_not_know_of_an_optional_file_stays_at_its_commit() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(whole(), Faults::default());
    let settings = hub.settings(home.path());
    let folder = resolve(NAME, None, &settings).unwrap();
    hub.requests();
    std::fs::remove_file(folder.join("tokenizer_config.json")).unwrap();
    assert_eq!(resolve(NAME, None, &settings).unwrap(), folder);
    assert!(hub.requests()[0].contains(&format!("/revision/{COMMIT}?")));
    assert!(folder.join("tokenizer_config.json").exists());
}

#[test]
fn a_folder_is_used_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let settings = HubSettings::in_home(home.path());
    let folder = home.path().to_str().unwrap();
    assert_eq!(
        resolve(folder, None, &settings).unwrap(),
        PathBuf::from(folder)
    );
    let message = error(folder, Some("main"), &settings).to_string();
    assert!(
        message.starts_with("revision 'main': the model is a folder"),
        "{message}"
    );
}

#[test]
fn what_is_no_name_or_no_revision_is_refused_before_any_request() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(whole(), Faults::default());
    let settings = hub.settings(home.path());
    for name in [
        "", "model", "./org", "a/b/c", "../x", "org/..", "o rg/x", "org/x?y", "-a/b", "a/b--c",
    ] {
        let message = error(name, None, &settings).to_string();
        let start = format!("'{name}' is neither a folder");
        assert!(message.starts_with(&start), "{message}");
    }
    for revision in ["", "a/../b", "/a", "a b", "a?b"] {
        assert!(matches!(
            error(NAME, Some(revision), &settings),
            HubError::Revision { .. }
        ));
    }
    assert!(hub.requests().is_empty());
}

#[test]
fn each_refusal_of_the_hub_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    for (listing, expected) in [
        ((404, "RepoNotFound"), "check the name, or set HF_TOKEN"),
        (
            (404, "RevisionNotFound"),
            "has no revision 'v9'; give a branch",
        ),
        ((401, "RepoNotFound"), "set HF_TOKEN to a token"),
        ((403, "GatedRepo"), "its licence has to be accepted"),
        ((503, ""), "status 503; try again later"),
        ((200, ""), "not the listing of a repository"),
    ] {
        let faults = Faults {
            listing: Some(listing),
            ..Faults::default()
        };
        let hub = Hub::start(whole(), faults);
        let message = error(NAME, Some("v9"), &hub.settings(home.path())).to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(NAME), "{message}");
    }
    for (status, expected) in [
        (401, "set HF_TOKEN to a token"),
        (500, "/config.json: the hub answered with status 500"),
    ] {
        let faults = Faults {
            file: Some(status),
            ..Faults::default()
        };
        let hub = Hub::start(whole(), faults);
        let message = error(NAME, None, &hub.settings(home.path())).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_repository_without_a_needed_file_is_refused_by_the_file() {
    for without in ["config.json", "tokenizer.json", "model.safetensors"] {
        let home = tempfile::tempdir().unwrap();
        let mut files = whole();
        files.remove(without);
        let hub = Hub::start(files, Faults::default());
        let message = error(NAME, None, &hub.settings(home.path())).to_string();
        let start = format!("'{NAME}' has no {without} at revision 'main'");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_shard_outside_of_the_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut files = whole();
    let index = br#"{"weight_map": {"a": "../../x.safetensors"}}"#;
    files.insert("model.safetensors.index.json", index.to_vec());
    let hub = Hub::start(files, Faults::default());
    let message = error(NAME, None, &hub.settings(home.path())).to_string();
    assert!(
        message.contains("\"../../x.safetensors\" is not the name of a file"),
        "{message}"
    );
}

#[test]
fn without_a_network_the_remedy_is_a_folder() {
    let home = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = HubSettings {
        endpoint: format!("http://127.0.0.1:{port}"),
        ..HubSettings::in_home(home.path())
    };
    let message = error(NAME, None, &settings).to_string();
    assert!(message.contains("cannot be reached"), "{message}");
    assert!(message.contains("give the folder instead"), "{message}");
}

#[test]
fn offline_says_which_file_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let settings = HubSettings {
        offline: true,
        endpoint: "http://127.0.0.1:9".into(),
        ..HubSettings::in_home(home.path())
    };
    let missing = |expected: &str| {
        let message = error(NAME, None, &settings).to_string();
        let part = format!("has no {expected} of '{NAME}' at revision 'main'");
        assert!(message.contains(&part), "{message}");
    };
    missing("config.json");
    let repository = settings.cache.join("models--org--tiny.model");
    let folder = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), COMMIT).unwrap();
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    missing("tokenizer.json");
    std::fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    missing("model.safetensors");
    std::fs::write(folder.join("model.safetensors"), "").unwrap();
    assert_eq!(resolve(NAME, None, &settings).unwrap(), folder);
    std::fs::write(repository.join("refs/main"), "nonsense").unwrap();
    let message = error(NAME, None, &settings).to_string();
    assert!(
        message.contains("refs/main: it should hold the hash"),
        "{message}"
    );
}

#[test]
fn the_token_is_shown_to_the_hub_and_not_in_debug_output() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(whole(), Faults::default());
    let settings = HubSettings {
        token: Some("hf_secret".into()),
        ..hub.settings(home.path())
    };
    resolve(NAME, None, &settings).unwrap();
    assert!(
        hub.requests()
            .iter()
            .all(|r| r.ends_with(" Bearer hf_secret"))
    );
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn a_file_that_ends_early_is_no_file_and_the_next_run_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let faults = Faults {
        cut: Some(3),
        ..Faults::default()
    };
    let mut small = whole();
    // Three retries of three bytes are not enough.
    small.insert("config.json", vec![b'x'; 64]);
    let hub = Hub::start(small.clone(), faults);
    error(NAME, None, &hub.settings(home.path()));
    let hub = Hub::start(small, Faults::default());
    let folder = resolve(NAME, None, &hub.settings(home.path())).unwrap();
    assert_eq!(
        std::fs::read(folder.join("config.json")).unwrap(),
        [b'x'; 64]
    );
}

#[test]
fn the_environment_is_read_as_the_python_library_reads_it() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let read = |variables: &[(&str, String)]| {
        let map: BTreeMap<_, _> = variables.iter().cloned().collect();
        HubSettings::from_variables(|name| map.get(name).cloned())
    };
    let settings = read(&[("HOME", at("user"))]);
    assert_eq!(
        settings.cache,
        home.path().join("user/.cache/huggingface/hub")
    );
    assert_eq!(settings.endpoint, "https://huggingface.co");
    assert_eq!((settings.token, settings.offline), (None, false));
    let settings = read(&[("HOME", at("user")), ("XDG_CACHE_HOME", at("x"))]);
    assert_eq!(settings.cache, home.path().join("x/huggingface/hub"));
    std::fs::write(at("token"), "from_file\n").unwrap();
    let base = ("HF_HOME", at(""));
    let settings = read(&[
        base.clone(),
        ("HF_ENDPOINT", "http://mirror/".into()),
        ("HF_HUB_OFFLINE", "yes".into()),
    ]);
    assert_eq!(settings.cache, home.path().join("hub"));
    assert_eq!(settings.endpoint, "http://mirror");
    assert_eq!(
        (settings.token.as_deref(), settings.offline),
        (Some("from_file"), true)
    );
    let settings = read(&[
        base,
        ("HF_TOKEN", " mine ".into()),
        ("HF_HUB_CACHE", at("c")),
        ("HF_HUB_OFFLINE", "0".into()),
    ]);
    assert_eq!(settings.cache, home.path().join("c"));
    assert_eq!(
        (settings.token.as_deref(), settings.offline),
        (Some("mine"), false)
    );
}
