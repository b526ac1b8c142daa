use std::time::Duration;

use super::*;

/// Long enough for a busy machine; no test that passes waits for it.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

/// Answers every line with the length of the response.
const HONEST: &str = "
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    print(json.dumps({'id': item['id'], 'reward': len(item['response'])}), flush=True)
";

fn items(count: usize) -> Vec<Item> {
    (0..count)
        .map(|i| Item {
            prompt: "1+1=".into(),
            response: "x".repeat(i % 7),
            gold: "2".into(),
            extracted: None,
            correct: i % 2 == 0,
            finish: "stop",
            length: i,
        })
        .collect()
}

fn lengths(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i % 7) as f64).collect()
}

fn settings(command: &[&str]) -> CommandSettings {
    CommandSettings {
        name: "mine".into(),
        command: command.iter().map(|s| s.to_string()).collect(),
        workers: 1,
        deadline: LONG,
        restarts: 0,
    }
}

fn python(script: &str) -> CommandSettings {
    settings(&["python3", "-c", script])
}

fn sh(script: &str) -> CommandSettings {
    settings(&["sh", "-c", script])
}

fn score(settings: CommandSettings, count: usize) -> Result<Vec<f64>, RewardError> {
    Command::start(settings)?.score(&items(count), &|| false)
}

fn error(settings: CommandSettings, count: usize) -> String {
    score(settings, count).unwrap_err().to_string()
}

#[test]
fn rewards_come_in_the_order_of_the_items_whatever_the_number_of_workers() {
    for workers in [1, 2, 3, 20] {
        let settings = CommandSettings {
            workers,
            ..python(HONEST)
        };
        let mut command = Command::start(settings).unwrap();
        for count in [10, 0, 1] {
            let rewards = command.score(&items(count), &|| false).unwrap();
            assert_eq!(rewards, lengths(count), "{workers} workers");
        }
    }
}

#[test]
fn a_worker_may_answer_in_any_order() {
    let backwards = "
import json, sys
lines = [json.loads(next(sys.stdin)) for _ in range(10)]
for item in reversed(lines):
    print(json.dumps({'id': item['id'], 'reward': len(item['response']), 'note': 'more keys'}), flush=True)
sys.stdin.read()
";
    assert_eq!(score(python(backwards), 10).unwrap(), lengths(10));
}

#[test]
fn a_worker_sees_every_field() {
    let script = "
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    fields = ['id', 'prompt', 'response', 'gold', 'extracted', 'correct', 'finish', 'length']
    assert list(item) == fields, list(item)
    print(json.dumps({'id': item['id'], 'reward': item['correct'] * 10 + item['length']}), flush=True)
";
    assert_eq!(score(python(script), 3).unwrap(), [10.0, 1.0, 12.0]);
}

#[test]
fn a_worker_that_dies_is_started_again_and_asked_for_the_rest() {
    // The first process answers three and ends, the next answers what is asked of it.
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("died");
    let script = format!(
        "
import json, os, sys
first = not os.path.exists({flag:?})
open({flag:?}, 'w').close()
for n, line in enumerate(sys.stdin):
    if first and n == 3:
        sys.exit(7)
    item = json.loads(line)
    assert first or item['id'] >= 3
    print(json.dumps({{'id': item['id'], 'reward': len(item['response'])}}), flush=True)
"
    );
    let settings = CommandSettings {
        restarts: 1,
        ..python(&script)
    };
    assert_eq!(score(settings, 10).unwrap(), lengths(10));
}

#[test]
fn a_worker_that_always_dies_is_an_error_with_its_last_words() {
    let settings = CommandSettings {
        restarts: 2,
        ..sh("echo first >&2; echo 'no module named x' >&2; exit 3")
    };
    let e = error(settings, 2);
    for part in [
        "reward part `mine`, worker 1 of 1",
        "2 of 2 responses unanswered",
        "exit status: 3",
        "started again 2 times",
        "\n  first\n  no module named x",
    ] {
        assert!(e.contains(part), "{part}: {e}");
    }
}

#[test]
fn a_late_worker_is_an_error_and_never_waited_for_longer() {
    let settings = CommandSettings {
        deadline: SHORT,
        restarts: 1,
        ..sh("sleep 1000")
    };
    let started = Instant::now();
    let e = error(settings, 4);
    assert!(
        e.contains("4 of 4 answers had not come after 0.2 s") && e.contains("deadline_seconds"),
        "{e}"
    );
    assert!(started.elapsed() < LONG);
}

#[test]
fn answers_that_are_no_rewards_are_errors() {
    for (answer, problem) in [
        ("hello", "`hello` is not JSON"),
        ("[1]", "`[1]` is not a JSON object"),
        ("{\"id\": 0, \"reward\": NaN}", "NaN and Infinity are not"),
        ("{\"id\": 0, \"reward\": 1e400}", "not"),
        ("{\"id\": 0, \"reward\": 1e39}", "not a finite number"),
        ("{\"id\": 0, \"reward\": \"1\"}", "not a number"),
        ("{\"id\": 0, \"reward\": null}", "not a number"),
        ("{\"id\": 0}", "no field `reward`"),
        (
            "{\"id\": 0, \"error\": \"no disk\"}",
            "it reports: \"no disk\"",
        ),
        ("{\"reward\": 1}", "no id"),
        ("{\"id\": 5, \"reward\": 1}", "id 5, which it was not asked"),
        ("", "not JSON"),
    ] {
        let e = error(sh(&format!("read line; echo '{answer}'; cat >&2")), 1);
        assert!(e.contains(problem), "{answer}: {e}");
        assert!(e.contains("expected one line"), "{answer}: {e}");
    }
    let twice = sh("echo '{\"id\": 0, \"reward\": 1}'; echo '{\"id\": 0, \"reward\": 1}'; cat >&2");
    assert!(error(twice, 2).contains("answered before"));
}

