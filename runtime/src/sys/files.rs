//! Files: read from the front, or written whole.
//!
//! An output is written beside its final name and takes that name only when it is published, so that nobody ever finds
//! half of it. Calls block: what is read comes from the page cache as a rule, and what is written goes there; the one
//! slow call is [`OutputFile::publish`], which waits for the disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file that is read from its front to its end.
#[derive(Debug)]
pub struct InputFile(File);

impl InputFile {
    /// Opens a file for reading.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// Reads some bytes: their number, 0 at the end.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

/// A file that appears under its name only when it is complete.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    path: PathBuf,
    partial: PathBuf,
    published: bool,
}

impl OutputFile {
    /// Begins a file; until it is published it is called like its final name with `.partial` behind.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut partial = OsString::from(path);
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        Ok(Self {
            file: File::create(&partial)?,
            path: path.to_owned(),
            partial,
            published: false,
        })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the bytes durable and gives the file its name.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        self.published = true;
        // The name is durable only with its directory.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.published {
            // Half a file is of no use to anybody; failing to remove it harms nobody.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_published() {
        let directory = std::env::temp_dir().join(format!("potoroo-files-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("writable");
        let path = directory.join("out");
        let mut file = OutputFile::create(&path).expect("writable");
        file.write(b"all").expect("written");
        assert!(!path.exists());
        file.publish().expect("published");
        assert_eq!(fs::read(&path).expect("readable"), b"all");
        let mut unfinished = OutputFile::create(&path).expect("writable");
        unfinished.write(b"half").expect("written");
        drop(unfinished);
        assert_eq!(fs::read(&path).expect("readable"), b"all");
        assert_eq!(fs::read_dir(&directory).expect("readable").count(), 1);
        fs::remove_dir_all(&directory).expect("removable");
    }
}
