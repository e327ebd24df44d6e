//! A file that appears under its name only when it is complete, with this program's errors.
//!
//! It exists because a half-written file of orders looks like a whole one. The mechanism is the runtime's
//! [`OutputFile`]; here its errors get the path and an advice.

use crate::error::AppError;
use potoroo_runtime::sys::files::OutputFile;
use std::path::{Path, PathBuf};

/// A file being written.
#[derive(Debug)]
pub struct PartialFile {
    file: OutputFile,
    path: PathBuf,
}

impl PartialFile {
    /// Starts a file that will be at `path`.
    pub fn create(path: &Path) -> Result<Self, AppError> {
        let file = OutputFile::create(path).map_err(|source| AppError::write(path, source))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes bytes, without a buffer.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), AppError> {
        self.file
            .write(bytes)
            .map_err(|source| AppError::write(&self.path, source))
    }

    /// Makes the file durable and gives it its name, replacing what had it.
    pub fn finish(self) -> Result<(), AppError> {
        self.file.publish().map_err(|source| AppError::write(self.path, source))
    }
}

/// Whether two paths name the same file, be it there already or not.
#[must_use]
pub fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((resolved(one), resolved(other)), (Some(one), Some(other)) if one == other)
}

/// A path without links and detours; of a file that is not there yet, its directory's.
fn resolved(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_lead_to_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let detour = directory.path().join(".").join("a");
        assert!(same_file(&path, &detour));
        assert!(!same_file(&path, &directory.path().join("b")));
        assert!(same_file(Path::new("no-such-file"), Path::new("./no-such-file")));
        std::fs::write(&path, "").unwrap();
        assert!(same_file(&path, &detour));
    }

    #[test]
    fn errors_name_the_file() {
        let error = PartialFile::create(Path::new("/no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write /no/such/file: "));
    }
}
