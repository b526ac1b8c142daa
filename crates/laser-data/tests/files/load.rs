//! Filters, duplicates, overlap and what the report says of them.

use crate::common::{folder, load, settings, text, words};
use laser_data::{Data, DataError, Dataset, Wanted};
use tempfile::TempDir;

/// A line for each problem, with its number as answer.
fn lines(problems: &[&str]) -> String {
    let line = |(at, text)| format!("{{\"prompt\": \"{text}\", \"answer\": {at}}}\n");
    problems.iter().enumerate().map(line).collect()
}

fn two(train: &[&str], test: &[&str]) -> TempDir {
    folder(&[("a.jsonl", &lines(train)), ("t.jsonl", &lines(test))])
}

fn texts(side: &Option<Dataset>) -> Vec<String> {
    side.as_ref().unwrap().problems().iter().map(text).collect()
}

const BOTH: &str = "train = [\"a.jsonl\"]\ntest = [\"t.jsonl\"]\n";
const LONG: &str = "one two three four five six seven eight nine ten";

#[test]
fn what_cannot_be_used_is_left_out_counted_and_listed() {
    let content = r#"{"prompt": "", "answer": "1"}
{"prompt": "a", "answer": ""}
{"prompt": "b", "answer": "1"}
{"prompt": "b c d", "answer": "1"}
{"prompt": [{"role": "system", "content": "s"}], "answer": "1"}
"#;
    let folder = folder(&[("a.jsonl", content)]);
    let data = load(
        "train = [\"a.jsonl\"]\nmax_prompt_tokens = 2",
        folder.path(),
    )
    .unwrap();
    assert_eq!(texts(&data.train), ["b"]);
    assert!(data.test.is_none());
    assert_eq!(
        data.report.to_string(),
        "train: 5 rows of 1 file
  a.jsonl: 5 rows as columns
  left out, empty prompt: 2 (a.jsonl:1; a.jsonl:5)
  left out, no answer: 1 (a.jsonl:2)
  left out, prompt too long: 1 (a.jsonl:4)
  problems: 1
"
    );
    let json = serde_json::to_value(&data.report).unwrap();
    assert_eq!(json["train"]["empty_prompt"]["first"][1], "a.jsonl:5");
    assert_eq!(json["files"][0]["format"], "columns");
}

#[test]
fn imitation_wants_responses_and_not_answers() {
    let content = "{\"prompt\": \"a\", \"response\": null}\n{\"prompt\": \"b\", \"response\": \"r\"}\n{\"prompt\": \"b\", \"response\": \"s\"}\n";
    let folder = folder(&[("a.jsonl", content)]);
    let settings = settings("train = [\"a.jsonl\"]");
    let (train, test) = (Wanted::RESPONSE, Wanted::ANSWER);
    let data = Data::load(&settings, folder.path(), train, test, words).unwrap();
    assert_eq!(texts(&data.train), ["b", "b"]);
    assert_eq!(data.report.train.missing_response.count, 1);
}

#[test]
fn duplicates_of_train_go_or_stay_and_those_of_test_always_stay() {
    let folder = two(&["A b.", "c", "a B"], &["x", "X!", "x?"]);
    let data = load(BOTH, folder.path()).unwrap();
    assert_eq!(texts(&data.train), ["A b.", "c"]);
    // "!" is a sign of mathematics.
    assert_eq!(texts(&data.test), ["x", "X!", "x?"]);
    assert_eq!(data.report.train.duplicates.count, 1);
    assert_eq!(data.report.train.conflicting_answers.count, 1);
    assert_eq!(data.report.test.duplicates.count, 1);
    let data = load(&format!("{BOTH}duplicates = \"keep\""), folder.path()).unwrap();
    assert_eq!(texts(&data.train).len(), 3);
    assert_eq!(data.report.train.duplicates.count, 1);
}

