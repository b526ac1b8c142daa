//! Which runs there are: folders with a recipe or metrics, at most three levels deep.

use std::fs;
use std::path::{Path, PathBuf};

use crate::inside::Root;

/// Levels of folders under the root that are searched.
const DEPTH: usize = 3;
/// Folders that are looked at, at most.
const MOST_FOLDERS: usize = 5_000;
/// Runs that are shown, at most.
const MOST_RUNS: usize = 500;

/// The folder of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Stands for the run in addresses; says nothing of a path.
    pub id: String,
    /// Its folder as seen from the root; for the root itself the folder's name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
}

/// The runs under a root.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their names.
    pub runs: Vec<Run>,
    /// Whether there are more folders or runs than are looked at.
    pub truncated: bool,
}

/// Looks for runs. A folder that is a run's is not searched further, nor is a hidden one, nor a
/// symbolic link that leads outside.
pub fn find(root: &Root) -> Found {
    let mut found = Found::default();
    let mut folders = 0;
    let mut open = vec![(root.path().to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        folders += 1;
        if folders > MOST_FOLDERS || found.runs.len() >= MOST_RUNS {
            found.truncated = true;
            break;
        }
        if is_run(&folder) {
            found.runs.push(run(root, folder));
            continue;
        }
        // A folder that cannot be listed has no runs to show.
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        if depth < DEPTH {
            let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
            let visible = entries.flatten().filter(|e| !hidden(&e.file_name()));
            let paths = visible.map(|e| e.path()).filter(|p| p.is_dir());
            // A link is followed once, under its own name, and only inside.
            let inside = paths.filter(|p| root.resolve(p).is_some());
            open.extend(inside.map(|p| (p, depth + 1)));
        }
    }
    found.runs.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn is_run(folder: &Path) -> bool {
    ["config.toml", "metrics.jsonl"]
        .iter()
        .any(|name| folder.join(name).is_file())
}

fn run(root: &Root, path: PathBuf) -> Run {
    let relative = path.strip_prefix(root.path()).unwrap_or(&path);
    let shown = match relative.as_os_str().is_empty() {
        true => Path::new(path.file_name().unwrap_or(path.as_os_str())),
        false => relative,
    };
    Run {
        id: format!("{:016x}", fnv1a(relative.as_os_str().as_encoded_bytes())),
        name: shown.to_string_lossy().into_owned(),
        path,
    }
}

/// FNV-1a in 64 bits: the same folder has the same id whenever the program is started, so that
/// addresses can be kept.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let found = find(&Root::new(path).unwrap());
        found.runs.into_iter().map(|r| r.name).collect()
    }

    #[test]
    fn runs_are_found_three_levels_deep_and_not_inside_of_runs() {
        let folder = tempfile::tempdir().unwrap();
        for run in ["a", "b/c", "b/d/e", "b/d/f/g", "a/inner", ".hidden"] {
            let path = folder.path().join(run);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("metrics.jsonl"), "").unwrap();
        }
        assert_eq!(names(folder.path()), ["a", "b/c", "b/d/e"]);
        let alone = names(&folder.path().join("a"));
        assert_eq!(alone, ["a"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_outside_is_not_followed_and_a_circle_ends() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("config.toml"), "").unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/circle")).unwrap();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // From the test vectors of the function's authors.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
