//! The whole way from a run's folder to the page.

mod synthetic;

use std::fs;
use std::path::Path;

use laser_report::{Files, ReportError, RunData, render, write};
use tempfile::TempDir;

fn run(steps: u32) -> TempDir {
    let dir = TempDir::new().unwrap();
    synthetic::write_run(dir.path(), steps);
    dir
}

fn page(dir: &Path) -> String {
    render(&RunData::load(dir).unwrap())
}

/// A page from a summary alone.
fn page_of(summary: &str) -> String {
    let files = Files {
        summary: summary.to_owned(),
        ..Files::default()
    };
    render(&RunData::parse(&files, Path::new("run")).unwrap())
}

/// Every attribute value that draws is made of finite numbers, and nothing printed is NaN.
fn assert_finite(html: &str) {
    for word in ["NaN", "inf\"", " inf", "infinity", "-inf", "−inf"] {
        assert!(!html.contains(word), "the page contains {word:?}");
    }
    let mut drawn = 0;
    for name in ["d", "x", "y", "width", "height", "cx", "cy", "viewBox"] {
        for value in html.split(&format!(" {name}=\"")).skip(1) {
            let value = value.split('"').next().unwrap();
            let numbers = value
                .split(|c: char| c.is_ascii_alphabetic() && c != 'e' || matches!(c, ' ' | ','))
                .filter(|n| !n.is_empty());
            for number in numbers {
                // A relative offset may touch the number before it: "4-4".
                for part in number
                    .replace('-', " -")
                    .split(' ')
                    .filter(|p| !p.is_empty())
                {
                    let value: f64 = part.parse().unwrap_or_else(|_| panic!("{name}={value:?}"));
                    assert!(
                        value.abs() < 5_000.0,
                        "{name}: {value} is far off the picture"
                    );
                    drawn += 1;
                }
            }
        }
    }
    assert!(drawn > 10, "only {drawn} coordinates");
}

