//! A directory for files that nobody needs afterwards.
//!
//! It exists because the demo and the flame graph hand files to other processes. It goes with its owner; what an
//! abrupt end leaves behind lies where the system cleans up.

use crate::error::AppError;
use potoroo_runtime::sys::clock::wall_ns;
use std::path::PathBuf;

/// A directory that goes with its owner.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Makes one whose name says what it is for.
    pub(crate) fn create(purpose: &str) -> Result<Self, AppError> {
        let path = std::env::temp_dir().join(format!("potoroo-{purpose}-{}-{}", std::process::id(), wall_ns()));
        std::fs::create_dir(&path).map_err(|source| AppError::write(&path, source))?;
        Ok(Self(path))
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // In the system's directory for temporary files: left behind, it is cleaned up there.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
