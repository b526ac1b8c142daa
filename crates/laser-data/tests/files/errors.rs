//! What is wrong with rows is told with place, expectation and remedy.

use crate::common::{folder, kept, load, settings, words};
use laser_data::{Data, DataError, Problem, Wanted};

/// The error of a train file with these lines.
fn refused(lines: &str, rest: &str) -> DataError {
    let folder = folder(&[("a.jsonl", lines)]);
    load(&format!("train = [\"a.jsonl\"]\n{rest}"), folder.path()).unwrap_err()
}

#[test]
fn a_missing_column_is_told_with_those_that_are_there() {
    let good = "{\"prompt\": \"p\", \"answer\": \"a\"}\n";
    let e = refused(
        &format!("{good}{{\"question\": \"p\", \"answer\": \"a\"}}"),
        "",
    );
    assert_eq!(
        e.to_string(),
        "a.jsonl:2: no column `prompt` for the prompt; there are: `answer`, `question`; name the right one in data.columns.prompt"
    );
    let e = refused("{\"prompt\": \"p\"}", "").to_string();
    assert!(e.contains("no column `answer` for the answer"), "{e}");
    let e = refused(good, "columns = { level = \"hard\" }").to_string();
    assert!(e.contains("no column `hard` for the level"), "{e}");
    let e = refused("{}", "format = \"aime\"").to_string();
    assert!(
        e.contains("`problem` or `Problem` or `question` for the prompt; there are: none"),
        "{e}"
    );
    let parquet = "train = [\"verl.parquet\"]\ncolumns = { prompt = \"question\" }";
    let e = load(parquet, &kept()).unwrap_err().to_string();
    assert!(
        e.starts_with("verl.parquet, row 1: no column `question`"),
        "{e}"
    );
    assert!(e.contains("`data_source`, `prompt`, `ability`"), "{e}");
}

#[test]
fn a_column_of_the_wrong_type_is_told_with_what_was_expected() {
    for (line, problem) in [
        (
            r#"{"prompt": 3, "answer": "a"}"#,
            "column `prompt` is a number, expected a text or a list of messages",
        ),
        (
            r#"{"prompt": "p", "answer": true}"#,
            "column `answer` is a truth value, expected a text or a number",
        ),
        (
            r#"{"prompt": "p", "answer": ["a"]}"#,
            "column `answer` is a list, expected a text or a number",
        ),
        (
            r#"{"prompt": ["p"], "answer": "a"}"#,
            "column `prompt[0]` is a text, expected a message: an object",
        ),
        (
            r#"{"prompt": [{"role": "user", "content": null}], "answer": "a"}"#,
            "column `prompt[0].content` is null, expected a text",
        ),
        (
            r#"{"prompt": [{"content": "p"}], "answer": "a"}"#,
            "no `prompt[0].role`: a message is an object",
        ),
        (
            r#"{"prompt": "p", "answer": 123456789012345678901}"#,
            "column `answer` is 1.2345678901234568e+20, a number too large",
        ),
    ] {
        let e = refused(line, "").to_string();
        assert!(e.starts_with(&format!("a.jsonl:1: {problem}")), "{e}");
    }
    let e = refused(
        r#"{"m": "p", "answer": "a"}"#,
        "columns = { messages = \"m\" }",
    )
    .to_string();
    assert!(
        e.contains("column `m` is a text, expected a list of messages"),
        "{e}"
    );
}

