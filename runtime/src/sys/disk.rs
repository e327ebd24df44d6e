//! The file system's few operations that `files` needs, done by the kernel or by a simulated world.
//!
//! A file is the kernel's or the world's from when it is opened; what has a path and no file is done by whichever stands in
//! for the operating system on the calling thread. It lacks directories of its own: in a world they are there when a file is.

use super::files::{Access, Presence};
use super::simulated::{self, Opening};
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open file.
#[derive(Debug)]
pub(super) enum File {
    Real(fs::File),
    Simulated(Simulated),
}

/// A file of a simulated world, and where in it the next byte is read or written.
#[derive(Debug)]
pub(super) struct Simulated {
    id: u64,
    offset: u64,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        simulated::with(|world| world.disk().close(self.id));
    }
}

impl File {
    fn in_the_world(path: &Path, how: Opening) -> io::Result<Self> {
        let id = simulated::disk(|disk| disk.open(path, how))?;
        Ok(Self::Simulated(Simulated { id, offset: 0 }))
    }

    /// Opens a file to be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if simulated::is_on() {
            return Self::in_the_world(path, Opening::Read);
        }
        fs::File::open(path).map(Self::Real)
    }

    /// Makes a file, or empties the one that is there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if simulated::is_on() {
            return Self::in_the_world(path, Opening::Create);
        }
        fs::File::create(path).map(Self::Real)
    }

    /// Opens what is no regular file to be written. There is none in a world.
    pub(super) fn open_device(path: &Path) -> io::Result<Self> {
        fs::File::options().write(true).open(path).map(Self::Real)
    }

    /// Opens a file to stay open.
    pub(super) fn open_as(path: &Path, access: Access, presence: Presence) -> io::Result<Self> {
        if simulated::is_on() {
            let how = match presence {
                Presence::There => Opening::There,
                Presence::Any => Opening::Any,
                Presence::New => Opening::New,
            };
            return Self::in_the_world(path, how);
        }
        let mut options = fs::File::options();
        options
            .read(true)
            .write(access == Access::ReadWrite)
            .append(access == Access::Append);
        match presence {
            Presence::There => {}
            Presence::Any => drop(options.create(true)),
            Presence::New => drop(options.create_new(true)),
        }
        options.open(path).map(Self::Real)
    }

    /// The length in bytes; an error if it is a directory.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => match file.metadata()? {
                found if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
                found => Ok(found.len()),
            },
            Self::Simulated(file) => simulated::disk(|disk| disk.len(file.id)),
        }
    }

    /// Reads some bytes from there on.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read_at(into, offset),
            Self::Simulated(file) => simulated::disk(|disk| disk.read_at(file.id, offset, into)),
        }
    }

    /// Writes all bytes from there on.
    pub(super) fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        let file = match self {
            Self::Real(file) => return file.write_all_at(bytes, offset),
            Self::Simulated(file) => file,
        };
        while !bytes.is_empty() {
            let count = simulated::disk(|disk| disk.write_at(file.id, offset, bytes))?;
            bytes = &bytes[count..];
            offset += count as u64;
        }
        Ok(())
    }

    /// Writes all bytes at the end of a file that was opened for that.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Real(file) => file.write_all(bytes),
            Self::Simulated(_) => self.write_all_at(self.len()?, bytes),
        }
    }

    /// Sets the permissions; a world has none.
    pub(super) fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        match self {
            Self::Real(file) => file.set_permissions(permissions),
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Closes the file, and says what dropping it would keep back: that a write of before has failed since.
    pub(super) fn close(self) -> io::Result<()> {
        let Self::Real(file) = self else { return Ok(()) };
        // SAFETY: the descriptor is open and this call's own; whatever comes of it, it is not used again.
        match unsafe { libc::close(file.into_raw_fd()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Makes the bytes durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_all(),
            Self::Simulated(file) => simulated::disk(|disk| disk.sync(file.id)),
        }
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read(into),
            Self::Simulated(file) => {
                let count = simulated::disk(|disk| disk.read_at(file.id, file.offset, into))?;
                file.offset += count as u64;
                Ok(count)
            }
        }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.write(bytes),
            Self::Simulated(file) => {
                let count = simulated::disk(|disk| disk.write_at(file.id, file.offset, bytes))?;
                file.offset += count as u64;
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Directory,
    Device,
    /// A file, or nothing, or something that cannot be looked at.
    Other,
}

/// Looks what is at a path.
pub(super) fn look(path: &Path) -> Found {
    if let Some(is_directory) = simulated::with(|world| world.disk().is_directory(path)) {
        return if is_directory { Found::Directory } else { Found::Other };
    }
    match path.metadata() {
        Ok(found) if found.is_dir() => Found::Directory,
        Ok(found) if !found.is_file() => Found::Device,
        _ => Found::Other,
    }
}

/// The path without symbolic links, of which a world has none; as it is, if nothing is there yet.
pub(super) fn canonical(path: &Path) -> PathBuf {
    if simulated::is_on() {
        return path.to_owned();
    }
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The permissions of a file that is there.
pub(super) fn permissions(path: &Path) -> Option<Permissions> {
    if simulated::is_on() {
        return None;
    }
    path.metadata().ok().map(|found| found.permissions())
}

/// Gives a file another name.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match simulated::with(|world| world.disk().rename(from, to)) {
        Some(outcome) => outcome,
        None => fs::rename(from, to),
    }
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match simulated::with(|world| world.disk().remove(path)) {
        Some(outcome) => outcome,
        None => fs::remove_file(path),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    match simulated::with(|world| world.disk().sync_directory(path)) {
        Some(outcome) => outcome,
        None => fs::File::open(path)?.sync_all(),
    }
}
