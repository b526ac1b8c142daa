//! The one way to the disk: nothing outside the folder of the runs is opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The folder that holds everything that is served.
pub struct Root(PathBuf);

impl Root {
    /// The folder, which must be there.
    pub fn new(path: &Path) -> io::Result<Root> {
        let path = path.canonicalize()?;
        match path.is_dir() {
            true => Ok(Root(path)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Its path, with no symbolic link in it.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where `path` leads; None where there is nothing, or symbolic links lead outside.
    pub fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let path = path.canonicalize().ok()?;
        path.starts_with(&self.0).then_some(path)
    }

    /// Opens a regular file. None where there is none, or it lies outside; a pipe or a device,
    /// which could block, is none.
    pub fn open(&self, path: &Path) -> io::Result<Option<File>> {
        let Some(path) = self.resolve(path) else {
            return Ok(None);
        };
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_file() => match File::open(&path) {
                Ok(file) => Ok(Some(file)),
                // Between the two looks at it, a run that starts anew has removed it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            },
            _ => Ok(None),
        }
    }

    /// A whole file of at most `most` bytes as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self, path: &Path, most: u64) -> io::Result<Option<String>> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}