/// Every element that opens closes, in order.
fn assert_balanced(html: &str) {
    const VOID: [&str; 2] = ["meta", "br"];
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag that does not end");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closing </{name}>");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
        if tag.ends_with('/') || VOID.contains(&name) {
            continue;
        }
        open.push(name.to_owned());
        if matches!(name, "script" | "style") {
            rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

const FIGURES: [&str; 15] = [
    "warm-loss",
    "reward",
    "self-verification",
    "log-probabilities",
    "seconds",
    "scores",
    "reliability",
    "votes",
    "gain",
    "entropy",
    "grad-norm",
    "clip-fraction",
    "kl",
    "length",
    "truncated",
];

#[test]
fn a_full_run_has_every_section_and_every_figure_drawn() {
    let dir = run(120);
    let html = page(dir.path());
    for id in [
        "headline",
        "story",
        "training",
        "knowing",
        "voting",
        "health",
        "metrics",
        "responses",
        "recipe",
        "notes",
    ] {
        assert!(
            html.contains(&format!("<section id=\"{id}\"")),
            "section {id}"
        );
    }
    for id in FIGURES
        .iter()
        .chain(&["scores-base", "votes-base", "warm-accuracy"])
    {
        let figure = html
            .split(&format!("<figure id=\"{id}\">"))
            .nth(1)
            .expect(id);
        let figure = figure.split("</figure>").next().unwrap();
        assert!(figure.contains("<svg viewBox"), "figure {id} is not drawn");
    }
    assert_finite(&html);
    assert_balanced(&html);
    assert_eq!(html.matches("<article class=\"sample\"").count(), 20);
    assert!(html.contains(
        "Weighted voting beats majority voting at K\u{a0}=\u{a0}8 by 3.0 points [1.8, 4.2]."
    ));
    assert!(html.contains("1 h 42 min"));
}

#[test]
fn a_run_on_written_responses_has_its_losses_and_no_empty_figure() {
    let summary = r#"{"recipe": "sft", "steps": 4,
        "base": {"loss": {"value": 4.0, "low": 3.9, "high": 4.1}, "accuracy": {"value": null}},
        "final": {"loss": {"value": 0.5, "low": 0.4, "high": 0.6}, "accuracy": {"value": null},
                  "maj_at": {"1": {"value": null}}}}"#;
    let line = |step: u64, prepared: bool| {
        let mut line = serde_json::json!({
            "step": step, "seconds": {"train": 0.1}, "sft/loss": 4.0 / step as f64,
            "optim/grad_norm": 1.0, "optim/lr": 1e-3,
        });
        if prepared {
            line["sft/self_logp"] = (-3.0 * step as f64).into();
        }
        format!("{line}\n")
    };
    let page = |prepared| {
        let files = Files {
            summary: summary.to_owned(),
            metrics: Some((1..5).map(|step| line(step, prepared)).collect()),
            evals: Some("{\"step\": 2, \"loss\": {\"value\": 1.5}}\n".to_owned()),
            ..Files::default()
        };
        render(&RunData::parse(&files, Path::new("run")).unwrap())
    };
    let html = page(false);
    assert_finite(&html);
    assert_balanced(&html);
    for id in ["loss", "grad-norm", "learning-rate", "seconds"] {
        assert!(html.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    assert!(html.contains("held-out, step 2: 1.5"));
    assert!(html.contains("fell from 4.000 to 0.500"));
    assert_eq!(html.matches("<article class=\"card\">").count(), 1);
    for absent in [
        "Accuracy",
        "accuracy",
        "0.0\u{a0}%",
        "measured none",
        "elf-verification",
        "no judged",
    ] {
        assert!(!html.contains(absent), "{absent:?} is on the page");
    }
    assert!(page(true).contains("<figure id=\"prepared\">"));
}

#[test]
fn markup_in_the_data_stays_text() {
    let dir = TempDir::new().unwrap();
    let evil = synthetic::INJECTION;
    let summary = serde_json::json!({"recipe": evil});
    fs::write(dir.path().join("summary.json"), summary.to_string()).unwrap();
    fs::write(
        dir.path().join("config.toml"),
        format!("# {evil}</pre></details>"),
    )
    .unwrap();
    let result = serde_json::json!({
        "prompt": evil, "response": evil, "gold": evil, "extracted": evil, "finish": evil,
        "correct": false, "self_reward": 0.9,
    });
    fs::write(dir.path().join("results.jsonl"), result.to_string()).unwrap();
    let metric = serde_json::json!({"step": 1, "seconds": {evil: 2.0}});
    fs::write(dir.path().join("metrics.jsonl"), metric.to_string()).unwrap();
    let html = page(dir.path());
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(!html.contains("<img"));
    assert!(html.matches("&lt;script&gt;alert(&#39;x&#39;)").count() >= 8);
    assert_balanced(&html);
}

#[test]
fn the_page_asks_nothing_of_the_network() {
    let html = page(run(30).path());
    for word in ["http:", "https:", "src=", "href=", "@import", "url("] {
        // The injected markup carries a src, escaped: only the tag would matter.
        let html = html.replace("img src=x", "");
        assert!(!html.contains(word), "the page contains {word:?}");
    }
}

#[test]
fn five_hundred_steps_stay_under_a_megabyte_and_five_thousand_under_one_and_a_half() {
    assert!(page(run(500).path()).len() < 700_000);
    assert!(page(run(5_000).path()).len() < 1_500_000);
}

#[test]
fn the_same_run_gives_the_same_page() {
    let dir = run(40);
    assert_eq!(page(dir.path()), page(dir.path()));
}

#[test]
fn runs_of_no_one_and_few_steps_are_drawn() {
    for steps in [0, 1, 2, 13] {
        let html = page(run(steps).path());
        assert_finite(&html);
        assert_balanced(&html);
    }
}

#[test]
fn an_empty_summary_gives_a_page_that_says_what_is_missing() {
    for summary in [
        "{}",
        r#"{"base":null,"final":null,"calibration":null,"tokens_per_second":null}"#,
    ] {
        let html = page_of(summary);
        assert_balanced(&html);
        assert_finite(&html);
        assert!(html.contains("there is nothing to tell"));
        assert!(html.contains("The run measured none of this."));
        assert!(html.contains("no judged responses"));
    }
}

#[test]
fn nulls_and_absurd_numbers_in_a_summary_are_left_out() {
    let html = page_of(
        r#"{"base": {"accuracy": {"value": null, "low": null, "high": null}, "pass_at": {"1": null}},
            "final": {"accuracy": {"value": 0.5, "low": 0.6}, "maj_at": {"8": {"value": 1e308}},
                      "weighted_minus_maj": {"0": {"value": 0.1}, "4294967295": {"value": 0.1}}},
            "steps": null, "seconds": -3, "c_ref": 1e99, "beta_v": 0,
            "calibration": {"bins": [{"low": 0, "high": 0, "count": 0, "mean_score": null},
                                     {"low": 0, "high": 0.1, "count": 3, "mean_score": 0.05, "accuracy": 7}],
                            "histogram": {"low": 1, "high": 1, "correct": [1], "incorrect": null}}}"#,
    );
    assert_finite(&html);
    assert_balanced(&html);
    assert!(html.contains("Accuracy is 50.0\u{a0}%; the base model was not measured."));
}

#[test]
fn constant_and_extreme_series_stay_on_the_picture() {
    let mut metrics = String::new();
    for step in [1_u64, 1, 3, 900_000_000_000] {
        let line = serde_json::json!({
            "step": step, "optim/grad_norm": 1e99, "policy/kl": -1e-300, "policy/entropy": 0.0,
            "reward/verifier": 1.0, "self_reward/f1": 40.0, "self_reward/logp_correct": -1e90,
            "seconds": {"rollout": -4.0, "train": 1e300, "verify": null, "odd": "text"},
        });
        metrics.push_str(&format!("{line}\n\n"));
    }
    let files = Files {
        summary: "{}".to_owned(),
        metrics: Some(metrics),
        ..Files::default()
    };
    let html = render(&RunData::parse(&files, Path::new("run")).unwrap());
    assert_finite(&html);
    assert_balanced(&html);
}

#[test]
fn warnings_and_skipped_steps_are_told_and_otherwise_not_mentioned() {
    let page = |metrics: &str| {
        let files = Files {
            summary: "{}".to_owned(),
            metrics: Some(metrics.to_owned()),
            ..Files::default()
        };
        render(&RunData::parse(&files, Path::new("run")).unwrap())
    };
    let html = page(
        "{\"step\":3,\"warnings\":[{\"smell\":\"x\",\"text\":\"entropy <fell>\"}]}\n\
         {\"step\":4,\"optim/skipped\":1,\"optim/skipped_because\":\"the loss is NaN-like\"}\n",
    );
    assert_balanced(&html);
    assert!(html.contains("<li>Step 3: entropy &lt;fell&gt;</li>"));
    assert!(html.contains("<li>Step 4: the step was skipped"));
    assert!(!page("{\"step\":3,\"warnings\":null}\n").contains("id=\"warnings\""));
}

#[test]
fn lines_without_a_step_follow_the_line_before() {
    let files = Files {
        summary: "{}".to_owned(),
        metrics: Some("{}\n{\"step\":7}\n{\"phase\":\"sft\"}\n{\"step\":null}\n".to_owned()),
        ..Files::default()
    };
    let data = RunData::parse(&files, Path::new("run")).unwrap();
    let numbers: Vec<_> = data.steps.iter().map(|s| s.step).collect();
    assert_eq!(numbers, [Some(1), Some(7), Some(8)]);
    assert_eq!(data.warm_start[0].step, Some(1));
}

#[test]
fn a_cut_or_garbled_line_is_an_error_that_names_file_and_line() {
    for (file, good, bad) in [
        ("metrics.jsonl", "{\"step\":1}\n\n", "{\"step\":2,\"rewa"),
        ("metrics.jsonl", "", "{\"reward/mean\": NaN}"),
        ("metrics.jsonl", "{}\n", "[1, 2]"),
        ("evals.jsonl", "{\"step\":1}\n", "{\"accuracy\":{}}"),
        ("results.jsonl", "{}\n{}\n", "{\"correct\":\"maybe\"}"),
    ] {
        let dir = run(3);
        fs::write(dir.path().join(file), format!("{good}{bad}\n")).unwrap();
        let error = RunData::load(dir.path()).unwrap_err();
        let line = good.lines().count() + 1;
        let text = error.to_string();
        assert!(matches!(error, ReportError::Line { .. }), "{text}");
        assert!(text.contains(&format!("{file}, line {line}: ")), "{text}");
        assert!(text.contains("delete that line, or resume"), "{text}");
    }
}

#[test]
fn a_missing_or_broken_summary_is_an_error_that_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let text = RunData::load(dir.path()).unwrap_err().to_string();
    assert!(text.contains("summary.json: not found") && text.contains("let the run finish"));
    fs::write(dir.path().join("summary.json"), "{\"steps\": \n 12,").unwrap();
    let text = RunData::load(dir.path()).unwrap_err().to_string();
    assert!(
        text.contains("summary.json: ") && text.contains("line 2"),
        "{text}"
    );
    fs::write(dir.path().join("summary.json"), [0xff, 0xfe]).unwrap();
    let error = RunData::load(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::Read { .. }), "{error}");
}

#[test]
fn writing_replaces_the_page_and_leaves_no_temporary_file() {
    let dir = run(5);
    fs::write(dir.path().join("report.html"), "old").unwrap();
    let path = write(dir.path()).unwrap();
    assert_eq!(path, dir.path().join("report.html"));
    assert!(fs::read_to_string(&path).unwrap().ends_with("</html>\n"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6);
}

#[test]
fn a_page_that_cannot_be_put_in_place_is_an_error_and_leaves_nothing_behind() {
    let dir = run(5);
    fs::create_dir_all(dir.path().join("report.html/in the way")).unwrap();
    let error = write(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::Write { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6);
}