#[test]
fn overlap_is_dropped_kept_or_refused_and_always_counted() {
    let folder = two(&["A b.", "c"], &["a b", "d"]);
    let with = |rest: &str| load(&format!("{BOTH}{rest}"), folder.path());
    let data = with("").unwrap();
    assert_eq!(texts(&data.train), ["c"]);
    assert_eq!(data.report.train.overlap_dropped, 1);
    let data = with("overlap = \"keep\"").unwrap();
    assert_eq!(texts(&data.train), ["A b.", "c"]);
    assert_eq!(
        (
            data.report.overlap.exact.count,
            data.report.overlap.exact_test
        ),
        (1, 1)
    );
    assert!(
        data.report
            .to_string()
            .ends_with("overlap: 1 problem of test in train too (a.jsonl:1 = t.jsonl:1)\n")
    );
    let e = with("overlap = \"refuse\"").unwrap_err();
    assert_eq!(
        e.to_string(),
        "1 problem of train in test too, such as a.jsonl:1 and t.jsonl:1; data.overlap = \"drop\" leaves them out of training, \"keep\" keeps them"
    );
}

#[test]
fn near_overlap_is_told_and_can_be_dropped_or_refused() {
    let folder = two(&[&format!("{LONG} more"), "c"], &[LONG]);
    let with = |rest: &str| load(&format!("{BOTH}{rest}"), folder.path());
    let data = with("").unwrap();
    assert_eq!(texts(&data.train).len(), 2);
    let report = data.report.to_string();
    assert!(
        report.contains("near overlap: 1 problem of test, half or more of which stands in one of train (1 there)"),
        "{report}"
    );
    assert!(
        report.ends_with("  100 % of t.jsonl:1 in a.jsonl:1\n"),
        "{report}"
    );
    assert_eq!(
        texts(&with("near_overlap = \"drop\"").unwrap().train),
        ["c"]
    );
    let e = with("near_overlap = \"refuse\"").unwrap_err();
    assert!(matches!(
        e,
        DataError::Overlap {
            key: "near_overlap",
            count: 1,
            ..
        }
    ));
}

#[test]
fn a_share_is_held_out_of_train_and_stays_the_same_when_rows_are_added() {
    let problems: Vec<String> = (0..200).map(|at| format!("Problem {at}.")).collect();
    let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
    let folder = folder(&[
        ("a.jsonl", &lines(&problems[..150])),
        ("b.jsonl", &lines(&problems)),
    ]);
    let held_out = |file: &str| {
        let toml = format!("train = [\"{file}\"]\ntest_fraction = 0.2");
        let data = load(&toml, folder.path()).unwrap();
        let (train, test) = (texts(&data.train), texts(&data.test));
        assert_eq!(data.report.train.held_out, test.len());
        assert_eq!(data.report.train.overlap_dropped, 0);
        assert!(
            data.report
                .to_string()
                .contains("test: held out of train\n")
        );
        (train, test)
    };
    let (_, fewer) = held_out("a.jsonl");
    let (train, more) = held_out("b.jsonl");
    assert_eq!(train.len() + more.len(), 200);
    // The standard deviation is 6.
    assert!(more.len().abs_diff(40) < 24, "{}", more.len());
    assert!(fewer.iter().all(|problem| more.contains(problem)));
}

#[test]
fn max_rows_takes_the_first_or_a_random_choice_in_the_order_of_the_files() {
    let problems: Vec<String> = (10..60).map(|at| format!("p{at}")).collect();
    let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
    let folder = folder(&[("a.jsonl", &lines(&problems))]);
    let with = |rest: &str| {
        let toml = format!("train = [\"a.jsonl\"]\nmax_rows = 10\n{rest}");
        let data = load(&toml, folder.path()).unwrap();
        assert_eq!(data.report.train.beyond_max_rows, 40);
        texts(&data.train)
    };
    assert_eq!(with("shuffle = false"), problems[..10]);
    let chosen = with("");
    assert_eq!(chosen.len(), 10);
    assert_ne!(chosen, problems[..10]);
    assert!(chosen.is_sorted());
}
