//! Files: read from the front, written whole, or open for reads and writes anywhere.
//!
//! An output is written beside its final name and takes that name only when it is published, so that nobody ever finds
//! half of it. Calls block: what is read comes from the page cache as a rule, and what is written goes there; the slow
//! calls are those that wait for the disk, [`OutputFile::publish`], [`replace`] and `OpenFile::sync`. In a simulated world
//! the files are the world's.

use super::disk::{self, File, Found};
use crate::mutant;
use crate::sync::global::{AtomicU64, Relaxed};
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
        Self::create_by_way_of(path, ".partial")
    }

    /// As [`create`](Self::create), with what stands behind the final name until the file is published.
    fn create_by_way_of(path: &Path, suffix: &str) -> io::Result<Self> {
        let partial = match disk::look(path) {
            Found::Directory => return Err(io::ErrorKind::IsADirectory.into()),
            Found::Device => None,
            // What cannot be looked at is for the attempt to write to find out.
            Found::Other => {
                let mut partial = OsString::from(path);
                partial.push(suffix);
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

/// Writes a whole file, so that under its name there is always all of what was there before or all of `bytes`, also after a
/// loss of power. A file that was there keeps its permissions, and a symbolic link its place: what it leads to is replaced.
/// Several may replace the same file at the same time, and one of them is the last.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // What is not there yet has no other name.
    let path = disk::canonical(path);
    let permissions = disk::permissions(&path);
    let suffix = format!(".{}-{}.partial", std::process::id(), NEXT.fetch_add(1, Relaxed));
    let mut file = OutputFile::create_by_way_of(&path, &suffix)?;
    if let Some(permissions) = permissions.filter(|_| file.partial.is_some()) {
        file.file.set_permissions(permissions)?;
    }
    file.write(bytes)?;
    file.publish()
}

/// Reads a whole file, if it has no more than `bytes_max`; `None` if it has.
pub fn read_whole(path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.len()?;
    if length > bytes_max as u64 {
        return Ok(None);
    }
    // The length is a guess: files below `/proc` have none, and others may grow meanwhile.
    let mut bytes = Vec::with_capacity(length as usize);
    file.take((bytes_max as u64).saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() <= bytes_max).then_some(bytes))
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
    /// All that is written goes to the end, wherever that is by then, also of what other processes write.
    Append,
}

/// What becomes of a file that is there, or is not, when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    Any,
    New,
}

/// A file that stays open.
#[derive(Debug)]
pub(crate) struct OpenFile(File);

impl OpenFile {
    /// Opens a file. A directory is refused.
    pub(crate) fn open(path: &Path, access: Access, presence: Presence) -> io::Result<Self> {
        let file = File::open_as(path, access, presence)?;
        // To be read from, a directory can be opened, and only the first read would say so.
        file.len()?;
        Ok(Self(file))
    }

    /// Reads up to `length` bytes from `offset` on: fewer only where the file ends.
    pub(crate) fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        // Where no file can reach the system calls it an invalid argument, instead of beyond the end.
        if i64::try_from(offset.saturating_add(length as u64)).is_err() {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < bytes.len() {
            match self
                .0
                .read_at(offset.saturating_add(filled as u64), &mut bytes[filled..])
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Writes all bytes from `offset` on.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(offset, bytes)
    }

    /// Writes all bytes at the end of a file that was opened to append.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    /// Closes the file, and says what dropping it would keep back: that a write of before has failed since.
    pub(crate) fn close(self) -> io::Result<()> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

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
    fn a_replaced_file_keeps_its_permissions_and_a_link_its_place() {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("potoroo-replace-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("writable");
        let (path, link) = (directory.join("file"), directory.join("link"));
        replace(&path, b"one").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        std::os::unix::fs::symlink(&path, &link).expect("writable");
        replace(&link, b"two").expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"two");
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().expect("there").file_type().is_symlink());
        // Many at a time: one of them is the last, whole, and nothing else is left.
        let all = [b'a', b'b', b'c', b'd'].map(|byte| vec![byte; 100_000]);
        std::thread::scope(|scope| {
            for bytes in &all {
                let path = &path;
                scope.spawn(move || (0..5).for_each(|_| replace(path, bytes).expect("written")));
            }
        });
        assert!(all.contains(&fs::read(&path).expect("readable")));
        assert_eq!(fs::read_dir(&directory).expect("readable").count(), 2);
        fs::remove_dir_all(&directory).expect("removable");
    }

    #[test]
    fn a_whole_file_has_a_bound_also_where_its_length_is_not_known() {
        let status = Path::new("/proc/self/status");
        let all = read_whole(status, 1 << 20)
            .expect("readable")
            .expect("within the bound");
        assert!(all.starts_with(b"Name:"));
        assert_eq!(read_whole(status, 10).expect("readable"), None);
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
