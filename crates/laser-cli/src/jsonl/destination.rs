//! Where output goes: a file that is whole or absent, or a stream.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{BadInput, output};

/// An output that is being written. Dropped before [`Destination::finish`], it leaves no file.
pub struct Destination {
    out: Box<dyn Write>,
    name: String,
    file: Option<Unfinished>,
}

/// A file under a temporary name.
struct Unfinished {
    partial: PathBuf,
    path: PathBuf,
}

impl Destination {
    /// Opens a file; `-` is standard output. What is there and no plain file (a pipe, a device) is
    /// written to directly.
    ///
    /// # Errors
    /// It is a folder, or may not be written.
    pub fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Destination {
                out: Box::new(io::stdout().lock()),
                name: "standard output".into(),
                file: None,
            });
        }
        let name = path.display().to_string();
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(fs::Metadata::is_dir) || path.file_name().is_none() {
            return Err(BadInput(format!("--output {name}: a folder, not a file")).into());
        }
        let stream = there.as_ref().is_some_and(|m| !m.is_file());
        // A link stays, and the file that it names is replaced.
        let target = match there {
            Some(_) if !stream => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            _ => path.to_owned(),
        };
        let file = (!stream).then(|| {
            let mut partial = target.file_name().unwrap_or_default().to_owned();
            partial.push(".partial");
            Unfinished {
                partial: target.with_file_name(partial),
                path: target.clone(),
            }
        });
        if let Some(f) = &file {
            let partial = f.partial.clone();
            ctrlc::set_handler(move || {
                let _ = fs::remove_file(&partial);
                output::log("error: interrupted; nothing was written");
                std::process::exit(1);
            })
            .context("could not watch for interrupts")?;
        }
        let opened = match &file {
            Some(f) => File::create(&f.partial),
            None => File::options().write(true).open(&target),
        };
        let out = opened.with_context(|| name.clone())?;
        Ok(Destination {
            out: Box::new(out),
            name,
            file,
        })
    }

    /// Writes; whether there is still a reader.
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        match self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
            other => other
                .map(|()| true)
                .with_context(|| format!("could not write to {}", self.name)),
        }
    }

    /// Gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        File::open(&file.partial)
            .and_then(|f| f.sync_all())
            .and_then(|()| fs::rename(&file.partial, &file.path))
            .with_context(|| format!("could not write to {}", self.name))?;
        self.file = None;
        Ok(())
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Whatever went wrong matters more than a failure to clean up after it.
            let _ = fs::remove_file(&file.partial);
        }
    }
}
