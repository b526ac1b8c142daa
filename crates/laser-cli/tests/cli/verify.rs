//! `laser verify`.

use super::*;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;

/// A folder with `in.jsonl`.
fn folder(text: impl AsRef<[u8]>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.jsonl"), text).unwrap();
    dir
}

fn jsonl(rows: &[Value]) -> String {
    rows.iter().map(|r| format!("{r}\n")).collect()
}

/// Runs on `in.jsonl`; what it wrote and what it said.
#[track_caller]
fn verify(dir: &TempDir, args: &[&str]) -> (Vec<Value>, String) {
    let args = [&["verify", "--input", "in.jsonl"], args].concat();
    let output = laser(dir.path(), &args);
    let log = stderr(&output);
    assert!(output.status.success(), "{log}");
    let rows = stdout(&output)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    (rows, log)
}

#[track_caller]
fn verdicts(rows: &[Value], args: &[&str]) -> Vec<String> {
    let (rows, _) = verify(&folder(jsonl(rows)), args);
    rows.iter()
        .map(|r| r["verdict"].as_str().unwrap().to_owned())
        .collect()
}

/// Names of the files beside `in.jsonl`.
fn others(dir: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n != "in.jsonl")
        .collect();
    names.sort();
    names
}

fn pipe(dir: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = command(dir, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

const PAIRS: &str = r#"{"id": "a", "gold": "\\frac{1}{2}", "answer": "so \\boxed{0.5}."}
{"gold": 12345678901234567890123, "id": 12345678901234567890123, "answer": "12345678901234567890124"}
{"id": {"set": [1, 2]}, "gold": 1e-3, "answer": "The answer is $0.001$.", "more": null}
{"id": null, "gold": "x", "answer": ""}
"#;

const VERDICTS: &str = r#"{"id":"a","verdict":"equal","extracted":"0.5"}
{"id":12345678901234567890123,"verdict":"different","extracted":"12345678901234567890124"}
{"id":{"set": [1, 2]},"verdict":"equal","extracted":"0.001"}
{"id":null,"verdict":"unparseable","extracted":null,"reason":"the response holds no answer"}
"#;

#[test]
fn a_line_goes_in_and_a_line_comes_out() {
    let dir = folder(PAIRS);
    let args = ["verify", "--input", "in.jsonl"];
    let output = laser(dir.path(), &args);
    assert_eq!(stdout(&output), VERDICTS);
    let log = stderr(&output);
    assert!(
        log.starts_with("4 pairs: 2 equal, 1 different, 1 unparseable; ")
            && log.ends_with(" pairs/s\n")
            && log.lines().count() == 1,
        "{log}"
    );
    let output = laser(
        dir.path(),
        &[&args[..], &["--output", "out.jsonl"]].concat(),
    );
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(read(dir.path().join("out.jsonl")), VERDICTS);
    assert_eq!(others(&dir), ["out.jsonl"]);
}

#[test]
fn a_dash_or_nothing_is_standard_input_and_output() {
    let dir = folder("");
    for args in [
        &["verify"][..],
        &["verify", "--input", "-", "--output", "-"],
        &["verify", "--input=-"],
    ] {
        let output = pipe(dir.path(), args, PAIRS.as_bytes());
        assert_eq!(stdout(&output), VERDICTS);
    }
    let args = ["verify", "--output", "out.jsonl"];
    assert!(pipe(dir.path(), &args, PAIRS.as_bytes()).stdout.is_empty());
    assert_eq!(read(dir.path().join("out.jsonl")), VERDICTS);
    let output = pipe(dir.path(), &["verify"], b"[]");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: standard input, line 1: "));
}

/// More lines than chunks have, of uneven cost.
fn many(lines: usize) -> String {
    let mut text = String::new();
    for k in 0..lines {
        let answer = match k % 5 {
            0 => format!("{k}"),
            1 => format!("{}", k + 1),
            2 => String::new(),
            3 => format!("\\boxed{{\\frac{{{}}}{{2}}}}", 2 * k),
            _ => format!("{}so $\\sqrt{{{k}^2}}$", "word ".repeat(k % 300)),
        };
        let row = json!({"id": k, "gold": k, "answer": answer, "equal": k % 5 != 1});
        writeln!(text, "{row}").unwrap();
    }
    text
}

#[test]
fn the_output_keeps_the_order_and_does_not_depend_on_threads() {
    let dir = folder(many(10_000));
    let run = |threads| {
        let args = ["verify", "--input", "in.jsonl", "--threads", threads];
        let output = laser(dir.path(), &args);
        let log = stderr(&output);
        assert!(output.status.success(), "{log}");
        let log = log.split_once(';').unwrap().0.to_owned() + log.split_once("pairs/s").unwrap().1;
        (stdout(&output), log)
    };
    let one = run("1");
    let rows: Vec<Value> = one
        .0
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(rows.len(), 10_000);
    for (k, row) in rows.iter().enumerate() {
        let expected = ["equal", "different", "unparseable", "equal", "equal"][k % 5];
        assert_eq!((&row["id"], &row["verdict"]), (&json!(k), &json!(expected)));
    }
    for threads in ["0", "2", "7"] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn timing_adds_seconds() {
    let dir = folder(PAIRS);
    let (rows, _) = verify(&dir, &["--timing"]);
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(row["seconds"].as_f64().unwrap() >= 0.0);
    }
}

fn labelled(key: &str) -> Vec<Value> {
    [
        ("1", "1", json!(true)),
        ("1", "1", json!(true)),
        ("3", "3", json!(false)),
        ("1", "", json!(true)),
        ("2", "3", json!(false)),
        ("7", "8", Value::Null),
    ]
    .map(|(gold, answer, label)| json!({"gold": gold, "answer": answer, key: label}))
    .to_vec()
}

#[test]
fn labels_are_compared_with_the_verdicts() {
    for (key, args) in [
        ("equal", &[][..]),
        ("is_correct", &[]),
        ("truth", &["--label", "truth"]),
    ] {
        let (rows, log) = verify(&folder(jsonl(&labelled(key))), args);
        assert_eq!(rows.len(), 6);
        for part in [
            "6 pairs: 3 equal, 2 different, 1 unparseable; ",
            "\nagreement with labels   60.00 %  (3 of 5)\n",
            "\nprecision               66.67 %  (2 of 3)\n",
            "\nrecall                  66.67 %  (2 of 3)\n",
            "│ line ┆ label ┆ verdict     ┆ gold ┆ extracted │",
            "│    3 ┆ false ┆ equal       ┆ 3    ┆ 3         │",
            "│    4 ┆ true  ┆ unparseable ┆ 1    ┆ –         │",
        ] {
            assert!(log.contains(part), "'{part}' is missing in: {log}");
        }
        assert!(!log.contains("more"), "{log}");
    }
    // The named key alone counts.
    let (_, log) = verify(&folder(jsonl(&labelled("equal"))), &["--label", "other"]);
    assert!(log.ends_with("\nno line has the label 'other'\n"), "{log}");
    assert!(!log.contains("agreement"), "{log}");
}

#[test]
fn the_table_of_disagreements_is_bounded() {
    let long = format!("y {}", "word ".repeat(200));
    let mut rows = vec![json!({"gold": long, "answer": "1", "equal": true}); 30];
    rows[1]["gold"] = json!("a\tb\u{1b}[31m\u{202e}");
    let dir = folder(jsonl(&rows));
    for (args, shown, last) in [
        (&[][..], 20, Some("and 10 more")),
        (&["--disagreements", "3"], 3, Some("and 27 more")),
        (&["--disagreements", "0"], 0, Some("30 disagreements")),
        (&["--disagreements", "30"], 30, None),
    ] {
        let (_, log) = verify(&dir, args);
        let rows = log.lines().filter(|l| l.contains("different ┆")).count();
        assert_eq!(rows, shown, "{log}");
        match last {
            Some(last) => assert_eq!(log.lines().last().unwrap(), last),
            None => assert!(!log.contains("more"), "{log}"),
        }
        for line in log.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(!log.contains('\u{1b}') && !log.contains('\u{202e}'));
        if shown > 0 {
            assert!(
                log.contains("a b\u{fffd}[31m\u{fffd}") && log.contains('…'),
                "{log}"
            );
        }
    }
}

#[test]
fn strict_wants_exactly_one_box_and_judges_nothing_else() {
    let answers = [
        "so \\boxed{5}",
        "5",
        "\\boxed{5} or \\boxed{5}",
        "\\boxed{}",
        "\\boxed{5",
        "<think>\\boxed{4}</think> The final answer is 5.",
    ];
    let rows = answers.map(|a| json!({"gold": 5, "answer": a}));
    let (rows, _) = verify(&folder(jsonl(&rows)), &["--strict"]);
    let expected = [
        json!({"verdict": "equal", "extracted": "5"}),
        json!({"verdict": "unparseable", "extracted": null, "reason": "there is no \\boxed{…}"}),
        json!({"verdict": "unparseable", "extracted": null,
            "reason": "there are 2 boxes where exactly one is wanted"}),
        json!({"verdict": "unparseable", "extracted": null, "reason": "the box is empty"}),
        json!({"verdict": "unparseable", "extracted": null,
            "reason": "the box has no braces, or they are not balanced"}),
        json!({"verdict": "different", "extracted": "4"}),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn options_choose_ways_and_rules() {
    let pair = |gold: &str, answer: &str| json!({"gold": gold, "answer": answer});
    let both = [pair("2", "<answer>2</answer>, that is \\boxed{3}")];
    assert_eq!(
        verdicts(&both, &["--extract", "boxed,answer-tag"]),
        ["different"]
    );
    assert_eq!(
        verdicts(&both, &["--extract", "answer-tag,boxed"]),
        ["equal"]
    );
    assert_eq!(verdicts(&both, &["--extract", "hash"]), ["unparseable"]);

    let choices = [pair("G", "I think it is (G).")];
    let args = ["--extract", "choice", "--choices", "F,G"];
    assert_eq!(verdicts(&choices, &args), ["equal"]);
    assert_eq!(verdicts(&choices, &args[..2]), ["unparseable"]);

    let rounded = [pair("1/3", "\\boxed{0.333}")];
    assert_eq!(verdicts(&rounded, &[]), ["different"]);
    assert_eq!(verdicts(&rounded, &["--decimal-places", "3"]), ["equal"]);

    let relation = [pair("(1, \\infty)", "\\boxed{x > 1}")];
    assert_eq!(verdicts(&relation, &[]), ["different"]);
    assert_eq!(verdicts(&relation, &["--relations-as-sets"]), ["equal"]);

    let variables = [pair("x^2 + 1", "\\boxed{t^2 + 1}")];
    assert_eq!(verdicts(&variables, &[]), ["different"]);
    assert_eq!(
        verdicts(&variables, &["--ignore-variable-names"]),
        ["equal"]
    );
}

#[test]
fn bad_usage_ends_with_status_2() {
    let dir = folder(PAIRS);
    for (args, parts) in [
        (
            &["--extract", "box"][..],
            &["--extract", "'box'", "boxed", "plain"][..],
        ),
        (
            &["--strict", "--extract", "boxed"],
            &["--strict", "--extract"],
        ),
        (&["--choices", "A,B"], &["--choices", "--extract", "choice"]),
        (
            &["--extract=choice", "--choices=A,"],
            &["--choices", "empty"],
        ),
        (&["--threads", "x"], &["--threads"]),
        (&["--threads", "1000000"], &["--threads", "1024"]),
        (&["--input", "none.jsonl"], &["none.jsonl: cannot be read"]),
        (&["--input", "."], &[".: cannot be read"]),
        (
            &["--input", "in.jsonl", "--output", "."],
            &["--output .", "folder"],
        ),
    ] {
        fails(dir.path(), &[&["verify"], args].concat(), 2, parts);
    }
    let args = ["verify", "--input", "in.jsonl", "--output", "no/out.jsonl"];
    fails(dir.path(), &args, 1, &["no/out.jsonl"]);
    assert!(others(&dir).is_empty());
}

/// Lines that are bad, and what is said of them.
const BAD: [(&[u8], &str); 17] = [
    (b"gold: 1", "not JSON: expected value, column 1"),
    (
        br#"{"gold": 1, "answer": "1""#,
        "not JSON: EOF while parsing",
    ),
    (
        br#"{"gold": 1, "answer": "1"} {}"#,
        "not JSON: trailing characters, column 28",
    ),
    (
        br#"{"gold": NaN, "answer": "1"}"#,
        "not JSON: expected value, column 10",
    ),
    (br#"{"gold": "\ud800", "answer": "1"}"#, "not JSON: "),
    (
        b"[1, \"1\"]",
        r#"a list where {"gold": string or number, "answer": string} is expected"#,
    ),
    (b"  null", "null where"),
    (
        br#"{"answer": "1"}"#,
        "'gold' is missing; a string or a number is expected",
    ),
    (
        br#"{"gold": "1"}"#,
        "'answer' is missing; a string is expected",
    ),
    (
        br#"{"gold": null, "answer": "1"}"#,
        "'gold' is null; a string or a number is expected",
    ),
    (br#"{"gold": ["1"], "answer": "1"}"#, "'gold' is a list"),
    (br#"{"gold": true, "answer": "1"}"#, "'gold' is true"),
    (
        br#"{"gold": "1", "answer": 1}"#,
        "'answer' is a number; a string is expected",
    ),
    (
        br#"{"gold": "1", "answer": {}}"#,
        "'answer' is an object; a string is expected",
    ),
    (
        br#"{"gold": "1", "answer": "1", "equal": "yes"}"#,
        "'equal' is a string; true or false",
    ),
    (
        b"{\"gold\": \"\xff\", \"answer\": \"1\"}",
        "not UTF-8, column 11",
    ),
    (b"", "empty; a JSON object is expected"),
];

#[test]
fn a_bad_line_is_named_and_an_output_file_stays_as_it_was() {
    let good = br#"{"gold": 1, "answer": "1"}"#;
    for (bad, problem) in BAD {
        let lines: [&[u8]; 4] = [good, good, bad, good];
        let dir = folder(lines.join(&b'\n'));
        let message = format!("error: in.jsonl, line 3: {problem}");
        let args = ["verify", "--input", "in.jsonl", "--output", "out.jsonl"];
        fails(dir.path(), &args, 2, &[&message]);
        assert!(others(&dir).is_empty(), "{:?}", others(&dir));
        std::fs::write(dir.path().join("out.jsonl"), "old").unwrap();
        fails(dir.path(), &args, 2, &[&message]);
        assert_eq!(read(dir.path().join("out.jsonl")), "old");
        assert_eq!(others(&dir), ["out.jsonl"]);

        // A stream has got the lines before, whole.
        let output = laser(dir.path(), &args[..3]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(&message));
        let line = "{\"verdict\":\"equal\",\"extracted\":\"1\"}\n";
        assert_eq!(stdout(&output), line.repeat(2));
    }
}

#[test]
fn the_first_of_several_bad_lines_is_named_whatever_the_threads() {
    let mut text = many(9_000);
    text += "bad\n\n";
    text += &many(3_000);
    text += "worse\n";
    let dir = folder(text);
    for threads in ["1", "3"] {
        let args = ["verify", "--input", "in.jsonl", "--threads", threads];
        let output = laser(dir.path(), &args);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stdout(&output).lines().count(), 9_000);
        let error = stderr(&output);
        assert!(
            error.starts_with("error: in.jsonl, line 9001: not JSON"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn empty_input_and_an_empty_last_line_are_fine() {
    for text in ["", "\n", "\r\n\n"] {
        let dir = folder(text);
        let (rows, log) = verify(&dir, &[]);
        assert_eq!((rows.len(), &log[..]), (0, "in.jsonl is empty: 0 lines\n"));
        verify(&dir, &["--output", "out.jsonl"]);
        assert_eq!(read(dir.path().join("out.jsonl")), "");
    }
    let line = r#"{"gold": 1, "answer": "1"}"#;
    for end in ["", "\n", "\n\n", "\r\n", "\r\n\r\n"] {
        let (rows, _) = verify(&folder(format!("{line}\r\n{line}{end}")), &[]);
        assert_eq!(rows.len(), 2);
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::time::{Duration, Instant};

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let dir = folder(many(20_000));
        let mut child = command(dir.path(), &["verify", "--input", "in.jsonl"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert!(line.starts_with("{\"id\":0,"), "{line}");
        assert!(output.status.success());
        assert_eq!(stderr(&output), "");
    }

    #[test]
    fn an_interrupt_leaves_no_file() {
        let dir = folder("");
        let mut child = command(dir.path(), &["verify", "--output", "out.jsonl"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while others(&dir) != ["out.jsonl.partial"] {
            assert!(started.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        // The pipe stays open meanwhile.
        let stdin = child.stdin.take();
        let kill = ["-INT", &child.id().to_string()];
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("error: interrupted"));
        assert!(others(&dir).is_empty());
    }

    #[test]
    fn a_full_disk_leaves_no_file() {
        let dir = folder(many(2_000));
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
        let output = Command::new("sh")
            .current_dir(dir.path())
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_laser"), "verify"])
            .args(["--input", "in.jsonl", "--output", "out.jsonl"])
            .output()
            .unwrap();
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains("out.jsonl") && error.contains("too large"),
            "{error}"
        );
        assert!(others(&dir).is_empty());
    }

    #[test]
    fn links_and_devices_stay_what_they_are() {
        let dir = folder(PAIRS);
        std::fs::write(dir.path().join("file"), "old").unwrap();
        symlink("file", dir.path().join("link")).unwrap();
        verify(&dir, &["--output", "link"]);
        assert!(dir.path().join("link").is_symlink());
        assert_eq!(read(dir.path().join("file")), VERDICTS);
        symlink("/dev/null", dir.path().join("null")).unwrap();
        verify(&dir, &["--output", "null"]);
        assert!(dir.path().join("null").is_symlink());
        let device = std::fs::metadata("/dev/null").unwrap().file_type();
        assert!(device.is_char_device());
    }
}