#[test]
fn a_path_through_something_without_keys_is_refused() {
    let columns = "columns = { answer = \"a.b.c\" }";
    let e = refused(r#"{"prompt": "p", "a": {"b": "text"}}"#, columns).to_string();
    assert_eq!(
        e,
        "a.jsonl:1: column `a.b` is a text, but `a.b.c` looks for a key in it; expected an object"
    );
    let e = refused(r#"{"prompt": "p", "a": {"b": {"d": 1}}}"#, columns).to_string();
    assert!(
        e.contains("no column `a.b.c` for the answer; there are: `a.b`, `prompt`"),
        "{e}"
    );
}

#[test]
fn a_verl_row_without_ground_truth_is_refused() {
    let row = |truth: &str| format!("{{\"prompt\": \"p\", \"reward_model\": {{{truth}}}}}");
    for truth in ["\"ground_truth\": null", "\"ground_truth\": \" \""] {
        let e = refused(&row(truth), "format = \"verl\"").to_string();
        assert!(
            e.starts_with(
                "a.jsonl:1: no ground truth: column `reward_model.ground_truth` is empty"
            ),
            "{e}"
        );
    }
    let e = refused(&row("\"style\": \"rule\""), "format = \"verl\"").to_string();
    assert!(e.contains("no column `reward_model.ground_truth`"), "{e}");
    assert!(e.contains("`reward_model.style`"), "{e}");
}

#[test]
fn a_gsm8k_row_without_its_mark_is_refused() {
    let lines = "{\"question\": \"q\", \"answer\": \"s\\n#### 1\"}\n{\"question\": \"q\", \"answer\": \"A: 18\"}";
    let e = refused(lines, "format = \"gsm8k\"").to_string();
    assert!(
        e.starts_with("a.jsonl:2: column `answer` has no answer after `####`"),
        "{e}"
    );
}

#[test]
fn an_empty_side_tells_which_filter_emptied_it() {
    let e = refused("", "").to_string();
    assert_eq!(
        e,
        "no train problem is left of 0 rows: the files hold no rows"
    );
    let lines = r#"{"prompt": " ", "answer": "a"}
{"prompt": "p", "answer": null}
{"prompt": "p q", "answer": "a"}"#;
    let e = refused(lines, "max_prompt_tokens = 1").to_string();
    assert_eq!(
        e,
        "no train problem is left of 3 rows: left out: 1 empty prompt, then 1 no answer, then 1 longer than max_prompt_tokens"
    );
    let folder = folder(&[("a.jsonl", "{\"prompt\": \"p\", \"answer\": \"a\"}")]);
    let e = load("train = [\"a.jsonl\"]\ntest = [\"a.jsonl\"]", folder.path()).unwrap_err();
    assert_eq!(
        e.to_string(),
        "no train problem is left of 1 row: left out: 1 for overlap with test"
    );
    let e = load("train = [\"a.jsonl\"]\ntest_fraction = 1e-9", folder.path()).unwrap_err();
    assert_eq!(
        e.to_string(),
        "no test problem is left of 0 rows: no row was read or held out"
    );
}

#[test]
fn tokens_that_cannot_be_counted_stop_loading() {
    let folder = folder(&[("a.jsonl", "{\"prompt\": \"p\", \"answer\": \"a\"}")]);
    let count = |_: &Problem| Err::<usize, _>("no tokenizer");
    let toml = "train = [\"a.jsonl\"]\nmax_prompt_tokens = 5";
    let want = Wanted::ANSWER;
    let e = Data::load(&settings(toml), folder.path(), want, want, count).unwrap_err();
    assert_eq!(
        e.to_string(),
        "a.jsonl:1: the prompt's tokens could not be counted: no tokenizer"
    );
}

#[test]
fn settings_are_checked_before_files_are_read() {
    let toml = "train = [\"nowhere.jsonl\"]\ntemplate = \"x\"";
    let e = Data::load(
        &settings(toml),
        &kept(),
        Wanted::ANSWER,
        Wanted::ANSWER,
        words,
    );
    assert!(matches!(
        e,
        Err(DataError::Setting {
            key: "template",
            ..
        })
    ));
}

#[test]
fn a_row_without_the_paraphrase_that_is_wanted_is_refused_with_its_place() {
    let wanted = Wanted {
        paraphrase: true,
        ..Wanted::ANSWER
    };
    let good = r#"{"prompt": "p", "paraphrase": "q", "answer": "a"}"#;
    for (bad, told) in [
        (r#""#, "no column `paraphrase` for the paraphrase"),
        (
            r#""paraphrase": " ", "#,
            "no paraphrase: column `paraphrase` is empty",
        ),
        (
            r#""paraphrase": null, "#,
            "no paraphrase: column `paraphrase` is empty",
        ),
        (
            r#""paraphrase": 3, "#,
            "column `paraphrase` is a number, expected a text or a list of messages",
        ),
    ] {
        let lines = format!("{good}\n{{\"prompt\": \"r\", {bad}\"answer\": \"a\"}}");
        let folder = folder(&[("a.jsonl", &lines)]);
        let settings = settings("train = [\"a.jsonl\"]");
        let loaded = Data::load(&settings, folder.path(), wanted, Wanted::ANSWER, words);
        let e = loaded.unwrap_err().to_string();
        assert!(e.starts_with(&format!("a.jsonl:2: {told}")), "{e}");
    }
}
