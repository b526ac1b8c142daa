//! `laser chat`, with lines from a pipe.

use super::models::*;
use super::*;
use serde_json::json;

/// Random weights write nonsense without an answer; what is told about it is what counts here.
const CHAT: [&str; 5] = ["chat", "--model", "model", "--max-new-tokens", "24"];

fn chat(dir: &TempDir, args: &[&str], input: &str) -> (String, String, Option<i32>) {
    let output = piped(dir.path(), &[&CHAT[..], args].concat(), input);
    (stdout(&output), stderr(&output), output.status.code())
}

/// The answers without the lines about tokens and speed.
fn answers(text: &str) -> String {
    let lines = text.lines().filter(|l| !l.contains("tok/s"));
    lines.map(|l| format!("{l}\n")).collect()
}

fn conversation(dir: &TempDir, name: &str) -> Vec<Value> {
    let text = read(dir.path().join(name));
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn an_answer_is_that_of_generate_to_the_whole_conversation() {
    let dir = with_self_reward("qwen2");
    let input = "Who are you?\n/system Be brief.\nWhy?\n/save chat.jsonl\n";
    let (out, err, status) = chat(&dir, &["--greedy"], input);
    assert_eq!(status, Some(0), "{err}");
    let messages = conversation(&dir, "chat.jsonl");
    let roles: Vec<&Value> = messages.iter().map(|m| &m["role"]).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    // The first answer was given without the system message.
    for (asked, answered) in [
        (&messages[1..2], &messages[2]),
        (&messages[..4], &messages[4]),
    ] {
        write(&dir, "in.jsonl", &jsonl(&[json!({"messages": asked})]));
        let generate = ["generate", "--model", "model", "--input", "in.jsonl"];
        let new = ["--max-new-tokens", "24", "--greedy"];
        let row = &rows(&dir, &[&generate[..], &new].concat())[0];
        assert_eq!(row["response"], answered["content"]);
        assert!(out.contains(row["response"].as_str().unwrap()), "{out}");
    }
    assert!(out.contains("24 tokens"), "{out}");
}

#[test]
fn an_answer_that_ends_comes_with_its_self_reward_and_a_cut_one_with_the_remedy() {
    let dir = with_self_reward("qwen2");
    let ask = |locale: &str| {
        let output = piped_with(&dir, &[("LC_ALL", locale)], "Hello\n/retry\n");
        let out = stdout(&output);
        assert!(!out.contains('\x1b'), "no colours into a pipe");
        out
    };
    assert_eq!(
        ask("C")
            .matches("cut off after 24 tokens; /set max_new_tokens=48")
            .count(),
        2
    );
    widen_eos(&dir);
    assert!(
        ask("en_US.UTF-8").contains("self-reward ▕"),
        "{}",
        ask("en_US.UTF-8")
    );
    let ascii = ask("C");
    assert!(ascii.contains("self-reward [") && ascii.contains("log p(z_c) -"));
}

fn piped_with(dir: &TempDir, variables: &[(&str, &str)], input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command(dir.path(), &CHAT)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn answers_repeat_with_the_seed_whatever_the_threads_and_differ_from_try_to_try() {
    let dir = with_self_reward("qwen2");
    let input = "Hello\n/retry\n/vote 3\n";
    let (first, err, status) = chat(&dir, &["--threads", "1"], input);
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(
        answers(&chat(&dir, &["--threads", "2"], input).0),
        answers(&first)
    );
    assert_ne!(
        answers(&chat(&dir, &["--seed", "1"], input).0),
        answers(&first)
    );
    let (retried, ..) = chat(&dir, &[], "Hello\n/retry\n/save a.jsonl\n");
    let (once, ..) = chat(&dir, &[], "Hello\n/save b.jsonl\n");
    assert!(retried.len() > once.len());
    let [a, b] = ["a.jsonl", "b.jsonl"].map(|f| conversation(&dir, f));
    assert_eq!((a.len(), b.len(), &a[0]), (2, 2, &b[0]));
    assert_ne!(a[1], b[1]);
}

#[test]
fn a_vote_shows_the_groups_and_answers_with_the_winner() {
    let dir = with_self_reward("qwen2");
    widen_eos(&dir);
    let (out, err, status) = chat(&dir, &[], "/vote 6 What is 1+1?\n/save chat.jsonl\n");
    assert_eq!(status, Some(0), "{err}");
    let table: Vec<&str> = out.lines().collect();
    assert_eq!(table[0], "votes  weight  answer");
    let rows = table[1..].iter().map_while(|l| {
        let mut words = l.split_whitespace();
        Some((words.next()?.parse::<usize>().ok()?, words.next()?))
    });
    // An answer may begin with two numbers, but hardly with as many votes.
    let votes: usize = rows.map(|r| r.0).take(6).sum();
    assert!(votes >= 6, "{out}");
    let messages = conversation(&dir, "chat.jsonl");
    assert_eq!(messages.len(), 2);
    let chosen = messages[1]["content"].as_str().unwrap();
    assert!(out.contains(chosen.trim_end_matches('\n')), "{out}");
}

#[test]
fn a_model_without_a_template_goes_on_from_each_line() {
    let dir = with_model("qwen2");
    strip_template(&dir);
    let (out, err, status) = chat(&dir, &["--greedy"], "A craft store\n/vote 2\n/system x\n");
    assert_eq!(status, Some(2));
    assert!(
        err.contains("no chat template: each line is a text to go on from"),
        "{err}"
    );
    assert!(
        err.contains("/system: the model has no chat template"),
        "{err}"
    );
    write(
        &dir,
        "in.jsonl",
        &jsonl(&[json!({"prompt": "A craft store"})]),
    );
    let generate = ["generate", "--model", "model", "--input", "in.jsonl"];
    let new = ["--max-new-tokens", "24", "--greedy"];
    let row = &rows(&dir, &[&generate[..], &new].concat())[0];
    assert!(out.starts_with(row["response"].as_str().unwrap()), "{out}");
    // Without laser.json votes are counted, not weighed, and no self-reward is shown.
    assert!(out.contains("votes  answer"), "{out}");
    assert!(!out.contains("self-reward"), "{out}");
    assert!(out.contains("all alike at temperature 0"), "{out}");
}

/// Takes the chat template out of `tokenizer_config.json`.
fn strip_template(dir: &TempDir) {
    let path = "model/tokenizer_config.json";
    let mut config: Value = serde_json::from_str(&read(dir.path().join(path))).unwrap();
    config.as_object_mut().unwrap().remove("chat_template");
    write(dir, path, &config.to_string());
}

#[test]
fn lines_that_cannot_be_followed_are_told_and_the_rest_goes_on() {
    let dir = with_self_reward("qwen2");
    let input =
        "/retry\n/dance\n/set top_p=2\n/set\n/save no/such/folder\n/help\nHi\n/quit\nnever\n";
    let (out, err, status) = chat(&dir, &["--context", "64"], input);
    assert_eq!(status, Some(2), "{err}");
    for part in [
        "there is no question yet",
        "/dance: there is no such command",
        "/set top_p=2: 0 < top_p <= 1 is expected",
        "temperature 1, at most 24 tokens, seed 0",
        "/save no/such/folder",
        "Ctrl-D",
        "4 lines could not be followed",
    ] {
        assert!(err.contains(part), "'{part}' is missing in: {err}");
    }
    assert_eq!(out.matches("tok/s").count(), 1, "{out}");
}

#[test]
fn a_full_context_is_said_with_the_way_on() {
    let dir = with_self_reward("qwen2");
    let long = "word ".repeat(80);
    let input = format!("{long}\n/clear\nHi\n");
    let (out, err, status) = chat(&dir, &["--context", "64"], &input);
    assert_eq!(status, Some(2));
    assert!(
        err.contains("leaves no room for an answer in a context of 64"),
        "{err}"
    );
    assert!(err.contains("/clear begins a new one"), "{err}");
    assert_eq!(out.matches("tok/s").count(), 1, "{out}");
}
