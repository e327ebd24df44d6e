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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file() {
        let error = PartialFile::create(Path::new("/no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write /no/such/file: "));
    }
}
