//! Questions to the router over made-up folders of runs.

use std::fs;
use std::io::Write;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use laser_dash::{Dash, PAGE_POLICY, REPORT_POLICY, router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// Markup that must come out as text.
const MARKUP: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>";

struct Page {
    folder: TempDir,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

impl Page {
    /// A folder with the runs `a` and `b`.
    fn new() -> Page {
        let folder = tempfile::tempdir().unwrap();
        for (name, lr) in [("a", 0.1), ("b", 0.2)] {
            let run = folder.path().join(name);
            fs::create_dir_all(run.join("samples")).unwrap();
            let recipe = format!("name = '{name}'\nsteps = 9\noptimizer.lr = {lr}\n");
            fs::write(run.join("config.toml"), recipe).unwrap();
            fs::write(run.join("metrics.jsonl"), step(1, 0.25) + &step(2, 0.5)).unwrap();
            fs::write(run.join("run.lock"), "").unwrap();
        }
        Page::of(folder)
    }

    fn of(folder: TempDir) -> Page {
        let router = router(Dash::new(folder.path()).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        Page {
            folder,
            router,
            runtime,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, method: &str, address: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(address);
        let request = request.body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = answer.into_parts();
            let bytes = to_bytes(body, usize::MAX).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            (parts.status, parts.headers, text)
        })
    }

    fn json(&self, address: &str) -> Value {
        let (status, _, body) = self.ask("GET", address);
        assert_eq!(status, StatusCode::OK, "{address}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The status of a refusal, which must be JSON and say something.
    fn refused(&self, method: &str, address: &str) -> u16 {
        let (status, _, body) = self.ask(method, address);
        let body: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{address}: {body}"));
        assert_eq!(body["status"], status.as_u16(), "{address}");
        assert!(body["error"].as_str().unwrap().len() > 10, "{address}");
        status.as_u16()
    }

    fn id(&self, name: &str) -> String {
        let runs = self.json("/api/runs");
        let runs = runs["runs"].as_array().unwrap();
        let run = runs.iter().find(|r| r["name"] == name).unwrap();
        run["id"].as_str().unwrap().to_owned()
    }

    fn figure(&self, words: &str) -> String {
        let id = self.id("a");
        let answer = self.json(&format!("/api/curves?runs={id}.0&{words}"));
        answer["figures"][0]["svg"].as_str().unwrap().to_owned()
    }
}

fn step(number: u32, right: f64) -> String {
    let line = json!({"step": number, "reward/verifier": right, "optim/lr": 0.1, "seconds": {"train": 30}, "tokens": {"rollout": 100}});
    format!("{line}\n")
}

fn response(text: &str, correct: bool, score: f64) -> String {
    let line = json!({"prompt": "p", "response": text, "gold": "1", "extracted": null, "correct": correct,
        "reward": 0, "reward_parts": {"brief": 0.5}, "self_reward": score, "length": 3, "finish": "stop"});
    format!("{line}\n")
}

fn append(path: &Path, text: &str) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_page_and_its_parts_are_served_under_a_strict_policy() {
    let page = Page::new();
    let (status, headers, html) = page.ask("GET", "/");
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], PAGE_POLICY);
    assert!(!html.contains("style=") && !html.contains(" onclick") && !html.contains("http://1"));
    let sources = html
        .split("/assets/")
        .skip(1)
        .map(|s| s.split('"').next().unwrap());
    let mut names: Vec<String> = sources.map(str::to_owned).collect();
    assert_eq!(names, ["report.css", "dash.css", "app.js"]);
    // Every module that a script imports is there too.
    let mut at = 0;
    while at < names.len() {
        let (status, headers, text) = page.ask("GET", &format!("/assets/{}", names[at]));
        assert_eq!(status, StatusCode::OK, "{}", names[at]);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!text.contains("https://"), "{} asks the network", names[at]);
        for import in text.split("from \"./").skip(1) {
            let name = import.split('"').next().unwrap().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        at += 1;
    }
    assert_eq!(names.len(), 12);
    assert_eq!(page.refused("GET", "/assets/other.js"), 404);
}

#[test]
fn runs_are_listed_with_state_step_and_results() {
    let page = Page::new();
    let lock = fs::File::open(page.path("b/run.lock")).unwrap();
    lock.lock().unwrap();
    append(&page.path("a/metrics.jsonl"), &step(3, 0.75));
    let answer = page.json("/api/runs");
    let runs = answer["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let short = |run: &Value| {
        let keys = [
            "name", "recipe", "state", "step", "steps", "accuracy", "tested", "report",
        ];
        Value::from_iter(keys.map(|k| run[k].clone()))
    };
    assert_eq!(
        short(&runs[0]),
        json!(["a", "a", "stopped", 3, 9, 0.75, false, false])
    );
    assert_eq!(
        short(&runs[1]),
        json!(["b", "b", "running", 2, 9, 0.5, false, false])
    );
    assert!(runs[0]["age"].as_f64().unwrap() < 60.0);
    assert_eq!(answer["looks"].as_array().unwrap().len(), 12);
}

#[test]
fn curves_grow_with_the_file_and_start_anew_with_it() {
    let page = Page::new();
    let metrics = page.path("a/metrics.jsonl");
    let figure = || page.figure("keys=reward/verifier");
    assert!(figure().contains("step 2\na: 50.0 %"));
    append(&metrics, "{\"step\":3,\"reward/");
    assert!(!figure().contains("step 3"), "half a line waits");
    append(&metrics, "verifier\":0.75}\n");
    assert!(figure().contains("step 3\na: 75.0 %"));
    fs::write(&metrics, step(1, 0.125)).unwrap();
    let anew = figure();
    assert!(anew.contains("a: 12.5 %") && !anew.contains("step 3"));
    fs::remove_file(&metrics).unwrap();
    assert!(figure().contains("None of the chosen runs"));
}

#[test]
fn keys_are_grouped_and_unreadable_lines_are_told() {
    let page = Page::new();
    append(&page.path("a/metrics.jsonl"), "broken\n[1]\n\u{0}\n");
    let test = "{\"step\":2,\"accuracy\":{\"value\":0.5,\"low\":0.25,\"high\":0.75}}\n";
    fs::write(page.path("a/evals.jsonl"), test).unwrap();
    let id = page.id("a");
    let answer = page.json(&format!("/api/keys?runs={id}.0"));
    let groups: Vec<(&str, usize)> = (answer["groups"].as_array().unwrap().iter())
        .map(|g| {
            (
                g["name"].as_str().unwrap(),
                g["keys"].as_array().unwrap().len(),
            )
        })
        .collect();
    let expected = [
        ("overview", 2),
        ("optim", 1),
        ("reward", 1),
        ("seconds", 1),
        ("test", 1),
        ("tokens", 1),
    ];
    assert_eq!(groups, expected);
    let told = "a: 3 unreadable lines in metrics.jsonl, the first is line 3";
    assert_eq!(answer["unreadable"], json!([told]));
    let figure = page.figure("keys=test/accuracy&x=seconds");
    assert!(figure.contains("50.0 % [25.0 %, 75.0 %]") && figure.contains("whisker"));
}

#[test]
fn runs_over_one_another_differ_in_colour_and_dash_and_axes_can_be_changed() {
    let page = Page::new();
    let (a, b) = (page.id("a"), page.id("b"));
    let answer = page.json(&format!(
        "/api/curves?runs={a}.0,{b}.7,gone.3&keys=optim/lr,reward/verifier"
    ));
    let svg = answer["figures"][1]["svg"].as_str().unwrap();
    assert!(
        svg.contains("class=\"line c1\"") && svg.contains("class=\"line c2\""),
        "{svg}"
    );
    assert_eq!(
        answer["legend"].as_str().unwrap().matches("<li>").count(),
        2
    );
    assert!(
        page.figure("keys=reward/verifier&x=tokens")
            .contains("200 tokens\n")
    );
    assert!(
        page.figure("keys=reward/verifier&x=seconds")
            .contains("1 min 0 s\n")
    );
    assert!(page.figure("keys=reward/verifier&log=1").contains(">0.5<"));
    append(&page.path("a/metrics.jsonl"), &step(3, -0.5));
    assert!(
        page.figure("keys=reward/verifier&log=1")
            .contains("not all values are positive")
    );
    // The second dozen of colours is told apart by its dashes: every pair is used once.
    let looks = page.json("/api/runs")["looks"].as_array().unwrap().clone();
    let classes = |l: &Value| {
        l.as_str()
            .unwrap()
            .split('"')
            .find(|w| w.starts_with("line "))
            .unwrap()
            .to_owned()
    };
    let mut classes: Vec<String> = looks.iter().map(classes).collect();
    classes.sort();
    classes.dedup();
    assert_eq!(classes.len(), 12);
}

#[test]
fn a_long_run_is_thinned_and_smoothed() {
    let page = Page::new();
    let lines: String = (1..=20_000).map(|i| step(i, f64::from(i % 2))).collect();
    fs::write(page.path("a/metrics.jsonl"), lines).unwrap();
    let smooth = page.figure("keys=reward/verifier&smooth=20");
    assert!(smooth.len() < 60_000, "{}", smooth.len());
    assert!(smooth.contains("class=\"dots"));
    assert!(
        !page
            .figure("keys=reward/verifier&smooth=0")
            .contains("class=\"dots")
    );
    assert_ne!(smooth, page.figure("keys=reward/verifier&smooth=100"));
}

#[test]
fn responses_are_chosen_sorted_and_paged() {
    let page = Page::new();
    let first = response("one", true, 0.9) + &response("two", false, 0.8) + "oops\n";
    fs::write(page.path("a/samples/step-1.jsonl"), first).unwrap();
    let last: String = (0..60)
        .map(|i| response(&format!("n{i}"), true, 0.1))
        .collect();
    fs::write(page.path("a/results.jsonl"), last).unwrap();
    fs::write(page.path("a/samples/step-2.jsonl.partial"), "half").unwrap();
    let at = format!("/api/runs/{}", page.id("a"));
    let files = page.json(&format!("{at}/files"));
    let expected =
        json!([{"name": "step-1.jsonl", "step": 1}, {"name": "results.jsonl", "step": null}]);
    assert_eq!(files["files"], expected);
    let list = |words: &str| page.json(&format!("{at}/responses?{words}"));
    let all = list("sort=believed&limit=2");
    assert_eq!((&all["total"], &all["matched"]), (&json!(62), &json!(62)));
    assert_eq!(all["rows"][0]["response"], "two");
    assert_eq!(
        all["unreadable"],
        json!(["1 unreadable line in step-1.jsonl, the first is line 3"])
    );
    let page_two = list("file=results.jsonl&offset=50&limit=50");
    assert_eq!(page_two["rows"].as_array().unwrap().len(), 10);
    assert_eq!(page_two["rows"][0]["index"], 50);
    for (words, matched) in [
        ("correct=wrong", 1),
        ("correct=right&min=0.5", 1),
        ("max=0.5&q=N5", 11),
        ("finish=length", 0),
        ("q=%C3%B6", 0),
    ] {
        assert_eq!(list(words)["matched"], matched, "{words}");
    }
    let one = page.json(&format!("{at}/responses/step-1.jsonl/1"));
    assert_eq!(one["response"]["reward_parts"]["brief"], 0.5);
    for gone in [
        "step-1.jsonl/2",
        "step-1.jsonl/x",
        "step-9.jsonl/0",
        "metrics.jsonl/0",
    ] {
        assert_eq!(page.refused("GET", &format!("{at}/responses/{gone}")), 404);
    }
    // A file that is written anew is read anew.
    fs::write(page.path("a/results.jsonl"), response("new", false, 0.5)).unwrap();
    assert_eq!(list("file=results.jsonl")["total"], 1);
}

#[test]
fn calibration_is_drawn_for_each_step_on_one_axis() {
    let page = Page::new();
    let first = response("", true, 0.5) + &response("", false, 0.5);
    fs::write(page.path("a/samples/step-1.jsonl"), &first).unwrap();
    let unscored = "{\"response\":\"cut\",\"correct\":false,\"self_reward\":null}\n";
    fs::write(page.path("a/samples/step-5.jsonl"), unscored).unwrap();
    let at = format!("/api/runs/{}/calibration", page.id("a"));
    let drawn = page.json(&format!("{at}?file=step-1.jsonl"));
    assert_eq!((&drawn["right"], &drawn["wrong"]), (&json!(1), &json!(1)));
    let [scores, reliability] = [0, 1].map(|i| drawn["figures"][i].as_str().unwrap());
    assert!(scores.contains("Self-rewards, step 1") && reliability.contains("Reliability"));
    let none = page.json(&format!("{at}?file=step-5.jsonl"));
    assert_eq!(
        (&none["figures"], &none["without_score"]),
        (&Value::Null, &json!(1))
    );
    assert_eq!(page.refused("GET", &format!("{at}?file=step-7.jsonl")), 404);
    assert_eq!(page.refused("GET", &at), 400);
}

#[test]
fn recipes_differ_key_by_key_and_a_broken_one_is_told() {
    let page = Page::new();
    let runs = format!("{}.0,{}.1", page.id("a"), page.id("b"));
    let answer = page.json(&format!("/api/recipes?runs={runs}"));
    let rows = json!([
        ["name", ["\"a\"", "\"b\""]],
        ["optimizer.lr", ["0.1", "0.2"]]
    ]);
    assert_eq!((&answer["rows"], &answer["same"]), (&rows, &json!(1)));
    fs::write(page.path("b/config.toml"), "a = [").unwrap();
    let answer = page.json(&format!("/api/recipes?runs={runs}"));
    assert_eq!(answer["runs"], json!(["a"]));
    assert!(
        answer["unreadable"][0]
            .as_str()
            .unwrap()
            .starts_with("b: config.toml cannot be read")
    );
}

#[test]
fn warnings_are_told_as_they_are() {
    let page = Page::new();
    let line = json!({"step": 3, "warnings": [{"smell": "zc_drift", "text": MARKUP}]});
    append(&page.path("a/metrics.jsonl"), &format!("{line}\n"));
    let answer = page.json(&format!("/api/warnings?runs={}.0", page.id("a")));
    assert_eq!(answer[0]["warnings"][0]["text"], MARKUP);
}

#[test]
fn markup_in_names_keys_and_responses_never_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("<img src=x onerror=1>");
    fs::create_dir_all(run.join("samples")).unwrap();
    let line = json!({"step": 1, format!("a{MARKUP}"): 0.5});
    fs::write(run.join("metrics.jsonl"), format!("{line}\n")).unwrap();
    fs::write(
        run.join("samples/step-1.jsonl"),
        response(MARKUP, true, 0.5),
    )
    .unwrap();
    let page = Page::of(folder);
    let id = page.json("/api/runs")["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let key: String = format!("a{MARKUP}")
        .bytes()
        .map(|b| format!("%{b:02x}"))
        .collect();
    let answer = page.json(&format!("/api/curves?runs={id}.0&keys={key}"));
    for drawn in [&answer["figures"][0]["svg"], &answer["legend"]] {
        let drawn = drawn.as_str().unwrap();
        assert!(drawn.contains("&lt;img") && !drawn.contains("<img") && !drawn.contains("<script"));
    }
    // Responses are JSON, which no browser takes for a page; the page sets them as text.
    let (_, headers, _) = page.ask("GET", &format!("/api/runs/{id}/responses"));
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[test]
fn nothing_outside_the_folder_or_off_the_list_is_served() {
    let page = Page::new();
    fs::write(page.path("secret.txt"), "secret").unwrap();
    fs::write(page.path("a/report.html"), "<script>1</script>").unwrap();
    let id = page.id("a");
    let (status, headers, html) = page.ask("GET", &format!("/runs/{id}/report.html"));
    assert_eq!(
        (status, html.as_str()),
        (StatusCode::OK, "<script>1</script>")
    );
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], REPORT_POLICY);
    assert!(REPORT_POLICY.starts_with("sandbox") && !REPORT_POLICY.contains("allow-same-origin"));
    for address in [
        format!("/runs/{id}/run.lock"),
        format!("/runs/{id}/metrics.jsonl"),
        format!("/runs/{id}/..%2Fsecret.txt"),
        format!("/runs/{id}/%2e%2e/secret.txt"),
        format!("/runs/{id}/../secret.txt"),
        "/runs/a/config.toml".into(),
        "/runs/..%2F../config.toml".into(),
        "/runs/%2e%2e%2f%2e%2e%2fetc/passwd".into(),
        "/assets/..%2f..%2fCargo.toml".into(),
        "/secret.txt".into(),
        format!("/api/runs/{id}/responses?file=..%2F..%2Fsecret.txt"),
        format!("/api/runs/{id}/responses/..%2Fmetrics.jsonl/0"),
        format!("/api/runs/{id}/calibration?file=%2Fetc%2Fpasswd"),
    ] {
        assert_eq!(page.refused("GET", &address), 404, "{address}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_outside_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("report.html"), "secret").unwrap();
    fs::write(outside.path().join("config.toml"), "name = 'secret'").unwrap();
    fs::write(
        outside.path().join("step-1.jsonl"),
        response("secret", true, 0.5),
    )
    .unwrap();
    let page = Page::new();
    symlink(outside.path(), page.path("linked")).unwrap();
    let link = |from: &str, to: &str| symlink(outside.path().join(from), page.path(to)).unwrap();
    link("report.html", "a/report.html");
    link("step-1.jsonl", "a/samples/step-1.jsonl");
    fs::remove_file(page.path("a/config.toml")).unwrap();
    link("config.toml", "a/config.toml");
    let listed = page.json("/api/runs");
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("secret"));
    let id = page.id("a");
    assert_eq!(page.refused("GET", &format!("/runs/{id}/report.html")), 404);
    assert_eq!(page.json(&format!("/api/runs/{id}/responses"))["total"], 0);
    let recipes = page.json(&format!("/api/recipes?runs={id}.0"));
    assert_eq!(recipes["unreadable"], json!(["a: there is no config.toml"]));
}

#[test]
fn only_get_and_head_are_answered_and_every_refusal_is_json() {
    let page = Page::new();
    let (status, _, body) = page.ask("HEAD", "/api/runs");
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert_eq!(page.refused(method, "/api/runs"), 405);
        assert_eq!(page.refused(method, "/"), 405);
    }
    let id = page.id("a");
    let thirteen = format!("{id}.0,").repeat(13);
    for address in [
        format!("/api/curves?runs={id}.12"),
        format!("/api/curves?runs={id}.x"),
        format!("/api/curves?runs={thirteen}"),
        format!("/api/curves?runs={id}.0&x=furlongs"),
        format!("/api/curves?runs={id}.0&smooth=1001"),
        format!("/api/runs/{id}/responses?sort=nonsense"),
        format!("/api/runs/{id}/responses?min=low"),
    ] {
        assert_eq!(page.refused("GET", &address), 400, "{address}");
    }
    assert_eq!(page.refused("GET", "/api/runs/0123456789abcdef/files"), 404);
}

#[test]
fn an_empty_folder_has_no_runs_and_a_missing_one_is_an_error() {
    let page = Page::of(tempfile::tempdir().unwrap());
    assert_eq!(page.json("/api/runs")["runs"], json!([]));
    assert_eq!(page.json("/api/keys")["groups"][0]["keys"], json!([]));
    let error = Dash::new(page.path("nowhere")).err().unwrap().to_string();
    assert!(
        error.contains("nowhere") && error.contains("Expected a folder with runs"),
        "{error}"
    );
}
