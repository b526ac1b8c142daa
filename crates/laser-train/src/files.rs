//! Files that are either whole or absent.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::TrainError;

/// Makes a folder and its parents.
pub fn create_folder(path: &Path) -> Result<(), TrainError> {
    std::fs::create_dir_all(path).map_err(|e| TrainError::io(path, e))
}

/// Writes a file under a temporary name, flushes it to the disk, and renames it. On any error the
/// old file, if there was one, is untouched and the temporary one removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().map_err(|e| {
        // The original error matters more than a failure to clean up after it.
        let _ = std::fs::remove_file(&partial);
        TrainError::io(path, e)
    })
}

/// Fills a folder under a temporary name and renames it, replacing an old one.
pub(crate) fn folder_atomically(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    remove_folder(&partial)?;
    create_folder(&partial)?;
    if let Err(e) = fill(&partial) {
        let _ = std::fs::remove_dir_all(&partial);
        return Err(e);
    }
    remove_folder(path)?;
    std::fs::rename(&partial, path).map_err(|e| TrainError::io(path, e))
}

/// Removes a folder if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), TrainError> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io(path, e)),
        _ => Ok(()),
    }
}

/// Removes a file or a folder if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), TrainError> {
    if path.is_dir() {
        return remove_folder(path);
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io(path, e)),
        _ => Ok(()),
    }
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, TrainError> {
    std::fs::read_to_string(path).map_err(|e| TrainError::io(path, e))
}

/// One line of JSON, in which an `f32` is its shortest decimal.
pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    // No map of ours has keys other than words and numbers.
    serde_json::to_string(value).unwrap_or_else(|e| unreachable!("plain data: {e}"))
}

/// Appends a line in one write, so that a reader never sees half of one from us; what a full disk
/// took of it is cut off again.
pub fn append_line(path: &Path, line: &str) -> Result<(), TrainError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let before = file.metadata()?.len();
        file.write_all(format!("{line}\n").as_bytes())
            .inspect_err(|_| {
                let _ = file.set_len(before);
            })
    };
    write().map_err(|e| TrainError::io(path, e))
}

/// The objects of a file of JSON lines, without a last line cut off by a crash; none if there is
/// no such file.
pub(crate) fn read_lines(path: &Path) -> Result<Vec<serde_json::Value>, TrainError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read(path)?;
    Ok(text
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect())
}

/// Rewrites a file of JSON lines, keeping those that `keep` wants. A last line cut off by a crash
/// is dropped.
pub(crate) fn retain_lines(
    path: &Path,
    keep: impl Fn(&serde_json::Value) -> bool,
) -> Result<(), TrainError> {
    if !path.exists() {
        return Ok(());
    }
    let text = read(path)?;
    let kept: String = text
        .lines()
        .filter(|l| serde_json::from_str(l).is_ok_and(|v| keep(&v)))
        .map(|l| format!("{l}\n"))
        .collect();
    write_atomically(path, kept.as_bytes())
}

/// The number that the shortest decimal of an `f32` names, for JSON made with `json!`, which
/// knows `f64` alone: 0.2, not 0.20000000298023224.
pub(crate) fn decimal(x: f32) -> f64 {
    // The text of an f32 is always a number of Rust's grammar.
    x.to_string().parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_f32_is_printed_as_its_shortest_decimal_and_comes_back() {
        for x in [
            0.2,
            -14.987654,
            1e-3,
            5e-4,
            1e30,
            f32::MIN_POSITIVE,
            0.1 + 0.2,
        ] {
            let json = serde_json::json!(decimal(x)).to_string();
            assert_eq!(json.parse::<f32>().unwrap(), x);
            assert!(
                json.len() <= serde_json::to_string(&x).unwrap().len(),
                "{json}"
            );
        }
        assert_eq!(serde_json::json!(decimal(0.2)).to_string(), "0.2");
        assert_eq!(serde_json::json!(decimal(f32::NAN)).to_string(), "null");
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_partial_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomically(&path, b"old").unwrap();
        // A folder in the place of the temporary file makes the write fail, even for root.
        std::fs::create_dir(dir.path().join("a.json.partial")).unwrap();
        let error = write_atomically(&path, b"new").unwrap_err().to_string();
        assert!(error.contains("a.json"), "{error}");
        assert_eq!(read(&path).unwrap(), "old");
        std::fs::remove_dir(dir.path().join("a.json.partial")).unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_replaced_as_a_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        folder_atomically(&path, |p| write_atomically(&p.join("x"), b"1")).unwrap();
        let failed = folder_atomically(&path, |p| {
            write_atomically(&p.join("x"), b"2")?;
            Err(TrainError::file(p, "stop"))
        });
        assert!(failed.is_err());
        assert_eq!(read(&path.join("x")).unwrap(), "1");
        folder_atomically(&path, |p| write_atomically(&p.join("y"), b"3")).unwrap();
        assert!(!path.join("x").exists() && path.join("y").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn lines_after_a_crash_are_cut_at_the_last_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.jsonl");
        std::fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        retain_lines(&path, |v| v["step"].as_u64().unwrap() <= 2).unwrap();
        assert_eq!(read(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
    }
}
