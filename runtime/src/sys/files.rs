//! Files: read from the front, or written whole.
//!
//! An output is written beside its final name and takes that name only when it is published, so that nobody ever finds
//! half of it. Calls block: what is read comes from the page cache as a rule, and what is written goes there; the one
//! slow call is [`OutputFile::publish`], which waits for the disk. In a simulated world the files are the world's.

use super::disk::{self, File, Found};
use crate::mutant;
use std::ffi::OsString;
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

/// A file that appears under its name only when it is complete. What is no regular file, like `/dev/null` or a pipe, has no
/// such name to take: it is written as it is.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    path: PathBuf,
    /// Where the bytes are until they are published; `None` for what is no regular file, and once they are.
    partial: Option<PathBuf>,
}

impl OutputFile {
    /// Begins a file; until it is published it is called like its final name with `.partial` behind. A directory is
    /// refused.
    pub fn create(path: &Path) -> io::Result<Self> {
        let partial = match disk::look(path) {
            Found::Directory => return Err(io::ErrorKind::IsADirectory.into()),
            Found::Device => None,
            // What cannot be looked at is for the attempt to write to find out.
            Found::Other => {
                let mut partial = OsString::from(path);
                partial.push(".partial");
                Some(PathBuf::from(partial))
            }
        };
        let file = match &partial {
            Some(partial) => File::create(partial)?,
            None => File::open_device(path)?,
        };
        Ok(Self {
            file,
            path: path.to_owned(),
            partial,
        })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the bytes durable and gives the file its name.
    pub fn publish(mut self) -> io::Result<()> {
        let Some(partial) = &self.partial else {
            return Ok(());
        };
        if !mutant!("sim_publish_without_sync") {
            self.file.sync()?;
        }
        disk::rename(partial, &self.path)?;
        self.partial = None;
        // The name is durable only with its directory.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if mutant!("sim_publish_without_directory_sync") {
            return Ok(());
        }
        disk::sync_directory(directory.unwrap_or(Path::new(".")))
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // Half a file is of no use to anybody; failing to remove it harms nobody.
            let _ = disk::remove(partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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

    #[test]
    fn a_directory_is_refused_and_a_device_is_written_as_it_is() {
        let refused = OutputFile::create(&std::env::temp_dir()).expect_err("a directory");
        assert_eq!(refused.kind(), io::ErrorKind::IsADirectory);
        let null = Path::new("/dev/null");
        let mut file = OutputFile::create(null).expect("writable");
        file.write(b"gone").expect("written");
        file.publish().expect("nothing to publish");
        let found = fs::metadata(null).expect("still there");
        assert!(!found.is_file(), "the device has not become a file");
        assert!(!Path::new("/dev/null.partial").exists());
    }
}