#[test]
fn a_line_without_an_end_is_an_error_before_it_fills_the_memory() {
    let e = error(sh("while :; do printf '%1000s' x; done"), 1);
    assert!(e.contains("without the end of a line"), "{e}");
}

#[test]
fn standard_error_may_be_flooded() {
    let script = format!("import sys\nsys.stderr.write('noise ' * 500000)\n{HONEST}");
    assert_eq!(score(python(&script), 5).unwrap(), lengths(5));
}

#[test]
fn a_worker_that_does_not_read_blocks_nobody() {
    // More than any pipe holds.
    let mut batch = items(2);
    batch[0].response = "y".repeat(4 << 20);
    let settings = CommandSettings {
        deadline: SHORT,
        ..sh("exec sleep 1000")
    };
    let e = Command::start(settings)
        .unwrap()
        .score(&batch, &|| false)
        .unwrap_err();
    assert!(e.to_string().contains("2 of 2 answers"), "{e}");
}

#[test]
fn a_batch_larger_than_the_pipes_passes_through() {
    let mut batch = items(2000);
    for item in &mut batch {
        item.prompt = "z".repeat(2000);
    }
    // Answers as long as questions, so that both pipes are full at once.
    let echo = "
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    print(json.dumps({'id': item['id'], 'reward': len(item['response']), 'echo': item['prompt']}), flush=True)
";
    let mut command = Command::start(python(echo)).unwrap();
    assert_eq!(command.score(&batch, &|| false).unwrap(), lengths(2000));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let e = Command::start(settings(&["no-such-program-here"])).map(drop);
    let e = e.unwrap_err();
    assert!(e.is_bad_input());
    let e = e.to_string();
    assert!(
        e.contains("`mine`") && e.contains("`no-such-program-here` cannot be started"),
        "{e}"
    );
    assert!(Command::start(settings(&[])).is_err());
}

#[test]
fn a_cancelled_batch_ends_soon_and_the_next_one_is_answered() {
    // Only the second process answers: the first would give a late answer to an old question.
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("stuck");
    let script = format!(
        "
import os, time
if not os.path.exists({flag:?}):
    open({flag:?}, 'w').close()
    time.sleep(1000)
{HONEST}"
    );
    let mut command = Command::start(python(&script)).unwrap();
    let seen = flag.clone();
    let cancelled = command.score(&items(3), &move || seen.exists());
    assert!(
        matches!(cancelled, Err(RewardError::Cancelled)),
        "{cancelled:?}"
    );
    assert_eq!(command.score(&items(3), &|| false).unwrap(), lengths(3));
}

#[test]
fn one_failing_worker_ends_the_wait_for_the_others() {
    // The worker that is asked for item 1 ends; the other never answers.
    let settings = CommandSettings {
        workers: 2,
        ..sh("read line; case $line in *'\"id\":1,'*) exit 1;; esac; sleep 1000")
    };
    let started = Instant::now();
    let e = error(settings, 2);
    assert!(e.contains("worker 2 of 2"), "{e}");
    assert!(started.elapsed() < LONG);
}

/// State of a process as the system shows it, if it is there.
#[cfg(target_os = "linux")]
fn state(pid: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

#[cfg(target_os = "linux")]
#[test]
fn no_process_and_no_zombie_is_left() {
    // Each writes two numbers of processes: its own, and that of another that it started.
    for script in [
        // Ends with its input.
        "sleep 1000 & echo $$ $! >PIDS; cat >/dev/null",
        // Does not.
        "sleep 1000 & echo $$ $! >PIDS; wait",
        // Ends at once, and leaves a process that holds the pipes open.
        "sleep 1000 & echo $$ $! >PIDS; exit 0",
        // The same without the pipes.
        "sleep 1000 >/dev/null 2>&1 & echo $$ $! >PIDS; exit 0",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pids");
        let pids = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            text.split_whitespace()
                .map(String::from)
                .collect::<Vec<_>>()
        };
        let script = script.replace("PIDS", &format!("'{}'", file.display()));
        let mut command = Command::start(sh(&script)).unwrap();
        let failed = command.score(&items(1), &|| pids().len() == 2);
        assert!(failed.is_err(), "{script}");
        drop(command);
        // That of the program itself is reaped by us at once; another is reaped by the system, or
        // stays a zombie where a container has nobody for that.
        let found = pids();
        assert_eq!(found.len(), 2, "{script}");
        assert_eq!(state(&found[0]), None, "{script}");
        let started = Instant::now();
        let gone = || matches!(state(&found[1]), None | Some('Z'));
        while !gone() && started.elapsed() < LONG {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(gone(), "{script}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn processes_that_have_done_their_work_end_with_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!("import os\nopen({file:?}, 'w').write(str(os.getpid()))\n{HONEST}");
    let mut command = Command::start(python(&script)).unwrap();
    assert_eq!(command.score(&items(3), &|| false).unwrap(), lengths(3));
    drop(command);
    let pid = std::fs::read_to_string(&file).unwrap();
    assert_eq!(state(&pid), None);
}
