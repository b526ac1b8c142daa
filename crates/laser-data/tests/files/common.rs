//! What the tests of the whole crate share.

use std::path::{Path, PathBuf};

use laser_data::{Data, DataError, Problem, Prompt, Settings, Wanted};

/// The folder of the kept files.
pub fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The table `[data]`.
pub fn settings(toml: &str) -> Settings {
    toml::from_str(toml).unwrap()
}

/// One token for each word.
pub fn words(problem: &Problem) -> Result<usize, std::convert::Infallible> {
    Ok(text(problem).split_whitespace().count())
}

/// Loads files of `folder`, wanting answers on both sides.
pub fn load(toml: &str, folder: &Path) -> Result<Data, DataError> {
    Data::load(
        &settings(toml),
        folder,
        Wanted::ANSWER,
        Wanted::ANSWER,
        words,
    )
}

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// The text of a prompt that is one, or its messages as `role: content`.
pub fn text(problem: &Problem) -> String {
    match &problem.prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Messages(messages) => messages
            .iter()
            .map(|m| format!("{}: {}", m.role, m.content))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
