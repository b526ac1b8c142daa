//! Files that are either whole or absent.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::TrainError;

/// Makes a folder and its parents.
pub fn create_folder(path: &Path) -> Result<(), TrainError> {
    std::fs::create_dir_all(path).map_err(|e| TrainError::io(path, e))
}

/// A file or folder that is being written.
const PARTIAL: &str = "partial";
/// A folder that is being replaced.
const OLD: &str = "old";
/// A folder that is being removed.
const REMOVED: &str = "removed";

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Writes a file under a temporary name, flushes it to the disk, and renames it. On any error the
/// old file, if there was one, is untouched and the temporary one removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let partial = beside(path, PARTIAL);
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

/// Fills a folder under a temporary name and renames it, replacing an old one. What a crash in the
/// middle leaves is mended by [`recover`].
pub(crate) fn folder_atomically(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let (partial, old) = (beside(path, PARTIAL), beside(path, OLD));
    remove_folder(&partial)?;
    create_folder(&partial)?;
    if let Err(e) = fill(&partial) {
        let _ = std::fs::remove_dir_all(&partial);
        return Err(e);
    }
    flush_folder(&partial);
    remove_folder(&old)?;
    // A folder cannot be renamed over one that is not empty: between the two renames the old one
    // is there under another name.
    match std::fs::rename(path, &old) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(TrainError::io(path, e)),
        _ => {}
    }
    std::fs::rename(&partial, path).map_err(|e| TrainError::io(path, e))?;
    if let Some(parent) = path.parent() {
        flush_folder(parent);
    }
    remove_folder(&old)
}

/// Flushes the names in a folder to the disk. A file system that cannot is no reason to stop: it
/// is only asked for so that a loss of power finds the renames in order.
fn flush_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

/// Flushes a file to the disk, if it is there.
pub(crate) fn flush(path: &Path) -> Result<(), TrainError> {
    match File::open(path).and_then(|f| f.sync_data()) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(TrainError::io(path, e)),
        _ => Ok(()),
    }
}

/// Removes a folder if it is there. It loses its name first, so that a crash never leaves a part
/// of it under that.
pub(crate) fn remove_folder(path: &Path) -> Result<(), TrainError> {
    let removed = beside(path, REMOVED);
    delete(&removed)?;
    match std::fs::rename(path, &removed) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(TrainError::io(path, e)),
        Ok(()) => {}
    }
    delete(&removed)
}

fn delete(path: &Path) -> Result<(), TrainError> {
    let deleted = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    match deleted {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(TrainError::io(path, e)),
        _ => Ok(()),
    }
}

/// Mends what a crash left in a folder, of the entries whose names `ours` knows: half-written and
/// half-removed ones go, one that was being replaced gets its name back if its successor did not
/// get it.
pub(crate) fn recover(dir: &Path, ours: impl Fn(&str) -> bool) -> Result<(), TrainError> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| TrainError::io(dir, e))?,
    };
    for entry in entries {
        let path = entry.map_err(|e| TrainError::io(dir, e))?.path();
        let Some((name, suffix)) = path
            .file_name()
            .and_then(|n| n.to_str())
            .and_then(|n| n.rsplit_once('.'))
        else {
            continue;
        };
        match suffix {
            PARTIAL | REMOVED if ours(name.trim_end_matches(&format!(".{OLD}"))) => delete(&path)?,
            OLD if ours(name) && path.is_dir() => {
                let place = dir.join(name);
                match place.exists() {
                    true => remove_folder(&path)?,
                    false => {
                        std::fs::rename(&path, &place).map_err(|e| TrainError::io(&place, e))?
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes a file or a folder if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), TrainError> {
    match path.is_dir() {
        true => remove_folder(path),
        false => delete(path),
    }
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, TrainError> {
    std::fs::read_to_string(path).map_err(|e| TrainError::io(path, e))
}

/// Reads a text file that may be cut off anywhere, even inside a character.
fn read_lossy(path: &Path) -> Result<String, TrainError> {
    let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
    let text = read_lossy(path)?;
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
    let text = read_lossy(path)?;
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
    fn a_crash_anywhere_in_the_replacement_of_a_folder_leaves_the_old_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let recovered = |entries: &[(&str, &str)]| {
            let work = dir.path().join("work");
            for (name, content) in entries {
                let folder = work.join(name);
                create_folder(&folder).unwrap();
                std::fs::write(folder.join("x"), content).unwrap();
            }
            recover(&work, |name| name.starts_with("step-")).unwrap();
            let mut left: Vec<(String, String)> = std::fs::read_dir(&work)
                .unwrap()
                .map(|e| e.unwrap().path())
                .map(|p| {
                    let name = p.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, read(&p.join("x")).unwrap())
                })
                .collect();
            left.sort();
            std::fs::remove_dir_all(&work).unwrap();
            left
        };
        let one = |content: &str| vec![("step-1".to_owned(), content.to_owned())];
        let (name, partial, old) = ("step-1", "step-1.partial", "step-1.old");
        let removed = "step-1.old.removed";
        assert_eq!(recovered(&[(name, "a"), (partial, "b")]), one("a"));
        assert_eq!(recovered(&[(old, "a"), (partial, "b")]), one("a"));
        assert_eq!(recovered(&[(name, "b"), (old, "a")]), one("b"));
        assert_eq!(recovered(&[(name, "b"), (removed, "a")]), one("b"));
        assert_eq!(recovered(&[("step-1.removed", "a")]), []);
        // What is not ours stays.
        let foreign = [("mine.old", "a"), ("mine.partial", "b")];
        assert_eq!(recovered(&foreign).len(), 2);
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
