use std::path::{Path, PathBuf};

use super::*;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn read(folder: &Path, file: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    each_row(file, folder, wanted, &mut |row| {
        rows.push(row);
        Ok(())
    })
    .map_err(|e| e.to_string())?;
    Ok(rows)
}

fn written(file: &str, content: &[u8]) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), content).unwrap();
    read(folder.path(), file, &|_| true)
}

fn lines(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.place.line).collect()
}

#[test]
fn parquet_rows_are_what_pyarrow_reads() {
    for name in ["verl", "codecs"] {
        let rows = read(&data(), &format!("{name}.parquet"), &|_| true).unwrap();
        assert_eq!(lines(&rows), [1, 2, 3]);
        let values: Vec<_> = rows.into_iter().map(|r| Value::Object(r.values)).collect();
        let golden = std::fs::read(data().join(format!("{name}.rows.json"))).unwrap();
        let golden: Vec<Value> = serde_json::from_slice(&golden).unwrap();
        assert_eq!(values, golden);
    }
}

#[test]
fn of_parquet_only_the_wanted_columns_are_read_but_all_are_named() {
    let rows = read(&data(), "codecs.parquet", &|c| c == "answer" || c == "none").unwrap();
    assert_eq!(rows[2].values.len(), 1);
    assert_eq!(rows[2].values["answer"], -3);
    assert_eq!(rows[0].columns().len(), 13);
    // Without any of them there are rows all the same.
    let rows = read(&data(), "codecs.parquet", &|_| false).unwrap();
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_parquet_file_that_is_broken_anywhere_gives_an_error_or_rows_but_no_panic() {
    let whole = std::fs::read(data().join("verl.parquet")).unwrap();
    let mut errors = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 0x41;
        errors += usize::from(written("a.parquet", &broken).is_err());
    }
    assert!(errors > 50, "{errors}");
}

#[test]
fn a_file_that_is_no_parquet_is_refused() {
    for content in [&b""[..], b"PAR1", b"{\"a\": 1}\n{\"a\": 1}\n"] {
        let e = written("a.parquet", content).err().unwrap();
        assert!(e.starts_with("a.parquet: not a Parquet file"), "{e}");
    }
}

#[test]
fn lines_are_numbered_as_an_editor_does() {
    let rows = written("a.jsonl", b"\xEF\xBB\xBF{\"a\": 1}\r\n\r\n  \n{\"a\": 2}").unwrap();
    assert_eq!(lines(&rows), [1, 4]);
    assert_eq!(rows[1].values["a"], 2);
    assert_eq!(lines(&written("a.ndjson", b"{}\n").unwrap()), [1]);
    assert!(written("a.jsonl", b"").unwrap().is_empty());
}

#[test]
fn a_line_that_is_not_an_object_is_refused_with_its_number() {
    for (content, problem) in [
        (
            &b"{}\n{\"a\": }\n"[..],
            "a.jsonl:2: not JSON: expected value at column 7; expected one object on each line",
        ),
        (
            b"{}\n{\"a\": 1} {}\n",
            "a.jsonl:2: not JSON: trailing characters at column 10",
        ),
        (
            b"{}\n{\n",
            "a.jsonl:2: not JSON: EOF while parsing an object",
        ),
        (
            b"{}\n\n[1]\n",
            "a.jsonl:3: a list, expected an object with the columns",
        ),
        (
            b"{\"a\": \"\xFF\"}",
            "a.jsonl:1: not JSON: invalid unicode code point",
        ),
    ] {
        let e = written("a.jsonl", content).err().unwrap();
        assert!(e.starts_with(problem), "{e}");
    }
}

#[test]
fn a_document_is_an_array_or_has_one_under_data() {
    for content in [
        "[{\"a\": 1}, {\"a\": 2}]",
        "{\"version\": 1, \"data\": [{\"a\": 1}, {}]}",
    ] {
        let rows = written("a.json", content.as_bytes()).unwrap();
        assert_eq!(lines(&rows), [1, 2]);
        assert_eq!(rows[0].values["a"], 1);
    }
}

#[test]
fn any_other_document_is_refused() {
    for (content, problem) in [
        (
            "{\"train\": [], \"test\": []}",
            "a.json: an object without the key `data` (it has: `test`, `train`); expected an array",
        ),
        (
            "{\"data\": {}}",
            "a.json: the key `data` is an object; expected an array",
        ),
        ("3", "a.json: a number; expected an array"),
        (
            "{}\n{}\n",
            "a.json: not JSON: trailing characters at line 2 column 1; JSON lines want the ending .jsonl",
        ),
        ("[{}, 3]", "a.json, row 2: a number, expected an object"),
    ] {
        let e = written("a.json", content.as_bytes()).err().unwrap();
        assert!(e.starts_with(problem), "{e}");
    }
}

#[test]
fn a_file_that_is_not_there_and_an_unknown_ending_are_refused() {
    let e = read(Path::new("/nowhere"), "a.jsonl", &|_| true)
        .err()
        .unwrap();
    assert!(e.starts_with("/nowhere/a.jsonl: No such file"), "{e}");
    assert!(e.ends_with("paths are seen from /nowhere"), "{e}");
    for file in ["a.csv", "a.jsonl.gz", "a"] {
        let e = written(file, b"").err().unwrap();
        assert!(e.contains(".jsonl, .ndjson, .json or .parquet"), "{e}");
    }
}
